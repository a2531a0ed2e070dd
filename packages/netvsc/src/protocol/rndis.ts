/**
 * RNDIS, the framing inside NVSP: one message in one section.
 *
 *   section +0   u32 MessageType       RNDIS_MSG_PACKET
 *           +4   u32 MessageLength     bytes from here to the end of the frame
 *           +8   u32 DataOffset        from this field to the frame: 56
 *           +12  u32 DataLength        bytes of the frame
 *           +16  u32 OOBDataOffset, OOBDataLength, NumOOBDataElements: 0
 *           +28  u32 PerPacketInfoOffset  from +8: 36 if there is any
 *           +32  u32 PerPacketInfoLength  0, or 16 with an 802.1Q tag
 *           +36  u32 VcHandle, Reserved: 0
 *           +44  per-packet information: u32 size 16, u32 type 6, u32 offset 12, u32 802.1Q value; 4 bytes idle
 *           +64  the frame
 *
 * So the frame always starts 64 bytes into its 64-byte aligned section. Names and numbers as in the public
 * Linux header rndis.h and the "Remote NDIS" pages of the Windows driver documentation.
 */
import { MOST_TAG_BYTES } from '@vmq/machine';

export const RNDIS_MSG_PACKET = 1;
export const RNDIS_MSG_INIT = 2;
export const RNDIS_MSG_HALT = 3;
export const RNDIS_MSG_QUERY = 4;
export const RNDIS_MSG_SET = 5;
export const RNDIS_MSG_RESET = 6;
export const RNDIS_MSG_INDICATE = 7;
export const RNDIS_MSG_KEEPALIVE = 8;
/** Set in the type of an answer. Signed, as it comes out of an Int32Array. */
export const RNDIS_MSG_COMPLETION: number = 0x80000000 | 0;

export const RNDIS_STATUS_SUCCESS = 0;
export const RNDIS_STATUS_NOT_SUPPORTED: number = 0xc00000bb | 0;
export const RNDIS_STATUS_MULTICAST_FULL: number = 0xc0010009 | 0;
export const RNDIS_STATUS_ADAPTER_NOT_READY: number = 0xc0010011 | 0;
export const RNDIS_STATUS_INVALID_LENGTH: number = 0xc0010014 | 0;
export const RNDIS_STATUS_INVALID_DATA: number = 0xc0010015 | 0;

export const RNDIS_MAJOR_VERSION = 1;
export const RNDIS_MINOR_VERSION = 0;
/** Type of the per-packet information that carries an 802.1Q tag. */
export const IEEE_8021Q_INFO = 6;

export const OID_GEN_SUPPORTED_LIST = 0x00010101;
export const OID_GEN_HARDWARE_STATUS = 0x00010102;
export const OID_GEN_MEDIA_SUPPORTED = 0x00010103;
export const OID_GEN_MEDIA_IN_USE = 0x00010104;
export const OID_GEN_MAXIMUM_LOOKAHEAD = 0x00010105;
export const OID_GEN_MAXIMUM_FRAME_SIZE = 0x00010106;
export const OID_GEN_LINK_SPEED = 0x00010107;
export const OID_GEN_TRANSMIT_BLOCK_SIZE = 0x0001010a;
export const OID_GEN_RECEIVE_BLOCK_SIZE = 0x0001010b;
export const OID_GEN_VENDOR_ID = 0x0001010c;
export const OID_GEN_VENDOR_DESCRIPTION = 0x0001010d;
export const OID_GEN_CURRENT_PACKET_FILTER = 0x0001010e;
export const OID_GEN_CURRENT_LOOKAHEAD = 0x0001010f;
export const OID_GEN_DRIVER_VERSION = 0x00010110;
export const OID_GEN_MAXIMUM_TOTAL_SIZE = 0x00010111;
export const OID_GEN_MAC_OPTIONS = 0x00010113;
export const OID_GEN_MEDIA_CONNECT_STATUS = 0x00010114;
export const OID_GEN_MAXIMUM_SEND_PACKETS = 0x00010115;
export const OID_GEN_VENDOR_DRIVER_VERSION = 0x00010116;
export const OID_GEN_XMIT_OK = 0x00020101;
export const OID_GEN_RCV_OK = 0x00020102;
export const OID_GEN_XMIT_ERROR = 0x00020103;
export const OID_GEN_RCV_ERROR = 0x00020104;
export const OID_GEN_RCV_NO_BUFFER = 0x00020105;
export const OID_802_3_PERMANENT_ADDRESS = 0x01010101;
export const OID_802_3_CURRENT_ADDRESS = 0x01010102;
export const OID_802_3_MULTICAST_LIST = 0x01010103;
export const OID_802_3_MAXIMUM_LIST_SIZE = 0x01010104;
export const OID_802_3_RCV_ERROR_ALIGNMENT = 0x01020101;
export const OID_802_3_XMIT_ONE_COLLISION = 0x01020102;
export const OID_802_3_XMIT_MORE_COLLISIONS = 0x01020103;
export const OID_TCP_OFFLOAD_CURRENT_CONFIG = 0xfc01020b;
export const OID_TCP_OFFLOAD_PARAMETERS = 0xfc01020c;
export const OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES = 0xfc01020d;

