/**
 * The short way of a VM queue's chain (SW-10): its port is found once, and per frame only the SEC-07 checks and
 * the learning of the source are left before the copy into the VM's memory.
 *
 *   chain of queue 5 ──port of queue 5──> per frame: MAC equal? VLAN equal? ──copy──> section ──one message──>
 */
import { type AgentContext, HOST_SEGMENT } from '@vmq/machine';
import type { NetBuffer, NetBufferList } from '@vmq/ndis';
import { type ChannelHost, copyFrame, VMBUS_DROP_TOO_LONG } from '@vmq/vmbus';
import { DROP_RUNT, DROP_VLAN_MISMATCH, DROP_VMBUS, DROP_WRONG_DESTINATION } from './drop-reasons.ts';
import { FrameGatherer } from './frame-gatherer.ts';
import type { LearnedMacTable } from './learned-mac-table.ts';
import { EXTERNAL_PORT } from './messages.ts';
import type { OrdinaryFrames } from './ordinary-frames.ts';
import type { PortDelivery } from './port-delivery.ts';
import type { PortTable } from './port-table.ts';
import type { QueueEnds } from './queue-ends.ts';

const TOO_LONG = DROP_VMBUS + VMBUS_DROP_TOO_LONG;
const VMBUS = DROP_VMBUS;
const RUNT = DROP_RUNT;
const WRONG_DESTINATION = DROP_WRONG_DESTINATION;
const VLAN_MISMATCH = DROP_VLAN_MISMATCH;
const EXTERNAL = EXTERNAL_PORT;
const HOST = HOST_SEGMENT;

export class QueueDelivery {
  /** The learned table and the ageing tick; set at publications and per chain. */
  learned: LearnedMacTable | null = null;
  readonly #context: AgentContext;
  readonly #ports: PortTable;
  readonly #delivery: PortDelivery;
  readonly #ends: QueueEnds;
  readonly #ordinary: OrdinaryFrames;
  readonly #gatherer: FrameGatherer = new FrameGatherer();
  /** Entries of the columns that hold frames. */
  #frames = 0;
  #bytes = 0;
  /** NBs seen. */
  #seen = 0;

  constructor(
    context: AgentContext,
    ports: PortTable,
    delivery: PortDelivery,
    ends: QueueEnds,
    ordinary: OrdinaryFrames,
  ) {
    this.#ordinary = ordinary;
    this.#context = context;
    this.#ports = ports;
    this.#delivery = delivery;
    this.#ends = ends;
  }

  /** Delivers a chain whose frames all came from the VM queue of `port`, which is connected. */
  deliver(chain: NetBufferList, count: number, port: number, queueId: number, tick: number): void {
    const host = this.#ports.channels[port] as ChannelHost | null;
    if (host === null || !host.beginBatch(count)) {
      this.#ends.dropAll(chain, port, host?.refusal ?? 0);
      return;
    }
    const learned = this.learned as LearnedMacTable;
    const ends = this.#ends;
    const tracing = ends.begin();
    const ordinary = this.#ordinary;
    ordinary.begin(learned, tick);
    this.#frames = this.#bytes = this.#seen = 0;
    let nbl: NetBufferList | null = chain;
    while (nbl !== null) {
      if (!tracing) {
        nbl = ordinary.take(nbl, port, host);
        this.#seen += ordinary.count;
        this.#frames += ordinary.count;
        this.#bytes += ordinary.bytes;
        if (nbl === null) break;
      }
      this.#deliverOne(nbl, port, host, learned, tick, tracing);
      nbl = nbl.next;
    }
    const frames = this.#frames;
    let bytes = this.#bytes;
    const delivered = this.#delivery.endBatch(port, host);
    for (let k = delivered; k < frames; k++) bytes -= host.columns.lengths[k] as number;
    ends.end(port, queueId, this.#seen, frames, delivered, bytes, host.refusal);
    this.#delivery.countCopied(port, bytes);
  }

  /** Delivers one NBL of whatever kind, with every check in its order and the trace. */
  #deliverOne(
    nbl: NetBufferList,
    port: number,
    host: ChannelHost,
    learned: LearnedMacTable,
    tick: number,
    tracing: boolean,
  ): void {
    const ports = this.#ports;
    const ends = this.#ends;
    const to = this.#context.machine.memory.segment(host.segment);
    const macA = ports.macA[port] as number;
    const macB = ports.macB[port] as number;
    const portVlan = ports.vlan[port] as number;
    const info = nbl.ieee8021QInfo | 0;
    const vlan = (info >>> 4) & 0xfff;
    for (let nb: NetBuffer | null = nbl.firstNetBuffer; nb !== null; nb = nb.next) {
      this.#seen++;
      let segment = nb.mdl.segment;
      let at = (nb.mdl.byteOffset + nb.dataOffset) | 0;
      let length = nb.dataLength | 0;
      if (
        (at & 7) !== 0 ||
        nb.mdl.next !== null ||
        segment.id !== HOST ||
        length > nb.mdl.byteCount - nb.dataOffset
      ) {
        // Judged in host memory alone, and never more than the MDLs say there is (SEC-06, SEC-08).
        at = this.#gatherer.gather(nb, 0);
        segment = this.#gatherer.segment;
        length = this.#gatherer.length;
      }
      const i32 = segment.i32;
      const w1 = i32[(at >> 2) + 1] as number;
      const addressed = i32[at >> 2] === macA && (w1 & 0xffff) === macB;
      if (tracing) ends.traceCheck(nbl.stamp, port, vlan, portVlan, addressed, length);
      if (length < 14 || !addressed || vlan !== portVlan) {
        ends.drop(
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
      if ((sourceA & 1) === 0) {
        if (learned.learn(sourceA, sourceB, EXTERNAL, tick) && tracing)
          ends.traceLearned(nbl.stamp, sourceA, sourceB);
        this.#ordinary.note(port, sourceA, sourceB);
      }
      const section = length > host.maxFrameBytes ? -1 : host.reserveSection();
      if (section < 0) {
        const reason = length > host.maxFrameBytes ? TOO_LONG : VMBUS + host.refusal;
        ends.drop(reason, nbl.stamp, port, macA, macB);
        continue;
      }
      const tci = info === 0 ? 0 : ports.egressTci(port, ((info & 7) << 13) | ((info & 8) << 9), vlan);
      copyFrame(segment, at, to, section, length);
      host.commitFrame(length, tci, nbl.stamp);
      this.#frames++;
      this.#bytes += length;
      if (tracing) ends.traceCommitted(nbl, port, section, length, tci, 0);
    }
  }
}
