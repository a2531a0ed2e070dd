/**
 * The host's answers to RNDIS control messages. A guest may send them at any time, so both halves of the host
 * use this: the control half during the handshake, the data half afterwards.
 *
 *   INITIALIZE {request, major, minor, max}      -> {request, status, major, minor, flags, medium, …}
 *   QUERY {request, oid, length, offset}         -> {request, status, length, offset, value}
 *   SET {request, oid, length, offset, value}    -> {request, status}
 *   KEEPALIVE {request}                          -> {request, status}
 *   HALT {request}                               -> nothing
 *
 * Works on the host's own copy of the message; offsets count from the request id (byte 8).
 */
import type { ChannelImage } from './channel-image.ts';
import {
  OID_802_3_CURRENT_ADDRESS,
  OID_802_3_PERMANENT_ADDRESS,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_LINK_SPEED,
  OID_GEN_MAXIMUM_FRAME_SIZE,
  OID_GEN_MEDIA_CONNECT_STATUS,
  RNDIS_MAJOR_VERSION,
  RNDIS_MINOR_VERSION,
  RNDIS_MSG_COMPLETION,
  RNDIS_MSG_HALT,
  RNDIS_MSG_INIT,
  RNDIS_MSG_KEEPALIVE,
  RNDIS_MSG_QUERY,
  RNDIS_MSG_SET,
  RNDIS_STATUS_INVALID_DATA,
  RNDIS_STATUS_NOT_SUPPORTED,
  RNDIS_STATUS_SUCCESS,
} from './rndis.ts';

/** Bytes of a control message the host looks at; longer ones are malformed. */
export const MAX_CONTROL_BYTES = 128;

/** What the guest has settled by control messages. */
export interface RndisSettings {
  /** OID_GEN_CURRENT_PACKET_FILTER. */
  setPacketFilter(filter: number): void;
  readonly packetFilter: number;
  /** INITIALIZE was answered (true) or HALT received (false). */
  setReady(ready: boolean): void;
}

/** Least bytes of each request, the fields up to its value. */
const LEAST: Readonly<Record<number, number>> = {
  [RNDIS_MSG_INIT]: 24,
  [RNDIS_MSG_HALT]: 12,
  [RNDIS_MSG_QUERY]: 28,
  [RNDIS_MSG_SET]: 28,
  [RNDIS_MSG_KEEPALIVE]: 12,
};

/** Not an RNDIS request the host knows. */
export const RNDIS_UNKNOWN = -1;
/** A known request whose length does not hold its fields. */
export const RNDIS_MALFORMED = -2;

/**
 * Answers `request` (`bytes` long, from word 0) into `reply`. Returns the bytes of the reply, 0 for none, or
 * one of the negative results above.
 */
export function answerRndisControl(
  request: Int32Array,
  bytes: number,
  image: ChannelImage,
  settings: RndisSettings,
  reply: Int32Array,
): number {
  const type = request[0] as number;
  const length = (request[1] as number) >>> 0;
  const least = LEAST[type];
  if (least === undefined) return RNDIS_UNKNOWN;
  if (length < least || length > bytes) return RNDIS_MALFORMED;
  reply[0] = type | RNDIS_MSG_COMPLETION;
  reply[1] = 16;
  reply[2] = request[2] as number;
  reply[3] = RNDIS_STATUS_SUCCESS;
  if (type === RNDIS_MSG_HALT) {
    settings.setReady(false);
    return 0;
  }
  if (type === RNDIS_MSG_INIT) {
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
  if (type === RNDIS_MSG_QUERY) {
    const valueBytes = queryValue(request[3] as number, image, settings, reply);
    if (valueBytes === 0) {
      reply[3] = RNDIS_STATUS_NOT_SUPPORTED;
      reply[5] = 0;
    } else reply[5] = 16;
    reply[4] = valueBytes;
    return finish(reply, 24 + ((valueBytes + 3) & ~3));
  }
  if (type === RNDIS_MSG_SET) {
    const valueBytes = (request[4] as number) >>> 0;
    const valueAt = (request[5] as number) >>> 0;
    if ((request[3] as number) !== OID_GEN_CURRENT_PACKET_FILTER) reply[3] = RNDIS_STATUS_NOT_SUPPORTED;
    else if (valueBytes !== 4 || (valueAt & 3) !== 0 || valueAt < 20 || 8 + valueAt + 4 > length) {
      reply[3] = RNDIS_STATUS_INVALID_DATA;
    } else settings.setPacketFilter(request[(8 + valueAt) >>> 2] as number);
  }
  return finish(reply, 16);
}

function finish(reply: Int32Array, bytes: number): number {
  reply[1] = bytes;
  return bytes;
}

/** Writes the value of an OID at word 6 of the reply; returns its bytes, 0 for an OID not answered. */
function queryValue(oid: number, image: ChannelImage, settings: RndisSettings, reply: Int32Array): number {
  switch (oid) {
    case OID_802_3_PERMANENT_ADDRESS:
    case OID_802_3_CURRENT_ADDRESS: {
      const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = image.macAddress;
      reply[6] = a | (b << 8) | (c << 16) | (d << 24);
      reply[7] = e | (f << 8);
      return 6;
    }
    case OID_GEN_MAXIMUM_FRAME_SIZE:
      reply[6] = image.maxFrameBytes - 14; // without the Ethernet header
      return 4;
    case OID_GEN_LINK_SPEED:
      reply[6] = Math.min(image.linkSpeed / 100, 0xffffffff); // in units of 100 bit/s
      return 4;
    case OID_GEN_MEDIA_CONNECT_STATUS:
      reply[6] = 0; // connected
      return 4;
    case OID_GEN_CURRENT_PACKET_FILTER:
      reply[6] = settings.packetFilter;
      return 4;
    default:
      return 0;
  }
}
