/**
 * A switch bound through the real NDIS to an adapter on paper: a miniport that keeps queues and filters in lists,
 * notes every request, and refuses those the test names. Only the device is missing.
 */
import {
  NDIS_RECEIVE_FILTER_CAPABILITIES,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
  NDIS_RECEIVE_QUEUE_FREE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  NDIS_STATUS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_SUCCESS,
  oidName,
} from '@vmq/abi';
import type { MiniportAdapter, MiniportDriver, OidRequest } from '@vmq/ddi';
import {
  type Agent,
  type AgentContext,
  createDeterministicExecutor,
  createMachine,
  createVirtualClock,
  type Machine,
  Processor,
} from '@vmq/machine';
import {
  createNdis,
  createNdisProcessor,
  type DataPlaneEnvelope,
  NDIS_DROP_REASONS,
  type Ndis,
  type NdisAdapter,
} from '@vmq/ndis';
import { VMBUS_DROP_REASONS } from '@vmq/netvsc';
import { createSharedMemoryManager } from '@vmq/shared-memory';
import { parseMacAddress } from '@vmq/wire';
import {
  createSwitch,
  createSwitchDataPath,
  type PortProperties,
  type SwitchOptions,
  type VirtualSwitch,
  VSWITCH_DATA_PATH,
  VSWITCH_DROP_REASONS,
} from '../src/index.ts';
import type { SwitchState } from '../src/model/messages.ts';

export interface PaperOptions {
  /** 0 = VMQ is off. */
  readonly queues?: number;
  readonly filters?: number;
  readonly vlanFiltering?: boolean;
  readonly ndis?: 20 | 30;
  readonly processors?: number;
  /** Bits per second; default 10 Gbit/s. */
  readonly linkSpeed?: number;
  readonly switch?: Partial<SwitchOptions>;
}

export interface AdapterBench {
  readonly machine: Machine;
  readonly ndis: Ndis;
  readonly adapter: NdisAdapter;
  readonly sw: VirtualSwitch;
  /** Requests the miniport has seen: name and what matters of their content. */
  readonly requests: string[];
  /** Called when a request is at the miniport, with its line. */
  onRequest: (line: string) => void;
  /** The adapter indicates a current set with so many queues; 0 = none at all. */
  indicateQueues(queues: number): void;
  /** The state that the data paths were given last. */
  readonly published: () => SwitchState | null;
  /** OID name to the status the next such request gets, or for completions the next element of that queue. */
  readonly refuse: Map<string, number>;
  addPort(name: string, properties?: Partial<PortProperties>, processor?: number): number;
  /** Queue per port, 0 = default queue. */
  queuesOf(...ports: readonly number[]): number[];
  bind(): number;
  unbind(): void;
}

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** One line for a request: what it asks for. */
function tell(request: OidRequest): string {
  const input = request.informationBuffer.subarray(0, request.inputBufferLength);
  const name = oidName(request.oid).replace('OID_RECEIVE_FILTER_', '').replace('OID_GEN_', '');
  if (name === 'ALLOCATE_QUEUE') {
    const asked = NDIS_RECEIVE_QUEUE_PARAMETERS.decode(input);
    if (!asked.ok) return `${name} ?`;
    const { QueueId, VmName, QueueName, PortId, ProcessorAffinity, Flags, LookaheadSize } = asked.value;
    const port = PortId === undefined ? '' : ` port ${PortId}`;
    return `${name} ${QueueId} ${VmName}/${QueueName}${port} mask ${ProcessorAffinity.Mask} flags ${Flags} lookahead ${LookaheadSize}`;
  }
  if (name === 'SET_FILTER') {
    const asked = NDIS_RECEIVE_FILTER_PARAMETERS.decode(input);
    if (!asked.ok) return `${name} ?`;
    const tests = asked.value.elements.map((test) => {
      const value = test.FieldValue as { FieldByteArrayValue?: Uint8Array; FieldShortValue?: number };
      const field = (test.HeaderField as { MacHeaderField: number }).MacHeaderField;
      return field === 1
        ? `${hex((value.FieldByteArrayValue ?? new Uint8Array()).slice(0, 6))}${test.Flags === 1 ? ' untagged' : ''}`
        : `vlan ${value.FieldShortValue}`;
    });
    return `${name} queue ${asked.value.QueueId} ${tests.join(' ')}`;
  }
  if (name === 'QUEUE_ALLOCATION_COMPLETE') {
    const asked = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.decode(input);
    return `${name} ${asked.ok ? asked.value.elements.map(({ QueueId }) => QueueId).join(' ') : '?'}`;
  }
  if (name === 'FREE_QUEUE' || name === 'CLEAR_FILTER') {
    const asked = NDIS_RECEIVE_QUEUE_FREE_PARAMETERS.decode(input);
    return `${name} ${asked.ok ? asked.value.QueueId : '?'}`;
  }
  if (name === 'CURRENT_PACKET_FILTER') return `${name} ${input[0]}`;
  return name;
}

