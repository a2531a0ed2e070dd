/**
 * Packets in a VMBus ring, and the channel messages that go beside it.
 *
 *   byte 0   u16 type            VM_PKT_*
 *        2   u16 dataOffset8     bytes from the packet's start to its payload, in units of 8
 *        4   u16 length8         bytes of descriptor and payload, in units of 8
 *        6   u16 flags           bit 0: the sender wants a VM_PKT_COMP with the same transaction id
 *        8   u64 transactionId
 *       16   (transfer pages only) u16 setId, u8 senderOwnsSet, u8 0, u32 rangeCount,
 *            then per range u32 byteCount, u32 byteOffset
 *       16   (pages of the guest's) u32 0, u32 rangeCount, then per range u32 byteCount, u32 byteOffset in its first page,
 *            u64 page number of each page it touches
 *       8 * dataOffset8  payload
 *       8 * length8      u64 trailer: the byte offset in the ring where this packet starts, in the high half
 *
 * All little-endian. Numbers and names as in the public headers of the Linux guest drivers (hyperv.h).
 */
export const VM_PKT_DATA_INBAND = 6;
export const VM_PKT_DATA_USING_XFER_PAGES = 7;
export const VM_PKT_DATA_USING_GPA_DIRECT = 9;
export const VM_PKT_COMP = 11;

export const VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED = 1;

/** Bytes of a packet descriptor. */
export const PACKET_DESCRIPTOR_BYTES = 16;
/** Bytes of a transfer-page descriptor without its ranges. */
export const TRANSFER_PAGE_HEADER_BYTES = 24;
/** Bytes behind every packet. */
export const PACKET_TRAILER_BYTES = 8;

/** Channel messages: between hypervisor and guest, outside the ring. */
export const CHANNELMSG_OFFERCHANNEL = 1;
export const CHANNELMSG_RESCIND_CHANNELOFFER = 2;
export const CHANNELMSG_OPENCHANNEL = 5;
export const CHANNELMSG_OPENCHANNEL_RESULT = 6;
export const CHANNELMSG_CLOSECHANNEL = 7;
export const CHANNELMSG_GPADL_HEADER = 8;
export const CHANNELMSG_GPADL_CREATED = 10;
export const CHANNELMSG_GPADL_TEARDOWN = 11;
export const CHANNELMSG_GPADL_TORNDOWN = 12;
export const CHANNELMSG_RELID_RELEASED = 13;
