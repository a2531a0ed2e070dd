/** The harness's own arithmetic: who is disturbed, whose sample it is, what the trace must deliver. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCallgrind } from '../src/measuring/callgrind-profile.ts';
import { sharesOf } from '../src/measuring/layer-profile.ts';
import { median, quantile, spread } from '../src/measuring/quantile.ts';
import { runRounds } from '../src/measuring/rounds.ts';
import type { Sample } from '../src/measuring/sample.ts';
import { barChart } from '../src/report/bar-chart.ts';
import { GOALS, judge } from '../src/report/goals.ts';
import type { ShapedResults } from '../src/report/result-shape.ts';
import { caseLine } from '../src/report/text.ts';
import { createPlainPath, type PlainPath } from '../src/traffic/plain-path.ts';
import { FRAMES } from '../src/traffic/trace.ts';

const MACHINE = { cpu: '', cores: 2, memoryGiB: 1, os: '', node: '', compiler: null };
const NOTHING: ShapedResults = { machine: MACHINE, rounds: 1, ms: 1 };
const ABOUT = { rounds: 1, disturbed: 0, problems: [] };

describe('rounds', () => {
  const sample = (over: Partial<Sample> = {}): Sample => ({
    wallMs: 100,
    cpuMs: 100,
    controlNs: 1000,
    problems: [],
    ...over,
  });

  it('take turns in changing order', () => {
    const order: string[] = [];
    const contestant = (name: string) => () => {
      order.push(name);
      return sample();
    };
    runRounds({ a: contestant('a'), b: contestant('b') }, { rounds: 3 });
    expect(order.join('')).toBe('abbaab');
  });

  it('that had to share their core are run again and do not count', () => {
    let calls = 0;
    const result = runRounds(
      { a: () => sample({ cpuMs: ++calls === 2 ? 60 : 100, frames: calls }) },
      { rounds: 3 },
    );
    expect(result.rounds.map(({ a }) => a.frames)).toEqual([1, 3, 4]);
    expect(result.disturbed).toBe(1);
  });

  it('on a slow machine are recognised afterwards, when a faster one was seen', () => {
    const controls = [990, 1300, 900, 900, 900, 900];
    let calls = 0;
    const result = runRounds({ a: () => sample({ controlNs: controls[calls++] }) }, { rounds: 3 });
    expect(calls).toBe(4);
    expect(result.disturbed).toBe(1);
  });

  it('all disturbed: they count, and it is said', () => {
    const result = runRounds({ a: () => sample({ cpuMs: 10 }) }, { rounds: 2 });
    expect(result.rounds).toHaveLength(3);
    expect(result.countsDisturbed).toBe(true);
  });

  it('end at once when a process fails, and keep what it said', () => {
    const failed = { failed: true, problems: ['ended with 1'] };
    expect(runRounds({ a: () => failed }, { rounds: 5 })).toMatchObject({ problems: ['a: ended with 1'] });
  });
});

it('quantiles lie between their neighbours', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(quantile([0, 10], 0.9)).toBeCloseTo(9);
  expect(spread([1, 2, 3])).toBe(1);
});

describe('layers of a profile', () => {
  const node = (id: number, functionName: string, url: string, children: number[] = []) => ({
    id,
    callFrame: { functionName, url },
    children,
  });
  const profile = {
    nodes: [
      node(1, '(root)', '', [2, 8, 9]),
      node(2, 'measure', 'file:///x/tools/bench/dist/measuring/stopwatch.js', [3, 4, 5, 7]),
      node(3, 'step', 'file:///x/packages/nic/dist/device/device.js'),
      // The host's own use of the NIC's registers is the host's time, in the NIC's code.
      node(4, 'step', 'file:///x/packages/machine/dist/processor/processor.js', [6]),
      node(5, 'controlLoop', 'file:///x/tools/bench/dist/measuring/stopwatch.js'),
      node(6, 'write32', 'file:///x/packages/nic/dist/registers/register-bus.js'),
      node(7, 'step', 'file:///x/packages/guest/dist/virtual-machine.js'),
      node(8, 'inspect', 'file:///x/packages/host/dist/report/inspect.js'),
      node(9, '(garbage collector)', ''),
    ],
    samples: [3, 3, 4, 6, 5, 5, 7, 8, 9, 9],
  };

  it('go to the side whose turn it is, and to the package whose code it is', () => {
    const { sides, layers, samples } = sharesOf(profile);
    expect(samples).toBe(7);
    expect(sides).toEqual({ device: 2 / 7, host: 2 / 7, guest: 1 / 7, executor: 2 / 7 });
    expect(layers).toEqual({
      'device/nic': 2 / 7,
      'host/machine': 1 / 7,
      'host/nic': 1 / 7,
      'guest/guest': 1 / 7,
      'executor/garbage': 2 / 7,
    });
  });
});

it('a goal that was not measured is not met', () => {
  for (const goal of GOALS) expect(judge(goal, NOTHING)).toEqual({ value: undefined, met: false });
  const [least] = GOALS;
  expect(judge(least, { ...NOTHING, receive: { 64: { ...ABOUT, ofC: 0.25 } } })).toEqual({
    value: 0.25,
    met: true,
  });
  expect(judge({ find: () => 9, most: 8 }, NOTHING)).toEqual({ value: 9, met: false });
});

it('bars stand on the floor and are as high as their values say', () => {
  const svg = barChart({
    title: 'a < b',
    series: ['off', 'on'],
    panels: [{ title: 'one', groups: [{ label: 'x', values: [1, 2] }] }],
  });
  const bars = [...svg.matchAll(/<rect x="[\d.]+" y="([\d.]+)" width="44" height="([\d.]+)"/g)].map(
    ([, y, h]) => [y, h].map(Number),
  );
  expect(bars).toHaveLength(2);
  const [[offTop, offHeight], [onTop, onHeight]] = bars as [[number, number], [number, number]];
  expect(onHeight).toBeCloseTo(2 * offHeight);
  expect(offTop + offHeight).toBeCloseTo(onTop + onHeight);
  expect(svg).toContain('a &lt; b');
});

it('a case that computes wrongly says so in its line', () => {
  const line = caseLine('receive', {
    mpps: 1,
    nsPerFrame: 1000,
    ofC: null,
    spread: 0,
    ...ABOUT,
    problems: ['lost 3'],
  });
  expect(line).toContain('WRONG: lost 3');
});

it('what callgrind counted goes to the function in whose code it stands, and a call to the called', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vmq-harness-'));
  const profile = join(folder, 'callgrind.out');
  const map = join(folder, 'perf.map');
  await writeFile(
    profile,
    [
      'events: Ir',
      'fn=(1) 0x1000',
      '0x1000 0 5',
      '+4 0 7', // 0x1004
      '* 0 1',
      'calls=2 0x2000 0',
      '+0x10 0 900', // 0x1014 calls: the cost of all that is called
      '-8 0 2', // 0x100c
      'fn=(2)',
      '0x2000 0 800',
      '+64 0 100', // 0x2040, behind all that is known
      '',
    ].join('\n'),
  );
  await writeFile(
    map,
    '2000 40 Builtin:AtomicsStore\n1000 20 JS:*take file:///x/packages/nic/dist/receive/short-way.js:70:18\n',
  );
  const counts = await readCallgrind(profile, map);
  await rm(folder, { recursive: true });
  expect(Object.fromEntries(counts)).toEqual({
    'nic/short-way take': 15,
    'Builtin:AtomicsStore': 800,
    engine: 100,
  });
});

describe('the plain loop', () => {
  const goThrough = (path: PlainPath): void => {
    for (let frame = 0; frame < FRAMES; frame += 128) {
      path.device(frame, 128);
      path.host();
    }
  };

  it.each([
    ['64', 8],
    ['512', 1],
    ['imix', 64],
  ])('brings every frame of %s bytes to the queue of its VM, of %i', (size, vms) => {
    const path = createPlainPath({ size, vms });
    goThrough(path);
    goThrough(path);
    expect(path.check(2)).toEqual([]);
  });

  it('says when frames are missing, or not what they were', () => {
    const path = createPlainPath({ size: '64', vms: 2 });
    goThrough(path);
    expect(path.check(2)).toContainEqual(expect.stringMatching(/^queue 1: \d+ frames instead of \d+$/));
    path.device(0, 64);
    path.host();
    expect(path.check(1)).toContainEqual(expect.stringContaining('of its last frame is another'));
  });
});
