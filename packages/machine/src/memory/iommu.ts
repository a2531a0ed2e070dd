/**
 * The board's DMA remapping hardware: per device domain and memory segment, one byte of rights per page.
 *
 * A device asks {@link DmaDomain.permits} before every transfer; what was not granted is refused and nothing
 * is moved. Who may be granted what is the shared-memory manager's business; this is only the table it
 * programs. The tables lie in shared memory and nothing is cached that would have to be flushed: a device on
 * another thread sees a revocation soon by itself, and for certain once the executor's `publish()` has returned.
 * A segment's table is made with its first grant; an attached domain that was made before must be attached anew.
 */
import { PAGE_SHIFT, PAGE_SIZE, type PhysicalMemory } from './memory.ts';

export const DMA_READ = 1;
export const DMA_WRITE = 2;

/** What crosses to a worker thread. */
export interface DmaDomainImage {
  readonly name: string;
  /** Indexed by segment id; `null` where the segment is wholly out of the domain's reach. */
  readonly tables: readonly (SharedArrayBuffer | null)[];
}

export interface DmaDomain {
  readonly name: string;
  /**
   * Rights of each page of a segment ({@link DMA_READ} | {@link DMA_WRITE}), or null if the domain reaches
   * none of it. The device's hot loop indexes this itself: `table[offset >> 12] & DMA_WRITE`.
   */
  table(segmentId: number): Uint8Array | null;
  /** True if every page of [offset, offset + length) grants all of `rights`. Never reads outside the table. */
  permits(segmentId: number, offset: number, length: number, rights: number): boolean;
  /**
   * Sets the rights of whole pages; control path. `offset` and `length` are page-aligned bytes; `rights` is 0 or a
   * union of {@link DMA_READ} and {@link DMA_WRITE}.
   */
  setRights(segmentId: number, offset: number, length: number, rights: number): void;
  image(): DmaDomainImage;
}

export function createDmaDomain(name: string, memory: PhysicalMemory): DmaDomain {
  return makeDomain(name, [], memory);
}

export function attachDmaDomain(image: DmaDomainImage): DmaDomain {
  return makeDomain(
    image.name,
    image.tables.map((buffer) => (buffer === null ? null : new Uint8Array(buffer))),
    null,
  );
}

function makeDomain(name: string, tables: (Uint8Array | null)[], memory: PhysicalMemory | null): DmaDomain {
  const ensure = (segmentId: number): Uint8Array => {
    const found = tables[segmentId];
    if (found) return found;
    if (memory === null) throw new Error(`DMA domain ${name}: only the machine that made it can extend it`);
    const pages = memory.segment(segmentId).byteLength >>> PAGE_SHIFT;
    while (tables.length <= segmentId) tables.push(null);
    const made = new Uint8Array(new SharedArrayBuffer(pages));
    tables[segmentId] = made;
    return made;
  };
  return {
    name,
    table: (segmentId) => tables[segmentId] ?? null,
    permits(segmentId, offset, length, rights): boolean {
      const table = tables[segmentId];
      // Compared as plain numbers and before any shift: `>>>` takes numbers modulo 2^32, so that the end of a
      // transfer beyond 4 GiB would come out as a low page. NaN fails the comparisons too.
      if (!table || !(offset >= 0 && length > 0 && offset + length <= table.length * PAGE_SIZE)) return false;
      const last = (offset + length - 1) >>> PAGE_SHIFT;
      for (let page = offset >>> PAGE_SHIFT; page <= last; page++) {
        if ((table[page] & rights) !== rights) return false;
      }
      return true;
    },
    setRights(segmentId, offset, length, rights): void {
      if ((offset | length) & (PAGE_SIZE - 1)) {
        throw new RangeError(
          `DMA domain ${name}: rights are per page, got offset ${offset} length ${length}`,
        );
      }
      if ((rights & ~(DMA_READ | DMA_WRITE)) !== 0)
        throw new RangeError(`DMA domain ${name}: rights ${rights}, there are only read (1) and write (2)`);
      const table = ensure(segmentId);
      if (!(offset >= 0 && length >= 0 && offset + length <= table.length * PAGE_SIZE)) {
        throw new RangeError(
          `DMA domain ${name}: segment ${segmentId} has ${table.length} pages, got offset ${offset} length ${length}`,
        );
      }
      table.fill(rights, offset / PAGE_SIZE, (offset + length) / PAGE_SIZE);
    },
    image: () => ({
      name,
      tables: tables.map((table) => (table === null ? null : (table.buffer as SharedArrayBuffer))),
    }),
  };
}
