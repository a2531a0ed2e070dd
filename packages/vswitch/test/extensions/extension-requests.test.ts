import {
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_STATUS_DATA_NOT_ACCEPTED,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
  NDIS_STATUS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_SUCCESS,
  OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_FREE_QUEUE,
  OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  OID_RECEIVE_FILTER_SET_FILTER,
  oidName,
  statusName,
} from '@vmq/abi';
import { expect, test } from 'vitest';
import { createSwitch, type SwitchExtension, type SwitchExtensionType } from '../../src/index.ts';
import { createAdapterBench } from '../adapter-bench.test-support.ts';

const short = (oid: number): string => oidName(oid).replace('OID_RECEIVE_FILTER_', '');

/** Notes what it sees; refuses the OIDs in `vetoes`. */
function watcher(
  name: string,
  type: SwitchExtensionType,
  log: string[],
  vetoes: readonly number[] = [],
): SwitchExtension {
  return {
    name,
    type,
    nicRequest({ sourcePortId, destinationPortId, oidRequest }) {
      log.push(`${name} ${short(oidRequest.oid)} ${sourcePortId}>${destinationPortId}`);
      return vetoes.includes(oidRequest.oid) ? NDIS_STATUS_DATA_NOT_ACCEPTED : NDIS_STATUS_SUCCESS;
    },
    nicRequestComplete({ oidRequest }, status) {
      log.push(`${name} ${short(oidRequest.oid)} = ${statusName(status)}`);
    },
  };
}

const benchWith = (...extensions: SwitchExtension[]) => {
  const bench = createAdapterBench({ switch: { extensions } });
  bench.bind();
  bench.requests.length = 0;
  return bench;
};

test('SW-25: VMQ OIDs pass the extensions first, in order, and complete in reverse; others do not pass them', () => {
  const log: string[] = [];
  const { sw, addPort, requests } = benchWith(
    watcher('f', 'forwarding', log),
    watcher('c', 'capturing', log),
  );
  const port = addPort('a', { allowMacSpoofing: true });
  sw.connectNic(port);
  expect(log).toEqual([
    'c ALLOCATE_QUEUE 1>0',
    'f ALLOCATE_QUEUE 1>0',
    'f ALLOCATE_QUEUE = NDIS_STATUS_SUCCESS',
    'c ALLOCATE_QUEUE = NDIS_STATUS_SUCCESS',
    'c SET_FILTER 1>0',
    'f SET_FILTER 1>0',
    'f SET_FILTER = NDIS_STATUS_SUCCESS',
    'c SET_FILTER = NDIS_STATUS_SUCCESS',
    'c QUEUE_ALLOCATION_COMPLETE 0>0',
    'f QUEUE_ALLOCATION_COMPLETE 0>0',
    'f QUEUE_ALLOCATION_COMPLETE = NDIS_STATUS_SUCCESS',
    'c QUEUE_ALLOCATION_COMPLETE = NDIS_STATUS_SUCCESS',
  ]);
  log.length = 0;
  sw.disconnectNic(port);
  expect(log.filter((line) => line.startsWith('c') && !line.includes('='))).toEqual([
    'c CLEAR_FILTER 1>0',
    'c FREE_QUEUE 1>0',
  ]);
  // The packet filter is no hardware offload: it went past them.
  expect(requests.some((line) => line.startsWith('CURRENT_PACKET_FILTER'))).toBe(true);
  expect(sw.inspect().extensionRecords).toEqual([]);
});

test.each([
  ['ALLOCATE_QUEUE', OID_RECEIVE_FILTER_ALLOCATE_QUEUE, []],
  ['SET_FILTER', OID_RECEIVE_FILTER_SET_FILTER, ['ALLOCATE_QUEUE', 'FREE_QUEUE']],
] as const)(
  'SW-08 SW-25: a forwarding extension vetoes %s for one VM, which queue 0 then serves',
  (name, oid, before) => {
    const log: string[] = [];
    let victim = 0;
    const bench = benchWith(watcher('c', 'capturing', log), {
      name: 'guard',
      type: 'forwarding',
      nicRequest({ sourcePortId, oidRequest }) {
        // Its filter on queue 0 may be set: the filter's queue id stands at byte 12 of the parameters.
        const onQueue0 = oid === OID_RECEIVE_FILTER_SET_FILTER && oidRequest.informationBuffer[12] === 0;
        const veto = sourcePortId === victim && oidRequest.oid === oid && !onQueue0;
        return veto ? NDIS_STATUS_DATA_NOT_ACCEPTED : NDIS_STATUS_SUCCESS;
      },
    });
    const [a, b] = [bench.addPort('a'), bench.addPort('b')];
    victim = a;
    bench.sw.connectNics([a, b]);
    const own = bench.requests.filter((line) => !line.includes(' b/') && !line.includes('000002'));
    const mine = own.filter((line) => !/COMPLETE|CURRENT/.test(line));
    expect(mine.map((line) => line.split(' ')[0])).toEqual([...before, 'SET_FILTER']);
    expect(mine.at(-1)).toBe('SET_FILTER queue 0 020000000001 untagged');
    expect(log).toContain(`c ${name} = NDIS_STATUS_DATA_NOT_ACCEPTED`);
    const { ports, extensionRecords, ledger, packetFilter } = bench.sw.inspect();
    expect(ports.map(({ queueId }) => queueId !== 0)).toEqual([false, true]);
    expect(ports[0]?.withoutQueue).toBe(`${name}: NDIS_STATUS_DATA_NOT_ACCEPTED, vetoed by extension guard`);
    expect(extensionRecords[0]).toMatchObject({ extension: 'guard', event: 'vetoed', oid, sourcePortId: a });
    expect(ledger.find(({ event }) => event === 'refused')).toMatchObject({
      port: a,
      systemEvent: { id: 113 },
    });
    expect(packetFilter & 0x20).toBe(0);
  },
);

