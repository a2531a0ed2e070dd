import { TRACE_ALL, TraceReader } from '@vmq/machine';
import { expect, it } from 'vitest';
import { describeMiniportTrace, MINIPORT_TRACE } from '../../src/index.ts';
import { createBench, frame, runningQueue } from '../bench.test-support.ts';

it('one frame’s part of the DPC: its NBL, and its buffer posted again', () => {
  const bench = createBench();
  runningQueue(bench, 1, 1);
  const reader = new TraceReader(bench.machine.traceImage);
  reader.setLevel(TRACE_ALL, 2);
  bench.executor.publish();
  bench.receive(frame(1), frame(1, { length: 100 }), frame(1));
  const own = reader.drain().filter(({ kind }) => kind >= 200 && kind < 300);
  expect(own.map(({ kind }) => kind)).toEqual([MINIPORT_TRACE.INDICATED, MINIPORT_TRACE.RETURNED]);
  expect(own.map(describeMiniportTrace)).toEqual([
    'DPC on processor 1: NBL 2 of the chain, queue 1, receive buffer 1, 100 bytes',
    'NBL returned on processor 1: buffer 1 of the queue 1 posted again in descriptor 1',
  ]);
  expect(describeMiniportTrace({ ...own[0], kind: 100 } as never)).toBe(null);
});
