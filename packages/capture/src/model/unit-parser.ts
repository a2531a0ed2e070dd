import type { CaptureError } from './capture-error.ts';
import type { CaptureInterface, CaptureSection } from './capture-interface.ts';

/** What `consume` did with a unit. */
export const UNIT_FAILED = -1;
export const UNIT_SKIPPED = 0;
export const UNIT_PACKET = 1;
export type UnitOutcome = typeof UNIT_FAILED | typeof UNIT_SKIPPED | typeof UNIT_PACKET;

/**
 * A file is a sequence of units: a pcap header and its records, or pcapng blocks. The reader brings the bytes of one
 * unit together, wherever the caller cut the stream, and a format's parser only ever sees whole units.
 */
export interface UnitParser {
  readonly interfaces: readonly CaptureInterface[];
  readonly section: CaptureSection | null;
  /** Blocks that carry nothing this reader knows. */
  readonly skippedBlocks: number;
  /** Set before `UNIT_FAILED` is returned. */
  readonly failure: CaptureError | null;

  /**
   * Bytes the unit at `offset` needs, as far as the `available` ones tell. An answer above `available` means: ask again
   * with that many. `UNIT_FAILED` when the unit cannot be one.
   */
  unitLength(bytes: Uint8Array, offset: number, available: number, fileOffset: number): number;

  /** Takes a whole unit of `length` bytes. */
  consume(bytes: Uint8Array, offset: number, length: number, fileOffset: number): UnitOutcome;
}
