/**
 * How the user stops a command: every loop asks, nothing is thrown into the middle of work.
 *
 * ```text
 *   main thread                     command thread
 *   SIGINT ──> shared flag ─────────> interrupted() in every loop, some hundred packets or one step apart
 *              after a second ──────> the thread is ended, whatever it does
 * ```
 */

/** True once the user wants the command to stop. Cheap: loops ask it every few hundred packets. */
export type Interrupted = () => boolean;

export const neverInterrupted: Interrupted = () => false;

/** Thrown where a command was stopped before it had a result; its lines say what was done until then. */
export class StoppedByUser extends Error {
  readonly lines: readonly string[];

  constructor(lines: string | readonly string[]) {
    const list = typeof lines === 'string' ? [lines] : lines;
    super(list.join('\n'));
    this.name = 'StoppedByUser';
    this.lines = list;
  }
}
