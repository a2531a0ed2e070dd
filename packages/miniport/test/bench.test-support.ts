/**
 * The real stack around the miniport: machine, NIC, NDIS, shared memory, and a small protocol driver that can hold
 * what it gets, give it back in any order, and send chains of any shape. Everything happens from outside: frames
 * on the wire, OID requests, calls of the protocol.
 */
import {
  MM_ANY_NODE_OK,
  NDIS_FRAME_HEADER,
  NDIS_MAC_HEADER_FIELD,
  NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS,
  NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_FILTER_TEST,
  NDIS_RECEIVE_FILTER_TYPE,
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
  NDIS_RECEIVE_QUEUE_FREE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_TYPE,
  NDIS_SHARED_MEMORY_USAGE,
  NDIS_STATUS_SUCCESS,
  type NdisReceiveQueueParameters,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  OID_RECEIVE_FILTER_SET_FILTER,
  type StructInput,
  statusName,
} from '@vmq/abi';
import {
  type AgentContext,
  createDeterministicExecutor,
  createDmaDomain,
  createFrameRing,
  createMachine,
  createVirtualClock,
  DELIVERED,
  type DeterministicExecutor,
  DMA_READ,
  type DmaDomain,
  FrameConsumer,
  FrameProducer,
  HOST_SEGMENT,
  type Machine,
  PAGE_SIZE,
  Processor,
  RECEIVED_FROM_GUEST,
} from '@vmq/machine';
import {
  type Binding,
  createNdis,
  createNdisProcessor,
  type DataPlaneEnvelope,
  Mdl,
  methodRequest,
  NDIS_DROP_REASONS,
  type Ndis,
  type NdisAdapter,
  NetBuffer,
  type NetBufferList,
  NetBufferListPool,
  type OidRequest,
  type ProtocolDataPath,
  type ProtocolDriver,
  queueIdOf,
  type SendSink,
  type SharedMemoryProvider,
  type StatusIndication,
  setRequest,
} from '@vmq/ndis';
import {
  attachNicRegisters,
  createNicAgent,
  createNicBar,
  NIC_AGENT,
  NIC_DROP_REASONS,
  type NicAgentData,
  type NicProfile,
  type NicRegisters,
  nicEngineAgent,
  nicProfile,
  REG,
} from '@vmq/nic';
import { createSharedMemoryManager, type SharedMemoryManager } from '@vmq/shared-memory';
import {
  createVmqMiniport,
  createVmqMiniportDataPath,
  MINIPORT_DROP_REASONS,
  VMQ_MINIPORT_DATA_PATH,
  type VmqMiniportOptions,
} from '../src/index.ts';

// --- frames -----------------------------------------------------------------------------------------------

export const macOf = (last: number): Uint8Array => Uint8Array.of(0x02, 0x15, 0x5d, 0, 0, last);
const SOURCE = [0x02, 0, 0, 0, 0, 0x99];

export interface FrameOptions {
  readonly tci?: number;
  /** Bytes without the tag. */
  readonly length?: number;
  /** Put behind the EtherType, 32 bits. */
  readonly sequence?: number;
}

/** A frame to `02-15-5D-00-00-last`, or to the six bytes given. */
export function frame(to: number | readonly number[], options: FrameOptions = {}): Uint8Array {
  const { tci, length = 64, sequence = 0 } = options;
  const tag = tci === undefined ? [] : [0x81, 0x00, tci >> 8, tci & 0xff];
  const bytes = new Uint8Array(length + tag.length);
  const header = [...(typeof to === 'number' ? macOf(to) : to), ...SOURCE, ...tag, 0x88, 0xb5];
  bytes.set(header);
  for (let i = header.length; i < bytes.length; i++) bytes[i] = (i * 7 + sequence) & 0xff;
  new DataView(bytes.buffer).setUint32(header.length, sequence);
  return bytes;
}

export const withoutTag = (bytes: Uint8Array): number[] => [...bytes.slice(0, 12), ...bytes.slice(16)];

// --- the protocol -----------------------------------------------------------------------------------------

