/**
 * The parts of a switch's control path and how they hang together:
 *
 *   ports ──VmQueueManager──> OIDs over the AdapterBinding
 *     │   └─ChannelAttachment─> channels, vectors, processors
 *     └> Publication ─────────> data paths on the processors
 */
import type { Machine } from '@vmq/machine';
import { DEFAULT_BUFFER_STRIDE } from '@vmq/shared-memory';
import { ExtensionStack } from '../extensions/extension-stack.ts';
import type { HostFrames, SwitchExtensionsImage, SwitchState } from '../model/messages.ts';
import type { SwitchPort } from '../model/switch-port.ts';
import { AllocationLedger } from '../vmq/allocation-ledger.ts';
import { createHostMemoryProvider } from '../vmq/host-memory-provider.ts';
import { ProcessorAssignment } from '../vmq/processor-assignment.ts';
import { createVmMemoryProvider, type SwitchMemoryProvider } from '../vmq/vm-memory-provider.ts';
import { VmQueueManager } from '../vmq/vm-queue-manager.ts';
import { noVmq } from '../vmq/vmq-capability.ts';
import { AdapterBinding } from './adapter-binding.ts';
import { ChannelAttachment } from './channel-attachment.ts';
import { Publication } from './publication.ts';
import type { SwitchOptions } from './virtual-switch.ts';

/** Options of a switch, checked and with their defaults. */
interface Settings {
  readonly maxPorts: number;
  readonly channelBudget: number;
  readonly sendBufferBytes: number;
  readonly ageingSeconds: number;
  readonly vmqProcessors: readonly number[];
  readonly lookaheadSize: number;
  readonly floodUnknownUnicast: boolean;
}

export class SwitchParts {
  readonly options: SwitchOptions;
  readonly settings: Settings;
  readonly machine: Machine;
  /** By number. */
  readonly ports: Map<number, SwitchPort> = new Map();
  readonly extensions: ExtensionStack;
  readonly extensionsImage: SwitchExtensionsImage;
  readonly ledger: AllocationLedger;
  readonly provider: SwitchMemoryProvider;
  readonly publication: Publication;
  readonly channels: ChannelAttachment;
  readonly queues: VmQueueManager;
  readonly adapter: AdapterBinding;

  /** Throws for options that make no sense. */
  constructor(options: SwitchOptions) {
    const { name, machine, sharedMemory } = options;
    this.options = options;
    this.settings = readSettings(options);
    this.machine = machine;
    this.extensions = new ExtensionStack(name, options.extensions ?? [], machine.counters.numbers);
    this.extensionsImage = this.extensions.image(machine.processorCount);
    this.ledger = new AllocationLedger(machine.counters.numbers);
    const hostMemory = createHostMemoryProvider(name, sharedMemory);
    this.provider =
      options.hostVersion === 620
        ? createVmMemoryProvider(hostMemory, (queueId, bytes) => this.queues.loanVmMemory(queueId, bytes))
        : hostMemory;
    this.publication = this.#makePublication();
    this.channels = new ChannelAttachment({
      publication: this.publication,
      load: new ProcessorAssignment(this.settings.vmqProcessors),
      sendBufferBytes: this.settings.sendBufferBytes,
      publish: () => this.publish(),
    });
    this.queues = this.#makeQueues();
    this.adapter = this.#makeBinding();
  }

  all(): SwitchPort[] {
    return [...this.ports.values()];
  }

  connected(): SwitchPort[] {
    return this.all().filter((port) => port.connected);
  }

  /** Lets every data path know the ports as they are now. */
  publish(): void {
    this.tell('all', this.publication.state(this.all()));
  }

  tell(processor: number | 'all', message: SwitchState | HostFrames): void {
    const transport = this.adapter.transport ?? this.options.transport;
    transport?.post(processor, message);
    transport?.publish();
  }

  #makePublication(): Publication {
    const { options, settings } = this;
    return new Publication({
      switchName: options.name,
      machine: options.machine,
      sharedMemory: options.sharedMemory,
      maxPorts: settings.maxPorts,
      channelBudget: settings.channelBudget,
      macTableEntries: options.macTableEntries ?? 4096,
      ageingSeconds: settings.ageingSeconds,
      floodUnknownUnicast: settings.floodUnknownUnicast,
      external: options.type === 'external',
      extensions: this.extensionsImage,
      sendBuffers: options.sendBuffers ?? 512,
      sendBufferBytes: settings.sendBufferBytes,
      ...(options.grantSendBuffers ? { grantSendBuffers: options.grantSendBuffers } : {}),
    });
  }

  #makeQueues(): VmQueueManager {
    const { options, settings } = this;
    const { type } = options;
    return new VmQueueManager(
      {
        switchName: options.name,
        suggestedBuffers: options.suggestedReceiveBuffers ?? 256,
        lookaheadSize: options.hostVersion === 620 ? settings.lookaheadSize : 0,
        preemptByWeight: options.preemptByWeight ?? false,
        processors: new ProcessorAssignment(settings.vmqProcessors),
        ledger: this.ledger,
        ports: () => this.connected(),
        publish: () => this.publish(),
      },
      noVmq(type === 'external' ? 'no adapter is bound' : `an ${type} switch has no adapter`),
    );
  }

  #makeBinding(): AdapterBinding {
    const { options, settings } = this;
    return new AdapterBinding({
      switchName: options.name,
      external: options.type === 'external',
      queues: this.queues,
      publication: this.publication,
      ledger: this.ledger,
      extensions: this.extensions,
      vmqSettings: {
        tenGigVmqEnabled: options.tenGigVmqEnabled ?? 1,
        belowTenGigVmqEnabled: options.belowTenGigVmqEnabled ?? 1,
        hostVersion: options.hostVersion ?? 630,
      },
      ports: () => this.all(),
      publish: () => this.publish(),
      ...(options.transport ? { detached: options.transport } : {}),
      wantsUnknownUnicast: () =>
        settings.floodUnknownUnicast ||
        this.connected().some(({ properties }) => properties.allowMacSpoofing),
    });
  }
}

function readSettings(options: SwitchOptions): Settings {
  const { name, machine } = options;
  const { maxPorts = 256, channelBudget = 64, lookaheadSize = 64 } = options;
  const vmqProcessors = options.vmqProcessors ?? Array.from({ length: machine.processorCount }, (_, i) => i);
  if (vmqProcessors.length === 0) throw new RangeError(`switch ${name}: the VMQ processor set is empty`);
  if (maxPorts < 2 || maxPorts > 4096)
    throw new RangeError(`switch ${name}: maxPorts 2 to 4096, got ${maxPorts}`);
  if (!(Number.isInteger(channelBudget) && channelBudget >= 1))
    throw new RangeError(`switch ${name}: channelBudget of at least 1, got ${channelBudget}`);
  if (!Number.isInteger(lookaheadSize) || lookaheadSize < 14)
    throw new RangeError(`switch ${name}: lookaheadSize of at least 14 bytes, got ${lookaheadSize}`);
  if (options.hostVersion === 620 && (options.extensions ?? []).length > 0)
    throw new RangeError(`switch ${name}: extensions need a host of NDIS 6.30 or later`);
  return {
    maxPorts,
    channelBudget,
    lookaheadSize,
    vmqProcessors,
    sendBufferBytes: options.sendBufferBytes ?? DEFAULT_BUFFER_STRIDE,
    ageingSeconds: options.ageingSeconds ?? 0,
    floodUnknownUnicast: options.floodUnknownUnicast ?? false,
  };
}
