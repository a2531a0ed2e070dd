/**
 * Control paths of three small drivers of one's own: two filter modules on the adapter, an extension of the switch.
 * Their data paths are in `fixtures/data-paths.mjs`.
 */
import {
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_STATUS_DATA_NOT_ACCEPTED,
  NDIS_STATUS_SUCCESS,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
} from '@vmq/abi';
import type { FilterDriver } from '@vmq/ddi';
import type { SwitchExtension } from '@vmq/vswitch';

const plain = {
  majorNdisVersion: 6,
  minorNdisVersion: 30,
  attach: () => NDIS_STATUS_SUCCESS,
  detach() {},
  pause: () => NDIS_STATUS_SUCCESS,
  restart: () => NDIS_STATUS_SUCCESS,
} as const;

export interface CountingFilter extends FilterDriver {
  /** Frames that came up and went down, on all processors. */
  counts(): { readonly received: number; readonly sent: number };
}

export function countingFilter(processors: number): CountingFilter {
  const counters = new SharedArrayBuffer(processors * 128);
  const sum = (column: number): number =>
    new Float64Array(counters).reduce((total, n, i) => (i % 16 === column ? total + n : total), 0);
  return {
    ...plain,
    name: 'counting',
    dataPathFactory: 'counting',
    dataPathImage: () => ({ counters }),
    counts: () => ({ received: sum(0), sent: sum(1) }),
  };
}

export const everyTenthFilter: FilterDriver = {
  ...plain,
  name: 'every-tenth',
  dataPathFactory: 'every-tenth',
  dataPathImage: () => null,
};

/** Drops frames of one EtherType, and gives the VM `vmName` no VM queue. */
export function guardExtension(vmName: string, etherType: number): SwitchExtension {
  return {
    name: 'guard',
    type: 'forwarding',
    nicRequest({ oidRequest: { oid, informationBuffer } }) {
      if (oid !== OID_RECEIVE_FILTER_ALLOCATE_QUEUE) return NDIS_STATUS_SUCCESS;
      const asked = NDIS_RECEIVE_QUEUE_PARAMETERS.decode(informationBuffer);
      return asked.ok && asked.value.VmName === vmName ? NDIS_STATUS_DATA_NOT_ACCEPTED : NDIS_STATUS_SUCCESS;
    },
    dataPathFactory: 'ether-type-guard',
    dataPathImage: { etherType },
  };
}
