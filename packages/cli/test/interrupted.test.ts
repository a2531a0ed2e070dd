/** Stopped by the user: wherever it was, a command says what was done until then. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CaptureInput } from '../src/input/capture-input.ts';
import { StoppedByUser } from '../src/process/interruption.ts';
import { replayCapture } from '../src/replay/replay-capture.ts';
import { replayConfig } from '../src/replay/replay-config.ts';
import { explainFrame } from '../src/why/explain-frame.ts';
import { readPackets } from './oracle.test-support.ts';
import { CAPTURES, Scratch } from './run-vmq.test-support.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const LAN = join(CAPTURES, 'lan.pcapng');

/** True from the `n`-th question on. */
function after(n: number): () => boolean {
  let asked = 0;
  return () => ++asked > n;
}

async function stopOf(work: Promise<unknown>): Promise<readonly string[]> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StoppedByUser);
  return (error as StoppedByUser).lines;
}

describe('interrupted', () => {
  it.each([0, 1, 2, 7, 40])('a replay at its %i-th question reports and writes what it did', async (n) => {
    const { config } = await replayConfig(LAN, {});
    const outDirectory = join(scratch.path, `interrupted-${n}`);
    const result = await replayCapture({ file: LAN, config, outDirectory, interrupted: after(n) });
    expect(result.interrupted).toBe(true);
    expect(result.input.frames).toBeLessThan(21_688);
    if (n > 2) expect(result.input.frames).toBeGreaterThan(100 * (n - 2));
    expect(result.report).toMatchObject({ conservation: true, ledger: { received: result.input.frames } });
    expect(result.outputs.flatMap(readPackets)).toHaveLength(
      result.report.ledger.ends.delivered + result.report.ledger.copies,
    );
  });

  it('the first pass says how far it came', async () => {
    expect(await stopOf(replayConfig(LAN, {}, undefined, after(20)))).toEqual([
      expect.stringMatching(
        /^stopped in the first pass, which looks for VMs: \d+ frames, \d+ of 4\d+ bytes read, nothing replayed$/,
      ),
      expect.stringMatching(/^\d+ VMs so far$/),
    ]);
  });

  it('why says how far it came', async () => {
    const { config } = await replayConfig(LAN, {});
    expect(await stopOf(explainFrame(LAN, 20_000, config, { interrupted: after(20) }))).toEqual([
      expect.stringMatching(/^stopped on the way to frame 20000: \d+ frames replayed, nothing explained$/),
    ]);
  });

  it('leaves an input open for who opened it', async () => {
    const input = new CaptureInput(LAN);
    await stopOf(replayConfig(input, {}, undefined, after(3)));
    const { config } = await replayConfig(input, {});
    expect(config.vms).toHaveLength(4);
    input.close();
  });
});
