/**
 * The real stack on a bench: machine, NIC, miniport, NDIS and two protocols, A
 * and B, as one host would join them; a cable; and shared memory that can be made to run out.
 */
import { NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS, statusName } from '@vmq/abi';
import type { SharedMemoryProvider } from '@vmq/ddi';
import {
  createDeterministicExecutor,
  createDmaDomain,
  createFrameRing,
  createMachine,
  createRealClock,
  createThreadsExecutor,
  createVirtualClock,
  type Executor,
  FrameProducer,
  HOST_SEGMENT,
  type Machine,
  PAGE_SIZE,
} from '@vmq/machine';
import { createVmqMiniport } from '@vmq/miniport';
import { createNdis, NDIS_DROP_REASONS, type Ndis, type NdisAdapter, vmqEnabled } from '@vmq/ndis';
import {
  attachNicRegisters,
  createNicBar,
  NIC_AGENT,
  NIC_DROP_REASONS,
  type NicProfile,
  REG,
} from '@vmq/nic';
import { createSharedMemoryManager, type SharedMemoryManager } from '@vmq/shared-memory';
import type { ReferenceProfile } from '../reference/vocabulary.ts';
import { benchAgentFactories } from './agents.ts';
import {
  createRecordingProtocol,
  type ProtocolListener,
  type RecordingProtocol,
} from './recording-protocol.ts';
import { macText } from './request-bytes.ts';

/** Which adapter stands on the bench. */
export const BENCH_KINDS = [
  '6.30',
  '6.20',
  '6.20 split',
  '6.60',
  '6.30 without VLAN',
  '6.30 without VMQ',
] as const;
export type BenchKind = (typeof BENCH_KINDS)[number];

/** Small, so that a few steps reach its limits. */
const SMALL_NIC: NicProfile = {
  name: 'bench',
  queues: 3,
  filters: 5,
  msixEntries: 8,
  lookaheadMin: 64,
  lookaheadMax: 128,
  maxFrameBytes: 1514,
  linkGbps: 1,
  receiveChecksum: false,
};
const PROCESSORS = 2;
const ADAPTER = 'NIC1';
/** More than a sequence can keep held. */
const RING_ENTRIES = 64;

export interface BenchOptions {
  readonly kind: BenchKind;
  readonly executor?: 'deterministic' | 'threads';
  /** Seed of the deterministic executor. */
  readonly seed?: number;
}

export interface Bench {
  readonly kind: BenchKind;
  readonly ndis: Ndis;
  readonly adapter: NdisAdapter;
  readonly executor: Executor;
  readonly A: RecordingProtocol;
  readonly B: RecordingProtocol;
  /** What the adapter is, read from the capabilities it reports. */
  readonly profile: ReferenceProfile;
  memoryAvailable: boolean;
  /** Puts frames on the wire; the machine takes them when it runs. */
  transmit(frames: readonly Uint8Array[]): void;
  /** B binds (again). */
  bindB(): void;
  stop(): Promise<void>;
}

export function createBench(options: BenchOptions, listeners: Record<'A' | 'B', ProtocolListener>): Bench {
  const { kind } = options;
  const room = benchMachine(options);
  const { machine, executor } = room;
  const card = plugIn(room);
  const { registers } = card;
  const sharedMemory = createSharedMemoryManager(machine);
  const ndis = createNdis({
    machine,
    executor,
    sharedMemory,
    dataPlane: {
      post(adapter, component, processor, message) {
        const envelope = { adapter, component, message };
        if (processor !== 'all') executor.post(`processor:${processor}`, envelope);
        else for (let p = 0; p < PROCESSORS; p++) executor.post(`processor:${p}`, envelope);
      },
    },
  });
  const A = createRecordingProtocol('A', listeners.A);
  const B = createRecordingProtocol('B', listeners.B);
  const memory = { memoryAvailable: true };
  ndis.setOptionalHandlers(benchProvider(sharedMemory, memory));
  const adapter = bringUp(kind, ndis, card);
  const bind = (protocol: RecordingProtocol): void => {
    const { status } = adapter.bind(protocol);
    if (status !== NDIS_STATUS_SUCCESS) throw new Error(`bench ${kind}: ${protocol.name} was not bound`);
  };
  bind(A);
  bind(B);
  const restarted = adapter.restart();
  if (restarted !== NDIS_STATUS_SUCCESS)
    throw new Error(`bench ${kind}: restart failed: ${statusName(restarted)}`);
  const station = stationMac(registers.read32(REG.PMACLO), registers.read32(REG.PMACHI));
  return Object.assign(memory, {
    kind,
    ndis,
    adapter,
    executor,
    A,
    B,
    profile: profileOf(kind, adapter, station),
    transmit: card.transmit,
    bindB: () => bind(B),
    stop: () => executor.stop(),
  });
}

interface Room {
  readonly machine: Machine;
  readonly executor: Executor;
}

function benchMachine({ executor: kind, seed = 1 }: BenchOptions): Room {
  const threads = kind === 'threads';
  const virtualClock = createVirtualClock();
  const started = performance.now();
  const machine = createMachine({
    hostMemoryBytes: 2 * 1024 * 1024,
    processors: PROCESSORS,
    agents: [NIC_AGENT],
    dropReasons: [...NIC_DROP_REASONS, ...NDIS_DROP_REASONS],
    traceRecords: 2,
    clock: threads ? createRealClock(started, () => performance.now()) : virtualClock,
  });
  const executor = threads
    ? createThreadsExecutor(machine, { entry: builtWorker(), execArgv: [] })
    : createDeterministicExecutor(machine, virtualClock, { factories: benchAgentFactories(), seed });
  return { machine, executor };
}

