// Plain JavaScript: a worker thread starts it as it stands, without a build.
/** One processor of channel-threads.test.ts: delivers numbered frames and polls, as fast as it can. */
import { workerData } from 'node:worker_threads';
import { attachMachine } from '@vmq/machine';
import { createChannelHost, GuestFrameBatch } from '@vmq/netvsc';

const { machineImage, channelImage, worker, batches, batchSize, flags: flagsBuffer } = workerData;
const machine = attachMachine(machineImage, { now: () => 0 });
const host = createChannelHost({ machine, trace: null }, channelImage);
const guest = machine.memory.segment(channelImage.segment);
const flags = new Int32Array(flagsBuffer);
const noFrames = new GuestFrameBatch(0);

// Start together: wait until all workers are here.
Atomics.add(flags, 0, 1);
while (Atomics.load(flags, 0) < Atomics.load(flags, 1));

let number = 0;
for (let batch = 0; batch < batches; ) {
  host.poll(noFrames, 64);
  if (!host.beginBatch(batchSize)) throw new Error('channel closed');
  const first = number;
  for (let i = 0; i < batchSize; i++) {
    const section = host.nextSection();
    if (section < 0) break;
    const word = host.frameOffset(section) >>> 2;
    guest.i32[word] = worker;
    guest.i32[word + 1] = number++;
    for (let w = 2; w < 15; w++) guest.i32[word + w] = worker * 1000 + w;
    host.commit(section, 60, 0);
  }
  // What the ring had no room for is sent again, so that the test can ask for every number.
  number = first + host.endBatch();
  if (number > first) batch++;
}
Atomics.store(flags, 8 + worker, number);
Atomics.add(flags, 2, 1);
