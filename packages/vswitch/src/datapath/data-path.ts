/**
 * The switch's data half on one processor: a {@link ProtocolDataPath} for NDIS, and the end of the channels that
 * this processor polls.
 *
 *   NDIS ──chain of one VM queue──> QueueDelivery ───────────────────────────────> channel of its port
 *        ──any other chain───────> Forwarder ──> FanOut ──> PortDelivery ────────> channels
 *   channels ──frames of guests──> (VLAN, source check) Forwarder ──> … and SendPath ──> NDIS
 *
 * Received NBLs go back in the call that brought them: their frames have been copied by then (SW-12). Only those
 * of a split queue whose frames lie in the VM's memory wait for the guest (SW-13).
 */
import {
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_RECEIVE_FLAGS_SINGLE_QUEUE,
  NDIS_RETURN_FLAGS_DISPATCH_LEVEL,
  NDIS_RETURN_FLAGS_SINGLE_QUEUE,
} from '@vmq/abi';
import type {
  NetBuffer,
  NetBufferList,
  ProcessorServices,
  ProtocolDataPath,
  ProtocolDataPathFactory,
  SendSink,
} from '@vmq/ddi';
import { type AgentContext, HOST_SEGMENT, type MemorySegment, TRACE_ALL } from '@vmq/machine';
import { createChannelHost } from '@vmq/vmbus';
import { ExtendedSwitching } from '../extensions/extended-switching.ts';
import { ExtensionPath } from '../extensions/extension-path.ts';
import { Forwarder } from '../forwarding/forwarder.ts';
import { GuestFramePolicy } from '../forwarding/guest-frame-policy.ts';
import { DeliveryNumbers } from '../model/delivery-numbers.ts';
import { DROP_RUNT } from '../model/drop-reasons.ts';
import type { SwitchExtensionDataPathFactories } from '../model/extension-data-path.ts';
import { FanOut } from '../model/fan-out.ts';
import { BATCH_FRAMES, FATE_NONE, FATE_WIRE, FrameBatch } from '../model/frame-batch.ts';
import { FrameEnds } from '../model/frame-ends.ts';
import { FrameGatherer } from '../model/frame-gatherer.ts';
import {
  EXTERNAL_PORT,
  type HostFrames,
  type PortImage,
  type SwitchDataImage,
  type SwitchExtensionsImage,
  type SwitchState,
} from '../model/messages.ts';
import {
  BYTES_FROM_GUEST,
  DROPPED_FROM_GUEST,
  FRAMES_FROM_GUEST,
  PORT_COUNTER_STRIDE,
  portCounterRows,
} from '../model/port-counters.ts';
import { PortTable } from '../model/port-table.ts';
import { VSWITCH_TRACE } from '../model/trace.ts';
import { OrdinaryFrames } from '../receive/ordinary-frames.ts';
import { PortDelivery } from '../receive/port-delivery.ts';
import { QueueDelivery } from '../receive/queue-delivery.ts';
import { QueueEnds } from '../receive/queue-ends.ts';
import { type GuestFrameSink, GuestPort } from '../sending/guest-port.ts';
import { HostFrameSource } from '../sending/host-frame-source.ts';
import { SendPath } from '../sending/send-path.ts';
import { LearnedMacTable } from '../tables/learned-mac-table.ts';

/** Stamps of guests' frames: negative, as no stamp of a NIC is; the processor in bits 25 … 30, a count below. */
const GUEST_STAMP = -0x8000_0000;
const GUEST_STAMP_COUNT = 0x01ff_ffff;
/** {@link ProtocolDataPathFactory} of a switch whose extensions' data halves are among `extensions`. */
export function switchDataPathFactory(extensions: SwitchExtensionDataPathFactories): ProtocolDataPathFactory {
  return (context, processor, image, downcalls) =>
    new SwitchDataPath(context, processor, image as SwitchDataImage, downcalls, extensions);
}

/** The same without extensions' data halves; its name at the processors is {@link VSWITCH_DATA_PATH}. */
export const createSwitchDataPath: ProtocolDataPathFactory = switchDataPathFactory({});

