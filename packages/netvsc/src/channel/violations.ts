/**
 * What a guest can do wrong on its channel, by name. Each is counted in the channel's host state; none is
 * answered with anything but a refusal, and none touches another channel (SEC-10).
 *
 * The first four mean that the ring itself can no longer be followed: the channel is broken at once. The rest is
 * limited as a rate: a channel is given up when more than `violationLimit` damaged messages come within one
 * `violationWindow` and nothing good among them. A good frame or a sound completion begins the count anew, so a guest
 * that has something good to send keeps its channel, however much of the rest is damaged.
 */
export const VMBUS_VIOLATIONS = [
  /** The guest's read index is no index, or has passed what was written. */
  'ring.read-index',
  /** The guest's write index is no index, or has passed what was read. */
  'ring.write-index',
  /** A packet is longer than what has been written, or shorter than its own descriptor. */
  'ring.packet-length',
  /** A packet's payload starts inside its descriptor or behind its end. */
  'ring.packet-offset',
  /** A packet type the host does not take from a guest. */
  'packet.type',
  /** The payload is too short for the NVSP message it says it is. */
  'nvsp.too-short',
  /** An NVSP message that has no place here, or not now. */
  'nvsp.type',
  /** SEND_RNDIS_PKT that is neither data nor control. */
  'nvsp.rndis-kind',
  /** No such section of the send buffer. */
  'send.section-index',
  /** More bytes than a section has, or too few for any message. */
  'send.section-size',
  /** Not an RNDIS message its place calls for: no data message, or as a control message no request. */
  'rndis.type',
  /** MessageLength beyond what was sent, or below the message's own fields. */
  'rndis.message-length',
  /** The frame lies outside the message. */
  'rndis.data-range',
  /** The frame is shorter than an Ethernet header or, its tags not counted, longer than the channel allows. */
  'rndis.frame-length',
  /** Per-packet information that lies outside the message or cannot be walked. */
  'rndis.per-packet-info',
  /** A completion for no message that is outstanding: never sent, or completed before. */
  'receive.transaction',
  /** A message out of the handshake's order, or traffic before its end. */
  'handshake.order',
  /** A GPADL that is not whole pages of the guest's own memory, or was never created. */
  'gpadl.range',
  /** A channel message (outside the ring) that no guest sends, or not now. */
  'message.kind',
  /** A message in pages of the guest's that are none, more than there are, or of no bytes. */
  'gpa.range',
] as const;

export type VmbusViolation = (typeof VMBUS_VIOLATIONS)[number];

export const VIOLATION_RING_READ_INDEX = 0;
export const VIOLATION_RING_WRITE_INDEX = 1;
export const VIOLATION_RING_PACKET_LENGTH = 2;
export const VIOLATION_RING_PACKET_OFFSET = 3;
export const VIOLATION_PACKET_TYPE = 4;
export const VIOLATION_NVSP_TOO_SHORT = 5;
export const VIOLATION_NVSP_TYPE = 6;
export const VIOLATION_NVSP_RNDIS_KIND = 7;
export const VIOLATION_SEND_SECTION_INDEX = 8;
export const VIOLATION_SEND_SECTION_SIZE = 9;
export const VIOLATION_RNDIS_TYPE = 10;
export const VIOLATION_RNDIS_MESSAGE_LENGTH = 11;
export const VIOLATION_RNDIS_DATA_RANGE = 12;
export const VIOLATION_RNDIS_FRAME_LENGTH = 13;
export const VIOLATION_RNDIS_PER_PACKET_INFO = 14;
export const VIOLATION_RECEIVE_TRANSACTION = 15;
export const VIOLATION_HANDSHAKE_ORDER = 16;
export const VIOLATION_GPADL_RANGE = 17;
export const VIOLATION_MESSAGE_KIND = 18;
export const VIOLATION_GPA_RANGE = 19;

/** Violations below this number break the channel at once. */
export const FATAL_VIOLATIONS = 4;
