import {
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  OID_GEN_LINK_STATE,
  OID_GEN_VENDOR_ID,
} from '@vmq/abi';
import { queryRequest, setRequest } from '@vmq/ddi';
import { expect, it } from 'vitest';
import { OidDispatchTable, QUERY, SET } from '../../src/driver/oid-dispatch.ts';

it('INIT-13 a dispatch table alone: the handler of the OID, for the kinds of request that it takes', () => {
  const asked: string[] = [];
  const table = new OidDispatchTable<string>([
    [OID_GEN_VENDOR_ID, { types: QUERY, handle: (target) => answer(`vendor of ${target}`) }],
    [OID_GEN_LINK_STATE, { types: [...QUERY, ...SET], handle: (target) => answer(`link of ${target}`) }],
  ]);
  const answer = (what: string): number => {
    asked.push(what);
    return NDIS_STATUS_SUCCESS;
  };
  const bytes = new Uint8Array(4);
  const dispatch = (request: ReturnType<typeof setRequest>): number => table.dispatch('nic0', request);
  expect(table.supportedOids).toEqual([OID_GEN_VENDOR_ID, OID_GEN_LINK_STATE]);
  expect(dispatch(queryRequest(OID_GEN_VENDOR_ID, 4))).toBe(NDIS_STATUS_SUCCESS);
  expect(dispatch(setRequest(OID_GEN_VENDOR_ID, bytes))).toBe(NDIS_STATUS_NOT_SUPPORTED);
  expect(dispatch(setRequest(OID_GEN_LINK_STATE, bytes))).toBe(NDIS_STATUS_SUCCESS);
  expect(dispatch(setRequest(0x1234, bytes))).toBe(NDIS_STATUS_NOT_SUPPORTED);
  expect(asked).toEqual(['vendor of nic0', 'link of nic0']);
});
