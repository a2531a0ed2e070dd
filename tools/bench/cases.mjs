// Every case of the benchmark: its contestants, and what becomes of their rounds.
//   { name, title, run({ rounds, ms, yardstick }) -> { …figures, disturbed, problems } }
import { median, spread } from './quantile.mjs';
import { runRounds, runWorkload } from './rounds.mjs';

const MAIN_PROFILE = '6.20';
const PERCENTILES = ['p50us', 'p90us', 'p99us', 'inTime', 'longP50us', 'controlP50us', 'controlP90us'];
const STARTUP = ['wallMs', 'cpuMs', 'rssBytes', 'heapBytes', 'sharedBytes'];
const SIZES = ['64', '512', '1514', 'imix'];

/** What every case says of its rounds. */
const about = ({ rounds, disturbed, countsDisturbed, problems }) => ({
  rounds: rounds.length,
  disturbed,
  ...(countsDisturbed ? { countsDisturbed } : {}),
  problems,
});

const column = (result, contestant, figure) =>
  result.rounds.map((samples) => samples[contestant]?.[figure]).filter((value) => Number.isFinite(value));

/** Quotient of two contestants' figures, round by round. */
const quotient = (result, over, under, figure) =>
  median(result.rounds.map((samples) => samples[over][figure] / samples[under][figure]));

/** Throughput of contestant `ours`, as a fraction of C's where there is one. */
function throughput(result) {
  const mpps = column(result, 'ours', 'mpps');
  if (mpps.length === 0) return about(result);
  const c = column(result, 'c', 'mpps');
  return {
    mpps: median(mpps),
    nsPerFrame: 1000 / median(mpps),
    ofC: c.length > 0 ? quotient(result, 'ours', 'c', 'mpps') : null,
    cMpps: c.length > 0 ? median(c) : null,
    ...plainFigures(result),
    spread: spread(mpps),
    ...about(result),
  };
}

/** What plain JavaScript made of the same trace, where that was asked for. */
function plainFigures(result) {
  const plain = column(result, 'plain', 'mpps');
  if (plain.length === 0) return {};
  const plainOfC = column(result, 'c', 'mpps').length > 0 ? quotient(result, 'plain', 'c', 'mpps') : null;
  return { plainMpps: median(plain), plainOfC };
}

/** The receive path beside C's `data` over the same trace, and, with `plain`, beside the same in plain JavaScript. */
function receiveCase(name, title, { size = '64', vms = 8, ndisVersion = MAIN_PROFILE, plain, ...rest }) {
  return {
    name,
    title,
    run({ rounds, ms, offered, yardstick }) {
      const parameters = { size, vms, ndisVersion, ms, ...(offered ? { offered } : {}), ...rest };
      const contestants = { ours: () => runWorkload('receive', parameters) };
      if (yardstick !== null) contestants.c = () => yardstick.run({ size, vms, ms });
      if (plain) contestants.plain = () => runWorkload('plain', { size, vms, ms });
      return throughput(runRounds(contestants, { rounds }));
    },
  };
}

/** VMQ on beside off, in one thread under the profiler: what a frame costs the host, and which layer how much. */
function profileCase(name, title, { size, ndisVersion = MAIN_PROFILE }) {
  return {
    name,
    title,
    run({ rounds, ms }) {
      const parameters = { size, vms: 8, ndisVersion, ms, profile: true };
      const result = runRounds(
        {
          on: () => runWorkload('receive', parameters),
          // One queue: no more frames at once than it has buffers.
          off: () => runWorkload('receive', { ...parameters, vmq: false, offered: 256 }),
        },
        { rounds },
      );
      if (result.problems.length > 0) return about(result);
      const on = layersOf(result, 'on');
      const off = layersOf(result, 'off');
      return {
        on,
        off,
        hostCpu: off.sides.host / on.sides.host,
        throughput: off.nsPerFrame / on.nsPerFrame,
        ...about(result),
      };
    },
  };
}

/** Nanoseconds of a frame by side and by layer: medians of the rounds. */
function layersOf(result, contestant) {
  const samples = result.rounds.map((round) => round[contestant]);
  // By CPU time where the process had to wait: samples are taken only while it runs.
  const nsOf = ({ wallMs, cpuMs, frames }) => (Math.min(wallMs, cpuMs) * 1e6) / frames;
  const ns = (pick) => median(samples.map((sample) => (pick(sample) ?? 0) * nsOf(sample)));
  const all = (part) => [...new Set(samples.flatMap(({ shares }) => Object.keys(shares[part])))];
  const table = (part) =>
    Object.fromEntries(
      all(part)
        .map((key) => [key, ns(({ shares }) => shares[part][key])])
        .sort((a, b) => b[1] - a[1]),
    );
  return { nsPerFrame: ns(() => 1), sides: table('sides'), layers: table('layers') };
}

