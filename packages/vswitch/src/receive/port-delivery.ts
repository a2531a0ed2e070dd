/**
 * Frames into a port's channel: sections of the guest's receive buffer, one message for the batch, then the
 * counting. The copy is the frame's only one on the host (SW-12), and happens after all checks (SEC-07).
 */
import type { AgentContext } from '@vmq/machine';
import { copyBytes, isFrameTooLong, TRACE_ALL, TRACE_DELIVERIES } from '@vmq/machine';
import { type ChannelHost, VMBUS_DROP_PACKET_FILTER, VMBUS_DROP_TOO_LONG } from '@vmq/vmbus';
import type { DeliveryNumbers } from '../model/delivery-numbers.ts';
import { DROP_PORT_DISCONNECTED, DROP_VMBUS } from '../model/drop-reasons.ts';
import type { FanOut } from '../model/fan-out.ts';
import { BATCH_FRAMES, FATE_DELIVERED, FATE_NONE, type FrameBatch } from '../model/frame-batch.ts';
import type { FrameEnds } from '../model/frame-ends.ts';
import {
  BYTES_COPIED,
  BYTES_TO_GUEST,
  DROPPED_TO_GUEST,
  FRAMES_TO_GUEST,
  PORT_COUNTER_STRIDE,
} from '../model/port-counters.ts';
import type { PortTable } from '../model/port-table.ts';
import { VSWITCH_TRACE } from '../model/trace.ts';
import { passesFilter } from './guest-packet-filter.ts';

const TOO_LONG = DROP_VMBUS + VMBUS_DROP_TOO_LONG;
const PACKET_FILTER = DROP_VMBUS + VMBUS_DROP_PACKET_FILTER;
const DELIVERY = VSWITCH_TRACE.DELIVERY;
const COPY = VSWITCH_TRACE.COPY;
const MESSAGE = VSWITCH_TRACE.MESSAGE;

export class PortDelivery {
  readonly #context: AgentContext;
  readonly #processor: number;
  readonly #ports: PortTable;
  readonly #numbers: DeliveryNumbers;
  readonly #counters: Float64Array;
  readonly #ends: FrameEnds;
  /** Frames of the batch that lie in sections of the open channel batch. */
  readonly #committed: Int32Array = new Int32Array(BATCH_FRAMES);

  constructor(
    context: AgentContext,
    processor: number,
    ports: PortTable,
    numbers: DeliveryNumbers,
    counters: Float64Array,
    ends: FrameEnds,
  ) {
    this.#context = context;
    this.#processor = processor;
    this.#ports = ports;
    this.#numbers = numbers;
    this.#counters = counters;
    this.#ends = ends;
  }

  /** Delivers what the fan-out holds, port by port. */
  deliver(batch: FrameBatch, fanOut: FanOut): void {
    for (let t = 0; t < fanOut.touchedCount; t++) this.#deliverTo(fanOut.touched[t], batch, fanOut);
    fanOut.clear();
  }

  /**
   * Ends the channel batch of `port`: writes its messages and takes the deliveries' numbers under the channel's lock.
   * Returns the frames delivered; {@link firstNumber} is the number of the first, if there are any.
   */
  endBatch(port: number, host: ChannelHost): number {
    const numbers = this.#numbers;
    const delivered = host.endBatch(numbers.words, numbers.at(port));
    this.firstNumber = (host.firstNumber + 1) | 0;
    return delivered;
  }

  /** Number of the first frame of the last {@link endBatch}. */
  firstNumber = 0;

  /** Counts frames that a port got, and those it should have got and did not. */
  count(port: number, frames: number, bytes: number, dropped: number): void {
    const counters = this.#counters;
    const row = port * PORT_COUNTER_STRIDE;
    counters[row + FRAMES_TO_GUEST] = counters[row + FRAMES_TO_GUEST] + frames;
    counters[row + BYTES_TO_GUEST] = counters[row + BYTES_TO_GUEST] + bytes;
    counters[row + DROPPED_TO_GUEST] = counters[row + DROPPED_TO_GUEST] + dropped;
  }

