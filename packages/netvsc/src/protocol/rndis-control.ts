/**
 * The host's answers to RNDIS control messages. A guest may send them at any time, so both paths of the host
 * use this: the control path during the handshake, the data path afterwards.
 *
 *   INITIALIZE {request, major, minor, max}      -> {request, status, major, minor, flags, medium, …}
 *   QUERY {request, oid, length, offset}         -> {request, status, length, offset, value}
 *   SET {request, oid, length, offset, value}    -> {request, status}
 *   RESET {0}                                    -> {status, addressing reset}
 *   KEEPALIVE {request}                          -> {request, status}
 *   HALT {request}                               -> nothing; no frame passes until INITIALIZE and a packet filter
 *   any other request {request, …}               -> {request, status NOT_SUPPORTED}
 *
 * A driver waits for the completion of what it asks, so whatever is a request gets one (SW-29). Works on the host's own
 * copy of the message, of a long one its first {@link MAX_CONTROL_BYTES}; offsets count from the request id (byte 8).
 */
import type { ChannelImage } from '../channel/channel-image.ts';
import {
  RNDIS_MAJOR_VERSION,
  RNDIS_MINOR_VERSION,
  RNDIS_MSG_COMPLETION,
  RNDIS_MSG_HALT,
  RNDIS_MSG_INDICATE,
  RNDIS_MSG_INIT,
  RNDIS_MSG_KEEPALIVE,
  RNDIS_MSG_PACKET,
  RNDIS_MSG_QUERY,
  RNDIS_MSG_RESET,
  RNDIS_MSG_SET,
  RNDIS_STATUS_ADAPTER_NOT_READY,
  RNDIS_STATUS_INVALID_DATA,
  RNDIS_STATUS_NOT_SUPPORTED,
  RNDIS_STATUS_SUCCESS,
} from './rndis.ts';
import { queryOid, type RndisSettings, setOid } from './rndis-oids.ts';

/** Bytes of a control message the host looks at: every value it can use lies there. Longer ones are answered all the same. */
export const MAX_CONTROL_BYTES = 1024;
/** Bytes of the longest answer. */
export const MAX_REPLY_BYTES = 512;

/** Least bytes of each request, the fields up to its value. */
const LEAST: Readonly<Record<number, number>> = {
  [RNDIS_MSG_INIT]: 24,
  [RNDIS_MSG_HALT]: 12,
  [RNDIS_MSG_QUERY]: 28,
  [RNDIS_MSG_SET]: 28,
  [RNDIS_MSG_RESET]: 12,
  [RNDIS_MSG_KEEPALIVE]: 12,
};
/** Bytes of a request that the host does not know: it has an id at least. */
const LEAST_UNKNOWN = 12;

/** No request: data, an indication, or an answer to something that was never asked. */
export const RNDIS_NO_REQUEST = -1;
/** A request whose length does not hold its fields, or goes beyond what was sent. */
export const RNDIS_MALFORMED = -2;

/** A control message as the host has it. */
export interface ControlMessage {
  /** Its first words, and the same as bytes. */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** Bytes that the guest has sent, of which at most {@link MAX_CONTROL_BYTES} are here. */
  sent: number;
}

export function createControlMessage(): ControlMessage {
  const bytes = new Uint8Array(MAX_CONTROL_BYTES);
  return { words: new Int32Array(bytes.buffer), bytes, sent: 0 };
}

/**
 * Answers `message` into `reply`. Returns the bytes of the reply, 0 for none, or one of the negative results above.
 */
export function answerRndisControl(
  message: ControlMessage,
  image: ChannelImage,
  settings: RndisSettings,
  reply: Int32Array,
): number {
  const request = message.words;
  const type = request[0];
  const length = request[1] >>> 0;
  if (type <= RNDIS_MSG_PACKET || type === RNDIS_MSG_INDICATE) return RNDIS_NO_REQUEST;
  if (length < (LEAST[type] ?? LEAST_UNKNOWN) || length > message.sent) return RNDIS_MALFORMED;
  reply[0] = type | RNDIS_MSG_COMPLETION;
  reply[2] = request[2];
  reply[3] = RNDIS_STATUS_SUCCESS;
  if (type === RNDIS_MSG_HALT) {
    settings.setReady(false);
    return 0;
  }
  if (type === RNDIS_MSG_INIT) return initialize(image, settings, reply);
  if (LEAST[type] === undefined) reply[3] = RNDIS_STATUS_NOT_SUPPORTED;
  else if (!settings.isReady) reply[3] = RNDIS_STATUS_ADAPTER_NOT_READY;
  switch (type) {
    case RNDIS_MSG_QUERY:
      return query(message, image, settings, reply);
    case RNDIS_MSG_SET:
      if (reply[3] === RNDIS_STATUS_SUCCESS) reply[3] = set(message, length, settings);
      break;
    case RNDIS_MSG_RESET:
      // It has no id. The filter and the multicast list are as they were: nothing need be sent again.
      reply[2] = reply[3];
      reply[3] = 0;
      break;
    default:
  }
  return finish(reply, 16);
}

function finish(reply: Int32Array, bytes: number): number {
  reply[1] = bytes;
  return bytes;
}

function initialize(image: ChannelImage, settings: RndisSettings, reply: Int32Array): number {
  reply[4] = RNDIS_MAJOR_VERSION;
  reply[5] = RNDIS_MINOR_VERSION;
  reply[6] = 1; // connectionless
  reply[7] = 0; // 802.3
  reply[8] = 1; // packets per message
  reply[9] = image.send.sectionSize;
  reply[10] = 3; // packets aligned to 2^3
  reply[11] = 0;
  reply[12] = 0;
  settings.setReady(true);
  return finish(reply, 52);
}

function query(
  message: ControlMessage,
  image: ChannelImage,
  settings: RndisSettings,
  reply: Int32Array,
): number {
  const isRefused = reply[3] !== RNDIS_STATUS_SUCCESS;
  const given = message.words[4] >>> 0;
  const value = isRefused ? null : queryOid(message.words[3], given, image, settings);
  if (value === null) {
    if (!isRefused) reply[3] = RNDIS_STATUS_NOT_SUPPORTED;
    reply[4] = 0;
    reply[5] = 0;
    return finish(reply, 24);
  }
  reply[4] = value.length;
  reply[5] = 16;
  const end = 24 + ((value.length + 3) & ~3);
  if (value.length !== 0) reply[(end >>> 2) - 1] = 0; // what fills the last word up is not an older answer's
  new Uint8Array(reply.buffer).set(value, 24);
  return finish(reply, end);
}

/** The status of a SET whose message is `length` bytes long. */
function set(message: ControlMessage, length: number, settings: RndisSettings): number {
  const { words, bytes } = message;
  const valueBytes = words[4] >>> 0;
  const at = 8 + (words[5] >>> 0);
  const end = at + valueBytes;
  if (valueBytes !== 0 && (at < 28 || end > length)) return RNDIS_STATUS_INVALID_DATA;
  // What lies beyond the host's copy belongs to no OID that can be set.
  if (end > MAX_CONTROL_BYTES) return RNDIS_STATUS_NOT_SUPPORTED;
  return setOid(words[3], bytes.subarray(at, end), settings);
}
