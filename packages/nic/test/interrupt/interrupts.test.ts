import { createRandom, msiMessage } from '@vmq/machine';
import { expect, test } from 'vitest';
import { markReceiveQueue, SHARED_QUEUES } from '../../src/registers/device-memory.ts';
import {
  CAUSE_LINK,
  FLTVLAN_ANY,
  MSIX_STRIDE,
  MSIX_VCTRL_MASK,
  REG,
  RX_QUEUE_STRIDE,
} from '../../src/registers/register-constants.ts';
import { Q_SHIFT, Q_SIGNALLED } from '../../src/state/device-state.ts';
import { Bench, type BenchQueue, frameTo, macOf } from '../bench.test-support.ts';

/** Queues 1 and 2, whose entries send to processor 1 vector 33 and processor 0 vector 34. */
function device(): [Bench, BenchQueue, BenchQueue] {
  const bench = new Bench();
  const queues = [1, 2].map((n) => {
    const queue = bench.queue(n);
    queue.enable();
    bench.filter(n, macOf(n), FLTVLAN_ANY, 0, n);
    return queue;
  });
  bench.configure();
  return [bench, queues[0], queues[1]];
}

const arm = (queue: BenchQueue): void => {
  queue.bench.registers.write32(queue.register('RXARM'), 1);
  queue.bench.executor.runUntilIdle();
};
const mask = (bench: Bench, entry: number, on: boolean): void => {
  bench.registers.write32(REG.MSIXVCTRL + entry * MSIX_STRIDE, on ? MSIX_VCTRL_MASK : 0);
  bench.executor.runUntilIdle();
};

test('INT-04 INT-05 an armed queue sends one message per batch, to its own processor, and is disarmed by it', () => {
  const [bench, one, two] = device();
  arm(one);
  arm(two);
  expect(bench.interrupts).toEqual([]);
  bench.send(frameTo(macOf(1), 64), frameTo(macOf(1), 64), frameTo(macOf(2), 64), frameTo(macOf(1), 64));
  expect(bench.interrupts.sort()).toEqual([
    [0, 34],
    [1, 33],
  ]);
  expect(bench.registers.read32(one.register('RXARM'))).toBe(0);
  bench.send(frameTo(macOf(1), 64));
  expect(bench.interrupts).toHaveLength(2);
  expect(bench.statistic(REG.INTERRUPTS)).toBe(2);
});

test('arming with completions the driver was not told of sends at once', () => {
  const [bench, one] = device();
  bench.send(frameTo(macOf(1), 64));
  expect(bench.interrupts).toEqual([]);
  arm(one);
  expect(bench.interrupts).toEqual([[1, 33]]);
  arm(one); // nothing new since
  expect(bench.interrupts).toHaveLength(1);
});

test('RCT spares an interrupt for completions the driver has seen already', () => {
  const [bench, one] = device();
  bench.send(frameTo(macOf(1), 64));
  one.take();
  bench.registers.write32(one.register('RCT'), one.consumed);
  arm(one);
  expect(bench.interrupts).toEqual([]);
  bench.send(frameTo(macOf(1), 64));
  expect(bench.interrupts).toHaveLength(1);
  bench.registers.write32(one.register('RCT'), 1000); // nonsense is ignored
  bench.send(frameTo(macOf(1), 64));
  arm(one);
  expect(bench.interrupts).toHaveLength(2);
});

test('arming a queue of which everything was consumed does not wake the device', () => {
  const [bench, one] = device();
  bench.send(frameTo(macOf(1), 64));
  one.take();
  const { board } = bench.machine;
  const nic = bench.machine.agent('nic');
  const write = (register: 'RCT' | 'RXARM', value: number): void =>
    bench.registers.write32(one.register(register), value);
  write('RCT', one.consumed);
  write('RXARM', 1);
  expect(board.isPending(nic)).toBe(false);
  expect([
    bench.registers.read32(one.register('RXARM')),
    bench.registers.peek32(one.register('RXARM')),
  ]).toEqual([1, 1]);
  write('RXARM', 0);
  write('RCT', one.consumed - 1);
  write('RXARM', 1);
  expect(board.isPending(nic)).toBe(true);
});

