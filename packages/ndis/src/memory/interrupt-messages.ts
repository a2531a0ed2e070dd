/**
 * An adapter's interrupt messages and its MSI-X table (requirements INT-02, INT-07, INT-08).
 *
 *   MSI-X entry, 16 bytes in the device's aperture
 *   +0 message address, low   +4 message address, high   +8 message data   +12 vector control (bit 0 = mask)
 */
import {
  NDIS_RSS_PROCESSOR_INFO,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import type { InterruptMessage, MiniportResources, MsixTableOperation } from '@vmq/ddi';
import { type Machine, msiMessage } from '@vmq/machine';
import type { AdapterRefusals } from '../diagnostics/refusal-log.ts';

const ENTRY_BYTES = 16;
const MASK = 1;
/** Messages beyond one per RSS processor: link changes, faults (INT-02). */
const OTHER_MESSAGES = 2;

/** The processors an adapter's queues may use. */
export interface RssProcessorSet {
  /** Nearest first. */
  readonly processors: readonly number[];
  readonly baseProcessor: number;
  readonly preferredNumaNode: number;
}

/** Vectors of the machine that adapters gave back; the controller itself only hands out. */
export class VectorPool {
  readonly #machine: Machine;
  readonly #free = new Map<number, number[]>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  take(processor: number): number {
    return this.#free.get(processor)?.pop() ?? this.#machine.interrupts.allocateVector(processor);
  }

  give(processor: number, vector: number): void {
    const free = this.#free.get(processor);
    if (free === undefined) this.#free.set(processor, [vector]);
    else free.push(vector);
  }
}

export interface MsixEntryReport {
  readonly entry: number;
  readonly messageId: number;
  readonly processor: number;
  readonly vector: number;
  readonly masked: boolean;
}

interface MsixEntry {
  message: InterruptMessage;
  masked: boolean;
}

export class InterruptMessages {
  readonly #machine: Machine;
  readonly #vectors: VectorPool;
  readonly #resources: MiniportResources;
  readonly #rss: RssProcessorSet;
  readonly #log: AdapterRefusals;
  readonly #messages = new Map<number, InterruptMessage>();
  readonly #entries = new Map<number, MsixEntry>();

  constructor(
    machine: Machine,
    vectors: VectorPool,
    resources: MiniportResources,
    rss: RssProcessorSet,
    log: AdapterRefusals,
  ) {
    this.#machine = machine;
    this.#vectors = vectors;
    this.#resources = resources;
    this.#rss = rss;
    this.#log = log;
  }