/** VMQ on beside off with the device on the other core. */
function vmqThreadsCase(name, title, { size, ndisVersion = MAIN_PROFILE }) {
  return {
    name,
    title,
    run({ rounds, ms }) {
      const parameters = { size, vms: 8, ndisVersion, ms };
      const result = runRounds(
        {
          on: () => runWorkload('threads', parameters),
          off: () => runWorkload('threads', { ...parameters, vmq: false }),
        },
        { rounds, threads: 2 },
      );
      const on = column(result, 'on', 'mpps');
      const off = column(result, 'off', 'mpps');
      if (on.length === 0 || off.length === 0) return about(result);
      return {
        onMpps: median(on),
        offMpps: median(off),
        onOverOff: quotient(result, 'on', 'off', 'mpps'),
        onLost: median(column(result, 'on', 'lost')),
        offLost: median(column(result, 'off', 'lost')),
        spread: spread(on),
        ...about(result),
      };
    },
  };
}

const twoProcessorsCase = {
  name: 'two-processors',
  title: 'two processors, own queues each, 64 B',
  run({ rounds, ms }) {
    const parameters = { size: '64', ndisVersion: MAIN_PROFILE, ms };
    const result = runRounds(
      {
        one: () => runWorkload('receive', { ...parameters, vms: 8 }),
        two: () =>
          // As many at a time for each processor as `one` gets, and as many again on their way: what 16 queues' buffers hold.
          runWorkload('threads', { ...parameters, vms: 16, processors: 2, window: 2048, least: 1024 }),
        // What the second core is worth at best: two hosts that share nothing.
        hosts: () => runWorkload('two-hosts', { ...parameters, vms: 8 }),
      },
      { rounds, threads: 2 },
    );
    const two = column(result, 'two', 'mpps');
    if (two.length === 0 || column(result, 'one', 'mpps').length === 0) return about(result);
    return {
      mpps: median(two),
      scaling: quotient(result, 'two', 'one', 'mpps'),
      oneMpps: median(column(result, 'one', 'mpps')),
      lost: median(column(result, 'two', 'lost')),
      twoHosts: {
        mpps: median(column(result, 'hosts', 'mpps')),
        scaling: quotient(result, 'hosts', 'one', 'mpps'),
      },
      spread: spread(two),
      ...about(result),
    };
  },
};

function sendCase(name, title, parameters) {
  return {
    name,
    title,
    run({ rounds, ms }) {
      const result = runRounds(
        { ours: () => runWorkload('send', { ndisVersion: MAIN_PROFILE, ms, ...parameters }) },
        { rounds },
      );
      const { ofC: _ofC, cMpps: _cMpps, ...figures } = throughput(result);
      return figures;
    },
  };
}

/** Medians of what the workload says, under the same names. */
function figuresCase(name, title, workload, figures, { parameters = {}, threads = 1, measures = true } = {}) {
  return {
    name,
    title,
    run({ rounds, ms }) {
      const given = { ndisVersion: MAIN_PROFILE, ...(measures ? { ms } : {}), ...parameters };
      const result = runRounds({ ours: () => runWorkload(workload, given) }, { rounds, threads });
      return {
        ...Object.fromEntries(
          figures
            .map((figure) => [figure, column(result, 'ours', figure)])
            .filter(([, values]) => values.length > 0)
            .map(([figure, values]) => [figure, median(values)]),
        ),
        ...about(result),
      };
    },
  };
}

const churnCase = {
  name: 'churn',
  title: 'after 1,000 queue cycles and 10,000 filter changes',
  run({ rounds, ms }) {
    const parameters = { size: '64', vms: 8, ndisVersion: MAIN_PROFILE, ms };
    const result = runRounds(
      {
        churned: () => runWorkload('churn', parameters),
        fresh: () => runWorkload('churn', { ...parameters, cycles: 0, changes: 0 }),
      },
      { rounds },
    );
    if (column(result, 'churned', 'mpps').length === 0) return about(result);
    return {
      ofFresh: quotient(result, 'churned', 'fresh', 'mpps'),
      mpps: median(column(result, 'churned', 'mpps')),
      freshMpps: median(column(result, 'fresh', 'mpps')),
      queueCyclesPerSecond: median(column(result, 'churned', 'queueCyclesPerSecond')),
      filterChangesPerSecond: median(column(result, 'churned', 'filterChangesPerSecond')),
      ...about(result),
    };
  },
};

