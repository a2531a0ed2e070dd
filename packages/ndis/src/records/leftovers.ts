/**
 * What an owner of queues and filters has left when it goes: NDIS clears the filters, then frees the queues (LIFE-09,
 * LIFE-10). Whether VMQ is still current does not matter (CAP-31).
 */
import {
  NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS,
  NDIS_RECEIVE_QUEUE_FREE_PARAMETERS,
  OID_RECEIVE_FILTER_CLEAR_FILTER,
  OID_RECEIVE_FILTER_FREE_QUEUE,
} from '@vmq/abi';
import { type OidRequest, setRequest } from '@vmq/ddi';
import type { AdapterCore } from './adapter-core.ts';
import { DEFAULT_QUEUE } from './receive-queue.ts';

/** `submit` issues a request as the owner's own and waits for it; `left` hears of each thing, in words. */
export function cleanUpAfter(
  core: AdapterCore,
  owner: number,
  submit: (request: OidRequest) => number,
  left: (what: string, ids: Readonly<Record<string, number>>) => void,
): void {
  for (const { id: filterId, queueId } of core.filters.ownedBy(owner)) {
    left(`filter ${filterId} on queue ${queueId}`, { filterId });
    const parameters = NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS.encode({ QueueId: queueId, FilterId: filterId });
    submit(setRequest(OID_RECEIVE_FILTER_CLEAR_FILTER, parameters));
  }
  for (const { id: queueId } of core.queues.ownedBy(owner)) {
    left(`queue ${queueId}`, { queueId });
    const parameters = NDIS_RECEIVE_QUEUE_FREE_PARAMETERS.encode({ QueueId: queueId });
    submit(setRequest(OID_RECEIVE_FILTER_FREE_QUEUE, parameters));
  }
}

/** What others want to receive is left; `submit` tells the miniport of that. */
export function withdrawReception(
  core: AdapterCore,
  owner: number,
  submit: (request: OidRequest) => number,
): void {
  const requests = core.reception.withdraw(owner);
  core.receptionChanged();
  if (core.removed) return;
  for (const request of requests) submit(request);
}

/**
 * LIFE-10: the same before a halt, for whoever still owns something: user mode, or a protocol whose leftovers the
 * miniport would not take back. No driver is to blame any more.
 */
export function cleanUpAll(core: AdapterCore, submit: (owner: number, request: OidRequest) => number): void {
  const queues = core.queues.all().filter(({ id }) => id !== DEFAULT_QUEUE);
  const owners = new Set([...core.filters.all(), ...queues].map(({ owner }) => owner));
  for (const owner of owners)
    cleanUpAfter(
      core,
      owner,
      (request) => submit(owner, request),
      () => {},
    );
}
