import { readU16, readU32 } from '../model/byte-order.ts';
import { type CaptureError, type CaptureErrorCode, captureError } from '../model/capture-error.ts';
import type { CaptureInterface, CaptureSection } from '../model/capture-interface.ts';
import { fcsLengthOfFileHeader } from '../model/fcs-length.ts';
import { PCAP_MAGIC_MICROSECONDS, PCAP_MAGIC_NANOSECONDS } from '../model/file-magic.ts';
import type { PacketSlot } from '../model/packet.ts';
import {
  UNIT_FAILED,
  UNIT_PACKET,
  UNIT_SKIPPED,
  type UnitOutcome,
  type UnitParser,
} from '../model/unit-parser.ts';

const HEADER_LENGTH = 24;
const RECORD_HEADER_LENGTH = 16;
/** Most bytes a link can hand over at once; libpcap's MAXIMUM_SNAPLEN. A larger captured length is noise, not a packet. */
const LARGEST_PACKET = 262_144;
/** A header's snap length is trusted up to this; 0 and anything larger mean "no limit", as in libpcap. */
const LARGEST_SNAP_LENGTH = 0x7fff_ffff;
const FCS_LENGTH_PRESENT = 0x0400_0000;
/** The bits between the link type and the FCS length are to be ignored. */
const LINK_TYPE_MASK = 0xffff;

/**
 * pcap, https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html
 *
 * ```text
 * header     | magic 4 | major 2 | minor 2 | reserved 8 | snap length 4 | link type and FCS length 4 |
 * record     | seconds 4 | micro- or nanoseconds 4 | captured 4 | original 4 | captured bytes … |
 * link type  | bits 28 to 31 FCS length in units of 16 bits | 26 the file says it | 0 to 15 link type |
 * ```
 */
export class PcapParser implements UnitParser {
  interfaces: readonly CaptureInterface[] = [];
  section: CaptureSection | null = null;
  readonly skippedBlocks = 0;
  failure: CaptureError | null = null;

  readonly #slot: PacketSlot;
  readonly #maxBlockLength: number;
  readonly #onFlaw: (flaw: CaptureError) => void;
  #bigEndian = false;
  #nanosecondsPerTick = 1000;
  #ticksPerSecond = 1_000_000;
  #linkType = 0;
  #largestPacket = LARGEST_PACKET;
  #mayBeSwapped = false;
  #headerSeen = false;

  constructor(slot: PacketSlot, maxBlockLength: number, onFlaw: (flaw: CaptureError) => void) {
    this.#slot = slot;
    this.#maxBlockLength = maxBlockLength;
    this.#onFlaw = onFlaw;
  }

  unitLength(bytes: Uint8Array, offset: number, available: number, fileOffset: number): number {
    if (!this.#headerSeen) return HEADER_LENGTH;
    if (available < RECORD_HEADER_LENGTH) return RECORD_HEADER_LENGTH;
    const captured = this.#capturedLength(bytes, offset);
    if (captured > this.#largestPacket) {
      return this.#fail(
        'bad-packet-length',
        fileOffset,
        `expected a captured length of at most ${this.#largestPacket}, found ${captured}`,
      );
    }
    const length = RECORD_HEADER_LENGTH + captured;
    if (length > this.#maxBlockLength) {
      return this.#fail(
        'block-too-large',
        fileOffset,
        `expected a record of at most ${this.#maxBlockLength} bytes (maxBlockLength), found ${length}`,
      );
    }
    return length;
  }

  consume(bytes: Uint8Array, offset: number, length: number, fileOffset: number): UnitOutcome {
    if (!this.#headerSeen) return this.#consumeHeader(bytes, offset, fileOffset);
    const big = this.#bigEndian;
    const slot = this.#slot;
    let seconds = readU32(bytes, offset, big);
    let ticks = readU32(bytes, offset + 4, big);
    // Some writers let the fraction run past a second; the sum is what they meant.
    if (ticks >= this.#ticksPerSecond) {
      seconds += Math.floor(ticks / this.#ticksPerSecond);
      ticks %= this.#ticksPerSecond;
    }
    const captured = length - RECORD_HEADER_LENGTH;
    const first = readU32(bytes, offset + 8, big);
    slot.fileOffset = fileOffset;
    slot.linkType = this.#linkType;
    slot.seconds = seconds;
    slot.nanoseconds = ticks * this.#nanosecondsPerTick;
    slot.bytes = bytes;
    slot.offset = offset + RECORD_HEADER_LENGTH;
    slot.capturedLength = captured;
    slot.originalLength = first === captured ? readU32(bytes, offset + 12, big) : first;
    return UNIT_PACKET;
  }

  /** Before version 2.4 some writers stored the two lengths in the other order; the captured one is the smaller. */
  #capturedLength(bytes: Uint8Array, offset: number): number {
    const captured = readU32(bytes, offset + 8, this.#bigEndian);
    if (!this.#mayBeSwapped) return captured;
    return Math.min(captured, readU32(bytes, offset + 12, this.#bigEndian));
  }

  #consumeHeader(bytes: Uint8Array, offset: number, fileOffset: number): UnitOutcome {
    let magic = readU32(bytes, offset, true);
    const big = magic === PCAP_MAGIC_MICROSECONDS || magic === PCAP_MAGIC_NANOSECONDS;
    if (!big) magic = readU32(bytes, offset, false);
    const major = readU16(bytes, offset + 4, big);
    const minor = readU16(bytes, offset + 6, big);
    if (major !== 2) {
      return this.#fail(
        'unsupported-version',
        fileOffset,
        `expected pcap version 2.x, found ${major}.${minor}`,
      );
    }
    const snapField = readU32(bytes, offset + 16, big);
    const snapLength = snapField > LARGEST_SNAP_LENGTH ? 0 : snapField;
    const network = readU32(bytes, offset + 20, big);
    this.#bigEndian = big;
    this.#nanosecondsPerTick = magic === PCAP_MAGIC_NANOSECONDS ? 1 : 1000;
    this.#ticksPerSecond = magic === PCAP_MAGIC_NANOSECONDS ? 1_000_000_000 : 1_000_000;
    this.#linkType = network & LINK_TYPE_MASK;
    const fcsField = network >>> 28;
    const saysFcs = (network & FCS_LENGTH_PRESENT) !== 0;
    this.#slot.fcsLength = saysFcs ? fcsLengthOfFileHeader(fcsField) : null;
    if (saysFcs && this.#slot.fcsLength === null) {
      const lengths = 'a length in units of 16 bits (2 for Ethernet) or bytes';
      const message = `expected the FCS length beside the link type to be ${lengths}, found ${fcsField}; ignored`;
      this.#onFlaw(captureError('bad-fcs-length', fileOffset, message));
    }
    this.#largestPacket = Math.max(LARGEST_PACKET, snapLength);
    this.#mayBeSwapped = minor < 4;
    this.#headerSeen = true;
    this.section = { bigEndian: big, hardware: null, os: null, userApplication: null, comments: [] };
    this.interfaces = [
      {
        linkType: this.#linkType,
        snapLength,
        fcsLength: this.#slot.fcsLength,
        name: null,
        description: null,
        comments: [],
        timestampResolution: magic === PCAP_MAGIC_NANOSECONDS ? 9 : 6,
        timestampOffset: 0,
        statistics: null,
      },
    ];
    return UNIT_SKIPPED;
  }

  #fail(code: CaptureErrorCode, fileOffset: number, message: string): typeof UNIT_FAILED {
    this.failure = captureError(code, fileOffset, message);
    return UNIT_FAILED;
  }
}
