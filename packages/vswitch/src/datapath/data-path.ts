/**
 * The switch's data path on one processor: a {@link ProtocolDataPath} for NDIS, and the end of the channels that
 * this processor polls. Every batch of frames takes the same steps, wherever it comes from:
 *
 *   NDIS ──chain──> ingress ─> receive loop ──┐
 *                                             ├─> egress ─> delivery ─> counters ─> trace ─> NBLs, buffers back
 *   channel ──entries──> ingress ─> guests' ──┘    │           ├─> channels of VMs
 *                                                  │           └─> NDIS, the wire
 *                                                  └ ingress, egress: extensions, if there are any
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
import type { AgentContext } from '@vmq/machine';
import { GuestFrameBatch } from '@vmq/netvsc';
import { Delivery } from '../delivery/delivery.ts';
import type { LoanedFrames } from '../delivery/loaned-frames.ts';
import { SendPath } from '../delivery/send-path.ts';
import { makeStages } from '../extensions/extension-stages.ts';
import { ExtensionSteps } from '../extensions/extension-steps.ts';
import { Forwarder } from '../forwarding/forwarder.ts';
import { DeliveryNumbers } from '../model/delivery-numbers.ts';
import { DestinationList } from '../model/destination-list.ts';
import { DispositionCounters } from '../model/disposition-counters.ts';
import { extensionCounterRows } from '../model/extension-counters.ts';
import type { SwitchExtensionDataPathFactories } from '../model/extension-data-path.ts';
import {
  BATCH_FRAMES,
  FrameBatch,
  NOTE_LEFT_WITH_GUEST,
  NOTE_SENT,
  RECORD_AT,
  RECORD_SHIFT,
  RECORD_TAG,
} from '../model/frame-batch.ts';
import { FrameGatherer } from '../model/frame-gatherer.ts';
import { EXTERNAL_PORT, type HostFrames, type SwitchDataImage, type SwitchState } from '../model/messages.ts';
import { portCounterRows } from '../model/port-counters.ts';
import { PortTable } from '../model/port-table.ts';
import { Receive } from '../receive/receive.ts';
import { GuestFrames } from '../sending/guest-frames.ts';
import type { GuestFrameSink } from '../sending/guest-port.ts';
import { HostFrameSource } from '../sending/host-frame-source.ts';
import { LearnedMacTable } from '../tables/learned-mac-table.ts';
import { SourceLearning } from '../tables/source-learning.ts';
import { BatchTrace } from './batch-trace.ts';
import { Channels } from './channels.ts';
import { Dispositions } from './dispositions.ts';

/** {@link ProtocolDataPathFactory} of a switch whose extensions' data paths are among `extensions`. */
export function switchDataPathFactory(extensions: SwitchExtensionDataPathFactories): ProtocolDataPathFactory {
  return (context, processor, image, downcalls) =>
    new SwitchDataPath(context, processor, image as SwitchDataImage, downcalls, extensions);
}

/** The same without extensions' data paths; its name at the processors is {@link VSWITCH_DATA_PATH}. */
export const createSwitchDataPath: ProtocolDataPathFactory = switchDataPathFactory({});

/** Name under which a host's processors know {@link createSwitchDataPath}. */
export const VSWITCH_DATA_PATH = 'vswitch';

const NO_REFUSALS: ExtensionSteps['refusals'] = [];

class SwitchDataPath implements ProtocolDataPath, GuestFrameSink {
  readonly channelBudget: number;
  readonly #context: AgentContext;
  readonly #processor: ProcessorServices;
  readonly #downcalls: SendSink;
  readonly #ports: PortTable;
  readonly #batch: FrameBatch = new FrameBatch();
  readonly #destinations: DestinationList = new DestinationList();
  readonly #gatherer: FrameGatherer = new FrameGatherer(BATCH_FRAMES);
  readonly #guestBatch: GuestFrameBatch = new GuestFrameBatch(BATCH_FRAMES);
  readonly #sources: SourceLearning;
  readonly #forwarder: Forwarder;
  readonly #receive: Receive;
  readonly #guests: GuestFrames;
  readonly #send: SendPath;
  readonly #delivery: Delivery;
  readonly #dispositions: Dispositions;
  readonly #trace: BatchTrace;
  /** Null if no extension of the switch has a data path. */
  readonly #extensions: ExtensionSteps | null;
  readonly #hostFrames: HostFrameSource;
  readonly #channels: Channels;
  /** Nanoseconds per ageing tick, 0 = addresses do not age. */
  #ageingTick = 0;
  #learnedBuffer: SharedArrayBuffer;
  /** Of the chain that came up: the first NBL that goes back, and the last so far. */
  #backFirst: NetBufferList | null = null;
  #backLast: NetBufferList | null = null;

