/** Both ends of a migration in one thread: what passes between them passes as bytes all the same. */
import type { Host } from '@vmq/host';
import type { MigrationOptions, MigrationResult } from '../report/report.ts';
import { moveOut } from '../source/source-session.ts';
import type { MigrationReply } from '../stream/commands.ts';
import { TargetSession } from '../target/target-session.ts';
import { ReplyReader } from './reply-reader.ts';

/**
 * Moves a running VM of `source` to `destination`. NDIS_STATUS_SUCCESS: it runs there. Otherwise it runs where it
 * was, as before, and `reason` says what went wrong; if its queue was given to another VM meanwhile, it may go on
 * without one. Throws for a VM that `source` does not have. What `onProgress` or `link` throws is thrown on, after the
 * VM has gone on: where it was or, if its channel had been restored, where it is.
 */
export function migrateVm(
  source: Host,
  destination: Host,
  name: string,
  options: MigrationOptions = {},
): MigrationResult {
  const conversation = moveOut(source, name, options, {
    destination: destination.config.name,
    refusal: source === destination ? 'source and destination are one host' : null,
  });
  const target = new TargetSession(destination);
  const replies = new ReplyReader();
  const exchange = (bytes: Uint8Array): MigrationReply | null => {
    const answer = target.receive(options.link?.(bytes) ?? bytes);
    // No answer: a part of the message was lost, and nothing else will come.
    return replies.read(answer) ?? replies.read(target.end());
  };
  try {
    let next = conversation.next();
    while (next.done !== true) {
      let reply: MigrationReply | null;
      try {
        reply = exchange(next.value);
      } catch (error) {
        next = conversation.throw(error);
        continue;
      }
      next = conversation.next(reply);
    }
    return next.value;
  } finally {
    target.end();
  }
}
