/** Random and damaged OID requests to a live adapter; and the ones that once did harm (docs/fuzzing.md). */
import {
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_PACKET_FILTER,
  OID_GEN_STATISTICS,
  OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
} from '@vmq/abi';
import {
  type NdisRequestMethod,
  NdisRequestSetInformation,
  type OidRequest,
  queryRequest,
  setRequest,
} from '@vmq/ddi';
import { afterAll, describe, expect, test } from 'vitest';
import { fuzzShort } from '../../../tools/fuzz/src/short.ts';
import { createBench } from '../src/driver/bench.ts';

test('20 000 buffers: no crash, no byte outside, every refusal named', async () => {
  const { outcomes } = await fuzzShort('oid-requests');
  expect(outcomes['success']).toBeGreaterThan(500);
  expect(Object.keys(outcomes).length).toBeGreaterThanOrEqual(6);
});

describe('requests that contradict themselves are refused before any driver sees them', () => {
  const listener = { completed: () => {}, indicated: () => {} };
  const bench = createBench({ kind: '6.30' }, { A: listener, B: listener });
  afterAll(() => bench.stop());
  const ask = (request: OidRequest): number => bench.A.binding?.oidRequest(request) ?? -1;

  const lies: [string, OidRequest][] = [
    // The answer was written with a RangeError.
    [
      'an output longer than the buffer',
      { ...queryRequest(OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, 0), outputBufferLength: 2 ** 32 },
    ],
    [
      'an output longer than the buffer, at the miniport',
      { ...queryRequest(OID_GEN_STATISTICS, 24), outputBufferLength: 1200 },
    ],
    // The miniport read four bytes from two, the rest from whatever lay behind.
    [
      'an input longer than the buffer',
      { ...setRequest(OID_GEN_CURRENT_PACKET_FILTER, new Uint8Array(2)), inputBufferLength: 4 },
    ],
    [
      'a length below zero',
      { ...setRequest(OID_GEN_CURRENT_PACKET_FILTER, new Uint8Array(4)), inputBufferLength: -1 },
    ],
    [
      'a length that is no number',
      { ...setRequest(OID_GEN_CURRENT_PACKET_FILTER, new Uint8Array(4)), inputBufferLength: Number.NaN },
    ],
  ];
  test.each(lies)('%s', (_, request) => {
    expect(ask(request)).toBe(NDIS_STATUS_INVALID_PARAMETER);
    expect(bench.ndis.refusals.last).toMatchObject({ rule: 'NdisOidBufferLengths', oid: request.oid });
    expect(request).toMatchObject({ bytesRead: 0, bytesWritten: 0 });
  });

  test('INIT-13 a request of an unknown type', () => {
    const request = { ...queryRequest(OID_GEN_STATISTICS, 1000), requestType: 7 as typeof NdisRequestMethod };
    expect(ask(request)).toBe(NDIS_STATUS_NOT_SUPPORTED);
    expect(bench.ndis.refusals.last).toMatchObject({ rule: 'INIT-13', found: 'request type 7' });
  });

  test('the multicast list is a copy, for a Node Buffer as for any other array', () => {
    const list = Buffer.from('01005e000001', 'hex');
    expect(ask(setRequest(OID_802_3_MULTICAST_LIST, list))).toBe(NDIS_STATUS_SUCCESS);
    list.fill(0xff);
    const filter = setRequest(OID_GEN_CURRENT_PACKET_FILTER, Uint8Array.of(2, 0, 0, 0));
    expect(filter.requestType).toBe(NdisRequestSetInformation);
    // Programs the device anew, list and all.
    expect(ask(filter)).toBe(NDIS_STATUS_SUCCESS);
    const frame = new Uint8Array(60);
    frame.set([0x01, 0x00, 0x5e, 0, 0, 1]);
    bench.transmit([frame]);
    bench.executor.runUntilIdle();
    expect(bench.A.takeFrames().length).toBe(1);
  });
});
