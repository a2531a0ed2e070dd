import type { QueueReport } from '@vmq/host';
import { describe, expect, it } from 'vitest';
import { deliveryComment } from '../src/replay/delivery-comment.ts';

const filter = { FilterId: 7, MacAddress: '00-15-5D-0A-00-01', VlanID: '100' };
const queues = [
  { QueueID: 0, FilterList: [] },
  { QueueID: 2, FilterList: [filter] },
  { QueueID: 3, FilterList: [filter, filter] },
  { QueueID: 4, FilterList: [{ ...filter, VlanID: '' }] },
] as unknown as QueueReport[];

describe('delivery comment', () => {
  it('names queue, processor and filter', () => {
    expect(deliveryComment({ queueId: 2, filterSlot: 4, processor: 1 }, queues, '', 0)).toBe(
      'queue 2, processor 1, filter 7 (00-15-5D-0A-00-01, VLAN 100) in slot 4',
    );
  });

  it('names no VLAN when the filter tests for none in particular', () => {
    expect(deliveryComment({ queueId: 4, filterSlot: 0, processor: 1 }, queues, '', 0)).toBe(
      'queue 4, processor 1, filter 7 (00-15-5D-0A-00-01) in slot 0',
    );
  });

  it('says that no filter matched on the default queue, and the priority', () => {
    expect(deliveryComment({ queueId: 0, filterSlot: -1, processor: 3 }, queues, '', 5)).toBe(
      'queue 0 (default), processor 3, no filter, priority 5',
    );
  });

  it('names only the slot when a queue has several filters', () => {
    expect(deliveryComment({ queueId: 3, filterSlot: 9, processor: 0 }, queues, '', 0)).toBe(
      'queue 3, processor 0, filter slot 9',
    );
  });

  it('says when the frame never saw the NIC', () => {
    expect(deliveryComment({ queueId: 0, filterSlot: -1, processor: 2 }, queues, 'web', 0)).toBe(
      'from VM web, processor 2',
    );
  });
});
