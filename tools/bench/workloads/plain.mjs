// What plain JavaScript needs for what the yardstick does, and nothing else.
//   node plain.mjs '{"size":"64","vms":8,"ms":500}'
import { createPlainPath } from '../plain-path.mjs';
import { measure, warmUp } from '../stopwatch.mjs';
import { FRAMES } from '../trace.mjs';

const parameters = JSON.parse(process.argv[2] ?? '{}');
const { size = '64', vms = 8, ms = 500, warmUpMs = 500 } = parameters;
/** Frames of a batch: as the yardstick's. */
const BATCH = 128;

const path = createPlainPath({ size, vms });
let traces = 0;
const work = () => {
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
const problems = path.check(traces);
console.log(JSON.stringify({ frames, ...time, mpps: frames / time.wallMs / 1000, problems }));
