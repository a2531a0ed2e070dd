/**
 * What the stack says of itself, held against the reference model: answers to queries and enumerations, indications,
 * and the queues as they can be inspected after every step. Each function gives what is wrong, nothing if all is well.
 */
import { NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE } from '@vmq/abi';
import { type FilterRecord, filterIdsOf, type QueueRecord, type World } from './records.ts';
import { reportedState } from './state-table.ts';
import type { Caller, Completion, Observation, ReferenceProfile } from './vocabulary.ts';

const DMA_STOPPED = NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE.NdisReceiveQueueOperationalStateDmaStopped;

/** Values that JSON writes alike are the same. */
function differences(what: string, expected: unknown, found: unknown): string[] {
  const [left, right] = [JSON.stringify(expected), JSON.stringify(found)];
  return left === right ? [] : [`${what}: ${right}, expected ${left}`];
}

export function parameterFaults(
  queue: QueueRecord,
  version: ReferenceProfile['version'],
  { parameters }: Completion,
): string[] {
  const old = version === 620;
  return differences(
    'QUE-22 parameters',
    {
      queueId: queue.id,
      perQueueIndication: queue.perQueueIndication,
      splitRequired: old && queue.splitRequired,
      affinity: queue.affinity,
      group: queue.group,
      suggestedBuffers: queue.suggestedBuffers,
      queueName: queue.queueName,
      lookaheadSize: queue.lookaheadSize,
      portId: old ? 0 : queue.portId,
      vmName: queue.vmName,
    },
    parameters && { ...parameters, splitRequired: old && parameters.splitRequired },
  );
}

/** QUE-34, QUE-35; `owner` null: all queues. */
export function enumerationFaults(
  world: World,
  owner: Caller | null,
  version: ReferenceProfile['version'],
  { queues = [] }: Completion,
): string[] {
  const listed = [...world.queues.values()]
    .filter((queue) => owner === null || (queue.id !== 0 && queue.owner === owner))
    .sort((a, b) => a.id - b.id)
    .map((queue) => ({
      queueId: queue.id,
      operationalState: reportedState(queue.state),
      affinity: queue.affinity,
      suggestedBuffers: queue.suggestedBuffers,
      msixEntry: queue.msixEntry,
      queueName: queue.queueName,
      filters: version === 620 ? -1 : filterIdsOf(world, queue.id).length,
    }));
  return differences(
    'QUE-34 queues',
    listed,
    [...queues].sort((a, b) => a.queueId - b.queueId),
  );
}

export function filterListFaults(world: World, queueId: number, { filterIds = [] }: Completion): string[] {
  return differences('FLT-34 filters', filterIdsOf(world, queueId), [...filterIds].sort());
}

export function filterFaults(record: FilterRecord, { filter }: Completion): string[] {
  const { id: filterId, queueId, mac, vlan, untaggedOrZero } = record;
  return differences('FLT-35 filter', { filterId, queueId, mac, vlan, untaggedOrZero }, filter);
}

/** The answer to a query of the current capabilities. */
export function currentSetFaults(profile: ReferenceProfile, seen: Completion['capabilities']): string[] {
  const { vmq, numQueues, maxFilters } = profile;
  return differences('CAP-16 current set', { vmq, numQueues, maxFilters }, seen);
}

/** CAP-18: with `changed` each binding hears of the new set once, else nobody of anything. */
export function capabilityFaults(
  { vmq, numQueues, maxFilters }: ReferenceProfile,
  changed: boolean,
  seen: Observation['capabilities'],
): string[] {
  if (!changed && seen.length === 0) return [];
  const due = (changed ? (['A', 'B'] as const) : []).map((to) => ({ to, vmq, numQueues, maxFilters }));
  const heard = [...seen].sort((a, b) => (a.to < b.to ? -1 : 1));
  return differences('CAP-18 indications', due, heard);
}

/** `due`: indications that must have come, as `queue 3 to A`; with `reopening` protocol B is closing its binding. */
export function indicationFaults(
  due: readonly string[],
  reopening: boolean,
  { indications }: Observation,
): string[] {
  // Whether a binding that is closing hears of its own queues is left open.
  if (due.length === 0 && indications.length === 0) return [];
  const heard = indications.filter(({ to }) => !reopening || to === 'A');
  const wrong = heard.some(({ operationalState }) => operationalState !== DMA_STOPPED);
  return [
    ...(wrong ? ['STA-17: an indication that is not DmaStopped'] : []),
    ...differences(
      'QUE-31 indications',
      [...due].sort(),
      heard.map(({ to, queueId }) => `queue ${queueId} to ${to}`).sort(),
    ),
  ];
}

export function queueFaults(world: World, seen: Observation): string[] {
  if (queuesAgree(world, seen)) return [];
  const expected = [...world.queues.values()]
    .sort((a, b) => a.id - b.id)
    .map(({ id, state }) => {
      const filters = filterIdsOf(world, id).length;
      return `${id}: ${state}, reported ${reportedState(state)}, ${filters} filters`;
    });
  const found = [...seen.queues]
    .sort((a, b) => a.queueId - b.queueId)
    .map(
      ({ queueId, state, operationalState, filters }) =>
        `${queueId}: ${state}, reported ${operationalState}, ${filters} filters`,
    );
  return differences('STA queues', expected, found);
}

/** The same comparison without words, for it is made after every step. */
function queuesAgree(world: World, { queues }: Observation): boolean {
  if (queues.length !== world.queues.size) return false;
  return queues.every(({ queueId, state, operationalState, filters }) => {
    const queue = world.queues.get(queueId);
    if (queue?.state !== state || operationalState !== reportedState(queue.state)) return false;
    let count = 0;
    for (const filter of world.filters.values()) if (filter.queueId === queueId) count++;
    return count === filters;
  });
}
