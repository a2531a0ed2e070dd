/**
 * Streaming pcap and pcapng, in bounded memory and without a dependency.
 *
 * A *reader* is pushed chunks of any size and gives packets ({@link createCaptureReader}, or {@link readCapture} for
 * bytes in memory). A *writer* is given packets and hands chunks to a sink ({@link createPcapWriter},
 * {@link createPcapngWriter}). Neither opens files, so both work wherever bytes come from.
 *
 * A malformed file is a {@link CaptureError} value after the packets before it; a malformed block of a pcapng file is one
 * that `onFlaw` is told of, and the file goes on. Only programmer errors throw.
 *
 * @packageDocumentation
 */
export type { CaptureError, CaptureErrorCode } from './model/capture-error.ts';
export type {
  CaptureInterface,
  CaptureSection,
  InterfaceStatistics,
  NameRecord,
} from './model/capture-interface.ts';
export type { CaptureFormat } from './model/file-magic.ts';
export {
  LINKTYPE_ETHERNET,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_NULL,
  LINKTYPE_RAW,
} from './model/link-type.ts';
export {
  type CapturedPacket,
  PACKET_DIRECTION_MASK,
  PACKET_INBOUND,
  PACKET_OUTBOUND,
  type PacketInput,
} from './model/packet.ts';
export { createPcapWriter, type PcapWriter, type PcapWriterOptions } from './pcap/pcap-writer.ts';
export {
  createPcapngWriter,
  type InterfaceInput,
  type PcapngWriter,
  type PcapngWriterOptions,
  type StatisticsInput,
} from './pcapng/pcapng-writer.ts';
export {
  type CaptureReader,
  type CaptureReaderOptions,
  createCaptureReader,
  readCapture,
} from './reader/reader.ts';
export { type CaptureSink, createMemorySink, type MemorySink } from './writer/sink.ts';