/** Garbage is rare: the frames of all rounds are added up, each of them measured three times as long. */
const garbageCase = {
  name: 'garbage',
  title: 'garbage: scavenges per 100 M frames',
  run({ rounds, ms }) {
    const parameters = { size: '64', vms: 8, ndisVersion: MAIN_PROFILE, ms: 3 * ms, warmUpMs: 1500 };
    const result = runRounds({ ours: () => runWorkload('receive', parameters) }, { rounds });
    const frames = column(result, 'ours', 'frames').reduce((sum, n) => sum + n, 0);
    if (frames === 0) return about(result);
    const scavenges = column(result, 'ours', 'scavenges').reduce((sum, n) => sum + n, 0);
    return {
      scavengesPer100MFrames: (scavenges * 1e8) / frames,
      scavenges,
      frames,
      heapGrowthBytes: median(column(result, 'ours', 'heapGrowthBytes')),
      rssBytes: median(column(result, 'ours', 'rssBytes')),
      sharedBytes: median(column(result, 'ours', 'sharedBytes')),
      ...about(result),
    };
  },
};

const sizeTitle = (size) => (size === 'imix' ? 'IMIX' : `${size} B`);

export const CASES = [
  ...SIZES.map((size) =>
    receiveCase(`receive-${size}`, `receive, ${sizeTitle(size)}, 8 VMs`, { size, plain: true }),
  ),
  receiveCase('receive-16vms', 'receive, 64 B, 16 VMs', { vms: 16 }),
  receiveCase('receive-64vms', 'receive, 64 B, 64 VMs', { vms: 64, plain: true }),
  receiveCase('one-frame-per-interrupt', 'one 64 B frame per interrupt', { offered: 1 }),
  ...SIZES.map((size) =>
    receiveCase(`receive630-${size}`, `receive, ${sizeTitle(size)}, 8 VMs, profile 6.30`, {
      size,
      ndisVersion: '6.30',
    }),
  ),
  receiveCase('receive630-64vms', 'receive, 64 B, 64 VMs, profile 6.30', { vms: 64, ndisVersion: '6.30' }),
  receiveCase('one-frame-per-interrupt630', 'one 64 B frame per interrupt, profile 6.30', {
    offered: 1,
    ndisVersion: '6.30',
  }),
  ...['64', '512', '1514'].map((size) =>
    profileCase(`vmq-cpu-${size}`, `VMQ on and off, cost of a frame, ${size} B`, { size }),
  ),
  ...['64', '512', '1514'].map((size) =>
    profileCase(`vmq-cpu630-${size}`, `VMQ on and off, cost of a frame, ${size} B, 6.30`, {
      size,
      ndisVersion: '6.30',
    }),
  ),
  ...['64', '512'].map((size) =>
    vmqThreadsCase(`vmq-threads-${size}`, `VMQ on and off, device on the other core, ${size} B`, { size }),
  ),
  ...['64', '512'].map((size) =>
    vmqThreadsCase(`vmq-threads630-${size}`, `VMQ on and off, device on the other core, ${size} B, 6.30`, {
      size,
      ndisVersion: '6.30',
    }),
  ),
  twoProcessorsCase,
  sendCase('transmit-64', 'transmit, 64 B, 8 VMs', { to: 'wire', size: '64' }),
  sendCase('transmit-1514', 'transmit, 1514 B, 8 VMs', { to: 'wire', size: '1514' }),
  sendCase('vm-to-vm-64', 'VM to VM, 64 B, 8 VMs', { to: 'vm', size: '64' }),
  sendCase('vm-to-vm-1514', 'VM to VM, 1514 B, 8 VMs', { to: 'vm', size: '1514' }),
  figuresCase('burst', '64-frame burst, one core', 'burst', [
    'p50us',
    'p90us',
    'p99us',
    'controlP50us',
    'controlP99us',
    'untilRest',
  ]),
  figuresCase('wire-to-vm-spinning', 'wire to VM across threads, spinning', 'wire-to-vm', PERCENTILES, {
    parameters: { mode: 'spinning' },
    threads: 2,
    measures: false,
  }),
  figuresCase('wire-to-vm-asleep', 'wire to VM across threads, asleep', 'wire-to-vm', PERCENTILES, {
    parameters: { mode: 'asleep' },
    threads: 2,
    measures: false,
  }),
  churnCase,
  garbageCase,
  figuresCase('start-up', 'start-up of a host with 64 VMs', 'start-up', STARTUP, {
    parameters: { vms: 64 },
    measures: false,
  }),
  figuresCase('oids', 'OID requests', 'oids', ['oidsPerSecond', 'enumerationsPerSecond']),
];
