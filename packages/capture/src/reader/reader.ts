import { readU32 } from '../model/byte-order.ts';
import { type CaptureError, captureError } from '../model/capture-error.ts';
import type { CaptureInterface, CaptureSection, NameRecord } from '../model/capture-interface.ts';
import { type CaptureFormat, detectFormat, MAGIC_LENGTH, refuseMagic } from '../model/file-magic.ts';
import { type CapturedPacket, PacketSlot } from '../model/packet.ts';
import { UNIT_FAILED, UNIT_PACKET, type UnitParser } from '../model/unit-parser.ts';
import { PcapParser } from '../pcap/pcap-parser.ts';
import { PcapngParser } from '../pcapng/pcapng-parser.ts';

export interface CaptureReaderOptions {
  /** Largest pcapng block or pcap record accepted, in bytes; a longer one is an error. Default 16 MiB. */
  readonly maxBlockLength?: number;
  /** Give each packet an object and bytes of its own, to keep. Default false: one object, filled anew. */
  readonly copy?: boolean;
  /** Told of each pcapng Name Resolution Block as it is passed. */
  readonly onNames?: (records: readonly NameRecord[]) => void;
  /**
   * Told of what is wrong with one block, or with the FCS length of a pcap header, and was passed over, before the next
   * packet is given.
   */
  readonly onFlaw?: (flaw: CaptureError) => void;
}

/**
 * Takes a capture in chunks of any size and gives packets.
 *
 * ```text
 * for each chunk:  push(chunk); while ((packet = next()) !== null) …
 * at the end:      error = end()
 * ```
 */
export interface CaptureReader {
  /** Known after the first four bytes; `null` before, and for other files. */
  readonly format: CaptureFormat | null;
  /** The current section; `null` before its header. */
  readonly section: CaptureSection | null;
  /** Interfaces of the current section described so far. */
  readonly interfaces: readonly CaptureInterface[];
  /** Packets delivered. */
  readonly packetCount: number;
  /** pcapng blocks passed over because this reader does not know their type. */
  readonly skippedBlocks: number;
  /** Flaws found so far: a reader without `onFlaw` is to look here. */
  readonly flawCount: number;
  /** Set once the stream cannot be followed any further; all packets before it have been delivered then. */
  readonly error: CaptureError | null;

  /**
   * Adds the next bytes of the stream, which must stay unchanged until `next()` has returned `null`. Call it only
   * then: a reader never holds more than one chunk (throws if there still are packets).
   * False when the reader has failed and needs no more.
   */
  push(chunk: Uint8Array): boolean;

  /** The next packet, or `null` when more bytes are needed or the reader has failed. */
  next(): CapturedPacket | null;

  /** Says that the stream has ended. Returns what was wrong with it, or `null` for a complete file. */
  end(): CaptureError | null;
}

const EMPTY: Uint8Array = new Uint8Array(0);
const DEFAULT_MAX_BLOCK_LENGTH = 16 * 1024 * 1024;
/** A section header and an interface description must always fit. */
const SMALLEST_MAX_BLOCK_LENGTH = 64;
const FIRST_CARRY_LENGTH = 4096;

/** Makes a reader for pcap and pcapng; the format is told by the file's first bytes. */
export function createCaptureReader(options: CaptureReaderOptions = {}): CaptureReader {
  const { maxBlockLength = DEFAULT_MAX_BLOCK_LENGTH } = options;
  if (!Number.isInteger(maxBlockLength) || maxBlockLength < SMALLEST_MAX_BLOCK_LENGTH) {
    throw new RangeError(
      `maxBlockLength: expected an integer of at least ${SMALLEST_MAX_BLOCK_LENGTH}, found ${maxBlockLength}`,
    );
  }
  return new StreamReader(maxBlockLength, options);
}

/** A whole capture that is in memory already: its packets (each to keep), what had to be passed over, and what ended it early. */
export function readCapture(
  bytes: Uint8Array,
  options: CaptureReaderOptions = {},
): {
  readonly packets: readonly CapturedPacket[];
  readonly flaws: readonly CaptureError[];
  readonly error: CaptureError | null;
} {
  const flaws: CaptureError[] = [];
  const onFlaw = (flaw: CaptureError): void => {
    flaws.push(flaw);
    options.onFlaw?.(flaw);
  };
  const reader = createCaptureReader({ ...options, onFlaw, copy: true });
  const packets: CapturedPacket[] = [];
  reader.push(bytes);
  for (let packet = reader.next(); packet !== null; packet = reader.next()) packets.push(packet);
  return { packets, flaws, error: reader.end() };
}

/**
 * Whole units are parsed in the caller's chunk. Only one that a chunk's end cuts through is brought together in the
 * carry buffer, which grows with the bytes that really arrived, not with the length a block claims.
 *
 * ```text
 *   chunk n:      | unit | unit | un          next() == null: "un" goes to the carry
 *   chunk n+1:      it | unit | …             "it" completes the carry, then on in the chunk
 * ```
 *
 * Two carries take turns, so that a packet completed in one stays readable while the chunk's tail goes to the other.
 */
class StreamReader implements CaptureReader {
  format: CaptureFormat | null = null;
  error: CaptureError | null = null;
  packetCount = 0;
  flawCount = 0;

