/** Where a command writes: the two streams, and what they can show. Tests bring their own. */
import pc from 'picocolors';

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Standard output shows colours. */
  readonly outColours: boolean;
  /** Standard error is a terminal: progress may redraw its line. */
  readonly errIsTerminal: boolean;
}

export interface Colours {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
}

export function coloursFor(terminal: Terminal): Colours {
  return pc.createColors(terminal.outColours);
}
