import type { NameRecord } from '../model/capture-interface.ts';
import { LINKTYPE_ETHERNET } from '../model/link-type.ts';
import type { PacketInput } from '../model/packet.ts';
import { PacketBounds } from '../model/packet-bounds.ts';
import { encodeText } from '../model/text.ts';
import { ChunkWriter, DEFAULT_CHUNK_LENGTH } from '../writer/chunk-writer.ts';
import type { CaptureSink } from '../writer/sink.ts';
import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE_DESCRIPTION,
  BLOCK_INTERFACE_STATISTICS,
  BLOCK_NAME_RESOLUTION,
  BLOCK_OVERHEAD,
  BLOCK_SECTION_HEADER,
  BYTE_ORDER_MAGIC,
  EPB_DROPCOUNT,
  EPB_FLAGS,
  EPB_QUEUE,
  IF_DESCRIPTION,
  IF_FCSLEN,
  IF_NAME,
  IF_TSRESOL,
  ISB_FILTERACCEPT,
  ISB_IFDROP,
  ISB_IFRECV,
  ISB_OSDROP,
  ISB_USRDELIV,
  NRB_RECORD_END,
  NRB_RECORD_IPV4,
  NRB_RECORD_IPV6,
  OPT_COMMENT,
  OPT_END,
  padded,
  SHB_HARDWARE,
  SHB_OS,
  SHB_USERAPPL,
} from './pcapng-format.ts';
import { OptionList } from './pcapng-option-list.ts';

export interface PcapngWriterOptions {
  readonly sink: CaptureSink;
  /** `shb_hardware`, `shb_os`, `shb_userappl` and comments of the section. */
  readonly hardware?: string;
  readonly os?: string;
  readonly userApplication?: string;
  readonly comments?: readonly string[];
  /** Default false. */
  readonly bigEndian?: boolean;
  /** Bytes gathered before the sink is called. Default 65536. */
  readonly chunkLength?: number;
}

export interface InterfaceInput {
  /** Default `LINKTYPE_ETHERNET`. */
  readonly linkType?: number;
  /** Most bytes stored of a packet; longer ones are cut. Default 262144; 0 for no limit. */
  readonly snapLength?: number;
  readonly name?: string;
  readonly description?: string;
  readonly comments?: readonly string[];
  /** Digits after the second, 0 to 9. Default 9: nanoseconds. */
  readonly timestampResolution?: number;
  /** Bytes of frame check sequence at the end of each packet, 0 to 7; `null` (the default) for not said. */
  readonly fcsLength?: number | null;
}

/** Counters are left out of the block when absent or `null`. */
export interface StatisticsInput {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly received?: number | null;
  readonly dropped?: number | null;
  readonly filterAccepted?: number | null;
  readonly osDropped?: number | null;
  readonly delivered?: number | null;
  readonly comments?: readonly string[];
}

/** Throws a RangeError for what the format cannot hold (lengths, times, unknown interfaces); nothing is written then. */
export interface PcapngWriter {
  /** Describes an interface and returns its id, counted from 0. Must precede its packets. */
  addInterface(described?: InterfaceInput): number;
  writePacket(packet: PacketInput): void;
  /** Usually at the end of the file, once for each interface. */
  writeStatistics(interfaceId: number, statistics: StatisticsInput): void;
  /** Names for addresses. */
  writeNames(records: readonly NameRecord[]): void;
  /** Hands everything written so far to the sink. */
  flush(): void;
  /** Flushes and ends the file; the sink is left open. */
  close(): void;
}

const DEFAULT_SNAP_LENGTH = 262_144;
const LONGEST_RECORD = 0xffff;

/** Starts a pcapng file; see {@link https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html}. */
export function createPcapngWriter(options: PcapngWriterOptions): PcapngWriter {
  return new BlockWriter(options);
}

