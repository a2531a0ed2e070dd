/**
 * Names for humans: reverse look-ups from numbers, for traces and error messages.
 *
 * The tables are turned into maps on first use, so importing this module costs nothing.
 */

import type { OidUse } from '../codec/oid-use.ts';
import { OID_NAMES, OID_USES, STATUS_NAMES } from '../generated/tables/names.ts';

let statuses: Map<number, string> | undefined;
let oids: Map<number, string> | undefined;
let uses: Map<number, OidUse> | undefined;

const hex32 = (value: number): string => `0x${(value >>> 0).toString(16).toUpperCase().padStart(8, '0')}`;

/** `NDIS_STATUS_PENDING` for 0x103; the hex number for a status without a name. Takes signed numbers too. */
export function statusName(status: number): string {
  statuses ??= new Map(STATUS_NAMES);
  return statuses.get(status >>> 0) ?? hex32(status);
}

/** `OID_RECEIVE_FILTER_SET_FILTER` for 0x10227; the hex number for an OID without a name. */
export function oidName(oid: number): string {
  oids ??= new Map(OID_NAMES);
  return oids.get(oid >>> 0) ?? hex32(oid);
}

/** How a receive-filter or NIC-switch OID is used; undefined for any other OID. */
export function oidUse(oid: number): OidUse | undefined {
  uses ??= new Map(OID_USES.map((use) => [use.value, use]));
  return uses.get(oid >>> 0);
}

/**
 * Name of an enumeration's member: `enumName(NDIS_RECEIVE_QUEUE_TYPE, 1)` is
 * `NdisReceiveQueueTypeVMQueue`. Of several members with one value the first; undefined if none has it.
 */
export function enumName(enumeration: Readonly<Record<string, number>>, value: number): string | undefined {
  return Object.keys(enumeration).find((member) => enumeration[member] === value);
}
