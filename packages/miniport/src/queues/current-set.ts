/**
 * The current receive-filter set while the adapter works: its owner may take queues out of use and put them back, as
 * vendors' management applications do (NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES).
 *
 *   set OID_VMQ_MINIPORT_VM_QUEUES ──> CURRENT_CAPABILITIES indicated ──> NDIS, and all who are bound
 *
 * Queues and filters that exist stay as they are; their owners give them back (CAP-31).
 */
import {
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { type MiniportAdapter, NdisRequestSetInformation, type OidRequest } from '@vmq/ddi';
import type { CapabilitySets } from '../model/capabilities.ts';

/**
 * This driver's own OID (0xFF: implementation-specific), query and set, a ULONG: VM queues of the current set. 0 withdraws
 * the set; a later set of another number brings it back. A restart of the driver makes it what the keywords say.
 */
export const OID_VMQ_MINIPORT_VM_QUEUES = 0xff56_4d01;

const WORD = 4;

export class CurrentSet {
  readonly #adapter: MiniportAdapter;
  readonly #sets: CapabilitySets;
  #queues: number;

  constructor(adapter: MiniportAdapter, sets: CapabilitySets) {
    this.#adapter = adapter;
    this.#sets = sets;
    this.#queues = sets.mode.mode === 'vmq' ? sets.mostQueues : 0;
  }

  /**
   * SUCCESS, INVALID_LENGTH, INVALID_DATA for more queues than the hardware has, NOT_SUPPORTED for a set below NDIS 6.30,
   * which has no such indication, or where the keywords leave no VMQ.
   */
  handle(request: OidRequest): number {
    const isSet = request.requestType === NdisRequestSetInformation;
    const room = isSet ? request.inputBufferLength : request.outputBufferLength;
    if (room < WORD) {
      request.bytesNeeded = WORD;
      return NDIS_STATUS_INVALID_LENGTH;
    }
    const { buffer, byteOffset, byteLength } = request.informationBuffer;
    const bytes = new DataView(buffer, byteOffset, byteLength);
    if (!isSet) {
      bytes.setUint32(0, this.#queues, true);
      request.bytesWritten = WORD;
      return NDIS_STATUS_SUCCESS;
    }
    return this.#set(bytes.getUint32(0, true), request);
  }

  #set(queues: number, request: OidRequest): number {
    const { mode, minorVersion, mostQueues } = this.#sets;
    if (mode.mode !== 'vmq' || minorVersion === 20) return NDIS_STATUS_NOT_SUPPORTED;
    if (queues > mostQueues) return NDIS_STATUS_INVALID_DATA;
    request.bytesRead = WORD;
    if (queues === this.#queues) return NDIS_STATUS_SUCCESS;
    this.#queues = queues;
    const bytes = this.#sets.current(queues);
    this.#adapter.indicateStatusEx(NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, bytes);
    return NDIS_STATUS_SUCCESS;
  }
}
