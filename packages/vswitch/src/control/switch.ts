/**
 * The switch's control path: ports and their life, the binding to the adapter, publications.
 *
 *   createSwitch ─> { protocolDriver, sharedMemoryProvider }   registered with NDIS by the host
 *                ─> ports ──> SwitchParts: queues, channels, binding, publication ──> data paths on the processors
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
import type { ProtocolDriver, SharedMemoryProvider } from '@vmq/ddi';
import { isFrameTooLong, printAs } from '@vmq/machine';
import type { ChannelControl } from '@vmq/netvsc';
import type { Block } from '@vmq/shared-memory';
import { isGroupMac, isZeroMac } from '@vmq/wire';
import type { SwitchDataImage } from '../model/messages.ts';
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
import { SwitchParts } from './switch-parts.ts';
import {
  type PortReport,
  reportExtensions,
  reportLearned,
  reportPort,
  type SwitchReport,
} from './switch-report.ts';
import type { SwitchOptions, SwitchResult, SwitchType, VirtualSwitch } from './virtual-switch.ts';

const OK: SwitchResult = { status: NDIS_STATUS_SUCCESS };

const refuse = (status: number, reason: string): SwitchResult => ({ status, reason });

/** Creates a switch; throws only for options that make no sense. */
export function createSwitch(options: SwitchOptions): VirtualSwitch {
  return printAs(new Switch(new SwitchParts(options)), (self) => self.inspect());
}

class Switch implements VirtualSwitch {
  readonly name: string;
  readonly type: SwitchType;
  readonly protocolDriver: ProtocolDriver;
  readonly sharedMemoryProvider: SharedMemoryProvider;
  readonly #parts: SwitchParts;

  constructor(parts: SwitchParts) {
    this.#parts = parts;
    this.name = parts.options.name;
    this.type = parts.options.type;
    this.protocolDriver = parts.adapter.protocolDriver;
    this.sharedMemoryProvider = parts.provider;
  }

  get sendBlocks(): readonly Block[] {
    return this.#parts.publication.sendBlocks;
  }

