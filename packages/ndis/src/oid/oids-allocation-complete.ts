/**
 * OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE: an array of queues whose resources the miniport is to allocate
 * (requirements QUE-16 to QUE-21).
 *
 *   caller's array   [1] [9] [2] [2]            9 is unknown, the second 2 is a repetition
 *   miniport's       [1]     [2]                refused elements never reach it
 *   caller's answer  [S] [I] [S] [I]            S the miniport's status, I INVALID_PARAMETER
 */
import {
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
  NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  type NdisReceiveQueueAllocationCompleteArray,
} from '@vmq/abi';
import { methodRequest } from '@vmq/ddi';
import { aimIndications, makesRunning, moveQueue } from '../records/adapter-core.ts';
import { DEFAULT_QUEUE, type ReceiveQueue } from '../records/receive-queue.ts';
import {
  done,
  memberOffset,
  type OidCall,
  readInput,
  refuseShortOutput,
  type Verdict,
  writeU32,
} from '../verification/oid-verification.ts';

const STATUS_OFFSET = memberOffset(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS, 'CompletionStatus');

/** What stands in an element until the miniport sets its status; no NDIS_STATUS. */
const NOT_SET = 0xffff_ffff;

/** Byte offset of element `index`'s status in the caller's buffer. */
function statusAt(array: NdisReceiveQueueAllocationCompleteArray, index: number): number {
  return array.FirstElementOffset + index * array.ElementSize + STATUS_OFFSET;
}

/** Why an element is refused (QUE-19), or null. */
function elementFault(call: OidCall, queueId: number, earlier: ReadonlySet<number>): string | null {
  const queue = call.core.queues.find(queueId);
  if (queueId === DEFAULT_QUEUE) return 'the default queue';
  if (queue === undefined) return 'an unknown queue';
  if (queue.owner !== call.owner) return `a queue of binding ${queue.owner}`;
  if (earlier.has(queueId)) return 'a queue named before';
  return queue.transition('allocation complete').ok ? null : `a queue in state ${queue.state}`;
}

/** What the caller gets for the status that a miniport left in an element: FAILURE for none, and for PENDING. */
function finalStatus({ core, request }: OidCall, queueId: number, status: number): number {
  if (status === NOT_SET) {
    const expected = 'a CompletionStatus in every element of a completed array';
    core.log.violation('QUE-38', expected, 'none set', { queueId }, request.oid);
    return NDIS_STATUS_FAILURE;
  }
  if (status !== NDIS_STATUS_PENDING) return status;
  core.log.violation('QUE-17', 'a final CompletionStatus', 'NDIS_STATUS_PENDING', { queueId }, request.oid);
  return NDIS_STATUS_FAILURE;
}

/** Method: SUCCESS once the array was processed, INVALID_PARAMETER, INVALID_LENGTH, NOT_SUPPORTED, FAILURE. */
export function completeQueueAllocation(call: OidCall): Verdict {
  const { core, request } = call;
  const input = readInput(call, NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, 'QUE-18');
  if (input.refusal !== null) return input.refusal;
  const array = input.value;
  const short = refuseShortOutput(call, request.bytesRead);
  if (short !== null) return short;

  const buffer = request.informationBuffer;
  const accepted: { readonly index: number; readonly queue: ReceiveQueue }[] = [];
  const seen = new Set<number>();
  array.elements.forEach(({ QueueId: queueId }, index) => {
    const fault = elementFault(call, queueId, seen);
    seen.add(queueId);
    if (fault === null) {
      accepted.push({ index, queue: core.queues.find(queueId) as ReceiveQueue });
      return;
    }
    const status = NDIS_STATUS_INVALID_PARAMETER;
    core.log.refuse(
      { rule: 'QUE-19', status, expected: 'an own queue that is Allocated or Set' },
      fault,
      {
        queueId,
      },
      request.oid,
    );
    writeU32(buffer, statusAt(array, index), status);
  });
  request.bytesWritten = request.bytesRead;
  if (accepted.length === 0) return done(NDIS_STATUS_SUCCESS);

  const elements = accepted.map(({ queue }) => ({
    QueueId: queue.id,
    CompletionStatus: NOT_SET,
  }));
  const inner = methodRequest(
    request.oid,
    NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.encode({ Flags: array.Flags, elements }),
  );
  for (const { queue } of accepted) {
    queue.completing = true;
    aimIndications(core, queue, makesRunning(queue, 'allocation complete'));
  }
  return {
    kind: 'down',
    request: inner,
    complete(status) {
      for (const { queue } of accepted) queue.completing = false;
      if (status !== NDIS_STATUS_SUCCESS) {
        for (const { queue } of accepted) aimIndications(core, queue);
        request.bytesWritten = 0;
        return status;
      }
      const answered = NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.decode(inner.informationBuffer);
      accepted.forEach(({ index, queue }, position) => {
        const element = answered.ok ? answered.value.elements[position] : undefined;
        const result = finalStatus(call, queue.id, element?.CompletionStatus ?? NOT_SET);
        writeU32(buffer, statusAt(array, index), result);
        if (result === NDIS_STATUS_SUCCESS) moveQueue(core, queue, 'allocation complete');
        else aimIndications(core, queue);
      });
      return NDIS_STATUS_SUCCESS;
    },
  };
}
