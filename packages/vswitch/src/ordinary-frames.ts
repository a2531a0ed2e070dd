/**
 * The ordinary frames of a VM queue's chain, many at a time: looked at in one loop, copied in the next.
 *
 *   NBL chain ──survey──> columns of the channel's batch ──copy──> sections of the VM's receive buffer
 *       └── first that is not ordinary: back to the caller, who delivers it by itself
 *
 * Ordinary is a frame that begins in host memory, for the port's address and VLAN, without a priority, from a source
 * that was seen just before: the checks of SEC-07 and the learning are settled by comparing. Either all of it lies in one
 * piece there, and is copied into a free section; or it is split as `queue-delivery.ts` draws it, its rest lies in the
 * section on loan where it belongs, and only its lookahead is copied. Loops without calls; see `receive-pipeline.ts`
 * of @vmq/nic for why.
 */
import type { AgentContext, MemorySegment } from '@vmq/machine';
import type { NetBuffer, NetBufferList } from '@vmq/ndis';
import { type ChannelHost, copyRest, LOAN_ADAPTER } from '@vmq/vmbus';
import type { LearnedMacTable } from './learned-mac-table.ts';
import type { LentFrames } from './lent-frames.ts';
import type { PortTable } from './port-table.ts';
import { foldSource, RECENT_WORDS, RecentSources } from './recent-sources.ts';

/** Frames that are looked at before they are copied. */
const BATCH = 256;
const PORT_WORDS = RECENT_WORDS;
const ADAPTER = LOAN_ADAPTER;
/** Holders of sections where nothing is lent. */
const NOBODY: (NetBufferList | null)[] = [];

export class OrdinaryFrames {
  /** Frames and bytes of the last {@link take}, and how many of the bytes were copied. */
  count = 0;
  bytes = 0;
  copied = 0;
  /** Of a split queue: NBLs that the last {@link take} put in front of those it was given to go back. */
  back: NetBufferList | null = null;
  readonly #context: AgentContext;
  readonly #ports: PortTable;
  readonly #host: MemorySegment;
  readonly #recent: RecentSources = new RecentSources();
  /** Where the frames lie in host memory, in the order of the channel's columns. */
  readonly #from: Int32Array = new Int32Array(BATCH);
  /** Bytes of each that lie there. */
  readonly #front: Int32Array = new Int32Array(BATCH);
  /** What is left of the batch's reserve begins here. */
  #reserveFirst = 0;

  constructor(context: AgentContext, ports: PortTable) {
    this.#context = context;
    this.#ports = ports;
    this.#host = context.machine.memory.host;
  }

  /** Begins a chain for `port`. */
  begin(port: number, learned: LearnedMacTable, tick: number): void {
    this.#recent.begin(port, learned, tick);
  }

  /** The source of a frame for `port` has been learned: the next one from there is ordinary. */
  note(port: number, a: number, b: number): void {
    this.#recent.note(port, a, b);
  }

