/**
 * The objects that a guest may ask for or set on its adapter: what a Remote NDIS device must have, what NetVSC of Windows
 * and Linux' hv_netvsc ask for before they call an adapter good, and nothing else.
 *
 * Offload is told as it is: none. Linux gives an adapter up that does not say so in a structure, so there is one, and
 * "no offload" is the only setting that is taken.
 */
import type { ChannelImage } from '../channel/channel-image.ts';
import * as rndis from './rndis.ts';

/** What a guest has settled by control messages, and what it may ask about itself. */
export interface RndisSettings {
  /** OID_GEN_CURRENT_PACKET_FILTER. */
  readonly packetFilter: number;
  setPacketFilter(filter: number): void;
  /** Between INITIALIZE and HALT. */
  readonly isReady: boolean;
  /** INITIALIZE was answered (true), or HALT has come (false): then filter and multicast list are as before the first. */
  setReady(ready: boolean): void;
  /** OID_802_3_MULTICAST_LIST: addresses of six bytes, one behind the other. */
  multicastList(): Uint8Array;
  setMulticastList(addresses: Uint8Array): void;
  readonly framesToGuest: number;
  readonly framesFromGuest: number;
}

/** Multicast addresses a guest may have in its list. */
export const MAX_MULTICAST = 32;
/** Bits of a packet filter that an Ethernet adapter has (NDIS lets it refuse the others). */
const FILTER_BITS: number =
  rndis.NDIS_PACKET_TYPE_DIRECTED |
  rndis.NDIS_PACKET_TYPE_MULTICAST |
  rndis.NDIS_PACKET_TYPE_ALL_MULTICAST |
  rndis.NDIS_PACKET_TYPE_BROADCAST |
  rndis.NDIS_PACKET_TYPE_PROMISCUOUS;

/** What a query is answered from. */
interface Subject {
  readonly image: ChannelImage;
  readonly settings: RndisSettings;
  /** Bytes of the structure that came with the query, 0 = none. */
  readonly given: number;
}

type Value = number | Uint8Array;
const payload = ({ image }: Subject): number => image.maxFrameBytes - 14;
const total = ({ image }: Subject): number => image.maxFrameBytes;
const address = ({ image }: Subject): Uint8Array => Uint8Array.from(image.macAddress);
const zero = (): number => 0;

/** A number is a u32. */
const QUERIES: ReadonlyMap<number, (subject: Subject) => Value> = new Map<
  number,
  (subject: Subject) => Value
>([
  [rndis.OID_GEN_SUPPORTED_LIST, () => supportedList()],
  [rndis.OID_GEN_HARDWARE_STATUS, zero], // ready
  [rndis.OID_GEN_MEDIA_SUPPORTED, zero], // 802.3
  [rndis.OID_GEN_MEDIA_IN_USE, zero],
  [rndis.OID_GEN_MAXIMUM_LOOKAHEAD, payload],
  [rndis.OID_GEN_MAXIMUM_FRAME_SIZE, payload],
  [rndis.OID_GEN_LINK_SPEED, ({ image }) => Math.min(image.linkSpeed / 100, 0xffffffff)], // in units of 100 bit/s
  [rndis.OID_GEN_TRANSMIT_BLOCK_SIZE, total],
  [rndis.OID_GEN_RECEIVE_BLOCK_SIZE, total],
  [rndis.OID_GEN_VENDOR_ID, () => 0xffffff], // none
  [rndis.OID_GEN_VENDOR_DESCRIPTION, () => Uint8Array.from('VMQ virtual adapter\0', (c) => c.charCodeAt(0))],
  [rndis.OID_GEN_CURRENT_PACKET_FILTER, ({ settings }) => settings.packetFilter],
  [rndis.OID_GEN_CURRENT_LOOKAHEAD, payload],
  [rndis.OID_GEN_DRIVER_VERSION, () => 0x061e], // NDIS 6.30
  [rndis.OID_GEN_MAXIMUM_TOTAL_SIZE, total],
  [rndis.OID_GEN_MAC_OPTIONS, () => 0x0240], // NDIS_MAC_OPTION_8021P_PRIORITY and _8021Q_VLAN
  [rndis.OID_GEN_MEDIA_CONNECT_STATUS, zero], // connected
  [rndis.OID_GEN_MAXIMUM_SEND_PACKETS, () => 1],
  [rndis.OID_GEN_VENDOR_DRIVER_VERSION, () => 0x10000],
  [rndis.OID_GEN_XMIT_OK, ({ settings }) => settings.framesFromGuest % 0x1_0000_0000],
  [rndis.OID_GEN_RCV_OK, ({ settings }) => settings.framesToGuest % 0x1_0000_0000],
  [rndis.OID_GEN_XMIT_ERROR, zero],
  [rndis.OID_GEN_RCV_ERROR, zero],
  [rndis.OID_GEN_RCV_NO_BUFFER, zero],
  [rndis.OID_802_3_PERMANENT_ADDRESS, address],
  [rndis.OID_802_3_CURRENT_ADDRESS, address],
  [rndis.OID_802_3_MULTICAST_LIST, ({ settings }) => settings.multicastList()],
  [rndis.OID_802_3_MAXIMUM_LIST_SIZE, () => MAX_MULTICAST],
  [rndis.OID_802_3_RCV_ERROR_ALIGNMENT, zero],
  [rndis.OID_802_3_XMIT_ONE_COLLISION, zero],
  [rndis.OID_802_3_XMIT_MORE_COLLISIONS, zero],
  [rndis.OID_TCP_OFFLOAD_CURRENT_CONFIG, noOffload],
  [rndis.OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, noOffload],
]);

