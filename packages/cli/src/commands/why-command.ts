/** `vmq why FILE N`. */
import { EXIT_GOOD } from '../exit-code.ts';
import { whyText } from '../format/why-text.ts';
import { Progress } from '../replay/progress.ts';
import { type HostOverrides, replayConfig } from '../replay/replay-config.ts';
import { coloursFor, type Terminal } from '../terminal.ts';
import { explainFrame } from '../why/explain-frame.ts';

export interface WhyFlags extends HostOverrides {
  readonly json?: boolean;
}

export async function whyCommand(
  file: string,
  frame: number,
  flags: WhyFlags,
  terminal: Terminal,
): Promise<number> {
  const progress = new Progress(terminal, terminal.errIsTerminal);
  const { config } = await replayConfig(file, flags, progress);
  progress.clear();
  const why = await explainFrame(file, frame, config);
  terminal.out(
    flags.json === true ? `${JSON.stringify(why, null, 2)}\n` : whyText(why, coloursFor(terminal)),
  );
  return EXIT_GOOD;
}
