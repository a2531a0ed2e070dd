/**
 * The ordinary frames of a VM queue's chain, many at a time.
 *
 *   NBL chain ──survey──> entries of the channel's batch; short frames into their sections at once
 *       │          └────> moves ──copy──> sections of the VM's receive buffer
 *       └── first that is not ordinary: back to the caller, who delivers it by itself
 *
 * Ordinary is a frame that begins in host memory, for the port's address and VLAN, without a priority, from a source
 * that was seen just before, and no MAC control: the checks of SEC-07, what a bridge must not forward (bridge-rules.ts)
 * and the learning are settled by comparing. Either all of it lies in one
 * piece there, and is copied into a free section; or it is split as `queue-delivery.ts` draws it, its rest lies in the
 * section on loan where it belongs, and only its lookahead is copied.
 */

import type { NetBuffer, NetBufferList } from '@vmq/ddi';
import type { AgentContext, MemorySegment } from '@vmq/machine';
import {
  type ChannelHost,
  ENTRY_FREE,
  ENTRY_LENGTH,
  ENTRY_SECTION,
  ENTRY_SHIFT,
  ENTRY_TCI_SHIFT,
  LOAN_ADAPTER,
} from '@vmq/vmbus';
import { MAC_CONTROL_TYPE } from '../forwarding/bridge-rules.ts';
import type { PortTable } from '../model/port-table.ts';
import type { LearnedMacTable } from '../tables/learned-mac-table.ts';
import { foldSource, RECENT_WORDS, RecentSources } from '../tables/recent-sources.ts';
import { type CopyMoves, createCopyMoves, MOVE_WORDS } from './frame-moves.ts';
import type { LentFrames } from './lent-frames.ts';

/** Words of an entry. */
const ENTRY = 1 << ENTRY_SHIFT;
/** Frames that are looked at before they are copied. */
const BATCH = 256;
/** Holders of sections where nothing is lent. */
const NOBODY: (NetBufferList | null)[] = [];

export class OrdinaryFrames {
  /** Frames and bytes of the last {@link take}, and how many of the bytes were copied. */
  count = 0;
  bytes = 0;
  copied = 0;
  /** What goes back of the chain, as far as it has been looked at: the first NBL, and the last. */
  first: NetBufferList | null = null;
  last: NetBufferList | null = null;
  /** What the survey leaves to copy, and the batch's first free section behind it. */
  moved = 0;
  freeFirst = 0;
  readonly #context: AgentContext;
  readonly #recent: RecentSources;
  readonly #moves: Int32Array = new Int32Array(BATCH * MOVE_WORDS);
  readonly #survey: Survey;
  readonly #copyMoves: CopyMoves;

  constructor(context: AgentContext, ports: PortTable) {
    this.#context = context;
    const { host } = context.machine.memory;
    this.#recent = new RecentSources(ports.channels.length);
    this.#survey = createSurvey(host, ports, this.#recent.keys, this.#moves);
    this.#copyMoves = createCopyMoves(host);
  }

  /** Begins `chain` for `port`. */
  begin(chain: NetBufferList, port: number, learned: LearnedMacTable, tick: number): void {
    this.first = chain;
    this.last = null;
    this.#recent.begin(port, learned, tick);
  }

  /** The source of a frame for `port` has been learned: the next one from there is ordinary. */
  note(port: number, a: number, b: number): void {
    this.#recent.note(port, a, b);
  }

  /**
   * Puts ordinary frames from `chain` on into the open batch of `channel`, whole ones as far as it has taken free
   * sections. Returns the first NBL that is left, or null.
   *
   * The chain stays linked as it is, but for split frames whose rest lies in place: those are held by `lent` from now on,
   * if it is given.
   */
  take(
    chain: NetBufferList,
    port: number,
    channel: ChannelHost,
    lent: LentFrames | null,
  ): NetBufferList | null {
    const guest = this.#context.machine.memory.segment(channel.segment);
    const left = this.#survey(this, chain, port, channel, guest, lent);
    if (this.count === 0) return left;
    if (this.moved !== 0) this.#copyMoves(this.#moves, this.moved, guest);
    channel.commitEntries(channel.committed + this.count, this.freeFirst);
    return left;
  }

  /** The caller has dealt with `nbl`, the first that was left: it goes back, or somebody keeps it. */
  passed(nbl: NetBufferList, isKept: boolean): void {
    if (!isKept) this.last = nbl;
    else if (this.last === null) this.first = nbl.next;
    else this.last.next = nbl.next;
  }
}

/** Looks at frames from `chain` on; what it finds stands in `found`. Returns the first NBL that is left, or null. */
type Survey = (
  found: OrdinaryFrames,
  chain: NetBufferList,
  port: number,
  channel: ChannelHost,
  guest: MemorySegment,
  lent: LentFrames | null,
) => NetBufferList | null;

/**
 * Makes the survey of one processor. A function of its own rather than a method, since V8 takes what a function that
 * was made once has from outside as constants: the arrays' addresses and lengths then stand in the code. `| 0` behind a
 * sum of indices spares the check that it is still an integer.
 */
