import { DMA_READ, DMA_WRITE } from '@vmq/machine';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TXD_EOP, TXD_INSERT_VLAN } from '../../src/registers/descriptors.ts';
import {
  CTRL_RXEN,
  CTRL_TXEN,
  QSTS_ENABLED,
  QSTS_ERROR,
  QSTS_STARVED,
  REG,
  TX_QUEUE_STRIDE,
} from '../../src/registers/register-constants.ts';
import { Bench, BenchSender, frameTo, macOf } from '../bench.test-support.ts';

function sender(size: number = 64, txWireSlots: number = 256): [Bench, BenchSender] {
  const bench = new Bench({ txWireSlots });
  const queue = new BenchSender(bench, 1, size);
  bench.configure();
  return [bench, queue];
}

const go = (queue: BenchSender): void => {
  queue.ringDoorbell();
  queue.bench.executor.runUntilIdle();
};
const tag = (frame: Uint8Array, tci: number): Uint8Array =>
  Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, tci >> 8, tci & 0xff, ...frame.subarray(12)]);
const pad = (frame: Uint8Array): Uint8Array => {
  const padded = new Uint8Array(Math.max(60, frame.length));
  padded.set(frame);
  return padded;
};

test('TX-07 frames are padded with zeros to 60 bytes, and tags inserted', () => {
  const [bench, queue] = sender();
  const short = frameTo(macOf(1), 20);
  const long = frameTo(macOf(1), 1514);
  bench.txWire.u8.fill(0x77, bench.txWire.dataStart);
  queue.put(short, TXD_EOP);
  queue.put(short, TXD_EOP | TXD_INSERT_VLAN, 0xa123);
  queue.put(long, TXD_EOP | TXD_INSERT_VLAN, 0x0fff);
  queue.put(long, TXD_EOP, 0x0fff);
  go(queue);
  expect(bench.transmitted()).toEqual([pad(short), pad(tag(short, 0xa123)), tag(long, 0x0fff), long]);
  expect(queue.completed).toBe(4);
  expect(bench.statistic(REG.GPTC)).toBe(4);
  expect(bench.statistic(REG.TXPKTLO + TX_QUEUE_STRIDE)).toBe(4);
  expect(bench.statistic(REG.GOTC)).toBe(60 + 60 + 1518 + 1514);
  expect(bench.machine.ledger.report().ends.transmitted).toBe(4);
});

test('property: frames in any number of pieces at any alignment arrive whole and in order', () => {
  const piece = fc.record({ length: fc.integer({ min: 1, max: 300 }), shift: fc.nat(9) });
  const frame = fc.record({
    pieces: fc.array(piece, { minLength: 1, maxLength: 4 }),
    tci: fc.integer({ min: -1, max: 0xffff }),
  });
  const [bench, queue] = sender(32);
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 5 }), (frames) => {
      const expected: Uint8Array[] = [];
      for (const { pieces, tci } of frames) {
        const all: number[] = [];
        pieces.forEach(({ length, shift }, i) => {
          const bytes = frameTo(macOf(i), length, -1, length + shift);
          all.push(...bytes);
          const flags = (i === pieces.length - 1 ? TXD_EOP : 0) | (i === 0 && tci >= 0 ? TXD_INSERT_VLAN : 0);
          queue.put(bytes, flags, tci, shift);
        });
        const whole = Uint8Array.from(all);
        if (whole.length >= 14) expected.push(pad(tci >= 0 ? tag(whole, tci) : whole));
      }
      go(queue);
      expect(bench.transmitted()).toEqual(expected);
      expect(queue.completed).toBe(queue.posted);
    }),
    { numRuns: 200 },
  );
});

test('a frame whose end is not posted waits for it', () => {
  const [bench, queue] = sender();
  const frame = frameTo(macOf(1), 100);
  queue.put(frame.subarray(0, 40), 0);
  go(queue);
  expect(bench.transmitted()).toEqual([]);
  expect(queue.completed).toBe(0);
  queue.put(frame.subarray(40), TXD_EOP);
  go(queue);
  expect(bench.transmitted()).toEqual([frame]);
  expect(queue.completed).toBe(2);
});

test('SW-28: a frame may bring its tags or get one, and be so much longer than MFS, in one piece or several', () => {
  const [bench, queue] = sender(32);
  const plain = frameTo(macOf(1), 1514);
  const longer = frameTo(macOf(1), 1515);
  const two = tag(tag(plain, 5), 6);
  const send = (frame: Uint8Array, flags: number): void => {
    queue.put(frame.subarray(0, 13), flags & ~TXD_EOP, 7);
    queue.put(frame.subarray(13), TXD_EOP);
  };
  for (const frame of [tag(plain, 5), two, tag(longer, 5), tag(two, 7)]) queue.put(frame, TXD_EOP);
  for (const frame of [plain, tag(plain, 5), longer, two]) queue.put(frame, TXD_EOP | TXD_INSERT_VLAN, 7);
  for (const frame of [two, tag(longer, 5)]) send(frame, 0);
  for (const frame of [tag(plain, 5), two]) send(frame, TXD_INSERT_VLAN);
  go(queue);
  expect(bench.transmitted()).toEqual([
    tag(plain, 5),
    two,
    tag(plain, 7),
    tag(tag(plain, 5), 7),
    two,
    tag(tag(plain, 5), 7),
  ]);
  expect(queue.completed).toBe(queue.posted);
  expect(bench.machine.ledger.report().ends.dropped).toEqual({ 'nic.tx-fault': 6 });
});

