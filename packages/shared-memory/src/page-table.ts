/**
 * The pages of one memory segment: who has each, and whether anybody had it before.
 *
 *   page      0     1     2     3     4     5   …
 *   holder    7     7     0     9     0     9        block handle, 0 = free
 *   used      1     1     1     1     0     1        0 = never used, as zero as it was made
 *
 * A page goes to exactly one block at a time, and is zeroed when the next one gets it (SEC-08). Whoever the owners
 * are: an adapter asks for the buffers of many VMs, and of one after the other under the same queue id.
 */
import { type MemorySegment, PAGE_SHIFT, PAGE_SIZE } from '@vmq/machine';

/** A run of consecutive pages. */
export interface PageRun {
  readonly first: number;
  readonly count: number;
}

export class PageTable {
  readonly segment: MemorySegment;
  readonly pages: number;
  /** Handles are doubles: as words they would mean other blocks from 2^31 on, and a free page every 2^32. */
  readonly #holder: Float64Array;
  readonly #used: Uint8Array;
  readonly #all: PageRun;
  #free: number;
  /** No page below this one is free. */
  #lowestFree = 0;
  /** Pages zeroed because another block got them. */
  zeroed = 0;

  constructor(segment: MemorySegment) {
    this.segment = segment;
    this.pages = segment.byteLength >>> PAGE_SHIFT;
    this.#holder = new Float64Array(this.pages);
    this.#used = new Uint8Array(this.pages);
    this.#free = this.pages;
    this.#all = { first: 0, count: this.pages };
  }

  get freePages(): number {
    return this.#free;
  }

  /** Handle of the block that holds a page; 0 if it is free. */
  holder(page: number): number {
    return this.#holder[page] ?? 0;
  }

  /**
   * The lowest free run of `count` pages whose first page is a multiple of `align` pages; null if there is none. Of the
   * pages of `range` only, if it is given.
   */
  findRun(count: number, align: number, range: PageRun = this.#all): PageRun | null {
    const holder = this.#holder;
    const end = range.first + range.count;
    let first = Math.ceil(Math.max(this.#lowestFree, range.first) / align) * align;
    while (first + count <= end) {
      let taken = -1;
      for (let page = first + count - 1; page >= first; page--) {
        if (holder[page] !== 0) {
          taken = page;
          break;
        }
      }
      if (taken < 0) return { first, count };
      first = Math.ceil((taken + 1) / align) * align;
    }
    return null;
  }

  /**
   * Free runs, lowest first, that together have `count` pages, none longer than `longest`; null if fewer are
   * free. Of the pages of `range` only, if it is given.
   */
  findRuns(count: number, longest: number, range: PageRun = this.#all): PageRun[] | null {
    if (count > this.#free) return null;
    const runs: PageRun[] = [];
    const end = range.first + range.count;
    let missing = count;
    let page = Math.max(this.#lowestFree, range.first);
    while (missing > 0) {
      while (page < end && this.#holder[page] !== 0) page++;
      if (page >= end) return null;
      const first = page;
      const most = Math.min(missing, longest);
      while (page - first < most && page < end && this.#holder[page] === 0) page++;
      runs.push({ first, count: page - first });
      missing -= page - first;
    }
    return runs;
  }

  /** Hands a free run to a block; pages that another block had are zeroed. */
  take(run: PageRun, handle: number): void {
    for (let page = run.first; page < run.first + run.count; page++) {
      if (this.#used[page] !== 0) {
        const at = page << PAGE_SHIFT;
        this.segment.u8.fill(0, at, at + PAGE_SIZE);
        this.zeroed++;
      }
      this.#holder[page] = handle;
      this.#used[page] = 1;
    }
    this.#free -= run.count;
    if (run.first === this.#lowestFree) this.#lowestFree = run.first + run.count;
  }

  give(run: PageRun): void {
    this.#holder.fill(0, run.first, run.first + run.count);
    this.#free += run.count;
    if (run.first < this.#lowestFree) this.#lowestFree = run.first;
  }
}
