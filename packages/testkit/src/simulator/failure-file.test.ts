import { expect, test } from 'vitest';
import { readFailureFile } from './failure-file.ts';

const good = {
  version: 1,
  seed: 7,
  invariant: 'ledger closes',
  message: 'ledger closes: a frame is missing',
  config: { hosts: [{ name: 'host0', vms: [{ name: 'vm1', mac: '00-15-5D-00-01-01' }] }] },
  steps: [{ do: 'rest' }],
};

test('a failure, and a report with failures, are read', () => {
  expect(readFailureFile(JSON.stringify(good))).toEqual({ ok: true, failure: good });
  expect(readFailureFile(JSON.stringify({ failures: [good] }))).toEqual({ ok: true, failure: good });
});

test.each([
  ['expected JSON', '{'],
  ['expected a failure, or a report', '7'],
  ['the report has no failure', JSON.stringify({ failures: [] })],
  ['version: expected 1, found 2', JSON.stringify({ ...good, version: 2 })],
  ['seed: expected a number', JSON.stringify({ ...good, seed: '7' })],
  ['invariant: expected one of ledger closes', JSON.stringify({ ...good, invariant: 'luck' })],
  ['config.hosts: expected at least one host', JSON.stringify({ ...good, config: {} })],
  [
    'config.hosts[0].processors:',
    JSON.stringify({ ...good, config: { hosts: [{ ...good.config.hosts[0], processors: 0 }] } }),
  ],
  ['steps: expected a list', JSON.stringify({ ...good, steps: 'none' })],
  ['steps[0]: expected a step', JSON.stringify({ ...good, steps: [1] })],
])('%s …', (reason, text) => {
  const read = readFailureFile(text);
  expect(read.ok ? 'read' : read.reason).toContain(reason);
});
