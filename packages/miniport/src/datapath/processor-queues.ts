/**
 * The receive queues of one processor: those it serves, and those that have left and whose NBLs are still out.
 *
 *   slot    0        1       2
 *         | queue 4 | (free) | queue 7, moved on: NBLs out |      an NBL carries its queue's slot, so a slot
 *                                                                is reused only when none of its NBLs is out
 * IRQL: DISPATCH_LEVEL.
 */
import { Mdl, type NetBufferList } from '@vmq/ddi';
import type { ReceiveQueueImage } from '../model/queue-image.ts';
import { ReadyList } from './ready-list.ts';
import { type ReceiveParts, ReceiveQueue } from './receive.ts';
import { slotOf } from './receive-buffers.ts';

export class ProcessorQueues {
  readonly #parts: ReceiveParts;
  /** SourceHandle of every NBL, for good (RX-12). */
  readonly #sourceHandle: number;
  readonly #slots: (ReceiveQueue | null)[] = [];
  /** The queues served here, dense. */
  #served: ReceiveQueue[] = [];
  /** … by interrupt vector, which several may share. */
  readonly #byVector: (ReceiveQueue[] | undefined)[] = [];
  readonly #ready: ReadyList = new ReadyList();

  constructor(parts: ReceiveParts, sourceHandle: number) {
    this.#parts = parts;
    this.#sourceHandle = sourceHandle;
  }

  get served(): readonly ReceiveQueue[] {
    return this.#served;
  }

  /** The queue of that id if it is served here. */
  find(queueId: number): ReceiveQueue | null {
    return this.#served.find((queue) => queue.queueId === queueId) ?? null;
  }

  /** Serves a queue from now on; its ring may hold frames that arrived while nobody did. */
  add(image: ReceiveQueueImage): void {
    let slot = this.#slots.indexOf(null);
    if (slot < 0) slot = this.#slots.length;
    const queue = new ReceiveQueue(this.#parts, image, slot);
    this.#slots[slot] = queue;
    this.#served.push(queue);
    this.#sortByVector();
    this.#ready.add(queue);
    this.#growPool();
  }

  /** Serves a queue no longer; its slot outlives the NBLs that carry it. */
  remove(queueId: number): void {
    const queue = this.find(queueId);
    if (queue === null) return;
    queue.leave();
    this.#served = this.#served.filter((other) => other !== queue);
    this.#sortByVector();
    this.#ready.remove(queue);
    if (queue.held === 0) this.#slots[queue.slot] = null;
  }

  /** Forgets all of them. */
  clear(): void {
    this.#served = [];
    this.#sortByVector();
    this.#ready.clear();
    this.#slots.length = 0;
  }

  /** A message of `vector` came: its queues that have work are ready. */
  interrupt(vector: number): void {
    const queues = this.#byVector[vector];
    if (queues === undefined) return;
    for (let i = 0; i < queues.length; i++) {
      const queue = queues[i];
      if (!queue.isReady && queue.hasWork) this.#ready.add(queue);
    }
  }

  /** Has the next DPC look at every queue, whether its interrupt came or not. */
  makeAllReady(): void {
    for (const queue of this.#served) this.#ready.add(queue);
  }

  /** Indicates up to `budget` frames, one chain a queue; true if frames are left. */
  receive(budget: number): boolean {
    return this.#ready.serve(budget);
  }

  /** NBLs that were indicated here come back, of whatever queues in whatever order: each run of one queue to that queue. */
  acceptReturned(chain: NetBufferList): void {
    let rest: NetBufferList | null = chain;
    while (rest !== null) {
      const slot = slotOf(rest);
      const queue = this.#slots[slot] as ReceiveQueue;
      rest = queue.acceptReturned(rest);
      if (queue.held === 0 && !queue.isServed) this.#slots[slot] = null;
    }
  }

  #sortByVector(): void {
    this.#byVector.fill(undefined);
    for (const queue of this.#served) {
      const others = this.#byVector[queue.vector];
      if (others === undefined) this.#byVector[queue.vector] = [queue];
      else others.push(queue);
    }
  }

  /** An NBL for each buffer served here: whoever holds one queue's NBLs takes none from another (RX-18). */
  #growPool(): void {
    const { pool, context } = this.#parts;
    const { host } = context.machine.memory;
    let wanted = 0;
    for (const queue of this.#slots) {
      if (queue !== null) wanted += queue.isServed ? queue.ringEntries : queue.held;
    }
    const missing = wanted - pool.capacity;
    if (missing <= 0) return;
    pool.grow(missing, host);
    // The new ones lie on top.
    const fresh = pool.takeChain(missing) as NetBufferList;
    let last = fresh;
    for (let nbl: NetBufferList | null = fresh; nbl !== null; nbl = nbl.next) {
      nbl.sourceHandle = this.#sourceHandle;
      // For the second part of a split frame.
      nbl.miniportReserved = new Mdl(host);
      last = nbl;
    }
    pool.giveChain(fresh, last, missing);
  }
}
