/**
 * The switch as a protocol driver: its binding to the one external adapter, from bind to unbind.
 *
 *   bindAdapter ─> capabilities read, connected ports served ─> restart ─> frames ─> pause ─> unbindAdapter
 *                                                                     among VMs alone, without an adapter <─┘
 *
 * Opening the binding, NDIS makes the data paths from `dataPathImage`; until then there is nobody to publish to.
 */
import {
  NDIS_PACKET_TYPE_ALL_MULTICAST,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_MULTICAST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  NDIS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  NDIS_STATUS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_RESET_END,
  NDIS_STATUS_RESOURCE_CONFLICT,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import type { Binding, BindParameters, ProtocolDriver, StatusIndication } from '@vmq/ddi';
import { VSWITCH_DATA_PATH } from '../datapath/data-path.ts';
import type { ExtensionStack } from '../extensions/extension-stack.ts';
import type { SwitchPort } from '../model/switch-port.ts';
import type { AllocationLedger } from '../vmq/allocation-ledger.ts';
import { ReceiveFilterRequests } from '../vmq/receive-filter-requests.ts';
import type { VmQueueManager } from '../vmq/vm-queue-manager.ts';
import {
  forbiddenBySpeed,
  noVmq,
  readVmqCapability,
  type VmqCapability,
  type VmqSettings,
} from '../vmq/vmq-capability.ts';
import type { DetachedTransport, Publication, SwitchTransport } from './publication.ts';

/** Nanoseconds in which a guest that is alive completes what it has: many times what it takes to schedule one. */
const GUESTS_TURN = 2e6;

export interface AdapterBindingOptions {
  readonly switchName: string;
  readonly external: boolean;
  readonly queues: VmQueueManager;
  readonly publication: Publication;
  readonly ledger: AllocationLedger;
  readonly extensions: ExtensionStack;
  readonly vmqSettings: VmqSettings;
  /** Where the data paths are while there is no adapter. */
  readonly detached?: DetachedTransport;
  ports(): readonly SwitchPort[];
  publish(): void;
  /** Some port needs frames for addresses that are in no filter. */
  wantsUnknownUnicast(): boolean;
}

export class AdapterBinding {
  readonly protocolDriver: ProtocolDriver;
  readonly #options: AdapterBindingOptions;
  #binding: Binding | null = null;
  #requests: ReceiveFilterRequests | null = null;
  #revision = 4;
  /** Bits per second. */
  #linkSpeed = 0;
  /** The data paths exist and get what is posted. */
  #attached = false;
  #packetFilter = 0;
  /** What was last asked for; if it was refused, it is again after the next reset, restart or change of a port. */
  #askedPacketFilter = 0;
  /** The data paths are where there is no adapter. */
  #isDetached = false;
  /** Whatever filters there are: some are about to go. */
  #letsInAll = false;
  /** Ports lost their queues to the pause. */
  #tookBack = false;

  constructor(options: AdapterBindingOptions) {
    this.#options = options;
    this.protocolDriver = {
      name: options.switchName,
      dataPathFactory: VSWITCH_DATA_PATH,
      bindAdapter: (binding, parameters) => this.#bind(binding, parameters),
      unbindAdapter: () => this.#unbind(),
      dataPathImage: () => {
        this.#attached = true;
        return options.publication.image(options.ports());
      },
      // All others are waited for.
      oidRequestComplete: (_binding, _request, status) => this.#packetFilterAnswered(status),
      status: (_binding, indication) => this.#status(options.extensions.indicate(indication)),
      pause: (binding) => {
        options.publication.externalRunning = false;
        options.publish();
        binding.runUntil(() => options.publication.outstandingSends === 0);
        this.#takeBack(binding);
      },
      restart: () => {
        options.publication.externalRunning = true;
        options.publish();
        if (this.#tookBack) options.queues.promote();
        this.#tookBack = false;
        if (this.#askedPacketFilter !== this.#packetFilter) this.updatePacketFilter();
      },
    };
  }

  get adapterName(): string | null {
    return this.#binding?.adapterName ?? null;
  }

  get transport(): SwitchTransport | null {
    return this.#attached ? this.#binding : null;
  }

  get packetFilter(): number {
    return this.#packetFilter;
  }

  /** Opens the adapter's packet filter as far as the ports need it, and no further. */
  updatePacketFilter(): void {
    const requests = this.#requests;
    const wanted = this.#wantedPacketFilter();
    if (requests === null || (wanted === this.#packetFilter && wanted === this.#askedPacketFilter)) return;
    this.#askedPacketFilter = wanted;
    this.#packetFilterAnswered(requests.setPacketFilter(wanted));
  }

  #packetFilterAnswered(status: number): void {
    if (status === NDIS_STATUS_SUCCESS) this.#packetFilter = this.#askedPacketFilter;
  }

  #wantedPacketFilter(): number {
    const { queues, ports, wantsUnknownUnicast } = this.#options;
    const someConnected = ports().some(({ connected }) => connected);
    const promiscuous = someConnected && (this.#letsInAll || wantsUnknownUnicast() || !queues.allFiltered);
    return (
      NDIS_PACKET_TYPE_DIRECTED |
      NDIS_PACKET_TYPE_MULTICAST |
      NDIS_PACKET_TYPE_ALL_MULTICAST |
      NDIS_PACKET_TYPE_BROADCAST |
      (promiscuous ? NDIS_PACKET_TYPE_PROMISCUOUS : 0)
    );
  }

  #bind(binding: Binding, parameters: BindParameters): number {
    const { external, queues, ports } = this.#options;
    if (!external) return NDIS_STATUS_NOT_SUPPORTED;
    if (this.#binding !== null) return NDIS_STATUS_RESOURCE_CONFLICT;
    this.#leaveDetached();
    this.#binding = binding;
    this.#revision = parameters.revision;
    this.#linkSpeed = parameters.maxXmitLinkSpeed;
    const capability = this.#capabilityOf(parameters.receiveFilterCapabilities);
    this.#requests = new ReceiveFilterRequests(binding, capability.ndis, this.#options.extensions);
    queues.attach(this.#requests, capability);
    queues.serve(ports().filter(({ connected }) => connected));
    this.updatePacketFilter();
    return NDIS_STATUS_SUCCESS;
  }

  /**
   * LIFE-07: NBLs of frames that lie with guests (6.20). No more are left there since the pause began; guests that are at
   * work complete theirs now. Of the others the queue is freed: its NBLs come back, its guest keeps the bytes as long as
   * it likes, and after the restart the queue is allocated anew, with other sections, as the buffers of the old one may
   * still be read.
   */
  #takeBack(binding: Binding): void {
    const { queues, ports } = this.#options;
    const holding = ports().filter(({ lookahead }) => lookahead !== 0);
    const isDone = (): boolean => {
      while (holding.length > 0 && (holding.at(-1)?.channel?.heldSections ?? 0) === 0) holding.pop();
      return holding.length === 0;
    };
    if (isDone() || binding.runUntil(isDone, GUESTS_TURN)) return;
    for (const port of holding) {
      if ((port.channel?.heldSections ?? 0) === 0) continue;
      queues.giveUp(port, 'its guest kept frames of a pausing adapter');
      this.#tookBack = true;
    }
  }

  /** LIFE-09: filters, then queues; then nothing of the adapter is left. */
  #unbind(): void {
    const { queues, publication, ports, publish } = this.#options;
    publication.externalRunning = false;
    publish();
    for (const port of ports()) {
      queues.release(port, 'released', 'the adapter was unbound');
      port.queueId = 0;
    }
    queues.freeKept();
    this.#requests?.setPacketFilter(0);
    this.#packetFilter = 0;
    this.#askedPacketFilter = 0;
    // These data paths will hear nothing more: they let go of all ports and channels.
    this.transport?.post('all', publication.state([]));
    this.transport?.publish();
    queues.attach(null, noVmq('no adapter is bound'));
    this.#requests = null;
    this.#attached = false;
    this.#binding = null;
    const { detached } = this.#options;
    this.#isDetached = detached?.attach !== undefined;
    detached?.attach?.(VSWITCH_DATA_PATH, publication.image(ports()));
  }

  /** The binding's data paths take over: those without an adapter let go of all ports and channels. */
  #leaveDetached(): void {
    const { detached, publication } = this.#options;
    if (!this.#isDetached) return;
    this.#isDetached = false;
    detached?.post('all', publication.state([]));
    detached?.publish();
    detached?.detach?.();
  }

  #capabilityOf(bytes: Uint8Array | null): VmqCapability {
    const capability = readVmqCapability(bytes, this.#revision);
    const forbidden = forbiddenBySpeed(this.#linkSpeed, this.#options.vmqSettings);
    return forbidden === ''
      ? capability
      : { ...capability, filters: false, queues: false, reason: forbidden };
  }

  /** CAP-32. Before a queue goes the adapter lets in all: frames that no filter takes any more come on queue 0. */
  #adjust(binding: Binding): void {
    if (this.#binding !== binding) return;
    const { queues } = this.#options;
    if (queues.isBusy) {
      // In the midst of something else; that ends first.
      binding.queueWorkItem(() => this.#adjust(binding));
      return;
    }
    this.#letsInAll = queues.overdue.length > 0;
    this.updatePacketFilter();
    queues.adjust();
    this.#letsInAll = false;
    this.updatePacketFilter();
  }

  #status({ statusCode, statusBuffer }: StatusIndication): void {
    const { queues, ledger, ports } = this.#options;
    if (statusCode === NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES) {
      queues.attach(this.#requests, this.#capabilityOf(statusBuffer));
      const binding = this.#binding;
      // A status handler must not wait for requests.
      binding?.queueWorkItem(() => this.#adjust(binding));
      return;
    }
    if (statusCode === NDIS_STATUS_RESET_END && this.#askedPacketFilter !== this.#packetFilter) {
      this.#askedPacketFilter = this.#wantedPacketFilter();
      // Held until NDIS is done with the reset: there is no waiting for it here.
      const status = this.#requests?.beginPacketFilter(this.#askedPacketFilter) ?? NDIS_STATUS_PENDING;
      if (status !== NDIS_STATUS_PENDING) this.#packetFilterAnswered(status);
      return;
    }
    if (statusCode !== NDIS_STATUS_RECEIVE_QUEUE_STATE) return;
    const decoded = NDIS_RECEIVE_QUEUE_STATE.decode(statusBuffer);
    if (!decoded.ok) return;
    const queueId = decoded.value.QueueId;
    const port = ports().find((candidate) => candidate.queueId === queueId);
    ledger.add({
      event: 'dma-stopped',
      port: port?.id ?? 0,
      nicName: port?.nic?.name ?? '',
      vmName: port?.nic?.vmName ?? '',
      weight: port?.properties.vmqWeight ?? 0,
      queueId,
      processor: port?.queueProcessor ?? -1,
      status: NDIS_STATUS_SUCCESS,
      reason: 'the adapter has stopped DMA to the queue',
    });
  }
}
