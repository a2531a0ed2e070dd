/**
 * The hub that joins the wires of a simulated world: what one host's NIC sends, all others receive. On its way each frame
 * is looked at: it is whole, and its tag is its sender's VLAN.
 */
import {
  isFromOutside,
  isMark,
  MARK_AT,
  MARKED_TYPE,
  sourceOf,
  tagBytes,
  typeAt,
  vlanOfMark,
  wordAt,
} from '../audit/frame-marks.ts';
import { fail } from '../audit/simulation-failure.ts';
import type { TraceHash } from '../audit/trace-hash.ts';
import { VLANS } from '../steps/simulation-config.ts';
import type { Population } from './population.ts';
import { isAnswer } from './questions.ts';
import type { SimulatedHost } from './simulated-host.ts';

export class Hub {
  /** Frames that hosts have put on their wires. */
  frames = 0;
  readonly #hosts: readonly SimulatedHost[];
  readonly #population: Population;
  readonly #hash: TraceHash;
  /** Which host's frames it is handing on. */
  #from = 0;

  constructor(hosts: readonly SimulatedHost[], population: Population, hash: TraceHash) {
    this.#hosts = hosts;
    this.#population = population;
    this.#hash = hash;
  }

  /** Hands on what `host` has sent; returns how many frames that was. */
  take(host: SimulatedHost): number {
    this.#from = host.index;
    return host.receive(this.#handOn);
  }

  readonly #handOn = (bytes: Uint8Array, offset: number, length: number): void => {
    this.#hash.add(length);
    this.frames++;
    this.#check(bytes, offset, length);
    for (const other of this.#hosts) {
      if (other.index === this.#from) continue;
      if (other.wire.send(bytes, offset, length) === 0) continue;
      other.onWire++;
      other.wire.flush();
    }
  };

  #check(bytes: Uint8Array, offset: number, length: number): void {
    const { everybody, hostiles } = this.#population;
    const tagged = bytes[offset + 12] === 0x81 && bytes[offset + 13] === 0;
    const tag = tagged ? ((bytes[offset + 14] << 8) | bytes[offset + 15]) & 0xfff : 0;
    const skip = tagBytes(bytes, offset, length);
    const type = typeAt(bytes, offset + 12 + skip);
    if (isAnswer(bytes, offset + skip, type)) this.#answered(bytes, offset, tag);
    if (type !== MARKED_TYPE || length < skip + MARK_AT + 4) return;
    const mark = wordAt(bytes, offset + skip + MARK_AT);
    this.#hash.add(mark);
    if (!isMark(mark)) {
      if (length > 60 + skip && hostiles.length === 0)
        fail('frames unchanged', 'a frame on the wire has no mark');
      return;
    }
    const vlan = vlanBit(tag);
    if (hostiles.some((vm) => vm.couldSend(mark, vlan))) return;
    if (isFromOutside(mark)) fail('no bytes of others', 'a frame from the wire went back to it');
    const vlans = everybody[sourceOf(mark)]?.vlansOf(mark) ?? 0;
    if ((vlans & vlan) === 0)
      fail('no bytes of others', `a frame of VLAN ${VLANS[vlanOfMark(mark)]} left with tag ${tag}`);
  }

  /** A VM has answered somebody on the wire. */
  #answered(bytes: Uint8Array, offset: number, tag: number): void {
    const { everybody, hostiles } = this.#population;
    const vm = everybody[bytes[offset + 11]];
    if (vm === undefined) return;
    vm.answered++;
    // Hostile VMs may say that they are somebody else where they may spoof.
    if (hostiles.length === 0 && !vm.hasBeenIn(vlanBit(tag)))
      fail('no bytes of others', `an answer of ${vm.name} left with tag ${tag}`);
  }
}

/** The VLAN of a tag's 12 bits, as a bit. */
function vlanBit(tag: number): number {
  return 1 << Math.max(0, VLANS.indexOf(tag));
}
