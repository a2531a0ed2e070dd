/** Trace records of a channel: what happened to a frame or to the channel, and one human line for each. */
import type { TraceRecord } from '@vmq/machine';
import { VMBUS_VIOLATIONS } from './violations.ts';

export const VMBUS_TRACE = {
  /** a channel, b violation kind, c violations so far. */
  VIOLATION: 500,
  /** a channel, b violation kind that broke it. */
  BROKEN: 501,
  /** a channel, b section, c frame bytes, d TCI. */
  FRAME_TO_GUEST: 510,
  /** a channel, b frames, c first section, d serial. */
  MESSAGE_TO_GUEST: 511,
  /** a channel, b frames, c drop reason index. */
  NOT_DELIVERED: 512,
  /** a channel, b send section (-1 = pages of the guest's), c frame bytes, d TCI. */
  FRAME_FROM_GUEST: 520,
  /** a channel, b first section, c sections given back. */
  COMPLETED: 521,
} as const;

const REASONS = [
  'no free section',
  'ring full',
  'channel not open',
  'frame too long',
  'packet filter',
] as const;

/** One line about a record of this package, or null if it is another package's. */
export function describeVmbusTrace(record: TraceRecord): string | null {
  const { kind, a, b, c, d } = record;
  switch (kind) {
    case VMBUS_TRACE.VIOLATION:
      return `channel ${a}: guest violation ${VMBUS_VIOLATIONS[b] ?? b} (${c} so far)`;
    case VMBUS_TRACE.BROKEN:
      return `channel ${a}: broken by guest violation ${VMBUS_VIOLATIONS[b] ?? b}`;
    case VMBUS_TRACE.FRAME_TO_GUEST:
      return `channel ${a}: ${c} bytes into receive section ${b}${tag(d)}`;
    case VMBUS_TRACE.MESSAGE_TO_GUEST:
      return `channel ${a}: message ${c}.${d} with ${b} ${b === 1 ? 'frame' : 'frames'} sent to the guest`;
    case VMBUS_TRACE.NOT_DELIVERED:
      return `channel ${a}: ${b} ${b === 1 ? 'frame' : 'frames'} not delivered, ${REASONS[c] ?? c}`;
    case VMBUS_TRACE.FRAME_FROM_GUEST:
      return `channel ${a}: ${c} bytes copied out of ${b < 0 ? 'pages of the guest' : `send section ${b}`}${tag(d)}`;
    case VMBUS_TRACE.COMPLETED:
      return `channel ${a}: guest completed message ${b}, ${c} ${c === 1 ? 'section' : 'sections'} free again`;
    default:
      return null;
  }
}

function tag(tci: number): string {
  return tci === 0 ? ', untagged' : `, VLAN ${tci & 0xfff} priority ${tci >>> 13}`;
}
