/**
 * Trace records of the miniport's data path: the DPC's part of a received frame's story, and what a sender's NBL meets.
 *
 *   kind       stamp   a          b        c         d           e
 *   INDICATED  frame   queue id   buffer   length    processor   frame's place in the chain, from 1
 *   CHAIN      –       queue id   NBLs     receive flags         processor
 *   RETURNED   frame   queue id   buffer   descriptor slot       processor
 *   DAMAGED    –       queue id   buffer   first word  processor
 *   SENT       frame   tx queue   slot     bytes     processor   TCI to be inserted, -1 = none
 *   SEND_DONE  frame   tx queue   slot     status    processor
 */
import type { TraceRecord } from '@vmq/machine';

export const MINIPORT_TRACE = {
  INDICATED: 200,
  CHAIN: 201,
  RETURNED: 202,
  DAMAGED: 203,
  SENT: 204,
  SEND_DONE: 205,
} as const;

const queue = (id: number): string => (id === 0 ? 'default queue' : `queue ${id}`);

/** One human line for a record of this package, or null for another package's. */
export function describeMiniportTrace(record: TraceRecord): string | null {
  const { kind, a, b, c, d, e } = record;
  switch (kind) {
    case MINIPORT_TRACE.INDICATED:
      return `DPC on processor ${d}: NBL ${e} of the chain, ${queue(a)}, receive buffer ${b}, ${c} bytes`;
    case MINIPORT_TRACE.CHAIN:
      return `DPC on processor ${d}: indicates a chain of ${b} ${b === 1 ? 'NBL' : 'NBLs'} of the ${queue(a)}, flags 0x${(c >>> 0).toString(16).padStart(8, '0')}`;
    case MINIPORT_TRACE.RETURNED:
      return `NBL returned on processor ${d}: buffer ${b} of the ${queue(a)} posted again in descriptor ${c}`;
    case MINIPORT_TRACE.DAMAGED:
      return `DPC on processor ${d}: completion 0x${(c >>> 0).toString(16).padStart(8, '0')} of the ${queue(a)} is damaged: its frame is lost, buffer ${b} posted again`;
    case MINIPORT_TRACE.SENT: {
      const tag = e < 0 ? '' : `, tag with TCI ${e} to be inserted`;
      return `NBL of ${c} bytes put into transmit queue ${a} on processor ${d}, descriptor ${b}${tag}`;
    }
    case MINIPORT_TRACE.SEND_DONE:
      return `NBL in descriptor ${b} of transmit queue ${a} completed on processor ${d}, status 0x${(c >>> 0).toString(16).padStart(8, '0')}`;
    default:
      return null;
  }
}