test('a masked entry sets its pending bit, and unmasking sends', () => {
  const [bench, one] = device();
  mask(bench, 1, true);
  arm(one);
  bench.send(frameTo(macOf(1), 64));
  expect(bench.interrupts).toEqual([]);
  expect(bench.registers.read32(REG.PBA)).toBe(1 << 1);
  mask(bench, 5, false);
  expect(bench.interrupts).toEqual([]);
  mask(bench, 1, false);
  expect(bench.interrupts).toEqual([[1, 33]]);
  expect(bench.registers.read32(REG.PBA)).toBe(0);
});

test('any set of masked entries sends what became pending when it is unmasked, each once, and no other', () => {
  const random = createRandom(7);
  for (let round = 0; round < 30; round++) {
    const bench = new Bench();
    const { msixEntries } = bench.profile;
    const count = Math.min(6, msixEntries);
    // From all over the table: pending bits lie in several words.
    const entries = [...new Set(Array.from({ length: count }, () => random.below(msixEntries)))];
    const queues = entries.map((entry, i) => {
      const queue = bench.queue(i + 1);
      queue.enable();
      bench.filter(i, macOf(i + 1), FLTVLAN_ANY, 0, i + 1);
      bench.registers.write32(queue.register('RXENTRY'), entry);
      return queue;
    });
    bench.configure();
    for (const entry of entries) mask(bench, entry, true);
    for (const queue of queues) arm(queue);
    const busy = entries.map(() => random.below(2) === 1);
    bench.send(...busy.flatMap((is, i) => (is ? [frameTo(macOf(i + 1), 64)] : [])));
    expect(bench.interrupts).toEqual([]);
    const isPending = (entry: number): boolean =>
      ((bench.registers.read32(REG.PBA + 4 * (entry >> 5)) >>> (entry & 31)) & 1) === 1;
    expect(entries.map(isPending)).toEqual(busy);
    const sent: number[] = [];
    entries.forEach((entry, i) => {
      mask(bench, entry, false);
      if (busy[i]) sent.push(32 + entry);
      expect(bench.interrupts.map(([, vector]) => vector)).toEqual(sent);
      expect(isPending(entry)).toBe(false);
    });
  }
});

test('INT-08 an entry can be aimed at another processor without touching the others', () => {
  const [bench, one, two] = device();
  const { address, data } = msiMessage(0, 77);
  mask(bench, 1, true);
  bench.registers.write32(REG.MSIXADDRLO + MSIX_STRIDE, address);
  bench.registers.write32(REG.MSIXDATA + MSIX_STRIDE, data);
  mask(bench, 1, false);
  arm(one);
  arm(two);
  bench.send(frameTo(macOf(1), 64), frameTo(macOf(2), 64));
  expect(bench.interrupts.sort()).toEqual([
    [0, 34],
    [0, 77],
  ]);
});

test('an entry that does not exist is counted, not sent', () => {
  const [bench, one] = device();
  for (const entry of [128, 0xffff_ffff]) {
    bench.registers.write32(one.register('RXENTRY'), entry);
    arm(one);
    bench.send(frameTo(macOf(1), 64));
  }
  expect(bench.interrupts).toEqual([]);
  expect(bench.statistic(REG.SPURIOUS)).toBe(2);
});

test('moderation holds interrupts RXITR nanoseconds apart, and loses none', () => {
  const [bench, one, two] = device();
  bench.registers.write32(one.register('RXITR'), 50_000);
  const times: number[] = [];
  const sendOne = (): void => {
    const before = bench.interrupts.length;
    bench.offer(frameTo(macOf(1), 64));
    bench.wire.publish();
    bench.wake();
    arm(one);
    if (bench.interrupts.length > before) times.push(bench.clock.now());
  };
  for (let i = 0; i < 5; i++) sendOne();
  expect(times).toHaveLength(5);
  for (let i = 1; i < 5; i++) expect(times[i] - times[i - 1]).toBeGreaterThanOrEqual(49_000);
  // The other queue is not moderated.
  const start = bench.clock.now();
  for (let i = 0; i < 5; i++) {
    bench.send(frameTo(macOf(2), 64));
    arm(two);
  }
  expect(bench.clock.now() - start).toBeLessThan(50_000);
  expect(bench.interrupts.filter(([, vector]) => vector === 34)).toHaveLength(5);
});

