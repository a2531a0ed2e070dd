/**
 * The switch's control half: ports and their life, the binding to the adapter, publications.
 *
 *   createSwitch ─> { protocolDriver, sharedMemoryProvider }   registered with NDIS by the host
 *                ─> ports ──VmQueueManager──> OIDs over the binding
 *                └> Publication ──────────────> data halves on the processors
 *
 * Runs at PASSIVE_LEVEL on one thread; everything returns when it has taken effect everywhere. Statuses are
 * returned with a reason, never thrown.
 */
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_INVALID_PORT,
  NDIS_STATUS_INVALID_PORT_STATE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RESOURCE_CONFLICT,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { isFrameTooLong, printAs } from '@vmq/machine';
import { DEFAULT_BUFFER_STRIDE } from '@vmq/shared-memory';
import { isGroupMac, isZeroMac } from '@vmq/wire';
import { ExtensionStack } from '../extensions/extension-stack.ts';
import type { HostFrames, SwitchState } from '../model/messages.ts';
import { clearPortCounters } from '../model/port-counters.ts';
import {
  DEFAULT_PORT_PROPERTIES,
  type NicOptions,
  type PortProperties,
  refusalOfProperties,
  SwitchPort,
  vlansOf,
} from '../model/switch-port.ts';
import { vlanOf } from '../tables/mac-key.ts';
import { AllocationLedger } from '../vmq/allocation-ledger.ts';
import { createHostMemoryProvider } from '../vmq/host-memory-provider.ts';
import { ProcessorAssignment } from '../vmq/processor-assignment.ts';
import { createVmMemoryProvider } from '../vmq/vm-memory-provider.ts';
import { VmQueueManager } from '../vmq/vm-queue-manager.ts';
import { noVmq } from '../vmq/vmq-capability.ts';
import { AdapterBinding } from './adapter-binding.ts';
import { ChannelAttachment } from './channel-attachment.ts';
import { Publication } from './publication.ts';
import {
  type PortReport,
  reportExtensions,
  reportLearned,
  reportPort,
  type SwitchReport,
} from './switch-report.ts';
import type { SwitchOptions, SwitchResult, VirtualSwitch } from './virtual-switch.ts';

const OK: SwitchResult = { status: NDIS_STATUS_SUCCESS };

const refuse = (status: number, reason: string): SwitchResult => ({ status, reason });