/** One frame as the protocol saw it, read when it was indicated. */
export interface SeenFrame {
  readonly processor: number;
  readonly queueId: number;
  readonly filterId: number;
  readonly ieee8021QInfo: number;
  readonly sourceHandle: number;
  readonly bytes: readonly number[];
  readonly sequence: number;
  readonly netBuffers: number;
  /** Segment and length of each MDL. */
  readonly mdls: readonly { segment: number; offset: number; length: number }[];
  readonly sharedMemory: readonly { flags: number; handle: number; offset: number; length: number }[];
  /** Number of the indication, counted over all processors. */
  readonly indication: number;
}

export interface Indication {
  readonly processor: number;
  readonly count: number;
  readonly chainLength: number;
  readonly portNumber: number;
  readonly flags: number;
  readonly queues: ReadonlySet<number>;
}

export interface Completion {
  readonly processor: number;
  readonly flags: number;
  readonly nbls: readonly NetBufferList[];
  readonly statuses: readonly string[];
}

/** The protocol's data half on one processor. */
export class TestPath implements ProtocolDataPath {
  readonly processor: number;
  readonly downcalls: SendSink;
  /** NBLs kept, oldest first. */
  held: NetBufferList[] = [];
  readonly #bench: Records;
  readonly #context: AgentContext;

  constructor(context: AgentContext, processor: number, downcalls: SendSink, bench: Records) {
    this.#context = context;
    this.processor = processor;
    this.downcalls = downcalls;
    this.#bench = bench;
  }

  receiveNetBufferLists(chain: NetBufferList, portNumber: number, count: number, flags: number): void {
    const bench = this.#bench;
    const nbls = chainOf(chain);
    const indication = bench.indications.length;
    for (const nbl of nbls) bench.frames.push(this.#see(nbl, indication));
    bench.indications.push({
      processor: this.processor,
      count,
      chainLength: nbls.length,
      portNumber,
      flags: flags >>> 0,
      queues: new Set(nbls.map(queueIdOf)),
    });
    const { counters, machine } = this.#context;
    const column = machine.ledger.column(DELIVERED);
    counters[column] = (counters[column] as number) + nbls.length;
    const keep = nbls.filter((nbl) => bench.holds(queueIdOf(nbl)));
    const back = nbls.filter((nbl) => !keep.includes(nbl));
    this.held.push(...keep);
    this.giveBack(back);
  }

  #see(nbl: NetBufferList, indication: number): SeenFrame {
    const { memory } = this.#context.machine;
    const netBuffers: NetBuffer[] = [];
    for (let nb: NetBuffer | null = nbl.firstNetBuffer; nb !== null; nb = nb.next) netBuffers.push(nb);
    const nb = nbl.firstNetBuffer;
    const mdls = [];
    const bytes: number[] = [];
    let skip = nb.dataOffset;
    for (let mdl: Mdl | null = nb.mdl; mdl !== null; mdl = mdl.next) {
      mdls.push({ segment: mdl.segment.id, offset: mdl.byteOffset, length: mdl.byteCount });
      const from = Math.min(skip, mdl.byteCount);
      skip -= from;
      const { u8 } = memory.segment(mdl.segment.id);
      bytes.push(...u8.slice(mdl.byteOffset + from, mdl.byteOffset + mdl.byteCount));
    }
    bytes.length = Math.min(bytes.length, nb.dataLength);
    const sharedMemory = [];
    for (let info = nb.sharedMemoryInfo; info !== null; info = info.next) {
      sharedMemory.push({
        flags: info.sharedMemoryFlags,
        handle: info.sharedMemoryHandle,
        offset: info.sharedMemoryOffset,
        length: info.sharedMemoryLength,
      });
    }
    return {
      processor: this.processor,
      queueId: queueIdOf(nbl),
      filterId: nbl.filteringInfo & 0xffff,
      ieee8021QInfo: nbl.ieee8021QInfo,
      sourceHandle: nbl.sourceHandle,
      bytes,
      sequence: new DataView(Uint8Array.from(bytes).buffer).getUint32(14),
      netBuffers: netBuffers.length,
      mdls,
      sharedMemory,
      indication,
    };
  }

  /** Returns NBLs as one chain, in the order given. */
  giveBack(nbls: readonly NetBufferList[]): void {
    if (nbls.length === 0) return;
    this.held = this.held.filter((nbl) => !nbls.includes(nbl));
    this.downcalls.returnNetBufferLists(chained(nbls), 0);
  }

