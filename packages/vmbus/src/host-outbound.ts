/**
 * The host's way to the guest: sections, the host-to-guest ring, signals. See channel-host.ts for the calls.
 *
 *   free sections ──beginBatch──> reserved here ──commitFrame──> committed ──endBatch──> outstanding
 *         ^                            │ endBatch (unused)          │ endBatch (no room)      │
 *         └────────────────────────────┴────────────────────────────┴──── guest's completion ─┘
 *
 * Sections lent to an adapter (section-lease.ts) are in no stack: the adapter has put a frame there, `commitLent`
 * puts it into the batch, and the guest's completion leads to `takeReturned` instead of the stack.
 *
 * A message's transaction id is {its first section, a serial number}; the sections of one message are chained.
 * So a completion is checked with one comparison, and a second one for the same message never matches.
 */
import {
  VMBUS_DROP_NO_SECTION as DROP_NO_SECTION,
  VMBUS_DROP_NOT_OPEN as DROP_NOT_OPEN,
  VMBUS_DROP_RING_FULL as DROP_RING_FULL,
} from './channel-drop-reasons.ts';
import type { DeliveryColumns } from './channel-host.ts';
import type { ChannelImage } from './channel-image.ts';
import {
  COUNT_BYTES_TO_GUEST,
  COUNT_FRAMES_TO_GUEST,
  COUNT_MESSAGES_TO_GUEST,
  DELIVERY_LOCK,
  FREE_SECTIONS,
  LENT_SECTIONS,
  LOAN_ADAPTER,
  LOAN_GUEST,
  OUT_WRITE,
  OUTSTANDING,
  PHASE_OPEN,
  PREPARED_PLAIN,
  RETURNED_SECTIONS,
  SERIAL,
} from './channel-state.ts';
import { type ChannelContext, HostRing } from './host-ring.ts';
import { NETVSC_RECEIVE_BUFFER_ID, NVSP_MSG1_TYPE_SEND_RNDIS_PKT, NVSP_RNDIS_CONTROL } from './nvsp.ts';
import { writeRndisPacketHeader } from './rndis.ts';
import { VMBUS_TRACE } from './trace-kinds.ts';
import { VM_PKT_DATA_USING_XFER_PAGES } from './vmbus-packet.ts';

// Folded by the optimiser; imported bindings are not.
const FREE = FREE_SECTIONS;
const WRITE = OUT_WRITE;
const OPEN = PHASE_OPEN;
const LENT = LENT_SECTIONS;
const RETURNED = RETURNED_SECTIONS;
const ADAPTER = LOAN_ADAPTER;
const GUEST = LOAN_GUEST;
const PLAIN = PREPARED_PLAIN;
const RNDIS_PKT = NVSP_MSG1_TYPE_SEND_RNDIS_PKT;
const TRANSFER_PAGES = VM_PKT_DATA_USING_XFER_PAGES;
const SET_ID = NETVSC_RECEIVE_BUFFER_ID;
const TRACE_FRAME = VMBUS_TRACE.FRAME_TO_GUEST;
const TRACE_MESSAGE = VMBUS_TRACE.MESSAGE_TO_GUEST;
const TRACE_NOT_DELIVERED = VMBUS_TRACE.NOT_DELIVERED;

/** Bytes of a transfer-page packet in the ring beyond its ranges: header, NVSP message, trailer. */
const MESSAGE_OVERHEAD = 24 + 32 + 8;
/** Sections taken in one go when the reserve runs out. */
const REFILL = 32;

export class HostOutbound extends HostRing {
  /** Why the last call fell short. */
  refusal = 0;
  firstNumber = 0;

  readonly #sectionSize: number;
  readonly sectionsAt: number;
  readonly columns: DeliveryColumns;
  /** Free sections taken for this batch: those from `reserveFirst` to `reserveEnd` - 1 are still empty. */
  readonly reserve: Int32Array;
  reserveFirst = 0;
  reserveEnd = 0;
  readonly #sections: Int32Array;
  readonly #lengths: Int32Array;
  readonly #tcis: Int32Array;
  /** Frames committed: entries of the columns. */
  #used = 0;

