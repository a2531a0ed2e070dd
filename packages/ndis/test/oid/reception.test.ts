// What several bindings want to receive: the miniport hears of all of it together, and of nobody's who has gone.
import {
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_MULTICAST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_DATA,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_MULTICAST_FULL,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  OID_802_3_MULTICAST_LIST,
  OID_GEN_CURRENT_LOOKAHEAD,
  OID_GEN_CURRENT_PACKET_FILTER,
} from '@vmq/abi';
import { type Binding, outputOf, queryRequest, queryStatisticsRequest, setRequest } from '@vmq/ddi';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bench, createBench, TestProtocol } from '../bench.test-support.ts';

const SUCCESS = NDIS_STATUS_SUCCESS;
const DIRECTED = NDIS_PACKET_TYPE_DIRECTED;
const MULTICAST = NDIS_PACKET_TYPE_MULTICAST;
const BROADCAST = NDIS_PACKET_TYPE_BROADCAST;
const PROMISCUOUS = NDIS_PACKET_TYPE_PROMISCUOUS;

const word = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const types = (value: number) => setRequest(OID_GEN_CURRENT_PACKET_FILTER, word(value));
const group = (last: number): number[] => [0x01, 0x00, 0x5e, 0, 0, last];
const list = (...lasts: number[]) =>
  setRequest(OID_802_3_MULTICAST_LIST, Uint8Array.from(lasts.flatMap(group)));
const lookahead = (bytes: number) => setRequest(OID_GEN_CURRENT_LOOKAHEAD, word(bytes));
const lastBytes = (bytes: Uint8Array): number[] => [...bytes].filter((_, i) => i % 6 === 5);

/** A bench with a second protocol, which is not on the data path. */
function benchOfTwo(): Bench & { readonly second: Binding } {
  const bench = createBench();
  const { binding: second } = bench.adapter.bind(new TestProtocol('monitor'));
  if (second === null) throw new Error('bind refused');
  return { ...bench, second };
}

function queried({ adapter }: Bench, oid: number, room = 4): Uint8Array {
  const query = queryStatisticsRequest(oid, room);
  expect(adapter.userModeRequest(query)).toBe(SUCCESS);
  return outputOf(query);
}

describe('OID_GEN_CURRENT_PACKET_FILTER', () => {
  test('the miniport gets the types of all bindings; a set replaces those of its own binding', () => {
    const bench = benchOfTwo();
    const { binding, second, miniport } = bench;
    const request = types(DIRECTED | BROADCAST);
    expect(binding.oidRequest(request)).toBe(SUCCESS);
    expect(request).toMatchObject({ bytesRead: 4, supportedRevision: 1 });
    expect(second.oidRequest(types(DIRECTED | PROMISCUOUS))).toBe(SUCCESS);
    expect(miniport.packetFilter).toBe(DIRECTED | BROADCAST | PROMISCUOUS);
    // The caller's buffer stays the caller's.
    expect([...request.informationBuffer]).toEqual([DIRECTED | BROADCAST, 0, 0, 0]);
    expect(second.oidRequest(types(MULTICAST))).toBe(SUCCESS);
    expect(miniport.packetFilter).toBe(DIRECTED | BROADCAST | MULTICAST);
    expect(binding.oidRequest(types(0))).toBe(SUCCESS);
    expect(miniport.packetFilter).toBe(MULTICAST);
  });

  test('a query gets the types of all bindings, from NDIS, whoever asks', () => {
    const bench = benchOfTwo();
    bench.binding.oidRequest(types(DIRECTED));
    bench.second.oidRequest(types(BROADCAST));
    const asked = bench.miniport.seen.length;
    for (const binding of [bench.binding, bench.second]) {
      const query = queryRequest(OID_GEN_CURRENT_PACKET_FILTER, 4);
      expect(binding.oidRequest(query)).toBe(SUCCESS);
      expect([...outputOf(query)]).toEqual([DIRECTED | BROADCAST, 0, 0, 0]);
    }
    expect([...queried(bench, OID_GEN_CURRENT_PACKET_FILTER)]).toEqual([DIRECTED | BROADCAST, 0, 0, 0]);
    expect(bench.miniport.seen.length).toBe(asked);
    const short = queryRequest(OID_GEN_CURRENT_PACKET_FILTER, 3);
    expect(bench.binding.oidRequest(short)).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(short.bytesNeeded).toBe(4);
  });

  test('closing a binding takes its types away, and says so only if that changes something', () => {
    const { binding, second, miniport } = benchOfTwo();
    binding.oidRequest(types(DIRECTED));
    second.oidRequest(types(DIRECTED | PROMISCUOUS));
    second.close();
    expect(miniport.packetFilter).toBe(DIRECTED);
    const asked = miniport.seen.length;
    binding.close();
    expect(miniport.packetFilter).toBe(0);
    expect(miniport.seen.length).toBe(asked + 1);
  });

  test('a binding that asked for nothing closes without a request', () => {
    const { binding, second, miniport } = benchOfTwo();
    binding.oidRequest(types(DIRECTED));
    const asked = miniport.seen.length;
    second.close();
    expect(miniport.seen.length).toBe(asked);
  });

  test('what the miniport refuses changes nothing', () => {
    const bench = benchOfTwo();
    const { binding, second, miniport } = bench;
    binding.oidRequest(types(DIRECTED));
    miniport.failNext = NDIS_STATUS_FAILURE;
    expect(second.oidRequest(types(PROMISCUOUS))).toBe(NDIS_STATUS_FAILURE);
    expect([...queried(bench, OID_GEN_CURRENT_PACKET_FILTER)]).toEqual([DIRECTED, 0, 0, 0]);
    expect(binding.oidRequest(types(BROADCAST))).toBe(SUCCESS);
    expect(miniport.packetFilter).toBe(BROADCAST);
  });

  test('INIT-11: requests behind a pending one are combined when their turn comes', () => {
    const { binding, second, miniport, protocol } = benchOfTwo();
    miniport.pendNext = true;
    const first = types(DIRECTED);
    expect(binding.oidRequest(first)).toBe(NDIS_STATUS_PENDING);
    expect(second.oidRequest(types(BROADCAST))).toBe(NDIS_STATUS_PENDING);
    miniport.completePended();
    expect(miniport.packetFilter).toBe(DIRECTED | BROADCAST);
    expect(first.bytesRead).toBe(4);
    expect(protocol.completions.map(({ request }) => request)).toEqual([first]);
  });

  test('INIT-12: three bytes are too few, and do not reach the miniport', () => {
    const { binding, miniport, lastRule } = benchOfTwo();
    const short = setRequest(OID_GEN_CURRENT_PACKET_FILTER, new Uint8Array(3));
    expect(binding.oidRequest(short)).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(short.bytesNeeded).toBe(4);
    expect([lastRule(), miniport.seen]).toEqual(['INIT-12', []]);
  });

  test('an adapter that halts forgets everything', () => {
    const { binding, adapter, miniport } = benchOfTwo();
    binding.oidRequest(types(DIRECTED));
    expect(adapter.halt()).toBe(SUCCESS);
    // The last binding's way out, before MiniportHaltEx.
    expect(miniport.packetFilter).toBe(0);
  });

  test('property: the miniport has the union of what the bindings asked for last', () => {
    const { binding, second, miniport } = benchOfTwo();
    const asked = [0, 0];
    fc.assert(
      fc.property(fc.nat(1), fc.nat(0x2f), (who, value) => {
        asked[who] = value;
        expect((who === 0 ? binding : second).oidRequest(types(value))).toBe(SUCCESS);
        expect(miniport.packetFilter).toBe(asked[0] | asked[1]);
      }),
    );
  });
});

