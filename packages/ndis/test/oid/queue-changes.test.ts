/** Sets of queue parameters: flags against what the queue was allocated with, and what the miniport answers. */
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
  type NdisReceiveQueueParameters,
  OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
  type StructInput,
} from '@vmq/abi';
import { type OidRequest, setRequest } from '@vmq/ddi';
import { expect, test } from 'vitest';
import { allocate, capabilities, createBench, queueParameters } from '../bench.test-support.ts';

const INVALID = NDIS_STATUS_INVALID_PARAMETER;
const set = (value: StructInput<NdisReceiveQueueParameters>, revision = 2): OidRequest =>
  setRequest(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, queueParameters(value, revision));

test('QUE-37 QUE-25: flags that contradict the fixed lookahead size are refused, and change nothing', () => {
  const split = { SupportedQueueProperties: 7, MinLookaheadSplitSize: 64, MaxLookaheadSplitSize: 128 };
  const caps = capabilities(20, split);
  const { binding, adapter, miniport, lastRule } = createBench({ minor: 20, hardware: caps, current: caps });
  const ask = (value: StructInput<NdisReceiveQueueParameters>): number => binding.oidRequest(set(value, 1));
  const splitting = allocate(binding, { LookaheadSize: 64, Flags: 3 });
  const whole = allocate(binding, { Flags: 1 });
  const flags = () => adapter.inspect().queues.map((queue) => [queue.flags, queue.lookaheadSize]);
  const seen = miniport.seen.length;
  for (const Flags of [0x1_0000, 0x1_0001, 0xd_0001]) {
    expect(ask({ QueueId: splitting, Flags, QueueName: 'new' })).toBe(INVALID);
    expect(lastRule()).toBe('QUE-37');
  }
  // What the buffer says of a size that is fixed does not count.
  expect(ask({ QueueId: splitting, Flags: 0x1_0001, LookaheadSize: 0 })).toBe(INVALID);
  expect([flags(), miniport.seen.length]).toEqual([
    [
      [0, 0],
      [3, 64],
      [1, 0],
    ],
    seen,
  ]);
  expect(adapter.inspect().queues[1]?.queueName).toBe('web-eth0');
  // The flag alone, as at allocation: a size of zero means no split (QUE-12).
  expect(ask({ QueueId: splitting, Flags: 0x1_0002 })).toBe(NDIS_STATUS_SUCCESS);
  expect(ask({ QueueId: whole, Flags: 0x1_0003 })).toBe(NDIS_STATUS_SUCCESS);
  expect(ask({ QueueId: whole, Flags: 0x1_0000 })).toBe(NDIS_STATUS_SUCCESS);
  expect(ask({ QueueId: splitting, Flags: 0x8_0000, QueueName: 'new' })).toBe(NDIS_STATUS_SUCCESS);
  expect(flags()).toEqual([
    [0, 0],
    [2, 64],
    [0, 0],
  ]);
});

test('QUE-08 QUE-35: of a miniport that says nothing of its MSI-X entry 0 is reported, not what a caller left', () => {
  const { binding, adapter, miniport } = createBench();
  miniport.saysEntry = false;
  const id = allocate(binding, { MSIXTableEntry: 99 });
  expect(adapter.inspect().queues[1]).toMatchObject({ queueId: id, msixTableEntry: 0 });
});

test('QUE-35: the MSI-X entry is what the miniport says last, whatever a caller leaves in its buffer', () => {
  const { binding, adapter, miniport } = createBench();
  const id = allocate(binding);
  const entry = () => adapter.inspect().queues[1]?.msixTableEntry;
  const request = set({ QueueId: id, Flags: 0x2_0000, MSIXTableEntry: 99 });
  expect(binding.oidRequest(request)).toBe(NDIS_STATUS_SUCCESS);
  expect(entry()).toBe(id + 1);
  miniport.onSetParameters = (parameters) => ({ ...parameters, MSIXTableEntry: 7 });
  expect(binding.oidRequest(request)).toBe(NDIS_STATUS_SUCCESS);
  expect(entry()).toBe(7);
  miniport.onSetParameters = (parameters) => ({ ...parameters, MSIXTableEntry: 8 });
  miniport.failNext = NDIS_STATUS_FAILURE;
  expect(binding.oidRequest(request)).toBe(NDIS_STATUS_FAILURE);
  expect(entry()).toBe(7);
});
