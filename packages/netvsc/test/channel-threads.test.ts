import { Worker } from 'node:worker_threads';
import { createMachine } from '@vmq/machine';
import {
  type ChannelHost,
  createChannelControl,
  createChannelGuest,
  createChannelHost,
  GuestFrameBatch,
  layoutGuest,
} from '@vmq/netvsc';
import { expect, test } from 'vitest';

const WORKERS = 3;
const NO_FRAMES = new GuestFrameBatch(0);

/** Node runs the workers from `dist`: build the package first. */
test('processors in real threads deliver to one guest: every frame once, each processor in order', async () => {
  const layout = { ringBytes: 8192, receiveSections: 128 };
  const machine = createMachine({ hostMemoryBytes: 4096, processors: 1, agents: ['vm:a'], dropReasons: [] });
  const segment = machine.memory.addSegment('vm:a', layoutGuest(layout).end);
  const control = createChannelControl(machine, {
    channel: 0,
    segment: segment.id,
    guestAgent: machine.agent('vm:a'),
    macAddress: [0, 21, 93, 0, 0, 1],
    receiveSections: 128,
  });
  const guest = createChannelGuest({ machine }, { segment: segment.id, messages: control.messages, layout });
  const next = new Array<number>(WORKERS).fill(0);
  let wrong = 0;
  const handler = {
    frame(offset: number, length: number): boolean {
      const word = offset >>> 2;
      const worker = segment.i32[word];
      if (length !== 60 || segment.i32[word + 1] !== next[worker]) wrong++;
      for (let w = 2; w < 15; w++) if (segment.i32[word + w] !== worker * 1000 + w) wrong++;
      next[worker] = next[worker] + 1;
      return true;
    },
  };
  control.offer();
  while (!control.poll()) guest.poll(handler, 8);

  const flags = new Int32Array(new SharedArrayBuffer(256));
  flags[1] = WORKERS;
  const workers = Array.from(
    { length: WORKERS },
    (_, worker) =>
      new Worker(new URL('./delivery-worker.mjs', import.meta.url), {
        execArgv: [],
        workerData: {
          machineImage: machine.image(),
          channelImage: control.image(),
          worker,
          batches: 2000,
          batchSize: 7,
          flags: flags.buffer,
        },
      }),
  );
  const failures: Error[] = [];
  const exits = workers.map(
    (worker) =>
      new Promise<void>((resolve) => {
        worker.on('error', (error: Error) => failures.push(error));
        worker.on('exit', () => resolve());
      }),
  );
  // The guest runs here; now and then the event loop gets a turn, to hear of a worker that failed.
  for (let look = 1; Atomics.load(flags, 2) < WORKERS && failures.length === 0; look++) {
    guest.poll(handler, 64);
    if (look % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(exits);
  expect(failures).toEqual([]);
  while (guest.poll(handler, 64));
  const host: ChannelHost = createChannelHost({ machine, trace: null }, control.image());
  while (host.poll(NO_FRAMES, 64));
  expect(wrong).toBe(0);
  expect(next).toEqual(next.map((_, worker) => flags[8 + worker]));
  const total = next.reduce((sum, count) => sum + count, 0);
  expect(total).toBeGreaterThan(WORKERS * 2000);
  expect(control.report()).toMatchObject({
    framesToGuest: total,
    freeSections: 128,
    outstandingMessages: 0,
    violations: {},
  });
});
