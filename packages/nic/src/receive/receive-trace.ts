/**
 * Writes the trace of received frames, behind the loop: it reads the records of a batch, completions and dropped frames,
 * and tells of each frame in the order of the wire. It judges nothing. Beside the verdict it prints the tests that the
 * filter unit makes of such a frame, by `explain`; should those come to something else, it says so (VERDICT_DIFFERS).
 */
import { type FrameConsumer, TRACE_ALL } from '@vmq/machine';
import { compareVerdict } from '../filter/compare-verdict.ts';
import { explain, type NicExplanation } from '../filter/explain.ts';
import {
  COMPLETION_BYTES,
  DESCRIPTOR_BYTES,
  RXC_SPLIT,
  RXC_STAMP,
  RXD_HEADER_OFFSET,
  RXD_HEADER_SEGMENT,
  RXD_PACKET_OFFSET,
  RXD_PACKET_SEGMENT,
} from '../registers/descriptors.ts';
import { MSIX_STRIDE, RCTL_NVGRE, REG, RX_QUEUE_STRIDE } from '../registers/register-constants.ts';
import {
  type DeviceState,
  Q_COMPLETIONS,
  Q_HEAD,
  Q_MASK,
  Q_PUBLISHED,
  Q_RING,
  Q_SHIFT,
} from '../state/device-state.ts';
import { DROP_LINK_DOWN, DROP_RX_DISABLED } from '../state/drop-reasons.ts';
import {
  DROP_STAMP,
  dropEntry,
  type ReceiveRecord,
  readCompletion,
  readDroppedFrame,
} from '../state/receive-record.ts';
import { NIC_TRACE, VERDICT_PARTS } from '../state/trace-kinds.ts';
import { NIC_BATCH, type ReceiveUnit } from './receive-unit.ts';

/** In place of a queue, for a frame of the batch: it was dropped; it was passed over. */
const DROPPED = -1;
const PASSED = -2;

export class ReceiveTrace {
  readonly #state: DeviceState;
  readonly #receive: ReceiveUnit;
  readonly #wire: FrameConsumer;
  /** For each frame of the batch its queue, and the free-running number of its completion or drop entry. */
  readonly #queue: Int32Array = new Int32Array(NIC_BATCH);
  readonly #number: Int32Array = new Int32Array(NIC_BATCH);
  /** Stamp of the latest traced frame of each queue since the last publication; 0 = none. */
  readonly #stamps: Int32Array;

  constructor(state: DeviceState, receive: ReceiveUnit, wire: FrameConsumer) {
    this.#state = state;
    this.#receive = receive;
    this.#wire = wire;
    this.#stamps = new Int32Array(state.queueCount);
  }

  /** True if anything is to be written. */
  get isOn(): boolean {
    return this.#state.context.trace.level >= TRACE_ALL;
  }

  /** Tells of the `taken` frames with stamps from `first` on, which the loop has just taken; they are not released yet. */
  tellFrames(taken: number, first: number): void {
    const { trace } = this.#state.context;
    const only = trace.onlyStamp - first;
    if (trace.onlyStamp !== 0 && !(only >= 0 && only < taken)) return;
    this.#findRecords(taken, first);
    for (let i = 0; i < taken; i++)
      if (this.#queue[i] !== PASSED && trace.wants(TRACE_ALL, first + i)) this.#tell(i);
  }

  /** Which record is whose: completions of a queue and dropped frames are each in the order of their stamps. */
  #findRecords(taken: number, first: number): void {
    const { rxq, words, segments } = this.#state;
    const { drops, touched, touchedCount } = this.#receive;
    this.#queue.fill(PASSED, 0, taken);
    const note = (stamp: number, queue: number, number: number): void => {
      const i = stamp - first;
      // Completions lie where the driver may write.
      if (!(i >= 0 && i < taken)) return;
      this.#queue[i] = queue;
      this.#number[i] = number;
    };
    for (let k = 0; k < touchedCount; k++) {
      const q = touched[k] << Q_SHIFT;
      const head = rxq[q + Q_HEAD];
      for (let number = rxq[q + Q_PUBLISHED]; number !== head; number = (number + 1) | 0)
        note(segments[0].i32[this.#completion(q, number) + RXC_STAMP], touched[k], number);
    }
    for (let number = drops.counted; number !== drops.count; number = (number + 1) | 0)
      note(words[dropEntry(drops.ring, number) + DROP_STAMP], DROPPED, number);
  }

  /** Word index of a queue's completion; of its descriptor likewise. */
  #completion(q: number, number: number): number {
    const { rxq } = this.#state;
    return rxq[q + Q_COMPLETIONS] + (number & rxq[q + Q_MASK]) * (COMPLETION_BYTES >> 2);
  }

  #descriptor(q: number, number: number): number {
    const { rxq } = this.#state;
    return rxq[q + Q_RING] + (number & rxq[q + Q_MASK]) * (DESCRIPTOR_BYTES >> 2);
  }

