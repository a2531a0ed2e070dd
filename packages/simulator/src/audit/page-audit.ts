/** Whose each page is, and what the device may do with it: the shared-memory books against the device's tables. */

import { NDIS_SHARED_MEMORY_USAGE } from '@vmq/abi';
import type { Host } from '@vmq/host';
import { DMA_READ, DMA_WRITE, HOST_SEGMENT, PAGE_SHIFT } from '@vmq/machine';
import type { NdisAdapter } from '@vmq/ndis';
import type { NblWatch } from './nbl-watch.ts';
import { fail } from './simulation-failure.ts';

const { NdisSharedMemoryUsageXmit: TRANSMIT, NdisSharedMemoryUsageOther: OTHER } = NDIS_SHARED_MEMORY_USAGE;

/** What a device may do with memory of a usage: read what it sends, write what it receives, both with its rings. */
function rightsFor(usage: number): number {
  if (usage === OTHER) return DMA_READ | DMA_WRITE;
  return usage === TRANSMIT ? DMA_READ : DMA_WRITE;
}

export class PageAudit {
  readonly #host: Host;
  readonly #watch: NblWatch;
  /** Per segment: what the grants say of each page; filled anew each time. */
  readonly #expected: Uint8Array[] = [];
  readonly #holder: Float64Array[] = [];

  constructor(host: Host, watch: NblWatch) {
    this.#host = host;
    this.#watch = watch;
    const manager = host.sharedMemory;
    const free = manager.free.bind(manager);
    manager.free = (handle) => {
      this.#nobodyReads(handle);
      return free(handle);
    };
  }

  /** Memory of a block is given back when what was indicated from it has come back. */
  #nobodyReads(handle: number): void {
    const block = this.#host.sharedMemory.block(handle);
    if (block === null) return;
    this.#watch.eachIndicated((segment, from, length) => {
      if (segment !== block.segment) return;
      for (const { offset, length: bytes } of block.elements) {
        if (from < offset + bytes && from + length > offset)
          fail(
            'one owner of each page',
            `${this.#host.config.name}: block ${handle} of ${block.owner} is freed, and an NBL in it is not back`,
          );
      }
    });
  }

  /** `allocations`: what NDIS has given the adapter's miniport. */
  check(allocations: ReturnType<NdisAdapter['inspect']>['sharedMemory']): void {
    const { machine, sharedMemory, dmaDomain, config } = this.#host;
    const { segments } = machine.memory;
    for (let id = 0; id < segments.length; id++) {
      const pages = (segments[id] as { byteLength: number }).byteLength >>> PAGE_SHIFT;
      if (this.#expected[id] === undefined) {
        this.#expected[id] = new Uint8Array(pages);
        this.#holder[id] = new Float64Array(pages);
      }
      this.#expected[id].fill(0);
      this.#holder[id].fill(0);
    }
    for (const { handle, segment, elements, grants } of sharedMemory.inspect().blocks) {
      const rights = grants[dmaDomain.name] ?? 0;
      const holder = this.#holder[segment];
      const expected = this.#expected[segment];
      for (const { offset, length } of elements) {
        const last = (offset + length - 1) >>> PAGE_SHIFT;
        for (let page = offset >>> PAGE_SHIFT; page <= last; page++) {
          if (holder[page] !== 0)
            fail(
              'one owner of each page',
              `${config.name}: page ${page} of segment ${segment} is of two blocks`,
            );
          holder[page] = handle;
          expected[page] = rights;
        }
      }
    }
    for (const { allocationHandle, usage, elements } of allocations) {
      for (const { segment, offset, length } of elements) {
        const last = (offset + length - 1) >>> PAGE_SHIFT;
        for (let page = offset >>> PAGE_SHIFT; page <= last; page++) {
          const where = `${config.name}: page ${page} of segment ${segment} of allocation ${allocationHandle}`;
          // What a VM loans of its own memory (6.20) is in no block of the host's.
          if (segment === HOST_SEGMENT && this.#holder[segment][page] === 0)
            fail('one owner of each page', `${where} is of no block`);
          const expected = this.#expected[segment];
          if (expected[page] !== 0) fail('one owner of each page', `${where} is of another one, too`);
          expected[page] = rightsFor(usage);
        }
      }
    }
    this.#watch.eachIndicated((segment, offset) => {
      // Other memory than the machine's is a frame's that is exposed.
      if (this.#expected[segment]?.[offset >>> PAGE_SHIFT] === 0)
        fail(
          'one owner of each page',
          `${config.name}: an NBL is not back, and its memory at ${offset.toString(16)} of segment ${segment} is`,
        );
    });
    for (let id = 0; id < segments.length; id++) {
      const table = dmaDomain.table(id);
      if (table === null) continue;
      const expected = this.#expected[id];
      for (let page = 0; page < table.length; page++) {
        if (table[page] !== expected[page])
          fail(
            'DMA only where granted',
            `${config.name}: page ${page} of segment ${id} has rights ${table[page]}, granted ${expected[page]}`,
          );
      }
    }
  }
}
