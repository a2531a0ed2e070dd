/** What the main thread and the command's thread tell each other. */

/** Given to the command's thread at its birth. */
export interface CommandData {
  readonly args: readonly string[];
  /** Of one element; nonzero once the user wants to stop. Shared. */
  readonly stop: Int32Array;
  readonly outColours: boolean;
  readonly errIsTerminal: boolean;
  readonly outColumns: number | undefined;
}

/** From the command's thread, in order. */
export type CommandMessage =
  | { readonly kind: 'out'; readonly text: string }
  | { readonly kind: 'err'; readonly text: string }
  | { readonly kind: 'end'; readonly code: number };
