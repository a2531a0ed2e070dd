import { readU16, readU32, readU64 } from '../model/byte-order.ts';
import { type CaptureError, type CaptureErrorCode, captureError } from '../model/capture-error.ts';
import type { CaptureInterface, CaptureSection, NameRecord } from '../model/capture-interface.ts';
import { fcsLengthOfFlags } from '../model/fcs-length.ts';
import type { PacketSlot } from '../model/packet.ts';
import { TickScale } from '../model/tick-scale.ts';
import {
  UNIT_FAILED,
  UNIT_PACKET,
  UNIT_SKIPPED,
  type UnitOutcome,
  type UnitParser,
} from '../model/unit-parser.ts';
import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_HEADER_LENGTH,
  BLOCK_INTERFACE_DESCRIPTION,
  BLOCK_INTERFACE_STATISTICS,
  BLOCK_NAME_RESOLUTION,
  BLOCK_OBSOLETE_PACKET,
  BLOCK_SECTION_HEADER,
  BLOCK_SIMPLE_PACKET,
  BYTE_ORDER_MAGIC,
  blockName,
  EPB_DROPCOUNT,
  EPB_FLAGS,
  EPB_QUEUE,
  minimumBlockLength,
  OPT_COMMENT,
  padded,
} from './pcapng-format.ts';
import { decodeInterface, decodeNames, decodeSection, decodeStatistics } from './pcapng-metadata.ts';
import { OptionWalk } from './pcapng-option-walk.ts';

/** A file of nothing but interface descriptions must not fill memory. */
const MAX_INTERFACES = 65_536;
/** The packet block's 16-bit drop count when the writer did not know it. */
const DROPS_UNKNOWN = 0xffff;

/** Whom the parser tells of what is no packet. */
export interface PcapngListeners {
  readonly onNames: ((records: readonly NameRecord[]) => void) | undefined;
  readonly onFlaw: (flaw: CaptureError) => void;
}

/** pcapng blocks; the layout of each stands where it is taken apart. */
export class PcapngParser implements UnitParser {
  interfaces: CaptureInterface[] = [];
  section: CaptureSection | null = null;
  skippedBlocks = 0;
  failure: CaptureError | null = null;

  readonly #slot: PacketSlot;
  readonly #maxBlockLength: number;
  readonly #listeners: PcapngListeners;
  readonly #options = new OptionWalk();
  #scales: TickScale[] = [];
  #bigEndian = false;
  #sectionIndex = -1;

  constructor(slot: PacketSlot, maxBlockLength: number, listeners: PcapngListeners) {
    this.#slot = slot;
    this.#maxBlockLength = maxBlockLength;
    this.#listeners = listeners;
  }

