/**
 * A deterministic source of frames: the same configuration gives the same bytes.
 *
 *   0   destination MAC   6 source MAC   12 EtherType 0x88B5 (IEEE: local experiments)
 *   14  u32 number of the VM, u32 number of the frame from 1, big-endian, then a pattern of the two
 */
import { parseMacAddress, writeEthernetHeader, writeUint32 } from '@vmq/wire';
import type { SenderConfig } from './endpoint-config.ts';
import type { FramePort } from './frame-port.ts';

/** IEEE Std 802 local experimental EtherType 1. */
export const SENDER_ETHERTYPE = 0x88b5;
/** Shortest frame: header and the two numbers. */
const LEAST_LENGTH = 22;

export class Sender {
  readonly #config: Required<Omit<SenderConfig, 'source'>>;
  readonly #hi: number;
  readonly #lo: number;
  readonly #source: { readonly hi: number; readonly lo: number } | null;
  readonly #vm: number;
  #sent = 0;
  #wait = 0;

  constructor(config: SenderConfig, vm: number) {
    const { interval = 1, burst = 32, length = 60, tci = 0, count, destination } = config;
    const mac = parseMacAddress(destination);
    if (mac === null) throw new Error(`guest sender: '${destination}' is no MAC address`);
    if (length < LEAST_LENGTH)
      throw new RangeError(`guest sender: ${length} bytes, at least ${LEAST_LENGTH}`);
    this.#config = { interval, burst, length, tci, count, destination };
    this.#hi = mac.hi;
    this.#lo = mac.lo;
    this.#source = config.source === undefined ? null : parseMacAddress(config.source);
    this.#vm = vm;
  }

  get isDone(): boolean {
    return this.#sent >= this.#config.count;
  }

  /** Sends the next burst if it is due; true if it will want to send more without being woken. */
  step(port: FramePort): boolean {
    const { interval, burst, length, tci, count } = this.#config;
    if (this.#sent >= count) return false;
    if (length > port.maxFrameBytes) {
      throw new RangeError(`guest sender: ${length} bytes, the channel takes ${port.maxFrameBytes}`);
    }
    if (this.#wait > 0) {
      this.#wait--;
      return true;
    }
    const bytes = port.segment.u8;
    const source = this.#source;
    for (let n = 0; n < burst && this.#sent < count; n++) {
      const at = port.reserve();
      if (at < 0) return false; // the host's completions wake us
      const number = ++this.#sent;
      const hi = source?.hi ?? port.macHi;
      const lo = source?.lo ?? port.macLo;
      writeEthernetHeader(bytes, at, this.#hi, this.#lo, hi, lo, SENDER_ETHERTYPE);
      writeUint32(bytes, at + 14, this.#vm);
      writeUint32(bytes, at + 18, number);
      for (let i = LEAST_LENGTH; i < length; i++) bytes[at + i] = (this.#vm * 7 + number + i) & 0xff;
      port.commit(length, tci);
    }
    this.#wait = interval - 1;
    return this.#sent < count;
  }
}
