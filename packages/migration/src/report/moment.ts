/** A host at one moment of a migration, and what has become of its frames between two. */
import type { Host } from '@vmq/host';
import type { HostMoment } from '../stream/commands.ts';
import type { DropCounts, FrameEnds } from './report.ts';

export function momentOf({ machine }: Host): HostMoment {
  return { time: machine.clock.now(), ledger: machine.ledger.report() };
}

export function droppedBetween(before: HostMoment, after: HostMoment): DropCounts {
  const was = before.ledger.ends.dropped;
  const counts = Object.entries(after.ledger.ends.dropped).map(
    ([reason, count]) => [reason, count - (was[reason] ?? 0)] as const,
  );
  return Object.fromEntries(counts.filter(([, count]) => count !== 0));
}

export function endsBetween(before: HostMoment, after: HostMoment): FrameEnds {
  const [was, is] = [before.ledger, after.ledger];
  return {
    receivedFromWire: is.receivedFromWire - was.receivedFromWire,
    receivedFromGuests: is.receivedFromGuests - was.receivedFromGuests,
    delivered: is.ends.delivered - was.ends.delivered,
    transmitted: is.ends.transmitted - was.ends.transmitted,
    dropped: droppedBetween(before, after),
    inFlight: { before: was.inFlight, after: is.inFlight },
  };
}
