/**
 * The host's way to the guest: the batch's frames become one message in the host-to-guest ring, and a signal.
 *
 *   batch (host-batch.ts) ──RNDIS headers──> sections     guest's memory
 *           └──ranges──> transfer-page packet ──index──>  ring
 *
 * A message's transaction id is {its first section, a serial number}; the sections of one message are chained.
 * So a completion is checked with one comparison, and a second one for the same message never matches.
 */

import { VM_PKT_DATA_USING_XFER_PAGES } from '@vmq/vmbus';
import {
  VMBUS_DROP_NOT_OPEN as DROP_NOT_OPEN,
  VMBUS_DROP_PACKET_FILTER as DROP_PACKET_FILTER,
  VMBUS_DROP_RING_FULL as DROP_RING_FULL,
} from '../channel/channel-drop-reasons.ts';
import {
  ENTRY_LENGTH,
  ENTRY_LENGTH_MASK,
  ENTRY_SECTION,
  ENTRY_SHIFT,
  ENTRY_TCI_SHIFT,
} from '../channel/delivery-entries.ts';
import { VMBUS_TRACE } from '../channel/trace-kinds.ts';
import {
  NETVSC_RECEIVE_BUFFER_ID,
  NVSP_MSG1_TYPE_SEND_RNDIS_PKT,
  NVSP_RNDIS_CONTROL,
} from '../protocol/nvsp.ts';
import { writeRndisPacketHeader } from '../protocol/rndis.ts';
import {
  COUNT_BYTES_TO_GUEST,
  COUNT_FRAMES_TO_GUEST,
  COUNT_MESSAGES_TO_GUEST,
  DELIVERY_LOCK,
  FREE_SECTIONS,
  LOAN_ADAPTER,
  LOAN_GUEST,
  OUT_WRITE,
  OUTSTANDING,
  PACKET_FILTER,
  PHASE_OPEN,
  PREPARED_PLAIN,
  SERIAL,
} from '../state/channel-state.ts';
import { HostBatch } from './host-batch.ts';

const TRACE_MESSAGE = VMBUS_TRACE.MESSAGE_TO_GUEST;
const TRACE_NOT_DELIVERED = VMBUS_TRACE.NOT_DELIVERED;

/** Bytes of a transfer-page packet in the ring beyond its ranges: header, NVSP message, trailer. */
const MESSAGE_OVERHEAD = 24 + 32 + 8;

export class HostOutbound extends HostBatch {
  firstNumber = 0;
  /** Bytes of the last {@link #sendFrames}. */
  #bytes = 0;

  endBatch(numbers: Int32Array | null = null, at: number = 0): number {
    const used = this.committed;
    if (used === 0 && this.freeEnd === 0) return 0;
    const state = this.state;
    let sent = 0;
    state.lock(DELIVERY_LOCK);
    if (used !== 0) {
      let why = DROP_NOT_OPEN;
      // Under the lock that also orders the answer to the guest's request: behind that one no frame comes any more.
      if (state.words[PACKET_FILTER] === 0) why = DROP_PACKET_FILTER;
      else if (state.looksIn(PHASE_OPEN)) {
        const room = this.room();
        if (room >= 0) why = DROP_RING_FULL;
        if (room >= 0 && room < MESSAGE_OVERHEAD + (used << 3))
          this.context.machine.reach('vmbus.ring-to-guest-full');
        sent = Math.min(used, Math.max(0, (room - MESSAGE_OVERHEAD) >> 3));
      }
      if (sent !== used) this.refusal = why;
      if (sent !== 0) {
        this.#sendFrames(sent);
        if (numbers !== null) {
          this.firstNumber = numbers[at];
          numbers[at] = (this.firstNumber + sent) | 0;
        }
        const counters = state.counters;
        counters[COUNT_FRAMES_TO_GUEST] = counters[COUNT_FRAMES_TO_GUEST] + sent;
        counters[COUNT_BYTES_TO_GUEST] = counters[COUNT_BYTES_TO_GUEST] + this.#bytes;
      }
    }
    this.giveBack(sent);
    state.unlock(DELIVERY_LOCK);
    if (sent !== 0) this.signalGuest();
    const trace = this.context.trace;
    if (sent !== used && trace !== null && trace.wants(2, 0)) {
      trace.write(TRACE_NOT_DELIVERED, 0, this.channel, used - sent, this.refusal, 0, 0);
    }
    return sent;
  }

  /** Writes and publishes one transfer-page packet for the first `count` frames of the batch. Lock held, room checked. */
  #sendFrames(count: number): void {
    const first = this.entries[ENTRY_SECTION];
    const start = this.#beginMessage(first, count);
    if (this.#describe(count) !== 0) this.#prepareHeaders(count);
    if (this.committedLent !== 0) this.#handOverLent(count);
    this.#endMessage(start, 0, first, count);
  }

