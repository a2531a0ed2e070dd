// Runs in a copy of the tree: seeds of the simulator until one fails or the time is up. Started by run-breaks.ts.
//
//   node tools/mutation/dist/breaks/seek.js '{"seed":1,"steps":1000,"seconds":60,"faults":[],"hostile":true}'
//
// The simulator is the copy's own, so it is named by its place and not by its package.
import { type FaultName, simulate } from '../../../../packages/simulator/dist/index.js';
import type { SeekRequest, SeekResult } from './seek-result.ts';

const { seed, steps, seconds, faults, hostile } = JSON.parse(process.argv[2] ?? '') as SeekRequest;

/** Processor time of this process: how busy the machine is does not count. */
const spent = (): number => (process.cpuUsage().user + process.cpuUsage().system) / 1e6;

function seek(): SeekResult {
  for (let current = seed; spent() <= seconds; current++) {
    const { failures } = simulate({
      seed: current,
      steps,
      shrink: false,
      faults: faults as readonly FaultName[],
      hostile,
    });
    const [failure] = failures;
    if (failure !== undefined) {
      const { invariant, message, stepsBefore } = failure;
      return { seed: current, invariant, message, step: stepsBefore, seconds: spent() };
    }
  }
  return { seed: 0, invariant: null, message: '', step: 0, seconds: spent() };
}

process.stdout.write(JSON.stringify(seek()), () => process.exit(0));
