/**
 * Where a frame goes: the bridge. One decision per frame, from its destination, VLAN and source port.
 *
 *   what no bridge forwards ─> nowhere (bridge-rules.ts)
 *   group address          ─> every other connected member of the VLAN, and the wire unless it came from there
 *   a port's own address   ─> that port
 *   a learned address      ─> the port it was seen behind
 *   unknown, from a VM     ─> the wire (SW-16)
 *   unknown, otherwise     ─> ports that want unknown unicast, else nowhere
 */
import { type AgentContext, TRACE_ALL, TRACE_DELIVERIES } from '@vmq/machine';
import {
  DROP_EXTERNAL_NOT_RUNNING,
  DROP_NO_MEMBER_PORT,
  DROP_PORT_DISCONNECTED,
  DROP_SOURCE_PORT,
  DROP_UNKNOWN_DESTINATION,
  DROP_VLAN_MISMATCH,
} from '../model/drop-reasons.ts';
import type { FanOut } from '../model/fan-out.ts';
import { FATE_NONE, FATE_WIRE, type FrameBatch } from '../model/frame-batch.ts';
import { EXTERNAL_PORT, type SwitchState } from '../model/messages.ts';
import { PORT_CONNECTED, type PortTable } from '../model/port-table.ts';
import { LOOKUP_LEARNED, LOOKUP_NONE, LOOKUP_PORT, VSWITCH_TRACE } from '../model/trace.ts';
import type { SendPath } from '../sending/send-path.ts';
import type { LearnedMacTable } from '../tables/learned-mac-table.ts';
import { bridgeRefusal } from './bridge-rules.ts';

export class Forwarder {
  /** Frames for the wire wait for {@link sendToWire}: extensions are to see them first. */
  defersSends = false;
  /** The switch has an external port; may be down. */
  #external = false;
  #floodUnknown = false;
  /** Nanoseconds per ageing tick, 0 = addresses do not age. */
  #ageingTick = 0;
  #learned: LearnedMacTable | null = null;
  readonly #context: AgentContext;
  readonly #ports: PortTable;
  readonly #batch: FrameBatch;
  readonly #fanOut: FanOut;
  readonly #send: SendPath;

  constructor(context: AgentContext, ports: PortTable, batch: FrameBatch, fanOut: FanOut, send: SendPath) {
    this.#context = context;
    this.#ports = ports;
    this.#batch = batch;
    this.#fanOut = fanOut;
    this.#send = send;
  }

  load(state: SwitchState, learned: LearnedMacTable): void {
    this.#external = state.external;
    this.#ageingTick = state.ageingTick;
    this.#floodUnknown = state.floodUnknownUnicast;
    this.#learned = learned;
  }

