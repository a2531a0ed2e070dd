/** What all JSON of `vmq --json` has: its version, and which command it is of. The schema is in `schema/`. */

/** Rises when a member changes its meaning or goes; members may be added without. */
export const JSON_VERSION = 1;

export type CommandName = 'replay' | 'why' | 'simulate';

/** Members of every document, before all others. */
export interface Envelope {
  readonly version: typeof JSON_VERSION;
  readonly command: CommandName;
}

/** What ended a command without a result. */
export type FailureCode =
  /** Arguments that mean nothing. */
  | 'usage'
  /** A file, a configuration or an output that cannot be used. */
  | 'cannot-run'
  /** By the user, before there was a result. */
  | 'interrupted'
  /** A fault of vmq's own. */
  | 'internal';

/** The document in place of a result. */
export interface ErrorJson {
  readonly version: typeof JSON_VERSION;
  /** Null if no command was named. */
  readonly command: CommandName | null;
  readonly error: {
    readonly code: FailureCode;
    readonly exitCode: number;
    /** The lines that standard error has, too. */
    readonly messages: readonly string[];
  };
  /** Of replay: empty, as there is no host. */
  readonly host?: object;
  readonly queues?: readonly [];
}

export function jsonText(document: (Envelope & object) | ErrorJson): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