function capabilitiesOf(options: PaperOptions, queues: number): Uint8Array {
  const revision = options.ndis === 20 ? 1 : 2;
  return NDIS_RECEIVE_FILTER_CAPABILITIES.encode(
    {
      EnabledFilterTypes: queues === 0 ? 0 : 1,
      EnabledQueueTypes: queues === 0 ? 0 : 1,
      NumQueues: queues,
      SupportedQueueProperties: queues === 0 ? 0 : options.ndis === 20 ? 3 : 0x3b,
      SupportedFilterTests: queues === 0 ? 0 : 1,
      SupportedHeaders: queues === 0 ? 0 : 1,
      SupportedMacHeaderFields: queues === 0 ? 0 : options.vlanFiltering === false ? 1 : 9,
      MaxMacHeaderFilters: queues === 0 ? 0 : (options.filters ?? 64),
    },
    { revision },
  );
}

function paperMiniport(
  options: PaperOptions,
  requests: string[],
  refuse: Map<string, number>,
  heard: (line: string) => void,
): MiniportDriver & { adapter: MiniportAdapter | null } {
  const capabilities = capabilitiesOf(options, options.queues ?? 4);
  const refusal = (name: string): number | undefined => {
    const status = refuse.get(name);
    if (status !== undefined) refuse.delete(name);
    return status;
  };
  const oidRequest = (adapter: MiniportAdapter, request: OidRequest): number => {
    const line = tell(request);
    const name = line.split(' ')[0];
    requests.push(line);
    heard(line);
    const refused = refusal(name);
    if (refused !== undefined) return refused;
    request.bytesWritten = request.outputBufferLength;
    if (name === 'QUEUE_ALLOCATION_COMPLETE') {
      const bytes = request.informationBuffer;
      const decoded = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.decode(bytes);
      if (!decoded.ok) throw new Error('not an array');
      const elements = decoded.value.elements.map(({ QueueId }) => ({
        QueueId,
        CompletionStatus: refusal(`queue ${QueueId}`) ?? NDIS_STATUS_SUCCESS,
      }));
      NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.encode({ elements }, { into: bytes });
    }
    if (name === 'FREE_QUEUE') {
      const asked = NDIS_RECEIVE_QUEUE_FREE_PARAMETERS.decode(request.informationBuffer);
      const QueueId = asked.ok ? asked.value.QueueId : 0;
      const state = NDIS_RECEIVE_QUEUE_STATE.encode({ QueueId, QueueState: 3 });
      adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_QUEUE_STATE, state);
    }
    return NDIS_STATUS_SUCCESS;
  };
  return {
    name: 'paper',
    majorNdisVersion: 6,
    minorNdisVersion: options.ndis ?? 30,
    adapter: null,
    initializeEx(adapter) {
      this.adapter = adapter;
      adapter.setMiniportAttributes({ type: 'registration', revision: 2, attributeFlags: 0 });
      adapter.setMiniportAttributes({
        type: 'general',
        revision: 2,
        mtuSize: 1500,
        maxXmitLinkSpeed: options.linkSpeed ?? 10e9,
        lookaheadSize: 1500,
        macOptions: 0x40,
        supportedPacketFilters: 0x2f,
        maxMulticastListSize: 32,
        permanentMacAddress: Uint8Array.of(2, 0, 0, 0, 0, 0xfe),
        currentMacAddress: Uint8Array.of(2, 0, 0, 0, 0, 0xfe),
        supportedOidList: [],
      });
      return adapter.setMiniportAttributes({
        type: 'hardware-assist',
        revision: options.ndis === 20 ? 2 : 3,
        hardwareReceiveFilterCapabilities: capabilities,
        currentReceiveFilterCapabilities: capabilities,
      });
    },
    haltEx() {},
    pause: () => NDIS_STATUS_SUCCESS,
    restart: () => NDIS_STATUS_SUCCESS,
    oidRequest,
    dataPathFactory: 'paper',
    dataPathImage: () => null,
  };
}

