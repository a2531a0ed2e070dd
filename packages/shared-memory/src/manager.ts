/**
 * The shared-memory manager: hands out pages of the machine's segments as blocks, and programs which of them a
 * device's DMA domain may reach.
 *
 *   allocate ──> block ──grant──> domain may DMA ──revoke──> … ──free──> pages free, every grant gone
 */
import { NDIS_SHARED_MEMORY_USAGE, NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_RESOURCES } from '@vmq/abi';
import {
  createDmaDomain,
  DMA_READ,
  DMA_WRITE,
  type DmaDomain,
  HOST_SEGMENT,
  type Machine,
  PAGE_SHIFT,
  PAGE_SIZE,
  printAs,
} from '@vmq/machine';
import type { Block } from './block.ts';
import { type PageRun, PageTable } from './page-table.ts';
import type { SharedMemoryUsage } from './usage.ts';

export interface SharedMemoryOptions {
  /**
   * Longest element of a block that need not be contiguous, in bytes (whole pages). Default: no limit. A small
   * value makes scattered blocks, as the memory of a machine that has been up for long does.
   */
  readonly longestElement?: number;
  /** NUMA nodes that host memory is divided among, in equal parts from its lowest page on; default 1. */
  readonly nodes?: number;
}

export interface AllocationRequest {
  /** Segment to take pages from; 0 is host memory. */
  readonly segment: number;
  /** Bytes, at least 1. */
  readonly length: number;
  /** One element instead of as many as it takes. */
  readonly contiguous: boolean;
  readonly owner: string;
  readonly usage: SharedMemoryUsage;
  /** Alignment of the first byte: a power of two of at least a page. Only with `contiguous`. Default one page. */
  readonly align?: number;
  /** NUMA node whose memory is wanted where it has enough (SHM-18); a node that there is not, as MM_ANY_NODE_OK: any. */
  readonly preferredNode?: number;
}

/** A block, or the status of the refusal (RESOURCES, INVALID_PARAMETER) and its reason. */
export type AllocationResult =
  | { readonly status: 0; readonly block: Block }
  | { readonly status: number; readonly block: null; readonly reason: string };

/** SUCCESS, or INVALID_PARAMETER with a reason. */
export type FreeResult = { readonly status: number; readonly reason?: string };

export interface PartitionReport {
  readonly segment: number;
  readonly name: string;
  readonly pages: number;
  readonly freePages: number;
  /** Pages zeroed so far because another block got them. */
  readonly zeroedPages: number;
}

export interface BlockReport extends Block {
  /** DMA domain to rights ({@link DMA_READ} | {@link DMA_WRITE}). */
  readonly grants: Readonly<Record<string, number>>;
}

export interface SharedMemoryReport {
  readonly partitions: readonly PartitionReport[];
  readonly blocks: readonly BlockReport[];
}

/** Asked before each allocation that is in order: null lets it through, anything else refuses it. */
export type AllocationGuard = (
  request: AllocationRequest,
) => { readonly status: number; readonly reason: string } | null;

export interface SharedMemoryManager {
  /** Never fails half-way: a refused request leaves nothing behind. */
  allocate(request: AllocationRequest): AllocationResult;
  /** Gives a block's pages back, after taking them out of every domain that was granted them. */
  free(handle: number): FreeResult;
  /** Frees every block of an owner; returns how many there were. */
  freeOwner(owner: string): number;
  block(handle: number): Block | null;
  /** The block that holds the page at an address, or null if it is free. */
  blockAt(segment: number, offset: number): Block | null;
  /** An empty domain: the device behind it reaches nothing. Names are unique. */
  createDomain(name: string): DmaDomain;
  /** Lets a domain's device read ({@link DMA_READ}) or write ({@link DMA_WRITE}) a block. Replaces an earlier grant. */
  grant(domain: DmaDomain, handle: number, rights: number): FreeResult;
  revoke(domain: DmaDomain, handle: number): FreeResult;
  /** Blocks that exist now, of one owner or of all: what is left when nothing should be is a leak. */
  blocks(owner?: string): readonly Block[];
  /**
   * Has `guard` asked from now on, or nobody (null): low-resources simulation, as Driver Verifier does it. Allocations
   * it makes itself, or lets others make while it waits, are asked about too.
   */
  guardAllocations(guard: AllocationGuard | null): void;
  inspect(): SharedMemoryReport;
}

interface Held {
  readonly block: Block;
  readonly runs: readonly PageRun[];
  readonly grants: Map<DmaDomain, number>;
}