  createPort(
    portName: string,
    change: Partial<PortProperties> = {},
  ): SwitchResult & { readonly port: number } {
    const properties = { ...DEFAULT_PORT_PROPERTIES, ...change };
    const bad = refusalOfProperties(properties);
    if (bad !== null) return { ...refuse(NDIS_STATUS_INVALID_PARAMETER, bad), port: 0 };
    let id = 1;
    while (this.#parts.ports.has(id)) id++;
    if (id >= this.#parts.settings.maxPorts) {
      return {
        ...refuse(NDIS_STATUS_RESOURCES, `all ${this.#parts.settings.maxPorts - 1} port numbers are in use`),
        port: 0,
      };
    }
    this.#parts.ports.set(id, new SwitchPort(id, portName, properties));
    return { ...OK, port: id };
  }

  createNic(id: number, nic: NicOptions): SwitchResult {
    const port = this.#find(id, 'created');
    if (!(port instanceof SwitchPort)) return port;
    if (nic.type === 'internal' && this.type === 'private')
      return refuse(NDIS_STATUS_NOT_SUPPORTED, 'a private switch has no internal network adapter');
    if (isGroupMac(nic.mac.hi) || isZeroMac(nic.mac.hi, nic.mac.lo))
      return refuse(NDIS_STATUS_INVALID_PARAMETER, 'the MAC must be a unicast address');
    if (this.#parts.all().some((other) => other.nic?.name === nic.name))
      return refuse(NDIS_STATUS_RESOURCE_CONFLICT, `there is a network adapter '${nic.name}' already`);
    port.nic = nic;
    port.state = 'nic-created';
    this.#parts.publish();
    return OK;
  }

  attachChannel(id: number, channel: ChannelControl): SwitchResult {
    const port = this.#find(id, 'nic-created', 'connected', 'disconnected');
    if (!(port instanceof SwitchPort)) return port;
    // Buffers of a split queue lie in the memory behind the old channel.
    const split = port.connected && port.lookahead !== 0;
    if (split) this.#parts.queues.release(port, 'released', 'its channel is replaced');
    const result = this.#parts.channels.attach(port, channel);
    this.#parts.publish();
    if (split) this.#parts.queues.serve([port]);
    return result;
  }

  freeKeptQueues(): number {
    return this.#parts.queues.freeKept();
  }

  connectNic(id: number): SwitchResult {
    return this.connectNics([id]);
  }

  connectNics(ids: readonly number[]): SwitchResult {
    const chosen: SwitchPort[] = [];
    for (const id of new Set(ids)) {
      const port = this.#find(id, 'nic-created', 'disconnected');
      if (!(port instanceof SwitchPort)) return port;
      chosen.push(port);
    }
    for (const port of chosen) {
      const twin = this.#sharesAddress(port, port.properties.vlan, port.mac);
      const attached = twin
        ? refuse(NDIS_STATUS_RESOURCE_CONFLICT, `port ${twin.id} has the MAC of port ${port.id} in its VLAN`)
        : port.channel === null && port.nic?.channel
          ? this.#parts.channels.attach(port, port.nic.channel)
          : OK;
      if (attached.status !== NDIS_STATUS_SUCCESS) {
        for (const begun of chosen) if (begun.connected) begun.state = 'nic-created';
        this.#parts.publish();
        return attached;
      }
      port.state = 'connected';
    }
    this.#parts.publish();
    this.#parts.queues.serve(chosen);
    this.#parts.adapter.updatePacketFilter();
    return OK;
  }

  disconnectNic(id: number): SwitchResult {
    const port = this.#find(id, 'connected');
    if (!(port instanceof SwitchPort)) return port;
    // From here on the NIC puts nothing new for it on its queue; then the data paths let go; then the queue goes.
    this.#parts.queues.clearFilters(port);
    port.state = 'disconnected';
    this.#parts.publication.relearn((entry) => entry.port !== id);
    this.#parts.publish();
    this.#parts.queues.release(port, 'released', 'its NIC was disconnected');
    port.requestedAt = 0;
    port.withoutQueue = 'not connected';
    this.#parts.publish();
    this.#parts.queues.promote();
    this.#parts.adapter.updatePacketFilter();
    return OK;
  }

  deleteNic(id: number): SwitchResult {
    const port = this.#find(id, 'nic-created', 'disconnected');
    if (!(port instanceof SwitchPort)) return port;
    this.#parts.channels.detach(port);
    port.nic = null;
    port.state = 'created';
    this.#parts.publish();
    return OK;
  }

  teardownPort(id: number): SwitchResult {
    const port = this.#find(id, 'created');
    if (!(port instanceof SwitchPort)) return port;
    port.state = 'torn-down';
    return OK;
  }

  deletePort(id: number): SwitchResult {
    const port = this.#find(id, 'torn-down');
    if (!(port instanceof SwitchPort)) return port;
    if (port.references > 0) {
      return refuse(NDIS_STATUS_INVALID_PORT_STATE, `port ${id} has ${port.references} references`);
    }
    this.#parts.ports.delete(id);
    // The next port of this number counts from zero.
    clearPortCounters(this.#parts.publication.counters, this.#parts.settings.maxPorts, id);
    return OK;
  }

  referencePort(id: number): SwitchResult {
    const port = this.#find(id, 'created', 'nic-created', 'connected', 'disconnected');
    if (!(port instanceof SwitchPort)) return port;
    port.references++;
    return OK;
  }

  dereferencePort(id: number): SwitchResult {
    const port = this.#find(id);
    if (!(port instanceof SwitchPort)) return port;
    if (port.references === 0) return refuse(NDIS_STATUS_FAILURE, `port ${id} has no references`);
    port.references--;
    return OK;
  }

  sendFor(id: number, frames: readonly Uint8Array[]): SwitchResult {
    const port = this.#find(id, 'connected');
    if (!(port instanceof SwitchPort)) return port;
    if (port.channel === null) return refuse(NDIS_STATUS_FAILURE, `port ${id} has no channel`);
    const longest = port.channelImage?.maxFrameBytes ?? 0;
    const isUnfit = (bytes: Uint8Array): boolean =>
      bytes.length < 14 || isFrameTooLong(bytes, 0, bytes.length, longest, false);
    if (frames.some(isUnfit))
      return refuse(NDIS_STATUS_INVALID_PARAMETER, `frames of 14 to ${longest} bytes can be sent`);
    this.#parts.tell(port.channelProcessor, { op: 'send', port: id, frames });
    return OK;
  }

  setPort(
    id: number,
    { mac, ...change }: Partial<PortProperties> & Partial<Pick<NicOptions, 'mac'>>,
  ): SwitchResult {
    const port = this.#find(id);
    if (!(port instanceof SwitchPort)) return port;
    const properties = { ...port.properties, ...change };
    const bad = refusalOfProperties(properties);
    if (bad !== null) return refuse(NDIS_STATUS_INVALID_PARAMETER, bad);
    if (mac && (port.nic === null || isGroupMac(mac.hi) || isZeroMac(mac.hi, mac.lo)))
      return refuse(NDIS_STATUS_INVALID_PARAMETER, 'the MAC must be a unicast address of a NIC');
    const twin = port.connected ? this.#sharesAddress(port, properties.vlan, mac ?? port.mac) : undefined;
    if (twin)
      return refuse(NDIS_STATUS_RESOURCE_CONFLICT, `port ${twin.id} has the MAC of port ${id} in its VLAN`);
    const refilter = port.connected && (mac !== undefined || change.vlan !== undefined);
    const weight = port.properties.vmqWeight;
    // Old filters, then old rules, then new filters: between them frames are refused by the NIC.
    if (refilter) this.#parts.queues.clearFilters(port);
    port.properties = properties;
    if (mac && port.nic) port.nic = { ...port.nic, mac };
    const members = vlansOf(properties.vlan);
    if (refilter)
      this.#parts.publication.relearn(({ port: at, b }) => at !== id || members.includes(vlanOf(b)));
    this.#parts.publish();
    if (!port.connected) return OK;
    if (refilter) this.#parts.queues.refilter(port);
    if (properties.vmqWeight === 0 && port.queueId !== 0) {
      this.#parts.queues.release(port, 'released', 'its VMQOffloadWeight is 0');
      this.#parts.publish();
      this.#parts.queues.refilter(port);
    }
    if (refilter || properties.vmqWeight !== weight) this.#parts.queues.promote();
    this.#parts.adapter.updatePacketFilter();
    return OK;
  }

  ageMacTable(): number {
    if (this.#parts.settings.ageingSeconds === 0) return 0;
    const oldest = Math.floor(this.#parts.machine.clock.now() / 1e9) - this.#parts.settings.ageingSeconds;
    const forgotten = this.#parts.publication.relearn(({ tick }) => tick >= oldest);
    if (forgotten !== 0) this.#parts.publish();
    return forgotten;
  }

  dataImage(): SwitchDataImage {
    return this.#parts.publication.image(this.#parts.all());
  }

  inspectPort(id: number): PortReport | undefined {
    const port = this.#parts.ports.get(id);
    return port && reportPort(port, this.#parts.publication, this.#parts.settings.maxPorts);
  }

  inspect(): SwitchReport {
    const { adapter, queues, publication, settings, ledger, extensions, provider } = this.#parts;
    const { maxPorts, floodUnknownUnicast } = settings;
    return {
      name: this.name,
      type: this.type,
      adapter: adapter.adapterName,
      vmq: { ...queues.capability, inUse: queues.holders.length },
      packetFilter: adapter.packetFilter,
      floodUnknownUnicast,
      isExternalRunning: publication.externalRunning,
      ports: this.#parts.all().map((port): PortReport => reportPort(port, publication, maxPorts)),
      learned: reportLearned(publication),
      ledger: [...ledger.records],
      extensions: reportExtensions(this.#parts.extensionsImage),
      extensionRecords: [...extensions.records],
      outstandingSends: publication.outstandingSends,
      provided: provider.provided,
    };
  }

  /** The port, if it is in one of these states; else the refusal. */
  #find(id: number, ...states: SwitchPort['state'][]): SwitchPort | SwitchResult {
    const port = this.#parts.ports.get(id);
    if (port === undefined) return refuse(NDIS_STATUS_INVALID_PORT, `there is no port ${id}`);
    if (states.length !== 0 && !states.includes(port.state)) {
      return refuse(
        NDIS_STATUS_INVALID_PORT_STATE,
        `port ${id} is ${port.state}, not ${states.join(' or ')}`,
      );
    }
    return port;
  }

  /** A connected port with the same MAC in a VLAN of `port`, or undefined. */
  #sharesAddress(
    port: SwitchPort,
    vlan: PortProperties['vlan'],
    mac: NicOptions['mac'],
  ): SwitchPort | undefined {
    const own = new Set(vlansOf(vlan));
    return this.#parts
      .connected()
      .find(
        (other) =>
          other !== port &&
          other.mac.hi === mac.hi &&
          other.mac.lo === mac.lo &&
          vlansOf(other.properties.vlan).some((id) => own.has(id)),
      );
  }
}
