// The whole receive path as users run it, in one process and one thread:
// wire -> filters -> DMA through the domain -> MSI-X -> DPC -> NBL chain -> NDIS -> switch -> VMBus -> VM memory -> back.
//   node receive.js '{"size":"64","vms":8,"ms":500,"ndisVersion":"6.20","vmq":true,"offered":1024}'
//   node receive.js '{"features":{"checksum":true,"nvgre":true,"trace":"all"},"udp":true}'
import { LayerProfiler } from '../measuring/layer-profile.ts';
import { parametersOf, printSample } from '../measuring/sample.ts';
import { measure, warmUp, watchGarbage } from '../measuring/stopwatch.ts';
import { checkCounters, checkMemory, takeReadings } from '../traffic/delivery-check.ts';
import type { Features } from '../traffic/features.ts';
import { createBenchHost, createTraceSource, prepareTrace, turnsOf } from '../traffic/traffic.ts';

const { size, vms, ms, warmUpMs, ndisVersion, vmq, profile, features, udp, ...rest } = parametersOf({
  size: '64',
  vms: 8,
  ms: 500,
  warmUpMs: 500,
  ndisVersion: '6.20',
  vmq: true,
  profile: false,
  features: {} as Features,
  udp: false,
  offered: 0,
});
// Saturating: the NIC always finds a full batch, and never more on the wire than the VMs' buffers can hold.
const offered = rest.offered > 0 ? rest.offered : Math.min(1024, 128 * vms);
const profiler = profile ? new LayerProfiler() : null;

const host = createBenchHost({ size, vms, config: { ndisVersion, vmq }, features });
const trace = prepareTrace(host, { size, vms, udp });
const source = createTraceSource(host);
const rounds = Math.max(1, Math.round(1024 / offered));
const work = (): void => {
  for (let i = 0; i < rounds; i++) {
    source.offer(offered);
    host.runUntilIdle();
  }
};

warmUp(work, warmUpMs);
globalThis.gc?.();
const heapBefore = process.memoryUsage().heapUsed;
const before = takeReadings(host, source);
const turns = turnsOf(host);
profiler?.restart();
const garbage = watchGarbage();
const time = measure(work, ms);
const shares = profiler?.stop();
const frames = source.offered - before.offered;
const turnsTaken = turnsOf(host) - turns;
const collections = await garbage.settle();
garbage.stop();
globalThis.gc?.();
const memory = process.memoryUsage();
const problems = [...checkCounters(host, source, trace, before), ...checkMemory(host, source, trace)];
printSample({
  frames,
  ...time,
  mpps: frames / time.wallMs / 1000,
  framesPerTurn: frames / turnsTaken,
  scavenges: collections.scavenges,
  otherCollections: collections.others,
  heapGrowthBytes: memory.heapUsed - heapBefore,
  rssBytes: memory.rss,
  sharedBytes: host.machine.memory.segments.reduce((sum, { u8 }) => sum + u8.length, 0),
  ...(shares !== undefined ? { shares } : {}),
  problems,
});
await host.stop();