/** Creates a switch; throws only for options that make no sense. */
export function createSwitch(options: SwitchOptions): VirtualSwitch {
  const { name, type, machine, sharedMemory } = options;
  const maxPorts = options.maxPorts ?? 256;
  const channelBudget = options.channelBudget ?? 64;
  const sendBufferBytes = options.sendBufferBytes ?? DEFAULT_BUFFER_STRIDE;
  const ageingSeconds = options.ageingSeconds ?? 0;
  const vmqProcessors = options.vmqProcessors ?? Array.from({ length: machine.processorCount }, (_, i) => i);
  if (vmqProcessors.length === 0) throw new RangeError(`switch ${name}: the VMQ processor set is empty`);
  if (maxPorts < 2 || maxPorts > 4096)
    throw new RangeError(`switch ${name}: maxPorts 2 to 4096, got ${maxPorts}`);
  if (!(Number.isInteger(channelBudget) && channelBudget >= 1))
    throw new RangeError(`switch ${name}: channelBudget of at least 1, got ${channelBudget}`);

  const lookaheadSize = options.lookaheadSize ?? 64;
  if (!Number.isInteger(lookaheadSize) || lookaheadSize < 14)
    throw new RangeError(`switch ${name}: lookaheadSize of at least 14 bytes, got ${lookaheadSize}`);

  const ports = new Map<number, SwitchPort>();
  if (options.hostVersion === 620 && (options.extensions ?? []).length > 0)
    throw new RangeError(`switch ${name}: extensions need a host of NDIS 6.30 or later`);
  const extensions = new ExtensionStack(name, options.extensions ?? [], machine.counters.numbers);
  const extensionsImage = extensions.image(machine.processorCount);
  const ledger = new AllocationLedger(machine.counters.numbers);
  const hostMemory = createHostMemoryProvider(name, sharedMemory);
  const provider =
    options.hostVersion === 620
      ? createVmMemoryProvider(hostMemory, (queueId, bytes) => queues.lendVmMemory(queueId, bytes))
      : hostMemory;
  const publication = new Publication({
    switchName: name,
    machine,
    sharedMemory,
    maxPorts,
    channelBudget,
    macTableEntries: options.macTableEntries ?? 4096,
    ageingSeconds,
    floodUnknownUnicast: options.floodUnknownUnicast ?? false,
    external: type === 'external',
    extensions: extensionsImage,
    sendBuffers: options.sendBuffers ?? 512,
    sendBufferBytes,
    ...(options.grantSendBuffers ? { grantSendBuffers: options.grantSendBuffers } : {}),
  });
  const all = (): SwitchPort[] => [...ports.values()];
  const connected = (): SwitchPort[] => all().filter((port) => port.connected);
  const tell = (processor: number | 'all', message: SwitchState | HostFrames): void => {
    const transport = adapter.transport ?? options.transport;
    transport?.post(processor, message);
    transport?.publish();
  };
  const publish = (): void => tell('all', publication.state(all()));
  const channels = new ChannelAttachment({
    publication,
    load: new ProcessorAssignment(vmqProcessors),
    sendBufferBytes,
    publish,
  });
  const queues = new VmQueueManager(
    {
      switchName: name,
      suggestedBuffers: options.suggestedReceiveBuffers ?? 256,
      lookaheadSize: options.hostVersion === 620 ? lookaheadSize : 0,
      preemptByWeight: options.preemptByWeight ?? false,
      processors: new ProcessorAssignment(vmqProcessors),
      ledger,
      ports: connected,
      publish,
    },
    noVmq(type === 'external' ? 'no adapter is bound' : `an ${type} switch has no adapter`),
  );
  const adapter = new AdapterBinding({
    switchName: name,
    external: type === 'external',
    queues,
    publication,
    ledger,
    extensions,
    vmqSettings: {
      tenGigVmqEnabled: options.tenGigVmqEnabled ?? 1,
      belowTenGigVmqEnabled: options.belowTenGigVmqEnabled ?? 1,
      hostVersion: options.hostVersion ?? 630,
    },
    ports: all,
    publish,
    ...(options.transport ? { detached: options.transport } : {}),
    wantsUnknownUnicast: () =>
      (options.floodUnknownUnicast ?? false) ||
      connected().some(({ properties }) => properties.allowMacSpoofing),
  });

  /** The port, if it is in one of these states; else the refusal. */
  const find = (id: number, ...states: SwitchPort['state'][]): SwitchPort | SwitchResult => {
    const port = ports.get(id);
    if (port === undefined) return refuse(NDIS_STATUS_INVALID_PORT, `there is no port ${id}`);
    if (states.length !== 0 && !states.includes(port.state)) {
      return refuse(
        NDIS_STATUS_INVALID_PORT_STATE,
        `port ${id} is ${port.state}, not ${states.join(' or ')}`,
      );
    }
    return port;
  };

  /** A connected port with the same MAC in a VLAN of `port`, or undefined. */
  const sharesAddress = (port: SwitchPort, vlan: PortProperties['vlan'], mac: NicOptions['mac']) => {
    const own = new Set(vlansOf(vlan));
    return connected().find(
      (other) =>
        other !== port &&
        other.mac.hi === mac.hi &&
        other.mac.lo === mac.lo &&
        vlansOf(other.properties.vlan).some((id) => own.has(id)),
    );
  };

  const connect = (ids: readonly number[]): SwitchResult => {
    const chosen: SwitchPort[] = [];
    for (const id of new Set(ids)) {
      const port = find(id, 'nic-created', 'disconnected');
      if (!(port instanceof SwitchPort)) return port;
      chosen.push(port);
    }
    for (const port of chosen) {
      const twin = sharesAddress(port, port.properties.vlan, port.mac);
      const attached = twin
        ? refuse(NDIS_STATUS_RESOURCE_CONFLICT, `port ${twin.id} has the MAC of port ${port.id} in its VLAN`)
        : port.channel === null && port.nic?.channel
          ? channels.attach(port, port.nic.channel)
          : OK;
      if (attached.status !== NDIS_STATUS_SUCCESS) {
        for (const begun of chosen) if (begun.connected) begun.state = 'nic-created';
        publish();
        return attached;
      }
      port.state = 'connected';
    }
    publish();
    queues.serve(chosen);
    adapter.updatePacketFilter();
    return OK;
  };

  const virtualSwitch: VirtualSwitch = {
    name,
    type,
    protocolDriver: adapter.protocolDriver,
    sharedMemoryProvider: provider,
    get sendBlocks() {
      return publication.sendBlocks;
    },

    createPort(portName, change = {}) {
      const properties = { ...DEFAULT_PORT_PROPERTIES, ...change };
      const bad = refusalOfProperties(properties);
      if (bad !== null) return { ...refuse(NDIS_STATUS_INVALID_PARAMETER, bad), port: 0 };
      let id = 1;
      while (ports.has(id)) id++;
      if (id >= maxPorts) {
        return { ...refuse(NDIS_STATUS_RESOURCES, `all ${maxPorts - 1} port numbers are in use`), port: 0 };
      }
      ports.set(id, new SwitchPort(id, portName, properties));
      return { ...OK, port: id };
    },

    createNic(id, nic) {
      const port = find(id, 'created');
      if (!(port instanceof SwitchPort)) return port;
      if (nic.type === 'internal' && type === 'private')
        return refuse(NDIS_STATUS_NOT_SUPPORTED, 'a private switch has no internal network adapter');
      if (isGroupMac(nic.mac.hi) || isZeroMac(nic.mac.hi, nic.mac.lo))
        return refuse(NDIS_STATUS_INVALID_PARAMETER, 'the MAC must be a unicast address');
      if (all().some((other) => other.nic?.name === nic.name))
        return refuse(NDIS_STATUS_RESOURCE_CONFLICT, `there is a network adapter '${nic.name}' already`);
      port.nic = nic;
      port.state = 'nic-created';
      publish();
      return OK;
    },

    attachChannel(id, channel) {
      const port = find(id, 'nic-created', 'connected', 'disconnected');
      if (!(port instanceof SwitchPort)) return port;
      // Buffers of a split queue lie in the memory behind the old channel.
      const split = port.connected && port.lookahead !== 0;
      if (split) queues.release(port, 'released', 'its channel is replaced');
      const result = channels.attach(port, channel);
      publish();
      if (split) queues.serve([port]);
      return result;
    },

    freeKeptQueues: () => queues.freeKept(),
    connectNic: (id) => connect([id]),
    connectNics: connect,

    disconnectNic(id) {
      const port = find(id, 'connected');
      if (!(port instanceof SwitchPort)) return port;
      // From here on the NIC puts nothing new for it on its queue; then the data halves let go; then the queue goes.
      queues.clearFilters(port);
      port.state = 'disconnected';
      publication.relearn((entry) => entry.port !== id);
      publish();
      queues.release(port, 'released', 'its NIC was disconnected');
      port.requestedAt = 0;
      port.withoutQueue = 'not connected';
      publish();
      queues.promote();
      adapter.updatePacketFilter();
      return OK;
    },

    deleteNic(id) {
      const port = find(id, 'nic-created', 'disconnected');
      if (!(port instanceof SwitchPort)) return port;
      channels.detach(port);
      port.nic = null;
      port.state = 'created';
      publish();
      return OK;
    },

    teardownPort(id) {
      const port = find(id, 'created');
      if (!(port instanceof SwitchPort)) return port;
      port.state = 'torn-down';
      return OK;
    },

    deletePort(id) {
      const port = find(id, 'torn-down');
      if (!(port instanceof SwitchPort)) return port;
      if (port.references > 0) {
        return refuse(NDIS_STATUS_INVALID_PORT_STATE, `port ${id} has ${port.references} references`);
      }
      ports.delete(id);
      // The next port of this number counts from zero.
      clearPortCounters(publication.counters, maxPorts, id);
      return OK;
    },

    referencePort(id) {
      const port = find(id, 'created', 'nic-created', 'connected', 'disconnected');
      if (!(port instanceof SwitchPort)) return port;
      port.references++;
      return OK;
    },

    dereferencePort(id) {
      const port = find(id);
      if (!(port instanceof SwitchPort)) return port;
      if (port.references === 0) return refuse(NDIS_STATUS_FAILURE, `port ${id} has no references`);
      port.references--;
      return OK;
    },

    sendFor(id, frames) {
      const port = find(id, 'connected');
      if (!(port instanceof SwitchPort)) return port;
      if (port.channel === null) return refuse(NDIS_STATUS_FAILURE, `port ${id} has no channel`);
      const longest = port.channelImage?.maxFrameBytes ?? 0;
      const isUnfit = (bytes: Uint8Array): boolean =>
        bytes.length < 14 || isFrameTooLong(bytes, 0, bytes.length, longest, false);
      if (frames.some(isUnfit))
        return refuse(NDIS_STATUS_INVALID_PARAMETER, `frames of 14 to ${longest} bytes can be sent`);
      tell(port.channelProcessor, { op: 'send', port: id, frames });
      return OK;
    },

    setPort(id, { mac, ...change }) {
      const port = find(id);
      if (!(port instanceof SwitchPort)) return port;
      const properties = { ...port.properties, ...change };
      const bad = refusalOfProperties(properties);
      if (bad !== null) return refuse(NDIS_STATUS_INVALID_PARAMETER, bad);
      if (mac && (port.nic === null || isGroupMac(mac.hi) || isZeroMac(mac.hi, mac.lo)))
        return refuse(NDIS_STATUS_INVALID_PARAMETER, 'the MAC must be a unicast address of a NIC');
      const twin = port.connected ? sharesAddress(port, properties.vlan, mac ?? port.mac) : undefined;
      if (twin)
        return refuse(NDIS_STATUS_RESOURCE_CONFLICT, `port ${twin.id} has the MAC of port ${id} in its VLAN`);
      const refilter = port.connected && (mac !== undefined || change.vlan !== undefined);
      const weight = port.properties.vmqWeight;
      // Old filters, then old rules, then new filters: between them frames are refused by the NIC.
      if (refilter) queues.clearFilters(port);
      port.properties = properties;
      if (mac && port.nic) port.nic = { ...port.nic, mac };
      const members = vlansOf(properties.vlan);
      if (refilter) publication.relearn(({ port: at, b }) => at !== id || members.includes(vlanOf(b)));
      publish();
      if (!port.connected) return OK;
      if (refilter) queues.refilter(port);
      if (properties.vmqWeight === 0 && port.queueId !== 0) {
        queues.release(port, 'released', 'its VMQOffloadWeight is 0');
        publish();
        queues.refilter(port);
      }
      if (refilter || properties.vmqWeight !== weight) queues.promote();
      adapter.updatePacketFilter();
      return OK;
    },

    ageMacTable() {
      if (ageingSeconds === 0) return 0;
      const oldest = Math.floor(machine.clock.now() / 1e9) - ageingSeconds;
      const forgotten = publication.relearn(({ tick }) => tick >= oldest);
      if (forgotten !== 0) publish();
      return forgotten;
    },

    dataImage: () => publication.image(all()),

    inspectPort(id) {
      const port = ports.get(id);
      return port && reportPort(port, publication, maxPorts);
    },

    inspect: (): SwitchReport => ({
      name,
      type,
      adapter: adapter.adapterName,
      vmq: { ...queues.capability, inUse: queues.holders.length },
      packetFilter: adapter.packetFilter,
      floodUnknownUnicast: options.floodUnknownUnicast ?? false,
      isExternalRunning: publication.externalRunning,
      ports: all().map((port): PortReport => reportPort(port, publication, maxPorts)),
      learned: reportLearned(publication),
      ledger: [...ledger.records],
      extensions: reportExtensions(extensionsImage),
      extensionRecords: [...extensions.records],
      outstandingSends: publication.outstandingSends,
      provided: provider.provided,
    }),
  };
  return printAs(virtualSwitch, (self) => self.inspect());
}
