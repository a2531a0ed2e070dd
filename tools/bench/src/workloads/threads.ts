// Saturating traffic with the device in a thread of its own, which always has a frame to receive as long as no more
// than `window` of them are between the wire and their end: the most that the host can take without loss.
//   node threads.js '{"size":"64","processors":1,"vmq":true,"ms":400}'
import { parametersOf, printSample } from '../measuring/sample.ts';
import { controlLoop } from '../measuring/stopwatch.ts';
import { deliveredTo } from '../traffic/delivery-check.ts';
import { deviceBesideSoftware, perProcessor } from '../traffic/placement.ts';
import { createBenchHost, expectedShares, prepareTrace } from '../traffic/traffic.ts';
import type { GenerateMessage } from './thread-messages.ts';

const { size, vms, processors, vmq, ndisVersion, ms, warmUpMs, least, ...rest } = parametersOf({
  size: '64',
  vms: 8,
  processors: 1,
  vmq: true,
  ndisVersion: '6.20',
  ms: 400,
  warmUpMs: 600,
  least: 64,
  window: 0,
});
// What the buffers can hold, all in one queue or spread over those of the VMs.
const window = rest.window > 0 ? rest.window : vmq ? Math.min(1024, 128 * vms) : 256;
const controlBefore = controlLoop();
const names = Array.from({ length: vms }, (_, vm) => `vm${vm}`);
// VMs are spread over the processors in turn: with every second one tagged, one processor would have none of those.
const vlan = (vm: number): number => (Math.floor(vm / processors) & 1 ? 100 + vm : 0);
const host = createBenchHost({
  size,
  vms,
  vlan,
  config: { ndisVersion, executor: 'threads', processors, vmq, nic: { receiveEngines: processors } },
  options: {
    workerEntry: new URL('./threads-worker.js', import.meta.url),
    ...(processors === 1 ? deviceBesideSoftware(names) : perProcessor()),
  },
});
const trace = prepareTrace(host, { size, vms, vlan });
const { executor } = host;
const nap = new Int32Array(new SharedArrayBuffer(4));

/** Frames dealt with as they should be (one in 32 is for nobody), and those lost for want of a buffer. */
interface Progress {
  readonly at: number;
  readonly handled: number;
  readonly lost: number;
}
function progress(): Progress {
  const { delivered, dropped } = host.inspect().ledger.ends;
  const unknown = dropped['vswitch.unknown-destination'] ?? 0;
  const all = Object.values(dropped).reduce((sum, n) => sum + n, 0);
  return { at: performance.now(), handled: delivered + unknown, lost: all - unknown };
}

// Each engine's thread tops the wire up when it finds room, so that none waits for another's turn to do it.
const engines = Array.from({ length: processors }, (_, engine) => (engine === 0 ? 'nic' : `nic:${engine}`));
const { handled, lost } = progress();
const order: GenerateMessage = { op: 'generate', interval: 0, window, least, endedBefore: handled + lost };
for (const engine of engines) executor.post(engine, order);
executor.publish();
Atomics.wait(nap, 0, 0, warmUpMs);
const before = progress();
const cpu = process.cpuUsage();
Atomics.wait(nap, 0, 0, ms);
const after = progress();
const used = process.cpuUsage(cpu);
for (const engine of engines) executor.post(engine, { op: 'cease' });
executor.publish();
host.runUntilIdle();
const problems: string[] = [];
const report = host.inspect();
if (!report.conservation) problems.push(`the ledger does not close: ${report.ledger.inFlight} in flight`);
// Everybody gets his share: a VM that got none, or another's, would show.
const shares = expectedShares(trace);
names.forEach((name, vm) => {
  const share = deliveredTo(report, name) / report.ledger.ends.delivered;
  if (share < shares[vm] / 3 || share > shares[vm] * 3)
    problems.push(`${name} got ${(share * 100).toFixed(1)} % of all`);
});
const wallMs = after.at - before.at;
const frames = after.handled - before.handled;
printSample({
  frames,
  wallMs,
  cpuMs: (used.user + used.system) / 1000,
  controlNs: Math.max(controlBefore, controlLoop()),
  mpps: frames / wallMs / 1000,
  lost: (after.lost - before.lost) / (frames + after.lost - before.lost),
  problems,
});
await host.stop();