  /** Counts bytes copied into the guest's receive buffer. */
  countCopied(port: number, bytes: number): void {
    const at = port * PORT_COUNTER_STRIDE + BYTES_COPIED;
    this.#counters[at] = this.#counters[at] + bytes;
  }

  #deliverTo(port: number, batch: FrameBatch, fanOut: FanOut): void {
    const host = this.#ports.channels[port];
    const asked = fanOut.lengthOf[port];
    if (host === null || !host.beginBatch(asked)) {
      const reason = host === null ? DROP_PORT_DISCONNECTED : DROP_VMBUS + host.refusal;
      for (let e = fanOut.first[port]; e >= 0; e = fanOut.next[e]) {
        batch.reason[fanOut.frame[e]] = reason;
      }
      this.count(port, 0, 0, asked);
      return;
    }
    const trace = this.#context.trace;
    const to = this.#context.machine.memory.segment(host.segment);
    const committed = this.#committed;
    let frames = 0;
    for (let e = fanOut.first[port]; e >= 0; e = fanOut.next[e]) {
      const i = fanOut.frame[e];
      const length = batch.length[i];
      const tci = this.#ports.egressTci(port, batch.priority[i], batch.vlan[i]);
      const refusal = this.#refusal(i, batch, port, host, tci);
      const at = refusal >= 0 ? -1 : host.reserveSection();
      if (at < 0) {
        batch.reason[i] = refusal >= 0 ? refusal : DROP_VMBUS + host.refusal;
        continue;
      }
      const stamp = batch.stamp[i];
      copyBytes(batch.segments[i], batch.offset[i], to, at, length);
      host.commitFrame(length, tci, stamp);
      committed[frames++] = i;
      if (trace.level !== 0 && trace.wants(TRACE_ALL, stamp))
        trace.write(COPY, stamp, port, at, length, tci, 0);
    }
    const delivered = this.endBatch(port, host);
    if (trace.level !== 0) this.#traceDelivered(port, batch, delivered);
    let bytes = 0;
    let firstEnds = 0;
    for (let k = 0; k < delivered; k++) {
      const i = committed[k];
      bytes += batch.length[i];
      if (batch.fate[i] !== FATE_NONE) continue;
      batch.fate[i] = FATE_DELIVERED;
      firstEnds++;
    }
    if (delivered < frames) {
      const reason = DROP_VMBUS + host.refusal;
      for (let k = delivered; k < frames; k++) batch.reason[committed[k]] = reason;
    }
    this.#ends.delivered(firstEnds);
    this.#ends.copies(delivered - firstEnds);
    this.count(port, delivered, bytes, asked - delivered);
    this.countCopied(port, bytes);
  }

  /** Why the guest of `port` does not get frame `i`, whatever room it has; -1 if it does. */
  #refusal(i: number, batch: FrameBatch, port: number, host: ChannelHost, tci: number): number {
    const { macA, macB } = this.#ports;
    const a = batch.destinationA(i);
    const b = batch.destinationB(i);
    const isOwn = a === macA[port] && b === macB[port];
    if (!passesFilter(host, host.packetFilter, a, b, isOwn)) return PACKET_FILTER;
    const { u8 } = batch.segments[i];
    const length = batch.length[i];
    return isFrameTooLong(u8, batch.offset[i], length, host.maxFrameBytes, tci !== 0) ? TOO_LONG : -1;
  }

  #traceDelivered(port: number, batch: FrameBatch, delivered: number): void {
    const trace = this.#context.trace;
    const first = this.firstNumber;
    if (delivered !== 0 && trace.wants(TRACE_ALL, 0)) {
      trace.write(MESSAGE, 0, port, delivered, first, this.#processor, 0);
    }
    for (let k = 0; k < delivered; k++) {
      const i = this.#committed[k];
      const stamp = batch.stamp[i];
      if (!trace.wants(TRACE_DELIVERIES, stamp)) continue;
      const queueId = batch.queueId[i];
      const slot = batch.filterSlot[i];
      trace.write(DELIVERY, stamp, port, queueId, slot, this.#processor, (first + k) | 0);
    }
  }
}