  /** Sends NBLs as one chain. */
  send(nbls: readonly NetBufferList[]): void {
    const { counters, machine } = this.#context;
    const column = machine.ledger.column(RECEIVED_FROM_GUEST);
    for (const nbl of nbls) {
      for (let nb: NetBuffer | null = nbl.firstNetBuffer; nb !== null; nb = nb.next)
        counters[column] = (counters[column] as number) + 1;
    }
    this.downcalls.sendNetBufferLists(chained(nbls), 0, 0);
  }

  sendNetBufferListsComplete(chain: NetBufferList, flags: number): void {
    const nbls = chainOf(chain);
    const statuses = nbls.map(({ status }) => statusName(status));
    this.#bench.completions.push({ processor: this.processor, flags, nbls, statuses });
  }

  refresh(): void {}

  receiveMessage(): void {
    for (const act of this.#bench.acts.splice(0)) act(this);
  }
}

function chainOf(chain: NetBufferList): NetBufferList[] {
  const nbls: NetBufferList[] = [];
  for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) nbls.push(nbl);
  return nbls;
}

function chained(nbls: readonly NetBufferList[]): NetBufferList {
  nbls.forEach((nbl, i) => {
    nbl.next = nbls[i + 1] ?? null;
  });
  return nbls[0] as NetBufferList;
}

interface Records {
  readonly frames: SeenFrame[];
  readonly indications: Indication[];
  readonly completions: Completion[];
  readonly acts: ((path: TestPath) => void)[];
  /** True if the protocol keeps what comes in on this queue. */
  holds(queueId: number): boolean;
}

// --- the bench --------------------------------------------------------------------------------------------

export interface BenchOptions {
  readonly processors?: number;
  /** Receive engines of the device; default 1. */
  readonly receiveEngines?: number;
  readonly rssProcessors?: readonly number[];
  readonly rssBaseProcessor?: number;
  readonly profile?: NicProfile | string;
  readonly keywords?: Readonly<Record<string, number | string>>;
  readonly miniport?: VmqMiniportOptions;
  readonly hostPages?: number;
  /** Longest element of a scattered block, in pages. */
  readonly longestElement?: number;
  readonly provider?: (machine: Machine, manager: SharedMemoryManager) => SharedMemoryProvider;
  readonly hostVersion?: 620 | 630;
  /** Memory of a VM, in pages: segment 2. */
  readonly vmPages?: number;
  /** Slots of the wire to the outside. */
  readonly wireSlots?: number;
  /** Bring the device up hung. */
  readonly hung?: boolean;
  readonly seed?: number;
}

export interface Bench extends Records {
  readonly machine: Machine;
  readonly executor: DeterministicExecutor;
  readonly memory: SharedMemoryManager;
  readonly domain: DmaDomain;
  readonly ndis: Ndis;
  readonly registers: NicRegisters;
  readonly processors: readonly Processor[];
  readonly statuses: StatusIndication[];
  /** What happened in the control half, in order. */
  readonly events: string[];
  /** Requests that pended and have completed, by name. */
  readonly completed: { request: OidRequest; status: string }[];
  adapter: NdisAdapter;
  binding: Binding;
  /** While true the device takes no turn. */
  hang: boolean;
  /** Queues whose frames the protocol keeps. */
  readonly holding: Set<number>;
  /** Adds the adapter; SUCCESS leaves it Paused. */
  add(): string;
  /** Puts frames on the wire; the machine does not run yet. */
  put(...frames: readonly Uint8Array[]): void;
  /** Lets everything run to its end. */
  settle(): void;
  /** {@link put} and {@link settle}. */
  receive(...frames: readonly Uint8Array[]): void;
  /** Frames that came out on the wire. */
  sent(): Uint8Array[];
  path(processor: number): TestPath;
  /** Runs `act` on a processor, between two batches. */
  on(processor: number, act: (path: TestPath) => void): void;
  /** Rules of all violations so far. */
  violations(): string[];
  pool: NetBufferListPool;
}

