/**
 * The switch's data half on one processor: a {@link ProtocolDataPath} for NDIS, and the end of the channels that
 * this processor polls.
 *
 *   NDIS ──chain of one VM queue──> QueueDelivery ───────────────────────────────> channel of its port
 *        ──any other chain───────> Forwarder ──> FanOut ──> PortDelivery ────────> channels
 *   channels ──frames of guests──> (VLAN, source check) Forwarder ──> … and SendPath ──> NDIS
 *
 * Received NBLs go back in the call that brought them: their frames have been copied by then (SW-12).
 */
import {
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_RECEIVE_FLAGS_SINGLE_QUEUE,
  NDIS_RETURN_FLAGS_DISPATCH_LEVEL,
  NDIS_RETURN_FLAGS_SINGLE_QUEUE,
} from '@vmq/abi';
import { type AgentContext, TRACE_ALL } from '@vmq/machine';
import type { NetBuffer, NetBufferList, ProcessorServices, ProtocolDataPath, SendSink } from '@vmq/ndis';
import { createChannelHost } from '@vmq/vmbus';
import { DeliveryNumbers } from './delivery-numbers.ts';
import { DROP_MAC_SPOOFING, DROP_PORT_DISCONNECTED, DROP_RUNT, DROP_VLAN_MISMATCH } from './drop-reasons.ts';
import { FanOut } from './fan-out.ts';
import { Forwarder } from './forwarder.ts';
import { FATE_NONE, FATE_WIRE, FrameBatch } from './frame-batch.ts';
import { FrameEnds } from './frame-ends.ts';
import { FrameGatherer } from './frame-gatherer.ts';
import { type GuestFrameSink, GuestPort } from './guest-port.ts';
import { LearnedMacTable } from './learned-mac-table.ts';
import { EXTERNAL_PORT, type PortImage, type SwitchDataImage, type SwitchState } from './messages.ts';
import {
  BYTES_FROM_GUEST,
  DROPPED_FROM_GUEST,
  FRAMES_FROM_GUEST,
  PORT_COUNTER_STRIDE,
  portCounterRows,
} from './port-counters.ts';
import { PortDelivery } from './port-delivery.ts';
import { PORT_CONNECTED, PortTable } from './port-table.ts';
import { QueueDelivery } from './queue-delivery.ts';
import { QueueEnds } from './queue-ends.ts';
import { SendPath } from './send-path.ts';
import { VSWITCH_TRACE } from './trace.ts';

/** Stamps of guests' frames: this bit, the processor in bits 24 … 29, a count below. */
const GUEST_STAMP = 0x40000000;
/** Type of an 802.1Q tag as bytes 12 and 13 lie in a little-endian word. */
const TAG_TYPE = 0x0081;

/** {@link ProtocolDataPathFactory} of the switch; its name there is {@link VSWITCH_DATA_PATH}. */
export function createSwitchDataPath(
  context: AgentContext,
  processor: ProcessorServices,
  image: unknown,
  downcalls: SendSink,
): ProtocolDataPath & { receiveMessage(message: unknown): void } {
  return new SwitchDataPath(context, processor, image as SwitchDataImage, downcalls);
}

/** Name under which a host's processors know {@link createSwitchDataPath}. */
export const VSWITCH_DATA_PATH = 'vswitch';

class SwitchDataPath implements ProtocolDataPath, GuestFrameSink {
  readonly #context: AgentContext;
  readonly #processor: ProcessorServices;
  readonly #downcalls: SendSink;
  readonly #counters: Float64Array;
  readonly #ends: FrameEnds;
  readonly #ports: PortTable;
  readonly #batch: FrameBatch;
  readonly #fanOut: FanOut;
  readonly #gatherer: FrameGatherer = new FrameGatherer();
  readonly #delivery: PortDelivery;
  readonly #queueDelivery: QueueDelivery;
  readonly #forwarder: Forwarder;
  readonly #send: SendPath;
  /** Generation of the channel each port has here. */
  readonly #generations: Int32Array;
  readonly #guestPorts: Map<number, GuestPort> = new Map();
  #learnedBuffer: SharedArrayBuffer | null = null;
  #ageingTick = 0;
  #stampsGiven = 0;

