/** `vmq simulate`. */
import { performance } from 'node:perf_hooks';
import { MAX_SEED } from '@vmq/machine';
import type { SimulationReport } from '@vmq/simulator';
import { modelText, replaysText, simulationText } from '../format/simulate-text.ts';
import { Progress } from '../input/progress.ts';
import { jsonText } from '../json/envelope.ts';
import { simulateJson } from '../json/simulate-json.ts';
import { CannotRun, EXIT_GOOD, EXIT_INTERNAL, EXIT_INTERRUPTED } from '../process/exit-code.ts';
import type { Interrupted } from '../process/interruption.ts';
import { runModel } from '../simulate/model-sequences.ts';
import type { Screen } from '../text/terminal.ts';
import { readFailures } from './read-failure.ts';

export interface SimulateFlags {
  readonly seed?: number;
  readonly seeds?: number;
  readonly steps?: number;
  readonly faults?: readonly string[];
  readonly model?: boolean;
  readonly replay?: string;
  readonly json?: boolean;
  readonly progress?: boolean;
}

const DEFAULT_STEPS = 2000;

export async function simulateCommand(
  flags: SimulateFlags,
  screen: Screen,
  interrupted: Interrupted,
): Promise<number> {
  if (flags.replay !== undefined) return replayCommand(flags.replay, flags, screen, interrupted);
  const { FAULT_NAMES, simulate } = await import('@vmq/simulator');
  const { seed = 1, seeds = 1, steps = DEFAULT_STEPS } = flags;
  const faults = faultsOf(flags.faults ?? [], FAULT_NAMES);
  if (seed + seeds - 1 > MAX_SEED)
    throw new CannotRun(
      `--seeds ${seeds}: expected at most ${MAX_SEED - seed + 1} from seed ${seed} on, the last is ${MAX_SEED}`,
    );
  const progress = new Progress(screen, flags.progress ?? screen.errIsTerminal);
  const begun = performance.now();
  let ran = 0;
  let asked = 0;
  const report = simulate({
    seed,
    seeds,
    steps,
    faults,
    interrupted() {
      asked++;
      progress.say(() => `${ran} of ${seeds} seeds, ${asked} steps`);
      return interrupted();
    },
    onSeed() {
      ran++;
      return true;
    },
  });
  const model = flags.model === true ? await runModel(seed, seeds, interrupted) : null;
  progress.clear();
  const seconds = (performance.now() - begun) / 1000;
  if (screen.errIsTerminal && flags.json !== true)
    screen.errLine(`${Math.round(report.steps / seconds)} steps/s`);
  if (flags.json === true) screen.out(jsonText(simulateJson(report, model)));
  else {
    screen.out(simulationText(report, { seeds, steps, faults: flags.faults ?? [] }, screen));
    if (model !== null) screen.out(modelText(model));
  }
  if (model !== null && model.disagreement !== null) return EXIT_INTERNAL;
  const code = exitCodeOf(report);
  return code === EXIT_GOOD && model?.interrupted === true ? EXIT_INTERRUPTED : code;
}

function exitCodeOf({ failures, stopped }: SimulationReport): number {
  if (failures.length > 0) return EXIT_INTERNAL;
  return stopped?.why === 'interrupted' ? EXIT_INTERRUPTED : EXIT_GOOD;
}

/** Repeats every failure of a file. */
async function replayCommand(
  file: string,
  { json }: SimulateFlags,
  screen: Screen,
  interrupted: Interrupted,
): Promise<number> {
  const { replayFailures } = await import('@vmq/simulator');
  const recorded = await readFailures(file);
  const texts: string[] = [];
  const report = replayFailures(recorded, {
    interrupted,
    onReplay({ seed, invariant }, { steps, failure, traceHash }) {
      if (failure === null)
        texts.push(`seed ${seed}: ${steps} steps, '${invariant}' holds now; trace ${traceHash}`);
    },
  });
  if (json === true) screen.out(jsonText(simulateJson(report)));
  else screen.out(replaysText(report, recorded.length, texts, screen));
  return exitCodeOf(report);
}

function faultsOf<T extends string>(names: readonly string[], known: readonly T[]): readonly T[] {
  if (names.includes('all')) return known;
  return names.map((name) => {
    const found = known.find((fault) => fault === name);
    if (found !== undefined) return found;
    throw new CannotRun(`--faults: expected 'all', or some of ${known.join(', ')}; found '${name}'`);
  });
}
