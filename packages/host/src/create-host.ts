/**
 * Puts a host together from a checked configuration, in the order in which a real one comes up:
 *
 *   board, memory ─> NIC and processors ─> NDIS, provider, protocol registered ─> adapter initialized, bound,
 *   restarted ─> VMs boot and open their channels ─> ports and NICs created, connected (queues, filters) ─> ready
 */
import { NDIS_STATUS_SUCCESS, statusName } from '@vmq/abi';
import { describeGuestTrace } from '@vmq/guest';
import {
  type AgentAssignment,
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
  TraceReader,
  type TraceRecord,
  TraceWriter,
} from '@vmq/machine';
import { createVmqMiniport } from '@vmq/miniport';
import { createNdis, describeNdisTrace, NDIS_DROP_REASONS, type NdisAdapter, refusalLine } from '@vmq/ndis';
import {
  attachNicRegisters,
  createNicBar,
  describeNicTrace,
  NIC_AGENT,
  NIC_DROP_REASONS,
  type NicMessage,
  nicProfile,
  REG,
} from '@vmq/nic';
import { createSharedMemoryManager } from '@vmq/shared-memory';
import { describeVmbusTrace, VMBUS_DROP_REASONS } from '@vmq/vmbus';
import { createSwitch, describeSwitchTrace, VSWITCH_DROP_REASONS } from '@vmq/vswitch';
import { hostAgentFactories } from './agent-factories.ts';
import type { HostConfig } from './config.ts';
import { createGuest, type Guest, guestAgentName } from './guests.ts';
import type { Host, HostOptions } from './host.ts';
import { reportHost } from './inspect.ts';
import { frameRoom, hostMemoryBytes, SEND_BUFFERS } from './sizing.ts';
import { createWirePort } from './wire-port.ts';