  /**
   * Writes the ranges of the first `count` frames where the ring stands, and their lengths into the RNDIS headers; chains
   * their sections. Not 0 if a header must be written anew, because it does not stand there from the last frame
   * without a tag. No call in the loop: behind one V8 asks again what each array is.
   */
  #describe(count: number): number {
    const words = this.state.words;
    const ring = this.outbound;
    const guest = this.guest.i32;
    const entries = this.entries;
    const size = this.sectionSize | 0;
    const sectionsAt = this.sectionsAt | 0;
    const next = this.state.next | 0;
    const prepared = this.state.prepared | 0;
    // A range is two words at a multiple of 8 bytes, in a ring of a multiple of 8: it is never cut in two.
    const data = ring.data | 0;
    const end = (data + (ring.dataBytes >>> 2)) | 0;
    const stop = count << ENTRY_SHIFT;
    let at = (data + ring.at) | 0;
    let bytes = 0;
    let others = 0;
    let previous = entries[ENTRY_SECTION];
    for (let entry = 0; entry < stop; entry = (entry + (1 << ENTRY_SHIFT)) | 0) {
      const section = entries[(entry + ENTRY_SECTION) | 0];
      const word = entries[(entry + ENTRY_LENGTH) | 0];
      const length = word & ENTRY_LENGTH_MASK;
      const place = Math.imul(section, size);
      const header = (sectionsAt + place) >>> 2;
      const message = (64 + length) | 0;
      guest[at] = message;
      guest[(at + 1) | 0] = place;
      guest[(header + 1) | 0] = message;
      guest[(header + 3) | 0] = length;
      others |= (word >>> ENTRY_TCI_SHIFT) | (words[(prepared + section) | 0] ^ PREPARED_PLAIN);
      words[(next + previous) | 0] = section;
      previous = section;
      bytes = (bytes + length) | 0;
      at = (at + 2) | 0;
      if (at === end) at = data;
    }
    words[next + previous] = -1;
    ring.at = at - data;
    this.#bytes = bytes;
    return others;
  }

  /** RNDIS headers of the first `count` frames, where they have a tag or what stands there is not from one without. */
  #prepareHeaders(count: number): void {
    const words = this.state.words;
    const entries = this.entries;
    const { prepared } = this.state;
    for (let i = 0; i < count; i++) {
      const section = entries[(i << ENTRY_SHIFT) + ENTRY_SECTION];
      const word = entries[(i << ENTRY_SHIFT) + ENTRY_LENGTH];
      const tci = word >>> ENTRY_TCI_SHIFT;
      if ((tci | (words[prepared + section] ^ PREPARED_PLAIN)) === 0) continue;
      const header = (this.sectionsAt + Math.imul(section, this.sectionSize)) >>> 2;
      writeRndisPacketHeader(this.guest.i32, header, word & ENTRY_LENGTH_MASK, tci);
      words[prepared + section] = tci === 0 ? PREPARED_PLAIN : 0;
    }
  }

  /** The guest has the lent ones among the first `count` frames' sections from now on. */
  #handOverLent(count: number): void {
    const words = this.state.words;
    const loans = this.state.loans;
    const entries = this.entries;
    for (let i = 0; i < count; i++) {
      const at = loans + entries[(i << ENTRY_SHIFT) + ENTRY_SECTION];
      if (words[at] === LOAN_ADAPTER) words[at] = LOAN_GUEST;
    }
  }

  /** Opens a transfer-page packet with `count` ranges; returns its place in the ring. Lock held, room checked. */
  #beginMessage(first: number, count: number): number {
    const state = this.state;
    const words = state.words;
    const ring = this.outbound;
    let serial = (words[SERIAL] + 1) | 0;
    if (serial === 0) serial = 1;
    words[SERIAL] = serial;
    words[state.serials + first] = serial;
    words[OUTSTANDING] = words[OUTSTANDING] + 1;
    const start = words[OUT_WRITE];
    const header = 24 + (count << 3);
    ring.seek(start);
    ring.beginPacket(VM_PKT_DATA_USING_XFER_PAGES, header, header + 32, 1, first, serial);
    ring.putPair(NETVSC_RECEIVE_BUFFER_ID, count);
    return start;
  }

  /** Writes the NVSP message behind the ranges and publishes the packet that began at `start`. */
  #endMessage(start: number, kind: number, first: number, count: number): void {
    const state = this.state;
    const ring = this.outbound;
    ring.putPair(NVSP_MSG1_TYPE_SEND_RNDIS_PKT, kind);
    ring.putPair(-1, 0); // the message is not in the send buffer
    ring.putPair(0, 0);
    ring.putPair(0, 0);
    ring.endPacket(start);
    this.publish();
    state.counters[COUNT_MESSAGES_TO_GUEST] = state.counters[COUNT_MESSAGES_TO_GUEST] + 1;
    const trace = this.context.trace;
    if (trace !== null && trace.level !== 0 && trace.wants(2, 0)) {
      trace.write(TRACE_MESSAGE, 0, this.channel, count, first, state.words[SERIAL], 0);
    }
  }

  /** An RNDIS control message for the guest, in a section of its own; false if there is no section or room. */
  protected sendControl(message: Int32Array, bytes: number): boolean {
    const state = this.state;
    const words = state.words;
    let fits = false;
    state.lock(DELIVERY_LOCK);
    const free = words[FREE_SECTIONS];
    if (free !== 0 && this.room() >= MESSAGE_OVERHEAD + 8) {
      const section = words[state.free + free - 1];
      words[FREE_SECTIONS] = free - 1;
      const at = (this.sectionsAt + Math.imul(section, this.sectionSize)) >>> 2;
      for (let i = 0; i < bytes >>> 2; i++) this.guest.i32[at + i] = message[i];
      words[state.prepared + section] = 0;
      words[state.next + section] = -1;
      const start = this.#beginMessage(section, 1);
      this.outbound.putPair(bytes, Math.imul(section, this.sectionSize));
      this.#endMessage(start, NVSP_RNDIS_CONTROL, section, 1);
      fits = true;
    }
    state.unlock(DELIVERY_LOCK);
    if (fits) this.signalGuest();
    return fits;
  }
}
