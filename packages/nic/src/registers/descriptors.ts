/**
 * What lies in host memory: 16-byte descriptors and 32-byte completions, little-endian 32-bit words.
 *
 *   receive descriptor    0 packet buffer offset | 4 its segment | 8 header buffer offset | 12 its segment
 *   receive completion    0 length lo16, status hi16 | 4 VLAN TCI lo16, filter slot hi16 | 8 RSS hash | 12 stamp
 *                         16 verdict: queue lo8, address rule, EtherType hi16
 *                         20 bytes in the header buffer lo16, offload results hi16 | 24, 28 reserved
 *   transmit descriptor   0 buffer offset | 4 segment lo16, flags hi16 | 8 length | 12 VLAN TCI
 *   status block          0 completions so far, free-running
 */
export const DESCRIPTOR_BYTES = 16;
export const COMPLETION_BYTES = 32;

/** Words of a receive descriptor. */
export const RXD_PACKET_OFFSET = 0;
export const RXD_PACKET_SEGMENT = 1;
export const RXD_HEADER_OFFSET = 2;
export const RXD_HEADER_SEGMENT = 3;

/** Words of a receive completion. */
export const RXC_LENGTH_STATUS = 0;
export const RXC_VLAN_FILTER = 1;
export const RXC_HASH = 2;
export const RXC_STAMP = 3;
export const RXC_VERDICT = 4;
export const RXC_HEADER_OFFLOAD = 5;

/** Parts of the verdict, word 4: the receive queue in bits 0..7, then the address rule, then the EtherType. */
export const VERDICT_RULE_SHIFT = 8;
export const VERDICT_ETHERTYPE_SHIFT = 16;

/** Completion status, in place: bits of word 0. The low 16 bits are the length without the tag. */
export const RXC_DD: number = 1 << 16;
/** A tag was removed; word 1 has its TCI. */
export const RXC_VLAN: number = 1 << 17;
export const RXC_IPCS_OK: number = 1 << 18;
export const RXC_L4CS_OK: number = 1 << 19;
export const RXC_IPCS_BAD: number = 1 << 20;
export const RXC_L4CS_BAD: number = 1 << 21;
export const RXC_MULTICAST: number = 1 << 22;
export const RXC_BROADCAST: number = 1 << 23;
/** The first bytes lie in the header buffer. */
export const RXC_SPLIT: number = 1 << 24;
/** Accepted only because RCTL.UPE or RCTL.MPE is set. */
export const RXC_INEXACT: number = 1 << 25;

/** Filter slot (hi16 of word 1) when no filter took the frame. */
export const RXC_NO_FILTER = 0xffff;

/** Words of a transmit descriptor. */
export const TXD_OFFSET = 0;
export const TXD_SEGMENT_FLAGS = 1;
export const TXD_LENGTH = 2;
export const TXD_VLAN = 3;

/** Transmit flags, in place: bits of word 1. */
export const TXD_EOP: number = 1 << 16;
export const TXD_INSERT_VLAN: number = 1 << 17;
/** Report status. This device reports every batch; the bit is ignored. */
export const TXD_RS: number = 1 << 18;
