// What plain JavaScript needs for what the yardstick does, and nothing else.
//   node plain.js '{"size":"64","vms":8,"ms":500}'
import { parametersOf, printSample } from '../measuring/sample.ts';
import { measure, warmUp } from '../measuring/stopwatch.ts';
import { createPlainPath } from '../traffic/plain-path.ts';
import { FRAMES } from '../traffic/trace.ts';

const { size, vms, ms, warmUpMs } = parametersOf({ size: '64', vms: 8, ms: 500, warmUpMs: 500 });
/** Frames of a batch: as the yardstick's. */
const BATCH = 128;

const path = createPlainPath({ size, vms });
let traces = 0;
const work = (): void => {
  for (let frame = 0; frame < FRAMES; frame += BATCH) {
    path.device(frame, BATCH);
    path.host();
  }
  traces++;
};

warmUp(work, warmUpMs);
const before = traces;
const time = measure(work, ms);
const frames = (traces - before) * FRAMES;
printSample({ frames, ...time, mpps: frames / time.wallMs / 1000, problems: path.check(traces) });