function createSurvey(host: MemorySegment, ports: PortTable, recent: Int32Array, moves: Int32Array): Survey {
  const i32 = host.i32;
  const u64 = host.u64;
  return function survey(found, chain, port, channel, guest, lent): NetBufferList | null {
    const recentAt = port * RECENT_WORDS;
    const entries = channel.entries;
    const to = guest.i32;
    const to64 = guest.u64;
    const { loans, loansAt, sectionCount } = channel;
    const framesAt = (channel.sectionsAt + 64) | 0;
    const sectionSize = channel.sectionSize | 0;
    const firstFree = channel.freeFirst << ENTRY_SHIFT;
    const freeEnd = channel.freeEnd << ENTRY_SHIFT;
    const first = channel.committed << ENTRY_SHIFT;
    const longest = (channel.maxFrameBytes - 14) | 0;
    const held = lent === null ? NOBODY : lent.held;
    const macA = ports.macA[port];
    const macB = ports.macB[port];
    const portVlan = ports.vlan[port];
    // What a tag of this VLAN and no priority becomes for the guest; other tags are looked at one by one.
    const plainInfo = portVlan << 4;
    const plainTag = ports.egressTci(port, 0, portVlan) << ENTRY_TCI_SHIFT;
    const end = Math.min(entries.length | 0, (first + (BATCH << ENTRY_SHIFT)) | 0) | 0;
    let free = firstFree;
    let at = first;
    let move = 0;
    let bytes = 0;
    let copied = 0;
    let last = found.last;
    let nbl: NetBufferList | null = chain;
    while (nbl !== null && at < end) {
      const nb: NetBuffer = nbl.firstNetBuffer;
      const mdl = nb.mdl;
      if (mdl.segment !== host) break;
      const offset = nb.dataOffset | 0;
      const from = (mdl.byteOffset + offset) | 0;
      const length = nb.dataLength | 0;
      const word = from >> 2;
      const w1 = i32[(word + 1) | 0];
      const w2 = i32[(word + 2) | 0];
      const sourceA = (w1 >>> 16) | (w2 << 16);
      const sourceB = (w2 >>> 16) | (portVlan << 16);
      const seen = (recentAt + (foldSource(sourceA, sourceB) << 1)) | 0;
      // Zero for an ordinary frame: one test for what hardly ever differs.
      const other =
        (i32[word] ^ macA) |
        ((w1 & 0xffff) ^ macB) |
        (nbl.ieee8021QInfo ^ plainInfo) |
        (recent[seen] ^ sourceA) |
        (recent[(seen + 1) | 0] ^ sourceB) |
        (from & 7);
      if (
        other !== 0 ||
        ((length - 14) | 0) >>> 0 > longest ||
        (i32[(word + 3) | 0] & 0xffff) === MAC_CONTROL_TYPE ||
        nb.next !== null
      )
        break;
      const next: NetBufferList | null = nbl.next;
      const inFront = (mdl.byteCount - offset) | 0;
      let front = length;
      let section = 0;
      if (length > inFront) {
        const rest = mdl.next;
        if (rest === null || rest.segment !== guest || inFront < 14 || rest.byteCount < length - inFront)
          break;
        const within = (rest.byteOffset + 64 - framesAt) | 0;
        section = (within / sectionSize) | 0;
        if (
          section >>> 0 >= sectionCount ||
          within !== Math.imul(section, sectionSize) + 64 + inFront ||
          loans[loansAt + section] !== LOAN_ADAPTER ||
          section >= held.length ||
          held[section] !== null
        )
          break;
        front = inFront;
        held[section] = nbl;
        if (last === null) found.first = next;
        else last.next = next;
      } else {
        if (free === freeEnd) break;
        section = entries[(free + ENTRY_FREE) | 0];
        free = (free + ENTRY) | 0;
        last = nbl;
      }
      entries[(at + ENTRY_SECTION) | 0] = section;
      entries[(at + ENTRY_LENGTH) | 0] = length | plainTag;
      at = (at + ENTRY) | 0;
      bytes = (bytes + length) | 0;
      copied = (copied + front) | 0;
      nbl = next;
      const target = (framesAt + Math.imul(section, sectionSize)) | 0;
      if (((front - 56) | 0) >>> 0 <= 8 && (front & 3) === 0) {
        // The shortest frames: seven elements, and the last two words over again or behind them.
        const s = from >> 3;
        const t = target >> 3;
        to64[t] = u64[s];
        to64[(t + 1) | 0] = u64[(s + 1) | 0];
        to64[(t + 2) | 0] = u64[(s + 2) | 0];
        to64[(t + 3) | 0] = u64[(s + 3) | 0];
        to64[(t + 4) | 0] = u64[(s + 4) | 0];
        to64[(t + 5) | 0] = u64[(s + 5) | 0];
        to64[(t + 6) | 0] = u64[(s + 6) | 0];
        const s4 = (from + front) >> 2;
        const t4 = (target + front) >> 2;
        to[(t4 - 2) | 0] = i32[(s4 - 2) | 0];
        to[(t4 - 1) | 0] = i32[(s4 - 1) | 0];
      } else {
        moves[move] = from;
        moves[(move + 1) | 0] = target;
        moves[(move + 2) | 0] = front;
        move = (move + MOVE_WORDS) | 0;
      }
    }
    const taken = (at - first) >> ENTRY_SHIFT;
    const frees = (free - firstFree) >> ENTRY_SHIFT;
    found.count = taken;
    found.bytes = bytes;
    found.copied = copied;
    found.last = last;
    found.moved = move;
    found.freeFirst = channel.freeFirst + frees;
    if (lent !== null) lent.count += taken - frees;
    return nbl;
  };
}