const SUCCESS = { status: 0 } as const;
const USAGES: readonly number[] = Object.values(NDIS_SHARED_MEMORY_USAGE).filter(
  (usage) =>
    usage !== NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageUndefined &&
    usage !== NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageMax,
);

export function createSharedMemoryManager(
  machine: Machine,
  options: SharedMemoryOptions = {},
): SharedMemoryManager {
  const { longestElement = Number.MAX_SAFE_INTEGER, nodes = 1 } = options;
  if (longestElement < PAGE_SIZE)
    throw new RangeError(`longestElement: at least ${PAGE_SIZE} bytes, got ${longestElement}`);
  if (!(Number.isInteger(nodes) && nodes >= 1)) throw new RangeError(`nodes: at least 1, got ${nodes}`);
  const manager = new PageManager(machine, Math.floor(longestElement / PAGE_SIZE), nodes);
  return printAs(manager, (self) => self.inspect());
}

class PageManager implements SharedMemoryManager {
  readonly #machine: Machine;
  readonly #mostElementPages: number;
  readonly #nodes: number;
  readonly #tables = new Map<number, PageTable>();
  readonly #held = new Map<number, Held>();
  readonly #domains = new Set<string>();
  readonly #beforeFirst: number;
  #lastHandle: number;
  #guard: AllocationGuard | null = null;

  constructor(machine: Machine, mostElementPages: number, nodes: number) {
    this.#machine = machine;
    this.#mostElementPages = mostElementPages;
    this.#nodes = nodes;
    this.#beforeFirst = machine.counters.numbers;
    this.#lastHandle = this.#beforeFirst;
  }

  allocate(request: AllocationRequest): AllocationResult {
    const problem = problemOf(request);
    if (problem !== null) return refused(NDIS_STATUS_INVALID_PARAMETER, problem);
    const { segment, length, contiguous } = request;
    const table = this.#tableOf(segment);
    if (table === null)
      return refused(NDIS_STATUS_INVALID_PARAMETER, `there is no memory segment ${segment}`);
    const refusal = this.#guard?.(request) ?? null;
    if (refusal !== null) return refused(refusal.status, refusal.reason);
    const runs = this.#findPages(table, request);
    if (runs === null) {
      const pages = `${Math.ceil(length / PAGE_SIZE)}${contiguous ? ' contiguous' : ''} pages`;
      return refused(
        NDIS_STATUS_RESOURCES,
        `segment ${segment} (${table.segment.name}): ${pages} wanted, ${table.freePages} of ${table.pages} free`,
      );
    }
    return { status: 0, block: this.#hold(table, runs, request) };
  }

  /** Pages for `request`, of the preferred node if it has enough; null if there are too few. */
  #findPages(table: PageTable, request: AllocationRequest): PageRun[] | null {
    const pages = Math.ceil(request.length / PAGE_SIZE);
    const alignPages = (request.align ?? PAGE_SIZE) >>> PAGE_SHIFT;
    const find = (range?: PageRun): PageRun[] | null => {
      if (!request.contiguous) return table.findRuns(pages, this.#mostElementPages, range);
      const run = table.findRun(pages, alignPages, range);
      return run === null ? null : [run];
    };
    const near = this.#nodeRange(table, request.preferredNode ?? -1);
    return (near === null ? null : find(near)) ?? find();
  }

  #hold(table: PageTable, runs: readonly PageRun[], request: AllocationRequest): Block {
    const { segment, length, owner, usage } = request;
    const handle = ++this.#lastHandle;
    let left = length;
    const elements = runs.map((run) => {
      table.take(run, handle);
      const bytes = Math.min(left, run.count << PAGE_SHIFT);
      left -= bytes;
      return { offset: run.first << PAGE_SHIFT, length: bytes };
    });
    const virtualAddress = { segment, offset: elements[0].offset };
    const block: Block = { handle, segment, elements, length, owner, usage, virtualAddress };
    this.#held.set(handle, { block, runs, grants: new Map() });
    return block;
  }

