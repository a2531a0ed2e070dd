import { DMA_READ, DMA_WRITE } from '@vmq/machine';
import { expect, test } from 'vitest';
import {
  REG,
  RX_QUEUE_STRIDE,
  RXCTL_HEADER_SHIFT,
  RXCTL_SPLIT,
} from '../../src/registers/register-constants.ts';
import { frameTo } from '../bench.test-support.ts';
import { DROPPING, dropped, MAC, oneQueue, untag } from '../one-queue.test-support.ts';

test('DMA that is not granted writes nothing and is counted; granted again, the queue goes on', () => {
  const [bench, queue] = oneQueue(16);
  const page = queue.buffers & ~4095;
  const before = bench.host.u8.slice(queue.buffers, queue.buffers + 16 * 2112);
  for (const rights of [0, DMA_READ]) {
    bench.domain.setRights(0, page, 4096 * 2, rights);
    bench.send(frameTo(MAC, 1000));
    expect(queue.waiting).toBe(0);
    expect(bench.host.u8.slice(queue.buffers, queue.buffers + 16 * 2112)).toEqual(before);
  }
  // Only the second page of the buffer is missing: still not one byte.
  bench.domain.setRights(0, page, 4096, DMA_READ | DMA_WRITE);
  const descriptor = queue.ring >> 2;
  bench.host.i32[descriptor] = page + 4096 - 500;
  bench.send(frameTo(MAC, 1000));
  expect(bench.host.u8.slice(queue.buffers, queue.buffers + 16 * 2112)).toEqual(before);
  expect(dropped(bench)).toEqual({ 'nic.dma-fault': 3 });
  expect(bench.registers.read32(REG.RXFAULT + RX_QUEUE_STRIDE)).toBe(3);
  expect(bench.registers.read32(REG.CAUSE)).toBe(2);
  bench.domain.setRights(0, page, 8192, DMA_READ | DMA_WRITE);
  bench.send(frameTo(MAC, 1000));
  expect(queue.waiting).toBe(1);
});

test('wild descriptors are DMA faults, whatever they hold', () => {
  const [bench, queue] = oneQueue(16);
  const at = queue.ring >> 2;
  const cases = [
    [-4, 0],
    [0x7fff_fff0, 0],
    [bench.host.byteLength - 10, 0],
    [queue.buffers, 1],
    [queue.buffers, 99],
    [queue.buffers, -1],
    [queue.buffers + 1, 12345],
    [0, 0], // page 0 was not granted
  ] as const;
  for (const [offset, segment] of cases) {
    bench.host.i32[at] = offset;
    bench.host.i32[at + 1] = segment;
    bench.send(frameTo(MAC, 64));
  }
  expect(queue.waiting).toBe(0);
  expect(dropped(bench)).toEqual({ 'nic.dma-fault': cases.length });
});

test('rings revoked at run time: frames are dropped as DMA faults and no completion is written', () => {
  const [bench, queue] = oneQueue(16);
  const ringPage = queue.completions & ~4095;
  bench.domain.setRights(0, ringPage, 4096, DMA_READ);
  bench.send(frameTo(MAC, 64), frameTo(MAC, 64));
  expect(queue.waiting).toBe(0);
  expect(bench.host.i32[queue.completions >> 2]).toBe(0);
  bench.domain.setRights(0, ringPage, 4096, DMA_READ | DMA_WRITE);
  bench.send(frameTo(MAC, 64));
  expect(queue.take().map(({ stamp }) => stamp)).toEqual([3]);
});

test('buffers may lie in another segment, if it is granted', () => {
  const [bench, queue] = oneQueue(16);
  const vm = bench.machine.memory.addSegment('vm', 65_536);
  bench.domain.setRights(vm.id, 0, 8192, DMA_WRITE);
  bench.executor.post('nic', { op: 'dma', image: bench.domain.image() });
  bench.executor.publish();
  const at = queue.ring >> 2;
  bench.host.i32[at] = 4096;
  bench.host.i32[at + 1] = vm.id;
  bench.host.i32[at + 4] = 8192; // beyond the grant
  bench.host.i32[at + 5] = vm.id;
  const frame = frameTo(MAC, 200, 7);
  bench.send(frame, frame);
  expect(queue.waiting).toBe(1);
  expect(vm.u8.slice(4096, 4096 + 196)).toEqual(untag(frame));
  expect(dropped(bench)).toEqual({ 'nic.dma-fault': 1 });
});

test('split: no part is written unless both may be', () => {
  const [bench, queue] = oneQueue(16, 16, DROPPING | RXCTL_SPLIT | (64 << RXCTL_HEADER_SHIFT));
  bench.domain.setRights(0, queue.buffers & ~4095, 4096, DMA_READ);
  bench.host.u8.fill(0xdd, queue.headers, queue.headers + 256);
  bench.send(frameTo(MAC, 200));
  expect(queue.waiting).toBe(0);
  expect(bench.host.u8.subarray(queue.headers, queue.headers + 256).every((b) => b === 0xdd)).toBe(true);
  bench.send(frameTo(MAC, 60)); // needs the header buffer only
  expect(queue.waiting).toBe(1);
});
