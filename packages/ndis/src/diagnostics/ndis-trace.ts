/**
 * Trace records of NDIS's control path, so that a frame's story reaches back to the OID that made its filter.
 *
 *   kind             a              b            c         d         e
 *   OID_ISSUED       oid            requestType  owner     –         –
 *   OID_COMPLETED    oid            status       owner     –         –
 *   OID_REFUSED      oid            status       owner     –         –
 *   QUEUE_STATE      queue id       from         to        –         –
 *   FILTER_SET       filter id      queue id     owner     –         –
 *   FILTER_CLEARED   filter id      queue id     owner     –         –
 */
import { oidName, statusName } from '@vmq/abi';
import { TRACE_ALL, type TraceRecord, type TraceWriter } from '@vmq/machine';
import { QUEUE_STATES, type QueueState } from './queue-states.ts';

export const NDIS_TRACE = {
  OID_ISSUED: 300,
  OID_COMPLETED: 301,
  OID_REFUSED: 302,
  QUEUE_STATE: 303,
  FILTER_SET: 304,
  FILTER_CLEARED: 305,
} as const;

/** The control path's pen; silent without a writer. */
export class NdisTraceWriter {
  readonly #writer: TraceWriter | null;

  constructor(writer: TraceWriter | null) {
    this.#writer = writer;
  }

  #write(kind: number, a: number, b: number, c: number): void {
    const writer = this.#writer;
    if (writer === null) return;
    // The control path is no agent: nobody refreshes its writer's level for it.
    writer.refresh();
    if (writer.wants(TRACE_ALL, 0)) writer.write(kind, 0, a, b, c, 0, 0);
  }

  oidIssued(oid: number, requestType: number, owner: number): void {
    this.#write(NDIS_TRACE.OID_ISSUED, oid, requestType, owner);
  }

  oidCompleted(oid: number, status: number, owner: number): void {
    this.#write(NDIS_TRACE.OID_COMPLETED, oid, status, owner);
  }

  oidRefused(oid: number, status: number, owner: number): void {
    this.#write(NDIS_TRACE.OID_REFUSED, oid, status, owner);
  }

  queueState(queueId: number, from: QueueState, to: QueueState): void {
    if (from !== to)
      this.#write(NDIS_TRACE.QUEUE_STATE, queueId, QUEUE_STATES.indexOf(from), QUEUE_STATES.indexOf(to));
  }

  filterSet(filterId: number, queueId: number, owner: number): void {
    this.#write(NDIS_TRACE.FILTER_SET, filterId, queueId, owner);
  }

  filterCleared(filterId: number, queueId: number, owner: number): void {
    this.#write(NDIS_TRACE.FILTER_CLEARED, filterId, queueId, owner);
  }
}

/** One line about a record of this package; null for another package's. */
export function describeNdisTrace(record: TraceRecord): string | null {
  const { kind, a, b, c } = record;
  switch (kind) {
    case NDIS_TRACE.OID_ISSUED:
      return `binding ${c}: ${oidName(a)} to the miniport`;
    case NDIS_TRACE.OID_COMPLETED:
      return `binding ${c}: ${oidName(a)} completed ${statusName(b)}`;
    case NDIS_TRACE.OID_REFUSED:
      return `binding ${c}: ${oidName(a)} refused by NDIS: ${statusName(b)}`;
    case NDIS_TRACE.QUEUE_STATE:
      return `queue ${a}: ${QUEUE_STATES[b]} → ${QUEUE_STATES[c]}`;
    case NDIS_TRACE.FILTER_SET:
      return `filter ${a} set on queue ${b} by binding ${c}`;
    case NDIS_TRACE.FILTER_CLEARED:
      return `filter ${a} cleared from queue ${b} by binding ${c}`;
    default:
      return null;
  }
}
