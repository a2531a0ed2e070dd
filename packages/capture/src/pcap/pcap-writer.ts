import { PCAP_MAGIC_MICROSECONDS, PCAP_MAGIC_NANOSECONDS } from '../model/file-magic.ts';
import { LINKTYPE_ETHERNET } from '../model/link-type.ts';
import type { PacketInput } from '../model/packet.ts';
import { PacketBounds } from '../model/packet-bounds.ts';
import { ChunkWriter, DEFAULT_CHUNK_LENGTH } from '../writer/chunk-writer.ts';
import type { CaptureSink } from '../writer/sink.ts';

export interface PcapWriterOptions {
  readonly sink: CaptureSink;
  /** Default `LINKTYPE_ETHERNET`. */
  readonly linkType?: number;
  /** Most bytes stored of a packet; longer ones are cut. Default 262144, the most pcap readers take. */
  readonly snapLength?: number;
  /** Bytes of frame check sequence at the end of each packet: 0, 2, 4 or 6; `null` (the default) for not said. */
  readonly fcsLength?: number | null;
  /** Times in nanoseconds instead of microseconds. Default true. */
  readonly nanosecond?: boolean;
  /** Default false. */
  readonly bigEndian?: boolean;
  /** Bytes gathered before the sink is called. Default 65536. */
  readonly chunkLength?: number;
}

export interface PcapWriter {
  /** Throws a RangeError for lengths or times that no pcap record can hold; nothing is written then. */
  writePacket(packet: PacketInput): void;
  /** Hands everything written so far to the sink. */
  flush(): void;
  /** Flushes and ends the file; the sink is left open. */
  close(): void;
}

const DEFAULT_SNAP_LENGTH = 262_144;

/** Starts a pcap file; see {@link https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html}. */
export function createPcapWriter(options: PcapWriterOptions): PcapWriter {
  const { linkType = LINKTYPE_ETHERNET, snapLength = DEFAULT_SNAP_LENGTH, nanosecond = true } = options;
  const { fcsLength = null } = options;
  if (!(Number.isInteger(snapLength) && snapLength > 0 && snapLength <= DEFAULT_SNAP_LENGTH)) {
    throw new RangeError(
      `snapLength: expected an integer from 1 to ${DEFAULT_SNAP_LENGTH}, found ${snapLength}`,
    );
  }
  if (!(Number.isInteger(linkType) && linkType >= 0 && linkType <= 0xffff)) {
    throw new RangeError(`linkType: expected an integer from 0 to 65535, found ${linkType}`);
  }
  if (fcsLength !== null && ![0, 2, 4, 6].includes(fcsLength)) {
    throw new RangeError(`fcsLength: expected 0, 2, 4 or 6, found ${fcsLength}`);
  }
  const out = new ChunkWriter(
    options.sink,
    options.chunkLength ?? DEFAULT_CHUNK_LENGTH,
    options.bigEndian ?? false,
  );
  const bounds = new PacketBounds();
  out.u32(nanosecond ? PCAP_MAGIC_NANOSECONDS : PCAP_MAGIC_MICROSECONDS);
  out.u16(2);
  out.u16(4);
  out.zeros(8);
  out.u32(snapLength);
  // Beside the link type: bit 26, the length is said; bits 28 to 31, the length in units of 16 bits.
  out.u32(fcsLength === null ? linkType : linkType + 2 ** 26 + (fcsLength / 2) * 2 ** 28);
  return {
    writePacket(packet: PacketInput): void {
      out.refuseClosed();
      bounds.take(packet, snapLength);
      if (packet.seconds < 0 || packet.seconds > 0xffff_ffff) {
        throw new RangeError(`packet.seconds: expected an unsigned 32-bit integer, found ${packet.seconds}`);
      }
      out.u32(packet.seconds);
      out.u32(nanosecond ? packet.nanoseconds : Math.floor(packet.nanoseconds / 1000));
      out.u32(bounds.storedLength);
      out.u32(bounds.originalLength);
      out.bytes(packet.bytes, bounds.offset, bounds.storedLength);
    },
    flush(): void {
      out.flush();
    },
    close(): void {
      out.close();
    },
  };
}