/** The NIC in its slot, with its cable; the processors run, too. */
function plugIn({ machine, executor }: Room) {
  const bar = createNicBar(machine, { profile: SMALL_NIC });
  const domain = createDmaDomain(ADAPTER, machine.memory);
  // An empty grant makes the table of host memory, which the device then holds on to.
  domain.setRights(HOST_SEGMENT, 0, PAGE_SIZE, 0);
  const rx = createFrameRing(256, 1 << 16);
  const tx = createFrameRing(16, 1 << 12);
  const data = { profile: SMALL_NIC, bar: bar.id, dma: domain.image(), rx, tx };
  executor.start([{ name: NIC_AGENT, factory: 'nic', data }]);
  for (let processor = 0; processor < PROCESSORS; processor++)
    executor.start([{ name: `processor:${processor}`, factory: 'processor', data: { processor } }]);
  const deviceAgent = machine.agent(NIC_AGENT);
  const wakeDevice = (): void => machine.board.wake(deviceAgent);
  const producer = new FrameProducer(rx);
  const transmit = (frames: readonly Uint8Array[]): void => {
    for (const frame of frames) {
      const at = producer.reserve(frame.length);
      if (at < 0) throw new Error('bench: the wire is full');
      producer.u8.set(frame, at);
      producer.commit(at, frame.length, 0);
    }
    producer.publish();
    wakeDevice();
  };
  return { bar, domain, deviceAgent, wakeDevice, transmit, registers: attachNicRegisters(bar, wakeDevice) };
}

function bringUp(kind: BenchKind, ndis: Ndis, card: ReturnType<typeof plugIn>): NdisAdapter {
  const { bar, deviceAgent, wakeDevice, registers, domain } = card;
  const { adapter, status } = ndis.addAdapter({
    name: ADAPTER,
    driver: createVmqMiniport({ minorNdisVersion: minorOf(kind), receiveRingEntries: RING_ENTRIES }),
    resources: {
      bar,
      deviceAgent,
      wakeDevice,
      msixTableEntries: SMALL_NIC.msixEntries,
      msixTableOffset: REG.MSIXADDRLO,
      write32: (offset, value) => registers.write32(offset, value),
      dmaDomain: domain,
    },
    keywords: {
      '*RssOrVmqPreference': 1,
      '*VMQ': kind === '6.30 without VMQ' ? 0 : 1,
      '*VMQVlanFiltering': kind === '6.30 without VLAN' ? 0 : 1,
      '*VMQLookaheadSplit': kind === '6.20 split' ? 1 : 0,
    },
  });
  if (adapter === null) throw new Error(`bench ${kind}: initialization failed: ${statusName(status)}`);
  return adapter;
}

/** Shared memory of the host, while `memory` says that there is any. */
function benchProvider(
  sharedMemory: SharedMemoryManager,
  memory: { readonly memoryAvailable: boolean },
): SharedMemoryProvider {
  return {
    name: 'bench',
    allocateSharedMemoryHandler(adapter, { length, contiguous, usage }) {
      if (!memory.memoryAvailable) return { status: NDIS_STATUS_RESOURCES, reason: 'the test says so' };
      const result = sharedMemory.allocate({
        segment: HOST_SEGMENT,
        length,
        contiguous,
        owner: adapter,
        usage,
      });
      const { status, block } = result;
      if (block === null) return { status, reason: result.reason };
      return {
        status,
        elements: block.elements.map((element) => ({ segment: HOST_SEGMENT, ...element })),
        sharedMemoryHandle: block.handle,
        allocationContext: block.handle,
      };
    },
    freeSharedMemoryHandler: (_adapter, context) => void sharedMemory.free(context as number),
  };
}

function minorOf(kind: BenchKind): 20 | 30 | 60 {
  return Number(kind.slice(2, 4)) as 20 | 30 | 60;
}

function stationMac(low: number, high: number): string {
  return macText(Uint8Array.of(low >>> 24, low >>> 16, low >>> 8, low, high >>> 8, high));
}

/** What the capabilities say that the model has to know. */
function profileOf(kind: BenchKind, adapter: NdisAdapter, station: string): ReferenceProfile {
  const { currentCapabilities: caps } = adapter.inspect();
  const version = (600 + minorOf(kind)) as 620 | 630 | 660;
  if (caps === null) throw new Error(`bench ${kind}: no capabilities`);
  return {
    version,
    vmq: vmqEnabled(caps),
    numQueues: caps.NumQueues,
    maxFilters: caps.MaxMacHeaderFilters,
    vlanTests: kind !== '6.30 without VLAN',
    maxLookahead: caps.MaxLookaheadSplitSize,
    processors: PROCESSORS,
    stationMac: station,
  };
}

/** The worker's entry file as built; under a test runner this file runs from `src`, which Node's workers cannot. */
function builtWorker(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? '../../dist/worker.js' : '../worker.js', import.meta.url);
}