export function createBench(options: BenchOptions = {}): Bench {
  const bench = createMachineBench(options);
  const status = bench.add();
  if (status !== 'NDIS_STATUS_SUCCESS') throw new Error(`addAdapter: ${status}`);
  const restarted = statusName(bench.adapter.restart());
  if (restarted !== 'NDIS_STATUS_SUCCESS') throw new Error(`restart: ${restarted}`);
  packetFilter(bench, 0xf);
  return bench;
}

/** Everything but the adapter. */
export function createMachineBench(options: BenchOptions = {}): Bench {
  const processorCount = options.processors ?? 2;
  const profile =
    typeof options.profile === 'object' ? options.profile : nicProfile(options.profile ?? 'netvmini');
  const receiveEngines = options.receiveEngines ?? 1;
  const engines = Array.from({ length: receiveEngines }, (_, engine) => engine);
  const clock = createVirtualClock();
  const machine = createMachine({
    hostMemoryBytes: (options.hostPages ?? 4096) * PAGE_SIZE,
    processors: processorCount,
    agents: engines.map(nicEngineAgent),
    dropReasons: [...NIC_DROP_REASONS, ...NDIS_DROP_REASONS, ...MINIPORT_DROP_REASONS],
    clock,
  });
  const processors: Processor[] = [];
  const paths = new Map<number, TestPath>();
  const records = {
    frames: [] as SeenFrame[],
    indications: [] as Indication[],
    completions: [] as Completion[],
    acts: [] as ((path: TestPath) => void)[],
    holding: new Set<number>(),
    holds: (queueId: number) => records.holding.has(queueId),
  };
  const executor = createDeterministicExecutor(machine, clock, {
    seed: options.seed ?? 1,
    factories: {
      nic: (context, data: NicAgentData) => {
        const device = createNicAgent(context, data);
        return { ...device, step: () => !bench.hang && device.step() };
      },
      processor: (context, index: number) => {
        const processor = new Processor(index, machine.board);
        processors[index] = processor;
        const ndis = createNdisProcessor(context, processor, {
          miniports: { [VMQ_MINIPORT_DATA_PATH]: createVmqMiniportDataPath },
          protocols: {
            test: (own, services, _image, downcalls) => {
              const path = new TestPath(own, services.index, downcalls, records);
              paths.set(services.index, path);
              return path;
            },
          },
        });
        return {
          step: () => processor.step(),
          refresh(messages) {
            for (const message of messages) ndis.receive(message as DataPlaneEnvelope);
            ndis.refresh();
          },
        };
      },
    },
  });
  const bar = createNicBar(machine, { profile, receiveEngines });
  if (options.vmPages !== undefined) machine.memory.addSegment('vm', options.vmPages * PAGE_SIZE);
  const memory = createSharedMemoryManager(machine, {
    ...(options.longestElement === undefined ? {} : { longestElement: options.longestElement * PAGE_SIZE }),
  });
  const domain = createDmaDomain('nic0', machine.memory);
  for (const { id } of machine.memory.segments) domain.setRights(id, 0, PAGE_SIZE, 0);
  const rx = createFrameRing(4096, 1 << 22, receiveEngines);
  const tx = createFrameRing(options.wireSlots ?? 1024, 1 << 21);
  for (const engine of engines) {
    const data = { profile, bar: bar.id, dma: domain.image(), rx, tx, engine };
    executor.start([{ name: nicEngineAgent(engine), factory: 'nic', data }]);
  }
  for (let i = 0; i < processorCount; i++)
    executor.start([{ name: `processor:${i}`, factory: 'processor', data: i }]);
  const ndis = createNdis({
    machine,
    executor,
    hostVersion: options.hostVersion ?? 630,
    ...(options.provider === undefined ? { sharedMemory: memory } : {}),
    dataPlane: {
      post(adapter, component, to, message) {
        for (let i = 0; i < processorCount; i++)
          if (to === 'all' || to === i) executor.post(`processor:${i}`, { adapter, component, message });
      },
    },
  });
  if (options.provider !== undefined) ndis.setOptionalHandlers(options.provider(machine, memory));
  const driver = createVmqMiniport(options.miniport);
  const producer = new FrameProducer(rx);
  const consumer = new FrameConsumer(tx);
  const wakeDevice = (part: number = 0): void => machine.board.wake(machine.agent(NIC_AGENT) + part);
  const registers = attachNicRegisters(bar, wakeDevice);
  const resources = {
    bar,
    deviceAgent: machine.agent(NIC_AGENT),
    wakeDevice,
    msixTableEntries: profile.msixEntries,
    msixTableOffset: REG.MSIXADDRLO,
    write32: (offset: number, value: number) => registers.write32(offset, value),
    dmaDomain: domain,
    setDevicePower(state: number): void {
      executor.post(NIC_AGENT, { op: 'power', on: state === 1 });
      executor.publish();
    },
  };
  const events: string[] = [];
  const statuses: StatusIndication[] = [];
  const completed: { request: OidRequest; status: string }[] = [];
  const protocol: ProtocolDriver = {
    name: 'test',
    dataPathFactory: 'test',
    dataPathImage: () => null,
    bindAdapter: () => NDIS_STATUS_SUCCESS,
    unbindAdapter: () => {},
    oidRequestComplete(_binding, request, status) {
      events.push(`complete ${statusName(status)}`);
      completed.push({ request, status: statusName(status) });
    },
    status(_binding, indication) {
      events.push(`indicate ${statusName(indication.statusCode)}`);
      statuses.push(indication);
    },
    pause: () => {},
    restart: () => {},
  };

  const bench: Bench = Object.assign(records, {
    machine,
    executor,
    memory,
    domain,
    ndis,
    registers,
    processors,
    statuses,
    events,
    completed,
    adapter: null as unknown as NdisAdapter,
    binding: null as unknown as Binding,
    hang: options.hung ?? false,
    pool: new NetBufferListPool(256, machine.memory.host),
    add() {
      const { rssProcessors, rssBaseProcessor } = options;
      const added = ndis.addAdapter({
        name: 'nic0',
        driver,
        resources,
        keywords: options.keywords ?? { '*RssOrVmqPreference': 1, '*VMQ': 1, '*VMQVlanFiltering': 1 },
        ...(rssProcessors === undefined ? {} : { rssProcessors }),
        ...(rssBaseProcessor === undefined ? {} : { rssBaseProcessor }),
      });
      if (added.adapter === null) return statusName(added.status);
      bench.adapter = added.adapter;
      const bound = added.adapter.bind(protocol);
      if (bound.binding === null) throw new Error(`bind: ${statusName(bound.status)}`);
      bench.binding = bound.binding;
      return statusName(added.status);
    },
    put(...frames: readonly Uint8Array[]) {
      for (const bytes of frames) {
        const at = producer.reserve(bytes.length);
        if (at < 0) throw new Error('the wire is full');
        producer.u8.set(bytes, at);
        producer.commit(at, bytes.length, 0);
      }
      producer.publish();
      wakeDevice();
    },
    settle() {
      executor.runUntilIdle();
      ndis.poll();
    },
    receive(...frames: readonly Uint8Array[]) {
      bench.put(...frames);
      bench.settle();
    },
    sent() {
      const taken: Uint8Array[] = [];
      for (let left = consumer.available(); left > 0; left--) {
        const at = consumer.offsetOf(0);
        taken.push(consumer.u8.slice(at, at + consumer.lengthOf(0)));
        consumer.release(1);
      }
      wakeDevice();
      return taken;
    },
    path(processor: number) {
      const found = paths.get(processor);
      if (found === undefined) throw new Error(`no path on processor ${processor}`);
      return found;
    },
    on(processor: number, act: (path: TestPath) => void) {
      records.acts.push(act);
      bench.binding.post(processor, null);
      bench.binding.publish();
    },
    violations: () =>
      ndis.refusals.entries.filter(({ kind }) => kind === 'violation').map(({ rule }) => rule),
  });
  return bench;
}

