/** Where a command writes: the two streams, and the one place that writes to them. */
import { randomUUID } from 'node:crypto';
import pc from 'picocolors';
import { shownLine, shownText } from './shown-text.ts';
import { cutText } from './wrap.ts';

/** The two streams as they are. Tests bring their own. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Standard output shows colours. */
  readonly outColours: boolean;
  /** Standard error is a terminal: progress may redraw its line. */
  readonly errIsTerminal: boolean;
  /** Columns of standard output, if it is a terminal that says so. */
  readonly outColumns?: number | undefined;
}

export interface Colours {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
}

/** Columns where nobody says how many there are. */
const USUAL_COLUMNS = 80;
/** No layout is made for fewer. */
const LEAST_COLUMNS = 40;

/**
 * Stands before a colour's letter until the text is written. Nobody can guess it, so that no name in a capture or a
 * configuration can bring colours of its own.
 */
const MARK = `\ufdd0${randomUUID()}`;
const { bold, dim, red, green } = pc.createColors(true);
const STYLES: Readonly<Record<string, (text: string) => string>> = { bold, dim, red, green };
const STYLED = new RegExp(`${MARK}(\\w+);([\\s\\S]*?)${MARK};`, 'gu');

const mark =
  (style: string) =>
  (text: string): string =>
    `${MARK}${style};${text}${MARK};`;
const MARKED: Colours = { bold: mark('bold'), dim: mark('dim'), red: mark('red'), green: mark('green') };
const PLAIN: Colours = { bold: String, dim: String, red: String, green: String };

/** Everything that is printed goes through here; what does not belong on a terminal is shown by its number. */
export class Screen {
  readonly colours: Colours;
  /** Columns that a line may have. */
  readonly columns: number;
  readonly errIsTerminal: boolean;
  readonly #terminal: Terminal;
  #hasStatus = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.colours = terminal.outColours ? MARKED : PLAIN;
    this.columns = Math.max(LEAST_COLUMNS, terminal.outColumns ?? USUAL_COLUMNS);
    this.errIsTerminal = terminal.errIsTerminal;
  }

  /** Lines for standard output, each with its line feed. */
  out(text: string): void {
    const shown = shownText(text);
    this.#terminal.out(this.colours === PLAIN ? shown : withStyles(shown));
  }

  /** Lines for standard error, each with its line feed. */
  err(text: string): void {
    this.clearStatus();
    this.#terminal.err(shownText(text));
  }

  /** One line for standard error, whatever is in it. */
  errLine(line: string): void {
    this.err(`${shownLine(line)}\n`);
  }

  /** Where a long command is: in the place of what was said last, where that can be; else a line of its own. */
  status(line: string): void {
    // One that wraps could not be taken away again.
    const shown = cutText(shownLine(line), this.columns - 1);
    this.#terminal.err(this.errIsTerminal ? `\r\u001b[K${shown}` : `${shown}\n`);
    this.#hasStatus = true;
  }

  /** Takes the status away, so that what is printed next starts at the left. */
  clearStatus(): void {
    if (this.#hasStatus && this.errIsTerminal) this.#terminal.err('\r\u001b[K');
    this.#hasStatus = false;
  }
}

function withStyles(text: string): string {
  return text.replace(STYLED, (_, style: string, styled: string) => STYLES[style]?.(styled) ?? styled);
}
