import {
  NDIS_FRAME_HEADER,
  NDIS_MAC_HEADER_FIELD,
  NDIS_OFFLOAD_PARAMETERS,
  NDIS_OFFLOAD_SET_OFF,
  NDIS_OFFLOAD_SET_ON,
  NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
  NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_FILTER_TEST,
  NDIS_RECEIVE_FILTER_TYPE,
  type NdisOffloadParameters,
  OID_RECEIVE_FILTER_SET_FILTER,
  OID_TCP_OFFLOAD_PARAMETERS,
  type StructInput,
  statusName,
} from '@vmq/abi';
import { methodRequest, setRequest } from '@vmq/ddi';
import { expect, it } from 'vitest';
import {
  allocate,
  type Bench,
  complete,
  createBench,
  frame,
  macOf,
  runningQueue,
} from '../bench.test-support.ts';

const SUCCESS = 'NDIS_STATUS_SUCCESS';
const NVGRE = { profile: 'vmq-nic' } as const;

function offload(bench: Bench, change: StructInput<NdisOffloadParameters>): string {
  const bytes = NDIS_OFFLOAD_PARAMETERS.encode(change, { revision: 3 });
  return statusName(bench.binding.oidRequestAndWait(setRequest(OID_TCP_OFFLOAD_PARAMETERS, bytes)));
}

function setEncapsulatedFilter(bench: Bench, queueId: number, last: number): string {
  const request = methodRequest(
    OID_RECEIVE_FILTER_SET_FILTER,
    NDIS_RECEIVE_FILTER_PARAMETERS.encode({
      Flags: NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION,
      FilterType: NDIS_RECEIVE_FILTER_TYPE.NdisReceiveFilterTypeVMQueue,
      QueueId: queueId,
      elements: [
        {
          Flags: NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
          FrameHeader: NDIS_FRAME_HEADER.NdisFrameHeaderMac,
          ReceiveFilterTest: NDIS_RECEIVE_FILTER_TEST.NdisReceiveFilterTestEqual,
          HeaderField: { MacHeaderField: NDIS_MAC_HEADER_FIELD.NdisMacHeaderFieldDestinationAddress },
          FieldValue: { FieldByteArrayValue: macOf(last) },
        },
      ],
    }),
  );
  return statusName(bench.binding.oidRequestAndWait(request));
}

/** `inner` inside an NVGRE frame to `02-15-5D-00-00-outer`. */
function encapsulated(outer: number, inner: Uint8Array): Uint8Array {
  const header = frame(outer);
  const total = 28 + inner.length;
  const ip = [0x45, 0, total >> 8, total & 255, 0, 0, 0, 0, 64, 47, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
  const gre = [0x20, 0, 0x65, 0x58, 0, 0x12, 0x34, 0];
  return Uint8Array.from([...header.slice(0, 12), 0x08, 0x00, ...ip, ...gre, ...inner]);
}

it('OFF-06 FLT-38 with NVGRE on, the inner destination decides; off, the outer; the frame arrives whole', () => {
  const bench = createBench(NVGRE);
  const outer = runningQueue(bench, 9, 0);
  const inner = allocate(bench, [1]);
  complete(bench, inner);
  expect(setEncapsulatedFilter(bench, inner, 1)).toBe('NDIS_STATUS_INVALID_PARAMETER');
  expect(offload(bench, { EncapsulatedPacketTaskOffload: NDIS_OFFLOAD_SET_ON })).toBe(SUCCESS);
  expect(setEncapsulatedFilter(bench, inner, 1)).toBe(SUCCESS);
  const packet = encapsulated(9, frame(1));
  for (const [bytes, queueId] of [
    [packet, inner],
    [frame(9), outer.queueId],
    [frame(1), inner],
  ] as const) {
    bench.receive(bytes);
    expect(bench.frames.at(-1)).toMatchObject({ queueId, bytes: [...bytes] });
  }
  // It outlives reset and low power.
  bench.adapter.reset();
  bench.adapter.setPower(4);
  bench.adapter.setPower(1);
  bench.receive(packet);
  expect(bench.frames.at(-1)?.queueId).toBe(inner);
  expect(offload(bench, { EncapsulatedPacketTaskOffload: NDIS_OFFLOAD_SET_OFF })).toBe(SUCCESS);
  bench.receive(packet);
  expect(bench.frames.at(-1)?.queueId).toBe(outer.queueId);
  expect(bench.violations()).toEqual([]);
});

it('OFF-06 hardware without it: NOT_SUPPORTED; NDIS 6.20 does not know the member, and nothing changes', () => {
  const on = { EncapsulatedPacketTaskOffload: NDIS_OFFLOAD_SET_ON };
  const without = createBench({ profile: 'netvmini' });
  expect(offload(without, on)).toBe('NDIS_STATUS_NOT_SUPPORTED');
  expect(offload(without, {})).toBe(SUCCESS);
  const old = createBench({ ...NVGRE, miniport: { minorNdisVersion: 20 } });
  expect(offload(old, on)).toBe(SUCCESS);
  expect(setEncapsulatedFilter(old, allocate(old), 1)).toBe('NDIS_STATUS_INVALID_PARAMETER');
});

it('other task offloads are not there to be enabled, and may be disabled', () => {
  const bench = createBench(NVGRE);
  expect(offload(bench, { IPv4Checksum: 1, LsoV2IPv4: 1, RscIPv6: 1 })).toBe(SUCCESS);
  for (const wanted of [{ IPv4Checksum: 4 }, { LsoV2IPv4: 2 }, { RscIPv4: 2 }, { UDPIPv6Checksum: 3 }])
    expect(offload(bench, wanted)).toBe('NDIS_STATUS_NOT_SUPPORTED');
});
