/**
 * What the source asks of the destination between the parts of the VM, and what it is answered. Every message of the source
 * (`hello`, `pages`, `state`, a command) has one reply, in the same order:
 *
 *   source  ── hello ──>   <── reply: taken or vetoed ──
 *           ── prepare ─>  <── reply: a port and memory, or why not ──
 *           ── pages ──>   …
 */
import type { LedgerReport } from '@vmq/machine';
import { z } from 'zod';
import { type Judged, readJson } from './json.ts';

/** Commands by their number in the stream. */
export const MIGRATION_COMMANDS = [
  /** The VM's port, and memory for it. */
  'prepare',
  /** Nothing but a reply: what the destination's clock and counters show now. */
  'look',
  'create-nic',
  'connect-nic',
  /** The channel is open again. From here on the VM is the destination's, whatever becomes of the link. */
  'restore',
  'resume',
  'announce',
  /** The source has failed: everything is to be undone. */
  'abort',
] as const;

export type MigrationCommand = (typeof MIGRATION_COMMANDS)[number];

/** A host at one moment: its clock in nanoseconds, and where its frames have ended. */
export interface HostMoment {
  readonly time: number;
  readonly ledger: LedgerReport;
}

/** What the destination answers. */
export interface MigrationReply {
  /** NDIS_STATUS_SUCCESS, or the destination has undone all it had done. */
  readonly status: number;
  readonly reason?: string;
  /** Name of the destination. */
  readonly host: string;
  /** When it had done what it was asked. */
  readonly moment: HostMoment;
  /** The VM's queue there, 0 = the default queue; then why. */
  readonly queueId: number;
  readonly withoutQueue: string;
}

const frames = z
  .number()
  .min(-(2 ** 53))
  .max(2 ** 53);
const replySchema: z.ZodType<MigrationReply> = z.strictObject({
  status: z.int().min(0).max(0xffff_ffff),
  reason: z.string().max(4096).exactOptional(),
  host: z.string().max(256),
  moment: z.strictObject({
    time: z.number().min(0),
    ledger: z.strictObject({
      received: frames,
      receivedFromWire: frames,
      receivedFromGuests: frames,
      ends: z.strictObject({
        delivered: frames,
        transmitted: frames,
        dropped: z.record(z.string(), frames),
      }),
      copies: frames,
      inFlight: frames,
    }),
  }),
  queueId: z.int().min(0).max(0xffff),
  withoutQueue: z.string().max(4096),
});

/** The reply in a text, or why it is none. Never throws. */
export function readReply(text: string): Judged<MigrationReply> {
  return readJson(text, replySchema);
}
