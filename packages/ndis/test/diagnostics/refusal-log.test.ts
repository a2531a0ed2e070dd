import { inspect } from 'node:util';
import { NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES } from '@vmq/abi';
import { describe, expect, test } from 'vitest';
import { allocate, capabilities, createBench, free, freeRequest } from '../bench.test-support.ts';

describe('the refusal log prints as lines that a person reads', () => {
  const REFUSAL =
    '#1 nic0 refusal of OID_RECEIVE_FILTER_FREE_QUEUE: QUE-28: expected an existing queue, found no queue 3 ' +
    '(queueId 3): NDIS_STATUS_INVALID_PARAMETER';
  const VIOLATION =
    '#2 nic0 violation of OID_RECEIVE_FILTER_FREE_QUEUE: QUE-31: expected one DmaStopped indication, found none (queueId 1)';
  const ADVICE =
    '#3 nic0 advice: CAP-10: expected MaxMacHeaderFilters of at least NumQueues, found current set: 1 filters for ' +
    '4 queues [determining-the-vmq-capabilities-of-a-network-adapter]';

  function three() {
    const bench = createBench();
    bench.binding.oidRequest(freeRequest(3));
    bench.miniport.dmaStops = 0;
    free(bench.binding, allocate(bench.binding));
    bench.miniport.adapter.indicateStatusEx(
      NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
      capabilities(30, { MaxMacHeaderFilters: 1 }),
    );
    return bench.ndis.refusals;
  }

  test('as a whole, and each record', () => {
    const refusals = three();
    const text = [
      'refusals and broken rules, 3 records:',
      ...[REFUSAL, VIOLATION, ADVICE].map((line) => `  ${line}`),
    ];
    expect(inspect(refusals)).toBe(text.join('\n'));
    expect(`${refusals}`).toBe(text.join('\n'));
    expect(refusals.entries.map((entry) => `${entry}`)).toEqual([REFUSAL, VIOLATION, ADVICE]);
    expect(inspect(refusals.last)).toBe(ADVICE);
    expect(inspect(refusals.entries)).toContain(VIOLATION);
    expect(inspect({ nested: { refusals } }, { depth: 0 })).toContain('nested');
  });

  test('an empty one says so, a full one how many it has forgotten', () => {
    const { ndis, binding } = createBench();
    expect(inspect(ndis.refusals)).toBe('nothing refused, no rule broken');
    for (let i = 0; i < 4100; i++) binding.oidRequest(freeRequest(3));
    const lines = inspect(ndis.refusals).split('\n');
    expect([lines.length, lines[0]]).toEqual([
      4097,
      'refusals and broken rules, the last 4096 of 4100 records:',
    ]);
  });

  test('JSON has the records, and a clone their members', () => {
    const refusals = three();
    expect(JSON.parse(JSON.stringify(refusals))).toEqual({
      count: 3,
      entries: refusals.entries.map((entry) => ({ ...entry })),
    });
    expect(structuredClone(refusals.last)).toEqual({ ...refusals.last });
  });
});

test('INIT-21: an adapter remembers each piece of advice once, however often it comes', () => {
  const { miniport, adapter, ndis } = createBench();
  const indicate = (MaxMacHeaderFilters: number): void =>
    miniport.adapter.indicateStatusEx(
      NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
      capabilities(30, { MaxMacHeaderFilters }),
    );
  for (let i = 0; i < 5; i++) indicate(1);
  indicate(2);
  expect(adapter.inspect().advice.map(({ found }) => found)).toEqual([
    'current set: 1 filters for 4 queues',
    'current set: 2 filters for 4 queues',
  ]);
  expect(ndis.refusals.count).toBe(6);
});

test('an adapter prints as its report', () => {
  const { adapter } = createBench();
  expect(inspect(adapter)).toBe(inspect(adapter.inspect()));
});
