/** What a guest counts: doubles in shared memory, written by the guest's agent alone, once per batch. */
export const GUEST_STATISTICS = [
  /** Frames taken from the receive buffer, and their bytes. */
  'framesReceived',
  'bytesReceived',
  /** Of these: to a group address other than broadcast; to broadcast. */
  'multicastReceived',
  'broadcastReceived',
  /** Of these: unicast to another address than this guest's own. None may ever come (SEC-02). */
  'misdirected',
  /** Of these: with an 802.1Q tag beside them. */
  'tagged',
  /** Of these: IPv4, TCP or UDP checksum wrong; counted only with `verifyChecksums`. */
  'checksumErrors',
  /** Frames put into the send buffer, and their bytes. */
  'framesSent',
  'bytesSent',
  /** Of these: answers of the responder. */
  'replies',
  /** Frames of the source and messages to the guest that it could not obey: see endpoint-refusals.ts. */
  'refused',
] as const;

export type GuestStatistic = (typeof GUEST_STATISTICS)[number];

export const FRAMES_RECEIVED = 0;
export const BYTES_RECEIVED = 1;
export const MULTICAST_RECEIVED = 2;
export const BROADCAST_RECEIVED = 3;
export const MISDIRECTED = 4;
export const TAGGED = 5;
export const CHECKSUM_ERRORS = 6;
export const FRAMES_SENT = 7;
export const BYTES_SENT = 8;
export const REPLIES = 9;
export const REFUSED = 10;

export function createGuestStatistics(): SharedArrayBuffer {
  return new SharedArrayBuffer(GUEST_STATISTICS.length * 8);
}

/** The counters by name at this moment. */
export function readGuestStatistics(buffer: SharedArrayBuffer): Readonly<Record<GuestStatistic, number>> {
  const values = new Float64Array(buffer);
  return Object.fromEntries(GUEST_STATISTICS.map((name, i) => [name, values[i]])) as Record<
    GuestStatistic,
    number
  >;
}