export const NDIS_PACKET_TYPE_DIRECTED = 0x01;
export const NDIS_PACKET_TYPE_MULTICAST = 0x02;
export const NDIS_PACKET_TYPE_ALL_MULTICAST = 0x04;
export const NDIS_PACKET_TYPE_BROADCAST = 0x08;
export const NDIS_PACKET_TYPE_PROMISCUOUS = 0x20;

/** Bytes from a section's start to its frame. */
export const FRAME_OFFSET_IN_SECTION = 64;
/** Bytes of an RNDIS_PACKET_MSG without per-packet information. */
export const RNDIS_PACKET_HEADER_BYTES = 44;
/** DataOffset and the other offsets count from byte 8 of the message. */
export const RNDIS_OFFSET_BASE = 8;

/** NDIS_NET_BUFFER_LIST_8021Q_INFO value (priority bits 0..2, CFI 3, VLAN id 4..15) of an 802.1Q TCI. */
export function tciTo8021qInfo(tci: number): number {
  return ((tci >>> 13) & 7) | ((tci >>> 9) & 8) | ((tci & 0xfff) << 4);
}

/** The inverse of {@link tciTo8021qInfo}; bits 16..31 are reserved and ignored. */
export function tciFrom8021qInfo(value: number): number {
  return ((value & 7) << 13) | ((value & 8) << 9) | ((value >>> 4) & 0xfff);
}

/** Section size for frames of up to `maxFrameBytes` and their tags: a multiple of 64, and never a power of two apart. */
export function sectionSizeFor(maxFrameBytes: number): number {
  const size = Math.max(2112, (maxFrameBytes + MOST_TAG_BYTES + FRAME_OFFSET_IN_SECTION + 63) & ~63);
  return (size & (size - 1)) === 0 ? size + 64 : size;
}

/** Writes an RNDIS_PACKET_MSG header; `at` is the word index of the section's start. */
export function writeRndisPacketHeader(words: Int32Array, at: number, length: number, tci: number): void {
  words[at] = 1; // RNDIS_MSG_PACKET
  words[at + 1] = 64 + length;
  words[at + 2] = 56;
  words[at + 3] = length;
  words[at + 4] = 0;
  words[at + 5] = 0;
  words[at + 6] = 0;
  words[at + 9] = 0;
  words[at + 10] = 0;
  if (tci === 0) {
    words[at + 7] = 0;
    words[at + 8] = 0;
    return;
  }
  words[at + 7] = 36;
  words[at + 8] = 16;
  words[at + 11] = 16;
  words[at + 12] = 6; // IEEE_8021Q_INFO
  words[at + 13] = 12;
  words[at + 14] = tciTo8021qInfo(tci);
}
