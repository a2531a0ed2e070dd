// Cases that count frames a second: received, sent, with VMQ on and off, on one processor and on two.
import { median, spread } from '../measuring/quantile.ts';
import { type Contestants, type Rounds, runRounds, runWorkload } from '../measuring/rounds.ts';
import { about, type BenchCase, type CaseResult, column, quotient } from './case-result.ts';

export const MAIN_PROFILE = '6.20';

/** Throughput of contestant `ours`, as a fraction of C's where there is one. */
function throughput(result: Rounds): CaseResult {
  const mpps = column(result, 'ours', 'mpps');
  if (mpps.length === 0) return about(result);
  const c = column(result, 'c', 'mpps');
  return {
    mpps: median(mpps),
    nsPerFrame: 1000 / median(mpps),
    ofC: c.length > 0 ? quotient(result, 'ours', 'c') : null,
    cMpps: c.length > 0 ? median(c) : null,
    ...plainFigures(result),
    spread: spread(mpps),
    ...about(result),
  };
}

/** What plain JavaScript made of the same trace, where that was asked for. */
function plainFigures(result: Rounds): Pick<CaseResult, 'plainMpps' | 'plainOfC'> {
  const plain = column(result, 'plain', 'mpps');
  if (plain.length === 0) return {};
  const plainOfC = column(result, 'c', 'mpps').length > 0 ? quotient(result, 'plain', 'c') : null;
  return { plainMpps: median(plain), plainOfC };
}

export interface ReceiveParameters {
  readonly size?: string;
  readonly vms?: number;
  readonly ndisVersion?: string;
  /** Frames on the wire at a time. */
  readonly offered?: number;
  /** Beside the same in plain JavaScript, too. */
  readonly plain?: boolean;
}

/** The receive path beside C's `data` over the same trace. */
export function receiveCase(
  name: string,
  title: string,
  { size = '64', vms = 8, ndisVersion = MAIN_PROFILE, plain = false, ...rest }: ReceiveParameters,
): BenchCase {
  return {
    name,
    title,
    run({ rounds, ms, yardstick }) {
      const contestants: Contestants = {
        ours: () => runWorkload('receive', { size, vms, ndisVersion, ms, ...rest }),
        ...(yardstick === null ? {} : { c: () => yardstick.run({ size, vms, ms }) }),
        ...(plain ? { plain: () => runWorkload('plain', { size, vms, ms }) } : {}),
      };
      return throughput(runRounds(contestants, { rounds }));
    },
  };
}

export interface SendParameters {
  readonly to: 'wire' | 'vm';
  readonly size: string;
}

export function sendCase(name: string, title: string, parameters: SendParameters): BenchCase {
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

export interface SizeParameters {
  readonly size: string;
  readonly ndisVersion?: string;
}

/** VMQ on beside off with the device on the other core. */
export function vmqThreadsCase(
  name: string,
  title: string,
  { size, ndisVersion = MAIN_PROFILE }: SizeParameters,
): BenchCase {
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
        onOverOff: quotient(result, 'on', 'off'),
        onLost: median(column(result, 'on', 'lost')),
        offLost: median(column(result, 'off', 'lost')),
        spread: spread(on),
        ...about(result),
      };
    },
  };
}

export const twoProcessorsCase: BenchCase = {
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
      scaling: quotient(result, 'two', 'one'),
      oneMpps: median(column(result, 'one', 'mpps')),
      lost: median(column(result, 'two', 'lost')),
      twoHosts: {
        mpps: median(column(result, 'hosts', 'mpps')),
        scaling: quotient(result, 'hosts', 'one'),
      },
      spread: spread(two),
      ...about(result),
    };
  },
};
