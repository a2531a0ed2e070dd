/**
 * The short way of a VM queue's chain (SW-10): its port is found once, and per frame only the SEC-07 checks and
 * the learning of the source are left before the copy into the VM's memory.
 *
 *   chain of queue 5 ──port of queue 5──> per frame: MAC equal? VLAN equal? ──copy──> section ──one message──>
 */
import { type AgentContext, TRACE_ALL, TRACE_DELIVERIES } from '@vmq/machine';
import type { NetBuffer, NetBufferList } from '@vmq/ndis';
import { type ChannelHost, copyFrame, VMBUS_DROP_TOO_LONG } from '@vmq/vmbus';
import {
  DROP_RUNT,
  DROP_VLAN_MISMATCH,
  DROP_VMBUS,
  DROP_WRONG_DESTINATION,
  SWITCH_END_REASONS,
} from './drop-reasons.ts';
import type { FrameEnds } from './frame-ends.ts';
import { FrameGatherer } from './frame-gatherer.ts';
import type { LearnedMacTable } from './learned-mac-table.ts';
import { EXTERNAL_PORT } from './messages.ts';
import type { PortDelivery } from './port-delivery.ts';
import type { PortTable } from './port-table.ts';
import { VSWITCH_TRACE } from './trace.ts';

const TOO_LONG = DROP_VMBUS + VMBUS_DROP_TOO_LONG;
const VMBUS = DROP_VMBUS;
const RUNT = DROP_RUNT;
const WRONG_DESTINATION = DROP_WRONG_DESTINATION;
const VLAN_MISMATCH = DROP_VLAN_MISMATCH;
const EXTERNAL = EXTERNAL_PORT;

export class QueueDelivery {
  /** The learned table and the ageing tick; set at publications and per chain. */
  learned: LearnedMacTable | null = null;
  readonly #context: AgentContext;
  readonly #processor: number;
  readonly #ports: PortTable;
  readonly #delivery: PortDelivery;
  readonly #ends: FrameEnds;
  readonly #gatherer: FrameGatherer = new FrameGatherer();
  readonly #drops: Int32Array = new Int32Array(SWITCH_END_REASONS.length);
  /** Lengths of committed frames: what the ring then has no room for is taken off again. */
  #lengths: Int32Array = new Int32Array(512);
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

