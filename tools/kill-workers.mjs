// Worker threads of a host under the threads executor, terminated at random moments while frames flow and control calls run:
// each death must be named by the call it meets or the next one, at once, and the process must go on to the next host.
//
//   node tools/kill-workers.mjs [--hosts 40] [--seed 1] [--patience 20]
//
// `patience`: seconds after which a host that says nothing counts as stuck (a watchdog in a thread of its own ends the process
// with code 1). Needs a build (`npx tsc -b packages/host`). Exit code 1 if a death went unnoticed or unnamed.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { parseArgs } from 'node:util';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { checkHostConfig, createHost } from '../packages/host/dist/index.js';
import { createRandom } from '../packages/machine/dist/index.js';

if (isMainThread) await main();
else watch(workerData);

/** Ends the process when the word stands still. */
function watch({ place, patience }) {
  const words = new Int32Array(place);
  let before = -1;
  let still = 0;
  setInterval(() => {
    still = words[0] === before ? still + 1 : 0;
    before = words[0];
    if (still < patience) return;
    console.error(`host ${before}: nobody noticed for ${patience} s that a thread was gone`);
    process.exit(1);
  }, 1000);
}

async function main() {
  const { values } = parseArgs({
    options: {
      hosts: { type: 'string', default: '40' },
      seed: { type: 'string', default: '1' },
      patience: { type: 'string', default: '20' },
    },
  });
  const place = new SharedArrayBuffer(4);
  const watchdog = new Worker(new URL(import.meta.url), {
    workerData: { place, patience: Number(values.patience) },
  });
  watchdog.unref();
  const random = createRandom(Number(values.seed));
  const named = new Map();
  let bad = 0;
  for (let number = 0; number < Number(values.hosts); number++) {
    new Int32Array(place)[0] = number;
    const [victim, message] = await oneHost(random);
    const isNamed = message.includes('the thread is gone') && message.includes(victim);
    if (!isNamed) bad++;
    named.set(victim, (named.get(victim) ?? 0) + 1);
    if (!isNamed) console.log(`host ${number}: ${victim} ended, and it was said: ${message}`);
  }
  const deaths = [...named].map(([victim, count]) => `${victim} ${count}`).join(', ');
  console.log(`${values.hosts} hosts, seed ${values.seed}: deaths of ${deaths}; ${bad} not named`);
  await watchdog.terminate();
  process.exitCode = bad === 0 ? 0 : 1;
}

/** Who ended, and what a call said of it. */
async function oneHost(random) {
  const checked = checkHostConfig({
    executor: 'threads',
    processors: 2,
    vms: [1, 2].map((n) => ({ name: `vm${n}`, mac: `00-15-5D-00-01-0${n}` })),
    maxVms: 4,
  });
  const threads = [];
  const note = ({ worker }) => threads.push(worker);
  subscribe('worker_threads', note);
  const host = createHost(checked.config, { record: true, sources: true });
  unsubscribe('worker_threads', note);
  const agents = ['nic', 'processor:0', 'processor:1', 'vm:vm1', 'vm:vm2'];
  const victim = agents[random.below(agents.length)];
  const worker = threads[host.machine.board.workerOf(host.machine.agent(victim))];
  const frame = new Uint8Array(200).fill(7);
  frame.set([0, 0x15, 0x5d, 0, 1, 1, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  const before = random.below(40);
  let said = 'nothing, in 10000 calls';
  try {
    for (let i = 0; i < 10_000; i++) {
      if (i === before) void worker.terminate();
      for (let k = random.below(8); k > 0; k--) host.wire.send(frame, 0, frame.length);
      host.wire.flush();
      call(host, random.below(12), i);
    }
  } catch (error) {
    said = error.message;
  }
  await host.stop().catch(() => {});
  return [victim, said];
}

/** One of the things that somebody may ask of a host. */
function call(host, which, i) {
  if (which === 0) host.adapter.reset();
  else if (which === 1) {
    host.adapter.pause();
    host.adapter.restart();
  } else if (which === 2) {
    const name = `late${i}`;
    if (host.addVm({ name, mac: '00-15-5D-00-01-09' }).status === 0) host.removeVm(name);
  } else if (which < 6) host.runUntilIdle();
  else host.publish();
}