  /** Ageing tick of now; 0 while addresses do not age. */
  tick(): number {
    const tick = this.#ageingTick;
    return tick === 0 ? 0 : Math.floor(this.#context.machine.clock.now() / tick);
  }

  /** Notes behind which port frame `i` was sent; true if that was news. */
  learn(i: number, a: number, b: number, tick: number): void {
    if ((a & 1) !== 0) return;
    const port = this.#batch.source[i];
    if (!(this.#learned as LearnedMacTable).learn(a, b, port, tick)) return;
    this.#trace(i, VSWITCH_TRACE.LEARNED, a, b, port, 0, 0);
  }

  /** The drop reason of frame `i`, which has at least 14 bytes, if no bridge forwards such a frame; else -1. */
  refusal(i: number): number {
    const batch = this.#batch;
    const { i32 } = batch.segments[i];
    const word = batch.offset[i] >> 2;
    return bridgeRefusal(i32[word], i32[word + 1], i32[word + 2], i32[word + 3]);
  }

  /** Decides for frame `i`: puts it on ports' lists, on the send chain, or leaves it with a reason. */
  forward(i: number): void {
    const batch = this.#batch;
    const ports = this.#ports;
    const refusal = this.refusal(i);
    if (refusal >= 0) {
      batch.reason[i] = refusal;
      return;
    }
    const a = batch.destinationA(i);
    const mac = batch.destinationB(i);
    const vlan = batch.vlan[i];
    const source = batch.source[i];
    if ((a & 1) !== 0) {
      this.#flood(i, vlan, source);
      return;
    }
    const b = mac | (vlan << 16);
    let how = LOOKUP_PORT as number;
    let port = ports.addresses.lookup(a, b);
    if (port < 0) {
      port = (this.#learned as LearnedMacTable).lookup(a, b);
      how = port < 0 ? LOOKUP_NONE : LOOKUP_LEARNED;
    }
    this.#trace(i, VSWITCH_TRACE.LOOKUP, a, b, port, how, source);
    if (port < 0) {
      this.#unknown(i, a, mac, vlan, source);
      return;
    }
    if (port === source) {
      batch.reason[i] = DROP_SOURCE_PORT;
      return;
    }
    if (port === EXTERNAL_PORT) {
      this.#toWire(i);
      return;
    }
    if ((ports.flags[port] & PORT_CONNECTED) === 0) {
      batch.reason[i] = DROP_PORT_DISCONNECTED;
      return;
    }
    // An address learned while the port was a member of the VLAN gives it no right to that VLAN now.
    if (how === LOOKUP_LEARNED && !ports.isMember(port, vlan)) {
      batch.reason[i] = DROP_VLAN_MISMATCH;
      return;
    }
    this.#fanOut.add(port, i);
  }

  #flood(i: number, vlan: number, source: number): void {
    const ports = this.#ports;
    const list = ports.list;
    let members = 0;
    for (let k = 0; k < list.length; k++) members += this.#addMember(i, list[k], vlan, source);
    const wire = source !== EXTERNAL_PORT && this.#external;
    this.#trace(i, VSWITCH_TRACE.FLOOD, vlan, members, wire && ports.externalRunning ? 1 : 0, 0, 0);
    if (wire && (ports.externalRunning || members === 0)) this.#toWire(i);
    else if (members === 0) this.#batch.reason[i] = DROP_NO_MEMBER_PORT;
  }

  #unknown(i: number, a: number, mac: number, vlan: number, source: number): void {
    const ports = this.#ports;
    const wire = source !== EXTERNAL_PORT && this.#external;
    let members = 0;
    if (!wire || this.#floodUnknown) {
      const list = ports.unknownUnicast;
      for (let k = 0; k < list.length; k++) members += this.#addMember(i, list[k], vlan, source);
    }
    if (wire && (ports.externalRunning || members === 0)) {
      this.#toWire(i);
      return;
    }
    if (members !== 0) return;
    const owner = ports.portWithAddress(a, mac);
    if (owner < 0 || owner === source) this.#batch.reason[i] = DROP_UNKNOWN_DESTINATION;
    else if ((ports.flags[owner] & PORT_CONNECTED) === 0) this.#batch.reason[i] = DROP_PORT_DISCONNECTED;
    else this.#batch.reason[i] = DROP_VLAN_MISMATCH;
  }

  /** Puts frame `i` on a port's list if the port is a connected member and not the source; 1 if it did. */
  #addMember(i: number, port: number, vlan: number, source: number): number {
    const ports = this.#ports;
    if (port === source || (ports.flags[port] & PORT_CONNECTED) === 0) return 0;
    if (!ports.isMember(port, vlan)) return 0;
    this.#fanOut.add(port, i);
    return 1;
  }

  #toWire(i: number): void {
    const batch = this.#batch;
    if (!this.#ports.externalRunning) {
      batch.reason[i] = DROP_EXTERNAL_NOT_RUNNING;
      return;
    }
    batch.fate[i] = FATE_WIRE;
    if (!this.defersSends) this.sendToWire(i);
  }

  /** Puts frame `i`, whose fate is the wire, on the send chain. */
  sendToWire(i: number): void {
    const batch = this.#batch;
    const source = batch.source[i];
    const tci = batch.priority[i] | batch.vlan[i];
    const queueId = this.#ports.queueId[source];
    const length = batch.length[i];
    this.#trace(i, VSWITCH_TRACE.SEND, source, queueId, tci, length, 0);
    this.#send.append(batch.offset[i], length, tci, queueId, batch.stamp[i]);
  }

  /** Counts nothing: says how frame `i` ended if it ended here. True if it did. */
  traceDrop(i: number): void {
    const trace = this.#context.trace;
    const stamp = this.#batch.stamp[i];
    if (this.#batch.fate[i] !== FATE_NONE || !trace.wants(TRACE_DELIVERIES, stamp)) return;
    const b = this.#batch.destinationB(i) | (this.#batch.vlan[i] << 16);
    const source = this.#batch.source[i];
    const reason = this.#batch.reason[i];
    trace.write(VSWITCH_TRACE.DROP, stamp, reason, source, this.#batch.destinationA(i), b, 0);
  }

  #trace(i: number, kind: number, a: number, b: number, c: number, d: number, e: number): void {
    const trace = this.#context.trace;
    if (trace.level === 0) return;
    const stamp = this.#batch.stamp[i];
    if (trace.wants(TRACE_ALL, stamp)) trace.write(kind, stamp, a, b, c, d, e);
  }
}
