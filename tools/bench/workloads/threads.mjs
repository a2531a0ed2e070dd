// Saturating traffic with the device in a thread of its own, which always has a frame to receive as long as no more
// than `window` of them are between the wire and their end: the most that the host can take without loss.
//   node threads.mjs '{"size":"64","processors":1,"vmq":true,"ms":400}'
import { deviceBesideSoftware, perProcessor } from '../placement.mjs';
import { controlLoop } from '../stopwatch.mjs';
import { createBenchHost, expectedShares, prepareTrace } from '../traffic.mjs';

const parameters = JSON.parse(process.argv[2] ?? '{}');
const { size = '64', vms = 8, processors = 1, vmq = true, ndisVersion = '6.20' } = parameters;
const { ms = 400, warmUpMs = 600 } = parameters;
// What the buffers can hold, all in one queue or spread over those of the VMs.
const { least = 64, window = vmq ? Math.min(1024, 128 * vms) : 256 } = parameters;
const controlBefore = controlLoop();
const names = Array.from({ length: vms }, (_, vm) => `vm${vm}`);
// VMs are spread over the processors in turn: with every second one tagged, one processor would have none of those.
const vlan = (vm) => (Math.floor(vm / processors) & 1 ? 100 + vm : 0);
const host = createBenchHost({
  size,
  vms,
  vlan,
  config: { ndisVersion, executor: 'threads', processors, vmq, nic: { receiveEngines: processors } },
  options: {
    workerEntry: new URL('./threads-worker.mjs', import.meta.url),
    ...(processors === 1 ? deviceBesideSoftware(names) : perProcessor()),
  },
});
const trace = prepareTrace(host, { size, vms, vlan });
const { executor } = host;
const nap = new Int32Array(new SharedArrayBuffer(4));

/** Frames dealt with as they should be (one in 32 is for nobody), and those lost for want of a buffer. */
const readings = () => {
  const { delivered, dropped } = host.inspect().ledger.ends;
  const unknown = dropped['vswitch.unknown-destination'] ?? 0;
  const all = Object.values(dropped).reduce((sum, n) => sum + n, 0);
  return { at: performance.now(), handled: delivered + unknown, lost: all - unknown };
};

// Each engine's thread tops the wire up when it finds room, so that none waits for another's turn to do it.
const engines = Array.from({ length: processors }, (_, engine) => (engine === 0 ? 'nic' : `nic:${engine}`));
const { handled, lost } = readings();
const order = { op: 'generate', interval: 0, window, least, endedBefore: handled + lost };
for (const engine of engines) executor.post(engine, order);
executor.publish();
Atomics.wait(nap, 0, 0, warmUpMs);
const before = readings();
const cpu = process.cpuUsage();
Atomics.wait(nap, 0, 0, ms);
const after = readings();
const used = process.cpuUsage(cpu);
for (const engine of engines) executor.post(engine, { op: 'cease' });
executor.publish();
host.runUntilIdle();
const problems = [];
const report = host.inspect();
if (!report.conservation) problems.push(`the ledger does not close: ${report.ledger.inFlight} in flight`);
// Everybody gets his share: a VM that got none, or another's, would show.
const shares = expectedShares(trace);
const { ports } = report;
for (let vm = 0; vm < vms; vm++) {
  const share =
    ports.find(({ VmName }) => VmName === `vm${vm}`).framesDelivered / report.ledger.ends.delivered;
  if (share < shares[vm] / 3 || share > shares[vm] * 3)
    problems.push(`vm${vm} got ${(share * 100).toFixed(1)} % of all`);
}
const wallMs = after.at - before.at;
const frames = after.handled - before.handled;
console.log(
  JSON.stringify({
    frames,
    wallMs,
    cpuMs: (used.user + used.system) / 1000,
    controlNs: Math.max(controlBefore, controlLoop()),
    mpps: frames / wallMs / 1000,
    lost: (after.lost - before.lost) / (frames + after.lost - before.lost),
    problems,
  }),
);
await host.stop();
