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
  const longest = options.longestElement ?? Number.MAX_SAFE_INTEGER;
  if (longest < PAGE_SIZE)
    throw new RangeError(`longestElement: at least ${PAGE_SIZE} bytes, got ${longest}`);
  const nodes = options.nodes ?? 1;
  if (!(Number.isInteger(nodes) && nodes >= 1)) throw new RangeError(`nodes: at least 1, got ${nodes}`);
  const tables = new Map<number, PageTable>();
  const held = new Map<number, Held>();
  const domains = new Set<string>();
  const beforeFirst = machine.counters.numbers;
  let lastHandle = beforeFirst;
  let guard: AllocationGuard | null = null;

  // Segments are added while the machine runs (a VM starts), so their tables are made when first needed.
  const tableOf = (segment: number): PageTable | null => {
    const known = tables.get(segment);
    if (known) return known;
    const found = machine.memory.segments[segment];
    if (found === undefined) return null;
    const made = new PageTable(found);
    tables.set(segment, made);
    return made;
  };
  /** Pages of a node of host memory; null if there is no such node, or no other. */
  const nodeRange = (table: PageTable, node: number): PageRun | null => {
    if (nodes === 1 || table.segment.id !== HOST_SEGMENT || node < 0 || node >= nodes) return null;
    const first = Math.floor((table.pages * node) / nodes);
    return { first, count: Math.floor((table.pages * (node + 1)) / nodes) - first };
  };
  const setRights = (domain: DmaDomain, { block, runs }: Held, rights: number): void => {
    for (const run of runs)
      domain.setRights(block.segment, run.first << PAGE_SHIFT, run.count << PAGE_SHIFT, rights);
  };
  const unknown = (handle: number): FreeResult => ({
    status: NDIS_STATUS_INVALID_PARAMETER,
    reason:
      handle > beforeFirst && handle <= lastHandle
        ? `block ${handle} was freed already`
        : `there is no block ${handle}`,
  });

  const manager: SharedMemoryManager = {
    allocate(request) {
      const { segment, length, contiguous, owner, usage } = request;
      const align = request.align ?? PAGE_SIZE;
      const refuse = (status: number, reason: string): AllocationResult => ({ status, block: null, reason });
      const invalid = (reason: string): AllocationResult => refuse(NDIS_STATUS_INVALID_PARAMETER, reason);
      if (!Number.isSafeInteger(length) || length <= 0)
        return invalid(`length: at least 1 byte, got ${length}`);
      if (!USAGES.includes(usage)) return invalid(`usage ${usage} is not defined`);
      if (align < PAGE_SIZE || (align & (align - 1)) !== 0)
        return invalid(`align: a power of two of at least ${PAGE_SIZE}, got ${align}`);
      if (align > PAGE_SIZE && !contiguous) return invalid('align: only a contiguous block can be aligned');
      const table = tableOf(segment);
      if (table === null) return invalid(`there is no memory segment ${segment}`);
      const refused = guard?.(request) ?? null;
      if (refused !== null) return refuse(refused.status, refused.reason);
      const pages = Math.ceil(length / PAGE_SIZE);
      const find = (range?: PageRun): PageRun[] | null => {
        if (!contiguous) return table.findRuns(pages, Math.floor(longest / PAGE_SIZE), range);
        const run = table.findRun(pages, align >>> PAGE_SHIFT, range);
        return run === null ? null : [run];
      };
      const near = nodeRange(table, request.preferredNode ?? -1);
      const runs = (near === null ? null : find(near)) ?? find();
      if (runs === null) {
        return refuse(
          NDIS_STATUS_RESOURCES,
          `segment ${segment} (${table.segment.name}): ${pages}${contiguous ? ' contiguous' : ''} pages wanted, ${table.freePages} of ${table.pages} free`,
        );
      }
      const handle = ++lastHandle;
      let left = length;
      const elements = runs.map((run) => {
        table.take(run, handle);
        const bytes = Math.min(left, run.count << PAGE_SHIFT);
        left -= bytes;
        return { offset: run.first << PAGE_SHIFT, length: bytes };
      });
      const virtualAddress = { segment, offset: (elements[0] as { offset: number }).offset };
      const block: Block = { handle, segment, elements, length, owner, usage, virtualAddress };
      held.set(handle, { block, runs, grants: new Map() });
      return { status: 0, block };
    },
    free(handle) {
      const found = held.get(handle);
      if (found === undefined) return unknown(handle);
      for (const domain of found.grants.keys()) setRights(domain, found, 0);
      const table = tableOf(found.block.segment) as PageTable;
      for (const run of found.runs) table.give(run);
      held.delete(handle);
      return SUCCESS;
    },
    freeOwner(owner) {
      const theirs = manager.blocks(owner);
      for (const block of theirs) manager.free(block.handle);
      return theirs.length;
    },
    block: (handle) => held.get(handle)?.block ?? null,
    blockAt(segment, offset) {
      const holder = tables.get(segment)?.holder(offset >>> PAGE_SHIFT) ?? 0;
      return held.get(holder)?.block ?? null;
    },
    createDomain(name) {
      if (domains.has(name)) throw new Error(`there is a DMA domain '${name}' already`);
      domains.add(name);
      const domain = createDmaDomain(name, machine.memory);
      // An image for another thread must share the tables, so they exist before the first grant.
      for (const segment of machine.memory.segments) domain.setRights(segment.id, 0, PAGE_SIZE, 0);
      return domain;
    },
    grant(domain, handle, rights) {
      const found = held.get(handle);
      if (found === undefined) return unknown(handle);
      if (rights === 0 || (rights & ~(DMA_READ | DMA_WRITE)) !== 0)
        return { status: NDIS_STATUS_INVALID_PARAMETER, reason: `rights: 1..3, got ${rights}` };
      found.grants.set(domain, rights);
      setRights(domain, found, rights);
      return SUCCESS;
    },
    revoke(domain, handle) {
      const found = held.get(handle);
      if (found === undefined) return unknown(handle);
      if (found.grants.delete(domain)) setRights(domain, found, 0);
      return SUCCESS;
    },
    blocks(owner) {
      const all = [...held.values()].map(({ block }) => block);
      return owner === undefined ? all : all.filter((block) => block.owner === owner);
    },
    guardAllocations(other) {
      guard = other;
    },
    inspect: () => ({
      partitions: machine.memory.segments.map(({ id, name, byteLength }) => {
        const table = tables.get(id);
        const pages = byteLength >>> PAGE_SHIFT;
        return {
          segment: id,
          name,
          pages,
          freePages: table?.freePages ?? pages,
          zeroedPages: table?.zeroed ?? 0,
        };
      }),
      blocks: Array.from(held.values(), ({ block, grants }) => ({ ...block, grants: rightsByName(grants) })),
    }),
  };
  return printAs(manager, (self) => self.inspect());
}

function rightsByName(grants: ReadonlyMap<DmaDomain, number>): Record<string, number> {
  const rights: Record<string, number> = {};
  for (const [{ name }, bits] of grants) rights[name] = bits;
  return rights;
}
