/**
 * The VM queue OIDs: allocate, allocation complete, parameters, free, enumerate (requirements QUE-01 to QUE-36).
 */
import {
  NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED,
  NDIS_RECEIVE_QUEUE_FREE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_INFO_ARRAY,
  NDIS_RECEIVE_QUEUE_PARAMETERS,
  NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK,
  NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION,
  NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED,
  NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED,
  NDIS_RECEIVE_QUEUE_TYPE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_ACCEPTED,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  type NdisReceiveQueueParameters,
} from '@vmq/abi';
import { type AdapterCore, moveQueue } from './adapter-core.ts';
import { abiVersion } from './capabilities.ts';
import { NdisRequestQueryStatistics } from './oid-request.ts';
import {
  answer,
  done,
  firstBroken,
  memberOffset,
  type OidCall,
  type RequestRule,
  readInput,
  readU32,
  refuse,
  refuseShortOutput,
  type Verdict,
  writeU32,
} from './oid-verification.ts';
import { operationalState } from './queue-states.ts';
import { DEFAULT_QUEUE, type ReceiveQueue } from './receive-queue.ts';

const QUEUE_ID_OFFSET = memberOffset(NDIS_RECEIVE_QUEUE_PARAMETERS, 'QueueId');
/** Where revision 3 (NDIS 6.50) has QosSqId: right behind revision 2. */
const QOS_SQ_ID_OFFSET = NDIS_RECEIVE_QUEUE_PARAMETERS.sizeOf(2);
const SPLIT_REQUIRED = NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED;
/** QUE-05: the flags that act at allocation. */
const ALLOCATION_FLAGS = NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION | SPLIT_REQUIRED;

interface ParametersSubject {
  readonly core: AdapterCore;
  readonly value: NdisReceiveQueueParameters;
  readonly bytes: Uint8Array;
}

function namesNoProcessor({ core, value }: ParametersSubject): string | null {
  const { Mask, Group } = value.ProcessorAffinity;
  return Group === 0 && (Mask & core.processorMask) !== 0n
    ? null
    : `group ${Group}, mask 0x${Mask.toString(16)}`;
}

function splitSupported(core: AdapterCore): boolean {
  const properties = core.capabilities.current?.value.SupportedQueueProperties ?? 0;
  return (properties & NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED) !== 0;
}

const ALLOCATE_RULES: readonly RequestRule<ParametersSubject>[] = [
  {
    rule: 'QUE-02',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'QueueType VMQueue',
    found: ({ value }) =>
      value.QueueType === NDIS_RECEIVE_QUEUE_TYPE.NdisReceiveQueueTypeVMQueue
        ? null
        : `QueueType ${value.QueueType}`,
  },
  {
    rule: 'QUE-04',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'ProcessorAffinity naming an existing processor',
    found: namesNoProcessor,
  },
  {
    rule: 'QUE-14',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'LookaheadSize 0 from NDIS 6.30 on',
    found: ({ core, value }) =>
      core.version === 620 || value.LookaheadSize === 0 ? null : `LookaheadSize ${value.LookaheadSize}`,
  },
  {
    rule: 'QUE-12',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'LOOKAHEAD_SPLIT_REQUIRED with a nonzero LookaheadSize',
    found: ({ core, value }) =>
      core.version === 620 && value.LookaheadSize !== 0 && (value.Flags & SPLIT_REQUIRED) === 0
        ? `LookaheadSize ${value.LookaheadSize} without the flag`
        : null,
  },
  {
    rule: 'QUE-13',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'a split that the current set has, of at most MaxLookaheadSplitSize',
    found: ({ core, value }) => {
      if (core.version !== 620 || (value.Flags & SPLIT_REQUIRED) === 0) return null;
      if (value.LookaheadSize === 0) return null;
      if (!splitSupported(core)) return 'no split in the current set';
      const most = core.capabilities.current?.value.MaxLookaheadSplitSize ?? 0;
      return value.LookaheadSize <= most ? null : `LookaheadSize ${value.LookaheadSize}, maximum ${most}`;
    },
  },
  {
    rule: 'QUE-15',
    status: NDIS_STATUS_NOT_SUPPORTED,
    expected: 'QosSqId 0',
    found: ({ value, bytes }) => {
      if (value.Header.Revision < 3 || value.Header.Size < QOS_SQ_ID_OFFSET + 4) return null;
      if (bytes.length < QOS_SQ_ID_OFFSET + 4) return null;
      const id = readU32(bytes, QOS_SQ_ID_OFFSET);
      return id === 0 ? null : `QosSqId ${id}`;
    },
  },
  {
    rule: 'QUE-10',
    status: NDIS_STATUS_FAILURE,
    expected: 'fewer queues than NumQueues',
    found: ({ core }) =>
      core.queues.count < core.capabilities.queueLimit
        ? null
        : `${core.queues.count} of ${core.capabilities.queueLimit} queues exist`,
  },
];

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
      return status;
    },
  };
}

const CHANGE_MASK = NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK;
/** QUE-25. */
const CHANGEABLE =
  NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED |
  NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED |
  NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED |
  NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED;

const SET_PARAMETERS_RULES: readonly RequestRule<ParametersSubject>[] = [
  {
    rule: 'QUE-26',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'flags that the current set supports',
    found: ({ core, value }) => {
      if ((value.Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED) === 0) return null;
      const wanted = value.Flags & ~CHANGE_MASK;
      const supported = splitSupported(core)
        ? ALLOCATION_FLAGS
        : NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION;
      return (wanted & ~supported) === 0 ? null : `Flags 0x${(wanted >>> 0).toString(16)}`;
    },
  },
  {
    rule: 'QUE-04',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'ProcessorAffinity naming an existing processor',
    found: (subject) =>
      (subject.value.Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED) === 0
        ? null
        : namesNoProcessor(subject),
  },
];