/** Name of the agent under which the control half writes its trace records; it never runs. */
const CONTROL_AGENT = 'control';

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
  const threads = config.executor === 'threads';
  const powerOn = performance.now();
  const virtualClock = createVirtualClock();
  const clock = threads ? createRealClock(powerOn, () => performance.now()) : virtualClock;
  const machine = createMachine({
    hostMemoryBytes: hostMemoryBytes(config),
    processors: config.processors,
    agents: [CONTROL_AGENT, NIC_AGENT, ...config.vms.map(guestAgentName)],
    dropReasons: [
      ...NIC_DROP_REASONS,
      ...NDIS_DROP_REASONS,
      ...VMBUS_DROP_REASONS,
      ...VSWITCH_DROP_REASONS,
      ...(options.dropReasons ?? []),
    ],
    traceRecords: options.traceRecords ?? 4096,
    clock,
  });
  const executor: Executor = threads
    ? createThreadsExecutor(machine, {
        entry: options.workerEntry ?? builtFile('worker.js'),
        // Under a test runner this process reads sources; its workers must not.
        ...(import.meta.url.endsWith('.ts') ? { execArgv: [] } : {}),
      })
    : createDeterministicExecutor(machine, virtualClock, {
        factories: hostAgentFactories(options.dataPaths),
        seed: config.seed,
      });
  started.push(executor);

  // The NIC, its cable, and what it may reach: nothing yet.
  const bar = createNicBar(machine, { profile });
  const domain = createDmaDomain(ADAPTER_NAME, machine.memory);
  // An empty grant makes the table of host memory, which the device then holds on to.
  domain.setRights(HOST_SEGMENT, 0, PAGE_SIZE, 0);
  const rx = options.wire
    ? createFrameRing(options.wire.slots, options.wire.dataBytes)
    : createFrameRing(512, Math.max(1 << 20, 512 * frameRoom(config)));
  const tx = createFrameRing(1024, Math.max(1 << 20, 1024 * frameRoom(config)));
  executor.start([
    { name: NIC_AGENT, factory: 'nic', data: { profile, bar: bar.id, dma: domain.image(), rx, tx } },
  ]);
  for (let processor = 0; processor < config.processors; processor++) {
    executor.start([{ name: `processor:${processor}`, factory: 'processor', data: { processor } }]);
  }

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
    ...(options.switchExtensions ? { extensions: options.switchExtensions } : {}),
    suggestedReceiveBuffers: config.nic.receiveBuffers,
    sendBuffers: SEND_BUFFERS,
    sendBufferBytes: Math.max(2048, frameRoom(config)) + 64,
    grantSendBuffers: (block) => {
      sharedMemory.grant(domain, block.handle, DMA_READ);
    },
  });
  ndis.setOptionalHandlers(virtualSwitch.sharedMemoryProvider);
  for (const driver of options.filterDrivers ?? []) ndis.registerFilterDriver(driver);
  ndis.registerProtocolDriver(virtualSwitch.protocolDriver);
  const adapter = bringUpAdapter();

  const window = Math.min(config.nic.receiveBuffers, 256);
  const guests = config.vms.map((vm, i) =>
    createGuest(machine, config, vm, i + 1, options.record === true ? 4 * window : 0),
  );
  if (hostVersion === 620) reachGuests(guests);
  if (guests.length > 0) connectGuests(guests);
  const wire = createWirePort(machine, rx, tx);
  const trace = new TraceReader(machine.traceImage);
  const guestNamed = (name: string): Guest => {
    const found = guests.find((guest) => guest.vm.name === name);
    if (found === undefined)
      throw new Error(`no VM '${name}'; there are ${guests.map((g) => g.vm.name).join(', ')}`);
    return found;
  };
  const describers = [
    describeNicTrace,
    describeNdisTrace,
    describeSwitchTrace,
    describeVmbusTrace,
    describeGuestTrace,
  ];
  const registers = attachNicRegisters(bar, () => {});

  return {
    config,
    machine,
    executor,
    sharedMemory,
    ndis,
    adapter,
    virtualSwitch,
    wire,
    trace,
    window,
    runUntilIdle() {
      executor.runUntilIdle();
      ndis.poll();
    },
    takeReceived: (name, take) => guestNamed(name).takeReceived(take),
    guestStatistics: (name) => guestNamed(name).statistics(),
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

  function bringUpAdapter(): NdisAdapter {
    const added = ndis.addAdapter({
      name: ADAPTER_NAME,
      driver: createVmqMiniport({
        receiveRingEntries: config.nic.receiveBuffers,
        minorNdisVersion: hostVersion === 620 ? 20 : 30,
      }),
      resources: nicResources(machine, bar, profile.msixEntries, domain),
      keywords: {
        '*RssOrVmqPreference': 1,
        '*VMQ': config.vmq ? 1 : 0,
        '*VMQVlanFiltering': 1,
        ...(hostVersion === 620 ? { '*VMQLookaheadSplit': 1 } : {}),
        '*JumboPacket': config.nic.jumboPacket,
        ...config.nic.keywords,
      },
    });
    if (added.adapter === null)
      throw new Error(`${ADAPTER_NAME}: initialization failed: ${why(added.status)}`);
    ndis.bindProtocols(added.adapter);
    const status = added.adapter.restart();
    if (status !== NDIS_STATUS_SUCCESS) throw new Error(`${ADAPTER_NAME}: restart failed: ${why(status)}`);
    return added.adapter;
  }

  /** Status by name, and the last thing NDIS refused. */
  function why(status: number): string {
    const { last } = ndis.refusals;
    return last === null ? statusName(status) : `${statusName(status)}; ${refusalLine(last)}`;
  }

  /** Tables for the VMs' memory, empty, so that parts of it can be granted to the NIC later. */
  function reachGuests(all: readonly Guest[]): void {
    for (const { segment } of all) domain.setRights(segment, 0, PAGE_SIZE, 0);
    executor.post(NIC_AGENT, { op: 'dma', image: domain.image() } satisfies NicMessage);
  }

  function connectGuests(all: readonly Guest[]): void {
    // One call is one worker thread: the guests share it.
    executor.start(all.map((guest): AgentAssignment => guest.assignment));
    executor.publish();
    for (const { channel } of all) channel.offer();
    const opened = executor.runUntil(() => all.map(({ channel }) => channel.poll()).every((open) => open));
    if (!opened) {
      const closed = all.filter(({ channel }) => !channel.isOpen).map(({ vm }) => vm.name);
      throw new Error(`VMs did not open their channel: ${closed.join(', ')}`);
    }
    const ports = all.map(({ vm, mac, channel }) => {
      const created = virtualSwitch.createPort(`${vm.name} port`, {
        vlan: { mode: 'access', vlan: vm.vlan },
        allowMacSpoofing: vm.allowMacSpoofing,
        vmqWeight: vm.vmqWeight,
      });
      const nic = virtualSwitch.createNic(created.port, {
        name: `${vm.name} NIC`,
        vmName: vm.name,
        mac,
        channel,
      });
      for (const { status, reason } of [created, nic]) {
        if (status !== NDIS_STATUS_SUCCESS) throw new Error(`${vm.name}: ${statusName(status)}: ${reason}`);
      }
      return created.port;
    });
    const { status, reason } = virtualSwitch.connectNics(ports);
    if (status !== NDIS_STATUS_SUCCESS)
      throw new Error(`connecting the VMs: ${statusName(status)}: ${reason}`);
    executor.runUntilIdle();
  }
}

function nicResources(
  machine: Machine,
  bar: MemorySegment,
  msixTableEntries: number,
  dmaDomain: ReturnType<typeof createDmaDomain>,
): Parameters<ReturnType<typeof createNdis>['addAdapter']>[0]['resources'] {
  const deviceAgent = machine.agent(NIC_AGENT);
  const wakeDevice = (): void => machine.board.wake(deviceAgent);
  const registers = attachNicRegisters(bar, wakeDevice);
  return {
    bar,
    deviceAgent,
    wakeDevice,
    msixTableEntries,
    msixTableOffset: REG.MSIXADDRLO,
    write32: (offset, value) => registers.write32(offset, value),
    dmaDomain,
  };
}

/** A file of the built package; under a test runner this file runs from `src`, which Node's workers cannot. */
function builtFile(name: string): URL {
  return new URL(import.meta.url.endsWith('.ts') ? `../dist/${name}` : `./${name}`, import.meta.url);
}