  readonly #slot = new PacketSlot();
  readonly #maxBlockLength: number;
  readonly #copy: boolean;
  readonly #options: CaptureReaderOptions;
  #parser: UnitParser | null = null;
  #chunk = EMPTY;
  #position = 0;
  #carry = EMPTY;
  #spare = EMPTY;
  #carryLength = 0;
  /** Absolute offset of the unit that comes next. */
  #fileOffset = 0;

  constructor(maxBlockLength: number, options: CaptureReaderOptions) {
    this.#maxBlockLength = maxBlockLength;
    this.#copy = options.copy ?? false;
    this.#options = options;
  }

  get section(): CaptureSection | null {
    return this.#parser?.section ?? null;
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.#parser?.interfaces ?? [];
  }

  get skippedBlocks(): number {
    return this.#parser?.skippedBlocks ?? 0;
  }

  push(chunk: Uint8Array): boolean {
    if (this.error !== null) return false;
    if (this.#position < this.#chunk.length) {
      throw new Error('push: expected next() to have returned null, found bytes of the previous chunk');
    }
    this.#chunk = chunk;
    this.#position = 0;
    return true;
  }

  next(): CapturedPacket | null {
    while (this.error === null) {
      const available = this.#chunk.length - this.#position;
      if (available === 0) return null;
      const packet = this.#carryLength > 0 ? this.#completeCarry(available) : this.#takeFromChunk(available);
      if (packet !== null) return this.#copy ? packet.copy() : packet;
    }
    return null;
  }

  end(): CaptureError | null {
    if (this.error !== null) return this.error;
    if (this.#position < this.#chunk.length) {
      throw new Error('end: expected next() to have returned null, found bytes of the last chunk');
    }
    if (this.#carryLength > 0) {
      const needed = this.#unitLength(this.#carry, 0, this.#carryLength);
      if (needed !== UNIT_FAILED) {
        this.error = captureError(
          'truncated',
          this.#fileOffset,
          `expected ${needed} bytes, found the end of the file after ${this.#carryLength}`,
        );
      }
    } else if (this.#parser === null) {
      this.error = captureError('empty', 0, 'expected a pcap or pcapng file, found no byte at all');
    }
    return this.error;
  }

  #takeFromChunk(available: number): PacketSlot | null {
    const chunk = this.#chunk;
    const position = this.#position;
    const length = this.#unitLength(chunk, position, available);
    if (length === UNIT_FAILED) return null;
    if (length <= available) {
      this.#position = position + length;
      return this.#consume(chunk, position, length);
    }
    const carry = this.#spare;
    this.#spare = this.#carry;
    this.#carry = carry;
    this.#append(available);
    return null;
  }

  #completeCarry(available: number): PacketSlot | null {
    const length = this.#unitLength(this.#carry, 0, this.#carryLength);
    if (length === UNIT_FAILED) return null;
    if (length > this.#carryLength) {
      this.#append(Math.min(length - this.#carryLength, available));
      // Either the chunk is used up, or the answer may now be a longer one.
      if (this.#carryLength < length || this.#unitLength(this.#carry, 0, length) !== length) return null;
    }
    this.#carryLength = 0;
    return this.#consume(this.#carry, 0, length);
  }

  /** Moves bytes from the chunk to the carry. */
  #append(count: number): void {
    const total = this.#carryLength + count;
    if (total > this.#carry.length) {
      const larger = new Uint8Array(Math.max(total, this.#carry.length * 2, FIRST_CARRY_LENGTH));
      larger.set(this.#carry.subarray(0, this.#carryLength));
      this.#carry = larger;
    }
    this.#carry.set(this.#chunk.subarray(this.#position, this.#position + count), this.#carryLength);
    this.#carryLength = total;
    this.#position += count;
  }

  #unitLength(bytes: Uint8Array, offset: number, available: number): number {
    let parser = this.#parser;
    if (parser === null) {
      if (available < MAGIC_LENGTH) return MAGIC_LENGTH;
      const magic = readU32(bytes, offset, true);
      this.format = detectFormat(magic);
      if (this.format === null) {
        this.error = refuseMagic(magic);
        return UNIT_FAILED;
      }
      const onFlaw = (flaw: CaptureError): void => {
        this.flawCount++;
        this.#options.onFlaw?.(flaw);
      };
      parser =
        this.format === 'pcap'
          ? new PcapParser(this.#slot, this.#maxBlockLength, onFlaw)
          : new PcapngParser(this.#slot, this.#maxBlockLength, { onNames: this.#options.onNames, onFlaw });
      this.#parser = parser;
    }
    const length = parser.unitLength(bytes, offset, available, this.#fileOffset);
    if (length === UNIT_FAILED) this.error = parser.failure;
    return length;
  }

  #consume(bytes: Uint8Array, offset: number, length: number): PacketSlot | null {
    const parser = this.#parser!;
    const outcome = parser.consume(bytes, offset, length, this.#fileOffset);
    if (outcome === UNIT_FAILED) {
      this.error = parser.failure;
      return null;
    }
    this.#fileOffset += length;
    if (outcome !== UNIT_PACKET) return null;
    this.#slot.index = this.packetCount++;
    return this.#slot;
  }
}