  /** A message aimed at `processor`, or null: no such processor, or no vector left there. */
  allocate(processor: number): InterruptMessage | null {
    if (!(processor >= 0 && processor < this.#machine.processorCount))
      return this.#none(`a processor of 0..${this.#machine.processorCount - 1}`, `processor ${processor}`);
    const held = [...this.#messages.values()];
    // A processor's first message is its queues'; what is beyond that counts as other.
    const others =
      held.length -
      new Set(held.map((m) => m.processor).filter((p) => this.#rss.processors.includes(p))).size;
    const first = this.#rss.processors.includes(processor) && held.every((m) => m.processor !== processor);
    if (!first && others >= OTHER_MESSAGES) {
      const expected = `one message per RSS processor and ${OTHER_MESSAGES} for other events`;
      const found = `a further one for processor ${processor}, ${held.length} allocated`;
      this.#log.advise('INT-02', 'vmq-interrupt-requirements', expected, found);
    }
    const vector = this.#vectors.take(processor);
    if (vector < 0) return this.#none(`a free vector on processor ${processor}`, 'none');
    let messageId = 0;
    while (this.#messages.has(messageId)) messageId++;
    const message = { messageId, processor, vector, ...msiMessage(processor, vector) };
    this.#messages.set(messageId, message);
    return message;
  }

  #none(expected: string, found: string): null {
    this.#log.refuse({ rule: 'INT-02', status: NDIS_STATUS_INVALID_PARAMETER, expected }, found);
    return null;
  }

  /** NdisMConfigMSIXTableEntry: SUCCESS, INVALID_PARAMETER. */
  configure(operation: MsixTableOperation): number {
    const { entry } = operation;
    const refuse = (expected: string, found: string): number =>
      this.#log.refuse({ rule: 'INT-08', status: NDIS_STATUS_INVALID_PARAMETER, expected }, found, { entry });
    const entries = this.#resources.msixTableEntries;
    if (!(Number.isInteger(entry) && entry >= 0 && entry < entries))
      return refuse(`an entry of 0..${entries - 1}`, `entry ${entry}`);
    if (operation.operation === 'add') {
      const message = this.#messages.get(operation.messageId);
      if (message === undefined) return refuse('a message of this adapter', `message ${operation.messageId}`);
      this.#add(entry, message);
      return NDIS_STATUS_SUCCESS;
    }
    const known = this.#entries.get(entry);
    if (known === undefined) return refuse('an entry that was added', `entry ${entry} is free`);
    known.masked = operation.operation !== 'unmask';
    this.#write(entry, 12, known.masked ? MASK : 0);
    if (operation.operation === 'remove') {
      for (const at of [0, 4, 8]) this.#write(entry, at, 0);
      this.#entries.delete(entry);
    }
    return NDIS_STATUS_SUCCESS;
  }

  /** Masks the entry while its message changes, so that the device never sends half of each (INT-08). */
  #add(entry: number, message: InterruptMessage): void {
    const masked = this.#entries.get(entry)?.masked ?? false;
    this.#write(entry, 12, MASK);
    this.#write(entry, 0, message.address);
    this.#write(entry, 4, 0);
    this.#write(entry, 8, message.data);
    this.#entries.set(entry, { message, masked });
    if (!masked) this.#write(entry, 12, 0);
  }

  #write(entry: number, member: number, value: number): void {
    const { bar, msixTableOffset, write32, wakeDevice } = this.#resources;
    const offset = msixTableOffset + entry * ENTRY_BYTES + member;
    if (write32 !== undefined) {
      write32(offset, value);
      return;
    }
    Atomics.store(bar.i32, offset >> 2, value | 0);
    wakeDevice();
  }

  /** NdisGetRssProcessorInformation (INT-07). `ndis` picks the revision. */
  rssProcessorInformation(buffer: Uint8Array, ndis: 620 | 630): { status: number; bytesNeeded: number } {
    const { processors, baseProcessor, preferredNumaNode } = this.#rss;
    const usable = processors.filter((processor) => processor >= baseProcessor);
    const number = (processor: number) => ({ Group: 0, Number: processor, Reserved: 0 });
    const highest = usable.length === 0 ? baseProcessor : Math.max(...usable);
    const value = {
      RssBaseProcessor: number(baseProcessor),
      MaxNumRssProcessors: usable.length,
      PreferredNumaNode: preferredNumaNode,
      ...(ndis === 630 ? { RssMaxProcessor: number(highest) } : {}),
      elements: usable.map((processor, i) => ({ ProcNum: number(processor), PreferenceIndex: i })),
    };
    const bytesNeeded = NDIS_RSS_PROCESSOR_INFO.encodedLength(value, { ndis });
    if (buffer.length < bytesNeeded) return { status: NDIS_STATUS_BUFFER_TOO_SHORT, bytesNeeded };
    NDIS_RSS_PROCESSOR_INFO.encode(value, { ndis, into: buffer });
    return { status: NDIS_STATUS_SUCCESS, bytesNeeded };
  }

  /** The device has lost its table (it was off): writes every entry again. */
  restore(): void {
    for (const [entry, { message }] of this.#entries) this.#add(entry, message);
  }

  /** At halt: masks every entry and gives the vectors back. */
  release(): void {
    for (const entry of [...this.#entries.keys()]) this.configure({ operation: 'remove', entry });
    for (const { processor, vector } of this.#messages.values()) this.#vectors.give(processor, vector);
    this.#messages.clear();
  }

  inspect(): MsixEntryReport[] {
    return [...this.#entries]
      .map(([entry, { message, masked }]) => ({
        entry,
        messageId: message.messageId,
        processor: message.processor,
        vector: message.vector,
        masked,
      }))
      .sort((a, b) => a.entry - b.entry);
  }
}
