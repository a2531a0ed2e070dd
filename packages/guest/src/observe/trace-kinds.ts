/** Trace records of guests. The stamp is 0: a guest does not know the host's numbers. */
import type { TraceRecord } from '@vmq/machine';

export const GUEST_TRACE = {
  /** The channel is open. a, b MAC address: first two bytes, last four. */
  OPENED: 600,
  /** The channel is closed. */
  CLOSED: 601,
  /** a number of the frame, b bytes, c TCI. */
  RECEIVED: 610,
  /** A frame of the source is on the channel: a its number among all that this guest has sent (from 1), b bytes, c TCI. */
  SENT: 612,
  /** The record is full: a frame waits in the receive buffer. */
  HELD_BACK: 611,
  /** It could not do what it was told. a what (0 a frame of its source, 1 a sender, 2 a responder), b bytes of a frame. */
  REFUSED: 613,
} as const;

export const REFUSED_FRAME = 0;
export const REFUSED_SENDER = 1;
export const REFUSED_RESPONDER = 2;

/** One line about a record of this package, or null if it is another package's. */
export function describeGuestTrace(record: TraceRecord): string | null {
  const { kind, a, b, c } = record;
  switch (kind) {
    case GUEST_TRACE.OPENED:
      return `guest: channel open, MAC ${mac(a, b)}`;
    case GUEST_TRACE.CLOSED:
      return 'guest: channel closed';
    case GUEST_TRACE.RECEIVED:
      return `guest: received frame ${a}, ${b} bytes${c === 0 ? '' : `, VLAN ${c & 0xfff}`}`;
    case GUEST_TRACE.SENT:
      return `guest: sent ${b} bytes as its frame ${a}${c === 0 ? '' : `, VLAN ${c & 0xfff} priority ${c >>> 13} beside it`}`;
    case GUEST_TRACE.HELD_BACK:
      return 'guest: no room to take the next frame, it stays in the receive buffer';
    case GUEST_TRACE.REFUSED:
      return a === REFUSED_FRAME
        ? `guest: refused a frame of ${b} bytes from its source`
        : `guest: refused what its ${a === REFUSED_SENDER ? 'sender' : 'responder'} was told`;
    default:
      return null;
  }
}

function mac(hi: number, lo: number): string {
  const digits = hi.toString(16).padStart(4, '0') + (lo >>> 0).toString(16).padStart(8, '0');
  return digits.replace(/..(?!$)/g, '$&-').toUpperCase();
}