/** Takes a value, or says with which status it does not. */
const SETS: ReadonlyMap<number, (value: Uint8Array, settings: RndisSettings) => number> = new Map([
  [rndis.OID_GEN_CURRENT_PACKET_FILTER, setFilter],
  [rndis.OID_802_3_MULTICAST_LIST, setMulticast],
  [rndis.OID_TCP_OFFLOAD_PARAMETERS, setOffload],
]);

/** The value of an OID, or null for one that is not answered. `given`: bytes of the structure that came with the query. */
export function queryOid(
  oid: number,
  given: number,
  image: ChannelImage,
  settings: RndisSettings,
): Uint8Array | null {
  const value = QUERIES.get(oid >>> 0)?.({ image, settings, given });
  if (value === undefined) return null;
  return typeof value === 'number' ? littleEndian([value]) : value;
}

/** RNDIS_STATUS_… of a set; NOT_SUPPORTED for what cannot be set. */
export function setOid(oid: number, value: Uint8Array, settings: RndisSettings): number {
  return SETS.get(oid >>> 0)?.(value, settings) ?? rndis.RNDIS_STATUS_NOT_SUPPORTED;
}

function setFilter(value: Uint8Array, settings: RndisSettings): number {
  if (value.length !== 4) return rndis.RNDIS_STATUS_INVALID_LENGTH;
  const [a = 0, b = 0, c = 0, d = 0] = value;
  const filter = a | (b << 8) | (c << 16) | (d << 24);
  if ((filter & ~FILTER_BITS) !== 0) return rndis.RNDIS_STATUS_NOT_SUPPORTED;
  settings.setPacketFilter(filter);
  return rndis.RNDIS_STATUS_SUCCESS;
}

function setMulticast(value: Uint8Array, settings: RndisSettings): number {
  if (value.length % 6 !== 0) return rndis.RNDIS_STATUS_INVALID_LENGTH;
  if (value.length > 6 * MAX_MULTICAST) return rndis.RNDIS_STATUS_MULTICAST_FULL;
  for (let at = 0; at < value.length; at += 6)
    if ((value[at] & 1) === 0) return rndis.RNDIS_STATUS_INVALID_DATA;
  settings.setMulticastList(value);
  return rndis.RNDIS_STATUS_SUCCESS;
}

const OBJECT_TYPE_DEFAULT = 0x80;
const OBJECT_TYPE_OFFLOAD = 0xa7;
/** Bytes of NDIS_OFFLOAD_PARAMETERS that say on or off: between its header and its flags. */
const PARAMETERS_FROM = 4;
const PARAMETERS_TO = 15;

/** NDIS_OFFLOAD_PARAMETERS: 0 leaves a setting as it is and 1 turns it off, and off is what all of them are. */
function setOffload(value: Uint8Array): number {
  if (value.length < PARAMETERS_TO) return rndis.RNDIS_STATUS_INVALID_LENGTH;
  if (value[0] !== OBJECT_TYPE_DEFAULT) return rndis.RNDIS_STATUS_INVALID_DATA;
  for (let at = PARAMETERS_FROM; at < PARAMETERS_TO; at++)
    if (value[at] > 1) return rndis.RNDIS_STATUS_NOT_SUPPORTED;
  return rndis.RNDIS_STATUS_SUCCESS;
}

/** Bytes of NDIS_OFFLOAD by revision, from 1 on. */
const OFFLOAD_BYTES = [112, 144, 156] as const;

/** NDIS_OFFLOAD of an adapter that offloads nothing, of the latest revision that the guest's structure has room for. */
function noOffload({ given }: Subject): Uint8Array {
  const revision = given >= OFFLOAD_BYTES[2] ? 3 : given >= OFFLOAD_BYTES[1] ? 2 : 1;
  const value = new Uint8Array(OFFLOAD_BYTES[revision - 1] as number);
  value.set([OBJECT_TYPE_OFFLOAD, revision, value.length & 0xff, value.length >> 8]);
  return value;
}

function supportedList(): Uint8Array {
  return littleEndian([...new Set([...QUERIES.keys(), ...SETS.keys()])]);
}

function littleEndian(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  words.forEach((word, i) => {
    for (let k = 0; k < 4; k++) bytes[i * 4 + k] = word >>> (8 * k);
  });
  return bytes;
}
