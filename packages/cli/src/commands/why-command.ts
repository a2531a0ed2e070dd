/** `vmq why FILE N`. */
import { EXIT_GOOD } from '../exit-code.ts';
import { whyText } from '../format/why-text.ts';
import { CaptureInput } from '../input/capture-input.ts';
import type { Interrupted } from '../interruption.ts';
import { Progress } from '../replay/progress.ts';
import { type HostOverrides, replayConfig } from '../replay/replay-config.ts';
import { coloursFor, type Terminal } from '../terminal.ts';
import { explainFrame, type WhyJson } from '../why/explain-frame.ts';

export interface WhyFlags extends HostOverrides {
  readonly json?: boolean;
}

export async function whyCommand(
  file: string,
  frame: number,
  flags: WhyFlags,
  terminal: Terminal,
  interrupted: Interrupted,
): Promise<number> {
  const progress = new Progress(terminal, terminal.errIsTerminal);
  const input = new CaptureInput(file);
  let why: WhyJson;
  try {
    const { config, notes } = await replayConfig(input, flags, progress, interrupted);
    progress.clear();
    for (const note of notes) terminal.err(`${note}\n`);
    why = await explainFrame(input, frame, config, { progress, interrupted });
  } finally {
    progress.clear();
    input.close();
  }
  terminal.out(
    flags.json === true ? `${JSON.stringify(why, null, 2)}\n` : whyText(why, coloursFor(terminal)),
  );
  return EXIT_GOOD;
}