  constructor(context: ChannelContext, image: ChannelImage) {
    super(context, image);
    this.#sectionSize = image.receive.sectionSize;
    this.sectionsAt = image.receive.offset;
    const { sectionCount } = image.receive;
    this.reserve = new Int32Array(sectionCount);
    this.#sections = new Int32Array(sectionCount);
    this.#lengths = new Int32Array(sectionCount);
    this.#tcis = new Int32Array(sectionCount);
    this.columns = {
      sections: this.#sections,
      lengths: this.#lengths,
      tcis: this.#tcis,
      stamps: new Int32Array(sectionCount),
    };
  }

  get sectionCount(): number {
    return this.image.receive.sectionCount;
  }

  get sectionSize(): number {
    return this.#sectionSize;
  }

  get loans(): Int32Array {
    return this.state.words;
  }

  get loansAt(): number {
    return this.state.loans;
  }

  get committed(): number {
    return this.#used;
  }

  beginBatch(expected: number): boolean {
    if (this.#used !== 0 || this.reserveEnd !== 0)
      throw new Error(`channel ${this.channel}: beginBatch inside a batch`);
    if (!this.state.looksIn(OPEN)) {
      this.refusal = DROP_NOT_OPEN;
      return false;
    }
    if (expected > 0) this.#takeSections(expected);
    return true;
  }

  reserveSection(): number {
    if (this.reserveFirst === this.reserveEnd) {
      this.#takeSections(REFILL);
      if (this.reserveFirst === this.reserveEnd) {
        this.refusal = DROP_NO_SECTION;
        return -1;
      }
    }
    return this.frameOffset(this.reserve[this.reserveFirst] as number);
  }

  commitFrame(length: number, tci: number, stamp: number = 0): void {
    if (this.reserveFirst === this.reserveEnd)
      throw new Error(`channel ${this.channel}: commitFrame without a section`);
    this.#commit(this.reserve[this.reserveFirst] as number, length, tci, stamp);
    this.reserveFirst++;
  }

  commitColumns(end: number, reserveFirst: number): void {
    if (reserveFirst > this.reserveEnd || reserveFirst - this.reserveFirst > end - this.#used)
      throw new Error(`channel ${this.channel}: commitColumns(${end}) with more sections than it has taken`);
    this.reserveFirst = reserveFirst;
    const trace = this.context.trace;
    if (trace !== null && trace.level !== 0) this.#traceFrames(this.#used, end);
    this.#used = end;
  }

  lentSection(offset: number): number {
    const at = offset - this.sectionsAt;
    if (at < 0) return -1;
    const section = Math.floor(at / this.#sectionSize);
    if (section >= this.image.receive.sectionCount) return -1;
    return this.state.words[this.state.loans + section] === ADAPTER ? section : -1;
  }

  frameOffset(section: number): number {
    return this.sectionsAt + Math.imul(section, this.#sectionSize) + 64;
  }

  commitLent(section: number, length: number, tci: number, stamp: number = 0): void {
    if (this.state.words[this.state.loans + section] !== ADAPTER)
      throw new Error(`channel ${this.channel}: section ${section} is not on loan`);
    this.#commit(section, length, tci, stamp);
  }

  takeReturned(sections: Int32Array): number {
    const state = this.state;
    const words = state.words;
    if (words[RETURNED] === 0) return 0;
    state.lock(DELIVERY_LOCK);
    const count = Math.min(words[RETURNED] as number, sections.length);
    const left = (words[RETURNED] as number) - count;
    for (let i = 0; i < count; i++) sections[i] = words[state.returned + left + i] as number;
    words[RETURNED] = left;
    state.unlock(DELIVERY_LOCK);
    return count;
  }

  #commit(section: number, length: number, tci: number, stamp: number): void {
    const used = this.#used;
    if (length > this.maxFrameBytes || length < 0) {
      throw new RangeError(
        `channel ${this.channel}: frame of ${length} bytes, at most ${this.maxFrameBytes}`,
      );
    }
    this.#sections[used] = section;
    this.#lengths[used] = length;
    this.#tcis[used] = tci;
    this.#used = used + 1;
    const trace = this.context.trace;
    if (trace !== null && trace.level !== 0 && trace.wants(2, stamp)) {
      trace.write(TRACE_FRAME, stamp, this.channel, section, length, tci, 0);
    }
  }

  #traceFrames(from: number, to: number): void {
    const { sections, lengths, tcis, stamps } = this.columns;
    for (let i = from; i < to; i++) {
      const stamp = stamps[i] as number;
      if (this.context.trace?.wants(2, stamp) !== true) continue;
      const section = sections[i] as number;
      this.context.trace.write(
        TRACE_FRAME,
        stamp,
        this.channel,
        section,
        lengths[i] as number,
        tcis[i] as number,
        0,
      );
    }
  }

  endBatch(numbers: Int32Array | null = null, at: number = 0): number {
    const used = this.#used;
    if (used === 0 && this.reserveEnd === 0) return 0;
    const state = this.state;
    const words = state.words;
    let sent = 0;
    state.lock(DELIVERY_LOCK);
    if (used !== 0) {
      let why = DROP_NOT_OPEN;
      if (state.looksIn(OPEN)) {
        const room = this.room();
        if (room >= 0) why = DROP_RING_FULL;
        sent = Math.min(used, Math.max(0, (room - MESSAGE_OVERHEAD) >> 3));
      }
      if (sent !== used) this.refusal = why;
      if (sent !== 0) {
        const bytes = this.#sendFrames(sent);
        if (numbers !== null) {
          this.firstNumber = numbers[at] as number;
          numbers[at] = (this.firstNumber + sent) | 0;
        }
        const counters = state.counters;
        counters[COUNT_FRAMES_TO_GUEST] = (counters[COUNT_FRAMES_TO_GUEST] as number) + sent;
        counters[COUNT_BYTES_TO_GUEST] = (counters[COUNT_BYTES_TO_GUEST] as number) + bytes;
      }
    }
    // Back on the stack in reverse, so that the next batch takes them in the same order; lent ones have no place
    // there, and their lender knows from what this returns that the guest has not got them.
    let free = words[FREE] as number;
    const reserve = this.reserve;
    for (let i = this.reserveEnd - 1; i >= this.reserveFirst; i--)
      words[state.free + free++] = reserve[i] as number;
    for (let i = used - 1; i >= sent; i--) {
      const section = this.#sections[i] as number;
      if (words[state.loans + section] === 0) words[state.free + free++] = section;
    }
    words[FREE] = free;
    state.unlock(DELIVERY_LOCK);
    this.#used = 0;
    this.reserveFirst = 0;
    this.reserveEnd = 0;
    if (sent !== 0) this.signalGuest();
    const trace = this.context.trace;
    if (sent !== used && trace !== null && trace.wants(2, 0)) {
      trace.write(TRACE_NOT_DELIVERED, 0, this.channel, used - sent, this.refusal, 0, 0);
    }
    return sent;
  }

  /** Moves free sections into this batch's reserve. */
  #takeSections(count: number): void {
    const state = this.state;
    const words = state.words;
    const reserve = this.reserve;
    // Used ones make room: no more than the reserve holds have ever been taken and not committed.
    if (this.reserveFirst === this.reserveEnd) this.reserveFirst = this.reserveEnd = 0;
    state.lock(DELIVERY_LOCK);
    let free = words[FREE] as number;
    let end = this.reserveEnd;
    const stack = state.free;
    for (const last = free - Math.min(count, free, reserve.length - end); free !== last; )
      reserve[end++] = words[stack + --free] as number;
    words[FREE] = free;
    state.unlock(DELIVERY_LOCK);
    this.reserveEnd = end;
  }

  /**
   * Writes the frames' RNDIS headers and one transfer-page packet for the first `count` frames of the batch, and
   * publishes it; returns the frames' bytes. Lock held, room checked.
   */
  #sendFrames(count: number): number {
    const state = this.state;
    const words = state.words;
    const ring = this.outbound;
    const guest = this.guest.i32;
    const sections = this.#sections;
    const lengths = this.#lengths;
    const size = this.#sectionSize;
    const next = state.next;
    this.#writeHeaders(count);
    const start = this.#beginMessage(sections[0] as number, count);
    // A range is two words at a multiple of 8 bytes, in a ring of a multiple of 8: it is never cut in two.
    const data = ring.data;
    const end = ring.dataBytes >>> 2;
    let at = ring.at;
    let bytes = 0;
    let previous = sections[0] as number;
    for (let i = 0; i < count; i++) {
      const section = sections[i] as number;
      const length = lengths[i] as number;
      bytes += length;
      guest[data + at] = 64 + length;
      guest[data + at + 1] = Math.imul(section, size);
      at = at + 2 === end ? 0 : at + 2;
      words[next + previous] = section;
      previous = section;
    }
    words[next + previous] = -1;
    if (words[LENT] !== 0) this.#handOverLent(count);
    ring.at = at;
    this.#endMessage(start, 0, sections[0] as number, count);
    return bytes;
  }

