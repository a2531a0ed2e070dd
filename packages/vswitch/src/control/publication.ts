/**
 * What the control path publishes, and the shared buffers behind it: builds the {@link SwitchState} that the data
 * paths load, hands out send buffers and interrupt vectors, and replaces the learned table when addresses have
 * to go.
 */
import { NDIS_SHARED_MEMORY_USAGE } from '@vmq/abi';
import { HOST_SEGMENT, type Machine } from '@vmq/machine';
import { type Block, BufferAllocator, bytesForBuffers, type SharedMemoryManager } from '@vmq/shared-memory';
import { OUTSTANDING_STRIDE } from '../delivery/send-path.ts';
import { createDeliveryNumbers, DeliveryNumbers } from '../model/delivery-numbers.ts';
import type {
  PortImage,
  SendBuffersImage,
  SwitchDataImage,
  SwitchExtensionsImage,
  SwitchState,
} from '../model/messages.ts';
import { createPortCounters } from '../model/port-counters.ts';
import { type SwitchPort, trunkMembers } from '../model/switch-port.ts';
import {
  createLearnedMacTable,
  type LearnedMac,
  LearnedMacTable,
  type LearnedMacTableImage,
} from '../tables/learned-mac-table.ts';

/** How the control path reaches the data paths; a binding is one. */
export interface SwitchTransport {
  post(processor: number | 'all', message: unknown): void;
  publish(): void;
  runUntil(done: () => boolean): boolean;
}

/** The same where no binding makes the data paths; an NDIS `DetachedDataPath` is one. */
export interface DetachedTransport extends SwitchTransport {
  /** The switch has lost its adapter: makes data paths, by their factory's name and their image. Absent: always there. */
  attach?(factory: string, image: unknown): void;
  /** An adapter's binding is about to make them. */
  detach?(): void;
}

export interface PublicationOptions {
  readonly switchName: string;
  readonly machine: Machine;
  readonly sharedMemory: SharedMemoryManager;
  readonly maxPorts: number;
  readonly channelBudget: number;
  readonly macTableEntries: number;
  readonly ageingSeconds: number;
  readonly floodUnknownUnicast: boolean;
  readonly external: boolean;
  readonly sendBuffers: number;
  readonly sendBufferBytes: number;
  readonly extensions: SwitchExtensionsImage;
  /** Lets the adapter's device read the send buffers of a processor. */
  readonly grantSendBuffers?: (block: Block) => void;
}

export class Publication {
  readonly counters: SharedArrayBuffer;
  readonly numbers: DeliveryNumbers;
  externalRunning = false;
  readonly #options: PublicationOptions;
  readonly #numbersBuffer: SharedArrayBuffer;
  readonly #outstanding: SharedArrayBuffer;
  readonly #sendBuffers: (SendBuffersImage | null)[];
  readonly #sendBlocks: Block[] = [];
  readonly #freeVectors = new Map<number, number[]>();
  /** Team numbers of the VMs that have a port. */
  readonly #teams = new Map<string, number>();
  #learned: LearnedMacTableImage;
  #version: number;