describe('OID_802_3_MULTICAST_LIST', () => {
  test('the miniport gets the union, each address once; closing takes away what nobody else wants', () => {
    const bench = benchOfTwo();
    const { binding, second, miniport } = bench;
    expect(binding.oidRequest(list(1, 2, 2))).toBe(SUCCESS);
    expect(lastBytes(miniport.multicastList)).toEqual([1, 2]);
    expect(second.oidRequest(list(2, 3))).toBe(SUCCESS);
    expect(lastBytes(miniport.multicastList).sort()).toEqual([1, 2, 3]);
    expect(lastBytes(queried(bench, OID_802_3_MULTICAST_LIST, 60)).sort()).toEqual([1, 2, 3]);
    const short = queryRequest(OID_802_3_MULTICAST_LIST, 17);
    expect(binding.oidRequest(short)).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(short.bytesNeeded).toBe(18);
    second.close();
    expect(lastBytes(miniport.multicastList)).toEqual([1, 2]);
    expect(binding.oidRequest(list())).toBe(SUCCESS);
    expect(miniport.multicastList.length).toBe(0);
  });

  test('more than the adapter can, of all together, or no group’s address: MULTICAST_FULL', () => {
    const { binding, second, miniport } = benchOfTwo();
    const lasts = Array.from({ length: 31 }, (_, i) => i);
    expect(binding.oidRequest(list(...lasts))).toBe(SUCCESS);
    expect(second.oidRequest(list(100, 101))).toBe(NDIS_STATUS_MULTICAST_FULL);
    expect(second.oidRequest(list(100, 30))).toBe(SUCCESS);
    const asked = miniport.seen.length;
    const unicast = setRequest(OID_802_3_MULTICAST_LIST, Uint8Array.of(2, 0, 0, 0, 0, 1));
    expect(second.oidRequest(unicast)).toBe(NDIS_STATUS_MULTICAST_FULL);
    const odd = setRequest(OID_802_3_MULTICAST_LIST, new Uint8Array(7));
    expect(second.oidRequest(odd)).toBe(NDIS_STATUS_INVALID_LENGTH);
    expect(miniport.seen.length).toBe(asked);
  });
});

describe('OID_GEN_CURRENT_LOOKAHEAD', () => {
  test('the miniport gets the largest; before anybody asks a query gets what it registered', () => {
    const bench = benchOfTwo();
    const { binding, second, miniport } = bench;
    expect(queried(bench, OID_GEN_CURRENT_LOOKAHEAD)).toEqual(word(1500));
    expect(binding.oidRequest(lookahead(128))).toBe(SUCCESS);
    expect(second.oidRequest(lookahead(256))).toBe(SUCCESS);
    expect(binding.oidRequest(lookahead(64))).toBe(SUCCESS);
    expect(miniport.lookahead).toBe(256);
    expect(queried(bench, OID_GEN_CURRENT_LOOKAHEAD)).toEqual(word(256));
    second.close();
    expect(miniport.lookahead).toBe(64);
    expect(binding.oidRequest(lookahead(1501))).toBe(NDIS_STATUS_INVALID_DATA);
  });
});
