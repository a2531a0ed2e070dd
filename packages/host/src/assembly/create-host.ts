/**
 * Puts a host together from a checked configuration, in the order in which a real one comes up:
 *
 *   board, memory ─> NIC and processors ─> NDIS, provider, protocol registered ─> adapter initialized, bound,
 *   restarted ─> VMs boot and open their channels ─> ports and NICs created, connected (queues, filters) ─> ready
 */
import {
  NDIS_DEVICE_POWER_STATE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
  statusName,
} from '@vmq/abi';
import { describeGuestTrace } from '@vmq/guest';
import {
  availableCores,
  createDeterministicExecutor,
  createDmaDomain,
  createFrameRing,
  createMachine,
  createRealClock,
  createThreadsExecutor,
  createVirtualClock,
  DMA_READ,
  type Executor,
  HOST_SEGMENT,
  type Machine,
  type MemorySegment,
  PAGE_SIZE,
  printAs,
  TraceReader,
  type TraceRecord,
  TraceWriter,
} from '@vmq/machine';
import { createVmqMiniport, describeMiniportTrace, MINIPORT_DROP_REASONS } from '@vmq/miniport';
import { createNdis, describeNdisTrace, NDIS_DROP_REASONS, type NdisAdapter, refusalLine } from '@vmq/ndis';
import { describeVmbusTrace, VMBUS_DROP_REASONS } from '@vmq/netvsc';
import {
  attachNicRegisters,
  createNicBar,
  describeNicTrace,
  NIC_AGENT,
  NIC_DROP_REASONS,
  type NicMessage,
  nicEngineAgent,
  nicProfile,
  REG,
} from '@vmq/nic';
import { createSharedMemoryManager } from '@vmq/shared-memory';
import { createSwitch, describeSwitchTrace, VSWITCH_DROP_REASONS } from '@vmq/vswitch';
import { hostAgentFactories } from '../agents/agent-factories.ts';
import { adapterKeywords } from '../config/adapter-keywords.ts';
import { checkVmConfig } from '../config/check-config.ts';
import { type HostConfig, mostVms, vmqProcessorsOf } from '../config/config.ts';
import { frameRoom, sizesOf } from '../config/sizing.ts';
import { reportHost } from '../report/inspect.ts';
import type { Host, HostOptions } from '../vm/host.ts';
import { setVmLife, VmLife } from '../vm/vm-life.ts';
import { vmAgentName } from '../vm/vm-places.ts';
import { placementOnCores, placementPerProcessor } from './placement.ts';
import { createWirePort } from './wire-port.ts';

/** Name of the agent under which the control half writes its trace records; it never runs. */
const CONTROL_AGENT = 'control';

/** Most memory for young objects in each worker thread: data halves make none per frame, so what Node takes is idle. */
const YOUNG_MB = 4;

/** Name of the adapter, as Windows would show it. */
const ADAPTER_NAME = 'NIC1';

/** Brings a host up. Throws with a reason if it cannot; a configuration that passed the check should always do. */
export function createHost(config: HostConfig, options: HostOptions = {}): Host {
  const started: Executor[] = [];
  try {
    return bringUp(config, options, started);
  } catch (error) {
    // Threads of a host that did not come up would keep the process alive; the error that counts is thrown.
    for (const executor of started) executor.stop().catch(() => {});
    throw error;
  }
}

