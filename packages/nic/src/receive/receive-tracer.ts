/**
 * Tells the story of received frames while the trace level is ALL: takes them one by one through the same
 * receive loop and writes down what it did, so tracing changes the speed and nothing else.
 */
import { type FrameConsumer, TRACE_ALL } from '@vmq/machine';
import { ADDRESS_RULES, explain, type NicExplanation } from '../filter/explain.ts';
import {
  MSIX_STRIDE,
  RCTL_NVGRE,
  REG,
  RX_QUEUE_STRIDE,
  RXCTL_SPLIT,
} from '../registers/register-constants.ts';
import {
  type DeviceState,
  Q_COMPLETIONS,
  Q_FLAGS,
  Q_HEAD,
  Q_HEADER_SIZE,
  Q_MASK,
  Q_RING,
  Q_SHIFT,
} from '../state/device-state.ts';
import type { ReceiveUnit } from './receive-unit.ts';
import { NIC_TRACE } from './trace-kinds.ts';

export class ReceiveTracer {
  readonly #state: DeviceState;
  readonly #receive: ReceiveUnit;
  readonly #wire: FrameConsumer;
  /** Stamp of the latest traced frame of each queue since the last publication; 0 = none. */
  readonly #stamps: Int32Array;

  constructor(state: DeviceState, receive: ReceiveUnit, wire: FrameConsumer) {
    this.#state = state;
    this.#receive = receive;
    this.#wire = wire;
    this.#stamps = new Int32Array(state.queueCount);
  }

  /** As `ReceiveUnit.receive(0, count)`. */
  take(count: number): number {
    const { context } = this.#state;
    for (let i = 0; i < count; i++) {
      const passedBefore = this.#receive.passed;
      const dropsBefore = this.#receive.drops.pending.slice();
      if (this.#receive.receive(i, i + 1) === i) return i; // waits for a descriptor: no story yet
      if (this.#receive.passed !== passedBefore) continue; // another engine's story
      const stamp = this.#receive.stamp;
      if (!context.trace.wants(TRACE_ALL, stamp)) continue;
      const drop = this.#receive.drops.pending.findIndex((frames, code) => frames !== dropsBefore[code]);
      this.#tell(i, stamp, drop);
    }
    return count;
  }

  #tell(i: number, stamp: number, drop: number): void {
    const { trace } = this.#state.context;
    const { u8 } = this.#wire;
    const offset = this.#wire.offsetOf(i);
    const story = explain(this.#state.tables, u8, offset, this.#wire.lengthOf(i));
    const [a, b, c, d, e, f] = story.destination as [number, number, number, number, number, number];
    const type = story.tci < 0 ? 12 : 16;
    const known = type + 1 < story.length;
    const etherType = known ? (u8[offset + type] << 8) | u8[offset + type + 1] : 0;
    const low = (a << 24) | (b << 16) | (c << 8) | d;
    trace.write(NIC_TRACE.FRAME, stamp, story.length, low, (e << 8) | f, story.tci, etherType);
    if (this.#state.receiveEnabled && this.#state.linkUp) this.#tellClassification(stamp, story);
    if (drop >= 0) trace.write(NIC_TRACE.DROP, stamp, drop, story.queue, 0, 0, 0);
    else this.#tellDelivery(stamp, story.queue);
  }

  #tellClassification(stamp: number, story: NicExplanation): void {
    const { trace } = this.#state.context;
    if ((this.#state.tables.rctl & RCTL_NVGRE) !== 0) {
      const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = story.inner ?? [];
      const first = (a << 24) | (b << 16) | (c << 8) | d;
      trace.write(NIC_TRACE.INNER_FRAME, stamp, first, story.inner === null ? -1 : (e << 8) | f, 0, 0, 0);
    }
    for (const test of story.tests) {
      const flags =
        (test.active ? 1 : 0) | (test.macEqual ? 2 : 0) | (test.vlanEqual ? 4 : 0) | (test.passes ? 8 : 0);
      trace.write(
        NIC_TRACE.FILTER_TEST,
        stamp,
        test.slot,
        test.queue,
        flags,
        (test.mode << 16) | test.vid,
        story.tci,
      );
    }
    if (story.rule !== 'not asked')
      trace.write(NIC_TRACE.ADDRESS_FILTER, stamp, ADDRESS_RULES.indexOf(story.rule), story.queue, 0, 0, 0);
    if (story.queue >= 0) trace.write(NIC_TRACE.QUEUE, stamp, story.queue, story.slot, 0, 0, 0);
  }

  /** The queue's state still shows the frame: it took the last descriptor. */
  #tellDelivery(stamp: number, queue: number): void {
    const { rxq, segments, context } = this.#state;
    const { trace } = context;
    const host = segments[0].i32;
    const q = queue << Q_SHIFT;
    const number = (rxq[q + Q_HEAD] - 1) | 0;
    const index = (number & rxq[q + Q_MASK]) * 4;
    const descriptor = rxq[q + Q_RING] + index;
    const completion = rxq[q + Q_COMPLETIONS] + index * 2;
    const segment = host[descriptor + 1];
    const offset = host[descriptor];
    const header = host[descriptor + 2];
    const split = (rxq[q + Q_FLAGS] & RXCTL_SPLIT) !== 0;
    const first = host[completion];
    const bytes = first & 0xffff;
    trace.write(NIC_TRACE.DESCRIPTOR, stamp, queue, number, segment, offset, split ? header : -1);
    const inHeader = split ? Math.min(bytes, rxq[q + Q_HEADER_SIZE]) : 0;
    if (inHeader > 0) trace.write(NIC_TRACE.DMA, stamp, host[descriptor + 3], header, inHeader, 0, 0);
    if (bytes > inHeader)
      trace.write(NIC_TRACE.DMA, stamp, segment, offset + inHeader, bytes - inHeader, 0, 0);
    const second = host[completion + 1];
    trace.write(NIC_TRACE.COMPLETION, stamp, queue, number, first, second, completion * 4);
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
