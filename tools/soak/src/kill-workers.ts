// Worker threads of a host under the threads executor, terminated at random moments while frames flow and control calls run:
// each death must be named by the call it meets or the next one, at once, and the process must go on to the next host.
//
//   node tools/soak/dist/kill-workers.js [--hosts 40] [--seed 1] [--patience 20]
//
// `patience`: seconds after which a host that says nothing counts as stuck (a watchdog in a thread of its own ends the process
// with code 1). Exit code 1 if a death went unnoticed or unnamed.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { parseArgs } from 'node:util';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { checkHostConfig, createHost, type Host } from '@vmq/host';
import { createRandom, type Random } from '@vmq/machine';
import { wholeNumber } from './whole-number.ts';

/** What the watchdog is given: a word that counts hosts, and for how many seconds it may stand still. */
interface Watch {
  readonly place: SharedArrayBuffer;
  readonly timeout: number;
}

const AGENTS = ['nic', 'processor:0', 'processor:1', 'vm:vm1', 'vm:vm2'];
const MOST_CALLS = 10_000;

if (isMainThread) await main();
else watch(workerData as Watch);

/** Ends the process when the word stands still. */
function watch({ place, timeout }: Watch): void {
  const words = new Int32Array(place);
  let before = -1;
  let still = 0;
  setInterval(() => {
    still = words[0] === before ? still + 1 : 0;
    before = words[0];
    if (still < timeout) return;
    console.error(`host ${before}: nobody noticed for ${timeout} s that a thread was gone`);
    process.exit(1);
  }, 1000);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      hosts: { type: 'string', default: '40' },
      seed: { type: 'string', default: '1' },
      patience: { type: 'string', default: '20' },
    },
  });
  const hosts = wholeNumber('hosts', values.hosts);
  const seed = wholeNumber('seed', values.seed, 0);
  const place = new SharedArrayBuffer(4);
  const data: Watch = { place, timeout: wholeNumber('patience', values.patience) };
  const watchdog = new Worker(new URL(import.meta.url), { workerData: data });
  watchdog.unref();
  const random = createRandom(seed);
  const deaths = new Map<string, number>();
  let bad = 0;
  for (let number = 0; number < hosts; number++) {
    new Int32Array(place)[0] = number;
    const { victim, said } = await oneHost(random);
    const isNamed = said.includes('the thread is gone') && said.includes(victim);
    if (!isNamed) bad++;
    deaths.set(victim, (deaths.get(victim) ?? 0) + 1);
    if (!isNamed) console.log(`host ${number}: ${victim} ended, and it was said: ${said}`);
  }
  const counts = [...deaths].map(([victim, count]) => `${victim} ${count}`).join(', ');
  console.log(`${hosts} hosts, seed ${seed}: deaths of ${counts}; ${bad} not named`);
  await watchdog.terminate();
  process.exitCode = bad === 0 ? 0 : 1;
}

/** A host of two processors and two VMs, and its threads. */
function hostOfThreads(): { host: Host; threads: Worker[] } {
  const checked = checkHostConfig({
    executor: 'threads',
    processors: 2,
    vms: [1, 2].map((n) => ({ name: `vm${n}`, mac: `00-15-5D-00-01-0${n}` })),
    maxVms: 4,
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const threads: Worker[] = [];
  const note = (message: unknown): void => {
    threads.push((message as { worker: Worker }).worker);
  };
  subscribe('worker_threads', note);
  const host = createHost(checked.config, { record: true, sources: true });
  unsubscribe('worker_threads', note);
  return { host, threads };
}

/** Who ended, and what a call said of it. */
async function oneHost(random: Random): Promise<{ victim: string; said: string }> {
  const { host, threads } = hostOfThreads();
  const victim = AGENTS[random.below(AGENTS.length)];
  const worker = threads[host.machine.board.workerOf(host.machine.agent(victim))];
  const frame = new Uint8Array(200).fill(7);
  frame.set([0, 0x15, 0x5d, 0, 1, 1, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  const before = random.below(40);
  let said = `nothing, in ${MOST_CALLS} calls`;
  try {
    for (let i = 0; i < MOST_CALLS; i++) {
      if (i === before) void worker.terminate();
      for (let k = random.below(8); k > 0; k--) host.wire.send(frame, 0, frame.length);
      host.wire.flush();
      call(host, random.below(12), i);
    }
  } catch (error) {
    said = error instanceof Error ? error.message : String(error);
  }
  await host.stop().catch(() => {});
  return { victim, said };
}

/** One of the things that somebody may ask of a host. */
function call(host: Host, which: number, i: number): void {
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
