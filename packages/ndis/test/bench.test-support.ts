/**
 * A machine with NDIS on it, one small real miniport and as many protocols as a test wants.
 */
import {
  NDIS_FRAME_HEADER,
  NDIS_MAC_HEADER_FIELD,
  NDIS_RECEIVE_FILTER_CAPABILITIES,
  NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS,
  NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_FILTER_TEST,
  NDIS_RECEIVE_FILTER_TYPE,
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
  NDIS_RECEIVE_QUEUE_FREE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_TYPE,
  NDIS_STATUS_SUCCESS,
  type NdisReceiveFilterCapabilities,
  type NdisReceiveQueueParameters,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_SET_FILTER,
  type StructInput,
} from '@vmq/abi';
import {
  type Binding,
  type BindParameters,
  type FilterDriver,
  methodRequest,
  type OidRequest,
  outputOf,
  type ProtocolDriver,
  type StatusIndication,
  setRequest,
} from '@vmq/ddi';
import {
  type AgentFactories,
  createDeterministicExecutor,
  createMachine,
  createVirtualClock,
  type Executor,
  type Machine,
  type MemorySegment,
  TraceWriter,
} from '@vmq/machine';
import { createSharedMemoryManager, type SharedMemoryManager } from '@vmq/shared-memory';
import { createNdis, type DataPlane, NDIS_DROP_REASONS, type Ndis, type NdisAdapter } from '../src/index.ts';
import { TestMiniport, type TestMiniportOptions } from './test-miniport.test-support.ts';

export const MSIX_TABLE = 0x1000;

export class TestProtocol implements ProtocolDriver {
  readonly name: string;
  readonly dataPathFactory: string;
  bound: BindParameters | null = null;
  bindStatus: number = NDIS_STATUS_SUCCESS;
  onBind: (binding: Binding) => void = () => {};
  readonly indications: StatusIndication[] = [];
  readonly completions: { request: OidRequest; status: number }[] = [];
  readonly events: string[] = [];

  constructor(name: string, dataPathFactory: string = '') {
    this.name = name;
    this.dataPathFactory = dataPathFactory;
  }

  bindAdapter(binding: Binding, parameters: BindParameters): number {
    this.bound = parameters;
    this.onBind(binding);
    return this.bindStatus;
  }

  unbindAdapter(): void {
    this.events.push('unbind');
  }

  oidRequestComplete(_binding: Binding, request: OidRequest, status: number): void {
    this.completions.push({ request, status });
  }

  status(_binding: Binding, indication: StatusIndication): void {
    this.indications.push(indication);
  }

  pause(): void {
    this.events.push('pause');
  }

  restart(): void {
    this.events.push('restart');
  }

  netPnpEvent(_binding: Binding, event: number): void {
    this.events.push(`event ${event}`);
  }

  dataPathImage(): unknown {
    return { protocol: this.name };
  }
}

export interface BenchOptions extends TestMiniportOptions {
  readonly processors?: number;
  readonly rssProcessors?: readonly number[];
  readonly hostVersion?: 620 | 630;
  readonly keywords?: Readonly<Record<string, number | string>>;
  readonly factories?: AgentFactories;
  readonly dataPlane?: (executor: Executor) => DataPlane;
  readonly protocol?: TestProtocol;
  /** Registered before the adapter comes, lowest first. */
  readonly filterDrivers?: readonly FilterDriver[];
  readonly setDevicePower?: (state: number) => void;
  /** Lets the control path write traces as agent `control`. */
  readonly trace?: boolean;
}

export interface Bench {
  readonly bar: MemorySegment;
  readonly machine: Machine;
  readonly executor: Executor;
  readonly memory: SharedMemoryManager;
  readonly ndis: Ndis;
  readonly miniport: TestMiniport;
  readonly adapter: NdisAdapter;
  readonly protocol: TestProtocol;
  readonly binding: Binding;
  /** Rule of the newest log entry. */
  lastRule(): string | undefined;
  /** Rules of all violations so far. */
  violations(): string[];
}

