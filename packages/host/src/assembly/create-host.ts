/**
 * Puts a host together from a checked configuration, in the order in which a real one comes up:
 *
 *   board, memory ─> NIC and processors ─> NDIS, provider, protocol registered ─> adapter initialized, bound,
 *   restarted ─> VMs boot and open their channels ─> ports and NICs created, connected (queues, filters) ─> ready
 */
import { NDIS_STATUS_SUCCESS, statusName } from '@vmq/abi';
import { DMA_READ, type Executor, TraceReader, TraceWriter } from '@vmq/machine';
import { createVmqMiniport, MINIPORT_DROP_REASONS } from '@vmq/miniport';
import { createNdis, type Ndis } from '@vmq/ndis';
import { nicEngineAgent, nicProfile } from '@vmq/nic';
import { createSharedMemoryManager, type SharedMemoryManager } from '@vmq/shared-memory';
import { createSwitch, type VirtualSwitch } from '@vmq/vswitch';
import { adapterKeywords } from '../config/adapter-keywords.ts';
import { type HostConfig, vmqProcessorsOf } from '../config/config.ts';
import { frameRoom, type HostSizes, sizesOf } from '../config/sizing.ts';
import type { AdapterPart } from '../parts/adapter-part.ts';
import { vmqNic } from '../parts/vmq-nic.ts';
import type { Host, HostOptions } from '../vm/host.ts';
import { VmLife } from '../vm/vm-life.ts';
import { AdapterSlot } from './adapter-slot.ts';
import { hostOf } from './host-object.ts';
import { CONTROL_AGENT, furnish, type MachineRoom } from './machine-room.ts';
import { createWirePort } from './wire-port.ts';

/** Name of the adapter, as Windows would show it. */
const ADAPTER_NAME = 'NIC1';

/**
 * Brings a host up. Throws with a reason if it cannot; a configuration that passed the check should always do, with the
 * adapter that it describes.
 */
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
  const part = theAdapter(options);
  const nic = part.nic ?? vmqNic(nicProfile(config.nic.profile));
  const sizes = sizesOf(config, { ...(options.wire ? { receiveWire: options.wire } : {}), ...options.sizes });
  const vmqProcessors = vmqProcessorsOf(config, nic.mostProcessors);
  const agents = Array.from({ length: config.nic.receiveEngines }, (_, engine) => nicEngineAgent(engine));
  const dropReasons = { nic: nic.dropReasons, driver: part.dropReasons ?? MINIPORT_DROP_REASONS };
  const room = furnish(config, options, { sizes, nicAgents: agents, dropReasons, vmqProcessors });
  started.push(room.executor);
  const { machine, executor } = room;
  const slot = new AdapterSlot(room, { name: part.name ?? ADAPTER_NAME, nic, agents, sizes });
  for (let processor = 0; processor < config.processors; processor++) {
    executor.start([{ name: `processor:${processor}`, factory: 'processor', data: { processor } }]);
  }
  // Threads take their time to come up, on a busy machine seconds, which is not the device's: the miniport waits for
  // that one by the clock.
  if (executor.kind === 'threads') executor.publish();

  const sharedMemory = createSharedMemoryManager(machine);
  const ndis = ndisOf(config, room, sharedMemory);
  const software = { config, options, sizes, vmqProcessors, room, sharedMemory, ndis, slot };
  const virtualSwitch = switchOf(software);
  ndis.setOptionalHandlers(virtualSwitch.sharedMemoryProvider);
  for (const driver of options.filterDrivers ?? []) ndis.registerFilterDriver(driver);
  ndis.registerProtocolDriver(virtualSwitch.protocolDriver);
  const driver = part.driver ?? miniportOf(config, sizes);
  const keywords = { ...adapterKeywords(config), ...part.keywords };
  const up = slot.bringUp({ ndis, driver, keywords });
  if (up.status !== NDIS_STATUS_SUCCESS) throw new Error(up.reason);

  const vms = new VmLife({
    config,
    machine,
    executor,
    virtualSwitch,
    sizes,
    hasRecords: options.record === true,
    hasSources: options.sources === true,
    reach: config.ndisVersion === '6.20' ? (segments) => slot.reach(segments) : () => {},
    admitPort: options.admitPort,
    guestProgram: options.guestProgram,
  });
  startVms(vms, config);
  return hostOf({
    ...software,
    virtualSwitch,
    vms,
    wire: createWirePort(machine, slot.rx, slot.tx),
    trace: new TraceReader(machine.traceImage),
    describe: part.describe,
  });
}

