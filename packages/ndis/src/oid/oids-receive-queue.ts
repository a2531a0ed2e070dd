/**
 * The VM queue OIDs: allocate, free, enumerate (requirements QUE-01 to QUE-15, QUE-28 to QUE-36).
 */
import {
  NDIS_RECEIVE_QUEUE_FREE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_INFO_ARRAY,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { NdisRequestQueryStatistics } from '@vmq/ddi';
import { operationalState } from '../diagnostics/queue-states.ts';
import { moveQueue } from '../records/adapter-core.ts';
import { abiVersion } from '../records/capabilities.ts';
import {
  answer,
  firstBroken,
  memberOffset,
  type OidCall,
  readInput,
  readU32,
  refuse,
  refuseShortOutput,
  type Verdict,
  writeU32,
} from '../verification/oid-verification.ts';
import { ALLOCATE_RULES, ALLOCATION_FLAGS, ownedQueue } from '../verification/queue-rules.ts';

const QUEUE_ID_OFFSET = memberOffset(NDIS_RECEIVE_QUEUE_PARAMETERS, 'QueueId');
const MSIX_ENTRY_OFFSET = memberOffset(NDIS_RECEIVE_QUEUE_PARAMETERS, 'MSIXTableEntry');

/** OID_RECEIVE_FILTER_ALLOCATE_QUEUE, method: SUCCESS, INVALID_PARAMETER, INVALID_LENGTH, NOT_SUPPORTED, FAILURE. */
export function allocateQueue(call: OidCall): Verdict {
  const { core, request, owner } = call;
  const input = readInput(call, NDIS_RECEIVE_QUEUE_PARAMETERS, 'QUE-01');
  if (input.refusal !== null) return input.refusal;
  const { value } = input;
  const size = NDIS_RECEIVE_QUEUE_PARAMETERS.sizeOf(
    Math.min(value.Header.Revision, core.version === 620 ? 1 : 2),
  );
  const bytes = request.informationBuffer;
  const refusal = refuseShortOutput(call, size) ?? firstBroken(call, ALLOCATE_RULES, { core, value, bytes });
  if (refusal !== null) return refusal;

  const id = core.queues.freeId(core.capabilities.queueLimit);
  writeU32(bytes, QUEUE_ID_OFFSET, id);
  // A miniport that says nothing of its MSI-X entry, as Microsoft's sample does, says 0 and not what the caller left.
  writeU32(bytes, MSIX_ENTRY_OFFSET, 0);
  return {
    kind: 'down',
    complete(status) {
      if (status !== NDIS_STATUS_SUCCESS) return status;
      const kept = readU32(bytes, QUEUE_ID_OFFSET);
      if (kept !== id) {
        core.log.violation(
          'QUE-06',
          `QueueId ${id} as NDIS assigned it`,
          `QueueId ${kept}`,
          { queueId: id },
          request.oid,
        );
        writeU32(bytes, QUEUE_ID_OFFSET, id);
      }
      request.bytesWritten = Math.max(request.bytesWritten, size);
      const written = NDIS_RECEIVE_QUEUE_PARAMETERS.decode(bytes, { ndis: abiVersion(core.version) });
      // QUE-08: of what comes back only the MSI-X entry is the miniport's to say.
      const msixTableEntry = written.ok ? written.value.MSIXTableEntry : 0;
      const flags = value.Flags & ALLOCATION_FLAGS;
      const queue = core.queues.add(id, owner, {
        ...value,
        QueueId: id,
        Flags: flags,
        MSIXTableEntry: msixTableEntry,
      });
      core.trace.queueState(id, 'Undefined', queue.state);
      core.receptionChanged();
      return status;
    },
  };
}

/** OID_RECEIVE_FILTER_FREE_QUEUE, set: SUCCESS, INVALID_PARAMETER, INVALID_LENGTH. */
export function freeQueue(call: OidCall): Verdict {
  const { core, request } = call;
  const input = readInput(call, NDIS_RECEIVE_QUEUE_FREE_PARAMETERS, 'QUE-28');
  if (input.refusal !== null) return input.refusal;
  const owned = ownedQueue(call, input.value.QueueId, 'QUE-28', 'QUE-28');
  if (owned.refusal !== null) return owned.refusal;
  const { queue } = owned;
  const ids = { queueId: queue.id };
  const filters = core.filters.ofQueue(queue.id).length;
  if (filters !== 0)
    return refuse(
      call,
      { rule: 'QUE-29', status: NDIS_STATUS_INVALID_PARAMETER, expected: 'a queue without filters' },
      `${filters} filters`,
      ids,
    );
  const step = queue.transition('free');
  if (!step.ok)
    return refuse(
      call,
      { rule: step.rule, status: NDIS_STATUS_INVALID_PARAMETER, expected: 'an Allocated or Paused queue' },
      queue.state,
      ids,
    );
  const before = queue.state;
  moveQueue(core, queue, 'free');
  return {
    kind: 'down',
    reissueAfterReset: true,
    complete(status) {
      // LIFE-17: after surprise removal NDIS drops its record, whatever the miniport could still do.
      const gone = core.removed && status === NDIS_STATUS_NOT_ACCEPTED;
      if (status !== NDIS_STATUS_SUCCESS && !gone) {
        if (queue.dmaStopIndicated)
          core.log.violation(
            'QUE-30',
            'SUCCESS after DmaStopped',
            `status 0x${status.toString(16)}`,
            ids,
            request.oid,
          );
        core.trace.queueState(queue.id, queue.state, before);
        queue.state = before;
        queue.dmaStopIndicated = false;
        return status;
      }
      if (!queue.dmaStopIndicated) {
        if (!gone) core.log.violation('QUE-31', 'one DmaStopped indication', 'none', ids, request.oid);
        moveQueue(core, queue, 'dma stopped');
      }
      const left = core.sharedMemoryLeft(queue.id);
      if (left !== 0 && !gone)
        core.log.violation(
          'SHM-15',
          'the queue’s memory freed with it',
          `${left} allocations`,
          ids,
          request.oid,
        );
      moveQueue(core, queue, 'resources freed');
      core.queues.delete(queue.id);
      core.receptionChanged();
      return NDIS_STATUS_SUCCESS;
    },
  };
}

/** OID_RECEIVE_FILTER_ENUM_QUEUES: the caller's queues; for user mode all of them (QUE-34). */
export function enumerateQueues(call: OidCall): Verdict {
  const { core, owner, request } = call;
  const all = request.requestType === NdisRequestQueryStatistics;
  const revision = core.version === 620 ? 1 : 2;
  const elements = (all ? core.queues.all() : core.queues.ownedBy(owner)).map((queue) => {
    const { parameters } = queue;
    return {
      Header: { Revision: revision },
      Flags: parameters.Flags,
      QueueType: parameters.QueueType,
      QueueId: queue.id,
      QueueGroupId: parameters.QueueGroupId,
      QueueState: operationalState(queue.state),
      ProcessorAffinity: parameters.ProcessorAffinity,
      NumSuggestedReceiveBuffers: parameters.NumSuggestedReceiveBuffers,
      MSIXTableEntry: parameters.MSIXTableEntry,
      LookaheadSize: parameters.LookaheadSize,
      VmName: parameters.VmName,
      QueueName: parameters.QueueName,
      ...(revision === 1
        ? {}
        : {
            NumFilters: core.filters.ofQueue(queue.id).length,
            InterruptCoalescingDomainId: parameters.InterruptCoalescingDomainId ?? 0,
          }),
    };
  });
  return answer(call, NDIS_RECEIVE_QUEUE_INFO_ARRAY.encode({ elements }, { ndis: abiVersion(core.version) }));
}
