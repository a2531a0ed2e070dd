/**
 * The host's way to the guest: the batch's frames become one message in the host-to-guest ring, and a signal.
 *
 *   batch (host-batch.ts) ──RNDIS headers──> sections     guest's memory
 *           └──ranges──> transfer-page packet ──index──>  ring
 *
 * A message's transaction id is {its first section, a serial number}; the sections of one message are chained.
 * So a completion is checked with one comparison, and a second one for the same message never matches.
 */

import { TRACE_ALL } from '@vmq/machine';
import { VM_PKT_DATA_USING_XFER_PAGES } from '@vmq/vmbus';
import {
  VMBUS_DROP_NOT_OPEN,
  VMBUS_DROP_PACKET_FILTER,
  VMBUS_DROP_RING_FULL,
} from '../channel/channel-drop-reasons.ts';
import {
  ENTRY_LENGTH,
  ENTRY_LENGTH_MASK,
  ENTRY_SECTION,
  ENTRY_SHIFT,
  ENTRY_STAMP,
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
    state.lock(DELIVERY_LOCK);
    const sent = used === 0 ? 0 : this.#framesThatFit(used);
    if (sent !== 0) {
      this.#sendFrames(sent);
      if (numbers !== null) {
        this.firstNumber = numbers[at];
        numbers[at] = (this.firstNumber + sent) | 0;
      }
      state.counters[COUNT_FRAMES_TO_GUEST] += sent;
      state.counters[COUNT_BYTES_TO_GUEST] += this.#bytes;
    }
    const serial = state.words[SERIAL];
    this.giveBack(sent);
    state.unlock(DELIVERY_LOCK);
    if (sent !== 0) this.signalGuest();
    if (this.context.trace !== null && this.context.trace.level !== 0) this.#trace(used, sent, serial);
    return sent;
  }

  /** How many of the batch's frames can go now; why the rest cannot is {@link refusal}. Lock held. */
  #framesThatFit(used: number): number {
    const { state } = this;
    // Under the lock that also orders the answer to the guest's request: behind that one no frame comes any more.
    if (state.words[PACKET_FILTER] === 0) {
      this.refusal = VMBUS_DROP_PACKET_FILTER;
      return 0;
    }
    const room = state.looksIn(PHASE_OPEN) ? this.room() : -1;
    if (room < 0) {
      this.refusal = VMBUS_DROP_NOT_OPEN;
      return 0;
    }
    const fit = Math.min(used, Math.max(0, (room - MESSAGE_OVERHEAD) >> 3));
    if (fit === used) return used;
    this.context.machine.reach('vmbus.ring-to-guest-full');
    this.refusal = VMBUS_DROP_RING_FULL;
    return fit;
  }

  /** Tells what became of the batch, from its entries. */
  #trace(used: number, sent: number, serial: number): void {
    const { trace } = this.context;
    if (trace === null) return;
    for (let i = 0; i < used; i++) {
      const at = i << ENTRY_SHIFT;
      const stamp = this.entries[at + ENTRY_STAMP];
      if (!trace.wants(TRACE_ALL, stamp)) continue;
      const section = this.entries[at + ENTRY_SECTION];
      const word = this.entries[at + ENTRY_LENGTH];
      const [length, tci] = [word & ENTRY_LENGTH_MASK, word >>> ENTRY_TCI_SHIFT];
      trace.write(VMBUS_TRACE.FRAME_TO_GUEST, stamp, this.channel, section, length, tci, 0);
    }
    if (!trace.wants(TRACE_ALL, 0)) return;
    const first = this.entries[ENTRY_SECTION];
    if (sent !== 0) trace.write(VMBUS_TRACE.MESSAGE_TO_GUEST, 0, this.channel, sent, first, serial, 0);
    if (sent !== used)
      trace.write(VMBUS_TRACE.NOT_DELIVERED, 0, this.channel, used - sent, this.refusal, 0, 0);
  }

  /** Writes and publishes one transfer-page packet for the first `count` frames of the batch. Lock held, room checked. */
  #sendFrames(count: number): void {
    const first = this.entries[ENTRY_SECTION];
    const start = this.#beginMessage(first, count);
    if (this.#describe(count) !== 0) this.#prepareHeaders(count);
    if (this.committedLoaned !== 0) this.#handOverLoaned(count);
    this.#endMessage(start, 0);
  }

  /**
   * Writes the ranges of the first `count` frames where the ring stands, and their lengths into the RNDIS headers; chains
   * their sections. Not 0 if a header must be written anew, because it does not stand there from the last frame
   * without a tag.
   */
  #describe(count: number): number {
    const words = this.state.words;
    const ring = this.outbound;
    const guest = this.guest.i32;
    const entries = this.entries;
    const size = this.sectionSize;
    const { sectionsAt } = this;
    const { next, prepared } = this.state;
    // A range is two words at a multiple of 8 bytes, in a ring of a multiple of 8: it is never cut in two.
    const { data } = ring;
    const end = data + (ring.dataBytes >>> 2);
    const stop = count << ENTRY_SHIFT;
    let at = data + ring.at;
    let bytes = 0;
    let others = 0;
    let previous = entries[ENTRY_SECTION];
    for (let entry = 0; entry < stop; entry += 1 << ENTRY_SHIFT) {
      const section = entries[entry + ENTRY_SECTION];
      const word = entries[entry + ENTRY_LENGTH];
      const length = word & ENTRY_LENGTH_MASK;
      const place = Math.imul(section, size);
      const header = (sectionsAt + place) >>> 2;
      const message = 64 + length;
      guest[at] = message;
      guest[at + 1] = place;
      guest[header + 1] = message;
      guest[header + 3] = length;
      others |= (word >>> ENTRY_TCI_SHIFT) | (words[prepared + section] ^ PREPARED_PLAIN);
      words[next + previous] = section;
      previous = section;
      bytes += length;
      at += 2;
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

  /** The guest has those on loan among the first `count` frames' sections from now on. */
  #handOverLoaned(count: number): void {
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
  #endMessage(start: number, kind: number): void {
    const state = this.state;
    const ring = this.outbound;
    ring.putPair(NVSP_MSG1_TYPE_SEND_RNDIS_PKT, kind);
    ring.putPair(-1, 0); // the message is not in the send buffer
    ring.putPair(0, 0);
    ring.putPair(0, 0);
    ring.endPacket(start);
    this.publish();
    state.counters[COUNT_MESSAGES_TO_GUEST]++;
  }

  /** An RNDIS control message for the guest, in a section of its own; false if there is no section or room. */
  protected sendControl(message: Int32Array, bytes: number): boolean {
    const state = this.state;
    const words = state.words;
    let first = -1;
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
      this.#endMessage(start, NVSP_RNDIS_CONTROL);
      first = section;
    }
    const serial = words[SERIAL];
    state.unlock(DELIVERY_LOCK);
    if (first < 0) return false;
    this.signalGuest();
    const { trace } = this.context;
    if (trace?.wants(TRACE_ALL, 0) === true)
      trace.write(VMBUS_TRACE.MESSAGE_TO_GUEST, 0, this.channel, 1, first, serial, 0);
    return true;
  }
}