/** The one adapter of the host. */
function theAdapter({ adapters = [{}] }: HostOptions): AdapterPart {
  const [part, another] = adapters;
  if (part === undefined)
    throw new RangeError('adapters: expected one; a host without an adapter is not modelled');
  if (another !== undefined)
    throw new RangeError(
      `adapters: expected one, found ${adapters.length}; an external switch is bound to one adapter, and a team of them is not modelled`,
    );
  return part;
}

const hostVersionOf = ({ ndisVersion }: HostConfig): 620 | 630 => (ndisVersion === '6.20' ? 620 : 630);

function ndisOf(
  config: HostConfig,
  { machine, executor }: MachineRoom,
  sharedMemory: SharedMemoryManager,
): Ndis {
  return createNdis({
    machine,
    executor,
    sharedMemory,
    hostVersion: hostVersionOf(config),
    trace: new TraceWriter(machine.traceImage, machine.agent(CONTROL_AGENT), machine.board),
    dataPlane: {
      post(adapter, component, processor, message) {
        const envelope = { adapter, component, message };
        if (processor !== 'all') executor.post(`processor:${processor}`, envelope);
        else for (let p = 0; p < config.processors; p++) executor.post(`processor:${p}`, envelope);
      },
    },
  });
}

interface SwitchNeeds {
  readonly config: HostConfig;
  readonly options: HostOptions;
  readonly sizes: HostSizes;
  readonly vmqProcessors: readonly number[];
  readonly room: MachineRoom;
  readonly sharedMemory: SharedMemoryManager;
  readonly ndis: Ndis;
  readonly slot: AdapterSlot;
}

function switchOf(needs: SwitchNeeds): VirtualSwitch {
  const { config, options, sizes, room, sharedMemory, slot } = needs;
  const { limits } = sizes;
  return createSwitch({
    name: config.switch.name,
    type: 'external',
    machine: room.machine,
    sharedMemory,
    hostVersion: hostVersionOf(config),
    floodUnknownUnicast: config.switch.floodUnknownUnicast,
    vmqProcessors: needs.vmqProcessors,
    tenGigVmqEnabled: config.switch.tenGigVmqEnabled,
    belowTenGigVmqEnabled: config.switch.belowTenGigVmqEnabled,
    ...(options.switchExtensions ? { extensions: options.switchExtensions } : {}),
    suggestedReceiveBuffers: config.nic.receiveBuffers,
    ...(limits.channelBudget ? { channelBudget: limits.channelBudget } : {}),
    ...(limits.macTableEntries ? { macTableEntries: limits.macTableEntries } : {}),
    sendBuffers: sizes.sendBuffers,
    sendBufferBytes: Math.max(2048, frameRoom(config)) + 64,
    transport: needs.ndis.detachedDataPath(`${config.switch.name} alone`),
    grantSendBuffers: (block) => {
      sharedMemory.grant(slot.domain, block.handle, DMA_READ);
    },
  });
}

function miniportOf(config: HostConfig, { limits }: HostSizes): ReturnType<typeof createVmqMiniport> {
  return createVmqMiniport({
    ...(limits.transmitRingEntries ? { transmitRingEntries: limits.transmitRingEntries } : {}),
    ...(limits.indicationBudget ? { indicationBudget: limits.indicationBudget } : {}),
    receiveRingEntries: config.nic.receiveBuffers,
    minorNdisVersion: hostVersionOf(config) === 620 ? 20 : 30,
  });
}

function startVms(vms: VmLife, config: HostConfig): void {
  if (config.vms.length === 0) return;
  const { status, reason } = vms.add(config.vms);
  if (status !== NDIS_STATUS_SUCCESS) throw new Error(`starting the VMs: ${statusName(status)}: ${reason}`);
  vms.rest();
}