  constructor(
    context: AgentContext,
    processor: ProcessorServices,
    image: SwitchDataImage,
    downcalls: SendSink,
  ) {
    const { maxPorts } = image;
    const index = processor.index;
    const host = context.machine.memory.host;
    this.#context = context;
    this.#processor = processor;
    this.#downcalls = downcalls;
    this.#counters = portCounterRows(image.counters, index, maxPorts);
    this.#ends = new FrameEnds(context);
    this.#ports = new PortTable(maxPorts);
    this.#batch = new FrameBatch(host);
    this.#fanOut = new FanOut(maxPorts);
    this.#generations = new Int32Array(maxPorts).fill(-1);
    const numbers = new DeliveryNumbers(image.deliveryNumbers);
    this.#delivery = new PortDelivery(context, index, this.#ports, numbers, this.#counters, this.#ends);
    const queueEnds = new QueueEnds(context, index, this.#ports, this.#delivery, this.#ends);
    this.#queueDelivery = new QueueDelivery(context, this.#ports, this.#delivery, queueEnds);
    this.#send = new SendPath(downcalls, host, this.#ends, new Int32Array(image.outstandingSends), index);
    this.#forwarder = new Forwarder(context, this.#ports, this.#batch, this.#fanOut, this.#send);
    this.#load(image.state);
  }

  // --- from the control half, between batches -----------------------------------------------------------

  receiveMessage(message: unknown): void {
    const state = message as SwitchState;
    if (state.op === 'state') this.#load(state);
  }

  refresh(): void {}

  #load(state: SwitchState): void {
    this.#ports.load(state);
    if (state.learned.buffer !== this.#learnedBuffer) {
      this.#learnedBuffer = state.learned.buffer;
      const learned = new LearnedMacTable(state.learned);
      this.#queueDelivery.learned = learned;
      this.#forwarder.load(state, learned);
    } else this.#forwarder.load(state, this.#queueDelivery.learned as LearnedMacTable);
    this.#ageingTick = state.ageingTick;
    this.#send.load(state.sendBuffers[this.#processor.index] ?? null);
    const here = new Set(state.ports.map(({ port }) => port));
    for (let port = 0; port < this.#generations.length; port++) {
      if (!here.has(port) && (this.#generations[port] as number) >= 0) this.#closeChannel(port);
    }
    for (const image of state.ports) this.#loadChannel(image);
  }

  #loadChannel(image: PortImage): void {
    const { port, channel, channelGeneration } = image;
    if (this.#generations[port] !== channelGeneration) {
      this.#closeChannel(port);
      this.#generations[port] = channelGeneration;
      if (channel !== null) this.#ports.channels[port] = createChannelHost(this.#context, channel);
    }
    const host = this.#ports.channels[port] ?? null;
    const there = this.#guestPorts.get(port);
    const mine = host !== null && image.processor === this.#processor.index;
    if (there !== undefined && (!mine || there.vector !== image.vector)) {
      there.close();
      this.#guestPorts.delete(port);
    }
    if (!mine || this.#guestPorts.has(port)) return;
    const { machine, agent } = this.#context;
    const wake = (): void => machine.board.wake(agent);
    const made = new GuestPort(
      port,
      image.vector,
      channelGeneration,
      host,
      this.#processor,
      this.#send,
      this,
      wake,
    );
    this.#guestPorts.set(port, made);
    made.open();
  }

  #closeChannel(port: number): void {
    this.#guestPorts.get(port)?.close();
    this.#guestPorts.delete(port);
    this.#ports.channels[port] = null;
    this.#generations[port] = -1;
  }

  // --- from the adapter ---------------------------------------------------------------------------------

  receiveNetBufferLists(chain: NetBufferList, _portNumber: number, count: number, flags: number): void {
    const queueId = chain.filteringInfo >>> 16;
    const singleVmQueue = (flags & NDIS_RECEIVE_FLAGS_SINGLE_QUEUE) !== 0 && queueId !== 0;
    const port = singleVmQueue ? (this.#ports.portOfQueue[queueId] ?? -1) : -1;
    // A queue whose port has just gone: its frames are like any others of the default queue.
    if (port >= 0) this.#queueDelivery.deliver(chain, count, port, queueId, this.#tick());
    else this.#classify(chain);
    if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0) return;
    const single = singleVmQueue ? NDIS_RETURN_FLAGS_SINGLE_QUEUE : 0;
    this.#downcalls.returnNetBufferLists(chain, NDIS_RETURN_FLAGS_DISPATCH_LEVEL | single);
  }

  sendNetBufferListsComplete(chain: NetBufferList, _flags: number): void {
    this.#send.complete(chain);
  }

  #classify(chain: NetBufferList): void {
    const batch = this.#batch;
    const tick = this.#tick();
    let lastA = 0;
    let lastB = 0;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      const info = nbl.ieee8021QInfo | 0;
      const vlan = (info >>> 4) & 0xfff;
      for (let nb: NetBuffer | null = nbl.firstNetBuffer; nb !== null; nb = nb.next) {
        if (batch.isFull || !this.#fanOut.hasRoom) this.#flush(EXTERNAL_PORT);
        const i = this.#addReceived(nb);
        batch.vlan[i] = vlan;
        batch.priority[i] = ((info & 7) << 13) | ((info & 8) << 9);
        batch.stamp[i] = nbl.stamp;
        batch.queueId[i] = nbl.filteringInfo >>> 16;
        batch.filterSlot[i] = nbl.filterSlot;
        if (this.#context.trace.level !== 0) this.#traceReceived(i);
        if ((batch.length[i] as number) < 14) {
          batch.reason[i] = DROP_RUNT;
          continue;
        }
        const word = (batch.offset[i] as number) >> 2;
        const { i32 } = batch.segments[i] as (typeof batch.segments)[0];
        const w1 = i32[word + 1] as number;
        const w2 = i32[word + 2] as number;
        const sourceA = (w1 >>> 16) | (w2 << 16);
        const sourceB = (w2 >>> 16) | (vlan << 16);
        if (sourceA !== lastA || sourceB !== lastB) {
          lastA = sourceA;
          lastB = sourceB;
          this.#forwarder.learn(i, sourceA, sourceB, tick);
        }
        this.#forwarder.forward(i);
      }
    }
    this.#flush(EXTERNAL_PORT);
  }

  #addReceived(nb: NetBuffer): number {
    const { mdl } = nb;
    const at = mdl.byteOffset + nb.dataOffset;
    if ((at & 7) === 0 && mdl.next === null) {
      return this.#batch.add(mdl.segment, at, nb.dataLength, EXTERNAL_PORT);
    }
    const gathered = this.#gatherer.gather(nb, this.#batch.count);
    return this.#batch.add(this.#gatherer.segment, gathered, this.#gatherer.length, EXTERNAL_PORT);
  }

