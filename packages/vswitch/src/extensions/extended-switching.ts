/**
 * Switching on a processor whose switch has extensions: the batch is gathered first and decided as a whole, so that
 * extensions see it before and after the switch's policy (SW-26). Without extensions nothing here exists, and each
 * frame is decided as it comes.
 *
 *   take / noteGuestFrame ─> batch ─> decide: ingress ─ policy ─ egress ─ wire ─> (delivery) ─> complete
 *
 * A VM queue's chain keeps the queue's short policy: its port without a lookup, after the checks of SEC-07.
 */

import type { NetBuffer, NetBufferList } from '@vmq/ddi';
import { type AgentContext, TRACE_ALL } from '@vmq/machine';
import type { Forwarder } from '../forwarding/forwarder.ts';
import type { GuestFramePolicy } from '../forwarding/guest-frame-policy.ts';
import { DROP_RUNT, DROP_VLAN_MISMATCH, DROP_WRONG_DESTINATION } from '../model/drop-reasons.ts';
import type { FanOut } from '../model/fan-out.ts';
import { BATCH_FRAMES, FATE_WIRE, type FrameBatch } from '../model/frame-batch.ts';
import { EXTERNAL_PORT } from '../model/messages.ts';
import type { PortTable } from '../model/port-table.ts';
import { VSWITCH_TRACE } from '../model/trace.ts';
import type { ExtensionPath } from './extension-path.ts';

export class ExtendedSwitching {
  readonly #context: AgentContext;
  readonly #ports: PortTable;
  readonly #batch: FrameBatch;
  readonly #fanOut: FanOut;
  readonly #forwarder: Forwarder;
  readonly #guests: GuestFramePolicy;
  readonly #path: ExtensionPath;
  /** Port of the VM queue that frame i came on, -1 = default queue or a guest. */
  readonly #queuePort: Int32Array = new Int32Array(BATCH_FRAMES);

  constructor(
    context: AgentContext,
    ports: PortTable,
    batch: FrameBatch,
    fanOut: FanOut,
    forwarder: Forwarder,
    guests: GuestFramePolicy,
    path: ExtensionPath,
  ) {
    this.#context = context;
    this.#ports = ports;
    this.#batch = batch;
    this.#fanOut = fanOut;
    this.#forwarder = forwarder;
    this.#guests = guests;
    this.#path = path;
    forwarder.defersSends = true;
  }

  /** Puts a received chain into the batch; `port` is the port of its VM queue or -1. `flush` empties a full batch. */
  take(chain: NetBufferList, port: number, flush: () => void): void {
    const batch = this.#batch;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      const info = nbl.ieee8021QInfo | 0;
      for (let nb: NetBuffer | null = nbl.firstNetBuffer; nb !== null; nb = nb.next) {
        if (batch.isFull) flush();
        const { mdl } = nb;
        const i = batch.add(mdl.segment, mdl.byteOffset + nb.dataOffset, nb.dataLength, EXTERNAL_PORT);
        batch.vlan[i] = (info >>> 4) & 0xfff;
        batch.priority[i] = ((info & 7) << 13) | ((info & 8) << 9);
        batch.stamp[i] = nbl.stamp;
        batch.queueId[i] = nbl.filteringInfo >>> 16;
        batch.filterSlot[i] = nbl.filterSlot;
        this.#queuePort[i] = port;
        this.#path.noteNetBuffer(i, nb);
      }
    }
    flush();
  }

  /** Frame `i` of the batch came from a guest; tag and VLAN have been noted. */
  noteGuestFrame(i: number): void {
    this.#queuePort[i] = -1;
    this.#path.noteHostCopy(i);
  }

  /** Decides for the whole batch: afterwards fan-out, send chain and reasons are as without extensions. */
  decide(source: number): void {
    const path = this.#path;
    const tick = this.#forwarder.tick();
    path.ingress();
    for (let k = 0; k < path.count; k++) {
      const i = path.index[k];
      if (source !== EXTERNAL_PORT) this.#guests.judge(i);
      else this.#judgeReceived(i, tick);
    }
    path.egress();
    const batch = this.#batch;
    for (let i = 0; i < batch.count; i++) if (batch.fate[i] === FATE_WIRE) this.#forwarder.sendToWire(i);
  }

  complete(): void {
    this.#path.complete();
  }

  #judgeReceived(i: number, tick: number): void {
    const batch = this.#batch;
    const ports = this.#ports;
    const port = this.#queuePort[i];
    const vlan = batch.vlan[i];
    this.#traceReceived(i, port);
    if (batch.length[i] < 14) {
      batch.reason[i] = DROP_RUNT;
      return;
    }
    if (port >= 0) {
      const addressed =
        batch.destinationA(i) === ports.macA[port] && batch.destinationB(i) === ports.macB[port];
      const member = vlan === ports.vlan[port];
      this.#traceQueueCheck(i, port, addressed, member);
      if (!addressed || !member) {
        batch.reason[i] = addressed ? DROP_VLAN_MISMATCH : DROP_WRONG_DESTINATION;
        return;
      }
    }
    const { i32 } = batch.segments[i];
    const word = batch.offset[i] >> 2;
    const w1 = i32[word + 1];
    const w2 = i32[word + 2];
    this.#forwarder.learn(i, (w1 >>> 16) | (w2 << 16), (w2 >>> 16) | (vlan << 16), tick);
    if (port < 0) {
      this.#forwarder.forward(i);
      return;
    }
    const refusal = this.#forwarder.refusal(i);
    if (refusal >= 0) batch.reason[i] = refusal;
    else this.#fanOut.add(port, i);
  }

  #traceReceived(i: number, port: number): void {
    const trace = this.#context.trace;
    const batch = this.#batch;
    const stamp = batch.stamp[i];
    if (trace.level === 0 || !trace.wants(TRACE_ALL, stamp)) return;
    const b = batch.destinationB(i) | (batch.vlan[i] << 16);
    const queueId = batch.queueId[i];
    const length = batch.length[i];
    trace.write(VSWITCH_TRACE.RECEIVED, stamp, queueId, port >= 0 ? 1 : 0, batch.destinationA(i), b, length);
  }

  #traceQueueCheck(i: number, port: number, addressed: boolean, member: boolean): void {
    const trace = this.#context.trace;
    const stamp = this.#batch.stamp[i];
    if (trace.level === 0 || !trace.wants(TRACE_ALL, stamp)) return;
    const own = this.#ports.vlan[port];
    const vlan = this.#batch.vlan[i];
    trace.write(VSWITCH_TRACE.QUEUE_CHECK, stamp, port, vlan, own, addressed ? 1 : 0, member ? 1 : 0);
  }
}