  /** RNDIS headers of the first `count` frames. A loop without calls, but for tags. */
  #writeHeaders(count: number): void {
    const words = this.state.words;
    const guest = this.guest.i32;
    const sections = this.#sections;
    const lengths = this.#lengths;
    const tcis = this.#tcis;
    const size = this.#sectionSize;
    const sectionsAt = this.sectionsAt;
    const prepared = this.state.prepared;
    let others = 0;
    for (let i = 0; i < count; i++) {
      const section = sections[i] as number;
      const header = (sectionsAt + Math.imul(section, size)) >>> 2;
      const length = lengths[i] as number;
      // Right where all else stands there from the last frame without a tag; done anew below where not.
      guest[header + 1] = 64 + length;
      guest[header + 3] = length;
      others |= (tcis[i] as number) | ((words[prepared + section] as number) ^ PLAIN);
    }
    if (others === 0) return;
    for (let i = 0; i < count; i++) {
      const section = sections[i] as number;
      const tci = tcis[i] as number;
      if ((tci | ((words[prepared + section] as number) ^ PLAIN)) === 0) continue;
      const header = (sectionsAt + Math.imul(section, size)) >>> 2;
      writeRndisPacketHeader(guest, header, lengths[i] as number, tci);
      words[prepared + section] = tci === 0 ? PLAIN : 0;
    }
  }

  /** The guest has the lent ones among the first `count` sections from now on. */
  #handOverLent(count: number): void {
    const words = this.state.words;
    const loans = this.state.loans;
    const sections = this.#sections;
    for (let i = 0; i < count; i++) {
      const at = loans + (sections[i] as number);
      if (words[at] === ADAPTER) words[at] = GUEST;
    }
  }

  /** Opens a transfer-page packet with `count` ranges; returns its place in the ring. Lock held, room checked. */
  #beginMessage(first: number, count: number): number {
    const state = this.state;
    const words = state.words;
    const ring = this.outbound;
    let serial = ((words[SERIAL] as number) + 1) | 0;
    if (serial === 0) serial = 1;
    words[SERIAL] = serial;
    words[state.serials + first] = serial;
    words[OUTSTANDING] = (words[OUTSTANDING] as number) + 1;
    const start = words[WRITE] as number;
    const header = 24 + (count << 3);
    ring.seek(start);
    ring.beginPacket(TRANSFER_PAGES, header, header + 32, 1, first, serial);
    ring.putPair(SET_ID, count);
    return start;
  }

  /** Writes the NVSP message behind the ranges and publishes the packet that began at `start`. */
  #endMessage(start: number, kind: number, first: number, count: number): void {
    const state = this.state;
    const ring = this.outbound;
    ring.putPair(RNDIS_PKT, kind);
    ring.putPair(-1, 0); // the message is not in the send buffer
    ring.putPair(0, 0);
    ring.putPair(0, 0);
    ring.endPacket(start);
    this.publish();
    state.counters[COUNT_MESSAGES_TO_GUEST] = (state.counters[COUNT_MESSAGES_TO_GUEST] as number) + 1;
    const trace = this.context.trace;
    if (trace !== null && trace.level !== 0 && trace.wants(2, 0)) {
      trace.write(TRACE_MESSAGE, 0, this.channel, count, first, state.words[SERIAL] as number, 0);
    }
  }

  /** An RNDIS control message for the guest, in a section of its own; false if there is no section or room. */
  protected sendControl(message: Int32Array, bytes: number): boolean {
    const state = this.state;
    const words = state.words;
    let fits = false;
    state.lock(DELIVERY_LOCK);
    const free = words[FREE] as number;
    if (free !== 0 && this.room() >= MESSAGE_OVERHEAD + 8) {
      const section = words[state.free + free - 1] as number;
      words[FREE] = free - 1;
      const at = (this.sectionsAt + Math.imul(section, this.#sectionSize)) >>> 2;
      for (let i = 0; i < bytes >>> 2; i++) this.guest.i32[at + i] = message[i] as number;
      words[state.prepared + section] = 0;
      words[state.next + section] = -1;
      const start = this.#beginMessage(section, 1);
      this.outbound.putPair(bytes, Math.imul(section, this.#sectionSize));
      this.#endMessage(start, NVSP_RNDIS_CONTROL, section, 1);
      fits = true;
    }
    state.unlock(DELIVERY_LOCK);
    if (fits) this.signalGuest();
    return fits;
  }
}
