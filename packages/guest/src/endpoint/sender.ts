/**
 * A deterministic source of frames: the same configuration gives the same bytes.
 *
 *   0   destination MAC   6 source MAC   12 EtherType 0x88B5 (IEEE: local experiments)
 *   14  u32 number of the VM, u32 number of the frame from 1, big-endian, then a pattern of the two
 */
import { type MacAddress, parseMacAddress, writeEthernetHeader, writeUint32 } from '@vmq/wire';
import type { FramePort } from '../port/frame-port.ts';
import type { SenderConfig } from './endpoint-config.ts';
import * as page from './endpoint-page.ts';
import { LEAST_SENDER_LENGTH } from './endpoint-refusals.ts';

/** IEEE Std 802 local experimental EtherType 1. */
export const SENDER_ETHERTYPE = 0x88b5;
/** More frames than this are as good as without end; their numbers begin anew at 2^32. */
const MOST_COUNTED = 0x7fff_ffff;
const ENDLESS = -1;

export class Sender {
  /** What it is to send and how far it is stands in the guest's memory. */
  readonly #words: Int32Array;
  readonly #vm: number;

  /** A new sender, in place of the one that `memory` may hold. The configuration has been asked for (`refusalOfSender`). */
  static begin(memory: page.EndpointPage, config: SenderConfig, vm: number): Sender {
    const { interval = 1, burst = 32, length = 60, tci = 0, count, destination } = config;
    const mac = parseMacAddress(destination) as MacAddress;
    const source = config.source === undefined ? null : parseMacAddress(config.source);
    const { words } = memory;
    words[page.SENDER_DESTINATION_HI] = mac.hi;
    words[page.SENDER_DESTINATION_LO] = mac.lo;
    words[page.SENDER_SOURCE_HI] = source?.hi ?? -1;
    words[page.SENDER_SOURCE_LO] = source?.lo ?? 0;
    words[page.SENDER_INTERVAL] = interval;
    words[page.SENDER_BURST] = burst;
    words[page.SENDER_LENGTH] = length;
    words[page.SENDER_TCI] = tci;
    words[page.SENDER_COUNT] = count > MOST_COUNTED ? ENDLESS : count;
    words[page.SENDER_SENT] = 0;
    words[page.SENDER_WAIT] = 0;
    words[page.SENDER_THERE] = 1;
    return new Sender(words, vm);
  }

  /** The sender that `memory` holds, or null. */
  static resume(memory: page.EndpointPage, vm: number): Sender | null {
    return memory.words[page.SENDER_THERE] === 0 ? null : new Sender(memory.words, vm);
  }

  private constructor(words: Int32Array, vm: number) {
    this.#words = words;
    this.#vm = vm;
  }

  #field(word: number): number {
    return this.#words[word];
  }

  /** Its frames are longer than the channel takes, which opened after it began: it sends none. */
  isTooLong(maxFrameBytes: number): boolean {
    return this.#field(page.SENDER_LENGTH) > maxFrameBytes;
  }

  /** Sends the next burst if it is due; true if it will want to send more without being woken. */
  step(port: FramePort): boolean {
    const words = this.#words;
    const count = this.#field(page.SENDER_COUNT);
    let number = this.#field(page.SENDER_SENT);
    const isEndless = count === ENDLESS;
    if (!isEndless && number >= count) return false;
    const length = this.#field(page.SENDER_LENGTH);
    const wait = this.#field(page.SENDER_WAIT);
    if (wait > 0) {
      words[page.SENDER_WAIT] = wait - 1;
      return true;
    }
    const bytes = port.segment.u8;
    const tci = this.#field(page.SENDER_TCI);
    const burst = this.#field(page.SENDER_BURST);
    const own = this.#field(page.SENDER_SOURCE_HI) < 0;
    const hi = own ? port.macHi : this.#field(page.SENDER_SOURCE_HI);
    const lo = own ? port.macLo : this.#field(page.SENDER_SOURCE_LO) >>> 0;
    const toHi = this.#field(page.SENDER_DESTINATION_HI);
    const toLo = this.#field(page.SENDER_DESTINATION_LO) >>> 0;
    for (let n = 0; n < burst && (isEndless || number < count); n++) {
      const at = port.isPaused ? -1 : port.reserve();
      if (at < 0) return false; // the host's completions wake us, or whoever ends its pause
      number = (number + 1) | 0;
      words[page.SENDER_SENT] = number;
      writeEthernetHeader(bytes, at, toHi, toLo, hi, lo, SENDER_ETHERTYPE);
      writeUint32(bytes, at + 14, this.#vm);
      writeUint32(bytes, at + 18, number);
      for (let i = LEAST_SENDER_LENGTH; i < length; i++) bytes[at + i] = (this.#vm * 7 + number + i) & 0xff;
      port.commit(length, tci);
    }
    words[page.SENDER_WAIT] = this.#field(page.SENDER_INTERVAL) - 1;
    return isEndless || number < count;
  }
}
