/** What a simulation prints for people. */
import type { SimulationFailureReport, SimulationReport, SimulationStop } from '@vmq/simulator';
import { stringify } from 'yaml';
import type { ModelJson } from '../simulate/model-sequences.ts';
import { shownLine } from '../text/shown-text.ts';
import type { Screen } from '../text/terminal.ts';
import { hang, nameColumn, padText, widthOfNames } from '../text/wrap.ts';

/** What was asked for. */
export interface SimulationWish {
  readonly seeds: number;
  readonly steps: number;
  readonly faults: readonly string[];
}

export function simulationText(report: SimulationReport, wish: SimulationWish, screen: Screen): string {
  const { traceHash, seed, seeds, failures, stopped } = report;
  const { colours, columns } = screen;
  const faults = wish.faults.length === 0 ? '' : `, faults ${wish.faults.join(', ')}`;
  const outcome =
    failures.length === 0 ? colours.green('every invariant held') : colours.red(`${failures.length} failed`);
  const lines = [
    `${seedsText(seed, seeds)}: ${report.steps} steps${faults}; ${outcome}`,
    `trace ${traceHash}`,
    ...(stopped === null ? [] : hang('', stoppedText(stopped, wish, failures.length), columns)),
  ];
  const shown = failures.map((failure) => [
    '',
    ...failureLines(failure, screen),
    '',
    ...repeatLines(failure.seed, wish),
  ]);
  return `${[...lines, ...shown.flat()].join('\n')}\n`;
}

/** What the model sequences came to. */
export function modelText({ sequences, requests, frames, disagreement, interrupted }: ModelJson): string {
  const ran = `${sequences} model sequences${interrupted ? ' (interrupted)' : ''}`;
  return disagreement === null
    ? `${ran}: ${requests} requests, ${frames} frames; stack and model agree\n`
    : `${ran}, and one in which stack and model disagree:\n${disagreement}\n`;
}

function seedsText(first: number, count: number): string {
  if (count === 0) return 'no whole seed';
  return count === 1 ? `seed ${first}` : `seeds ${first} to ${(first + count - 1) >>> 0}`;
}

/** Where a run ended before its end, and why. */
function stoppedText(
  { seed, step, why }: SimulationStop,
  { seeds, steps }: SimulationWish,
  failures: number,
): string {
  const asked = `of the ${seeds} ${seeds === 1 ? 'seed' : 'seeds'} that were asked for`;
  return why === 'failures'
    ? `stopped behind step ${step} of seed ${seed}, before the end ${asked}: ${failures} failures are enough to begin with`
    : `stopped before step ${step} of ${steps} of seed ${seed}, before the end ${asked}: interrupted`;
}

/** How to see it again. */
function repeatLines(seed: number, { steps, faults }: SimulationWish): string[] {
  const list = faults.length === 0 ? '' : ` --faults ${faults.join(',')}`;
  const command = `vmq simulate --seed ${seed} --steps ${steps}${list}`;
  return [
    'Repeat it:',
    `  ${command}`,
    'Repeat only the steps that are needed:',
    `  ${command} --json > failure.json`,
    '  vmq simulate --replay failure.json',
  ];
}

/** What came of the failures of a file: `held` has a line for each that is none any more. */
export function replaysText(
  report: SimulationReport,
  asked: number,
  held: readonly string[],
  screen: Screen,
): string {
  const { failures, seeds, stopped } = report;
  const lines = [...held, ...failures.flatMap((failure) => ['', ...failureLines(failure, screen)])];
  if (asked !== 1) {
    const tally = `${seeds} of ${asked} failures repeated: ${failures.length} fail still, ${held.length} hold now`;
    lines.push(
      ...(lines.length > 0 ? [''] : []),
      asked === 0 ? 'no failure in the file: nothing to repeat' : tally,
    );
  }
  if (stopped !== null)
    lines.push(
      ...hang('', `stopped before step ${stopped.step} of seed ${stopped.seed}: interrupted`, screen.columns),
    );
  return `${lines.join('\n')}\n`;
}

/** One failure: what does not hold, in which world, after which steps, and what happened last. */
export function failureLines(failure: SimulationFailureReport, { colours, columns }: Screen): string[] {
  const { seed, message, config, steps, stepsBefore, failedAfter, trace } = failure;
  const [first = '', ...more] = message.split('\n').map(shownLine);
  const whenText = failedAfter > steps.length ? 'when the world was torn down' : `after step ${failedAfter}`;
  const digits = String(steps.length).length;
  const kinds = Math.max(0, ...steps.map((step) => step.do.length));
  const lines = [
    ...hang(`seed ${seed}: `, first, columns).map((line) => colours.red(line)),
    ...more.flatMap((line) => hang('  ', line.trim(), columns)),
    '',
    colours.bold('Hosts, as --config takes them'),
    ...config.hosts.flatMap((host) => ['', ...hostLines(host)]),
    '',
    colours.bold(`Steps (${steps.length} of ${stepsBefore} are needed; it failed ${whenText})`),
    '',
    ...steps.flatMap((step, i) => {
      const { do: kind, ...rest } = step;
      const head = `${String(i + 1).padStart(digits)}. ${padText(kind, kinds, 'left')}  `;
      return hang(head, membersText(rest), columns);
    }),
  ];
  if (trace.length > 0) {
    lines.push('', colours.bold('The end of the trace'), '', ...traceLines(trace, columns));
  }
  return lines;
}

function hostLines(host: object): string[] {
  return stringify(host, { lineWidth: 0 })
    .trimEnd()
    .split('\n')
    .map((line) => `  ${shownLine(line)}`);
}

/** `host 3, vm 5, length 60`: whatever a step says, in its order; of an OID request what it says. */
function membersText(members: object): string {
  const texts = Object.entries(members).map(([name, value]) =>
    typeof value === 'object' && value !== null ? `[${membersText(value)}]` : `${name} ${String(value)}`,
  );
  return shownLine(texts.join(', '));
}

/** `host0 nic: text` in two columns. */
function traceLines(trace: readonly string[], columns: number): string[] {
  const split = trace.map((line) => /^([^:]*(?::\S+)?): (.*)$/s.exec(line)?.slice(1) ?? ['', line]);
  const width = widthOfNames(split.map(([who = '']) => who));
  return split.flatMap(([who = '', what = '']) =>
    hang(`  ${nameColumn(who, width)}  `, shownLine(what), columns),
  );
}
