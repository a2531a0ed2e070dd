import { TRACE_ALL, TraceReader } from '@vmq/machine';
import { expect, test } from 'vitest';
import { TXD_EOP, TXD_INSERT_VLAN } from '../../src/registers/descriptors.ts';
import {
  FLTVLAN_ANY,
  FLTVLAN_EXACT,
  REG,
  RXCTL_DROPEN,
  RXCTL_ENABLE,
} from '../../src/registers/register-constants.ts';
import { describeNicTrace } from '../../src/state/trace-kinds.ts';
import { Bench, BenchSender, frameTo, macOf } from '../bench.test-support.ts';

function traced(only: number = 0): [Bench, () => string[]] {
  const bench = new Bench();
  const queue = bench.queue(2, 16);
  queue.enable(1, RXCTL_ENABLE | RXCTL_DROPEN);
  bench.filter(3, macOf(1), FLTVLAN_EXACT, 100, 2);
  bench.filter(4, macOf(1), FLTVLAN_ANY, 0, 9);
  bench.filter(1, macOf(7), FLTVLAN_ANY, 0, 2);
  bench.configure();
  bench.registers.write32(queue.register('RXARM'), 1);
  const reader = new TraceReader(bench.machine.traceImage);
  reader.setLevel(TRACE_ALL, only);
  bench.executor.publish();
  return [bench, () => reader.drain().map((record) => describeNicTrace(record) ?? '?')];
}

test('the trace of one frame tells each test, the queue, the buffer, the completion and the interrupt', () => {
  const [bench, lines] = traced(1);
  bench.send(frameTo(macOf(1), 64, 100));
  const queue = 'queue 2: descriptor 0, buffer 0:0x';
  expect(lines()).toEqual([
    'frame 1: 64 bytes to 02-15-5D-00-00-01, VLAN 100 priority 0, type 0x88b5',
    'filter 1: MAC equal no, any VLAN (frame VLAN 100) yes',
    'filter 3: MAC equal yes, VLAN 100 (frame VLAN 100) yes → queue 2',
    'queue 2: by filter 3',
    expect.stringContaining(queue),
    expect.stringMatching(/^DMA: 60 bytes written to 0:0x/),
    expect.stringMatching(/^queue 2: completion 0, 60 bytes, status 0x0003 at 0:0x/),
    'queue 2: interrupt by MSI-X entry 2 (processor 0 vector 34): sent',
  ]);
});

test('the trace of all frames tells of each how it ended', () => {
  const [bench, lines] = traced();
  bench.send(frameTo(macOf(1), 64, 100));
  lines();
  bench.send(frameTo(macOf(1), 64, 100), frameTo(macOf(1), 64), frameTo(macOf(5), 10));
  expect(lines().filter((line) => !line.startsWith('filter 1'))).toEqual([
    'frame 2: 64 bytes to 02-15-5D-00-00-01, VLAN 100 priority 0, type 0x88b5',
    'filter 3: MAC equal yes, VLAN 100 (frame VLAN 100) yes → queue 2',
    'queue 2: by filter 3',
    'dropped: no-descriptor (queue 2)',
    'frame 3: 64 bytes to 02-15-5D-00-00-01, untagged, type 0x88b5',
    'filter 3: MAC equal yes, VLAN 100 (frame untagged) no',
    'filter 4: inactive, queue 9 is not enabled',
    'no filter matched; address filter: unicast, not accepted',
    'dropped: no-match',
    expect.stringMatching(/^frame 4: 10 bytes/),
    'dropped: runt',
  ]);
});

test('the trace tells of each transmitted frame its queue, descriptors, length on the wire and tag', () => {
  const [bench, lines] = traced();
  const queue = new BenchSender(bench, 1, 64);
  bench.configure();
  lines();
  const frame = frameTo(macOf(1), 100);
  queue.put(frame, TXD_EOP | TXD_INSERT_VLAN, 0xa123);
  queue.put(frame.subarray(0, 40), 0);
  queue.put(frame.subarray(40), TXD_EOP);
  queue.put(frame.subarray(0, 10), TXD_EOP);
  queue.ringDoorbell();
  bench.executor.runUntilIdle();
  expect(lines().filter((line) => line.startsWith('transmit'))).toEqual([
    'transmit queue 1: descriptor 0: 104 bytes put on the wire, with tag 291 priority 5',
    'transmit queue 1: descriptor 1: 100 bytes put on the wire from 2 descriptors',
    'transmit queue 1: descriptor 3 refused',
  ]);
  expect(bench.transmitted()).toHaveLength(2);
});

test('only the wanted stamp is traced', () => {
  const [bench, lines] = traced(2);
  bench.send(frameTo(macOf(7), 64), frameTo(macOf(8), 64), frameTo(macOf(9), 64));
  const story = lines();
  expect(story[0]).toContain('frame 2: 64 bytes to 02-15-5D-00-00-08');
  expect(story.at(-1)).toBe('dropped: no-match');
  expect(story.filter((line) => line.startsWith('frame'))).toHaveLength(1);
});

test('tracing changes nothing else', () => {
  const run = (level: typeof TRACE_ALL | 0): unknown => {
    const bench = new Bench();
    const queue = bench.queue(1, 16);
    queue.enable(6, RXCTL_ENABLE);
    bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1);
    bench.configure();
    new TraceReader(bench.machine.traceImage).setLevel(level);
    bench.executor.publish();
    for (let i = 0; i < 20; i++) bench.offer(frameTo(macOf(i % 3), 60 + i, i % 2 ? i : -1, i));
    bench.send();
    return [
      queue.take(),
      bench.machine.ledger.report(),
      bench.registers.read32(REG.RXSTAMP),
      bench.clock.now(),
    ];
  };
  expect(run(TRACE_ALL)).toEqual(run(0));
});
