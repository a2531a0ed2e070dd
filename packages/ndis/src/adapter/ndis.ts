/**
 * NDIS on one host: registered drivers, adapters, the shared-memory provider, and the log of refusals.
 */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type {
  AdapterState,
  Binding,
  FilterDriver,
  MiniportDriver,
  MiniportInterposer,
  MiniportResources,
  OidRequest,
  ProtocolDriver,
  SharedMemoryProvider,
} from '@vmq/ddi';
import { createDmaDomain, type DmaDomain, type Executor, type Machine, type TraceWriter } from '@vmq/machine';
import type { SharedMemoryManager } from '@vmq/shared-memory';
import type { DataPlane } from '../datapath/data-plane.ts';
import { createDetachedDataPath, type DetachedDataPath } from '../datapath/detached-data-path.ts';
import { NdisTimers } from '../diagnostics/ndis-timers.ts';
import { NdisTraceWriter } from '../diagnostics/ndis-trace.ts';
import { AdapterRefusals, type RefusalLog, RefusalRecorder } from '../diagnostics/refusal-log.ts';
import { WorkItems } from '../diagnostics/work-items.ts';
import { createDefaultProvider } from '../memory/default-provider.ts';
import { VectorPool } from '../memory/interrupt-messages.ts';
import { Adapter } from './adapter.ts';
import type { AdapterReport } from './adapter-inspection.ts';
import type { AdapterSetting } from './adapter-setting.ts';
import { DriverRegistry } from './driver-registry.ts';
import { rssProcessorSet } from './rss-processors.ts';

export interface NdisOptions {
  readonly machine: Machine;
  readonly executor: Executor;
  /** How messages reach the processors' agents; the host's. */
  readonly dataPlane: DataPlane;
  /** Serves shared memory from host memory while no provider is registered. Without it such requests fail. */
  readonly sharedMemory?: SharedMemoryManager;
  /** NDIS version of the host, which decides where receive memory may lie. Default 630. */
  readonly hostVersion?: 620 | 630;
  /** The control path's pen; default: no trace. */
  readonly trace?: TraceWriter;
}

export interface AdapterOptions {
  readonly name: string;
  readonly driver: MiniportDriver;
  readonly resources: MiniportResources;
  /** The adapter's registry keywords, e.g. `{ '*VMQ': 1, '*RssOrVmqPreference': 1 }`. */
  readonly keywords?: Readonly<Record<string, number | string>>;
  /**
   * Processors for its queues, nearest first. Default: those of the machine that the keywords leave (*RssBaseProcNumber,
   * *RssMaxProcNumber, *MaxRssProcessors).
   */
  readonly rssProcessors?: readonly number[];
  /** Default: what *RssBaseProcNumber says, else the lowest of `rssProcessors`. */
  readonly rssBaseProcessor?: number;
  readonly numaNode?: number;
}

/** One adapter, as host and tools see it. */
export interface NdisAdapter {
  readonly name: string;
  readonly state: AdapterState;
  /** SUCCESS, FAILURE (wrong state), the miniport's failure, PENDING. */
  restart(): number;
  /** SUCCESS, FAILURE (wrong state), PENDING while NBLs are outstanding with the machine at rest. */
  pause(): number;
  /** SUCCESS, FAILURE unless Paused without requests. `action` is an NDIS_HALT_ACTION. */
  halt(action?: number): number;
  reset(): number;
  /** Query-remove, notice, pause, unbind, halt: SUCCESS, or PENDING while NBLs are held (call again). */
  surpriseRemove(): number;
  /** NDIS_DEVICE_POWER_STATE; D0 unless {@link setPower} was called. */
  readonly powerState: number;
  /**
   * Into a device power state, as a PnP power IRP does: SUCCESS, FAILURE (wrong state), the miniport's failure,
   * PENDING while NBLs keep the stack from pausing (call again).
   */
  setPower(state: number): number;
  /** Binds a registered or unregistered protocol; its status. */
  bind(driver: ProtocolDriver): { readonly status: number; readonly binding: Binding | null };
  /** A request of user mode: owns no queue, sees all of them in statistics queries (QUE-34). */
  userModeRequest(request: OidRequest): number;
  inspect(): AdapterReport;
}