  /** Segments are added while the machine runs (a VM starts), so their tables are made when first needed. */
  #tableOf(segment: number): PageTable | null {
    const known = this.#tables.get(segment);
    if (known) return known;
    const found = this.#machine.memory.segments[segment];
    if (found === undefined) return null;
    const made = new PageTable(found);
    this.#tables.set(segment, made);
    return made;
  }

  /** Pages of a node of host memory; null if there is no such node, or no other. */
  #nodeRange(table: PageTable, node: number): PageRun | null {
    const nodes = this.#nodes;
    if (nodes === 1 || table.segment.id !== HOST_SEGMENT || node < 0 || node >= nodes) return null;
    const first = Math.floor((table.pages * node) / nodes);
    return { first, count: Math.floor((table.pages * (node + 1)) / nodes) - first };
  }

  #unknown(handle: number): FreeResult {
    const isPast = handle > this.#beforeFirst && handle <= this.#lastHandle;
    const reason = isPast ? `block ${handle} was freed already` : `there is no block ${handle}`;
    return { status: NDIS_STATUS_INVALID_PARAMETER, reason };
  }

  free(handle: number): FreeResult {
    const found = this.#held.get(handle);
    if (found === undefined) return this.#unknown(handle);
    for (const domain of found.grants.keys()) setRights(domain, found, 0);
    const table = this.#tableOf(found.block.segment) as PageTable;
    for (const run of found.runs) table.give(run);
    this.#held.delete(handle);
    return SUCCESS;
  }

  freeOwner(owner: string): number {
    const theirs = this.blocks(owner);
    for (const block of theirs) this.free(block.handle);
    return theirs.length;
  }

  block(handle: number): Block | null {
    return this.#held.get(handle)?.block ?? null;
  }

  blockAt(segment: number, offset: number): Block | null {
    const holder = this.#tables.get(segment)?.holder(offset >>> PAGE_SHIFT) ?? 0;
    return this.block(holder);
  }

  createDomain(name: string): DmaDomain {
    if (this.#domains.has(name)) throw new Error(`there is a DMA domain '${name}' already`);
    this.#domains.add(name);
    const domain = createDmaDomain(name, this.#machine.memory);
    // An image for another thread must share the tables, so they exist before the first grant.
    for (const segment of this.#machine.memory.segments) domain.setRights(segment.id, 0, PAGE_SIZE, 0);
    return domain;
  }

  grant(domain: DmaDomain, handle: number, rights: number): FreeResult {
    const found = this.#held.get(handle);
    if (found === undefined) return this.#unknown(handle);
    if (rights === 0 || (rights & ~(DMA_READ | DMA_WRITE)) !== 0)
      return { status: NDIS_STATUS_INVALID_PARAMETER, reason: `rights: 1..3, got ${rights}` };
    found.grants.set(domain, rights);
    setRights(domain, found, rights);
    return SUCCESS;
  }

  revoke(domain: DmaDomain, handle: number): FreeResult {
    const found = this.#held.get(handle);
    if (found === undefined) return this.#unknown(handle);
    if (found.grants.delete(domain)) setRights(domain, found, 0);
    return SUCCESS;
  }

  blocks(owner?: string): readonly Block[] {
    const all = [...this.#held.values()].map(({ block }) => block);
    return owner === undefined ? all : all.filter((block) => block.owner === owner);
  }

  guardAllocations(guard: AllocationGuard | null): void {
    this.#guard = guard;
  }

  inspect(): SharedMemoryReport {
    return {
      partitions: this.#machine.memory.segments.map(({ id, name, byteLength }) => {
        const table = this.#tables.get(id);
        const pages = byteLength >>> PAGE_SHIFT;
        const freePages = table?.freePages ?? pages;
        return { segment: id, name, pages, freePages, zeroedPages: table?.zeroed ?? 0 };
      }),
      blocks: Array.from(this.#held.values(), ({ block, grants }) => ({
        ...block,
        grants: rightsByName(grants),
      })),
    };
  }
}

/** What is wrong with a request whatever memory there is; null if nothing. */
function problemOf({ length, contiguous, usage, align = PAGE_SIZE }: AllocationRequest): string | null {
  if (!Number.isSafeInteger(length) || length <= 0) return `length: at least 1 byte, got ${length}`;
  if (!USAGES.includes(usage)) return `usage ${usage} is not defined`;
  if (align < PAGE_SIZE || (align & (align - 1)) !== 0)
    return `align: a power of two of at least ${PAGE_SIZE}, got ${align}`;
  if (align > PAGE_SIZE && !contiguous) return 'align: only a contiguous block can be aligned';
  return null;
}

function refused(status: number, reason: string): AllocationResult {
  return { status, block: null, reason };
}

function setRights(domain: DmaDomain, { block, runs }: Held, rights: number): void {
  for (const run of runs)
    domain.setRights(block.segment, run.first << PAGE_SHIFT, run.count << PAGE_SHIFT, rights);
}

function rightsByName(grants: ReadonlyMap<DmaDomain, number>): Record<string, number> {
  const rights: Record<string, number> = {};
  for (const [{ name }, bits] of grants) rights[name] = bits;
  return rights;
}