  #traceReceived(i: number): void {
    const trace = this.#context.trace;
    const batch = this.#batch;
    const stamp = batch.stamp[i] as number;
    if (!trace.wants(TRACE_ALL, stamp)) return;
    const b = batch.destinationB(i) | ((batch.vlan[i] as number) << 16);
    const length = batch.length[i] as number;
    trace.write(
      VSWITCH_TRACE.RECEIVED,
      stamp,
      batch.queueId[i] as number,
      0,
      batch.destinationA(i),
      b,
      length,
    );
  }

  // --- from guests --------------------------------------------------------------------------------------

  frameFromGuest(port: number, offset: number, length: number, askedTci: number): void {
    const batch = this.#batch;
    const ports = this.#ports;
    if (batch.isFull || !this.#fanOut.hasRoom) this.#flush(port);
    const host = this.#context.machine.memory.host;
    const i = batch.add(host, offset, length, port);
    const stamp = GUEST_STAMP | (this.#processor.index << 24) | (this.#stampsGiven++ & 0xffffff);
    batch.stamp[i] = stamp;
    batch.queueId[i] = 0;
    batch.filterSlot[i] = -1;
    batch.vlan[i] = 0;
    this.#ends.fromGuest(1);
    const row = port * PORT_COUNTER_STRIDE;
    this.#counters[row + FRAMES_FROM_GUEST] = (this.#counters[row + FRAMES_FROM_GUEST] as number) + 1;
    this.#counters[row + BYTES_FROM_GUEST] = (this.#counters[row + BYTES_FROM_GUEST] as number) + length;
    if (length < 14) {
      batch.reason[i] = DROP_RUNT;
      return;
    }
    let tci = askedTci;
    let inData = 0;
    if (tci === 0 && ((host.i32[(offset >> 2) + 3] as number) & 0xffff) === TAG_TYPE && length >= 18) {
      // A tag in the data is worth the same as one beside it; after this no frame has one that counts.
      tci = ((host.u8[offset + 14] as number) << 8) | (host.u8[offset + 15] as number);
      host.u8.copyWithin(offset + 12, offset + 16, offset + length);
      batch.length[i] = length - 4;
      inData = 1;
    }
    const vlan = ports.ingressVlan(port, tci);
    this.#trace(stamp, VSWITCH_TRACE.FROM_GUEST, port, length, tci, vlan, inData);
    if (((ports.flags[port] as number) & PORT_CONNECTED) === 0) {
      batch.reason[i] = DROP_PORT_DISCONNECTED;
      return;
    }
    if (vlan < 0) {
      batch.vlan[i] = tci & 0xfff;
      batch.reason[i] = DROP_VLAN_MISMATCH;
      return;
    }
    batch.vlan[i] = vlan;
    batch.priority[i] = tci & 0xf000;
    const w1 = host.i32[(offset >> 2) + 1] as number;
    const w2 = host.i32[(offset >> 2) + 2] as number;
    const sourceA = (w1 >>> 16) | (w2 << 16);
    const sourceB = w2 >>> 16;
    const own = sourceA === ports.macA[port] && sourceB === ports.macB[port];
    const allowed = own || ((sourceA & 1) === 0 && ports.maySendFrom(port, sourceA, sourceB));
    this.#trace(stamp, VSWITCH_TRACE.SOURCE_CHECK, port, sourceA, sourceB, allowed ? 1 : 0, 0);
    if (!allowed) {
      batch.reason[i] = DROP_MAC_SPOOFING;
      return;
    }
    // Its own address is in the ports' table already.
    if (!own) this.#forwarder.learn(i, sourceA, sourceB | (vlan << 16), this.#tick());
    this.#forwarder.forward(i);
  }

  endOfPoll(port: number): void {
    if (this.#batch.count !== 0) this.#flush(port);
  }

  // --- both ---------------------------------------------------------------------------------------------

  /** Carries out what was decided for the batch, and counts how each frame ended. */
  #flush(source: number): void {
    const batch = this.#batch;
    this.#delivery.deliver(batch, this.#fanOut);
    const tracing = this.#context.trace.level !== 0;
    let dropped = 0;
    for (let i = 0; i < batch.count; i++) {
      if (batch.fate[i] === FATE_NONE) {
        this.#ends.dropped(batch.reason[i] as number, 1);
        dropped++;
        if (tracing) this.#forwarder.traceDrop(i);
      }
      if (source !== EXTERNAL_PORT && batch.fate[i] !== FATE_WIRE) this.#send.give(batch.offset[i] as number);
    }
    batch.count = 0;
    if (source === EXTERNAL_PORT) return;
    const row = source * PORT_COUNTER_STRIDE + DROPPED_FROM_GUEST;
    this.#counters[row] = (this.#counters[row] as number) + dropped;
    this.#send.flush(this.#ports.queueId[source] as number);
  }

  #tick(): number {
    const tick = this.#ageingTick;
    return tick === 0 ? 0 : Math.floor(this.#context.machine.clock.now() / tick);
  }

  #trace(stamp: number, kind: number, a: number, b: number, c: number, d: number, e: number): void {
    const trace = this.#context.trace;
    if (trace.level !== 0 && trace.wants(TRACE_ALL, stamp)) trace.write(kind, stamp, a, b, c, d, e);
  }
}
