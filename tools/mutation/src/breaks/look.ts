// Who is to see a break: the simulator or the tests of the copy that has it.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Break } from './break.ts';
import type { SeekRequest, SeekResult } from './seek-result.ts';

/** Looks at a copy of the tree with a break in it. Null: nobody saw it. */
export type Look = (copy: string, one: Break) => Promise<SeekResult | null>;

function textOf(child: ChildProcess, stream: 'stdout' | 'stderr'): { text: string } {
  const said = { text: '' };
  child[stream]?.on('data', (chunk: Buffer) => {
    said.text += chunk.toString();
  });
  return said;
}

const unseeded = (invariant: string, message: string): SeekResult => ({
  invariant,
  message,
  seed: 0,
  step: 0,
  seconds: 0,
});

/** The simulator looks: seeds until one fails or its processor time is spent. */
export function simulatorLooks(request: Omit<SeekRequest, 'faults' | 'hostile'>): Look {
  return (copy, { faults = [], hostile = true }) =>
    new Promise((done) => {
      const asked = JSON.stringify({ ...request, faults, hostile } satisfies SeekRequest);
      const child = spawn(process.execPath, ['tools/mutation/dist/breaks/seek.js', asked], { cwd: copy });
      const out = textOf(child, 'stdout');
      const err = textOf(child, 'stderr');
      // One that hangs in a step never looks at its time.
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000 * request.seconds);
      child.on('close', (code) => {
        clearTimeout(timer);
        if (code === null) done(null);
        else if (code !== 0 || out.text === '')
          done(unseeded('none', err.text.split('\n').slice(0, 6).join(' ')));
        else {
          const result = JSON.parse(out.text) as SeekResult;
          done(result.invariant === null ? null : result);
        }
      });
    });
}

/** The tests that a break names look: null if they pass. */
export const testsLook: Look = (copy, { tests = [] }) =>
  new Promise((done) => {
    const child = spawn(
      process.execPath,
      [join(copy, 'node_modules/vitest/vitest.mjs'), 'run', '--bail', '1', '--maxWorkers', '1', ...tests],
      { cwd: copy, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const out = textOf(child, 'stdout');
    child.on('close', (code) => done(code === 0 ? null : unseeded('tests', out.text.slice(-2000))));
  });