  /** Delivers a chain whose frames all came from the VM queue of `port`, which is connected. */
  deliver(chain: NetBufferList, count: number, port: number, queueId: number, tick: number): void {
    const ports = this.#ports;
    const host = ports.channels[port] as ChannelHost | null;
    if (host === null || !host.beginBatch(count)) {
      this.#dropAll(chain, port, host);
      return;
    }
    const learned = this.learned as LearnedMacTable;
    const to = this.#context.machine.memory.segment(host.segment);
    const longest = host.maxFrameBytes;
    const macA = ports.macA[port] as number;
    const macB = ports.macB[port] as number;
    const portVlan = ports.vlan[port] as number;
    const tracing = this.#context.trace.level !== 0;
    if (tracing) this.#stamps.length = this.#slots.length = 0;
    let frames = 0;
    let seen = 0;
    let bytes = 0;
    let lastA = 0;
    let lastB = 0;
    if (this.#lengths.length < count) this.#lengths = new Int32Array(2 * count);
    const lengths = this.#lengths;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      const info = nbl.ieee8021QInfo | 0;
      const vlan = (info >>> 4) & 0xfff;
      for (let nb: NetBuffer | null = nbl.firstNetBuffer; nb !== null; nb = nb.next) {
        seen++;
        let segment = nb.mdl.segment;
        let at = (nb.mdl.byteOffset + nb.dataOffset) | 0;
        let length = nb.dataLength | 0;
        if ((at & 7) !== 0 || nb.mdl.next !== null) {
          at = this.#gatherer.gather(nb, 0);
          segment = this.#gatherer.segment;
          length = this.#gatherer.length;
        }
        const i32 = segment.i32;
        const w1 = i32[(at >> 2) + 1] as number;
        const addressed = i32[at >> 2] === macA && (w1 & 0xffff) === macB;
        if (tracing) this.#traceCheck(nbl.stamp, port, vlan, portVlan, addressed, length);
        if (length < 14 || !addressed || vlan !== portVlan) {
          this.#drop(
            length < 14 ? RUNT : addressed ? VLAN_MISMATCH : WRONG_DESTINATION,
            nbl.stamp,
            port,
            i32[at >> 2] as number,
            (w1 & 0xffff) | (vlan << 16),
          );
          continue;
        }
        const w2 = i32[(at >> 2) + 2] as number;
        const sourceA = (w1 >>> 16) | (w2 << 16);
        const sourceB = (w2 >>> 16) | (vlan << 16);
        if ((sourceA !== lastA || sourceB !== lastB) && (sourceA & 1) === 0) {
          lastA = sourceA;
          lastB = sourceB;
          if (learned.learn(sourceA, sourceB, EXTERNAL, tick) && tracing) {
            this.#traceLearned(nbl.stamp, sourceA, sourceB);
          }
        }
        const section = length > longest ? -1 : host.reserveSection();
        if (section < 0) {
          this.#drop(length > longest ? TOO_LONG : VMBUS + host.refusal, nbl.stamp, port, macA, macB);
          continue;
        }
        const tci = info === 0 ? 0 : ports.egressTci(port, ((info & 7) << 13) | ((info & 8) << 9), vlan);
        copyFrame(segment, at, to, section, length);
        host.commitFrame(length, tci, nbl.stamp);
        lengths[frames++] = length;
        bytes += length;
        if (tracing) this.#noteCommitted(nbl, port, section, length, tci);
      }
    }
    const delivered = this.#delivery.endBatch(port, host);
    if (delivered < frames) {
      this.#drops[VMBUS + host.refusal] = (this.#drops[VMBUS + host.refusal] as number) + frames - delivered;
      for (let k = delivered; k < frames; k++) bytes -= lengths[k] as number;
    }
    if (tracing) this.#traceDelivered(port, queueId, delivered, host.refusal);
    this.#ends.delivered(delivered);
    if (delivered !== seen) this.#countDrops();
    this.#delivery.count(port, delivered, bytes, seen - delivered);
  }

  #dropAll(chain: NetBufferList, port: number, host: ChannelHost | null): void {
    let seen = 0;
    const reason = VMBUS + (host?.refusal ?? 0);
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      for (let nb: NetBuffer | null = nbl.firstNetBuffer; nb !== null; nb = nb.next) {
        seen++;
        this.#drop(
          reason,
          nbl.stamp,
          port,
          this.#ports.macA[port] as number,
          this.#ports.macB[port] as number,
        );
      }
    }
    this.#countDrops();
    this.#delivery.count(port, 0, 0, seen);
  }

  #drop(reason: number, stamp: number, port: number, a: number, b: number): void {
    this.#drops[reason] = (this.#drops[reason] as number) + 1;
    const trace = this.#context.trace;
    if (trace.level !== 0 && trace.wants(TRACE_DELIVERIES, stamp)) {
      trace.write(VSWITCH_TRACE.DROP, stamp, reason, port, a, b, 0);
    }
  }

  #countDrops(): void {
    for (let reason = 0; reason < this.#drops.length; reason++) {
      const frames = this.#drops[reason] as number;
      if (frames === 0) continue;
      this.#ends.dropped(reason, frames);
      this.#drops[reason] = 0;
    }
  }

  #traceCheck(
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
    const b = (macB[port] as number) | (vlan << 16);
    trace.write(VSWITCH_TRACE.RECEIVED, stamp, queueId[port] as number, 1, macA[port] as number, b, length);
    const same = vlan === portVlan ? 1 : 0;
    trace.write(VSWITCH_TRACE.QUEUE_CHECK, stamp, port, vlan, portVlan, addressed ? 1 : 0, same);
  }

  #traceLearned(stamp: number, a: number, b: number): void {
    const trace = this.#context.trace;
    if (trace.wants(TRACE_ALL, stamp)) trace.write(VSWITCH_TRACE.LEARNED, stamp, a, b, EXTERNAL, 0, 0);
  }

  #noteCommitted(nbl: NetBufferList, port: number, section: number, length: number, tci: number): void {
    this.#stamps.push(nbl.stamp);
    this.#slots.push(nbl.filterSlot);
    const trace = this.#context.trace;
    if (trace.wants(TRACE_ALL, nbl.stamp)) {
      trace.write(VSWITCH_TRACE.COPY, nbl.stamp, port, section, length, tci, 0);
    }
  }

  #traceDelivered(port: number, queueId: number, delivered: number, refusal: number): void {
    const trace = this.#context.trace;
    const first = this.#delivery.firstNumber;
    if (delivered !== 0 && trace.wants(TRACE_ALL, 0)) {
      trace.write(VSWITCH_TRACE.MESSAGE, 0, port, delivered, first, this.#processor, 0);
    }
    for (let k = 0; k < this.#stamps.length; k++) {
      const stamp = this.#stamps[k] as number;
      if (!trace.wants(TRACE_DELIVERIES, stamp)) continue;
      if (k < delivered) {
        const slot = this.#slots[k] as number;
        trace.write(VSWITCH_TRACE.DELIVERY, stamp, port, queueId, slot, this.#processor, (first + k) | 0);
      } else {
        const { macA, macB } = this.#ports;
        trace.write(
          VSWITCH_TRACE.DROP,
          stamp,
          VMBUS + refusal,
          port,
          macA[port] as number,
          macB[port] as number,
          0,
        );
      }
    }
  }
}
