/**
 * NDIS's own record of an adapter's receive queues: who owns each, its state, and the parameters that
 * OID_RECEIVE_FILTER_QUEUE_PARAMETERS and _ENUM_QUEUES are answered from.
 */
import { NDIS_RECEIVE_QUEUE_TYPE, type NdisReceiveQueueParameters } from '@vmq/abi';
import {
  type QueueEvent,
  type QueueState,
  queueTransition,
  type Transition,
} from '../diagnostics/queue-states.ts';

/** Queue id of the default queue (NDIS_DEFAULT_RECEIVE_QUEUE_ID). */
export const DEFAULT_QUEUE = 0;

export class ReceiveQueue {
  readonly id: number;
  /** Number of the binding that allocated it; 0 for the default queue. */
  readonly owner: number;
  state: QueueState;
  /** As allocated, with later changes; Flags without change bits. */
  parameters: NdisReceiveQueueParameters;
  /** The miniport is handling this queue's allocation-complete element. */
  completing = false;
  /** The miniport has indicated DmaStopped for the free that is under way. */
  dmaStopIndicated = false;

  constructor(id: number, owner: number, state: QueueState, parameters: NdisReceiveQueueParameters) {
    this.id = id;
    this.owner = owner;
    this.state = state;
    this.parameters = parameters;
  }

  /** What an event would do. The default queue always behaves as Running and never moves (STA-15). */
  transition(event: QueueEvent): Transition {
    return queueTransition(this.state, event);
  }

  /** Moves to the next state. Throws for an invalid event: it has to be verified first. */
  apply(event: QueueEvent): void {
    const step = this.transition(event);
    if (!step.ok) throw new Error(`${step.rule}: queue ${this.id} is ${this.state}, cannot ${event}`);
    if (this.id !== DEFAULT_QUEUE) this.state = step.next;
  }
}

export class ReceiveQueueBook {
  readonly #queues = new Map<number, ReceiveQueue>();

  /** INIT-04: the default queue, there from initialization to halt. */
  createDefault(affinityMask: bigint): void {
    const parameters: NdisReceiveQueueParameters = {
      Header: { Type: 0, Revision: 0, Size: 0 },
      Flags: 0,
      QueueType: NDIS_RECEIVE_QUEUE_TYPE.NdisReceiveQueueTypeVMQueue,
      QueueId: DEFAULT_QUEUE,
      QueueGroupId: 0,
      ProcessorAffinity: { Mask: affinityMask, Group: 0, Reserved: [0, 0, 0] },
      NumSuggestedReceiveBuffers: 0,
      MSIXTableEntry: 0,
      LookaheadSize: 0,
      VmName: '',
      QueueName: '',
      PortId: 0,
      InterruptCoalescingDomainId: 0,
    };
    this.#queues.set(DEFAULT_QUEUE, new ReceiveQueue(DEFAULT_QUEUE, 0, 'Running', parameters));
  }

  /** QUE-07: the lowest id of 1..limit that is Undefined, or 0 if all are taken. */
  freeId(limit: number): number {
    for (let id = 1; id <= limit; id++) if (!this.#queues.has(id)) return id;
    return 0;
  }

  add(id: number, owner: number, parameters: NdisReceiveQueueParameters): ReceiveQueue {
    const queue = new ReceiveQueue(id, owner, 'Undefined', parameters);
    queue.apply('allocate');
    this.#queues.set(id, queue);
    return queue;
  }

  find(id: number): ReceiveQueue | undefined {
    return this.#queues.get(id);
  }

  delete(id: number): void {
    this.#queues.delete(id);
  }

  clear(): void {
    this.#queues.clear();
  }

  /** In ascending order of id. */
  all(): ReceiveQueue[] {
    return [...this.#queues.values()].sort((a, b) => a.id - b.id);
  }

  ownedBy(owner: number): ReceiveQueue[] {
    return this.all().filter((queue) => queue.id !== DEFAULT_QUEUE && queue.owner === owner);
  }

  /** Queues besides the default queue. */
  get count(): number {
    return this.#queues.size - (this.#queues.has(DEFAULT_QUEUE) ? 1 : 0);
  }
}
