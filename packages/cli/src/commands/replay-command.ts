/** `vmq replay FILE`. */

import { replayText } from '../format/replay-text.ts';
import { CaptureInput } from '../input/capture-input.ts';
import { Progress } from '../input/progress.ts';
import { jsonText } from '../json/envelope.ts';
import { replayJson } from '../json/replay-json.ts';
import { EXIT_BAD_IN_PART, EXIT_GOOD, EXIT_INTERNAL, EXIT_INTERRUPTED } from '../process/exit-code.ts';
import type { Interrupted } from '../process/interruption.ts';
import type { OutboundPolicy } from '../replay/frame-direction.ts';
import { problemLines } from '../replay/problem-log.ts';
import { type ReplayResult, replayCapture } from '../replay/replay-capture.ts';
import { type HostOverrides, replayConfig } from '../replay/replay-config.ts';
import type { Screen } from '../text/terminal.ts';

export interface ReplayFlags extends HostOverrides {
  readonly out?: string;
  readonly json?: boolean;
  readonly outbound?: OutboundPolicy;
  /** Show progress even if standard error is no terminal. */
  readonly progress?: boolean;
}

export async function replayCommand(
  file: string,
  flags: ReplayFlags,
  screen: Screen,
  interrupted: Interrupted,
): Promise<number> {
  const progress = new Progress(screen, flags.progress ?? screen.errIsTerminal);
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
      ...(flags.outbound === undefined ? {} : { outbound: flags.outbound }),
      ...(flags.out === undefined ? {} : { outDirectory: flags.out }),
    });
  } finally {
    progress.clear();
    input.close();
  }
  for (const note of notes) screen.errLine(note);
  const { frames, problems } = result.input;
  if (frames === 0 && !result.interrupted) screen.errLine(`${input.name}: a capture without a packet`);
  for (const line of problemLines(input.name, problems)) screen.errLine(line);
  if (result.interrupted) screen.errLine(stopped(result, input));
  if (flags.json === true) screen.out(jsonText(replayJson(result)));
  else screen.out(replayText(result, flags.out ?? '', screen));
  return exitCodeOf(result);
}

function stopped({ input: { frames, bytes }, files }: ReplayResult, { size }: CaptureInput): string {
  const of = size > 0 ? ` of ${size}` : '';
  const written = files.length > 0 ? '; the files have what was received until then' : '';
  return `stopped after ${frames} frames, ${bytes}${of} bytes read${written}`;
}

function exitCodeOf(result: ReplayResult): number {
  const { problems } = result.input;
  if (!result.report.conservation || problems.some(({ kind }) => kind === 'trace')) return EXIT_INTERNAL;
  if (result.interrupted) return EXIT_INTERRUPTED;
  return problems.length > 0 ? EXIT_BAD_IN_PART : EXIT_GOOD;
}