export function createHost(options: BenchOptions = {}) {
  const clock = createVirtualClock();
  const machine = createMachine({
    hostMemoryBytes: 512 * 4096,
    processors: options.processors ?? 4,
    agents: ['nic', 'control'],
    dropReasons: [...NDIS_DROP_REASONS],
    clock,
  });
  const executor = createDeterministicExecutor(machine, clock, { factories: options.factories ?? {} });
  const memory = createSharedMemoryManager(machine, { longestElement: 2 * 4096 });
  const dataPlane = options.dataPlane?.(executor) ?? { post: () => {} };
  const ndis = createNdis({
    machine,
    executor,
    dataPlane,
    sharedMemory: memory,
    hostVersion: options.hostVersion ?? 630,
    ...(options.trace === true
      ? { trace: new TraceWriter(machine.traceImage, machine.agent('control'), machine.board) }
      : {}),
  });
  for (const driver of options.filterDrivers ?? []) ndis.registerFilterDriver(driver);
  const bar = machine.memory.addSegment('bar', 0x4000);
  const miniport = new TestMiniport(options);
  const add = () =>
    ndis.addAdapter({
      name: 'nic0',
      driver: miniport,
      resources: {
        bar,
        deviceAgent: machine.agent('nic'),
        wakeDevice: () => {},
        msixTableEntries: 16,
        msixTableOffset: MSIX_TABLE,
        ...(options.setDevicePower === undefined ? {} : { setDevicePower: options.setDevicePower }),
      },
      keywords: options.keywords ?? { '*VMQ': 1, '*RssOrVmqPreference': 1 },
      ...(options.rssProcessors === undefined ? {} : { rssProcessors: options.rssProcessors }),
    });
  return { machine, executor, memory, ndis, miniport, bar, add };
}

export function createBench(options: BenchOptions = {}): Bench {
  const host = createHost(options);
  const { adapter, status } = host.add();
  if (adapter === null) throw new Error(`addAdapter: 0x${status.toString(16)}`);
  const protocol = options.protocol ?? new TestProtocol('switch');
  const { binding } = adapter.bind(protocol);
  if (binding === null) throw new Error('bind refused');
  return {
    ...host,
    adapter,
    protocol,
    binding,
    lastRule: () => host.ndis.refusals.last?.rule,
    violations: () =>
      host.ndis.refusals.entries.filter(({ kind }) => kind === 'violation').map(({ rule }) => rule),
  };
}

export function capabilities(
  minor: 20 | 30 | 60,
  change: StructInput<NdisReceiveFilterCapabilities> = {},
): Uint8Array {
  const base = {
    EnabledFilterTypes: 1,
    EnabledQueueTypes: 1,
    NumQueues: 4,
    SupportedQueueProperties: minor === 20 ? 0x3 : 0x1b,
    SupportedFilterTests: 1,
    SupportedHeaders: 1,
    SupportedMacHeaderFields: 0x9,
    MaxMacHeaderFilters: 8,
  };
  return NDIS_RECEIVE_FILTER_CAPABILITIES.encode({ ...base, ...change }, { revision: minor === 20 ? 1 : 2 });
}

// --- requests ---------------------------------------------------------------------------------------------

export function queueParameters(
  change: StructInput<NdisReceiveQueueParameters> = {},
  revision: number = 2,
): Uint8Array {
  return NDIS_RECEIVE_QUEUE_PARAMETERS.encode(
    {
      QueueType: NDIS_RECEIVE_QUEUE_TYPE.NdisReceiveQueueTypeVMQueue,
      QueueId: 77,
      ProcessorAffinity: { Mask: 1n },
      NumSuggestedReceiveBuffers: 64,
      VmName: 'web',
      QueueName: 'web-eth0',
      ...change,
    },
    { revision },
  );
}

export const allocateRequest = (
  change: StructInput<NdisReceiveQueueParameters> = {},
  revision: number = 2,
): OidRequest => methodRequest(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, queueParameters(change, revision));

