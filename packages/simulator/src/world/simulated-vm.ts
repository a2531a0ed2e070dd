/** A VM of a simulated world, wherever it is: what it may see, and what it has seen. */
import type { ReceivedFrame } from '@vmq/host';
import {
  ASTRAY,
  audienceOf,
  EVERYBODY,
  isFromOutside,
  isMark,
  LENGTH_AT,
  MARK_AT,
  MARKED_TYPE,
  NOBODY,
  SEQUENCE_AT,
  sourceOf,
  tagBytes,
  tailByteOf,
  typeAt,
  vlanOfMark,
  WHOLE_HEADER,
  wordAt,
} from '../audit/frame-marks.ts';
import type { Arrivals } from '../audit/nbl-watch.ts';
import { fail } from '../audit/simulation-failure.ts';
import type { Tolerance } from '../audit/tolerance.ts';
import type { TraceHash } from '../audit/trace-hash.ts';
import { VLANS, vmName } from '../steps/simulation-config.ts';

/** The topmost byte of every mark. */
const MAGIC_BITS = 0xff00_0000 | 0;
const MAGIC_WORD = 0xe700_0000 | 0;
/** The shortest frame there is on a wire; shorter ones of a VM are filled up with zeros on their way. */
const LEAST = 60;

export interface VmSurroundings {
  readonly everybody: readonly SimulatedVm[];
  /** Those that were ever hostile. */
  readonly hostiles: readonly SimulatedVm[];
  /** Of each host. */
  readonly arrivals: readonly Arrivals[];
  readonly hash: TraceHash;
  readonly tolerance: Tolerance;
}

export class SimulatedVm {
  readonly number: number;
  readonly name: string;
  /** Index of its host; -1 when it has gone. */
  host: number;
  /** Number of its VLAN, of a trunk the native one. */
  vlan: number;
  /** Numbers of the VLANs it is in, as bits. */
  #members: number;
  /** Its port has been changed. */
  #hasChanged = false;
  /** It answers who asks. */
  readonly answers: boolean;
  /** Answers of it that hosts have put on their wires. */
  answered = 0;
  /** VLANs it has ever been in; bit n for number n. */
  #vlans: number;
  /** VLANs, as bits, in which frames for it were sent astray; and those it came to be in after that. */
  #astray = 0;
  #caughtUp = 0;
  /** By number of a VLAN: frames that were sent before it last came to be there. */
  readonly #cameAfter: number[] = [0, 0, 0, 0];
  /** It may get unknown unicast: its port may spoof, or its switch floods, or did at some time. */
  #isCurious: boolean;
  /** It does what it likes: its own memory says nothing about the host but for whole leaked frames. */
  isHostile = false;
  /** All VMs there ever were, by number. */
  readonly #everybody: readonly SimulatedVm[];
  readonly #hostiles: readonly SimulatedVm[];
  readonly #arrivals: readonly Arrivals[];
  readonly #hash: TraceHash;
  readonly #tolerance: Tolerance;
  /** One bit for each frame that it has got. */
  readonly #seen: Uint8Array;
  /** Newest arrival that reached it by each queue of a host: host << 16 | queue id. */
  readonly #newest: Map<number, number> = new Map();
  /** Newest frame of each VM of the same host. */
  readonly #newestFrom: Map<number, number> = new Map();
  #hasMoved = false;
  #scanAt = 0;
  received = 0;

  constructor(
    number: number,
    host: number,
    vlan: number,
    { isCurious, answers }: { readonly isCurious: boolean; readonly answers: boolean },
    { everybody, hostiles, arrivals, hash, tolerance }: VmSurroundings,
  ) {
    this.number = number;
    this.name = vmName(number);
    this.host = host;
    this.vlan = vlan;
    this.#members = 1 << vlan;
    this.#vlans = 1 << vlan;
    this.#isCurious = isCurious;
    this.answers = answers;
    this.#everybody = everybody;
    this.#hostiles = hostiles;
    this.#arrivals = arrivals;
    this.#hash = hash;
    this.#tolerance = tolerance;
    this.#seen = new Uint8Array(((arrivals[0]?.queue.length ?? 0) + 7) >> 3);
  }

  get tci(): number {
    return VLANS[this.vlan];
  }

