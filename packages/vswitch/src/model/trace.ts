/**
 * What the switch writes into the causal trace, and how a record reads in one line.
 *
 * Every frame of a VM's output has one DELIVERY record (level DELIVERIES), every frame that a guest sent one FROM_GUEST;
 * every frame that ends in the switch a DROP. The steps between are recorded at level ALL.
 */
import type { TraceRecord } from '@vmq/machine';
import { formatMacAddress } from '@vmq/wire';
import { macHiOf, macLoOf, vlanOf } from '../tables/mac-key.ts';
import { SWITCH_END_REASONS } from './drop-reasons.ts';
import { EXTERNAL_PORT } from './messages.ts';

export const VSWITCH_TRACE = {
  /** a port, b queue id, c filter slot (-1 none), d processor, e number of the delivery to that port (from 1). */
  DELIVERY: 400,
  /** a reason (index of {@link SWITCH_END_REASONS}), b port concerned (-1 none), c, d destination key. */
  DROP: 401,
  /** A frame came up: a queue id, b 1 = single-queue chain, c, d destination key, e length. */
  RECEIVED: 402,
  /** SEC-07 on a VM queue: a port, b frame's VLAN, c port's VLAN, d 1 = address equal, e 1 = VLAN equal. */
  QUEUE_CHECK: 403,
  /** Software lookup: a, b destination key, c port found (-1 none), d how (see LOOKUPS), e source port. */
  LOOKUP: 404,
  /** A source address is behind a port, which is news: a, b key, c port. */
  LEARNED: 405,
  /** Frame goes to several ports: a VLAN, b ports, c 1 = also to the wire. */
  FLOOD: 406,
  /** Copied to the guest: a port, b byte offset in its memory, c length, d TCI, e bytes that lay there already. */
  COPY: 407,
  /** A channel message is written: a port, b frames, c number of the first delivery, d processor. */
  MESSAGE: 408,
  /** Taken from a guest: a port, b length, c TCI it asked for, d VLAN it counts for, e 1 = tag was in the data. */
  FROM_GUEST: 409,
  /** Source check (SW-17): a port, b, c source key, d 1 = allowed. */
  SOURCE_CHECK: 410,
  /** Given to the adapter: a source port, b queue id, c TCI for the wire, d length. */
  SEND: 411,
  /** An extension said no: a its number, b 0 = dropped on ingress, 1 = destination excluded, c port concerned. */
  EXTENSION: 412,
} as const;

export const LOOKUP_PORT = 0;
export const LOOKUP_LEARNED = 1;
export const LOOKUP_NONE = 2;
const LOOKUPS = ["the ports' addresses", 'the learned addresses', 'no table'] as const;

const mac = (a: number, b: number): string => formatMacAddress(macHiOf(a), macLoOf(a, b));
const yes = (value: number): string => (value === 1 ? 'yes' : 'no');
const port = (number: number): string => (number === EXTERNAL_PORT ? 'external port' : `port ${number}`);
const vlan = (id: number): string => (id === 0 ? 'no VLAN' : `VLAN ${id}`);

function originOf({ stamp, b, c }: TraceRecord): string {
  if (b === 0 && c < 0 && stamp < 0) return 'another port'; // a guest's frame has a negative stamp
  return `${b === 0 ? 'the default queue' : `queue ${b}`}${c >= 0 ? ` (filter slot ${c})` : ''}`;
}

/** One human line for a record of this package, or null for another package's. */
export function describeSwitchTrace(record: TraceRecord): string | null {
  const { kind, a, b, c, d, e } = record;
  switch (kind) {
    case VSWITCH_TRACE.DELIVERY:
      return `delivered to port ${a} as its frame ${e >>> 0}, on processor ${d}, from ${originOf(record)}`;
    case VSWITCH_TRACE.DROP:
      return `${SWITCH_END_REASONS[a] ?? `reason ${a}`}: destination ${mac(c, d)}, ${vlan(vlanOf(d))}${
        b >= 0 ? `, ${port(b)}` : ''
      }`;
    case VSWITCH_TRACE.RECEIVED:
      return `switch got ${e} bytes for ${mac(c, d)}, ${vlan(vlanOf(d))}, from ${
        a === 0 ? 'the default queue' : `queue ${a}`
      }${b === 1 ? ', one queue in the chain' : ''}`;
    case VSWITCH_TRACE.QUEUE_CHECK:
      return `queue's port ${a}: MAC equal ${yes(d)}, VLAN ${b} against the port's ${c} equal ${yes(e)}`;
    case VSWITCH_TRACE.LOOKUP:
      return `${mac(a, b)} in ${vlan(vlanOf(b))}: ${c < 0 ? 'unknown' : port(c)} by ${LOOKUPS[d] ?? d}`;
    case VSWITCH_TRACE.LEARNED:
      return `learned ${mac(a, b)} in ${vlan(vlanOf(b))} behind ${port(c)}`;
    case VSWITCH_TRACE.FLOOD:
      return `flooded in ${vlan(a)} to ${b} ports${c === 1 ? ' and the wire' : ''}`;
    case VSWITCH_TRACE.COPY:
      return (
        `copied ${c} bytes to offset 0x${(b >>> 0).toString(16)} of port ${a}'s memory, TCI ${d}` +
        (e === 0 ? '' : `; the NIC had put the other ${e} bytes behind them`)
      );
    case VSWITCH_TRACE.MESSAGE:
      return `message of ${b} frames to port ${a} on processor ${d}, its frames ${c >>> 0} to ${(c + b - 1) >>> 0}`;
    case VSWITCH_TRACE.FROM_GUEST:
      return `port ${a} sent ${b} bytes, TCI ${c}${e === 1 ? ' in the data' : ''}: ${
        d < 0 ? 'not a member of that VLAN' : vlan(d)
      }`;
    case VSWITCH_TRACE.SOURCE_CHECK:
      return `source ${mac(b, c)} allowed on port ${a}: ${yes(d)}`;
    case VSWITCH_TRACE.SEND:
      return `sent ${d} bytes of port ${a} to the wire with queue ${b}, TCI ${c}`;
    case VSWITCH_TRACE.EXTENSION:
      return b === 0
        ? `extension ${a} dropped it on ingress from ${port(c)}`
        : `extension ${a} took away its destination ${port(c)}`;
    default:
      return null;
  }
}
