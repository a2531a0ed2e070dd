// The whole receive path as users run it, in one process and one thread:
// wire -> filters -> DMA through the domain -> MSI-X -> DPC -> NBL chain -> NDIS -> switch -> VMBus -> VM memory -> back.
//   node receive.mjs '{"size":"64","vms":8,"ms":500,"ndisVersion":"6.20","vmq":true,"offered":1024}'
import { checkCounters, checkMemory, takeReadings } from '../delivery-check.mjs';
import { startProfiler } from '../layer-profile.mjs';
import { measure, warmUp, watchGarbage } from '../stopwatch.mjs';
import { createBenchHost, createTraceSource, prepareTrace } from '../traffic.mjs';

const parameters = JSON.parse(process.argv[2] ?? '{}');
const { size = '64', vms = 8, ms = 500, warmUpMs = 500, ndisVersion = '6.20', vmq = true } = parameters;
// Saturating: the NIC always finds a full batch, and never more on the wire than the VMs' buffers can hold.
const { offered = Math.min(1024, 128 * vms), profile = false } = parameters;
const profiler = profile ? startProfiler() : null;

const host = createBenchHost({ size, vms, config: { ndisVersion, vmq } });
const trace = prepareTrace(host, { size, vms });
const source = createTraceSource(host);
const rounds = Math.max(1, Math.round(1024 / offered));
const work = () => {
  for (let i = 0; i < rounds; i++) {
    source.offer(offered);
    host.runUntilIdle();
  }
};

warmUp(work, warmUpMs);
globalThis.gc?.();
const heapBefore = process.memoryUsage().heapUsed;
const before = takeReadings(host, source);
const turns = host.executor.turns;
profiler?.restart();
const garbage = watchGarbage();
const time = measure(work, ms);
const shares = profiler?.stop();
const frames = source.offered - before.offered;
const turnsTaken = host.executor.turns - turns;
const collections = await garbage.settle();
garbage.stop();
globalThis.gc?.();
const memory = process.memoryUsage();
const problems = [...checkCounters(host, source, trace, before), ...checkMemory(host, source, trace)];
console.log(
  JSON.stringify({
    frames,
    ...time,
    mpps: frames / time.wallMs / 1000,
    framesPerTurn: frames / turnsTaken,
    scavenges: collections.scavenges,
    otherCollections: collections.others,
    heapGrowthBytes: memory.heapUsed - heapBefore,
    rssBytes: memory.rss,
    sharedBytes: host.machine.memory.segments.reduce((sum, { u8 }) => sum + u8.length, 0),
    ...(shares ? { shares } : {}),
    problems,
  }),
);
await host.stop();
