// Long lives: a host whose VMs, queues and migrations come and go by the thousand, and the memory it has after each share
// of them. What is left behind by a life would show as growth from one share to the next.
//
//   node --no-warnings --expose-gc tools/long-lives.mjs         10,000 VM lives, 10,000 queue lives, 1,000 migrations
//   node --expose-gc tools/long-lives.mjs '{"vms":1000,"queues":1000,"migrations":100,"shares":4,"executor":"threads"}'
//
// Prints one line of JSON per kind: heap and shared bytes after each share, the growth per life from the second share to the
// last, and how many guests are still there of all that have been. Hosts keep their latest few thousand records (of queue
// allocations, of refusals), so it grows by some objects a life until those are full. In
// threads what a worker has let go of is freed when that worker collects its garbage. Reads the built packages: build first. A test runs it with smaller numbers.
import v8 from 'node:v8';
import { Guest } from '../packages/host/dist/guests.js';
import { checkHostConfig, createHost, migrateVm } from '../packages/host/dist/index.js';

const {
  vms = 10_000,
  queues = 10_000,
  migrations = 1000,
  shares = 5,
  executor = 'deterministic',
  /** Names and addresses are new for each life, as in a cloud; or one VM comes again and again. */
  names = 'new',
  ndisVersion = '6.30',
  record = false,
} = JSON.parse(process.argv[2] ?? '{}');

if (globalThis.gc === undefined) throw new Error('run it with node --expose-gc');

const ok = ({ status, reason }, what) => {
  if (status !== 0) throw new Error(`${what}: 0x${(status >>> 0).toString(16)} ${reason ?? ''}`);
};

function hostWith(input) {
  const checked = checkHostConfig({
    executor,
    ndisVersion,
    processors: 2,
    nic: { receiveBuffers: 32 },
    maxVms: 4,
    vms: [],
    ...input,
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return createHost(checked.config, { record, sources: true });
}

const mac = (n) =>
  `00-15-5D-${[n >>> 16, n >>> 8, n].map((b) => (b & 255).toString(16).padStart(2, '0')).join('-')}`;

/** Frames to a VM and from it. */
function traffic(host, name, n) {
  const frame = new Uint8Array(80);
  frame.set([0x00, 0x15, 0x5d, n >>> 16, n >>> 8, n, 2, 0, 0, 0, 0, 9, 0x88, 0xb5]);
  for (let i = 0; i < 4; i++) host.wire.send(frame, 0, 80);
  const answer = frame.slice();
  answer.set([2, 0, 0, 0, 0, 9, 0x00, 0x15, 0x5d, n >>> 16, n >>> 8, n]);
  host.sendFrom(name, answer, 0, 80);
  host.wire.flush();
  host.runUntilIdle();
  host.wire.receive(() => {});
}

async function memory() {
  // Shared buffers are freed by finalizers, and threads let go of theirs in their own time.
  for (let i = 0; i < 3; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  // What the compiler keeps of code is in the heap, too: objects are counted besides.
  const objects = v8.queryObjects?.(Object, { format: 'count' }) ?? null;
  return { heap: heapUsed, external: external + arrayBuffers, rss, objects };
}

async function measure(kind, lives, live) {
  const share = Math.max(1, Math.ceil(lives / shares));
  const after = [];
  let n = 0;
  const begun = process.hrtime.bigint();
  for (let s = 0; s < shares; s++) {
    for (let i = 0; i < share; i++) live(n++);
    after.push(await memory());
  }
  const [first, last] = [after[1] ?? after[0], after.at(-1)];
  const counted = Math.max(1, share * (shares - 2));
  console.log(
    JSON.stringify({
      kind,
      lives: n,
      seconds: Number(process.hrtime.bigint() - begun) / 1e9,
      heapBytesPerLife: (last.heap - first.heap) / counted,
      externalBytesPerLife: (last.external - first.external) / counted,
      objectsPerLife: (last.objects - first.objects) / counted,
      guestsLeft: v8.queryObjects?.(Guest, { format: 'count' }) ?? null,
      after,
    }),
  );
}

if (vms > 0) {
  const host = hostWith({ vms: [{ name: 'stays', mac: mac(1) }] });
  await measure('VM lives', vms, (n) => {
    const number = names === 'new' ? n + 2 : 2;
    const name = `vm${number}`;
    ok(host.addVm({ name, mac: mac(number) }), 'addVm');
    traffic(host, name, number);
    traffic(host, 'stays', 1);
    host.takeReceived('stays', () => {});
    ok(host.removeVm(name), 'removeVm');
  });
  await host.stop();
}

if (queues > 0) {
  const host = hostWith({ vms: [{ name: 'web', mac: mac(1) }] });
  const port = host.virtualSwitch.inspect().ports.find(({ vmName }) => vmName === 'web').port;
  await measure('queue lives', queues, (n) => {
    ok(host.virtualSwitch.setPort(port, { vmqWeight: 0 }), 'give the queue back');
    traffic(host, 'web', 1);
    ok(host.virtualSwitch.setPort(port, { vmqWeight: 100 }), 'take a queue');
    traffic(host, 'web', 1);
    host.takeReceived('web', () => {});
    if (n % 500 === 499) ok({ status: host.adapter.reset() }, 'reset');
  });
  await host.stop();
}

if (migrations > 0) {
  // Of different sizes, so that what comes does not fit what has left.
  const hosts = [hostWith({ name: 'a' }), hostWith({ name: 'b', nic: { receiveBuffers: 64 } })];
  ok(hosts[0].addVm({ name: 'rover', mac: mac(1) }), 'addVm');
  await measure('migrations', migrations, (n) => {
    const [from, to] = [hosts[n % 2], hosts[(n + 1) % 2]];
    ok(migrateVm(from, to, 'rover'), 'migrateVm');
    traffic(to, 'rover', 1);
    // A VM of the other host's own size takes the place that has become free there.
    ok(from.addVm({ name: 'local', mac: mac(2) }), 'addVm');
    ok(from.removeVm('local'), 'removeVm');
  });
  for (const host of hosts) await host.stop();
}
