/** `vmq simulate`. */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { SimulationFailureReport, SimulationReport } from '@vmq/testkit';
import { CannotRun, EXIT_GOOD, EXIT_INTERNAL, EXIT_INTERRUPTED, systemMessage } from '../exit-code.ts';
import type { Terminal } from '../terminal.ts';

export interface SimulateFlags {
  readonly seed?: number;
  readonly seeds?: number;
  readonly steps?: number;
  readonly faults?: readonly string[];
  readonly replay?: string;
  readonly json?: boolean;
}

/** A report is JSON of this shape; those of one seed range and version are the same everywhere. */
type SimulateJson = Pick<SimulationReport, 'traceHash' | 'seed' | 'seeds' | 'steps' | 'failures'>;

const PROGRESS_MS = 500;
const DEFAULT_STEPS = 2000;

export async function simulateCommand(
  flags: SimulateFlags,
  terminal: Terminal,
  interrupted: () => boolean,
): Promise<number> {
  if (flags.replay !== undefined) return replayCommand(flags.replay, flags, terminal);
  const { FAULT_NAMES, simulate } = await import('@vmq/testkit');
  const { seed = 1, seeds = 1, steps = DEFAULT_STEPS } = flags;
  const faults = faultsOf(flags.faults ?? [], FAULT_NAMES);
  const begun = performance.now();
  let due = begun + PROGRESS_MS;
  let shown = false;
  let ran = 0;
  let stopped = false;
  const report = simulate({
    seed,
    seeds,
    steps,
    faults,
    interrupted() {
      stopped ||= interrupted();
      return stopped;
    },
    onSeed() {
      ran++;
      const now = performance.now();
      if (terminal.errIsTerminal && now >= due) {
        due = now + PROGRESS_MS;
        terminal.err(`\r\u001b[K${ran} of ${seeds} seeds`);
        shown = true;
      }
      return true;
    },
  });
  if (shown) terminal.err('\r\u001b[K');
  const seconds = (performance.now() - begun) / 1000;
  if (flags.json === true) terminal.out(`${JSON.stringify(jsonOf(report), null, 2)}\n`);
  else terminal.out(textOf(report, steps, flags.faults ?? []));
  if (terminal.errIsTerminal && flags.json !== true)
    terminal.err(`${Math.round(report.steps / seconds)} steps/s\n`);
  if (report.failures.length > 0) return EXIT_INTERNAL;
  return stopped ? EXIT_INTERRUPTED : EXIT_GOOD;
}

async function replayCommand(file: string, { json }: SimulateFlags, terminal: Terminal): Promise<number> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CannotRun(`${file}: ${systemMessage(error)}`);
  }
  const { readFailureFile, replayFailure } = await import('@vmq/testkit');
  const read = readFailureFile(text);
  if (!read.ok) throw new CannotRun(`${file}: ${read.reason}`);
  const recorded = read.failure;
  const outcome = replayFailure(recorded);
  const { traceHash, steps, failure, trace } = outcome;
  const failures: SimulationFailureReport[] =
    failure === null
      ? []
      : [
          {
            ...recorded,
            invariant: failure.invariant,
            message: failure.message,
            stepsBefore: recorded.steps.length,
            trace,
          },
        ];
  const report: SimulationReport = {
    traceHash,
    seed: recorded.seed,
    seeds: 1,
    steps,
    failures,
    stopped: null,
  };
  if (json === true) terminal.out(`${JSON.stringify(jsonOf(report), null, 2)}\n`);
  else if (failure === null)
    terminal.out(
      `seed ${recorded.seed}: ${steps} steps, '${recorded.invariant}' holds now; trace ${traceHash}\n`,
    );
  else for (const one of failures) terminal.out(failureText(one));
  return failure === null ? EXIT_GOOD : EXIT_INTERNAL;
}

function faultsOf<T extends string>(names: readonly string[], known: readonly T[]): readonly T[] {
  if (names.includes('all')) return known;
  return names.map((name) => {
    const found = known.find((fault) => fault === name);
    if (found !== undefined) return found;
    throw new CannotRun(`--faults: expected 'all', or some of ${known.join(', ')}; found '${name}'`);
  });
}

function jsonOf({ traceHash, seed, seeds, steps, failures }: SimulationReport): SimulateJson {
  return { traceHash, seed, seeds, steps, failures };
}

function textOf(report: SimulationReport, steps: number, faults: readonly string[]): string {
  const { traceHash, seed, seeds, failures } = report;
  const range = seeds === 1 ? `seed ${seed}` : `seeds ${seed} to ${seed + seeds - 1}`;
  const with_ = faults.length === 0 ? '' : `, faults ${faults.join(', ')}`;
  const outcome = failures.length === 0 ? 'every invariant held' : `${failures.length} failed`;
  const lines = [`${range}: ${report.steps} steps${with_}; ${outcome}`, `trace ${traceHash}`];
  const repeat = (failed: number): string =>
    `vmq simulate --seed ${failed} --steps ${steps}${faults.length === 0 ? '' : ` --faults ${faults.join(',')}`}`;
  return `${lines.join('\n')}\n${failures
    .map(
      (failure) =>
        `\n${failureText(failure)}\nRepeat it:     ${repeat(failure.seed)}\nIts steps only: ${repeat(failure.seed)} --json > failure.json; vmq simulate --replay failure.json\n`,
    )
    .join('')}`;
}

function failureText({ seed, message, config, steps, stepsBefore, trace }: SimulationFailureReport): string {
  const lines = [
    `seed ${seed}: ${message}`,
    '',
    `Hosts: ${JSON.stringify(config.hosts)}`,
    '',
    `Steps (${steps.length} of ${stepsBefore} are needed):`,
    ...steps.map((step, i) => `${String(i + 1).padStart(4)}  ${JSON.stringify(step)}`),
  ];
  if (trace.length > 0) lines.push('', 'The last of the trace:', ...trace.map((line) => `  ${line}`));
  return `${lines.join('\n')}\n`;
}
