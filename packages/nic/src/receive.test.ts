import { expect, test } from 'vitest';
import { Bench, BenchSender, frameTo, macOf } from '../test/bench.ts';
import { TXD_EOP } from './descriptors.ts';

test('a frame for a filter reaches the queue; one for nobody is dropped', () => {
  const bench = new Bench();
  const q2 = bench.queue(2);
  q2.enable();
  bench.filter(3, macOf(1), 0, 0, 2);
  bench.configure();
  const frame = frameTo(macOf(1), 100);
  bench.send(frame, frameTo(macOf(2), 100));
  const got = q2.take();
  expect(got).toHaveLength(1);
  expect(got[0]).toMatchObject({ queue: 2, slot: 3, stamp: 1, bytes: frame });
  expect(bench.machine.ledger.report().ends.dropped).toEqual({ 'nic.no-match': 1 });
});

test('a frame is sent', () => {
  const bench = new Bench();
  const sender = new BenchSender(bench, 0);
  bench.configure();
  const frame = frameTo(macOf(1), 100);
  sender.put(frame, TXD_EOP);
  sender.ringDoorbell();
  bench.executor.runUntilIdle();
  expect(bench.transmitted()).toEqual([frame]);
  expect(sender.completed).toBe(1);
});
