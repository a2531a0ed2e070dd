import {
  NDIS_RSS_PROCESSOR_INFO,
  NDIS_STATUS_BUFFER_TOO_SHORT,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { msiMessage } from '@vmq/machine';
import { describe, expect, test } from 'vitest';
import { createBench, createHost, MSIX_TABLE } from '../bench.test-support.ts';

const INVALID = NDIS_STATUS_INVALID_PARAMETER;

function setUp() {
  const host = createHost({ rssProcessors: [2, 1] });
  const adapter = host.add().adapter!;
  const entry = (n: number) => [
    ...host.bar.i32.subarray((MSIX_TABLE + n * 16) / 4, (MSIX_TABLE + n * 16) / 4 + 4),
  ];
  return { ...host, adapter, handle: host.miniport.adapter, entry };
}

describe('MSI-X table', () => {
  test('INT-08: an entry is added, masked, unmasked, retargeted and removed in the device’s table', () => {
    const { handle, entry, adapter } = setUp();
    const one = handle.allocateInterruptMessage(1)!;
    const two = handle.allocateInterruptMessage(2)!;
    expect(one).toMatchObject({ processor: 1, ...msiMessage(1, one.vector) });
    expect(handle.configMsixTableEntry({ operation: 'add', entry: 3, messageId: one.messageId })).toBe(
      NDIS_STATUS_SUCCESS,
    );
    expect(entry(3)).toEqual([one.address | 0, 0, one.data, 0]);
    handle.configMsixTableEntry({ operation: 'mask', entry: 3 });
    expect(entry(3)[3]).toBe(1);
    handle.configMsixTableEntry({ operation: 'add', entry: 3, messageId: two.messageId });
    expect(entry(3)).toEqual([two.address | 0, 0, two.data, 1]);
    expect(adapter.inspect().msixEntries).toEqual([
      { entry: 3, messageId: two.messageId, processor: 2, vector: two.vector, masked: true },
    ]);
    handle.configMsixTableEntry({ operation: 'unmask', entry: 3 });
    expect(entry(3)[3]).toBe(0);
    handle.configMsixTableEntry({ operation: 'remove', entry: 3 });
    expect(entry(3)).toEqual([0, 0, 0, 1]);
  });

  test('INT-08: bad members get INVALID_PARAMETER', () => {
    const { handle, ndis } = setUp();
    const { messageId } = handle.allocateInterruptMessage(1)!;
    expect(handle.configMsixTableEntry({ operation: 'add', entry: 16, messageId })).toBe(INVALID);
    expect(handle.configMsixTableEntry({ operation: 'add', entry: 0, messageId: 9 })).toBe(INVALID);
    expect(handle.configMsixTableEntry({ operation: 'mask', entry: 0 })).toBe(INVALID);
    expect(handle.configMsixTableEntry({ operation: 'remove', entry: 0 })).toBe(INVALID);
    expect(ndis.refusals.last?.rule).toBe('INT-08');
  });

  test('INT-08: a write goes over the bus where the host gives one', () => {
    const { machine, ndis, miniport } = createHost();
    const bar = machine.memory.addSegment('other', 0x4000);
    const writes: [number, number][] = [];
    ndis.addAdapter({
      name: 'nic1',
      driver: miniport,
      resources: {
        bar,
        deviceAgent: machine.agent('nic'),
        wakeDevice: () => {},
        msixTableEntries: 4,
        msixTableOffset: 0x2000,
        write32: (offset, value) => {
          writes.push([offset, value]);
        },
      },
    });
    const { messageId, address, data } = miniport.adapter.allocateInterruptMessage(0)!;
    miniport.adapter.configMsixTableEntry({ operation: 'add', entry: 1, messageId });
    // Masked first, unmasked last: the device never sends half a message.
    expect(writes).toEqual([
      [0x201c, 1],
      [0x2010, address],
      [0x2014, 0],
      [0x2018, data],
      [0x201c, 0],
    ]);
  });
});

describe('messages', () => {
  test('INT-02 INIT-21: one per RSS processor and two for other events; a further one is written down, and given', () => {
    const { handle, ndis, adapter } = setUp();
    const got = [1, 2, 0, 1].map((processor) => handle.allocateInterruptMessage(processor)?.processor);
    expect(got).toEqual([1, 2, 0, 1]);
    expect(ndis.refusals.entries).toEqual([]);
    expect(handle.allocateInterruptMessage(2)?.processor).toBe(2);
    expect(adapter.inspect().advice).toMatchObject([{ rule: 'INT-02', page: 'vmq-interrupt-requirements' }]);
    expect(handle.allocateInterruptMessage(64)).toBeNull();
    expect(ndis.refusals.last).toMatchObject({ rule: 'INT-02', kind: 'refusal', found: 'processor 64' });
  });

  test('INT-02: a processor without a free vector gives none', () => {
    const { handle, ndis } = setUp();
    while (handle.allocateInterruptMessage(1) !== null);
    expect(ndis.refusals.last).toMatchObject({ kind: 'refusal', found: 'none' });
  });

  test('vectors come back at halt, and serve the next adapter', () => {
    const { adapter, handle, add, miniport } = setUp();
    const { vector } = handle.allocateInterruptMessage(1)!;
    adapter.halt();
    add();
    expect(miniport.adapter.allocateInterruptMessage(1)?.vector).toBe(vector);
  });
});

describe('NdisGetRssProcessorInformation', () => {
  test('INT-07: a small buffer gets BUFFER_TOO_SHORT and the size; nearest first, none below the base', () => {
    const { miniport, ndis, machine } = createHost();
    const bar = machine.memory.addSegment('other', 0x4000);
    ndis.addAdapter({
      name: 'nic1',
      driver: miniport,
      resources: {
        bar,
        deviceAgent: machine.agent('nic'),
        wakeDevice: () => {},
        msixTableEntries: 4,
        msixTableOffset: 0,
      },
      rssProcessors: [3, 0, 1],
      rssBaseProcessor: 1,
      numaNode: 1,
    });
    const short = miniport.adapter.getRssProcessorInformation(new Uint8Array(39));
    expect(short.status).toBe(NDIS_STATUS_BUFFER_TOO_SHORT);
    const buffer = new Uint8Array(short.bytesNeeded);
    expect(miniport.adapter.getRssProcessorInformation(buffer).status).toBe(NDIS_STATUS_SUCCESS);
    const decoded = NDIS_RSS_PROCESSOR_INFO.decode(buffer);
    expect(decoded.ok && decoded.value).toMatchObject({
      RssBaseProcessor: { Number: 1 },
      RssMaxProcessor: { Number: 3 },
      PreferredNumaNode: 1,
      elements: [
        { ProcNum: { Number: 3 }, PreferenceIndex: 0 },
        { ProcNum: { Number: 1 }, PreferenceIndex: 1 },
      ],
    });
  });

  test('INT-07: a 6.20 miniport gets revision 1', () => {
    const { miniport } = createBench({ minor: 20 });
    const { bytesNeeded } = miniport.adapter.getRssProcessorInformation(new Uint8Array(0));
    const buffer = new Uint8Array(bytesNeeded);
    miniport.adapter.getRssProcessorInformation(buffer);
    expect(buffer[1]).toBe(1);
  });
});
