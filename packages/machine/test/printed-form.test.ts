import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createLedgerImage, DELIVERED, Ledger, RECEIVED_FROM_WIRE } from '../src/observe/ledger.ts';
import { printAs } from '../src/observe/printed-form.ts';
import { createTraceImage, TRACE_ALL, TraceReader } from '../src/observe/trace.ts';

test('an object prints as the text or the data it stands for, and has no further member', () => {
  const text = printAs({ secret: 1 }, ({ secret }) => `one of ${secret}`);
  expect([inspect(text), Object.keys(text), JSON.stringify(text)]).toEqual([
    'one of 1',
    ['secret'],
    '{"secret":1}',
  ]);
  const data = printAs({ a: () => 1 }, ({ a }) => ({ a: a() }));
  expect(inspect([data])).toBe('[ { a: 1 } ]');
});

test('a ledger prints as its report', () => {
  const ledger = new Ledger(createLedgerImage(['dropped.nic.runt'], 2));
  const row = ledger.row(1);
  row[ledger.column(RECEIVED_FROM_WIRE)] = 3;
  row[ledger.column(DELIVERED)] = 2;
  expect(inspect(ledger)).toBe(inspect(ledger.report()));
});

test('a trace prints how much of it waits, and keeps it', () => {
  const image = createTraceImage(2, 4);
  const reader = new TraceReader(image);
  const ring = new Int32Array(image.buffer);
  reader.setLevel(TRACE_ALL);
  Atomics.store(ring, 1, image.start + 6);
  expect(inspect(reader)).toBe('trace: 6 records to drain, 0 lost before');
  expect(reader.drain().length).toBe(4);
  expect(inspect(reader)).toBe('trace: 0 records to drain, 2 lost before');
});