function bringUp(config: HostConfig, options: HostOptions, started: Executor[]): Host {
  const profile = nicProfile(config.nic.profile);
  const sizes = sizesOf(config, { ...(options.wire ? { receiveWire: options.wire } : {}), ...options.sizes });
  const { limits } = sizes;
  const threads = config.executor === 'threads';
  const powerOn = performance.now();
  const virtualClock = createVirtualClock(options.counters?.nanoseconds);
  const clock = threads ? createRealClock(powerOn, () => performance.now()) : virtualClock;
  const nicAgents = Array.from({ length: config.nic.receiveEngines }, (_, engine) => nicEngineAgent(engine));
  const machine = createMachine({
    hostMemoryBytes: sizes.hostMemoryBytes,
    processors: config.processors,
    agents: [CONTROL_AGENT, ...nicAgents, ...config.vms.map(({ name }) => vmAgentName(name))],
    maxAgents: config.processors + 1 + nicAgents.length + mostVms(config),
    dropReasons: [
      ...NIC_DROP_REASONS,
      ...NDIS_DROP_REASONS,
      ...MINIPORT_DROP_REASONS,
      ...VMBUS_DROP_REASONS,
      ...VSWITCH_DROP_REASONS,
      ...(options.dropReasons ?? []),
    ],
    traceRecords: options.traceRecords ?? 4096,
    clock,
    ...(options.onMark ? { onMark: options.onMark } : {}),
    ...(options.counters ? { counters: options.counters } : {}),
  });
  const executor: Executor = threads
    ? createThreadsExecutor(machine, {
        entry: options.workerEntry ?? builtFile('worker.js'),
        placement: groupsOf(options, config),
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
        ...(options.spin === undefined ? {} : { spin: options.spin }),
        ...(options.cores !== undefined && { cores: options.cores }),
        // Under a test runner this process reads sources; its workers must not.
        ...(import.meta.url.endsWith('.ts') ? { execArgv: [] } : {}),
      })
    : createDeterministicExecutor(machine, virtualClock, {
        factories: hostAgentFactories(options.dataPaths),
        seed: config.seed,
        schedule: config.schedule,
      });
  started.push(executor);

  // The NIC, its cable, and what it may reach: nothing yet.
  const bar = createNicBar(machine, { profile, receiveEngines: nicAgents.length });
  const domain = createDmaDomain(ADAPTER_NAME, machine.memory);
  // An empty grant makes the table of host memory, which the device then holds on to.
  domain.setRights(HOST_SEGMENT, 0, PAGE_SIZE, 0);
  const rx = createFrameRing(
    sizes.receiveWire.slots,
    sizes.receiveWire.dataBytes,
    nicAgents.length,
    machine.counters.words,
  );
  const tx = createFrameRing(
    sizes.transmitWire.slots,
    sizes.transmitWire.dataBytes,
    1,
    machine.counters.words,
  );
  nicAgents.forEach((name, engine) => {
    const data = { profile, bar: bar.id, dma: domain.image(), rx, tx, engine, batch: limits.nicBatch };
    executor.start([{ name, factory: 'nic', data }]);
  });
  for (let processor = 0; processor < config.processors; processor++) {
    executor.start([{ name: `processor:${processor}`, factory: 'processor', data: { processor } }]);
  }
  // Threads take their time to come up, on a busy machine seconds, which is not the device's: the miniport waits for
  // that one by the clock.
  if (threads) executor.publish();

  const hostVersion = config.ndisVersion === '6.20' ? 620 : 630;
  const sharedMemory = createSharedMemoryManager(machine);
  const control = machine.agent(CONTROL_AGENT);
  const ndis = createNdis({
    machine,
    executor,
    sharedMemory,
    hostVersion,
    trace: new TraceWriter(machine.traceImage, control, machine.board),
    dataPlane: {
      post(adapter, component, processor, message) {
        const envelope = { adapter, component, message };
        if (processor !== 'all') executor.post(`processor:${processor}`, envelope);
        else for (let p = 0; p < config.processors; p++) executor.post(`processor:${p}`, envelope);
      },
    },
  });
  const virtualSwitch = createSwitch({
    name: config.switch.name,
    type: 'external',
    machine,
    sharedMemory,
    hostVersion,
    floodUnknownUnicast: config.switch.floodUnknownUnicast,
    vmqProcessors: vmqProcessorsOf(config),
    tenGigVmqEnabled: config.switch.tenGigVmqEnabled,
    belowTenGigVmqEnabled: config.switch.belowTenGigVmqEnabled,
    ...(options.switchExtensions ? { extensions: options.switchExtensions } : {}),
    suggestedReceiveBuffers: config.nic.receiveBuffers,
    ...(limits.channelBudget ? { channelBudget: limits.channelBudget } : {}),
    ...(limits.macTableEntries ? { macTableEntries: limits.macTableEntries } : {}),
    sendBuffers: sizes.sendBuffers,
    sendBufferBytes: Math.max(2048, frameRoom(config)) + 64,
    transport: ndis.detachedDataPath(`${config.switch.name} alone`),
    grantSendBuffers: (block) => {
      sharedMemory.grant(domain, block.handle, DMA_READ);
    },
  });
  ndis.setOptionalHandlers(virtualSwitch.sharedMemoryProvider);
  for (const driver of options.filterDrivers ?? []) ndis.registerFilterDriver(driver);
  ndis.registerProtocolDriver(virtualSwitch.protocolDriver);
  const miniport = createVmqMiniport({
    ...(limits.transmitRingEntries ? { transmitRingEntries: limits.transmitRingEntries } : {}),
    ...(limits.indicationBudget ? { indicationBudget: limits.indicationBudget } : {}),
    receiveRingEntries: config.nic.receiveBuffers,
    minorNdisVersion: hostVersion === 620 ? 20 : 30,
  });
  const first = bringUpAdapter();
  if (first.adapter === null) throw new Error(first.reason);
  let adapter = first.adapter;

  const window = Math.min(config.nic.receiveBuffers, 256);
  const vms = new VmLife({
    config,
    machine,
    executor,
    virtualSwitch,
    sizes,
    hasRecords: options.record === true,
    hasSources: options.sources === true,
    reach: hostVersion === 620 ? reachGuests : () => {},
    admitPort: options.admitPort,
    guestProgram: options.guestProgram,
  });
  if (config.vms.length > 0) startVms();
  const wire = createWirePort(machine, rx, tx);
  const trace = new TraceReader(machine.traceImage);
  const describers = [
    describeNicTrace,
    describeMiniportTrace,
    describeNdisTrace,
    describeSwitchTrace,
    describeVmbusTrace,
    describeGuestTrace,
  ];
  const registers = attachNicRegisters(bar, () => {});

  const host: Host = {
    config,
    machine,
    executor,
    sharedMemory,
    ndis,
    get adapter() {
      return adapter;
    },
    virtualSwitch,
    wire,
    trace,
    dmaDomain: domain,
    window,
    get vmNames() {
      return vms.names;
    },
    addVm(input) {
      const checked = checkVmConfig(input);
      if (checked.ok) return vms.add([checked.vm]);
      const reason = checked.problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
      return { status: NDIS_STATUS_INVALID_PARAMETER, reason };
    },
    removeVm: (name) => vms.remove(name),
    replaceAdapter() {
      if (adapter.state !== 'Halted')
        return { status: NDIS_STATUS_FAILURE, reason: `${ADAPTER_NAME} is ${adapter.state}, not Halted` };
      const message: NicMessage = { op: 'insert' };
      executor.post(NIC_AGENT, message);
      executor.publish();
      const other = bringUpAdapter();
      if (other.adapter === null) return { status: other.status, reason: other.reason };
      adapter = other.adapter;
      return { status: NDIS_STATUS_SUCCESS };
    },
    pauseVm: (name) => vms.suspend(name, true),
    resumeVm: (name) => vms.suspend(name, false),
    runUntilIdle() {
      executor.runUntilIdle();
      ndis.poll();
    },
    guestMemory: (name) => vms.here(name).place.segment,
    takeReceived: (name, take) => vms.takeReceived(name, take),
    sendFrom: (name, bytes, offset, length, tci = 0) => vms.sendFrom(name, bytes, offset, length, tci),
    get sendRefusal() {
      return vms.sendRefusal;
    },
    tellGuest: (name, message) => vms.tell(name, message),
    guestStatistics: (name) => vms.statistics(name),
    publish: () => executor.publish(),
    describe(record: TraceRecord): string {
      for (const describer of describers) {
        const line = describer(record);
        if (line !== null) return line;
      }
      const { kind, a, b, c, d, e } = record;
      return `record of unknown kind ${kind}: ${a} ${b} ${c} ${d} ${e}`;
    },
    inspect: () => reportHost({ config, executor, machine, adapter, virtualSwitch, registers }),
    stop: () => executor.stop(),
  };
  setVmLife(host, vms);
  return printAs(host, (self) => self.inspect());

  /** The adapter, Running; or null, with the reason. */
  function bringUpAdapter(): { adapter: NdisAdapter | null; status: number; reason: string } {
    const added = ndis.addAdapter({
      name: ADAPTER_NAME,
      driver: miniport,
      resources: nicResources(machine, executor, bar, profile.msixEntries, domain),
      keywords: adapterKeywords(config),
    });
    const failed = (step: string, status: number) => ({
      adapter: null,
      status,
      reason: `${ADAPTER_NAME}: ${step} failed: ${why(status)}`,
    });
    if (added.adapter === null) return failed('initialization', added.status);
    ndis.bindProtocols(added.adapter);
    const status = added.adapter.restart();
    if (status !== NDIS_STATUS_SUCCESS) return failed('restart', status);
    return { adapter: added.adapter, status, reason: '' };
  }

  /** Status by name, and the last thing NDIS refused or a driver did: not what pages only ask of it. */
  function why(status: number): string {
    const last = ndis.refusals.entries.filter(({ page }) => page === '').at(-1);
    return last === undefined ? statusName(status) : `${statusName(status)}; ${refusalLine(last)}`;
  }

  /** Tables for the VMs' memory, empty, so that parts of it can be granted to the NIC later. */
  function reachGuests(segments: readonly MemorySegment[]): void {
    for (const { id } of segments) if (domain.table(id) === null) domain.setRights(id, 0, PAGE_SIZE, 0);
    const message: NicMessage = { op: 'dma', image: domain.image() };
    for (const agent of nicAgents) executor.post(agent, message);
  }

  function startVms(): void {
    const { status, reason } = vms.add(config.vms);
    if (status !== NDIS_STATUS_SUCCESS) throw new Error(`starting the VMs: ${statusName(status)}: ${reason}`);
    vms.rest();
  }
}