/** The queue a request names, if it is there and its caller may touch it; otherwise the refusal. */
function ownedQueue(
  call: OidCall,
  queueId: number,
  existsRule: string,
  ownerRule: string,
):
  | { readonly queue: ReceiveQueue; readonly refusal: null }
  | { readonly queue: null; readonly refusal: Verdict } {
  const queue = call.core.queues.find(queueId);
  const no = (rule: string, expected: string, found: string): { queue: null; refusal: Verdict } => ({
    queue: null,
    refusal: refuse(call, rule, NDIS_STATUS_INVALID_PARAMETER, expected, found, { queueId }),
  });
  if (queueId === DEFAULT_QUEUE) return no(existsRule, 'a nondefault queue', 'queue 0');
  if (queue === undefined) return no(existsRule, 'an existing queue', `no queue ${queueId}`);
  if (queue.owner !== call.owner)
    return no(ownerRule, `the allocating protocol (binding ${queue.owner})`, `binding ${call.owner}`);
  return { queue, refusal: null };
}

/** OID_RECEIVE_FILTER_QUEUE_PARAMETERS, set: SUCCESS, INVALID_PARAMETER, INVALID_LENGTH, FAILURE. */
export function setQueueParameters(call: OidCall): Verdict {
  const { core, request } = call;
  const input = readInput(call, NDIS_RECEIVE_QUEUE_PARAMETERS, 'QUE-24');
  if (input.refusal !== null) return input.refusal;
  const { value } = input;
  const owned = ownedQueue(call, value.QueueId, 'QUE-23', 'QUE-23');
  if (owned.refusal !== null) return owned.refusal;
  const { queue } = owned;
  const step = queue.transition('set parameters');
  if (!step.ok)
    return refuse(call, step.rule, NDIS_STATUS_INVALID_PARAMETER, 'a queue not being freed', queue.state, {
      queueId: queue.id,
    });
  const bytes = request.informationBuffer;
  const broken = firstBroken(call, SET_PARAMETERS_RULES, { core, value, bytes }, { queueId: queue.id });
  if (broken !== null) return broken;
  if ((value.Flags & CHANGEABLE) === 0) return done(NDIS_STATUS_SUCCESS);
  return {
    kind: 'down',
    complete(status) {
      if (status === NDIS_STATUS_SUCCESS) queue.parameters = changed(queue.parameters, value);
      return status;
    },
  };
}

/** QUE-24: only members whose CHANGED flag is set. */
function changed(
  old: NdisReceiveQueueParameters,
  wanted: NdisReceiveQueueParameters,
): NdisReceiveQueueParameters {
  const has = (flag: number): boolean => (wanted.Flags & flag) !== 0;
  return {
    ...old,
    Flags: has(NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED) ? wanted.Flags & ~CHANGE_MASK : old.Flags,
    ProcessorAffinity: has(NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED)
      ? wanted.ProcessorAffinity
      : old.ProcessorAffinity,
    NumSuggestedReceiveBuffers: has(NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED)
      ? wanted.NumSuggestedReceiveBuffers
      : old.NumSuggestedReceiveBuffers,
    QueueName: has(NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED) ? wanted.QueueName : old.QueueName,
  };
}

/** Removes the members that a revision 1 structure does not have. */
function forRevision<T extends { readonly Header: unknown }>(
  value: T,
  revision: number,
  later: readonly string[],
): T {
  const kept = Object.entries(value).filter(
    ([name]) => name !== 'Header' && !(revision === 1 && later.includes(name)),
  );
  return Object.fromEntries(kept) as unknown as T;
}

/** OID_RECEIVE_FILTER_QUEUE_PARAMETERS, method, answered from NDIS's cache (QUE-22). */
export function queryQueueParameters(call: OidCall): Verdict {
  const input = readInput(call, NDIS_RECEIVE_QUEUE_PARAMETERS, 'QUE-22');
  if (input.refusal !== null) return input.refusal;
  const queueId = input.value.QueueId;
  const queue = call.core.queues.find(queueId);
  const ids = { queueId };
  if (queue === undefined)
    return refuse(
      call,
      'QUE-22',
      NDIS_STATUS_INVALID_PARAMETER,
      'an existing queue',
      `no queue ${queueId}`,
      ids,
    );
  const step = queue.transition('query parameters');
  if (!step.ok)
    return refuse(
      call,
      step.rule,
      NDIS_STATUS_INVALID_PARAMETER,
      'a queue not being freed',
      queue.state,
      ids,
    );
  const revision = call.core.version === 620 ? 1 : 2;
  const value = forRevision(queue.parameters, revision, ['PortId', 'InterruptCoalescingDomainId']);
  return answer(call, NDIS_RECEIVE_QUEUE_PARAMETERS.encode(value, { revision }));
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
      'QUE-29',
      NDIS_STATUS_INVALID_PARAMETER,
      'a queue without filters',
      `${filters} filters`,
      ids,
    );
  const step = queue.transition('free');
  if (!step.ok)
    return refuse(
      call,
      step.rule,
      NDIS_STATUS_INVALID_PARAMETER,
      'an Allocated or Paused queue',
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
