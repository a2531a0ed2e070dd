import { NDIS_RECEIVE_QUEUE_INFO_ARRAY, OID_RECEIVE_FILTER_ENUM_QUEUES } from '@vmq/abi';
import { outputOf, queryRequest } from '@vmq/ddi';
import { nicProfile, REG, RX_QUEUE_STRIDE } from '@vmq/nic';
import { expect, it } from 'vitest';
import { type Bench, createBench, move, runningQueue, setParameters } from '../bench.test-support.ts';

const SUCCESS = 'NDIS_STATUS_SUCCESS';
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

function enumerate({ binding }: Bench): readonly { QueueId: number; MSIXTableEntry: number }[] {
  const request = queryRequest(OID_RECEIVE_FILTER_ENUM_QUEUES, 1 << 18);
  binding.oidRequest(request);
  const decoded = NDIS_RECEIVE_QUEUE_INFO_ARRAY.decode(outputOf(request));
  if (!decoded.ok) throw new Error('undecodable answer');
  return decoded.value.elements;
}

it('QUE-35 INT-04 wherever a queue moves NDIS reports the entry that its device uses, shared or its own', () => {
  const bench = createBench({ profile: '82599', processors: 4, miniport: { receiveRingEntries: 32 } });
  const { queues } = nicProfile('82599');
  const all = range(1, queues).map((last) => runningQueue(bench, last, last % 4).queueId);
  const reported = (id: number): number | undefined =>
    bench.adapter.inspect().queues.find(({ queueId }) => queueId === id)?.msixTableEntry;
  const enumerated = (id: number): number | undefined =>
    enumerate(bench).find(({ QueueId }) => QueueId === id)?.MSIXTableEntry;
  const used = (id: number): number => bench.registers.read32(REG.RXENTRY + id * RX_QUEUE_STRIDE);
  const targetOf = (entry: number): number | undefined =>
    bench.adapter.inspect().msixEntries.find((one) => one.entry === entry)?.processor;
  const last = all.at(-1) as number;
  const before = reported(last);
  for (const processor of [0, 3, 3, 1, 2]) {
    for (const id of [1, last]) expect(move(bench, id, processor)).toBe(SUCCESS);
    for (const id of all) expect([reported(id), enumerated(id)]).toEqual([used(id), used(id)]);
    expect([1, last].map((id) => targetOf(used(id)))).toEqual([processor, processor]);
  }
  expect(reported(1)).toBe(1);
  expect(reported(last)).not.toBe(before);
  // A set of something else leaves it as it is.
  setParameters(bench, last, { Flags: 0x8_0000, QueueName: 'other' });
  expect(reported(last)).toBe(used(last));
});