  /** True for the number of a VLAN that it is in. */
  isIn(vlan: number): boolean {
    return ((this.#members >>> vlan) & 1) === 1;
  }

  /** True if it is or was in one of these VLANs, as bits. */
  hasBeenIn(vlans: number): boolean {
    return (this.#vlans & vlans) !== 0;
  }

  /** `frames`: that were sent so far. */
  changed(vlan: number, members: number, isCurious: boolean, frames: number): void {
    const came = members & ~this.#members;
    this.#caughtUp |= this.#astray & came;
    for (let number = 0; number < VLANS.length; number++)
      if (((came >>> number) & 1) === 1) this.#cameAfter[number] = frames;
    this.#hasChanged = true;
    this.vlan = vlan;
    this.#members = members;
    this.#vlans |= members;
    this.#isCurious ||= isCurious;
  }

  /** A frame for it is sent in a VLAN that is not its own. */
  goesAstray(vlan: number): void {
    this.#astray |= 1 << vlan;
  }

  moved(host: number, isCurious: boolean): void {
    this.host = host;
    this.#hasMoved = true;
    this.#isCurious ||= isCurious;
  }

  /** True if bytes with this mark may be in its memory. */
  maySee(mark: number): boolean {
    return this.#isMeant(mark) || this.#isTainted(mark);
  }

  /** A hostile VM may send whatever it knows to whomever it reaches, in any order and as often as it likes. */
  #isTainted(mark: number): boolean {
    return this.#hostiles.some((vm) => vm.couldSend(mark, this.#vlans));
  }

  /** A hostile VM: true if it may know the mark, and was in one of these VLANs. */
  couldSend(mark: number, vlans: number): boolean {
    return (this.#vlans & vlans) !== 0 && this.#isMeant(mark);
  }

  #isMeant(mark: number): boolean {
    const source = sourceOf(mark);
    if (source === this.number) return true;
    const sender = this.#everybody[source];
    const vlans = sender === undefined ? 1 << vlanOfMark(mark) : sender.vlansOf(mark);
    if ((this.#vlans & vlans) === 0) return false;
    if (this.#isCurious) return true;
    const audience = audienceOf(mark);
    if (source === ASTRAY) return audience === this.number && (this.#caughtUp & vlans) !== 0;
    if (audience === this.number || audience === EVERYBODY) return true;
    // A frame from another's address is for nobody, unless its sender may do that by now.
    return audience === NOBODY && sender?.isCurious === true;
  }

  /**
   * VLANs, as bits, in which a frame of this VM may have been sent: the one its mark says, if the VM may use it. The
   * switch decides when it takes the frame; if the VM's port was changed meanwhile, it is any of them.
   */
  vlansOf(mark: number): number {
    return this.#hasChanged ? this.#vlans : (1 << vlanOfMark(mark)) & this.#vlans;
  }

  get isCurious(): boolean {
    return this.#isCurious;
  }

  /** A frame as its driver received it. */
  readonly took = ({ bytes, offset, length, tci, delivery }: ReceivedFrame): void => {
    this.received++;
    const hash = this.#hash;
    hash.add(this.number);
    hash.add(delivery);
    hash.add(length);
    hash.add(tci);
    const tags = tagBytes(bytes, offset, length);
    if (length < MARK_AT + 4 + tags || typeAt(bytes, offset + 12 + tags) !== MARKED_TYPE) return;
    this.#tookMarked(bytes, offset + tags, length - tags, length, tci);
  };

  /** `length` from behind the tags on, `all` with them. */
  #tookMarked(bytes: Uint8Array, offset: number, length: number, all: number, tci: number): void {
    const hash = this.#hash;
    const mark = wordAt(bytes, offset + MARK_AT);
    hash.add(mark);
    if (this.isHostile) return;
    // Of a frame that was shorter than a mark and filled up on its way nothing can be told.
    if (!isMark(mark) && all <= LEAST) return;
    if (!isMark(mark)) {
      // A hostile VM may send anything as such a frame.
      if (this.#hostiles.length > 0 || this.#tolerance.flips || this.#tolerance.damage) return;
      fail('frames unchanged', `${this.name} got a frame without a mark`);
    }
    if (sourceOf(mark) === this.number && !this.#hasMoved)
      fail('no bytes of others', `${this.name} got back what it had sent`);
    if (this.#tolerance.flips && length >= WHOLE_HEADER && wordAt(bytes, offset + MARK_AT + 8) !== mark)
      return;
    if (!this.maySee(mark))
      fail('no bytes of others', `${this.name} (VLAN ${this.tci}) got a frame ${describeMark(mark)}`);
    if (this.#isTainted(mark) || this.#tolerance.flips || this.#tolerance.damage) return;
    this.#tagged(mark, tci);
    const whole = length < WHOLE_HEADER ? 0 : wordAt(bytes, offset + LENGTH_AT);
    if (whole < WHOLE_HEADER || (whole > LEAST && all <= LEAST)) return;
    const sequence = wordAt(bytes, offset + SEQUENCE_AT);
    hash.add(sequence);
    const isAstray = sourceOf(mark) === ASTRAY && !this.#isCurious;
    if (isAstray && sequence >= this.#cameAfter[vlanOfMark(mark)])
      fail(
        'no bytes of others',
        `${this.name} (VLAN ${this.tci}) got frame ${sequence} ${describeMark(mark)}`,
      );
    this.#unchanged(bytes, offset, length, mark);
    this.#inOrder(sequence, mark);
  }

  /** What stands beside a frame: nothing, on a port that has been an access port without priorities all along. */
  #tagged(mark: number, tci: number): void {
    if (tci !== 0 && !this.#hasChanged)
      fail('frames unchanged', `${this.name} got a frame ${describeMark(mark)} with TCI ${tci.toString(16)}`);
  }

  #unchanged(bytes: Uint8Array, offset: number, length: number, mark: number): void {
    const sequence = wordAt(bytes, offset + SEQUENCE_AT);
    const whole = wordAt(bytes, offset + LENGTH_AT);
    if (length !== whole && !(whole < length && length <= LEAST))
      fail('frames unchanged', `${this.name} got ${length} bytes of frame ${sequence}, sent with ${whole}`);
    let at = WHOLE_HEADER;
    let good = wordAt(bytes, offset + MARK_AT + 8) === mark;
    for (; at + 4 <= whole && good; at += 4) good = wordAt(bytes, offset + at) === mark;
    for (let byte = 0; at < whole && good; at++, byte++) good = bytes[offset + at] === tailByteOf(mark, byte);
    for (; at < length && good; at++) good = bytes[offset + at] === 0;
    if (!good)
      fail(
        'frames unchanged',
        `${this.name} got frame ${sequence} of ${whole} bytes with something else before byte ${at}`,
      );
  }

  #inOrder(sequence: number, mark: number): void {
    const bit = 1 << (sequence & 7);
    const seen = this.#seen[sequence >> 3];
    if ((seen & bit) !== 0) {
      // What one host gave it may still wait on the wire of another, for a VM that has moved in between: all hosts get
      // what is flooded, and what VMs send over the hub.
      const isForIt = audienceOf(mark) === this.number && isFromOutside(mark);
      if (this.#tolerance.repeats || (this.#hasMoved && !isForIt)) return;
      fail('order of each queue', `${this.name} got frame ${sequence} twice`);
    }
    this.#seen[sequence >> 3] = seen | bit;
    // Which host's queue a flooded frame came by cannot be told of a VM that has moved meanwhile.
    if (this.#hasMoved && audienceOf(mark) !== this.number) return;
    const host = this.#cameBy(sequence, mark);
    if (host < 0 && isFromOutside(mark)) return;
    if (host >= 0) {
      const { queue, order } = this.#arrivals[host];
      const from = queue[sequence];
      const way = (host << 16) | from;
      const now = order[sequence];
      if (now <= (this.#newest.get(way) ?? 0))
        fail('order of each queue', `${this.name} got frame ${sequence} of queue ${from} after a later one`);
      this.#newest.set(way, now);
      return;
    }
    const last = this.#newestFrom.get(sourceOf(mark)) ?? -1;
    if (sequence <= last)
      fail('order of each queue', `${this.name} got frame ${sequence} of VM ${sourceOf(mark)} after ${last}`);
    this.#newestFrom.set(sourceOf(mark), sequence);
  }

  /**
   * The host through whose queues a frame came, -1 if through none: from another VM of this host. A frame from outside
   * may have come with the VM from the host it was on before.
   */
  #cameBy(sequence: number, mark: number): number {
    const has = ({ queue }: Arrivals): boolean => queue[sequence] >= 0;
    if (has(this.#arrivals[this.host])) return this.host;
    return this.#hasMoved && isFromOutside(mark) ? this.#arrivals.findIndex(has) : -1;
  }

  /** Searches the next `count` words of its memory, a multiple of four, for what it may not see. */
  scan(words: Int32Array, count: number): void {
    const from = this.#scanAt < words.length ? this.#scanAt : 0;
    const end = Math.min(words.length, from + count);
    this.#search(words, from, end);
    this.#scanAt = end;
  }

  /** Searches all of its memory. */
  scanAll(words: Int32Array): void {
    this.#search(words, 0, words.length);
    this.#scanAt = words.length;
  }

  #search(words: Int32Array, from: number, end: number): void {
    for (let at = from; at < end; at += 4) {
      const a = words[at];
      const b = words[at + 1];
      const c = words[at + 2];
      const d = words[at + 3];
      // Much of it is zeros, and stays so.
      if ((a | b | c | d) === 0) continue;
      if ((a & MAGIC_BITS) === MAGIC_WORD) this.#found(words, at);
      if ((b & MAGIC_BITS) === MAGIC_WORD) this.#found(words, at + 1);
      if ((c & MAGIC_BITS) === MAGIC_WORD) this.#found(words, at + 2);
      if ((d & MAGIC_BITS) === MAGIC_WORD) this.#found(words, at + 3);
    }
  }

  #found(words: Int32Array, index: number): void {
    const word = words[index];
    if (!isMark(word) || this.maySee(word)) return;
    // A hostile guest may write any word into its memory; two of a kind are no chance.
    if ((this.isHostile || this.#tolerance.flips) && words[index + 1] !== word) return;
    fail(
      'no bytes of others',
      `${this.name} (VLAN ${this.tci}) has bytes ${describeMark(word)} at ${(index << 2).toString(16)}`,
    );
  }
}

export function describeMark(mark: number): string {
  const audience = audienceOf(mark);
  const source = sourceOf(mark);
  const name = (number: number): string => (number < 240 ? vmName(number) : `${number}`);
  return `from ${name(source)} for ${name(audience)} in VLAN ${VLANS[vlanOfMark(mark)]}`;
}
