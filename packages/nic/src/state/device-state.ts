/**
 * What the parts of the device share: views of memory, DMA rights, and the state of each queue.
 *
 * A queue's state is one cache line of `rxq` or `txq`, 16 words; word indices below. Registers that take effect
 * at a configuration request are copied here, so nothing changes in the middle of a batch.
 */
import type { AgentContext, DmaDomainImage, MemorySegment } from '@vmq/machine';
import {
  ENGINE_STAMP,
  engineLine,
  QUEUE_STATE_ENGINE,
  QUEUE_STATE_SHIFT,
  RING_START,
  SHADOW,
  SHADOW_WORDS,
  SHARED_ENGINES,
  SHARED_QUEUES,
} from '../registers/device-memory.ts';
import type { NicProfile } from '../registers/profiles.ts';
import { REG } from '../registers/register-constants.ts';
import { type FilterTables, readFilterTables } from './filter-tables.ts';

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
/** Bytes of the longest frame that the buffers hold. */
export const Q_LONGEST = 7;
/** A frame's first buffer in a descriptor: RXD_HEADER_OFFSET of a queue with SPLIT, else RXD_PACKET_OFFSET. */
export const Q_FIRST_BUFFER = 8;
/** How much of a frame goes there at most: the header size of a queue with SPLIT, else any length. */
export const Q_FIRST_BYTES = 9;
/** Head as last told to the driver. */
export const Q_PUBLISHED = 10;
/** Bytes since the last publication. */
export const Q_BYTES = 11;
/** Head when the last interrupt was sent. */
export const Q_SIGNALLED = 12;
/**
 * Head up to which the receive loop may go on without a look at anything else: so far descriptors are posted and the rings
 * granted. Equal to the head between batches.
 */
export const Q_LIMIT = 13;
/** Bytes of the longest frame that goes into its first buffer as a whole, a page at most. */
export const Q_WHOLE = 14;
/** Number of the receive engine that serves the queue; only it writes here, but for changes of configuration. */
export const Q_ENGINE: number = QUEUE_STATE_ENGINE;
/** log2 of the words per queue. */
export const Q_SHIFT: number = QUEUE_STATE_SHIFT;

const NO_RIGHTS: Uint8Array = new Uint8Array(0);

export class DeviceState {
  readonly context: AgentContext;
  readonly profile: NicProfile;
  /** The BAR segment's words. */
  readonly words: Int32Array;
  /** Receive queues (and transmit queues), queue 0 included. */
  readonly queueCount: number;
  /** Number of receive engines, and which of them has this object. */
  readonly engines: number;
  readonly engine: number;
  /**
   * What configuration is read from: the registers themselves, or, where several engines must find the same, what they
   * were at the last {@link latchRegisters}.
   */
  readonly latched: Int32Array;

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

  constructor(
    context: AgentContext,
    profile: NicProfile,
    bar: number,
    dma: DmaDomainImage,
    engine: number = 0,
  ) {
    const { i32: words } = context.machine.memory.segment(bar);
    this.context = context;
    this.profile = profile;
    this.words = words;
    this.queueCount = profile.queues + 1;
    this.engines = words[SHARED_ENGINES];
    this.engine = engine;
    this.latched = this.engines > 1 ? words.subarray(SHADOW, SHADOW + SHADOW_WORDS) : words;
    this.tables = readFilterTables(this.latched, profile, () => false);
    const receiveWords = this.queueCount << Q_SHIFT;
    this.rxq =
      this.engines > 1
        ? words.subarray(SHARED_QUEUES, SHARED_QUEUES + receiveWords)
        : new Int32Array(receiveWords);
    this.txq = new Int32Array(this.queueCount << Q_SHIFT);
    this.adoptDomain(dma);
  }

  /** The filter unit's registers, as they are now, become {@link latched}. */
  latchRegisters(): void {
    const { latched, words } = this;
    if (latched === words) return;
    latched.set(words.subarray(0, REG.RDBASE >> 2));
    latched.set(words.subarray(REG.FLTLO >> 2, REG.MSIXADDRLO >> 2), REG.FLTLO >> 2);
  }

  /** Word of the BAR where an engine keeps the stamp of the last frame it has seen. */
  stampWord(engine: number): number {
    return engine === 0 ? REG.RXSTAMP >> 2 : engineLine(engine) + ENGINE_STAMP;
  }

  /** No queue is enabled; none has completed anything. For engine 0, whose receive queues all engines share. */
  clearQueues(): void {
    const start = this.words[RING_START];
    for (const queues of [this.rxq, this.txq]) {
      queues.fill(0);
      for (let q = Q_PUBLISHED; q < queues.length; q += 1 << Q_SHIFT) queues[q] = start;
    }
  }

  /** Adds to a 64-bit statistic that all engines count in. */
  addShared(at: number, amount: number): void {
    if (this.engines === 1) addCounter(this.words, at, amount);
    else addCounterAtomically(this.words, at, amount);
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
    const page = offset >>> 12;
    // Without a loop as far as a frame reaches: receive-loop.ts says why.
    return (table[page] & table[last] & right) !== 0 && (last - page < 2 || grants(table, page, last, right));
  }
}

function grants(table: Uint8Array, first: number, last: number, right: number): boolean {
  for (let page = first; page <= last; page++) if ((table[page] & right) === 0) return false;
  return true;
}

/** Adds to a 64-bit counter: the low word at index `at`, the high word after it. */
export function addCounter(words: Int32Array, at: number, amount: number): void {
  const before = words[at];
  const after = (before + amount) | 0;
  words[at] = after;
  if (after >>> 0 < before >>> 0) words[at + 1] = (words[at + 1] + 1) | 0;
}

function addCounterAtomically(words: Int32Array, at: number, amount: number): void {
  const before = Atomics.add(words, at, amount);
  if ((before + amount) >>> 0 < before >>> 0) Atomics.add(words, at + 1, 1);
}