// --- requests ---------------------------------------------------------------------------------------------

export interface QueueOptions extends StructInput<NdisReceiveQueueParameters> {}

/** Allocates a queue for `processors` and returns its id. */
export function allocate(
  bench: Bench,
  processors: readonly number[] = [0],
  change: StructInput<NdisReceiveQueueParameters> = {},
): number {
  const request = allocateRequest(processors, change);
  const status = bench.binding.oidRequestAndWait(request);
  if (status !== NDIS_STATUS_SUCCESS) throw new Error(`allocate: ${statusName(status)}`);
  return decodedQueue(request).QueueId;
}

export function decodedQueue(request: OidRequest): NdisReceiveQueueParameters {
  const decoded = NDIS_RECEIVE_QUEUE_PARAMETERS.decode(request.informationBuffer);
  if (!decoded.ok) throw new Error('undecodable answer');
  return decoded.value;
}

const maskOf = (processors: readonly number[]): bigint =>
  processors.reduce((mask, processor) => mask | (1n << BigInt(processor)), 0n);

export function allocateRequest(
  processors: readonly number[],
  change: StructInput<NdisReceiveQueueParameters> = {},
): OidRequest {
  const wish = {
    QueueType: NDIS_RECEIVE_QUEUE_TYPE.NdisReceiveQueueTypeVMQueue,
    ProcessorAffinity: { Mask: maskOf(processors) },
    NumSuggestedReceiveBuffers: 32,
    VmName: 'web',
    ...change,
  };
  return methodRequest(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, NDIS_RECEIVE_QUEUE_PARAMETERS.encode(wish));
}