  /**
   * Puts ordinary frames from `chain` on into the open batch of `channel`, whole ones as far as it has sections
   * reserved. Returns the first NBL that is left, or null.
   *
   * The chain stays linked as it is, unless the queue's frames are split: then those whose rest lies in place are held by
   * `lent` from now on, if it is given, and all others taken go to {@link back}, in front of `back`.
   */
  take(
    chain: NetBufferList,
    port: number,
    channel: ChannelHost,
    isSplit: boolean,
    lent: LentFrames | null,
    back: NetBufferList | null,
  ): NetBufferList | null {
    this.back = back;
    const left = this.#survey(chain, port, channel, lent, isSplit);
    if (this.count === 0) return left;
    const first = channel.committed;
    this.#copy(channel, first, first + this.count);
    channel.commitColumns(first + this.count, this.#reserveFirst);
    return left;
  }

  #survey(
    chain: NetBufferList,
    port: number,
    channel: ChannelHost,
    lent: LentFrames | null,
    isSplit: boolean,
  ): NetBufferList | null {
    const ports = this.#ports;
    const memory = this.#host;
    const i32 = memory.i32;
    const recent = this.#recent.keys;
    const recentAt = port * PORT_WORDS;
    const from = this.#from;
    const fronts = this.#front;
    const { sections, lengths, tcis, stamps } = channel.columns;
    const { reserve, reserveEnd, loans, loansAt, sectionsAt, sectionSize, sectionCount } = channel;
    const guest = this.#context.machine.memory.segment(channel.segment);
    const held = lent === null ? NOBODY : lent.held;
    const macA = ports.macA[port] as number;
    const macB = ports.macB[port] as number;
    const portVlan = ports.vlan[port] as number;
    const longest = (channel.maxFrameBytes - 14) | 0;
    // What a tag of this VLAN and no priority becomes for the guest; other tags are looked at one by one.
    const plainTag = portVlan << 4;
    const plainTci = ports.egressTci(port, 0, portVlan);
    const first = channel.committed;
    const end = Math.min(sections.length, first + BATCH);
    let unused = channel.reserveFirst;
    let back = this.back;
    let k = first;
    let bytes = 0;
    let copied = 0;
    let nbl: NetBufferList | null = chain;
    while (nbl !== null && k < end) {
      const nb: NetBuffer = nbl.firstNetBuffer;
      const mdl = nb.mdl;
      if (mdl.segment !== memory) break;
      const offset = nb.dataOffset | 0;
      const at = (mdl.byteOffset + offset) | 0;
      const length = nb.dataLength | 0;
      const word = at >> 2;
      const w0 = i32[word] as number;
      const w1 = i32[word + 1] as number;
      const w2 = i32[word + 2] as number;
      const sourceA = (w1 >>> 16) | (w2 << 16);
      const sourceB = (w2 >>> 16) | (portVlan << 16);
      const seen = recentAt + (foldSource(sourceA, sourceB) << 1);
      // Zero for an ordinary frame: one test for what hardly ever differs.
      const other =
        (w0 ^ macA) |
        ((w1 & 0xffff) ^ macB) |
        (nbl.ieee8021QInfo ^ plainTag) |
        ((recent[seen] as number) ^ sourceA) |
        ((recent[seen + 1] as number) ^ sourceB) |
        (at & 7);
      if (other !== 0 || (length - 14) >>> 0 > longest || nb.next !== null) break;
      const next: NetBufferList | null = nbl.next;
      const inFront = (mdl.byteCount - offset) | 0;
      let front = length;
      let section = 0;
      if (length > inFront) {
        const rest = mdl.next;
        if (rest === null || rest.segment !== guest || inFront < 14 || rest.byteCount < length - inFront)
          break;
        const within = (rest.byteOffset - sectionsAt) | 0;
        section = (within / sectionSize) | 0;
        if (
          section >>> 0 >= sectionCount ||
          within !== Math.imul(section, sectionSize) + 64 + inFront ||
          loans[loansAt + section] !== ADAPTER ||
          section >= held.length ||
          held[section] !== null
        )
          break;
        front = inFront;
        held[section] = nbl;
      } else {
        if (unused === reserveEnd) break;
        section = reserve[unused++] as number;
        if (isSplit) {
          nbl.next = back;
          back = nbl;
        }
      }
      from[k - first] = at;
      fronts[k - first] = front;
      sections[k] = section;
      lengths[k] = length;
      tcis[k] = plainTci;
      stamps[k] = nbl.stamp;
      bytes += length;
      copied += front;
      nbl = next;
      k++;
    }
    this.count = k - first;
    this.bytes = bytes;
    this.copied = copied;
    if (lent !== null) lent.count += k - first - (unused - channel.reserveFirst);
    this.back = back;
    this.#reserveFirst = unused;
    return nbl;
  }

  /**
   * Copies what lies in host memory of the frames of entries `first` to `end` - 1 into their sections, exactly those
   * bytes (SEC-08).
   */
  #copy(channel: ChannelHost, first: number, end: number): void {
    const to = this.#context.machine.memory.segment(channel.segment);
    const host = this.#host;
    const source = host.u64;
    const target = to.u64;
    const from = this.#from;
    const fronts = this.#front;
    const { sections } = channel.columns;
    const firstFrame = channel.frameOffset(0);
    const sectionSize = channel.sectionSize;
    for (let k = first; k < end; k++) {
      const length = fronts[k - first] as number;
      let s = (from[k - first] as number) >> 3;
      let t = (firstFrame + Math.imul(sections[k] as number, sectionSize)) >> 3;
      for (const stop = s + (length >> 3) - 7; s < stop; s += 8, t += 8) {
        target[t] = source[s] as bigint;
        target[t + 1] = source[s + 1] as bigint;
        target[t + 2] = source[s + 2] as bigint;
        target[t + 3] = source[s + 3] as bigint;
        target[t + 4] = source[s + 4] as bigint;
        target[t + 5] = source[s + 5] as bigint;
        target[t + 6] = source[s + 6] as bigint;
        target[t + 7] = source[s + 7] as bigint;
      }
      if ((length & 63) !== 0) copyRest(host, s << 3, to, t << 3, length & 63);
    }
  }
}
