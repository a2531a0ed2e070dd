/**
 * The control path through the extensions: requests down, completions and status indications up.
 *
 *   request     capturing ─> filtering ─> forwarding ─> adapter      completion: the way back
 *   indication  switch <─ capturing <─ filtering <─ forwarding <─ adapter
 *
 * What an extension must not do has no effect and is written down (SW-25): bytes are put back, a veto is not heard.
 */
import {
  NDIS_STATUS_SUCCESS,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_SET_FILTER,
} from '@vmq/abi';
import type { OidRequest, StatusIndication } from '@vmq/ddi';
import { createExtensionCounters } from '../model/extension-counters.ts';
import { EXTERNAL_PORT, type SwitchExtensionsImage } from '../model/messages.ts';
import {
  NDIS_SWITCH_DEFAULT_NIC_INDEX,
  NDIS_SWITCH_DEFAULT_PORT_ID,
  orderExtensions,
  type SwitchExtension,
  type SwitchExtensionRecord,
  type SwitchNicOidRequest,
} from '../model/switch-extension.ts';

/** Records kept; older ones are forgotten. */
const RECORDS_KEPT = 1024;

const mayBeVetoed = (oid: number): boolean =>
  oid === OID_RECEIVE_FILTER_ALLOCATE_QUEUE || oid === OID_RECEIVE_FILTER_SET_FILTER;

const sameBytes = (x: Uint8Array, y: Uint8Array): boolean =>
  x.length === y.length && x.every((byte, i) => byte === y[i]);

export class ExtensionStack {
  /** In the order in which requests pass them. */
  readonly extensions: readonly SwitchExtension[];
  readonly records: SwitchExtensionRecord[] = [];
  /** Extension that vetoed the last request that could be vetoed, '' = none did. */
  vetoedBy = '';
  #sequence: number;

  /** The first record's sequence number is `start` + 1. */
  constructor(switchName: string, extensions: readonly SwitchExtension[], start: number = 0) {
    this.#sequence = start;
    this.extensions = orderExtensions(switchName, extensions);
  }

  /** What the data paths of the switch are told of its extensions. */
  image(processors: number): SwitchExtensionsImage {
    return {
      list: this.extensions.map(({ name, type, dataPathFactory, dataPathImage }) => ({
        name,
        type,
        factory: dataPathFactory ?? '',
        image: dataPathImage ?? null,
      })),
      counters: createExtensionCounters(processors, this.extensions.length),
    };
  }

  /** Passes a VMQ request of `sourcePortId` down; `issue` hands it to the adapter. Returns its status. */
  request(oidRequest: OidRequest, sourcePortId: number, issue: (request: OidRequest) => number): number {
    const vetoable = mayBeVetoed(oidRequest.oid);
    if (vetoable) this.vetoedBy = '';
    const request: SwitchNicOidRequest = {
      flags: 0,
      sourcePortId,
      sourceNicIndex: NDIS_SWITCH_DEFAULT_NIC_INDEX,
      destinationPortId: EXTERNAL_PORT,
      destinationNicIndex: NDIS_SWITCH_DEFAULT_NIC_INDEX,
      oidRequest,
    };
    const passed: SwitchExtension[] = [];
    let final: number | null = null;
    for (const extension of this.extensions) {
      const status = this.#ask(extension, request, vetoable);
      if (status !== NDIS_STATUS_SUCCESS) {
        if (vetoable && extension.type === 'forwarding') {
          this.vetoedBy = extension.name;
          this.#note(extension, 'vetoed', { oid: oidRequest.oid, sourcePortId, status });
          final = status;
          break;
        }
        this.#note(extension, 'veto-ignored', { oid: oidRequest.oid, sourcePortId, status });
      }
      passed.push(extension);
    }
    final ??= issue(oidRequest);
    for (const extension of passed.reverse()) extension.nicRequestComplete?.(request, final);
    return final;
  }

  #ask(extension: SwitchExtension, request: SwitchNicOidRequest, vetoable: boolean): number {
    if (extension.nicRequest === undefined) return NDIS_STATUS_SUCCESS;
    const { oid, informationBuffer } = request.oidRequest;
    const before = new Uint8Array(informationBuffer);
    const status = extension.nicRequest(request);
    const mayChange = vetoable && extension.type === 'forwarding';
    if (!mayChange && !sameBytes(before, informationBuffer)) {
      informationBuffer.set(before);
      this.#note(extension, 'change-ignored', { oid, sourcePortId: request.sourcePortId, status });
    }
    return status;
  }

  /** IND-07: passes an indication of the external adapter up; returns what reaches the switch. */
  indicate(original: StatusIndication): StatusIndication {
    let statusIndication = original;
    for (const extension of [...this.extensions].reverse()) {
      if (extension.nicStatus === undefined) continue;
      const { statusCode } = statusIndication;
      const before = new Uint8Array(statusIndication.statusBuffer);
      const answer = extension.nicStatus({
        flags: 0,
        sourcePortId: EXTERNAL_PORT,
        sourceNicIndex: NDIS_SWITCH_DEFAULT_NIC_INDEX,
        destinationPortId: NDIS_SWITCH_DEFAULT_PORT_ID,
        destinationNicIndex: NDIS_SWITCH_DEFAULT_NIC_INDEX,
        statusIndication,
      });
      if (answer.statusCode === statusCode && sameBytes(answer.statusBuffer, before)) continue;
      if (extension.type === 'forwarding') {
        statusIndication = answer;
        this.#note(extension, 'indication-changed', { statusCode });
      } else {
        statusIndication = { ...statusIndication, statusCode, statusBuffer: before };
        this.#note(extension, 'change-ignored', { statusCode });
      }
    }
    return statusIndication;
  }

  #note(
    { name }: SwitchExtension,
    event: SwitchExtensionRecord['event'],
    about: Partial<Omit<SwitchExtensionRecord, 'sequence' | 'extension' | 'event'>>,
  ): void {
    const nothing = { oid: 0, statusCode: 0, sourcePortId: NDIS_SWITCH_DEFAULT_PORT_ID, status: 0 };
    this.records.push({ sequence: ++this.#sequence, extension: name, event, ...nothing, ...about });
    if (this.records.length > RECORDS_KEPT) this.records.shift();
  }
}
