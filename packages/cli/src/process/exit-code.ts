/** What the shell gets. Documented in docs/cli.md; stable. */

/** Everything was processed and nothing was wrong. */
export const EXIT_GOOD = 0;
/** Nothing could be processed: bad arguments, configuration, input or output. */
export const EXIT_COULD_NOT_RUN = 1;
/** It ran and reported, but part of the input was bad or an output could not be completed. */
export const EXIT_BAD_IN_PART = 2;
/** A fault of the stack itself: frames unaccounted for, or an internal error. */
export const EXIT_INTERNAL = 3;
/** Stopped by SIGINT; what was processed until then is reported. */
export const EXIT_INTERRUPTED = 130;

/** Thrown where a command cannot run at all; its message is for the user. */
export class CannotRun extends Error {
  /** One line each; already name file, key path or option. */
  readonly lines: readonly string[];
  /** What the command ends with. */
  readonly code: number;

  constructor(lines: string | readonly string[], code: number = EXIT_COULD_NOT_RUN) {
    const list = typeof lines === 'string' ? [lines] : lines;
    super(list.join('\n'));
    this.name = 'CannotRun';
    this.lines = list;
    this.code = code;
  }
}

/** `ENOENT: no such file or directory` without the call and path Node adds. */
export function systemMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? error.message.replace(/, \w+( '.*')?$/, '') : error.message;
}