class BlockWriter implements PcapngWriter {
  readonly #out: ChunkWriter;
  readonly #bounds = new PacketBounds();
  readonly #options = new OptionList();
  readonly #snapLengths: number[] = [];
  readonly #ticksPerSecond: number[] = [];
  /** Result of `#ticks`. */
  #ticksHigh = 0;
  #ticksLow = 0;

  constructor(options: PcapngWriterOptions) {
    this.#out = new ChunkWriter(
      options.sink,
      options.chunkLength ?? DEFAULT_CHUNK_LENGTH,
      options.bigEndian ?? false,
    );
    const list = this.#options.clear();
    for (const comment of options.comments ?? []) list.text(OPT_COMMENT, comment);
    if (options.hardware !== undefined) list.text(SHB_HARDWARE, options.hardware);
    if (options.os !== undefined) list.text(SHB_OS, options.os);
    if (options.userApplication !== undefined) list.text(SHB_USERAPPL, options.userApplication);
    const length = this.#beginBlock(BLOCK_SECTION_HEADER, 16 + list.length);
    const out = this.#out;
    out.u32(BYTE_ORDER_MAGIC);
    out.u16(1);
    out.u16(0);
    // Section length -1: not known while streaming.
    out.u32(0xffff_ffff);
    out.u32(0xffff_ffff);
    list.writeTo(out);
    out.u32(length);
  }

  addInterface(described: InterfaceInput = {}): number {
    const {
      linkType = LINKTYPE_ETHERNET,
      snapLength = DEFAULT_SNAP_LENGTH,
      timestampResolution = 9,
      fcsLength = null,
      comments = [],
    } = described;
    const out = this.#out;
    out.refuseClosed();
    checkInteger('linkType', linkType, 0xffff);
    checkInteger('snapLength', snapLength, 0xffff_ffff);
    checkInteger('timestampResolution', timestampResolution, 9);
    if (fcsLength !== null) checkInteger('fcsLength', fcsLength, 7);
    const list = this.#options.clear();
    for (const comment of comments) list.text(OPT_COMMENT, comment);
    if (described.name !== undefined) list.text(IF_NAME, described.name);
    if (described.description !== undefined) list.text(IF_DESCRIPTION, described.description);
    list.u8(IF_TSRESOL, timestampResolution);
    if (fcsLength !== null) list.u8(IF_FCSLEN, fcsLength * 8); // The format's unit is the bit.
    const length = this.#beginBlock(BLOCK_INTERFACE_DESCRIPTION, 8 + list.length);
    out.u16(linkType);
    out.u16(0);
    out.u32(snapLength);
    list.writeTo(out);
    out.u32(length);
    this.#ticksPerSecond.push(10 ** timestampResolution);
    return this.#snapLengths.push(snapLength) - 1;
  }

  writePacket(packet: PacketInput): void {
    const out = this.#out;
    out.refuseClosed();
    const { interfaceId = 0, comments, flags = null, queue = null, dropCount = null } = packet;
    this.#checkInterface(interfaceId);
    const bounds = this.#bounds;
    bounds.take(packet, this.#snapLengths[interfaceId]!);
    this.#ticks(interfaceId, packet.seconds, packet.nanoseconds);
    const list = this.#options.clear();
    if (comments !== undefined) for (const comment of comments) list.text(OPT_COMMENT, comment);
    if (flags !== null) list.u32(EPB_FLAGS, flags);
    if (dropCount !== null) list.u64(EPB_DROPCOUNT, dropCount);
    if (queue !== null) list.u32(EPB_QUEUE, queue);
    const stored = bounds.storedLength;
    const padding = padded(stored) - stored;
    const length = this.#beginBlock(BLOCK_ENHANCED_PACKET, 20 + stored + padding + list.length);
    out.u32(interfaceId);
    out.u32(this.#ticksHigh);
    out.u32(this.#ticksLow);
    out.u32(stored);
    out.u32(bounds.originalLength);
    out.bytes(packet.bytes, bounds.offset, stored);
    out.zeros(padding);
    list.writeTo(out);
    out.u32(length);
  }

  writeStatistics(interfaceId: number, statistics: StatisticsInput): void {
    const out = this.#out;
    out.refuseClosed();
    this.#checkInterface(interfaceId);
    this.#ticks(interfaceId, statistics.seconds, statistics.nanoseconds);
    const list = this.#options.clear();
    for (const comment of statistics.comments ?? []) list.text(OPT_COMMENT, comment);
    const counters: readonly (readonly [number, number | null | undefined])[] = [
      [ISB_IFRECV, statistics.received],
      [ISB_IFDROP, statistics.dropped],
      [ISB_FILTERACCEPT, statistics.filterAccepted],
      [ISB_OSDROP, statistics.osDropped],
      [ISB_USRDELIV, statistics.delivered],
    ];
    for (const [code, count] of counters) if (typeof count === 'number') list.u64(code, count);
    const length = this.#beginBlock(BLOCK_INTERFACE_STATISTICS, 12 + list.length);
    out.u32(interfaceId);
    out.u32(this.#ticksHigh);
    out.u32(this.#ticksLow);
    list.writeTo(out);
    out.u32(length);
  }

  writeNames(records: readonly NameRecord[]): void {
    const out = this.#out;
    out.refuseClosed();
    const encoded = records.map(({ address, names }) => {
      if (address.length !== 4 && address.length !== 16) {
        throw new RangeError(`address: expected 4 or 16 bytes, found ${address.length}`);
      }
      if (names.length === 0)
        throw new RangeError('names: expected at least one for each address, found none');
      const text = encodeText(names.map((name) => `${name}\0`).join(''));
      checkInteger('length of a name record', address.length + text.length, LONGEST_RECORD);
      return { address, text, length: address.length + text.length };
    });
    const body = encoded.reduce((sum, record) => sum + 4 + padded(record.length), 4);
    const length = this.#beginBlock(BLOCK_NAME_RESOLUTION, body);
    for (const record of encoded) {
      out.u16(record.address.length === 4 ? NRB_RECORD_IPV4 : NRB_RECORD_IPV6);
      out.u16(record.length);
      out.bytes(record.address, 0, record.address.length);
      out.bytes(record.text, 0, record.text.length);
      out.zeros(padded(record.length) - record.length);
    }
    out.u16(NRB_RECORD_END);
    out.u16(OPT_END);
    out.u32(length);
  }

  flush(): void {
    this.#out.flush();
  }

  close(): void {
    this.#out.close();
  }

  #beginBlock(type: number, bodyLength: number): number {
    const length = bodyLength + BLOCK_OVERHEAD;
    this.#out.u32(type);
    this.#out.u32(length);
    return length;
  }

  #checkInterface(id: number): void {
    if (this.#snapLengths[id] === undefined) {
      throw new RangeError(
        `interfaceId: expected one of the ${this.#snapLengths.length} added interfaces, found ${id}`,
      );
    }
  }

  /**
   * Time in ticks of the interface, as two halves. The product needs up to 64 bits, so the seconds are taken 16 bits
   * at a time; each partial product stays below 2^53.
   */
  #ticks(interfaceId: number, seconds: number, nanoseconds: number): void {
    const perSecond = this.#ticksPerSecond[interfaceId]!;
    checkInteger('seconds', seconds, 0xffff_ffff);
    checkInteger('nanoseconds', nanoseconds, 999_999_999);
    const fraction = Math.floor(nanoseconds / (1e9 / perSecond));
    const upper = (seconds >>> 16) * perSecond;
    const lower = (upper % 0x1_0000) * 0x1_0000 + (seconds & 0xffff) * perSecond + fraction;
    this.#ticksLow = lower >>> 0;
    this.#ticksHigh = Math.floor(upper / 0x1_0000) + Math.floor(lower / 0x1_0000_0000);
  }
}

function checkInteger(name: string, value: number, most: number): void {
  if (!(Number.isInteger(value) && value >= 0 && value <= most)) {
    throw new RangeError(`${name}: expected an integer from 0 to ${most}, found ${value}`);
  }
}
