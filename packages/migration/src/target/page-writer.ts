/** The memory of a VM that arrives: its pages are put where they were, and compared as a whole at the end. */
import { type MemorySegment, PAGE_SIZE } from '@vmq/machine';
import { crc32 } from '../stream/crc32.ts';
import type { PageSet } from '../stream/messages.ts';

/** Writes pages into memory; false if one lies beyond its end, and then none is written. */
export function writePages(segment: MemorySegment, { numbers, bytes }: PageSet): boolean {
  const last = numbers.at(-1);
  if (last !== undefined && last >= segment.byteLength / PAGE_SIZE) return false;
  numbers.forEach((number, i) => {
    segment.u8.set(bytes.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), number * PAGE_SIZE);
  });
  return true;
}

/** CRC-32 of a segment that nobody writes to. */
export function memoryCrc(segment: MemorySegment): number {
  return crc32(segment.u8);
}