/** Completes allocations; the element statuses. */
export function complete(bench: Bench, ...queueIds: readonly number[]): string[] {
  const elements = queueIds.map((QueueId) => ({ QueueId }));
  const request = methodRequest(
    OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
    NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.encode({ elements }),
  );
  const status = bench.binding.oidRequestAndWait(request);
  const decoded = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.decode(request.informationBuffer);
  if (status !== NDIS_STATUS_SUCCESS || !decoded.ok) throw new Error(`complete: ${statusName(status)}`);
  return decoded.value.elements.map(({ CompletionStatus }) => statusName(CompletionStatus));
}

/** Sets a filter on MAC `last`: untagged or VLAN 0, or the VLAN given, or any (`null`). Returns its id. */
export function setFilter(bench: Bench, queueId: number, last: number, vlan: number | null = 0): number {
  const test = { FrameHeader: NDIS_FRAME_HEADER.NdisFrameHeaderMac };
  const equal = { ...test, ReceiveFilterTest: NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestEqual };
  const mac = {
    ...equal,
    Flags: vlan === 0 ? NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO : 0,
    HeaderField: { MacHeaderField: NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldDestinationAddress },
    FieldValue: { FieldByteArrayValue: macOf(last) },
  };
  const tag = {
    ...equal,
    HeaderField: { MacHeaderField: NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldVlanId },
    FieldValue: { FieldShortValue: vlan ?? 0 },
  };
  const request = methodRequest(
    OID_RECEIVE_FILTER_SET_FILTER,
    NDIS_RECEIVE_FILTER_PARAMETERS.encode({
      FilterType: NDIS_RECEIVE_FILTER_TYPE.NdisReceiveFilterTypeVMQueue,
      QueueId: queueId,
      elements: vlan ? [mac, tag] : [mac],
    }),
  );
  const status = bench.binding.oidRequestAndWait(request);
  if (status !== NDIS_STATUS_SUCCESS) throw new Error(`set filter: ${statusName(status)}`);
  const decoded = NDIS_RECEIVE_FILTER_PARAMETERS.decode(request.informationBuffer);
  if (!decoded.ok) throw new Error('undecodable answer');
  return decoded.value.FilterId;
}

export function clearFilter(bench: Bench, queueId: number, filterId: number): string {
  const parameters = NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS.encode({ QueueId: queueId, FilterId: filterId });
  return statusName(bench.binding.oidRequestAndWait(setRequest(OID_RECEIVE_FILTER_CLEAR_FILTER, parameters)));
}

/** Frees a queue: the status, NDIS_STATUS_PENDING included. */
export function free(bench: Bench, queueId: number): string {
  const parameters = NDIS_RECEIVE_QUEUE_FREE_PARAMETERS.encode({ QueueId: queueId });
  return statusName(bench.binding.oidRequest(setRequest(OID_RECEIVE_FILTER_FREE_QUEUE, parameters)));
}

