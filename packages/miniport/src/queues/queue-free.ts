/**
 * OID_RECEIVE_FILTER_FREE_QUEUE: stop, indicate, wait for NBLs, free, complete (QUE-30, QUE-32).
 *
 *   free ──> DMA stopped, indicated ──NBLs back──> memory freed, SUCCESS
 *                      │ reset meanwhile
 *                      └──> REQUEST_ABORTED; NDIS issues it again, and it goes on where it stopped (LIFE-14)
 */
import { NDIS_STATUS_PENDING, NDIS_STATUS_REQUEST_ABORTED, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { MiniportAdapter, OidRequest } from '@vmq/ddi';
import type { QueueLife } from './queue-life.ts';

export class QueueFree {
  readonly #adapter: MiniportAdapter;
  readonly #queues: QueueLife;
  /** The request that waits for NBLs; NDIS gives a miniport one request at a time. */
  #pending: OidRequest | null = null;

  constructor(adapter: MiniportAdapter, queues: QueueLife) {
    this.#adapter = adapter;
    this.#queues = queues;
  }

  /** SUCCESS, or PENDING while somebody holds frames of the queue. */
  free(queueId: number, request: OidRequest): number {
    const queues = this.#queues;
    if (queues.stop(queueId)) {
      queues.finishFree(queueId);
      return NDIS_STATUS_SUCCESS;
    }
    this.#pending = request;
    this.#adapter.resources.reach?.('miniport.free-waits-for-nbls');
    whenTrue(
      this.#adapter,
      () => this.#pending !== request || queues.canFinishFree(queueId),
      () => {
        if (this.#pending !== request) return;
        queues.finishFree(queueId);
        this.#complete(NDIS_STATUS_SUCCESS);
      },
    );
    return NDIS_STATUS_PENDING;
  }

  /** No request may be pending at the end of a reset. */
  abort(): void {
    if (this.#pending === null) return;
    this.#adapter.resources.reach?.('miniport.free-aborted-by-reset');
    this.#complete(NDIS_STATUS_REQUEST_ABORTED);
  }

  #complete(status: number): void {
    const request = this.#pending as OidRequest;
    this.#pending = null;
    this.#adapter.oidRequestComplete(request, status);
  }
}

/** Runs `then` at PASSIVE_LEVEL once `ready` holds: a work item that queues itself again until it does. */
export function whenTrue(adapter: MiniportAdapter, ready: () => boolean, then: () => void): void {
  const look = (): void => (ready() ? then() : adapter.queueWorkItem(look));
  adapter.queueWorkItem(look);
}
