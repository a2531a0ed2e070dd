/**
 * What the parts of the device share: views of memory, DMA rights, and the state of each queue.
 *
 * A queue's state is one cache line of `rxq` or `txq`, 16 words; word indices below. Registers that take effect
 * at a configuration request are copied here, so nothing changes in the middle of a batch.
 */
import type { AgentContext, DmaDomainImage, MemorySegment } from '@vmq/machine';
import { type FilterTables, readFilterTables } from './filter-tables.ts';
import type { NicProfile } from './profiles.ts';

/** Latched RXCTL / TXCTL; 0 while the queue is disabled. */
export const Q_FLAGS = 0;
/** Free-running count of descriptors consumed (RX) or completed (TX). */
export const Q_HEAD = 1;
/** RDT / TDT as last read. */
export const Q_TAIL = 2;
export const Q_MASK = 3;
/** Word index of the descriptor ring in host memory. */
export const Q_RING = 4;
/** Word index of the completion ring in host memory. */
export const Q_COMPLETIONS = 5;
/** Word index of the status block in host memory. */
export const Q_STATUS = 6;
export const Q_PACKET_BYTES = 7;
export const Q_HEADER_BUFFER_BYTES = 8;
export const Q_HEADER_SIZE = 9;
/** Head as last told to the driver. */
export const Q_PUBLISHED = 10;
/** Bytes since the last publication. */
export const Q_BYTES = 11;
/** Head when the last interrupt was sent. */
export const Q_SIGNALLED = 12;
/** Head up to which the short way may go on without a look at anything else; equal to the head between batches. */
export const Q_LIMIT = 13;
/** Which frames may go the short way; see `shortWay` in `receive-pipeline.ts`. */
export const Q_SHORT_WAY = 14;
/** log2 of the words per queue. */
export const Q_SHIFT = 4;

const NO_RIGHTS: Uint8Array = new Uint8Array(0);

export class DeviceState {
  readonly context: AgentContext;
  readonly profile: NicProfile;
  /** The BAR segment's words. */
  readonly words: Int32Array;
  /** Receive queues (and transmit queues), queue 0 included. */
  readonly queueCount: number;

  /** Memory, by segment id. */
  segments: readonly MemorySegment[] = [];
  /** DMA rights per page, by segment id; an empty table where the device may not go at all. */
  rights: Uint8Array[] = [];

  receiveEnabled: boolean = false;
  transmitEnabled: boolean = false;
  linkUp: boolean = true;
  /** Filters, packet filter and address lists in force. */
  tables: FilterTables;
  /** Filter hash table: index mask in entries, and whether any key stands for all VLANs. */
  tableMask: number = 0;
  anyVlanKeys: boolean = false;

  readonly rxq: Int32Array;
  readonly txq: Int32Array;
  readonly #domain: { tables: readonly (Uint8Array | null)[] } = { tables: [] };

  constructor(context: AgentContext, profile: NicProfile, bar: number, dma: DmaDomainImage) {
    this.context = context;
    this.profile = profile;
    this.words = context.machine.memory.segment(bar).i32;
    this.queueCount = profile.queues + 1;
    this.tables = readFilterTables(this.words, profile, () => false);
    this.rxq = new Int32Array(this.queueCount << Q_SHIFT);
    this.txq = new Int32Array(this.queueCount << Q_SHIFT);
    this.adoptDomain(dma);
  }

  adoptDomain(image: DmaDomainImage): void {
    this.#domain.tables = image.tables.map((buffer) => (buffer === null ? null : new Uint8Array(buffer)));
    this.refreshMemory();
  }

  /** Segments may have been added since the last publication. */
  refreshMemory(): void {
    const segments = this.context.machine.memory.segments;
    this.segments = segments;
    this.rights = segments.map((segment) => this.#domain.tables[segment.id] ?? NO_RIGHTS);
  }

  /** True if the device may transfer [offset, offset + length) of a segment; `offset` as an int32. */
  permits(segment: number, offset: number, length: number, right: number): boolean {
    const table = this.rights[segment];
    if (table === undefined || offset < 0 || length <= 0) return false;
    const last = (offset + length - 1) >>> 12;
    if (last >= table.length) return false;
    for (let page = offset >>> 12; page <= last; page++) {
      if (((table[page] as number) & right) === 0) return false;
    }
    return true;
  }
}

/** Adds to a 64-bit counter: the low word at index `at`, the high word after it. */
export function addCounter(words: Int32Array, at: number, amount: number): void {
  const before = words[at] as number;
  const after = (before + amount) | 0;
  words[at] = after;
  if (after >>> 0 < before >>> 0) words[at + 1] = ((words[at + 1] as number) + 1) | 0;
}
