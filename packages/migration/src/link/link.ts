/**
 * The two ends of a migration over any link that carries bytes in order: a socket, a pipe, a message port. The hosts may
 * be in different processes; nothing but bytes passes between them.
 */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { Host } from '@vmq/host';
import type { MigrationOptions, MigrationResult } from '../report/report.ts';
import { moveOut } from '../source/source-session.ts';
import type { MigrationReply } from '../stream/commands.ts';
import { type ArrivalResult, TargetSession } from '../target/target-session.ts';
import { ReplyReader } from './reply-reader.ts';

/** One end of a link. */
export interface MigrationLink {
  /** Sends bytes to the other end. May keep them, for they are not written to again. Rejects if they cannot be sent. */
  send(bytes: Uint8Array): void | Promise<void>;
  /**
   * The next bytes from the other end, in whatever pieces they come; null when there will be no more. Rejecting is an end, too, with
   * the error's message in the migration's `reason`.
   */
  receive(): Promise<Uint8Array | null>;
}

/**
 * Moves a running VM of `host` to the host at the other end, where {@link receiveVm} has been called. The result is that
 * of {@link migrateVm}; its `link` option is not used. A link that ends before the destination has answered `restore`
 * leaves the VM here; one that ends between `restore` and its answer leaves it standing still here, without a port,
 * because it may run there: `failedStep` is `restore` then, and `removeVm` ends it.
 */
export async function sendVm(
  host: Host,
  name: string,
  link: MigrationLink,
  options: Omit<MigrationOptions, 'link'> = {},
): Promise<MigrationResult> {
  const conversation = moveOut(host, name, options);
  const replies = new ReplyReader();
  // A link that fails while an answer is awaited has ended: what was sent may have arrived.
  const failures: string[] = [];
  let next = conversation.next();
  while (next.done !== true) {
    try {
      await link.send(next.value);
    } catch (error) {
      next = conversation.throw(error);
      continue;
    }
    next = conversation.next(await nextReply(link, replies, failures));
  }
  const result = next.value;
  const [failure] = failures;
  if (failure === undefined || result.status === NDIS_STATUS_SUCCESS) return result;
  return { ...result, reason: `${result.reason}; the link failed: ${failure}` };
}

/** The next reply; null if none will come. Why the link failed, if it did, is put into `failures`. */
async function nextReply(
  link: MigrationLink,
  replies: ReplyReader,
  failures: string[],
): Promise<MigrationReply | null> {
  try {
    let reply = replies.read(new Uint8Array(0));
    while (reply === null && !replies.isBroken) {
      const bytes = await link.receive();
      if (bytes === null) return null;
      reply = replies.read(bytes);
    }
    return reply;
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error));
    return null;
  }
}

/**
 * Takes a VM from the host at the other end, which calls {@link sendVm}: resolves when the link has ended. Success: the VM
 * runs here. Otherwise this host is as it was, and `reason` says why.
 */
export async function receiveVm(host: Host, link: MigrationLink): Promise<ArrivalResult> {
  const session = new TargetSession(host);
  try {
    for (;;) {
      const bytes = await link.receive();
      if (bytes === null) break;
      const replies = session.receive(bytes);
      if (replies.length > 0) await link.send(replies);
    }
  } finally {
    session.end();
  }
  return session.result;
}
