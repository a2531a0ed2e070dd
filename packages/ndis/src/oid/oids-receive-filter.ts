/**
 * The receive-filter OIDs: set, clear, enumerate, read back (requirements FLT-01 to FLT-35).
 */
import {
  NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS,
  NDIS_RECEIVE_FILTER_INFO_ARRAY,
  NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED,
  NDIS_RECEIVE_FILTER_PACKET_COALESCING_SUPPORTED_ON_DEFAULT_QUEUE,
  NDIS_RECEIVE_FILTER_PARAMETERS,
  NDIS_RECEIVE_FILTER_TYPE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_FILE_NOT_FOUND,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { aimIndications, makesRunning, moveQueue } from '../records/adapter-core.ts';
import { abiVersion } from '../records/capabilities.ts';
import { DEFAULT_QUEUE, type ReceiveQueue } from '../records/receive-queue.ts';
import { FILTER_TARGET_RULES, VMQ_FILTER_RULES } from '../verification/filter-rules.ts';
import {
  answer,
  firstBroken,
  memberOffset,
  type OidCall,
  readInput,
  readU32,
  refuse,
  refuseShortOutput,
  refuseWithoutVmq,
  type Verdict,
  writeU32,
} from '../verification/oid-verification.ts';

const FILTER_ID_OFFSET = memberOffset(NDIS_RECEIVE_FILTER_PARAMETERS, 'FilterId');
const { NdisReceiveFilterTypeVMQueue: VMQ, NdisReceiveFilterTypePacketCoalescing: COALESCING } =
  NDIS_RECEIVE_FILTER_TYPE;

/** OFF-08: coalescing filters need the capability, and go on the default queue. */
function coalescingCurrent({ core }: OidCall): boolean {
  const properties = core.capabilities.current?.value.SupportedQueueProperties ?? 0;
  return (properties & NDIS_RECEIVE_FILTER_PACKET_COALESCING_SUPPORTED_ON_DEFAULT_QUEUE) !== 0;
}

/** OID_RECEIVE_FILTER_SET_FILTER, method: SUCCESS, INVALID_PARAMETER, INVALID_LENGTH, NOT_SUPPORTED, FAILURE. */
export function setFilter(call: OidCall): Verdict {
  const { core, owner, request } = call;
  const withoutVmq = coalescingCurrent(call) ? null : refuseWithoutVmq(call);
  if (withoutVmq !== null) return withoutVmq;
  const input = readInput(call, NDIS_RECEIVE_FILTER_PARAMETERS, 'FLT-06');
  if (input.refusal !== null) return input.refusal;
  const { value } = input;
  const unsupported = value.FilterType === VMQ ? refuseWithoutVmq(call) : null;
  if (unsupported !== null) return unsupported;
  const ids = { queueId: value.QueueId };
  const size = NDIS_RECEIVE_FILTER_PARAMETERS.sizeOf(
    Math.min(value.Header.Revision, core.version === 620 ? 1 : 2),
  );
  const short = refuseShortOutput(call, size);
  if (short !== null) return short;
  const coalescing =
    value.FilterType === COALESCING && coalescingCurrent(call) && value.QueueId === DEFAULT_QUEUE;
  if (value.FilterType !== VMQ && !coalescing) {
    const status = NDIS_STATUS_INVALID_PARAMETER;
    return refuse(
      call,
      { rule: 'FLT-02', status, expected: 'FilterType VMQueue' },
      `FilterType ${value.FilterType}`,
      ids,
    );
  }
  const rules = coalescing ? FILTER_TARGET_RULES : VMQ_FILTER_RULES;
  const broken = firstBroken(call, rules, { core, owner, value }, ids);
  if (broken !== null) return broken;

  const bytes = request.informationBuffer;
  // OFF-08: a nonzero id modifies that coalescing filter.
  const id = coalescing && value.FilterId !== 0 ? value.FilterId : core.filters.freeId();
  if (coalescing && value.FilterId !== 0 && core.filters.find(id)?.owner !== owner)
    return refuse(
      call,
      { rule: 'OFF-08', status: NDIS_STATUS_INVALID_PARAMETER, expected: 'an own filter to modify' },
      `filter ${id}`,
      ids,
    );
  writeU32(bytes, FILTER_ID_OFFSET, id);
  const queue = core.queues.find(value.QueueId) as ReceiveQueue;
  // The miniport may indicate before it completes the request (FLT-25).
  aimIndications(core, queue, makesRunning(queue, 'set filter'));
  return {
    kind: 'down',
    complete(status) {
      if (status !== NDIS_STATUS_SUCCESS) {
        aimIndications(core, queue);
        return status;
      }
      const kept = readU32(bytes, FILTER_ID_OFFSET);
      if (kept !== id) {
        core.log.violation(
          'FLT-03',
          `FilterId ${id} as NDIS assigned it`,
          `FilterId ${kept}`,
          ids,
          request.oid,
        );
        writeU32(bytes, FILTER_ID_OFFSET, id);
      }
      request.bytesWritten = Math.max(request.bytesWritten, size);
      core.filters.add({ id, queueId: value.QueueId, owner, parameters: { ...value, FilterId: id } });
      moveQueue(core, queue, 'set filter');
      core.trace.filterSet(id, value.QueueId, owner);
      core.receptionChanged();
      return status;
    },
  };
}

/** OID_RECEIVE_FILTER_CLEAR_FILTER, set: SUCCESS, FILE_NOT_FOUND, INVALID_LENGTH. */
export function clearFilter(call: OidCall): Verdict {
  const { core, owner } = call;
  const input = readInput(call, NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS, 'FLT-28');
  if (input.refusal !== null) return input.refusal;
  const { QueueId: queueId, FilterId: filterId } = input.value;
  const ids = { queueId, filterId };
  const no = (rule: string, expected: string, found: string): Verdict =>
    refuse(call, { rule, status: NDIS_STATUS_FILE_NOT_FOUND, expected }, found, ids);
  const filter = core.filters.find(filterId);
  if (filter === undefined) return no('FLT-28', 'a filter that is set', `no filter ${filterId}`);
  if (filter.queueId !== queueId)
    return no('FLT-28', `queue ${filter.queueId}, where the filter is`, `queue ${queueId}`);
  if (filter.owner !== owner)
    return no('FLT-29', `the protocol that set it (binding ${filter.owner})`, `binding ${owner}`);
  const queue = core.queues.find(queueId) as ReceiveQueue;
  return {
    kind: 'down',
    complete(status) {
      const gone = core.removed && status === NDIS_STATUS_NOT_ACCEPTED;
      if (status !== NDIS_STATUS_SUCCESS && !gone) return status;
      core.filters.delete(filterId);
      moveQueue(
        core,
        queue,
        core.filters.ofQueue(queueId).length === 0 ? 'clear last filter' : 'clear filter',
      );
      core.trace.filterCleared(filterId, queueId, owner);
      core.receptionChanged();
      return NDIS_STATUS_SUCCESS;
    },
  };
}

/** OID_RECEIVE_FILTER_ENUM_FILTERS, method: SUCCESS, INVALID_LENGTH, FAILURE for an unknown queue. */
export function enumerateFilters(call: OidCall): Verdict {
  const { core } = call;
  const input = readInput(call, NDIS_RECEIVE_FILTER_INFO_ARRAY, 'FLT-34');
  if (input.refusal !== null) return input.refusal;
  const { QueueId: queueId, Flags: flags = 0 } = input.value;
  const ids = { queueId };
  const no = (rule: string, expected: string, found: string): Verdict =>
    refuse(call, { rule, status: NDIS_STATUS_FAILURE, expected }, found, ids);
  if ((flags & NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED) !== 0)
    return no('VPT-24', 'a queue id in VMQ mode', 'VPORT_ID_SPECIFIED');
  const queue = core.queues.find(queueId);
  if (queue === undefined) return no('FLT-34', 'an existing queue', `no queue ${queueId}`);
  const step = queue.transition('enumerate filters');
  if (!step.ok) return no(step.rule, 'a queue not being freed', queue.state);
  const elements = core.filters
    .ofQueue(queueId)
    .map(({ id, parameters }) => ({ FilterType: parameters.FilterType, FilterId: id }));
  const value = { QueueId: queueId, elements };
  return answer(call, NDIS_RECEIVE_FILTER_INFO_ARRAY.encode(value, { ndis: abiVersion(core.version) }));
}

/** OID_RECEIVE_FILTER_PARAMETERS, method: SUCCESS, INVALID_PARAMETER, INVALID_LENGTH, FAILURE (FLT-35). */
export function queryFilter(call: OidCall): Verdict {
  const { core } = call;
  const input = readInput(call, NDIS_RECEIVE_FILTER_PARAMETERS, 'FLT-35');
  if (input.refusal !== null) return input.refusal;
  const filterId = input.value.FilterId;
  const filter = core.filters.find(filterId);
  if (filter === undefined) {
    const status = NDIS_STATUS_INVALID_PARAMETER;
    return refuse(
      call,
      { rule: 'FLT-35', status, expected: 'a filter that is set' },
      `no filter ${filterId}`,
      { filterId },
    );
  }
  const { Header: header, ...rest } = filter.parameters;
  const revision = Math.min(header.Revision, core.version === 620 ? 1 : 2);
  return answer(call, NDIS_RECEIVE_FILTER_PARAMETERS.encode(rest, { revision }));
}