test('several batches within the interval make one interrupt', () => {
  const [bench, one] = device();
  bench.registers.write32(one.register('RXITR'), 1_000_000);
  arm(one);
  bench.send(frameTo(macOf(1), 64));
  expect(bench.interrupts).toHaveLength(1);
  bench.registers.write32(one.register('RXARM'), 1);
  for (let i = 0; i < 10; i++) {
    bench.offer(frameTo(macOf(1), 64));
    bench.wire.publish();
    bench.wake();
    bench.executor.runUntil(() => one.waiting === i + 2);
  }
  expect(bench.interrupts).toHaveLength(1);
  bench.executor.runUntilIdle();
  expect(bench.interrupts).toHaveLength(2);
});

test('a queue disabled while moderated sends nothing any more', () => {
  const [bench, one] = device();
  bench.registers.write32(one.register('RXITR'), 1_000_000);
  arm(one);
  bench.send(frameTo(macOf(1), 64));
  bench.registers.write32(one.register('RXARM'), 1);
  bench.offer(frameTo(macOf(1), 64));
  bench.wire.publish();
  bench.wake();
  bench.executor.runUntil(() => one.waiting === 2);
  one.disable();
  bench.configure();
  bench.executor.runUntilIdle();
  expect(bench.interrupts).toHaveLength(1);
});

test('link changes and DMA faults are causes with an interrupt of their own', () => {
  const [bench, one] = device();
  bench.registers.write32(REG.CAUSEENTRY, 9);
  bench.registers.write32(REG.CAUSEEN, CAUSE_LINK);
  bench.executor.post('nic', { op: 'link', up: false });
  bench.executor.publish();
  bench.executor.runUntilIdle();
  expect(bench.interrupts).toEqual([[1, 41]]);
  expect(bench.registers.read32(REG.CAUSE)).toBe(CAUSE_LINK);
  bench.executor.post('nic', { op: 'link', up: true });
  bench.executor.publish();
  bench.executor.runUntilIdle();
  expect(bench.interrupts).toHaveLength(1); // not acknowledged yet
  bench.registers.write32(REG.CAUSE, CAUSE_LINK);
  expect(bench.registers.read32(REG.CAUSE)).toBe(0);
  bench.host.i32[one.ring >> 2] = 0;
  bench.send(frameTo(macOf(1), 64));
  expect(bench.registers.read32(REG.CAUSE)).toBe(2); // set, but not enabled
  expect(bench.interrupts).toHaveLength(1);
});

test('queues may share an entry', () => {
  const [bench, one, two] = device();
  bench.registers.write32(REG.RXENTRY + 2 * RX_QUEUE_STRIDE, 1);
  arm(one);
  arm(two);
  bench.send(frameTo(macOf(2), 64));
  expect(bench.interrupts).toEqual([[1, 33]]);
});

test('a driver that polled 2^31 completions and more is interrupted for the next, and for none that it has seen', () => {
  // With two engines what a queue was told of last lies in the BAR.
  const bench = new Bench({ receiveEngines: 2 });
  const queue = bench.queue(1);
  queue.enable();
  bench.filter(1, macOf(1), FLTVLAN_ANY, 0, 1);
  bench.configure();
  bench.send(frameTo(macOf(1), 64));
  queue.take();
  // As if so many had been completed since the last interrupt, without one in between: the queue is not armed.
  const told = SHARED_QUEUES + (1 << Q_SHIFT) + Q_SIGNALLED;
  bench.bar.i32[told] = (queue.consumed - (2 ** 31 - 3)) | 0;
  for (let i = 0; i < 8; i++) {
    bench.send(frameTo(macOf(1), 64));
    queue.take();
  }
  expect(bench.interrupts).toEqual([]);
  bench.registers.write32(queue.register('RCT'), queue.consumed);
  arm(queue);
  bench.registers.write32(queue.register('RXENTRY'), 1); // whatever else has the device look at the queue
  markReceiveQueue(bench.bar.i32, 1, 1);
  bench.machine.board.wake(bench.machine.agent('nic') + 1);
  bench.executor.runUntilIdle();
  expect(bench.interrupts).toEqual([]);
  bench.send(frameTo(macOf(1), 64));
  expect(bench.interrupts).toHaveLength(1);
});
