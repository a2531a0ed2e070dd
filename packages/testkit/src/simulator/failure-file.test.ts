import { expect, test } from 'vitest';
import { readFailureFile } from './failure-file.ts';
import { play, scenarioOf } from './run-simulation.ts';

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

test('a drawn world is read as it was written', () => {
  for (let seed = 1; seed < 24; seed++) {
    const { config, steps } = scenarioOf(seed, 40, { faults: [], hostile: true });
    const read = readFailureFile(JSON.stringify({ ...good, config, steps }));
    expect(read.ok && play({ config: read.failure.config, steps: read.failure.steps }).traceHash).toBe(
      play({ config, steps }).traceHash,
    );
  }
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
  ['steps[0].do: expected one of wire', JSON.stringify({ ...good, steps: [{ do: 'dance' }] })],
  ['config.filters: expected', JSON.stringify({ ...good, config: { ...good.config, filters: 9 } })],
  [
    'config.limits.indicationBudget: expected a whole number',
    JSON.stringify({ ...good, config: { ...good.config, limits: { indicationBudget: 0.5 } } }),
  ],
  [
    'config.counters.luck: expected',
    JSON.stringify({ ...good, config: { ...good.config, counters: { luck: 1 } } }),
  ],
  ['steps[0]: expected a step', JSON.stringify({ ...good, steps: [1] })],
])('%s …', (reason, text) => {
  const read = readFailureFile(text);
  expect(read.ok ? 'read' : read.reason).toContain(reason);
});