test('SW-25: clear, free and complete cannot be vetoed, and nobody but a forwarding extension can veto', () => {
  const log: string[] = [];
  const unvetoable = [
    OID_RECEIVE_FILTER_CLEAR_FILTER,
    OID_RECEIVE_FILTER_FREE_QUEUE,
    OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
  ];
  const { sw, addPort, requests, queuesOf } = benchWith(
    watcher('filter', 'filtering', log, [OID_RECEIVE_FILTER_ALLOCATE_QUEUE]),
    watcher('forward', 'forwarding', log, unvetoable),
  );
  const port = addPort('a');
  sw.connectNic(port);
  expect(queuesOf(port)).toEqual([1]);
  sw.disconnectNic(port);
  expect(
    requests.map((line) => line.split(' ')[0]).filter((line) => line !== 'CURRENT_PACKET_FILTER'),
  ).toEqual(['ALLOCATE_QUEUE', 'SET_FILTER', 'QUEUE_ALLOCATION_COMPLETE', 'CLEAR_FILTER', 'FREE_QUEUE']);
  expect(
    sw.inspect().extensionRecords.map(({ extension, event, oid }) => `${extension} ${event} ${short(oid)}`),
  ).toEqual([
    'filter veto-ignored ALLOCATE_QUEUE',
    'forward veto-ignored QUEUE_ALLOCATION_COMPLETE',
    'forward veto-ignored CLEAR_FILTER',
    'forward veto-ignored FREE_QUEUE',
  ]);
});

test('SW-25: a forwarding extension may change an allocation; a change by another is put back', () => {
  const suggest =
    (buffers: number): NonNullable<SwitchExtension['nicRequest']> =>
    ({ oidRequest: { oid, informationBuffer } }) => {
      if (oid !== OID_RECEIVE_FILTER_ALLOCATE_QUEUE) return NDIS_STATUS_SUCCESS;
      const asked = NDIS_RECEIVE_QUEUE_PARAMETERS.decode(informationBuffer);
      if (!asked.ok) return NDIS_STATUS_FAILURE;
      const changed = { ...asked.value, NumSuggestedReceiveBuffers: buffers };
      NDIS_RECEIVE_QUEUE_PARAMETERS.encode(changed, { into: informationBuffer });
      return NDIS_STATUS_SUCCESS;
    };
  const { sw, addPort, adapter } = benchWith(
    { name: 'filter', type: 'filtering', nicRequest: suggest(7) },
    { name: 'forward', type: 'forwarding', nicRequest: suggest(33) },
  );
  sw.connectNic(addPort('a'));
  expect(adapter.inspect().queues.find(({ vmName }) => vmName === 'a')?.suggestedReceiveBuffers).toBe(33);
  expect(sw.inspect().extensionRecords).toMatchObject([{ extension: 'filter', event: 'change-ignored' }]);
});

test('IND-07: indications of the adapter come up wrapped, forwarding first; only it may change them', () => {
  const log: string[] = [];
  const seer = (name: string, type: SwitchExtensionType): SwitchExtension => ({
    name,
    type,
    nicStatus({ sourcePortId, destinationPortId, statusIndication }) {
      log.push(`${name} ${sourcePortId}>${destinationPortId} ${statusName(statusIndication.statusCode)}`);
      if (type === 'capturing') statusIndication.statusBuffer.fill(0xff);
      return statusIndication;
    },
  });
  const { sw, addPort } = benchWith(
    seer('c', 'capturing'),
    {
      ...seer('f', 'forwarding'),
      nicStatus({ statusIndication }) {
        log.push(`f ${statusName(statusIndication.statusCode)}`);
        // Hides the end of DMA from the switch's ledger by making another indication of it.
        return { ...statusIndication, statusCode: NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES };
      },
    },
    seer('x', 'filtering'),
  );
  const port = addPort('a');
  sw.connectNic(port);
  sw.disconnectNic(port);
  expect(log).toEqual([
    `f ${statusName(NDIS_STATUS_RECEIVE_QUEUE_STATE)}`,
    'x 0>0 NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES',
    'c 0>0 NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES',
  ]);
  const { ledger, extensionRecords } = sw.inspect();
  expect(ledger.some(({ event }) => event === 'dma-stopped')).toBe(false);
  expect(extensionRecords.map(({ extension, event }) => `${extension} ${event}`)).toEqual([
    'f indication-changed',
    'c change-ignored',
  ]);
});

test('extensions have unique names, and one of them forwards', () => {
  const { machine } = createAdapterBench();
  const options = { name: 's', type: 'private', machine, sharedMemory: null as never } as const;
  const make = (...extensions: SwitchExtension[]) => createSwitch({ ...options, extensions });
  const one: SwitchExtension = { name: 'one', type: 'forwarding' };
  expect(() => make(one, { name: 'two', type: 'forwarding' })).toThrow(
    /one forwarding extension, got one, two/,
  );
  expect(() => make(one, { name: 'one', type: 'filtering' })).toThrow(/two extensions are named 'one'/);
  expect(
    make(one, { name: 'two', type: 'capturing' })
      .inspect()
      .extensions.map(({ name }) => name),
  ).toEqual(['two', 'one']);
  expect(() => createSwitch({ ...options, hostVersion: 620, extensions: [one] })).toThrow(/NDIS 6.30/);
});