export interface Ndis {
  /**
   * NdisMRegisterMiniportDriver: SUCCESS, BAD_VERSION for a version that the host's NDIS does not know,
   * BAD_CHARACTERISTICS for a second driver of that name.
   */
  registerMiniportDriver(driver: MiniportDriver): number;
  /**
   * NdisFRegisterFilterDriver: SUCCESS, BAD_VERSION, BAD_CHARACTERISTICS likewise. A module attaches to
   * every adapter added from now on, the first registered driver's next to the miniport.
   */
  registerFilterDriver(driver: FilterDriver): number;
  /** NdisRegisterProtocolDriver: SUCCESS, BAD_CHARACTERISTICS for a second driver of that name. */
  registerProtocolDriver(driver: ProtocolDriver): number;
  /** NdisSetOptionalHandlers with NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS; null takes them back. */
  setOptionalHandlers(provider: SharedMemoryProvider | null): number;
  /**
   * Adds and initializes an adapter: SUCCESS leaves it Paused. On failure the status is the miniport's and
   * `adapter` is null.
   */
  addAdapter(options: AdapterOptions): { readonly status: number; readonly adapter: NdisAdapter | null };
  /** Adapters that are not halted. */
  readonly adapters: readonly NdisAdapter[];
  /** Binds every registered protocol that is not bound to the adapter yet. */
  bindProtocols(adapter: NdisAdapter): void;
  /** For a protocol that goes on without an adapter; `name` must be no adapter's. */
  detachedDataPath(name: string): DetachedDataPath;
  /** Runs due timers and queued work items and finishes what waited for NBLs. Call it between other work. */
  poll(): void;
  /**
   * NdisSetTimerObject: runs `action` once, at PASSIVE_LEVEL, `nanoseconds` from now at the earliest; returns what
   * cancels it. Timers run in {@link poll} and while a control call waits, which lets time pass for them.
   */
  setTimer(nanoseconds: number, action: () => void): () => void;
  /** When the next timer comes due, checks for hang included, in ns of the machine's clock. */
  readonly nextTimer: number;
  /** Puts something between NDIS and its miniports, to see how all above takes it; null takes it away. */
  interpose(interposer: MiniportInterposer | null): void;
  readonly refusals: RefusalLog;
}

class NdisOfHost implements Ndis {
  readonly refusals: RefusalRecorder = new RefusalRecorder();
  readonly #options: NdisOptions;
  readonly #work: WorkItems = new WorkItems();
  readonly #timers: NdisTimers;
  readonly #vectors: VectorPool;
  readonly #trace: NdisTraceWriter;
  readonly #hostVersion: 620 | 630;
  readonly #drivers: DriverRegistry;
  /** Serves shared memory while no provider is registered. */
  readonly #builtIn: SharedMemoryProvider | null;
  #registered: SharedMemoryProvider | null = null;
  readonly #domains = new Map<string, DmaDomain>();
  #adapters: Adapter[] = [];
  #lastBinding: number;
  #interposer: MiniportInterposer | null = null;

  constructor(options: NdisOptions) {
    const { machine, sharedMemory } = options;
    this.#options = options;
    this.#timers = new NdisTimers(machine.clock, this.#work);
    this.#vectors = new VectorPool(machine);
    this.#trace = new NdisTraceWriter(options.trace ?? null);
    this.#hostVersion = options.hostVersion ?? 630;
    this.#drivers = new DriverRegistry(this.refusals, this.#hostVersion);
    this.#builtIn = sharedMemory === undefined ? null : createDefaultProvider(sharedMemory);
    this.#lastBinding = machine.counters.numbers;
  }