/** Allocates a queue and returns its id. */
export function allocate(binding: Binding, change: StructInput<NdisReceiveQueueParameters> = {}): number {
  const request = allocateRequest(change);
  const status = binding.oidRequestAndWait(request);
  if (status !== NDIS_STATUS_SUCCESS) throw new Error(`allocate: 0x${status.toString(16)}`);
  const decoded = NDIS_RECEIVE_QUEUE_PARAMETERS.decode(outputOf(request));
  if (!decoded.ok) throw new Error('undecodable answer');
  return decoded.value.QueueId;
}

export function completeRequest(queueIds: readonly number[]): OidRequest {
  const elements = queueIds.map((QueueId) => ({ QueueId, CompletionStatus: 0x1234 }));
  return methodRequest(
    OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
    NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.encode({ elements }),
  );
}

export function complete(
  binding: Binding,
  queueIds: readonly number[],
): { status: number; elements: number[] } {
  const request = completeRequest(queueIds);
  const status = binding.oidRequestAndWait(request);
  const decoded = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.decode(request.informationBuffer);
  return { status, elements: decoded.ok ? decoded.value.elements.map((e) => e.CompletionStatus) : [] };
}

export const freeRequest = (QueueId: number): OidRequest =>
  setRequest(OID_RECEIVE_FILTER_FREE_QUEUE, NDIS_RECEIVE_QUEUE_FREE_PARAMETERS.encode({ QueueId }));
export const free = (binding: Binding, queueId: number): number =>
  binding.oidRequestAndWait(freeRequest(queueId));

type FieldTest = StructInput<Parameters<typeof NDIS_RECEIVE_FILTER_PARAMETERS.encode>[0]>;
type Fields = NonNullable<FieldTest['elements']>[number];

export function macTest(last: number, flags: number = 0): Fields {
  return {
    Flags: flags,
    FrameHeader: NDIS_FRAME_HEADER.NdisFrameHeaderMac,
    ReceiveFilterTest: NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestEqual,
    HeaderField: { MacHeaderField: NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldDestinationAddress },
    FieldValue: { FieldByteArrayValue: Uint8Array.of(0, 0x15, 0x5d, 0, 0, last) },
  };
}

export const untaggedMac = (last: number): Fields =>
  macTest(last, NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO);

export function vlanTest(vlan: number): Fields {
  return {
    FrameHeader: NDIS_FRAME_HEADER.NdisFrameHeaderMac,
    ReceiveFilterTest: NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestEqual,
    HeaderField: { MacHeaderField: NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldVlanId },
    FieldValue: { FieldShortValue: vlan },
  };
}

export function filterRequest(
  queueId: number,
  elements: readonly Fields[],
  change: FieldTest = {},
): OidRequest {
  const value = {
    FilterType: NDIS_RECEIVE_FILTER_TYPE.NdisReceiveFilterTypeVMQueue,
    QueueId: queueId,
    elements,
    ...change,
  };
  return methodRequest(OID_RECEIVE_FILTER_SET_FILTER, NDIS_RECEIVE_FILTER_PARAMETERS.encode(value));
}

export function filterIdOf(request: OidRequest): number {
  const decoded = NDIS_RECEIVE_FILTER_PARAMETERS.decode(request.informationBuffer);
  if (!decoded.ok) throw new Error('undecodable answer');
  return decoded.value.FilterId;
}

/** Sets a MAC filter (untagged) and returns its id. */
export function setFilter(binding: Binding, queueId: number, last: number = queueId): number {
  const request = filterRequest(queueId, [untaggedMac(last)]);
  const status = binding.oidRequestAndWait(request);
  if (status !== NDIS_STATUS_SUCCESS) throw new Error(`set filter: 0x${status.toString(16)}`);
  return filterIdOf(request);
}

export const clearRequest = (QueueId: number, FilterId: number): OidRequest =>
  setRequest(
    OID_RECEIVE_FILTER_CLEAR_FILTER,
    NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS.encode({ QueueId, FilterId }),
  );
export const clearFilter = (binding: Binding, queueId: number, filterId: number): number =>
  binding.oidRequestAndWait(clearRequest(queueId, filterId));

export const stateOf = (adapter: NdisAdapter, queueId: number): string =>
  adapter.inspect().queues.find((queue) => queue.queueId === queueId)?.state ?? 'Undefined';