/** Sets parameters of a queue; `Flags` says which. */
export function setParameters(
  bench: Bench,
  queueId: number,
  change: StructInput<NdisReceiveQueueParameters>,
): string {
  const parameters = NDIS_RECEIVE_QUEUE_PARAMETERS.encode({
    QueueType: NDIS_RECEIVE_QUEUE_TYPE.NdisReceiveQueueTypeVMQueue,
    QueueId: queueId,
    ...change,
  });
  return statusName(bench.binding.oidRequest(setRequest(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, parameters)));
}

const AFFINITY_CHANGED = 0x20000;

export function move(bench: Bench, queueId: number, ...processors: readonly number[]): string {
  const affinity = { Mask: maskOf(processors) };
  return setParameters(bench, queueId, { Flags: AFFINITY_CHANGED, ProcessorAffinity: affinity });
}

/** Allocates, sets a filter for MAC `last`, completes: a Running queue. */
export function runningQueue(
  bench: Bench,
  last: number,
  processor = 0,
  change: StructInput<NdisReceiveQueueParameters> = {},
): { queueId: number; filterId: number } {
  const queueId = allocate(bench, [processor], change);
  const filterId = setFilter(bench, queueId, last);
  const [status] = complete(bench, queueId);
  if (status !== 'NDIS_STATUS_SUCCESS') throw new Error(`complete: ${status}`);
  return { queueId, filterId };
}

/** OID_GEN_CURRENT_PACKET_FILTER. */
export function packetFilter(bench: Bench, types: number): string {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, types, true);
  return statusName(bench.binding.oidRequestAndWait(setRequest(OID_GEN_CURRENT_PACKET_FILTER, bytes)));
}

// --- sends ------------------------------------------------------------------------------------------------

/** An NB to send: its MDLs' bytes, bytes to skip, and how many count. */
export interface NetBufferShape {
  readonly mdls: readonly Uint8Array[];
  readonly offset?: number;
  readonly length?: number;
}

/** Memory for sends that the device may read. */
export class SendMemory {
  readonly #bench: Bench;
  #next: number;

  constructor(bench: Bench, bytes: number = 1 << 20) {
    this.#bench = bench;
    const { block } = bench.memory.allocate({
      segment: HOST_SEGMENT,
      length: bytes,
      contiguous: true,
      owner: 'test sends',
      usage: NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageOther,
    });
    if (block === null) throw new Error('no memory for sends');
    bench.memory.grant(bench.domain, block.handle, DMA_READ);
    this.#next = block.elements[0]?.offset ?? 0;
  }

  nbl(shapes: readonly NetBufferShape[], queueId = 0, ieee8021QInfo = 0): NetBufferList {
    const nbl = this.#bench.pool.take();
    if (nbl === null) throw new Error('no NBL');
    nbl.filteringInfo = queueId << 16;
    nbl.ieee8021QInfo = ieee8021QInfo;
    nbl.status = -1;
    const buffers = shapes.map((shape) => this.#netBuffer(shape));
    buffers.forEach((nb, i) => {
      nb.next = buffers[i + 1] ?? null;
    });
    nbl.firstNetBuffer = buffers[0] as NetBuffer;
    return nbl;
  }

  /** An NBL with one frame in one piece. */
  frame(bytes: Uint8Array, queueId = 0, ieee8021QInfo = 0): NetBufferList {
    return this.nbl([{ mdls: [bytes] }], queueId, ieee8021QInfo);
  }

  #netBuffer({ mdls, offset = 0, length }: NetBufferShape): NetBuffer {
    const { host } = this.#bench.machine.memory;
    const chain = mdls.map((bytes) => {
      const mdl = new Mdl(host);
      mdl.byteOffset = this.#next;
      mdl.byteCount = bytes.length;
      host.u8.set(bytes, this.#next);
      this.#next += bytes.length + 3; // odd places on purpose
      return mdl;
    });
    chain.forEach((mdl, i) => {
      mdl.next = chain[i + 1] ?? null;
    });
    const nb = new NetBuffer(chain[0] ?? new Mdl(host));
    nb.dataOffset = offset;
    nb.dataLength = length ?? mdls.reduce((sum, bytes) => sum + bytes.length, 0) - offset;
    return nb;
  }
}

export const sharedMemoryOf = (bench: Bench, queueId: number): number =>
  bench.adapter.inspect().sharedMemory.filter((entry) => entry.queueId === queueId).length;

export { MM_ANY_NODE_OK };
