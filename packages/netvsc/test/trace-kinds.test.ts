import { TraceReader, type TraceRecord, TraceWriter } from '@vmq/machine';
import { expect, test } from 'vitest';
import { describeVmbusTrace } from '../src/channel/trace-kinds.ts';
import { createChannelHost } from '../src/host/host-channel.ts';
import { createBench, frame } from './test-bench.test-support.ts';

test('the trace tells the story of a frame through a channel, in words', () => {
  const bench = createBench();
  bench.pollAll(bench.open());
  const { machine } = bench;
  const reader = new TraceReader(machine.traceImage);
  reader.setLevel(2);
  const trace = new TraceWriter(machine.traceImage, 0, machine.board);
  const host = createChannelHost({ machine, trace }, bench.control.image());
  bench.deliver(host, [frame(0, 60, 0x6064), frame(1, 90)]);
  const guest = bench.guest();
  bench.segment.u8.set(frame(2, 100).bytes, guest.reserveSend());
  guest.commitSend(100, 0);
  guest.flush();
  bench.executor.runUntilIdle();
  bench.pollAll(host);
  bench.guestRuns = false;
  bench.deliver(host, [frame(3, 60)]);
  bench.control.close(() => bench.executor.publish());
  bench.deliver(host, [frame(4, 60)]);
  expect(reader.drain().map(describeVmbusTrace)).toEqual([
    'channel 1: 60 bytes into receive section 0, VLAN 100 priority 3',
    'channel 1: 90 bytes into receive section 1, untagged',
    expect.stringMatching(/^channel 1: message 0\.\d+ with 2 frames sent to the guest$/),
    'channel 1: guest completed message 0, 2 sections free again',
    'channel 1: 100 bytes copied out of send section 0, untagged',
    expect.stringMatching(/into receive section \d, untagged$/),
    expect.stringMatching(/with 1 frame sent to the guest$/),
  ]);
  const other: TraceRecord = { sequence: 0, agent: 0, kind: 499, stamp: 0, a: 0, b: 0, c: 0, d: 0, e: 0 };
  expect(describeVmbusTrace(other)).toBeNull();
});
