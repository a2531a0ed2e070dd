import { describe, expect, it } from 'vitest';
import {
  createTraceImage,
  TRACE_ALL,
  TRACE_DELIVERIES,
  TRACE_OFF,
  TraceReader,
  TraceWriter,
} from '../src/observe/trace.ts';
import { Board } from '../src/processor/board.ts';

function setUp(agents: number, records: number): { reader: TraceReader; writers: TraceWriter[] } {
  const image = createTraceImage(agents, records);
  const board = new Board();
  const writers = Array.from({ length: agents }, (_, agent) => new TraceWriter(image, agent, board));
  return { reader: new TraceReader(image), writers };
}

describe('trace', () => {
  it('wants what the level and the one stamp ask for, from the next refresh on', () => {
    const { reader, writers } = setUp(2, 8);
    const [writer] = writers as [TraceWriter, TraceWriter];
    expect(writer.wants(TRACE_DELIVERIES, 1)).toBe(false);
    reader.setLevel(TRACE_DELIVERIES);
    expect(writer.wants(TRACE_DELIVERIES, 1)).toBe(false);
    writer.refresh();
    expect(writer.wants(TRACE_DELIVERIES, 1)).toBe(true);
    expect(writer.wants(TRACE_ALL, 1)).toBe(false);
    reader.setLevel(TRACE_ALL, 5);
    for (const each of writers) each.refresh();
    expect(writers.map((each) => [each.wants(TRACE_ALL, 5), each.wants(TRACE_ALL, 6)])).toEqual([
      [true, false],
      [true, false],
    ]);
    reader.setLevel(TRACE_OFF);
    writer.refresh();
    expect(writer.level).toBe(0);
    expect(writer.wants(TRACE_DELIVERIES, 5)).toBe(false);
  });

  it('tells what all agents wrote as one story, each record once', () => {
    const { reader, writers } = setUp(3, 16);
    const order = [2, 0, 0, 1, 2, 1, 0];
    order.forEach((agent, i) => {
      writers[agent]?.write(100 + i, i, 1, -2, 3, -4, 0x7fffffff);
    });
    const records = reader.drain();
    expect(records.map(({ agent }) => agent)).toEqual(order);
    expect(records.map(({ kind, stamp, sequence }) => [kind, stamp, sequence])).toEqual(
      order.map((_, i) => [100 + i, i, i]),
    );
    expect(records[0]).toMatchObject({ a: 1, b: -2, c: 3, d: -4, e: 0x7fffffff });
    expect(reader.drain()).toEqual([]);
    expect(reader.lost).toBe(0);
  });

  it('keeps the newest records of a ring that overflowed, and counts the lost ones', () => {
    const { reader, writers } = setUp(2, 5);
    expect(reader.capacity).toBe(8);
    for (let i = 0; i < 21; i++) writers[0]?.write(1, i, 0, 0, 0, 0, 0);
    writers[1]?.write(1, 99, 0, 0, 0, 0, 0);
    expect(reader.drain().map(({ stamp }) => stamp)).toEqual([13, 14, 15, 16, 17, 18, 19, 20, 99]);
    expect(reader.lost).toBe(13);
    for (let i = 0; i < 8; i++) writers[0]?.write(1, i, 0, 0, 0, 0, 0);
    expect(reader.drain().length).toBe(8);
    expect(reader.lost).toBe(13);
  });

  it('a pen made anew goes on where the last one stopped', () => {
    const image = createTraceImage(1, 8);
    const board = new Board();
    const reader = new TraceReader(image);
    new TraceWriter(image, 0, board).write(1, 1, 0, 0, 0, 0, 0);
    new TraceWriter(image, 0, board).write(1, 2, 0, 0, 0, 0, 0);
    expect(reader.drain().map(({ stamp }) => stamp)).toEqual([1, 2]);
  });

  it.each([0x7fff_fffd, -3, 0])('tells one story wherever its counters begin: %i', (start) => {
    const image = createTraceImage(2, 8, start);
    const board = new Board();
    board.startCounters(start);
    const writers = [0, 1].map((agent) => new TraceWriter(image, agent, board));
    const reader = new TraceReader(image);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 6; i++) writers[i & 1]?.write(i, 0, 0, 0, 0, 0, 0);
      expect(reader.drain().map(({ kind }) => kind)).toEqual([0, 1, 2, 3, 4, 5]);
    }
    expect(reader.lost).toBe(0);
  });

  it('tells a record before those that came 2^31 and more later, and counts what a ring has lost', () => {
    const image = createTraceImage(2, 8);
    const board = new Board();
    const quiet = new TraceWriter(image, 0, board);
    const reader = new TraceReader(image);
    quiet.write(1, 0, 0, 0, 0, 0, 0);
    // As if the other agent had written so many.
    const written = 2 ** 31 + 5;
    board.startCounters(written | 0);
    const ringWords = image.buffer.byteLength / 4 / 2;
    new Int32Array(image.buffer)[ringWords + 1] = written | 0;
    const busy = new TraceWriter(image, 1, board);
    for (let i = 0; i < 8; i++) busy.write(2 + i, 0, 0, 0, 0, 0, 0);
    expect(reader.drain().map(({ kind }) => kind)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(reader.lost).toBe(written);
  });
});
