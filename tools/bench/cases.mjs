// Every case of the benchmark: its contestants, and what becomes of their rounds.
//   { name, title, run({ rounds, ms, yardstick }) -> { …figures, disturbed, problems } }
import { median, quantile, runRounds, runWorkload, spread } from './rounds.mjs';

const MAIN_PROFILE = '6.20';
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
    spread: spread(mpps),
    ...about(result),
  };
}

/** The receive path beside C's `data` over the same trace. */
function receiveCase(name, title, { size = '64', vms = 8, ndisVersion = MAIN_PROFILE, ...rest }) {
  return {
    name,
    title,
    run({ rounds, ms, offered, yardstick }) {
      const parameters = { size, vms, ndisVersion, ms, ...(offered ? { offered } : {}), ...rest };
      const contestants = { ours: () => runWorkload('receive', parameters) };
      if (yardstick !== null) contestants.c = () => yardstick.run({ size, vms, ms });
      return throughput(runRounds(contestants, { rounds }));
    },
  };
}

const sizeTitle = (size) => (size === 'imix' ? 'IMIX' : `${size} B`);

export const CASES = [
  ...SIZES.map((size) => receiveCase(`receive-${size}`, `receive, ${sizeTitle(size)}, 8 VMs`, { size })),
  receiveCase('receive-16vms', 'receive, 64 B, 16 VMs', { vms: 16 }),
  receiveCase('receive-64vms', 'receive, 64 B, 64 VMs', { vms: 64 }),
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
];

export { about, column, quantile, quotient, throughput };
