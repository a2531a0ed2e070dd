// Runs the sessions of one target in a thread of its own, so that its watchdog can see it hang.
import { parentPort, workerData } from 'node:worker_threads';
import { loadModules, runSession } from './session.mjs';
import { TARGETS } from './targets.mjs';

const { name, seed, first, sessions, buffers, place } = workerData;
const target = TARGETS.find((candidate) => candidate.name === name);
const words = new Int32Array(place);
const outcomes = new Map();
let done = 0;
const failures = [];
const modules = await loadModules(target, true);
for (let session = first; session < first + sessions && done < buffers; session++) {
  const count = Math.min(target.perSession, buffers - done);
  try {
    await runSession(target, modules, seed, session, count, outcomes, words);
  } catch (error) {
    failures.push(error.message);
    if (failures.length >= 5) break;
  }
  done += count;
  words[2] = done;
}
parentPort.postMessage({ done, failures, outcomes: [...outcomes] });
