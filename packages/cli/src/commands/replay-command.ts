/** `vmq replay FILE`. */
import { EXIT_BAD_IN_PART, EXIT_GOOD, EXIT_INTERNAL, EXIT_INTERRUPTED } from '../exit-code.ts';
import { replayText } from '../format/replay-text.ts';
import { CaptureInput } from '../input/capture-input.ts';
import type { Interrupted } from '../interruption.ts';
import { problemLines } from '../replay/problem-log.ts';
import { Progress } from '../replay/progress.ts';
import { type ReplayResult, replayCapture } from '../replay/replay-capture.ts';
import { type HostOverrides, replayConfig } from '../replay/replay-config.ts';
import { replayJson } from '../replay/replay-json.ts';
import { coloursFor, type Terminal } from '../terminal.ts';

export interface ReplayFlags extends HostOverrides {
  readonly out?: string;
  readonly json?: boolean;
  /** Show progress even if standard error is no terminal. */
  readonly progress?: boolean;
}

export async function replayCommand(
  file: string,
  flags: ReplayFlags,
  terminal: Terminal,
  interrupted: Interrupted,
): Promise<number> {
  const progress = new Progress(terminal, flags.progress ?? terminal.errIsTerminal);
  const input = new CaptureInput(file);
  let result: ReplayResult;
  let notes: readonly string[];
  try {
    const { config, ...found } = await replayConfig(input, flags, progress, interrupted);
    notes = found.notes;
    result = await replayCapture({
      file: input,
      config,
      progress,
      interrupted,
      ...(flags.out === undefined ? {} : { outDirectory: flags.out }),
    });
  } finally {
    progress.clear();
    input.close();
  }
  for (const note of notes) terminal.err(`${note}\n`);
  if (result.input.frames === 0) terminal.err(`${input.name}: a capture without a packet\n`);
  for (const line of problemLines(input.name, result.input.problems)) terminal.err(`${line}\n`);
  if (result.interrupted) terminal.err(`stopped after ${result.input.frames} frames\n`);
  if (flags.json === true) terminal.out(`${JSON.stringify(replayJson(result), null, 2)}\n`);
  else terminal.out(replayText(result.report, coloursFor(terminal)));
  return exitCodeOf(result);
}

function exitCodeOf(result: ReplayResult): number {
  const { problems } = result.input;
  if (!result.report.conservation || problems.some(({ kind }) => kind === 'trace')) return EXIT_INTERNAL;
  if (result.interrupted) return EXIT_INTERRUPTED;
  return problems.length > 0 ? EXIT_BAD_IN_PART : EXIT_GOOD;
}
