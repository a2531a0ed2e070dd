/** Finds the destination's replies in the bytes that come back from it. */
import type { MigrationReply } from '../stream/commands.ts';
import { MigrationDecoder } from '../stream/decoder.ts';

export class ReplyReader {
  readonly #decoder = new MigrationDecoder();
  readonly #replies: MigrationReply[] = [];

  /** Takes bytes; returns the next reply, or null if it is not whole yet. */
  read(bytes: Uint8Array): MigrationReply | null {
    for (const message of this.#decoder.push(bytes))
      if (message.kind === 'reply') this.#replies.push(message.reply);
    return this.#replies.shift() ?? null;
  }

  /** What came is none of a destination's: no reply will be read any more. */
  get isBroken(): boolean {
    return this.#decoder.refusal !== null;
  }
}