  constructor(options: PublicationOptions) {
    const { machine, maxPorts } = options;
    this.#options = options;
    this.#version = machine.counters.numbers;
    this.counters = createPortCounters(machine.processorCount, maxPorts);
    this.#numbersBuffer = createDeliveryNumbers(maxPorts);
    this.numbers = new DeliveryNumbers(this.#numbersBuffer, machine.counters.words);
    this.#outstanding = new SharedArrayBuffer(machine.processorCount * OUTSTANDING_STRIDE * 4);
    this.#sendBuffers = new Array<SendBuffersImage | null>(machine.processorCount).fill(null);
    this.#learned = createLearnedMacTable(options.macTableEntries);
  }

  /** The state as it is now. */
  state(ports: readonly SwitchPort[]): SwitchState {
    const { ageingSeconds, external, floodUnknownUnicast } = this.#options;
    this.#forgetTeams(ports);
    return {
      op: 'state',
      version: ++this.#version,
      external,
      externalRunning: this.externalRunning,
      floodUnknownUnicast,
      ageingTick: ageingSeconds === 0 ? 0 : 1e9,
      learned: this.#learned,
      ports: ports.filter(({ nic }) => nic !== null).map((port) => imageOf(port, this.#teamOf(port))),
      sendBuffers: [...this.#sendBuffers],
    };
  }

  /** What the data paths are made from. */
  image(ports: readonly SwitchPort[]): SwitchDataImage {
    return {
      switchName: this.#options.switchName,
      maxPorts: this.#options.maxPorts,
      channelBudget: this.#options.channelBudget,
      counters: this.counters,
      deliveryNumbers: this.#numbersBuffer,
      outstandingSends: this.#outstanding,
      extensions: this.#options.extensions,
      state: this.state(ports),
    };
  }

  /** A number for the NICs of one VM; 0 for a VM without name. */
  #teamOf(port: SwitchPort): number {
    const vmName = port.nic?.vmName ?? '';
    if (vmName === '') return 0;
    const known = this.#teams.get(vmName);
    if (known !== undefined) return known;
    const taken = new Set(this.#teams.values());
    let team = 1;
    while (taken.has(team)) team++;
    this.#teams.set(vmName, team);
    return team;
  }

  /** Numbers of VMs that have no port any more are given to others: no state that is published later speaks of them. */
  #forgetTeams(ports: readonly SwitchPort[]): void {
    const names = new Set(ports.map(({ nic }) => nic?.vmName));
    for (const name of this.#teams.keys()) if (!names.has(name)) this.#teams.delete(name);
  }

  /** Sends given to the adapter and not completed, on all processors. */
  get outstandingSends(): number {
    const words = new Int32Array(this.#outstanding);
    let sum = 0;
    for (let at = 0; at < words.length; at += OUTSTANDING_STRIDE) sum += Atomics.load(words, at);
    return sum;
  }

  // --- learned addresses --------------------------------------------------------------------------------

  learned(): LearnedMac[] {
    return new LearnedMacTable(this.#learned).list();
  }

  /** Replaces the learned table by one with the addresses to keep; takes effect with the next publication. */
  relearn(keep: (entry: LearnedMac) => boolean): number {
    const old = this.learned();
    const kept = old.filter(keep);
    if (kept.length === old.length) return 0;
    const image = createLearnedMacTable(this.#options.macTableEntries);
    const table = new LearnedMacTable(image);
    for (const { a, b, port, tick } of kept) table.learn(a, b, port, tick);
    this.#learned = image;
    return old.length - kept.length;
  }

  // --- send buffers -------------------------------------------------------------------------------------

  /** Makes sure that a processor has send buffers; '' or why it cannot. */
  ensureSendBuffers(processor: number): string {
    if (this.#sendBuffers[processor]) return '';
    const { sharedMemory, switchName, sendBuffers, sendBufferBytes, grantSendBuffers } = this.#options;
    const answer = sharedMemory.allocate({
      segment: HOST_SEGMENT,
      length: bytesForBuffers(sendBuffers, sendBufferBytes),
      contiguous: true,
      owner: `switch ${switchName} processor ${processor}`,
      usage: NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageXmit,
    });
    if (answer.block === null) return (answer as { reason: string }).reason;
    this.#sendBlocks.push(answer.block);
    grantSendBuffers?.(answer.block);
    const { offsets } = new BufferAllocator(answer.block, sendBufferBytes);
    this.#sendBuffers[processor] = { bufferBytes: sendBufferBytes, offsets };
    return '';
  }

  hasSendBuffers(processor: number): boolean {
    return this.#sendBuffers[processor] !== undefined && this.#sendBuffers[processor] !== null;
  }

  /** The blocks of host memory that frames are sent from. */
  get sendBlocks(): readonly Block[] {
    return this.#sendBlocks;
  }

  // --- vectors ------------------------------------------------------------------------------------------

  /** A vector of a processor, -1 if it has none left. */
  takeVector(processor: number): number {
    const free = this.#freeVectors.get(processor)?.pop();
    return free ?? this.#options.machine.interrupts.allocateVector(processor);
  }

  /** After a publication that says nobody uses it any more. */
  giveVector(processor: number, vector: number): void {
    const free = this.#freeVectors.get(processor) ?? [];
    free.push(vector);
    this.#freeVectors.set(processor, free);
  }
}

function imageOf(port: SwitchPort, team: number): PortImage {
  const { vlan, allowMacSpoofing, allowTeaming, preserveVlan, preservePriority } = port.properties;
  const trunk = vlan.mode === 'trunk';
  return {
    port: port.id,
    connected: port.connected,
    macHi: port.mac.hi,
    macLo: port.mac.lo,
    accessVlan: trunk ? -1 : vlan.vlan,
    nativeVlan: trunk ? vlan.native : 0,
    trunkVlans: trunk ? trunkMembers(vlan) : [],
    allowMacSpoofing,
    team: allowTeaming ? team : 0,
    preserveVlan,
    preservePriority,
    queueId: port.queueId,
    leavesInPlace: port.connected && port.lookahead !== 0,
    channelGeneration: port.channelGeneration,
    channel: port.channelImage,
    processor: port.channelProcessor,
    vector: port.channelVector,
  };
}