  /** Every block: type 4, total length 4, body, total length 4. A section header's body starts with the byte order. */
  unitLength(bytes: Uint8Array, offset: number, available: number, fileOffset: number): number {
    if (available < BLOCK_HEADER_LENGTH) return BLOCK_HEADER_LENGTH;
    let big = this.#bigEndian;
    const type = readU32(bytes, offset, big);
    if (type === BLOCK_SECTION_HEADER) {
      if (available < BLOCK_HEADER_LENGTH + 4) return BLOCK_HEADER_LENGTH + 4;
      big = readU32(bytes, offset + 8, true) === BYTE_ORDER_MAGIC;
      if (!big && readU32(bytes, offset + 8, false) !== BYTE_ORDER_MAGIC) {
        const found = readU32(bytes, offset + 8, true)
          .toString(16)
          .padStart(8, '0');
        return this.#fail(
          'bad-byte-order',
          fileOffset,
          `expected byte-order magic 1a2b3c4d or 4d3c2b1a, found ${found}`,
        );
      }
    }
    const length = readU32(bytes, offset + 4, big);
    const minimum = minimumBlockLength(type);
    if (length < minimum || (length & 3) !== 0) {
      return this.#fail(
        'bad-block-length',
        fileOffset,
        `expected the ${blockName(type)} to have at least ${minimum} bytes, a multiple of 4; found ${length}`,
      );
    }
    if (length > this.#maxBlockLength) {
      return this.#fail(
        'block-too-large',
        fileOffset,
        `expected the ${blockName(type)} to have at most ${this.#maxBlockLength} bytes (maxBlockLength), found ${length}`,
      );
    }
    return length;
  }

  consume(bytes: Uint8Array, offset: number, length: number, fileOffset: number): UnitOutcome {
    const type = readU32(bytes, offset, this.#bigEndian);
    const body = offset + BLOCK_HEADER_LENGTH;
    const end = offset + length - 4;
    const big =
      type === BLOCK_SECTION_HEADER ? readU32(bytes, body, true) === BYTE_ORDER_MAGIC : this.#bigEndian;
    const trailing = readU32(bytes, end, big);
    if (trailing !== length) {
      return this.#fail(
        'bad-block-length',
        fileOffset,
        `expected the ${blockName(type)} to repeat its length ${length} at its end, found ${trailing}`,
      );
    }
    switch (type) {
      case BLOCK_ENHANCED_PACKET:
      case BLOCK_OBSOLETE_PACKET:
        return this.#timedPacket(type, bytes, body, end, fileOffset);
      case BLOCK_SIMPLE_PACKET:
        return this.#simplePacket(bytes, body, end, fileOffset);
      case BLOCK_INTERFACE_DESCRIPTION:
        return this.#interfaceDescription(bytes, body, end, fileOffset);
      case BLOCK_INTERFACE_STATISTICS:
        return this.#interfaceStatistics(bytes, body, end, fileOffset);
      case BLOCK_NAME_RESOLUTION:
        return this.#nameResolution(bytes, body, end, fileOffset);
      case BLOCK_SECTION_HEADER:
        return this.#sectionHeader(bytes, body, end, fileOffset, big);
      default:
        this.skippedBlocks++;
        return UNIT_SKIPPED;
    }
  }

  /**
   * ```text
   * enhanced  | interface 4           | time high 4 | time low 4 | captured 4 | original 4 | packet, padded | options
   * obsolete  | interface 2 | drops 2 | the same
   * ```
   */
  #timedPacket(type: number, bytes: Uint8Array, body: number, end: number, fileOffset: number): UnitOutcome {
    const big = this.#bigEndian;
    const obsolete = type === BLOCK_OBSOLETE_PACKET;
    const id = obsolete ? readU16(bytes, body, big) : readU32(bytes, body, big);
    const captured = readU32(bytes, body + 12, big);
    if (!this.#begin(type, id, bytes, body + 20, captured, end, fileOffset)) return UNIT_SKIPPED;
    const slot = this.#slot;
    const scale = this.#scales[id]!;
    scale.split(readU32(bytes, body + 4, big), readU32(bytes, body + 8, big));
    slot.seconds = scale.seconds;
    slot.nanoseconds = scale.nanoseconds;
    slot.originalLength = readU32(bytes, body + 16, big);
    if (obsolete) {
      const drops = readU16(bytes, body + 2, big);
      if (drops !== DROPS_UNKNOWN) slot.dropCount = drops;
    }
    const options = this.#options;
    options.start(bytes, body + 20 + padded(captured), end, big);
    while (options.next()) {
      const { code } = options;
      if (code === OPT_COMMENT) slot.addComment(options.text());
      else if (code === EPB_FLAGS && options.holds(4)) {
        slot.flags = readU32(bytes, options.offset, big);
        const fcsLength = fcsLengthOfFlags(slot.flags);
        if (fcsLength !== 0) slot.fcsLength = fcsLength;
      }
      // Comment and flags have the same numbers in the obsolete block; the rest was not there yet.
      else if (obsolete) continue;
      else if (code === EPB_QUEUE && options.holds(4)) slot.queue = readU32(bytes, options.offset, big);
      else if (code === EPB_DROPCOUNT && options.holds(8))
        slot.dropCount = readU64(bytes, options.offset, big);
    }
    this.#noteOptions(type, fileOffset);
    return UNIT_PACKET;
  }

  /**
   * original 4 | packet, padded. Captured: what the snap length of interface 0 leaves of it, or what there is of it: the
   * snap length is said in another block, which need not have been true.
   */
  #simplePacket(bytes: Uint8Array, body: number, end: number, fileOffset: number): UnitOutcome {
    const original = readU32(bytes, body, this.#bigEndian);
    const snapLength = this.interfaces[0]?.snapLength ?? 0;
    const wanted = snapLength === 0 ? original : Math.min(original, snapLength);
    const captured = Math.min(wanted, end - (body + 4));
    if (!this.#begin(BLOCK_SIMPLE_PACKET, 0, bytes, body + 4, captured, end, fileOffset)) return UNIT_SKIPPED;
    const slot = this.#slot;
    slot.hasTimestamp = false;
    slot.seconds = 0;
    slot.nanoseconds = 0;
    slot.originalLength = original;
    return UNIT_PACKET;
  }

  /** What all packet blocks share: the interface must be known and the bytes must fit the block, else false and a flaw. */
  #begin(
    type: number,
    id: number,
    bytes: Uint8Array,
    data: number,
    captured: number,
    end: number,
    fileOffset: number,
  ): boolean {
    if (id >= this.interfaces.length) {
      this.#badInterface(type, id, fileOffset);
      return false;
    }
    // Blocks and bodies are multiples of 4, so where the packet fits its padding fits as well.
    if (captured > end - data) {
      const room = `at most ${end - data} captured bytes in this ${blockName(type)}`;
      this.#flaw('bad-packet-length', fileOffset, `expected ${room}, found ${captured}; passed over`);
      return false;
    }
    const slot = this.#slot;
    slot.clearOptions();
    slot.fileOffset = fileOffset;
    slot.sectionIndex = this.#sectionIndex;
    slot.interfaceId = id;
    slot.linkType = this.interfaces[id]!.linkType;
    slot.fcsLength = this.interfaces[id]!.fcsLength;
    slot.hasTimestamp = true;
    slot.bytes = bytes;
    slot.offset = data;
    slot.capturedLength = captured;
    return true;
  }

  /** link type 2 | reserved 2 | snap length 4 | options */
  #interfaceDescription(bytes: Uint8Array, body: number, end: number, fileOffset: number): UnitOutcome {
    if (this.interfaces.length === MAX_INTERFACES) {
      return this.#fail(
        'too-many-interfaces',
        fileOffset,
        `expected at most ${MAX_INTERFACES} interfaces in a section, found one more`,
      );
    }
    this.#options.start(bytes, body + 8, end, this.#bigEndian);
    const { described, badFcsLength } = decodeInterface(bytes, body, this.#options, this.#bigEndian);
    this.#noteOptions(BLOCK_INTERFACE_DESCRIPTION, fileOffset);
    if (badFcsLength !== null) {
      const lengths = 'a length in bits (32 for Ethernet) or bytes';
      this.#flaw(
        'bad-fcs-length',
        fileOffset,
        `expected if_fcslen to be ${lengths}, found ${badFcsLength}; ignored`,
      );
    }
    this.interfaces.push(described);
    this.#scales.push(new TickScale(described.timestampResolution, described.timestampOffset));
    return UNIT_SKIPPED;
  }

  /** interface 4 | time high 4 | time low 4 | options */
  #interfaceStatistics(bytes: Uint8Array, body: number, end: number, fileOffset: number): UnitOutcome {
    const id = readU32(bytes, body, this.#bigEndian);
    const described = this.interfaces[id];
    if (described === undefined) {
      this.#badInterface(BLOCK_INTERFACE_STATISTICS, id, fileOffset);
      return UNIT_SKIPPED;
    }
    this.#options.start(bytes, body + 12, end, this.#bigEndian);
    const statistics = decodeStatistics(bytes, body, this.#options, this.#bigEndian, this.#scales[id]!);
    this.#noteOptions(BLOCK_INTERFACE_STATISTICS, fileOffset);
    this.interfaces[id] = { ...described, statistics };
    return UNIT_SKIPPED;
  }

  #nameResolution(bytes: Uint8Array, body: number, end: number, fileOffset: number): UnitOutcome {
    const { records, broken } = decodeNames(bytes, body, end, this.#bigEndian);
    if (broken) {
      const inside = 'expected each name record to end inside its Name Resolution Block';
      this.#flaw('bad-name-record', fileOffset, `${inside}, found one that does not; passed over`);
    }
    if (records.length > 0) this.#listeners.onNames?.(records);
    return UNIT_SKIPPED;
  }

  /**
   * byte-order magic 4 | major 2 | minor 2 | section length 8 | options
   *
   * The section length is not needed: a section ends where the next one's header stands, or at the file's end.
   */
  #sectionHeader(
    bytes: Uint8Array,
    body: number,
    end: number,
    fileOffset: number,
    big: boolean,
  ): UnitOutcome {
    const major = readU16(bytes, body + 4, big);
    const minor = readU16(bytes, body + 6, big);
    if (major !== 1) {
      return this.#fail(
        'unsupported-version',
        fileOffset,
        `expected pcapng version 1.x, found ${major}.${minor}`,
      );
    }
    this.#options.start(bytes, body + 16, end, big);
    this.section = decodeSection(this.#options, big);
    this.#noteOptions(BLOCK_SECTION_HEADER, fileOffset);
    this.#bigEndian = big;
    this.#sectionIndex++;
    this.interfaces = [];
    this.#scales = [];
    return UNIT_SKIPPED;
  }

  #badInterface(type: number, id: number, fileOffset: number): void {
    const known = `one of the ${this.interfaces.length} interfaces described so far`;
    this.#flaw(
      'bad-interface',
      fileOffset,
      `expected ${known} in the ${blockName(type)}, found number ${id}; passed over`,
    );
  }

  /** Tells of an option that was ignored, if there was one. */
  #noteOptions(type: number, fileOffset: number): void {
    const { flaw } = this.#options;
    if (flaw !== null) this.#flaw('bad-option', fileOffset, `${flaw}, in the ${blockName(type)}; ignored`);
  }

  #flaw(code: CaptureErrorCode, fileOffset: number, message: string): void {
    this.#listeners.onFlaw(captureError(code, fileOffset, message));
  }

  #fail(code: CaptureErrorCode, fileOffset: number, message: string): typeof UNIT_FAILED {
    this.failure = captureError(code, fileOffset, message);
    return UNIT_FAILED;
  }
}
