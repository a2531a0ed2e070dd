/**
 * The general OIDs that every miniport answers itself and that never change: who made the device, and how much of what it
 * has room for (INIT-22).
 */
import {
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_SUCCESS,
  OID_GEN_MAXIMUM_TOTAL_SIZE,
  OID_GEN_RECEIVE_BLOCK_SIZE,
  OID_GEN_RECEIVE_BUFFER_SPACE,
  OID_GEN_TRANSMIT_BLOCK_SIZE,
  OID_GEN_TRANSMIT_BUFFER_SPACE,
  OID_GEN_VENDOR_DESCRIPTION,
  OID_GEN_VENDOR_DRIVER_VERSION,
  OID_GEN_VENDOR_ID,
} from '@vmq/abi';
import type { OidRequest } from '@vmq/ddi';

/** What the device and its rings have room for. */
export interface AdapterRoom {
  /** Longest frame with its header, without FCS and tag. */
  readonly maxFrameBytes: number;
  /** Frames that can be received before the first is handed on, and sent before the first is done. */
  readonly receiveFrames: number;
  readonly transmitFrames: number;
}

/** The vendor has no IEEE code: all its bits are set. */
const NO_VENDOR_CODE = 0x00ff_ffff;
const DESCRIPTION = 'VMQ network adapter';
/** Major version in the high word, minor in the low. */
const DRIVER_VERSION = 0x0001_0000;

const IDENTITY: readonly (readonly [number, (room: AdapterRoom) => Uint8Array])[] = [
  [OID_GEN_MAXIMUM_TOTAL_SIZE, ({ maxFrameBytes }) => word(maxFrameBytes)],
  // A frame takes as much of either as the longest does.
  [OID_GEN_RECEIVE_BLOCK_SIZE, ({ maxFrameBytes }) => word(maxFrameBytes)],
  [OID_GEN_TRANSMIT_BLOCK_SIZE, ({ maxFrameBytes }) => word(maxFrameBytes)],
  [OID_GEN_RECEIVE_BUFFER_SPACE, ({ maxFrameBytes, receiveFrames }) => word(receiveFrames * maxFrameBytes)],
  [
    OID_GEN_TRANSMIT_BUFFER_SPACE,
    ({ maxFrameBytes, transmitFrames }) => word(transmitFrames * maxFrameBytes),
  ],
  [OID_GEN_VENDOR_ID, () => word(NO_VENDOR_CODE)],
  // With the zero behind it.
  [
    OID_GEN_VENDOR_DESCRIPTION,
    () => Uint8Array.from(`${DESCRIPTION}\0`, (character) => character.charCodeAt(0)),
  ],
  [OID_GEN_VENDOR_DRIVER_VERSION, () => word(DRIVER_VERSION)],
];

/** By OID; each query gets SUCCESS or INVALID_LENGTH. */
export const IDENTITY_QUERIES: readonly (readonly [
  number,
  (room: AdapterRoom, request: OidRequest) => number,
])[] = IDENTITY.map(([oid, bytesOf]) => [oid, (room, request) => reply(request, bytesOf(room))]);

export function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** Answers a query with `bytes`: SUCCESS, INVALID_LENGTH if there is no room for them. */
export function reply(request: OidRequest, bytes: Uint8Array): number {
  if (request.outputBufferLength < bytes.length) {
    request.bytesNeeded = bytes.length;
    return NDIS_STATUS_INVALID_LENGTH;
  }
  request.informationBuffer.set(bytes);
  request.bytesWritten = bytes.length;
  return NDIS_STATUS_SUCCESS;
}
