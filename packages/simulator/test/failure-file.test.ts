import { expect, test } from 'vitest';
import { FAULT_NAMES } from '../src/faults/fault-names.ts';
import { readFailureFile } from '../src/shrink/failure-file.ts';
import { play, scenarioOf } from '../src/shrink/run-simulation.ts';

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
  ['seed: expected a whole number', JSON.stringify({ ...good, seed: '7' })],
  ['seed: expected a whole number from 0 to 4294967295, found -1', JSON.stringify({ ...good, seed: -1 })],
  ['invariant: expected one of ledger closes', JSON.stringify({ ...good, invariant: 'luck' })],
  ['config.hosts: expected at least one host', JSON.stringify({ ...good, config: {} })],
  [
    'config.hosts[0].processors:',
    JSON.stringify({ ...good, config: { hosts: [{ ...good.config.hosts[0], processors: 0 }] } }),
  ],
  ['steps: expected a list', JSON.stringify({ ...good, steps: 'none' })],
  ['config.filters: expected', JSON.stringify({ ...good, config: { ...good.config, filters: 9 } })],
  ['config.luck: unknown key', JSON.stringify({ ...good, config: { ...good.config, luck: 9 } })],
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

const wire = { do: 'wire', host: 0, target: 'vm', vm: 0, length: 60, count: 1, priority: 0, turns: 1 };
test.each([
  [{ do: 'dance' }, 'steps[0].do', /^unknown step: expected one of wire, ask, guest, /],
  [{ do: 'wires' }, 'steps[0].do', /did you mean wire\?$/],
  [{}, 'steps[0].do', /found nothing/],
  [{ ...wire, length: 12 }, 'steps[0].length', /from 13 to 9216, found 12/],
  [{ ...wire, count: 1e9 }, 'steps[0].count', /from 0 to 4096, found 1000000000/],
  [{ ...wire, target: 'broadcasts' }, 'steps[0].target', /did you mean broadcast\?/],
  [{ ...wire, lenght: 60 }, 'steps[0].lenght', /unknown key; did you mean length\?/],
  [{ do: 'run', host: 0 }, 'steps[0].turns', /whole number from 0 to 1000000, found nothing/],
  [{ do: 'run', host: 0.5, turns: 1 }, 'steps[0].host', /whole number/],
  [{ do: 'oid', host: 0, turns: 1 }, 'steps[0].oid', /expected a request, found nothing/],
  [
    { do: 'oid', host: 0, turns: 1, oid: { oid: 'free queues' } },
    'steps[0].oid.oid',
    /did you mean free queue\?/,
  ],
  [{ do: 'fault', host: 0, fault: 'luck', turns: 1 }, 'steps[0].fault', /expected one of memory-refused, /],
  [{ do: 'hostile', vm: 0, behaviour: 'rude', seed: 1, turns: 1 }, 'steps[0].behaviour', /expected one of /],
])('a step that nobody can take is refused by its path: %j', (step, path, message) => {
  const read = readFailureFile(JSON.stringify({ ...good, steps: [step] }));
  const problems = read.ok ? [] : read.problems;
  expect(problems.find((problem) => problem.path === path)?.message).toMatch(message);
});

test('all that is wrong is said, with paths into the report that it stands in', () => {
  const config = { hosts: [{ processors: 0 }], filters: -1 };
  const bad = { ...good, seed: 0.5, invariant: 'luck', config, steps: [{ do: 'rest' }, { do: 'dance' }, 7] };
  const read = readFailureFile(JSON.stringify({ failures: [bad] }));
  expect(read.ok ? [] : read.problems.map(({ path }) => path)).toEqual([
    'failures[0].seed',
    'failures[0].invariant',
    'failures[0].config.hosts[0].processors',
    'failures[0].config.filters',
    'failures[0].steps[1].do',
    'failures[0].steps[2]',
  ]);
});

test.each([
  [{ executor: 'threads' }, 'executor', /expected deterministic/],
  [
    { vms: [{ name: 'alice', mac: '00-15-5D-00-01-01' }] },
    'vms[0].name',
    /vm and a number up to 224, found "alice"/,
  ],
  [
    { vms: [{ name: 'vm1', mac: '00-15-5D-00-01-01', vlan: 7 }] },
    'vms[0].vlan',
    /expected one of 0, 100, 200, 4094/,
  ],
])('a host that no world has is refused by its key: %j', (host, path, message) => {
  const read = readFailureFile(JSON.stringify({ ...good, config: { hosts: [host] } }));
  expect(read.ok ? [] : read.problems).toMatchObject([
    { path: `config.hosts[0].${path}`, message: expect.stringMatching(message) },
  ]);
});

test('every step that is drawn can be read again', () => {
  const kinds = new Set<string>();
  for (let seed = 1; seed <= 40; seed++) {
    const { config, steps } = scenarioOf(seed, 400, { faults: FAULT_NAMES, hostile: true });
    for (const step of steps) kinds.add(step.do);
    const failure = { ...good, seed, config, steps };
    const read = readFailureFile(JSON.stringify(failure));
    expect(read.ok ? read.failure.steps : read.problems).toEqual(steps);
  }
  expect(kinds.size).toBeGreaterThan(15);
});
