/**
 * What a request about a VM queue has to keep before a miniport may see it (requirements QUE-02 to QUE-28).
 */
import {
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
  NDIS_STATUS_NOT_SUPPORTED,
  type NdisReceiveQueueParameters,
} from '@vmq/abi';
import type { AdapterCore } from '../records/adapter-core.ts';
import { DEFAULT_QUEUE, type ReceiveQueue } from '../records/receive-queue.ts';
import { type OidCall, type RequestRule, readU32, refuse, type Verdict } from './oid-verification.ts';

/** Where revision 3 (NDIS 6.50) has QosSqId: right behind revision 2. */
const QOS_SQ_ID_OFFSET = NDIS_RECEIVE_QUEUE_PARAMETERS.sizeOf(2);
/** QUE-05: the flags that act at allocation. */
export const ALLOCATION_FLAGS: number =
  NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION |
  NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED;

export interface ParametersSubject {
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

/** QUE-12, QUE-13: what is wrong with a 6.20 queue's flag and size, or null. */
function splitFault({ capabilities }: AdapterCore, flags: number, lookaheadSize: number): string | null {
  if (lookaheadSize === 0) return null;
  if ((flags & NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED) === 0)
    return `LookaheadSize ${lookaheadSize} without the flag`;
  const { split } = capabilities;
  if (split === null) return 'no split in the current set';
  return lookaheadSize <= split.max ? null : `LookaheadSize ${lookaheadSize}, maximum ${split.max}`;
}

export const ALLOCATE_RULES: readonly RequestRule<ParametersSubject>[] = [
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
      core.version === 620 && (value.Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED) === 0
        ? splitFault(core, value.Flags, value.LookaheadSize)
        : null,
  },
  {
    rule: 'QUE-13',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'a split that the current set has, of at most MaxLookaheadSplitSize',
    found: ({ core, value }) =>
      core.version === 620 ? splitFault(core, value.Flags, value.LookaheadSize) : null,
  },
  {
    rule: 'QUE-15',
    status: NDIS_STATUS_NOT_SUPPORTED,
    expected: 'QosSqId 0',
    found: ({ core, value, bytes }) => {
      // A 6.20 miniport's structure ends before it. Header.Size is within the buffer, or it could not be read.
      if (core.version === 620 || value.Header.Revision < 3 || value.Header.Size < QOS_SQ_ID_OFFSET + 4)
        return null;
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

export const CHANGE_MASK: number = NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK;
/** QUE-25. */
export const CHANGEABLE: number =
  NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED |
  NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED |
  NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED |
  NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED;

/** A set of parameters, and the queue that it is about. */
export interface ChangeSubject extends ParametersSubject {
  readonly queue: ReceiveQueue;
}

export const SET_PARAMETERS_RULES: readonly RequestRule<ChangeSubject>[] = [
  {
    rule: 'QUE-26',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'flags that the current set supports',
    found: ({ core, value }) => {
      if ((value.Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED) === 0) return null;
      const wanted = value.Flags & ~CHANGE_MASK;
      const supported = core.capabilities.split
        ? ALLOCATION_FLAGS
        : NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION;
      return (wanted & ~supported) === 0 ? null : `Flags 0x${(wanted >>> 0).toString(16)}`;
    },
  },
  {
    rule: 'QUE-37',
    status: NDIS_STATUS_INVALID_PARAMETER,
    expected: 'flags that agree with the LookaheadSize of the queue',
    found: ({ core, value, queue }) => {
      if (core.version !== 620 || (value.Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED) === 0)
        return null;
      // The size is fixed; zero means no split, with or without the flag (QUE-12, QUE-25).
      return splitFault(core, value.Flags, queue.parameters.LookaheadSize);
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
export function ownedQueue(
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
    refusal: refuse(call, { rule, status: NDIS_STATUS_INVALID_PARAMETER, expected }, found, { queueId }),
  });
  if (queueId === DEFAULT_QUEUE) return no(existsRule, 'a nondefault queue', 'queue 0');
  if (queue === undefined) return no(existsRule, 'an existing queue', `no queue ${queueId}`);
  if (queue.owner !== call.owner)
    return no(ownerRule, `the allocating protocol (binding ${queue.owner})`, `binding ${call.owner}`);
  return { queue, refusal: null };
}