export function createAdapterBench(options: PaperOptions = {}): AdapterBench {
  const clock = createVirtualClock();
  const processors = options.processors ?? 4;
  const machine = createMachine({
    hostMemoryBytes: 4 << 20,
    processors,
    agents: [],
    dropReasons: [...VSWITCH_DROP_REASONS, ...VMBUS_DROP_REASONS, ...NDIS_DROP_REASONS],
    clock,
  });
  const sharedMemory = createSharedMemoryManager(machine);
  const factories = {
    miniports: {
      paper: () => ({
        sendNetBufferLists() {},
        returnNetBufferLists() {},
        refresh() {},
        receiveMessage() {},
      }),
    },
    protocols: { [VSWITCH_DATA_PATH]: createSwitchDataPath },
  };
  const makeProcessor = (context: AgentContext, index: number): Agent => {
    const processor = new Processor(index, machine.board);
    const paths = createNdisProcessor(context, processor, factories);
    return {
      step: () => processor.step(),
      refresh(messages) {
        for (const message of messages) paths.receive(message as DataPlaneEnvelope);
        paths.refresh();
      },
    };
  };
  const executor = createDeterministicExecutor(machine, clock, {
    factories: { processor: makeProcessor as never },
  });
  let published: SwitchState | null = null;
  const indices = Array.from({ length: processors }, (_, i) => i);
  executor.start(indices.map((i) => ({ name: `processor:${i}`, factory: 'processor', data: i })));
  const ndis = createNdis({
    machine,
    executor,
    sharedMemory,
    dataPlane: {
      post(adapter, component, processor, message) {
        const told = (message as { message?: { op?: string } } | null)?.message;
        if (told?.op === 'state') published = told as SwitchState;
        for (const i of indices) {
          if (processor !== 'all' && processor !== i) continue;
          executor.post(`processor:${i}`, { adapter, component, message });
        }
      },
    },
  });
  const requests: string[] = [];
  const refuse = new Map<string, number>();
  const driver = paperMiniport(options, requests, refuse, (line) => bench.onRequest(line));
  const sw = createSwitch({ name: 'vSwitch', type: 'external', machine, sharedMemory, ...options.switch });
  const { adapter, status } = ndis.addAdapter({
    name: 'nic0',
    driver,
    resources: {
      bar: machine.memory.addSegment('bar', 4096),
      deviceAgent: 0,
      wakeDevice() {},
      msixTableEntries: 8,
      msixTableOffset: 0,
    },
  });
  if (adapter === null)
    throw new Error(`addAdapter: ${status.toString(16)}: ${JSON.stringify(ndis.refusals)}`);
  let bound: ReturnType<NdisAdapter['bind']>['binding'] = null;
  const bench: AdapterBench = {
    onRequest: () => {},
    machine,
    ndis,
    adapter,
    sw,
    requests,
    published: () => published,
    refuse,
    indicateQueues(queues) {
      const set = capabilitiesOf(options, queues);
      driver.adapter?.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, set);
      ndis.poll();
    },
    bind() {
      const answer = adapter.bind(sw.protocolDriver);
      bound = answer.binding;
      adapter.restart();
      return answer.status;
    },
    unbind() {
      const binding = bound;
      if (binding !== null) {
        sw.protocolDriver.unbindAdapter(binding);
        binding.close();
      }
      bound = null;
    },
    addPort(name, properties = {}, processor) {
      const { port } = sw.createPort(name, properties);
      const mac = parseMacAddress(`02-00-00-00-00-${port.toString(16).padStart(2, '0')}`);
      if (mac === null) throw new Error('bad MAC');
      const nic = {
        name: `nic-${name}`,
        vmName: name,
        mac,
        ...(processor === undefined ? {} : { processor }),
      };
      const made = sw.createNic(port, nic);
      if (made.status !== 0) throw new Error(made.reason);
      return port;
    },
    queuesOf: (...ports) =>
      ports.map((port) => sw.inspect().ports.find((report) => report.port === port)?.queueId ?? -1),
  };
  return bench;
}
