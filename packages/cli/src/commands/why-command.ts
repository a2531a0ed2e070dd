/** `vmq why FILE N`. */

import { whyText } from '../format/why-text.ts';
import { CaptureInput } from '../input/capture-input.ts';
import { Progress } from '../input/progress.ts';
import { JSON_VERSION, jsonText } from '../json/envelope.ts';
import { EXIT_GOOD, EXIT_INTERNAL } from '../process/exit-code.ts';
import type { Interrupted } from '../process/interruption.ts';
import type { OutboundPolicy } from '../replay/frame-direction.ts';
import { type HostOverrides, replayConfig } from '../replay/replay-config.ts';
import type { Screen } from '../text/terminal.ts';
import { explainFrame, type WhyJson } from '../why/explain-frame.ts';

export interface WhyFlags extends HostOverrides {
  readonly json?: boolean;
  readonly outbound?: OutboundPolicy;
  readonly progress?: boolean;
}

export async function whyCommand(
  file: string,
  frame: number,
  flags: WhyFlags,
  screen: Screen,
  interrupted: Interrupted,
): Promise<number> {
  const progress = new Progress(screen, flags.progress ?? screen.errIsTerminal);
  const input = new CaptureInput(file);
  let why: WhyJson;
  try {
    const { config, notes } = await replayConfig(input, flags, progress, interrupted);
    for (const note of notes) screen.errLine(note);
    why = await explainFrame(input, frame, config, {
      progress,
      interrupted,
      ...(flags.outbound === undefined ? {} : { outbound: flags.outbound }),
    });
  } finally {
    progress.clear();
    input.close();
  }
  if (flags.json === true) screen.out(jsonText({ version: JSON_VERSION, command: 'why', ...why }));
  else screen.out(whyText(why, screen));
  return why.faults.length === 0 ? EXIT_GOOD : EXIT_INTERNAL;
}