  constructor(
    context: AgentContext,
    processor: ProcessorServices,
    image: SwitchDataImage,
    downcalls: SendSink,
    factories: SwitchExtensionDataPathFactories,
  ) {
    const { maxPorts, state } = image;
    const { machine } = context;
    const { host } = machine.memory;
    const { index } = processor;
    const batch = this.#batch;
    const destinations = this.#destinations;
    const gatherer = this.#gatherer;
    this.channelBudget = image.channelBudget;
    this.#context = context;
    this.#processor = processor;
    this.#downcalls = downcalls;
    const ports = new PortTable(maxPorts);
    this.#ports = ports;
    this.#learnedBuffer = state.learned.buffer;
    const sources = new SourceLearning(maxPorts, new LearnedMacTable(state.learned));
    this.#sources = sources;
    const forwarder = new Forwarder(ports, batch, destinations, sources);
    this.#forwarder = forwarder;
    this.#receive = new Receive(context, batch, { ports, sources, forwarder, gatherer });
    this.#guests = new GuestFrames(host, index, ports, batch, { sources, forwarder });
    const ledger = new DispositionCounters(context);
    const send = new SendPath(downcalls, host, ledger, this.#guestBatch, {
      words: new Int32Array(image.outstandingSends),
      processor: index,
    });
    this.#send = send;
    const loaned = new Array<LoanedFrames | null>(maxPorts).fill(null);
    const numbers = new DeliveryNumbers(image.deliveryNumbers);
    const delivery = new Delivery(context, batch, destinations, gatherer, { ports, numbers, send, loaned });
    this.#delivery = delivery;
    const counters = portCounterRows(image.counters, index, maxPorts);
    this.#dispositions = new Dispositions(ledger, counters, batch, destinations, delivery);
    this.#trace = new BatchTrace(context, index, batch, destinations, { ports, gatherer, delivery });
    this.#extensions = this.#makeExtensions(image, factories);
    const sink = { sink: this, wake: (): void => machine.board.wake(context.agent) };
    this.#hostFrames = new HostFrameSource(host, processor, this.#guestBatch, send, sink);
    this.#channels = new Channels(context, processor, ports, delivery, {
      loaned,
      frames: this.#guestBatch,
      send,
      sink,
      giveBack: (chain) => this.#giveBack(chain),
    });
    this.#load(state);
  }

  #makeExtensions(
    { extensions }: SwitchDataImage,
    factories: SwitchExtensionDataPathFactories,
  ): ExtensionSteps | null {
    const processor = this.#processor;
    const stages = makeStages(this.#context, processor, extensions, factories);
    if (stages.length === 0) return null;
    return new ExtensionSteps(
      this.#context.machine.memory.host,
      this.#batch,
      this.#destinations,
      this.#gatherer,
      {
        stages,
        counters: extensionCounterRows(extensions.counters, processor.index, extensions.list.length),
        excludedFor: (port) => this.#dispositions.countExcluded(port),
      },
    );
  }

  // --- from the control path, between batches -----------------------------------------------------------

  receiveMessage(message: unknown): void {
    const known = message as SwitchState | HostFrames;
    if (known.op === 'state') this.#load(known);
    else if (known.op === 'send') this.#hostFrames.add(known);
  }

  refresh(): void {}

  #load(state: SwitchState): void {
    this.#delivery.left.mayLeave = state.externalRunning;
    this.#ageingTick = state.ageingTick;
    this.#ports.load(state);
    if (state.learned.buffer !== this.#learnedBuffer) {
      this.#learnedBuffer = state.learned.buffer;
      this.#sources.replace(new LearnedMacTable(state.learned));
    }
    this.#forwarder.load(state);
    this.#send.load(state.sendBuffers[this.#processor.index] ?? null);
    this.#channels.load(state.ports);
  }

  // --- from the adapter ---------------------------------------------------------------------------------

  receiveNetBufferLists(chain: NetBufferList, _portNumber: number, _count: number, flags: number): void {
    const queueId = chain.filteringInfo >>> 16;
    const singleVmQueue = (flags & NDIS_RECEIVE_FLAGS_SINGLE_QUEUE) !== 0 && queueId !== 0;
    // A queue whose port has just gone: its frames are like any others of the default queue.
    const queuePort = singleVmQueue ? (this.#ports.portOfQueue[queueId] ?? -1) : -1;
    const isOurs = (flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0;
    const receive = this.#receive;
    this.#delivery.left.mayKeep = isOurs;
    this.#backFirst = chain;
    this.#backLast = null;
    receive.begin(chain);
    this.#receiveBatch(chain, chain.firstNetBuffer, queuePort);
    while (receive.nbl !== null) {
      this.#context.machine.reach('vswitch.batch-full');
      this.#receiveBatch(receive.nbl, receive.netBuffer as NetBuffer, queuePort);
    }
    if (!isOurs || this.#backFirst === null) return;
    const single = singleVmQueue ? NDIS_RETURN_FLAGS_SINGLE_QUEUE : 0;
    this.#downcalls.returnNetBufferLists(this.#backFirst, NDIS_RETURN_FLAGS_DISPATCH_LEVEL | single);
  }

  /** Switches frames from `nb` of `nbl` on. */
  #receiveBatch(nbl: NetBufferList, nb: NetBuffer, queuePort: number): void {
    this.#begin(EXTERNAL_PORT, queuePort);
    this.#extensions?.ingressFromWire(nbl, nb);
    this.#receive.run();
    this.#switch();
    if (this.#delivery.left.count !== 0) this.#unlinkLeft(nbl, nb);
    else if (this.#receive.last !== null) this.#backLast = this.#receive.last;
    this.#extensions?.complete();
  }

  /** Takes the NBLs that stay with guests out of the chain, which the batch walked from `nb` of `first` on. */
  #unlinkLeft(first: NetBufferList, firstNb: NetBuffer): void {
    const { records, count } = this.#batch;
    let nbl: NetBufferList | null = first;
    let nb: NetBuffer | null = firstNb;
    for (let i = 0; i < count && nbl !== null && nb !== null; i++) {
      const isLeft = (records[(i << RECORD_SHIFT) + RECORD_TAG] & NOTE_LEFT_WITH_GUEST) !== 0;
      nb = nb.next;
      if (nb !== null) continue;
      const next: NetBufferList | null = nbl.next;
      if (!isLeft) this.#backLast = nbl;
      else if (this.#backLast === null) this.#backFirst = next;
      else this.#backLast.next = next;
      nbl = next;
      nb = next === null ? null : next.firstNetBuffer;
    }
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

  // --- from guests --------------------------------------------------------------------------------------

  switchFromGuest(port: number): void {
    if (this.#guestBatch.count !== 0) this.#switchGuestBatch(port);
    this.#giveBack(this.#channels.collect(port));
  }

  #switchGuestBatch(port: number): void {
    this.#begin(port, -1);
    this.#guests.take(this.#guestBatch);
    this.#guestBatch.count = 0;
    this.#dispositions.countFromGuest();
    this.#extensions?.ingressFromGuest();
    this.#guests.run();
    this.#switch();
    this.#extensions?.complete();
    const { records, count } = this.#batch;
    for (let i = 0; i < count; i++) {
      const record = i << RECORD_SHIFT;
      if ((records[record + RECORD_TAG] & NOTE_SENT) === 0) this.#send.give(records[record + RECORD_AT]);
    }
    this.#send.flush(this.#ports.queueId[port]);
  }

  // --- both ---------------------------------------------------------------------------------------------

  #begin(source: number, queuePort: number): void {
    const tick = this.#ageingTick;
    this.#sources.tick = tick === 0 ? 0 : Math.floor(this.#context.machine.clock.now() / tick);
    this.#batch.begin(source, queuePort);
    this.#destinations.count = 0;
  }

  /** Carries out the verdicts of the batch; counters and trace read then what has become of it. */
  #switch(): void {
    const extensions = this.#extensions;
    this.#trace.writeJudged();
    extensions?.egress();
    this.#delivery.run();
    this.#dispositions.count();
    this.#trace.writeEnded(extensions?.refusals ?? NO_REFUSALS);
  }
}
