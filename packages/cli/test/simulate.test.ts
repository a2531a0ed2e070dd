// `vmq simulate`: the report, its hash, failures and how they are repeated, and what it does not take.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { Scratch, vmq } from './run-vmq.test-support.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());
const FOUND_ONCE = fileURLToPath(
  new URL('../../simulator/test/regressions/reset-of-a-halted-adapter.json', import.meta.url),
);

describe('vmq simulate', () => {
  it('runs the model sequences too, and says what they came to', async () => {
    const args = ['simulate', '--seed', '7', '--steps', '50', '--model'];
    const { code, out } = await vmq(...args);
    expect(code).toBe(0);
    expect(out).toMatch(/\n500 model sequences: \d+ requests, \d+ frames; stack and model agree\n$/);
    const { model } = JSON.parse((await vmq(...args, '--json')).out);
    expect(model).toMatchObject({ sequences: 500, disagreement: null, interrupted: false });
    // 50 steps and one question before the sequences; then one for each.
    let asked = 0;
    const stopped = await vmq.interrupted(() => ++asked > 90, ...args);
    expect(stopped.code).toBe(130);
    expect(stopped.out).toMatch(/\n\d\d model sequences \(interrupted\): /);
    expect(model.requests).toBeGreaterThan(500);
    expect((await vmq('simulate', '--model', '--replay', FOUND_ONCE)).code).not.toBe(0);
  });

  it('reports as JSON, and the same again', async () => {
    const args = ['simulate', '--seed', '3', '--seeds', '2', '--steps', '150', '--json'];
    const run = await vmq(...args);
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(run.out)).toEqual({
      version: 1,
      command: 'simulate',
      traceHash: expect.stringMatching(/^[0-9a-f]{16}$/),
      seed: 3,
      seeds: 2,
      steps: 300,
      failures: [],
      stopped: null,
    });
    expect((await vmq(...args)).out).toBe(run.out);
  });

  it('takes faults by name, and all', async () => {
    const one = await vmq('simulate', '--steps', '200', '--faults', 'wire-drop,oid-slow');
    expect(one).toMatchObject({ code: 0, err: '' });
    expect(one.out).toContain('200 steps, faults wire-drop, oid-slow; every invariant held');
    expect(await vmq('simulate', '--steps', '100', '--faults', 'all')).toMatchObject({ code: 0, err: '' });
    const wrong = await vmq('simulate', '--faults', 'luck');
    expect(wrong).toMatchObject({ code: 1, out: '' });
    expect(wrong.err).toMatch(/^--faults: expected 'all', or some of memory-refused, .*; found 'luck'/);
  });

  it('repeats what a failure file says', async () => {
    const run = await vmq('simulate', '--replay', FOUND_ONCE);
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(run.out).toMatch(/^seed 26: 2 steps, 'the host lives' holds now; trace [0-9a-f]{16}$/m);
    const report = scratch.file(
      'report.json',
      JSON.stringify({ failures: [JSON.parse(readFileSync(FOUND_ONCE, 'utf8'))] }),
    );
    expect(await vmq('simulate', '--replay', report)).toEqual(run);
  });

  it('repeats every failure of a report, and one that has none', async () => {
    const found = JSON.parse(readFileSync(FOUND_ONCE, 'utf8'));
    const lonely = { do: 'wire', host: 0, target: 'vm', vm: 0, length: 60, count: 1, priority: 0, turns: 30 };
    const [host] = found.config.hosts;
    const failing = {
      ...found,
      seed: 27,
      // A VM with the address of another gets nothing: no fault of the stack's, but it is seen as one.
      config: { ...found.config, hosts: [{ ...host, vms: [{ name: 'vm1', mac: '00-15-5D-00-01-02' }] }] },
      steps: [lonely, { do: 'rest' }],
    };
    const file = scratch.file('three.json', JSON.stringify({ failures: [found, failing, found] }));
    const run = await vmq('simulate', '--replay', file);
    expect(run).toMatchObject({ code: 3, err: '' });
    expect(run.out.match(/^seed 26: 2 steps, 'the host lives' holds now/gm)).toHaveLength(2);
    expect(run.out).toMatch(/^seed 27: frames arrive: /m);
    expect(run.out).toMatch(/\n3 of 3 failures repeated: 1 fail still, 2 hold now\n$/);
    const json = JSON.parse((await vmq('simulate', '--replay', file, '--json')).out);
    expect(json).toMatchObject({ seed: 26, seeds: 3, steps: 6, failures: [{ seed: 27 }], stopped: null });
    let asked = 0;
    const stopped = await vmq.interrupted(() => ++asked > 3, 'simulate', '--replay', file);
    expect(stopped).toMatchObject({ code: 130 });
    expect(stopped.out).toMatch(
      /\n1 of 3 failures repeated: .*\nstopped before step 2 of seed 27: interrupted\n$/,
    );
    const none = scratch.file('none.json', JSON.stringify({ failures: [] }));
    expect(await vmq('simulate', '--replay', none)).toEqual({
      code: 0,
      out: 'no failure in the file: nothing to repeat\n',
      err: '',
    });
  });

  it('says what is wrong with a file', async () => {
    const empty = scratch.file('empty.json', '{}');
    expect(await vmq('simulate', '--replay', empty)).toEqual({
      code: 1,
      out: '',
      err: `${empty}: version: expected 1, found undefined\n`,
    });
    const { code, err } = await vmq('simulate', '--replay', '/nowhere/failure.json');
    expect({ code, err }).toEqual({
      code: 1,
      err: '/nowhere/failure.json: ENOENT: no such file or directory\n',
    });
  });

  it('shows a failure with its steps, and how to repeat it', async () => {
    // A VM with the address of another gets nothing: no fault of the stack's, but it is seen as one.
    const recorded = JSON.parse(readFileSync(FOUND_ONCE, 'utf8'));
    const frame = { do: 'wire', host: 0, target: 'vm', vm: 0, length: 60, count: 1, priority: 0, turns: 30 };
    recorded.config.hosts[0].vms = [{ name: 'vm1', mac: '00-15-5D-00-01-02' }];
    const name = 'a switch whose name has many words and yet stands in one line';
    recorded.config.hosts[0].switch = { name };
    recorded.steps = [frame, { do: 'rest' }];
    const file = scratch.file('strange.json', JSON.stringify(recorded));
    const run = await vmq('simulate', '--replay', file);
    expect(run.code).toBe(3);
    expect(run.out).toContain('Steps (2 of 2 are needed; it failed after step 2)');
    expect(run.out).toContain('1. wire  host 0, target vm, vm 0, length 60');
    // Nothing of a host is folded: whoever copies its lines has the configuration.
    expect(run.out).toContain(`name: ${name}`);
    expect(JSON.parse((await vmq('simulate', '--replay', file, '--json')).out)).toMatchObject({
      failures: [{ seed: 26, invariant: 'frames arrive' }],
    });
  });

  it('says by line what of a failure file cannot be repeated, and ends with code 2', async () => {
    const recorded = JSON.parse(readFileSync(FOUND_ONCE, 'utf8'));
    recorded.config.hosts[0].processors = 0;
    recorded.steps = [{ do: 'rest' }, { do: 'dance' }];
    const text = JSON.stringify(recorded, null, 1);
    const file = scratch.file('mistaken.json', text);
    const line = (part: string): number => text.split(part)[0]?.split('\n').length ?? 0;
    const run = await vmq('simulate', '--replay', file);
    expect(run).toMatchObject({ code: 2, out: '' });
    const [host = '', step = ''] = run.err.split('\n');
    expect(host).toBe(
      `${file}:${line('"processors"')}: config.hosts[0].processors: expected a whole number from 1 to 64, found 0`,
    );
    expect(step).toContain(`${file}:${line('"dance"')}: steps[1].do: unknown step: expected one of wire, `);
  });

  it('refuses at once a file without an end', async () => {
    const run = await vmq('simulate', '--replay', '/dev/zero');
    expect(run).toEqual({
      code: 1,
      out: '',
      err: '/dev/zero: expected a recorded failure, found a device\n',
    });
  });

  it('takes the last seed there is, and none behind it', async () => {
    const last = await vmq('simulate', '--seed', '4294967295', '--steps', '5');
    expect(last).toMatchObject({ code: 0, err: '' });
    expect(last.out).toContain('seed 4294967295: 5 steps');
    for (const args of [
      ['--seed', '4294967296'],
      ['--seed', '4294967295', '--seeds', '2'],
      ['--seed', '-1'],
    ])
      expect(await vmq('simulate', ...args, '--steps', '5')).toMatchObject({ code: 1, out: '' });
  });
});