function nicResources(
  machine: Machine,
  executor: Executor,
  bar: MemorySegment,
  msixTableEntries: number,
  dmaDomain: ReturnType<typeof createDmaDomain>,
): Parameters<ReturnType<typeof createNdis>['addAdapter']>[0]['resources'] {
  const deviceAgent = machine.agent(NIC_AGENT);
  const wakeDevice = (engine: number = 0): void => machine.board.wake(deviceAgent + engine);
  const registers = attachNicRegisters(bar, wakeDevice);
  return {
    bar,
    deviceAgent,
    wakeDevice,
    reach: machine.reach,
    msixTableEntries,
    msixTableOffset: REG.MSIXADDRLO,
    write32: (offset, value) => registers.write32(offset, value),
    setDevicePower(state) {
      executor.post(NIC_AGENT, { op: 'power', on: state === NDIS_DEVICE_POWER_STATE.NdisDeviceStateD0 });
      executor.publish();
    },
    dmaDomain,
  };
}

function groupsOf(
  { placement, cores = availableCores() }: HostOptions,
  config: HostConfig,
): readonly (readonly string[])[] {
  if (placement === undefined) return placementOnCores(config, cores);
  return placement === 'per-processor' ? placementPerProcessor(config) : placement;
}

/** A file of the built package; under a test runner this file runs from `src`, which Node's workers cannot. */
function builtFile(name: string): URL {
  return new URL(import.meta.url.endsWith('.ts') ? `../../dist/${name}` : `../${name}`, import.meta.url);
}
