/**
 * Which pages of a VM's memory have to be sent (again), found by comparing.
 *
 * The tracker keeps what it has sent last of each page; at first that is zeros, as the memory is on the other side.
 * A page that differs is dirty, whoever wrote it: the guest, or the host through the VM's channel. It costs a look at
 * every page per round instead of a trap per write, and misses nothing. While the VM runs a page may change under the
 * look; then what was read is what was sent, and the next round finds the difference.
 */
import { crc32 } from 'node:zlib';
import { type MemorySegment, PAGE_SIZE } from '@vmq/machine';
import type { PageSet } from './migration-stream.ts';

export class PageTracker {
  readonly #memory: Uint8Array;
  readonly #sent: Buffer;
  readonly #page: Buffer = Buffer.alloc(PAGE_SIZE);

  constructor(segment: MemorySegment) {
    this.#memory = segment.u8;
    this.#sent = Buffer.alloc(segment.byteLength);
  }

  /** The pages that are not as they were sent last; from now on they count as sent. */
  takeDirty(): PageSet {
    const sent = this.#sent;
    const page = this.#page;
    const numbers: number[] = [];
    for (let at = 0; at < sent.length; at += PAGE_SIZE) {
      page.set(this.#memory.subarray(at, at + PAGE_SIZE));
      if (page.compare(sent, at, at + PAGE_SIZE) === 0) continue;
      page.copy(sent, at);
      numbers.push(at / PAGE_SIZE);
    }
    const bytes = new Uint8Array(numbers.length * PAGE_SIZE);
    numbers.forEach((number, i) => {
      bytes.set(sent.subarray(number * PAGE_SIZE, (number + 1) * PAGE_SIZE), i * PAGE_SIZE);
    });
    return { numbers: Uint32Array.from(numbers), bytes };
  }

  /** CRC-32 of all that was sent. */
  get crc(): number {
    return crc32(this.#sent);
  }
}

/** Writes pages into memory; false if one lies beyond its end, and then none is written. */
export function writePages(segment: MemorySegment, { numbers, bytes }: PageSet): boolean {
  const last = numbers.at(-1);
  if (last !== undefined && last >= segment.byteLength / PAGE_SIZE) return false;
  numbers.forEach((number, i) => {
    segment.u8.set(bytes.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), number * PAGE_SIZE);
  });
  return true;
}

export function memoryCrc(segment: MemorySegment): number {
  // Shared memory is no input of a checksum: another thread could change it meanwhile.
  return crc32(Buffer.from(segment.u8));
}
