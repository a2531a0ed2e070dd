/**
 * The general OIDs: packet filter, multicast list, statistics.
 */
import {
  NDIS_PACKET_TYPE_ALL_MULTICAST,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_MULTICAST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  NDIS_STATISTICS_FLAGS_VALID_BYTES_RCV,
  NDIS_STATISTICS_FLAGS_VALID_BYTES_XMIT,
  NDIS_STATISTICS_FLAGS_VALID_RCV_DISCARDS,
  NDIS_STATISTICS_FLAGS_VALID_RCV_ERROR,
  NDIS_STATISTICS_FLAGS_VALID_XMIT_ERROR,
  NDIS_STATISTICS_INFO,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_LOW_POWER_STATE,
  NDIS_STATUS_MULTICAST_FULL,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import type { OidRequest } from '@vmq/ddi';
import { MULTICAST_ENTRIES, RCTL_AAM, RCTL_BAM, RCTL_MPE, RCTL_NVGRE, RCTL_UPE, REG } from '@vmq/nic';
import type { Device } from '../hardware/device.ts';
import { reply } from './identity-oids.ts';

/** NDIS_PACKET_TYPE_* that the device can do. */
export const SUPPORTED_PACKET_FILTERS: number =
  NDIS_PACKET_TYPE_DIRECTED |
  NDIS_PACKET_TYPE_MULTICAST |
  NDIS_PACKET_TYPE_ALL_MULTICAST |
  NDIS_PACKET_TYPE_BROADCAST |
  NDIS_PACKET_TYPE_PROMISCUOUS;

const VALID_STATISTICS =
  NDIS_STATISTICS_FLAGS_VALID_BYTES_RCV |
  NDIS_STATISTICS_FLAGS_VALID_RCV_DISCARDS |
  NDIS_STATISTICS_FLAGS_VALID_RCV_ERROR |
  NDIS_STATISTICS_FLAGS_VALID_BYTES_XMIT |
  NDIS_STATISTICS_FLAGS_VALID_XMIT_ERROR;

/** Frames the device would not take, and frames that were wrong. */
const DISCARDS = [
  REG.NOMATCH,
  REG.MCREFUSED,
  REG.BCREFUSED,
  REG.RXDISABLED,
  REG.LINKDOWN,
  REG.QSTOPPED,
  REG.NODESC,
  REG.BUFSMALL,
];
const ERRORS = [REG.RUNT, REG.OVERSIZE, REG.RXFAULTS];

/** What an adapter accepts besides its receive filters. */
export class PacketFilter {
  readonly #device: Device;
  #types = 0;
  #multicast: readonly Uint8Array[] = [];
  #looksInside = false;

  constructor(device: Device) {
    this.#device = device;
  }

  /** OID_GEN_CURRENT_PACKET_FILTER, set: SUCCESS, INVALID_LENGTH, NOT_SUPPORTED for unknown types, FAILURE. */
  setTypes(request: OidRequest): number {
    if (request.inputBufferLength < 4) return needs(request, 4);
    const { buffer, byteOffset, byteLength } = request.informationBuffer;
    const types = new DataView(buffer, byteOffset, byteLength).getUint32(0, true);
    request.bytesRead = 4;
    if ((types & ~SUPPORTED_PACKET_FILTERS) !== 0) return NDIS_STATUS_NOT_SUPPORTED;
    const before = this.#types;
    this.#types = types;
    return this.#apply(() => {
      this.#types = before;
    });
  }

  /** OID_802_3_MULTICAST_LIST, set: SUCCESS, INVALID_LENGTH, MULTICAST_FULL, FAILURE. */
  setMulticastList(request: OidRequest): number {
    const length = request.inputBufferLength;
    if (length % 6 !== 0) return NDIS_STATUS_INVALID_LENGTH;
    if (length / 6 > MULTICAST_ENTRIES) return NDIS_STATUS_MULTICAST_FULL;
    const before = this.#multicast;
    // Copies, whatever kind of array the caller's is: it may do as it likes with it afterwards.
    this.#multicast = Array.from(
      { length: length / 6 },
      (_, i) => new Uint8Array(request.informationBuffer.subarray(i * 6, i * 6 + 6)),
    );
    request.bytesRead = length;
    return this.#apply(() => {
      this.#multicast = before;
    });
  }

  /** Has filters test the inner destination of NVGRE frames, or not (OFF-06): SUCCESS, FAILURE. */
  setEncapsulation(on: boolean): number {
    const before = this.#looksInside;
    this.#looksInside = on;
    return this.#apply(() => {
      this.#looksInside = before;
    });
  }

  /** `undo` makes it what it was: a request that fails changes nothing, not even what a reset restores. */
  #apply(undo: () => void): number {
    this.program();
    if (this.#device.commit()) return NDIS_STATUS_SUCCESS;
    undo();
    this.program();
    return NDIS_STATUS_FAILURE;
  }

  /** Writes the registers; in force from the next commit on. */
  program(): void {
    const device = this.#device;
    const has = (type: number): boolean => (this.#types & type) !== 0;
    device.registers.write32(
      REG.RCTL,
      (has(NDIS_PACKET_TYPE_PROMISCUOUS) ? RCTL_UPE | RCTL_MPE | RCTL_BAM : 0) |
        (has(NDIS_PACKET_TYPE_ALL_MULTICAST) ? RCTL_MPE : 0) |
        (has(NDIS_PACKET_TYPE_BROADCAST) ? RCTL_BAM : 0) |
        (has(NDIS_PACKET_TYPE_DIRECTED) ? RCTL_AAM : 0) |
        (this.#looksInside ? RCTL_NVGRE : 0),
    );
    // The device knows no switch for its list: without MULTICAST it is empty.
    device.writeMulticastList(has(NDIS_PACKET_TYPE_MULTICAST) ? this.#multicast : []);
  }
}

/** OID_GEN_CURRENT_LOOKAHEAD, set: SUCCESS, INVALID_LENGTH. Whole frames are indicated, which is enough for anybody. */
export function setLookahead(request: OidRequest): number {
  if (request.inputBufferLength < 4) return needs(request, 4);
  request.bytesRead = 4;
  return NDIS_STATUS_SUCCESS;
}

/** OID_GEN_STATISTICS, query: SUCCESS, INVALID_LENGTH, LOW_POWER_STATE (nobody to ask). Only what SupportedStatistics names is counted. */
export function queryStatistics(device: Device, request: OidRequest): number {
  if (device.isAsleep) return NDIS_STATUS_LOW_POWER_STATE;
  const sum = (registers: readonly number[]): bigint =>
    registers.reduce((total, register) => total + BigInt(device.counter(register)), 0n);
  const statistics = NDIS_STATISTICS_INFO.encode({
    SupportedStatistics: VALID_STATISTICS,
    ifInDiscards: sum(DISCARDS),
    ifInErrors: sum(ERRORS),
    ifHCInOctets: sum([REG.GORC]),
    ifHCOutOctets: sum([REG.GOTC]),
    ifOutErrors: sum([REG.TXFAULTS]),
  });
  return reply(request, statistics);
}

/** OID_GEN_RCV_OK, OID_GEN_XMIT_OK, query: 64 bits, or the low 32 where there is no room for more. */
export function queryFrames(device: Device, register: number, request: OidRequest): number {
  if (device.isAsleep) return NDIS_STATUS_LOW_POWER_STATE;
  const isLong = request.outputBufferLength >= 8;
  request.bytesNeeded = 8;
  if (!isLong && request.outputBufferLength < 4) return NDIS_STATUS_INVALID_LENGTH;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(device.counter(register)), true);
  return reply(request, bytes.subarray(0, isLong ? 8 : 4));
}

function needs(request: OidRequest, bytes: number): number {
  request.bytesNeeded = bytes;
  return NDIS_STATUS_INVALID_LENGTH;
}
