/**
 * What becomes of a VM queue's frames, as it is counted and traced: the checks, the drops by reason, and once the
 * channel has taken the batch, the deliveries with their numbers.
 */

import type { NetBuffer, NetBufferList } from '@vmq/ddi';
import { type AgentContext, TRACE_ALL, TRACE_DELIVERIES } from '@vmq/machine';
import { DROP_VMBUS, SWITCH_END_REASONS } from '../model/drop-reasons.ts';
import type { FrameEnds } from '../model/frame-ends.ts';
import { EXTERNAL_PORT } from '../model/messages.ts';
import type { PortTable } from '../model/port-table.ts';
import { VSWITCH_TRACE } from '../model/trace.ts';
import type { PortDelivery } from './port-delivery.ts';

export class QueueEnds {
  readonly #context: AgentContext;
  readonly #processor: number;
  readonly #ports: PortTable;
  readonly #delivery: PortDelivery;
  readonly #ends: FrameEnds;
  readonly #drops: Int32Array = new Int32Array(SWITCH_END_REASONS.length);
  /** Stamps and filter slots of committed frames; filled only while tracing. */
  #stamps: number[] = [];
  #slots: number[] = [];

  constructor(
    context: AgentContext,
    processor: number,
    ports: PortTable,
    delivery: PortDelivery,
    ends: FrameEnds,
  ) {
    this.#context = context;
    this.#processor = processor;
    this.#ports = ports;
    this.#delivery = delivery;
    this.#ends = ends;
  }

  /** Begins a batch; true if anything is traced. */
  begin(): boolean {
    const tracing = this.#context.trace.level !== 0;
    if (tracing) this.#stamps.length = this.#slots.length = 0;
    return tracing;
  }

  /** One frame goes nowhere, for a reason of SWITCH_END_REASONS; `a`, `b` are its destination key. */
  drop(reason: number, stamp: number, port: number, a: number, b: number): void {
    this.#drops[reason] = this.#drops[reason] + 1;
    const trace = this.#context.trace;
    if (trace.level !== 0 && trace.wants(TRACE_DELIVERIES, stamp)) {
      trace.write(VSWITCH_TRACE.DROP, stamp, reason, port, a, b, 0);
    }
  }

  /** All frames of a chain for a port that takes none, for a reason of SWITCH_END_REASONS. */
  dropAll(chain: NetBufferList, port: number, reason: number): void {
    let seen = 0;
    const a = this.#ports.macA[port];
    const b = this.#ports.macB[port];
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      for (let nb: NetBuffer | null = nbl.firstNetBuffer; nb !== null; nb = nb.next) {
        seen++;
        this.drop(reason, nbl.stamp, port, a, b);
      }
    }
    this.#countDrops();
    this.#delivery.count(port, 0, 0, seen);
  }

  /**
   * Of `seen` frames `committed` went into the batch, and the channel took the first `delivered` with `bytes` bytes;
   * the rest found no room there. Counts them all.
   */
  end(
    port: number,
    queueId: number,
    seen: number,
    committed: number,
    delivered: number,
    bytes: number,
    refusal: number,
  ): void {
    const late = DROP_VMBUS + refusal;
    if (delivered < committed) this.#drops[late] = this.#drops[late] + committed - delivered;
    if (this.#context.trace.level !== 0) this.#traceDelivered(port, queueId, delivered, refusal);
    this.#ends.delivered(delivered);
    if (delivered !== seen) this.#countDrops();
    this.#delivery.count(port, delivered, bytes, seen - delivered);
  }

  #countDrops(): void {
    for (let reason = 0; reason < this.#drops.length; reason++) {
      const frames = this.#drops[reason];
      if (frames === 0) continue;
      this.#ends.dropped(reason, frames);
      this.#drops[reason] = 0;
    }
  }

  traceCheck(
    stamp: number,
    port: number,
    vlan: number,
    portVlan: number,
    addressed: boolean,
    length: number,
  ): void {
    const trace = this.#context.trace;
    if (!trace.wants(TRACE_ALL, stamp)) return;
    const { macA, macB, queueId } = this.#ports;
    const b = macB[port] | (vlan << 16);
    trace.write(VSWITCH_TRACE.RECEIVED, stamp, queueId[port], 1, macA[port], b, length);
    const same = vlan === portVlan ? 1 : 0;
    trace.write(VSWITCH_TRACE.QUEUE_CHECK, stamp, port, vlan, portVlan, addressed ? 1 : 0, same);
  }

  traceLearned(stamp: number, a: number, b: number): void {
    const trace = this.#context.trace;
    if (trace.wants(TRACE_ALL, stamp)) trace.write(VSWITCH_TRACE.LEARNED, stamp, a, b, EXTERNAL_PORT, 0, 0);
  }

  /** A frame is committed: `copied` of its bytes went to byte offset `at`, the rest (`inPlace`) lay there already. */
  traceCommitted(
    nbl: NetBufferList,
    port: number,
    at: number,
    copied: number,
    tci: number,
    inPlace: number,
  ): void {
    this.#stamps.push(nbl.stamp);
    this.#slots.push(nbl.filterSlot);
    const trace = this.#context.trace;
    if (trace.wants(TRACE_ALL, nbl.stamp)) {
      trace.write(VSWITCH_TRACE.COPY, nbl.stamp, port, at, copied, tci, inPlace);
    }
  }

  #traceDelivered(port: number, queueId: number, delivered: number, refusal: number): void {
    const trace = this.#context.trace;
    const first = this.#delivery.firstNumber;
    if (delivered !== 0 && trace.wants(TRACE_ALL, 0)) {
      trace.write(VSWITCH_TRACE.MESSAGE, 0, port, delivered, first, this.#processor, 0);
    }
    const { macA, macB } = this.#ports;
    for (let k = 0; k < this.#stamps.length; k++) {
      const stamp = this.#stamps[k];
      if (!trace.wants(TRACE_DELIVERIES, stamp)) continue;
      if (k < delivered) {
        const slot = this.#slots[k];
        trace.write(VSWITCH_TRACE.DELIVERY, stamp, port, queueId, slot, this.#processor, (first + k) | 0);
      } else {
        const a = macA[port];
        const b = macB[port];
        trace.write(VSWITCH_TRACE.DROP, stamp, DROP_VMBUS + refusal, port, a, b, 0);
      }
    }
  }
}