/** Name under which a host's processors know {@link createSwitchDataPath}. */
export const VSWITCH_DATA_PATH = 'vswitch';

class SwitchDataPath implements ProtocolDataPath, GuestFrameSink {
  readonly #context: AgentContext;
  readonly #host: MemorySegment;
  readonly #processor: ProcessorServices;
  readonly #downcalls: SendSink;
  readonly #counters: Float64Array;
  readonly #ends: FrameEnds;
  readonly #ports: PortTable;
  readonly #batch: FrameBatch;
  readonly #fanOut: FanOut;
  readonly #gatherer: FrameGatherer = new FrameGatherer(BATCH_FRAMES);
  readonly #delivery: PortDelivery;
  readonly #queueDelivery: QueueDelivery;
  readonly #forwarder: Forwarder;
  readonly #guests: GuestFramePolicy;
  /** How frames are switched if the switch has extensions with a data half, else null. */
  readonly #extended: ExtendedSwitching | null;
  readonly #flushReceived = (): void => this.#flush(EXTERNAL_PORT);
  readonly #send: SendPath;
  readonly #hostFrames: HostFrameSource;
  /** Generation of the channel each port has here. */
  readonly #generations: Int32Array;
  readonly channelBudget: number;
  readonly #guestPorts: Map<number, GuestPort> = new Map();
  /** Frames may be left with guests: not while the binding pauses, or it would never have all NBLs. */
  #mayLeave = false;
  #learnedBuffer: SharedArrayBuffer | null = null;
  #stampsGiven = 0;
  /** Of the batch, if guests have sent it; not counted yet. */
  #framesFromGuest = 0;
  #bytesFromGuest = 0;