  registerMiniportDriver(driver: MiniportDriver): number {
    return this.#drivers.registerMiniport(driver);
  }

  registerFilterDriver(driver: FilterDriver): number {
    return this.#drivers.registerFilter(driver);
  }

  registerProtocolDriver(driver: ProtocolDriver): number {
    return this.#drivers.registerProtocol(driver);
  }

  setOptionalHandlers(provider: SharedMemoryProvider | null): number {
    this.#registered = provider;
    return NDIS_STATUS_SUCCESS;
  }

  addAdapter(options: AdapterOptions): { readonly status: number; readonly adapter: NdisAdapter | null } {
    const { name, driver } = options;
    const log = new AdapterRefusals(this.refusals, name);
    this.#adapters = this.#living();
    if (this.#adapters.some((adapter) => adapter.name === name)) {
      const broken = { rule: 'INIT-03', status: NDIS_STATUS_FAILURE, expected: 'a new name' };
      return { status: log.refuse(broken, `an adapter ${name} already`), adapter: null };
    }
    const known = this.#drivers.registerMiniport(driver);
    if (known !== NDIS_STATUS_SUCCESS) return { status: known, adapter: null };
    const adapter = new Adapter(this.#settingOf(options, log));
    const status = adapter.initialize();
    if (status !== NDIS_STATUS_SUCCESS) return { status, adapter: null };
    this.#adapters.push(adapter);
    return { status, adapter };
  }

  get adapters(): readonly NdisAdapter[] {
    return this.#living();
  }

  bindProtocols(adapter: NdisAdapter): void {
    const bound = adapter.inspect().bindings.map(({ protocol }) => protocol);
    for (const protocol of this.#drivers.protocols)
      if (!bound.includes(protocol.name)) adapter.bind(protocol);
  }

  detachedDataPath(name: string): DetachedDataPath {
    const { machine, executor, dataPlane } = this.#options;
    return createDetachedDataPath(name, dataPlane, executor, machine.processorCount);
  }

  poll(): void {
    this.#timers.fire();
    this.#work.run();
    for (const adapter of this.#adapters) adapter.poll();
  }

  setTimer(nanoseconds: number, action: () => void): () => void {
    return this.#timers.set(nanoseconds, action, true);
  }

  get nextTimer(): number {
    return this.#timers.next;
  }

  interpose(interposer: MiniportInterposer | null): void {
    this.#interposer = interposer;
  }

  #living(): Adapter[] {
    return this.#adapters.filter((adapter) => adapter.state !== 'Halted');
  }

  /** What an adapter shares with all others, and what is its own. */
  #settingOf(options: AdapterOptions, log: AdapterRefusals): AdapterSetting {
    const { machine, executor, dataPlane } = this.#options;
    const { name, driver, resources, keywords = {} } = options;
    return {
      name,
      driver,
      resources,
      keywords,
      rss: rssProcessorSet(options, machine.processorCount),
      hostVersion: this.#hostVersion,
      machine,
      executor,
      dataPlane,
      work: this.#work,
      timers: this.#timers,
      vectors: this.#vectors,
      log,
      trace: this.#trace,
      filterDrivers: () => this.#drivers.filters,
      provider: () => this.#registered ?? this.#builtIn,
      interposer: () => this.#interposer,
      createDomain: (domainName) => this.#domainOf(domainName, resources),
      nextBinding: () => ++this.#lastBinding,
    };
  }

  /** One domain per device, whatever its adapter's lives: the device holds on to its tables. */
  #domainOf(name: string, resources: MiniportResources): DmaDomain {
    const known = resources.dmaDomain ?? this.#domains.get(name);
    const domain = known ?? createDmaDomain(name, this.#options.machine.memory);
    this.#domains.set(name, domain);
    return domain;
  }
}

export function createNdis(options: NdisOptions): Ndis {
  return new NdisOfHost(options);
}