test('refused: too short, too long, not granted, wild, a ring without an end; each completes and is counted once', () => {
  const [bench, queue] = sender(8);
  const good = frameTo(macOf(1), 64);
  queue.put(good.subarray(0, 13), TXD_EOP);
  queue.put(frameTo(macOf(1), 1515), TXD_EOP); // has no tag to make it longer
  queue.put(frameTo(macOf(1), 1515), TXD_EOP | TXD_INSERT_VLAN);
  queue.put(good, TXD_EOP | 77); // a segment that does not exist
  queue.put(good, TXD_EOP);
  bench.host.i32[(queue.ring >> 2) + 4 * 4] = 0; // page 0 is not granted
  queue.put(good, TXD_EOP);
  bench.host.i32[(queue.ring >> 2) + 5 * 4 + 2] = -5;
  queue.put(good, TXD_EOP);
  go(queue);
  expect(bench.transmitted()).toEqual([good]);
  expect(queue.completed).toBe(7);
  for (let i = 0; i < 8; i++) queue.put(good, 0);
  go(queue);
  expect(queue.completed).toBe(15);
  expect(bench.machine.ledger.report().ends.dropped).toEqual({ 'nic.tx-fault': 7 });
  expect(bench.statistic(REG.TXFAULTS)).toBe(7);
  expect(bench.registers.read32(REG.TXFAULT + TX_QUEUE_STRIDE)).toBe(7);
});

test('write-only memory is not read', () => {
  const [bench, queue] = sender();
  queue.put(frameTo(macOf(1), 64), TXD_EOP);
  bench.domain.setRights(0, queue.buffers & ~4095, 4096, DMA_WRITE);
  go(queue);
  expect(bench.transmitted()).toEqual([]);
  bench.domain.setRights(0, queue.buffers & ~4095, 4096, DMA_READ | DMA_WRITE);
  queue.put(frameTo(macOf(1), 64), TXD_EOP);
  go(queue);
  expect(bench.transmitted()).toHaveLength(1);
});

test('a full wire stops sending and loses nothing; the taker wakes the device', () => {
  const [bench, queue] = sender(64, 4);
  const frames = Array.from({ length: 30 }, (_, i) => frameTo(macOf(1), 60 + i, -1, i));
  for (const frame of frames) queue.put(frame, TXD_EOP);
  go(queue);
  expect(queue.completed).toBe(4);
  expect(bench.registers.read32(REG.TXSTS + TX_QUEUE_STRIDE)).toBe(QSTS_ENABLED | QSTS_STARVED);
  const got: Uint8Array[] = [];
  for (let i = 0; i < 10; i++) {
    got.push(...bench.transmitted());
    bench.executor.runUntilIdle();
  }
  expect(got).toEqual(frames);
  expect(bench.registers.read32(REG.TXSTS + TX_QUEUE_STRIDE)).toBe(QSTS_ENABLED);
});

test('TX-04 rings wrap for thousands of frames; queues take turns, each keeps its order', () => {
  const bench = new Bench();
  const queues = [0, 1, 2].map((n) => new BenchSender(bench, n, 16));
  bench.configure();
  const next = [0, 0, 0];
  const seen = [0, 0, 0];
  for (let round = 0; round < 300; round++) {
    queues.forEach((queue, n) => {
      for (let i = 0; i < 5 + n; i++) {
        const number = next[n];
        queue.put(frameTo([2, n, 0, 0, number >> 8, number & 0xff], 60), TXD_EOP);
        next[n] = number + 1;
      }
      queue.ringDoorbell();
    });
    bench.executor.runUntilIdle();
    for (const frame of bench.transmitted()) {
      const n = frame[1];
      expect((frame[4] << 8) | frame[5]).toBe(seen[n]);
      seen[n] = seen[n] + 1;
    }
  }
  expect(seen).toEqual(next);
});

test('an armed queue interrupts when descriptors complete', () => {
  const [bench, queue] = sender();
  bench.registers.write32(REG.TXARM + TX_QUEUE_STRIDE, 1);
  queue.put(frameTo(macOf(1), 64), TXD_EOP);
  queue.put(frameTo(macOf(1), 64), TXD_EOP);
  go(queue);
  expect(bench.interrupts).toEqual([[1, 32 + 65]]);
  expect(bench.registers.read32(REG.TXARM + TX_QUEUE_STRIDE)).toBe(0);
});

test('TXEN off holds descriptors back', () => {
  const [bench, queue] = sender();
  bench.registers.write32(REG.CTRL, CTRL_RXEN);
  queue.put(frameTo(macOf(1), 64), TXD_EOP);
  go(queue);
  expect(bench.transmitted()).toEqual([]);
  bench.registers.write32(REG.CTRL, CTRL_RXEN | CTRL_TXEN);
  bench.executor.runUntilIdle();
  expect(bench.transmitted()).toHaveLength(1);
});

test('enabling with a bad ring is refused', () => {
  const bench = new Bench();
  const queue = new BenchSender(bench, 1);
  bench.registers.write32(REG.TDLEN + TX_QUEUE_STRIDE, 3);
  bench.configure();
  expect(bench.registers.read32(REG.TXSTS + TX_QUEUE_STRIDE)).toBe(QSTS_ERROR);
  go(queue);
  expect(queue.completed).toBe(0);
});