  constructor(
    context: AgentContext,
    processor: ProcessorServices,
    image: SwitchDataImage,
    downcalls: SendSink,
    factories: SwitchExtensionDataPathFactories,
  ) {
    const { maxPorts, extensions } = image;
    const extended = extensions.list.some(({ factory }) => factory !== '');
    const index = processor.index;
    const host = context.machine.memory.host;
    this.#context = context;
    this.#host = host;
    this.#processor = processor;
    this.#downcalls = downcalls;
    this.#counters = portCounterRows(image.counters, index, maxPorts);
    this.#ends = new FrameEnds(context);
    this.#ports = new PortTable(maxPorts);
    this.#batch = new FrameBatch(host);
    // A batch that is decided as a whole may all be flooded.
    this.#fanOut = extended ? new FanOut(maxPorts, BATCH_FRAMES * maxPorts) : new FanOut(maxPorts);
    this.#generations = new Int32Array(maxPorts).fill(-1);
    this.channelBudget = image.channelBudget;
    const numbers = new DeliveryNumbers(image.deliveryNumbers);
    this.#delivery = new PortDelivery(context, index, this.#ports, numbers, this.#counters, this.#ends);
    const queueEnds = new QueueEnds(context, index, this.#ports, this.#delivery, this.#ends);
    const ordinary = new OrdinaryFrames(context, this.#ports);
    this.#queueDelivery = new QueueDelivery(context, this.#ports, this.#delivery, queueEnds, ordinary);
    this.#send = new SendPath(downcalls, host, this.#ends, new Int32Array(image.outstandingSends), index);
    const wake = (): void => context.machine.board.wake(context.agent);
    this.#hostFrames = new HostFrameSource(processor, this.#send, host, this, wake);
    this.#forwarder = new Forwarder(context, this.#ports, this.#batch, this.#fanOut, this.#send);
    this.#guests = new GuestFramePolicy(context, this.#ports, this.#batch, this.#forwarder);
    this.#extended = extended ? this.#makeExtended(extensions, factories) : null;
    this.#load(image.state);
  }

  #makeExtended(
    image: SwitchExtensionsImage,
    factories: SwitchExtensionDataPathFactories,
  ): ExtendedSwitching {
    const context = this.#context;
    const batch = this.#batch;
    const fanOut = this.#fanOut;
    const path = new ExtensionPath(
      context,
      this.#processor,
      image,
      factories,
      batch,
      fanOut,
      this.#delivery,
      this.#gatherer,
    );
    return new ExtendedSwitching(context, this.#ports, batch, fanOut, this.#forwarder, this.#guests, path);
  }

  // --- from the control half, between batches -----------------------------------------------------------

  receiveMessage(message: unknown): void {
    const known = message as SwitchState | HostFrames;
    if (known.op === 'state') this.#load(known);
    else if (known.op === 'send') this.#hostFrames.add(known);
  }

  refresh(): void {}

  #load(state: SwitchState): void {
    this.#mayLeave = state.externalRunning;
    this.#ports.load(state);
    if (state.learned.buffer !== this.#learnedBuffer) {
      this.#learnedBuffer = state.learned.buffer;
      const learned = new LearnedMacTable(state.learned);
      this.#queueDelivery.learned = learned;
      this.#forwarder.load(state, learned);
    } else this.#forwarder.load(state, this.#queueDelivery.learned as LearnedMacTable);
    this.#send.load(state.sendBuffers[this.#processor.index] ?? null);
    const here = new Set(state.ports.map(({ port }) => port));
    for (let port = 0; port < this.#generations.length; port++) {
      if (!here.has(port) && this.#generations[port] >= 0) this.#closeChannel(port);
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
    // Left in place only where the guest's completions are read: there NBLs go back as they came.
    this.#giveBack(this.#queueDelivery.allow(port, mine && image.leavesInPlace ? host : null));
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
    this.#giveBack(this.#queueDelivery.allow(port, null));
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
    const isOurs = (flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0;
    if (port >= 0 && this.#extended === null) {
      const mayKeep = isOurs && this.#mayLeave;
      const tick = this.#forwarder.tick();
      const back = this.#queueDelivery.deliver(chain, count, port, queueId, tick, mayKeep);
      if (isOurs) this.#giveBack(back);
      return;
    }
    // A queue whose port has just gone: its frames are like any others of the default queue.
    if (this.#extended !== null) this.#extended.take(chain, port, this.#flushReceived);
    else this.#classify(chain);
    if (!isOurs) return;
    const single = singleVmQueue ? NDIS_RETURN_FLAGS_SINGLE_QUEUE : 0;
    this.#downcalls.returnNetBufferLists(chain, NDIS_RETURN_FLAGS_DISPATCH_LEVEL | single);
  }

  /** Returns NBLs of one VM queue. */
  #giveBack(chain: NetBufferList | null): void {
    if (chain === null) return;
    const flags = NDIS_RETURN_FLAGS_DISPATCH_LEVEL | NDIS_RETURN_FLAGS_SINGLE_QUEUE;
    this.#downcalls.returnNetBufferLists(chain, flags);
  }

  sendNetBufferListsComplete(chain: NetBufferList, _flags: number): void {
    this.#send.complete(chain);
  }

  #classify(chain: NetBufferList): void {
    const batch = this.#batch;
    const tick = this.#forwarder.tick();
    let lastA = 0;
    let lastB = 0;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      const info = nbl.ieee8021QInfo | 0;
      const vlan = (info >>> 4) & 0xfff;
      for (let nb: NetBuffer | null = nbl.firstNetBuffer; nb !== null; nb = nb.next) {
        if (batch.isFull || !this.#fanOut.hasRoom) this.#flushFull(EXTERNAL_PORT);
        const i = this.#addReceived(nb);
        batch.vlan[i] = vlan;
        batch.priority[i] = ((info & 7) << 13) | ((info & 8) << 9);
        batch.stamp[i] = nbl.stamp;
        batch.queueId[i] = nbl.filteringInfo >>> 16;
        batch.filterSlot[i] = nbl.filterSlot;
        if (this.#context.trace.level !== 0) this.#traceReceived(i);
        if (batch.length[i] < 14) {
          batch.reason[i] = DROP_RUNT;
          continue;
        }
        const word = batch.offset[i] >> 2;
        const { i32 } = batch.segments[i];
        const w1 = i32[word + 1];
        const w2 = i32[word + 2];
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
    // Anything else is judged in a copy of the host's own, and is no longer than its MDLs (SEC-06, SEC-08).
    if (
      (at & 7) === 0 &&
      mdl.next === null &&
      mdl.segment.id === HOST_SEGMENT &&
      nb.dataLength <= mdl.byteCount - nb.dataOffset
    ) {
      return this.#batch.add(mdl.segment, at, nb.dataLength, EXTERNAL_PORT);
    }
    this.#context.machine.reach('vswitch.frame-gathered');
    const gathered = this.#gatherer.gather(nb, this.#batch.count);
    return this.#batch.add(this.#gatherer.segment, gathered, this.#gatherer.length, EXTERNAL_PORT);
  }

  #traceReceived(i: number): void {
    const trace = this.#context.trace;
    const batch = this.#batch;
    const stamp = batch.stamp[i];
    if (!trace.wants(TRACE_ALL, stamp)) return;
    const b = batch.destinationB(i) | (batch.vlan[i] << 16);
    const length = batch.length[i];
    trace.write(VSWITCH_TRACE.RECEIVED, stamp, batch.queueId[i], 0, batch.destinationA(i), b, length);
  }

  // --- from guests --------------------------------------------------------------------------------------

  frameFromGuest(port: number, offset: number, length: number, askedTci: number): void {
    const batch = this.#batch;
    if (batch.isFull || !this.#fanOut.hasRoom) this.#flushFull(port);
    const i = batch.add(this.#host, offset, length, port);
    const stamp = GUEST_STAMP | (this.#processor.index << 25) | this.#stampsGiven;
    this.#stampsGiven = (this.#stampsGiven + 1) & GUEST_STAMP_COUNT;
    batch.stamp[i] = stamp;
    batch.queueId[i] = 0;
    batch.filterSlot[i] = -1;
    this.#framesFromGuest++;
    this.#bytesFromGuest += length;
    this.#guests.takeTag(i, askedTci);
    if (this.#extended === null) this.#guests.judge(i);
    else this.#extended.noteGuestFrame(i);
  }

  endOfPoll(port: number): void {
    if (this.#batch.count !== 0) this.#flush(port);
    this.#giveBack(this.#queueDelivery.collect(port));
  }

  // --- both ---------------------------------------------------------------------------------------------

  /** There is no room for another frame. */
  #flushFull(source: number): void {
    this.#context.machine.reach('vswitch.batch-full');
    this.#flush(source);
  }

  /** Carries out what was decided for the batch, and counts how each frame ended. */
  #flush(source: number): void {
    const batch = this.#batch;
    if (source !== EXTERNAL_PORT) this.#countFromGuest(source);
    this.#extended?.decide(source);
    this.#delivery.deliver(batch, this.#fanOut);
    this.#extended?.complete();
    const tracing = this.#context.trace.level !== 0;
    let dropped = 0;
    for (let i = 0; i < batch.count; i++) {
      if (batch.fate[i] === FATE_NONE) {
        this.#ends.dropped(batch.reason[i], 1);
        dropped++;
        if (tracing) this.#forwarder.traceDrop(i);
      }
      if (source !== EXTERNAL_PORT && batch.fate[i] !== FATE_WIRE) this.#send.give(batch.offset[i]);
    }
    batch.count = 0;
    if (source === EXTERNAL_PORT) return;
    const row = source * PORT_COUNTER_STRIDE + DROPPED_FROM_GUEST;
    this.#counters[row] = this.#counters[row] + dropped;
    this.#send.flush(this.#ports.queueId[source]);
  }

  /** Counts what came from the guest of `port`: before anything is counted of how it ended. */
  #countFromGuest(port: number): void {
    this.#ends.fromGuest(this.#framesFromGuest);
    const counters = this.#counters;
    const row = port * PORT_COUNTER_STRIDE;
    counters[row + FRAMES_FROM_GUEST] = counters[row + FRAMES_FROM_GUEST] + this.#framesFromGuest;
    counters[row + BYTES_FROM_GUEST] = counters[row + BYTES_FROM_GUEST] + this.#bytesFromGuest;
    this.#framesFromGuest = 0;
    this.#bytesFromGuest = 0;
  }
}
