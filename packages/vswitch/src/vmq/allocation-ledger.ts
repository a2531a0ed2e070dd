/**
 * The allocation ledger: who asked for a VM queue, who got one, why one was refused, what moved since. A VM that
 * silently has no queue is the complaint this answers; refusals carry the event text an administrator knows from
 * the System log (source Hyper-V-VmSwitch, event 113).
 */
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_RESOURCES,
  statusName,
} from '@vmq/abi';

export type AllocationEvent =
  /** A port that may have a queue was connected, or became fit for one. */
  | 'requested'
  /** It has a queue, a filter on it, and the queue is complete. */
  | 'granted'
  /** It has none and is served from the default queue. */
  | 'refused'
  /** It waited and has got a queue that another gave up. */
  | 'promoted'
  /** Its queue was taken for a port of higher weight. */
  | 'preempted'
  /** It gave its queue back: disconnected, or no longer fit for one. */
  | 'released'
  /** Its filters were replaced after a change of MAC or VLAN. */
  | 'refiltered'
  /** The adapter said that the queue's DMA has stopped. */
  | 'dma-stopped';

export interface AllocationRecord {
  /** From 1 up. */
  readonly sequence: number;
  readonly event: AllocationEvent;
  readonly port: number;
  readonly nicName: string;
  readonly vmName: string;
  /** VMQOffloadWeight at that time. */
  readonly weight: number;
  /** Queue concerned, 0 = none. */
  readonly queueId: number;
  /** Processor of the queue, -1 = none. */
  readonly processor: number;
  /** NDIS_STATUS of the request that decided, SUCCESS if none failed. */
  readonly status: number;
  readonly reason: string;
  /** Ports that hold queues at a refusal, with their weights: who won. */
  readonly holders?: readonly { readonly port: number; readonly vmName: string; readonly weight: number }[];
  /** The System log's event for it. */
  readonly systemEvent?: { readonly id: 113; readonly text: string };
}

/** Why event 113 was raised: its two documented reasons. */
export const REASON_OID_FAILED = 'The OID failed.';
export const REASON_MAXIMUM_EXCEEDED = 'Maximum number of VMQs supported on the Protocol NIC is exceeded.';

/** Text of event 113. */
export function event113(nicName: string, switchName: string, reason: string, status: number): string {
  return `Failed to allocate VMQ for NIC ${nicName} on switch ${switchName}. Reason - ${reason} Status = ${statusText(status)}`;
}

/** What Windows prints for a status that such a request may get; the status' name for any other. */
export function statusText(status: number): string {
  switch (status) {
    case NDIS_STATUS_RESOURCES:
      return 'Insufficient system resources exist to complete the API.';
    case NDIS_STATUS_FAILURE:
      return '{Operation Failed} The requested operation was unsuccessful.';
    case NDIS_STATUS_INVALID_PARAMETER:
      return 'An invalid parameter was passed to a service or function.';
    case NDIS_STATUS_NOT_SUPPORTED:
      return 'The request is not supported.';
    default:
      return statusName(status);
  }
}

/** The newest records of one switch. */
export class AllocationLedger {
  readonly #records: AllocationRecord[] = [];
  readonly #limit: number;
  #sequence: number;

  /** Keeps the `limit` newest; the first one's sequence number is `start` + 1. */
  constructor(start: number = 0, limit: number = 4096) {
    this.#sequence = start;
    this.#limit = limit;
  }

  get records(): readonly AllocationRecord[] {
    return this.#records;
  }

  add(record: Omit<AllocationRecord, 'sequence'>): AllocationRecord {
    const numbered = { sequence: ++this.#sequence, ...record };
    this.#records.push(numbered);
    if (this.#records.length > this.#limit) this.#records.shift();
    return numbered;
  }
}
