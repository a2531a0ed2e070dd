/**
 * The real stack around the miniport: machine, NIC, NDIS, shared memory, and a small protocol driver that can hold
 * what it gets, give it back in any order, and send chains of any shape. Everything happens from outside: frames
 * on the wire, OID requests, calls of the protocol.
 */
import { NDIS_STATUS_SUCCESS, statusName } from '@vmq/abi';
import {
  type Binding,
  type MiniportDriver,
  NetBufferListPool,
  type OidRequest,
  type ProtocolDriver,
  type SharedMemoryProvider,
  type StatusIndication,
} from '@vmq/ddi';
import {
  createDeterministicExecutor,
  createDmaDomain,
  createFrameRing,
  createMachine,
  createVirtualClock,
  type DeterministicExecutor,
  type DmaDomain,
  FrameConsumer,
  FrameProducer,
  type Machine,
  PAGE_SIZE,
  Processor,
  type Schedule,
} from '@vmq/machine';
import {
  createNdis,
  createNdisProcessor,
  type DataPlaneEnvelope,
  NDIS_DROP_REASONS,
  type Ndis,
  type NdisAdapter,
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

import {
  type Completion,
  type Indication,
  type Records,
  type SeenFrame,
  TestPath,
} from './test-path.test-support.ts';

export * from './requests.test-support.ts';
export * from './send-memory.test-support.ts';
export * from './test-path.test-support.ts';

import { packetFilter } from './requests.test-support.ts';

export * from './frames.test-support.ts';

// --- the bench --------------------------------------------------------------------------------------------

export interface BenchOptions {
  readonly processors?: number;
  /** Receive engines of the device; default 1. */
  readonly receiveEngines?: number;
  readonly schedule?: Schedule;
  readonly rssProcessors?: readonly number[];
  readonly rssBaseProcessor?: number;
  readonly profile?: NicProfile | string;
  readonly keywords?: Readonly<Record<string, number | string>>;
  readonly miniport?: VmqMiniportOptions;
  /** Another driver in the place of this package's. */
  readonly driver?: (own: MiniportDriver) => MiniportDriver;
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
  /** What happened in the control path, in order. */
  readonly events: string[];
  /** Requests that pended and have completed, by name. */
  readonly completed: { request: OidRequest; status: string }[];
  adapter: NdisAdapter;
  binding: Binding;
  /** While true the device takes no turn. */
  hang: boolean;
  /** What the protocol does when it is paused. */
  onPause: () => void;
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
    schedule: options.schedule ?? 'random',
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
  const own = createVmqMiniport(options.miniport);
  const driver = options.driver?.(own) ?? own;
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
    pause: () => bench.onPause(),
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
    onPause: () => {},
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

export const sharedMemoryOf = (bench: Bench, queueId: number): number =>
  bench.adapter.inspect().sharedMemory.filter((entry) => entry.queueId === queueId).length;
