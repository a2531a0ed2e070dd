/**
 * What the switch asks of a frame that a guest has sent, before it goes anywhere (SW-17 to SW-19, SW-22): a
 * connected port, a VLAN the port belongs to, a source address it may use.
 */
import { type AgentContext, TRACE_ALL, TRACE_DELIVERIES } from '@vmq/machine';
import {
  DROP_MAC_SPOOFING,
  DROP_PORT_DISCONNECTED,
  DROP_RUNT,
  DROP_VLAN_MISMATCH,
} from '../model/drop-reasons.ts';
import { BATCH_FRAMES, type FrameBatch } from '../model/frame-batch.ts';
import { PORT_CONNECTED, type PortTable } from '../model/port-table.ts';
import { VSWITCH_TRACE } from '../model/trace.ts';
import type { Forwarder } from './forwarder.ts';

/** Type of an 802.1Q tag as bytes 12 and 13 lie in a little-endian word. */
const TAG_TYPE = 0x0081;

export class GuestFramePolicy {
  readonly #context: AgentContext;
  readonly #ports: PortTable;
  readonly #batch: FrameBatch;
  readonly #forwarder: Forwarder;
  /** 1 = the tag of frame i was in its data. For the trace. */
  readonly #tagInData: Uint8Array = new Uint8Array(BATCH_FRAMES);

  constructor(context: AgentContext, ports: PortTable, batch: FrameBatch, forwarder: Forwarder) {
    this.#context = context;
    this.#ports = ports;
    this.#batch = batch;
    this.#forwarder = forwarder;
  }

  /**
   * Takes a tag in the data of frame `i` out of it: it is worth the same as one beside the frame. Notes the VLAN and
   * priority that the guest asked for. What may still follow is {@link judge}'s.
   */
  takeTag(i: number, askedTci: number): void {
    const batch = this.#batch;
    const { i32, u8 } = batch.segments[i];
    const offset = batch.offset[i];
    const length = batch.length[i];
    let tci = askedTci;
    this.#tagInData[i] = 0;
    if (tci === 0 && length >= 18 && (i32[(offset >> 2) + 3] & 0xffff) === TAG_TYPE) {
      tci = (u8[offset + 14] << 8) | u8[offset + 15];
      u8.copyWithin(offset + 12, offset + 16, offset + length);
      batch.length[i] = length - 4;
      this.#tagInData[i] = 1;
    }
    batch.vlan[i] = tci & 0xfff;
    batch.priority[i] = tci & 0xf000;
  }

  /** Lets the forwarder decide for frame `i`, or leaves it with a reason. */
  judge(i: number): void {
    const batch = this.#batch;
    const ports = this.#ports;
    const port = batch.source[i];
    const length = batch.length[i];
    if (length < 14) {
      batch.reason[i] = DROP_RUNT;
      return;
    }
    const asked = batch.vlan[i];
    const vlan = ports.ingressVlan(port, asked);
    const tci = asked | batch.priority[i];
    this.#traceTaken(i, port, length, tci, vlan);
    if ((ports.flags[port] & PORT_CONNECTED) === 0) {
      batch.reason[i] = DROP_PORT_DISCONNECTED;
      return;
    }
    if (vlan < 0) {
      batch.reason[i] = DROP_VLAN_MISMATCH;
      return;
    }
    batch.vlan[i] = vlan;
    const { i32 } = batch.segments[i];
    const word = batch.offset[i] >> 2;
    // Outside any VLAN nothing stands before a second tag, a half one that padding would complete, or one behind a
    // priority tag: the next switch would take it for the frame's own, and the guest would be in that VLAN.
    if (vlan === 0 && (i32[word + 3] & 0xffff) === TAG_TYPE) {
      batch.reason[i] = DROP_VLAN_MISMATCH;
      return;
    }
    const w1 = i32[word + 1];
    const w2 = i32[word + 2];
    const sourceA = (w1 >>> 16) | (w2 << 16);
    const sourceB = w2 >>> 16;
    const own = sourceA === ports.macA[port] && sourceB === ports.macB[port];
    const allowed = own || ((sourceA & 1) === 0 && ports.maySendFrom(port, sourceA, sourceB));
    this.#trace(i, VSWITCH_TRACE.SOURCE_CHECK, port, sourceA, sourceB, allowed ? 1 : 0, 0);
    if (!allowed) {
      batch.reason[i] = DROP_MAC_SPOOFING;
      return;
    }
    // Its own address is in the ports' table already.
    if (!own) this.#forwarder.learn(i, sourceA, sourceB | (vlan << 16), this.#forwarder.tick());
    this.#forwarder.forward(i);
  }

  /** At the level of deliveries: who knows what a port has sent knows by this which frame bears which stamp. */
  #traceTaken(i: number, port: number, length: number, tci: number, vlan: number): void {
    const trace = this.#context.trace;
    if (trace.level === 0) return;
    const stamp = this.#batch.stamp[i];
    if (!trace.wants(TRACE_DELIVERIES, stamp)) return;
    trace.write(VSWITCH_TRACE.FROM_GUEST, stamp, port, length, tci, vlan, this.#tagInData[i]);
  }

  #trace(i: number, kind: number, a: number, b: number, c: number, d: number, e: number): void {
    const trace = this.#context.trace;
    if (trace.level === 0) return;
    const stamp = this.#batch.stamp[i];
    if (trace.wants(TRACE_ALL, stamp)) trace.write(kind, stamp, a, b, c, d, e);
  }
}
