// Long lives: a host whose VMs, queues and migrations come and go by the thousand, and the memory it has after each share
// of them. What is left behind by a life would show as growth from one share to the next.
//
//   node --no-warnings --expose-gc tools/soak/dist/long-lives.js    10,000 VM lives, 10,000 queue lives, 1,000 migrations
//   node --expose-gc tools/soak/dist/long-lives.js '{"vms":1000,"queues":1000,"migrations":100,"shares":4,"executor":"threads"}'
//
// Prints one line of JSON per kind: heap and shared bytes after each share, the growth per life from the second share to the
// last, and how many guests are still there of all that have been. Hosts keep their latest few thousand records (of queue
// allocations, of refusals), so it grows by some objects a life until those are full. In threads what a worker has let go of
// is freed when that worker collects its garbage. A test runs it with smaller numbers.

import { checkHostConfig, createHost, type Host } from '@vmq/host';
import { migrateVm } from '@vmq/migration';
import { Guest } from '../../../packages/host/dist/vm/guests.js';
import { countObjects, type MemoryAfter, memoryAfter } from './memory-after.ts';

interface Parameters {
  readonly vms: number;
  readonly queues: number;
  readonly migrations: number;
  readonly shares: number;
  readonly executor: 'deterministic' | 'threads';
  /** Names and addresses are new for each life, as in a cloud; or one VM comes again and again. */
  readonly names: 'new' | 'same';
  readonly ndisVersion: '6.20' | '6.30';
  readonly record: boolean;
}

const { vms, queues, migrations, shares, executor, names, ndisVersion, record }: Parameters = {
  vms: 10_000,
  queues: 10_000,
  migrations: 1000,
  shares: 5,
  executor: 'deterministic',
  names: 'new',
  ndisVersion: '6.30',
  record: false,
  ...(JSON.parse(process.argv[2] ?? '{}') as Partial<Parameters>),
};

/** What a call answered, where 0 is success. */
interface Answered {
  readonly status: number;
  readonly reason?: string | null;
}

function ok({ status, reason }: Answered, what: string): void {
  if (status !== 0) throw new Error(`${what}: 0x${(status >>> 0).toString(16)} ${reason ?? ''}`);
}

function hostWith(input: object): Host {
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

const macOf = (n: number): string =>
  `00-15-5D-${[n >>> 16, n >>> 8, n].map((b) => (b & 255).toString(16).padStart(2, '0')).join('-')}`;

/** Frames to the VM of number `n`, and one from it. */
function traffic(host: Host, name: string, n: number): void {
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

/** Growth per life from the second share to the last. */
function growth(after: readonly MemoryAfter[], lives: number, of: (memory: MemoryAfter) => number): number {
  const first = after[Math.min(1, after.length - 1)];
  return (of(after[after.length - 1]) - of(first)) / Math.max(1, lives);
}

async function measure(kind: string, lives: number, live: (n: number) => void): Promise<void> {
  const share = Math.max(1, Math.ceil(lives / shares));
  const after: MemoryAfter[] = [];
  const started = performance.now();
  let n = 0;
  for (let s = 0; s < shares; s++) {
    for (let i = 0; i < share; i++) live(n++);
    after.push(await memoryAfter());
  }
  const counted = share * (shares - 2);
  console.log(
    JSON.stringify({
      kind,
      lives: n,
      seconds: (performance.now() - started) / 1000,
      heapBytesPerLife: growth(after, counted, ({ heap }) => heap),
      externalBytesPerLife: growth(after, counted, ({ external }) => external),
      objectsPerLife: growth(after, counted, ({ objects }) => objects ?? 0),
      guestsLeft: countObjects(Guest),
      after,
    }),
  );
}

async function vmLives(): Promise<void> {
  const host = hostWith({ vms: [{ name: 'stays', mac: macOf(1) }] });
  await measure('VM lives', vms, (n) => {
    const number = names === 'new' ? n + 2 : 2;
    const name = `vm${number}`;
    ok(host.addVm({ name, mac: macOf(number) }), 'addVm');
    traffic(host, name, number);
    traffic(host, 'stays', 1);
    host.takeReceived('stays', () => {});
    ok(host.removeVm(name), 'removeVm');
  });
  await host.stop();
}

async function queueLives(): Promise<void> {
  const host = hostWith({ vms: [{ name: 'web', mac: macOf(1) }] });
  const port = host.virtualSwitch.inspect().ports.find(({ vmName }) => vmName === 'web')?.port;
  if (port === undefined) throw new Error('the VM has no port');
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

async function migrationLives(): Promise<void> {
  // Of different sizes, so that what comes does not fit what has left.
  const hosts = [hostWith({ name: 'a' }), hostWith({ name: 'b', nic: { receiveBuffers: 64 } })];
  ok(hosts[0].addVm({ name: 'rover', mac: macOf(1) }), 'addVm');
  await measure('migrations', migrations, (n) => {
    const [from, to] = [hosts[n % 2], hosts[(n + 1) % 2]];
    ok(migrateVm(from, to, 'rover'), 'migrateVm');
    traffic(to, 'rover', 1);
    // A VM of the other host's own size takes the place that has become free there.
    ok(from.addVm({ name: 'local', mac: macOf(2) }), 'addVm');
    ok(from.removeVm('local'), 'removeVm');
  });
  for (const host of hosts) await host.stop();
}

if (vms > 0) await vmLives();
if (queues > 0) await queueLives();
if (migrations > 0) await migrationLives();