  #tell(i: number): void {
    const { words, segments, context, tables } = this.#state;
    const { trace } = context;
    const queue = this.#queue[i];
    const number = this.#number[i];
    const record =
      queue === DROPPED
        ? readDroppedFrame(words, dropEntry(this.#receive.drops.ring, number))
        : readCompletion(segments[0].i32, this.#completion(queue << Q_SHIFT, number));
    const { stamp, drop } = record;
    const offset = this.#wire.offsetOf(i);
    const story = explain(tables, this.#wire.u8, offset, this.#wire.lengthOf(i));
    const { destination } = story;
    const low = word(destination, 0);
    const high = word(destination, 2) & 0xffff;
    trace.write(NIC_TRACE.FRAME, stamp, record.length, low, high, record.tci, record.etherType);
    if (drop !== DROP_LINK_DOWN && drop !== DROP_RX_DISABLED) this.#tellClassification(record, story);
    for (const { part, recorded, explained } of compareVerdict(record, story)) {
      trace.write(NIC_TRACE.VERDICT_DIFFERS, stamp, VERDICT_PARTS.indexOf(part), recorded, explained, 0, 0);
    }
    if (queue === DROPPED) trace.write(NIC_TRACE.DROP, stamp, drop, record.queue, 0, 0, 0);
    else this.#tellDelivery(record, queue, number);
  }

  #tellClassification(record: ReceiveRecord, story: NicExplanation): void {
    const { trace } = this.#state.context;
    const { stamp, tci } = record;
    if ((this.#state.tables.rctl & RCTL_NVGRE) !== 0) {
      const inner = story.inner ?? [];
      const high = story.inner === null ? -1 : word(inner, 2) & 0xffff;
      trace.write(NIC_TRACE.INNER_FRAME, stamp, word(inner, 0), high, 0, 0, 0);
    }
    for (const test of story.tests) {
      const flags =
        (test.active ? 1 : 0) | (test.macEqual ? 2 : 0) | (test.vlanEqual ? 4 : 0) | (test.passes ? 8 : 0);
      const vlan = (test.mode << 16) | test.vid;
      trace.write(NIC_TRACE.FILTER_TEST, stamp, test.slot, test.queue, flags, vlan, tci);
    }
    if (record.rule !== 0) trace.write(NIC_TRACE.ADDRESS_FILTER, stamp, record.rule, record.queue, 0, 0, 0);
    if (record.queue >= 0) trace.write(NIC_TRACE.QUEUE, stamp, record.queue, record.slot, 0, 0, 0);
  }

  #tellDelivery(record: ReceiveRecord, queue: number, number: number): void {
    const { segments, context } = this.#state;
    const { trace } = context;
    const { stamp, headerBytes } = record;
    const host = segments[0].i32;
    const q = queue << Q_SHIFT;
    const descriptor = this.#descriptor(q, number);
    const completion = this.#completion(q, number);
    const segment = host[descriptor + RXD_PACKET_SEGMENT];
    const offset = host[descriptor + RXD_PACKET_OFFSET];
    const header = host[descriptor + RXD_HEADER_OFFSET];
    const first = host[completion];
    const split = (first & RXC_SPLIT) !== 0;
    trace.write(NIC_TRACE.DESCRIPTOR, stamp, queue, number, segment, offset, split ? header : -1);
    if (headerBytes > 0)
      trace.write(NIC_TRACE.DMA, stamp, host[descriptor + RXD_HEADER_SEGMENT], header, headerBytes, 0, 0);
    const rest = (first & 0xffff) - headerBytes;
    if (rest > 0) trace.write(NIC_TRACE.DMA, stamp, segment, offset + headerBytes, rest, 0, 0);
    trace.write(NIC_TRACE.COMPLETION, stamp, queue, number, first, host[completion + 1], completion * 4);
    this.#stamps[queue] = stamp;
  }

  /** After the publication of a batch that touched `count` queues. */
  tellInterrupts(count: number): void {
    const { words, context } = this.#state;
    for (let k = 0; k < count; k++) {
      const queue = this.#receive.touched[k];
      const stamp = this.#stamps[queue];
      this.#stamps[queue] = 0;
      const result = this.#receive.interruptResult[k];
      if (stamp === 0 || result < 0) continue;
      const entry = words[(REG.RXENTRY + queue * RX_QUEUE_STRIDE) >> 2];
      const message = (REG.MSIXADDRLO + (entry & 0xff) * MSIX_STRIDE) >> 2;
      const address = words[message];
      context.trace.write(NIC_TRACE.INTERRUPT, stamp, queue, entry, result, address, words[message + 2]);
    }
  }
}

/** Four bytes of an address as the trace shows them, the first in bits 31..24; 0 for bytes that are not there. */
function word(bytes: readonly number[], from: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(from, from + 4);
  return (a << 24) | (b << 16) | (c << 8) | d;
}
