/**
 * The receive queues of one adapter, each from its allocation to its end.
 *
 *   allocated ──completion──> serving (rings, buffers, a processor) ──free──> DMA stopped ──NBLs back──> gone
 *
 * NDIS has verified every request before it comes here, so what is refused here is refused for want of resources
 * or because the device does not answer. A device that does not answer holds nothing up: memory is freed all the
 * same, which takes it out of the device's DMA domain.
 */

import {
  NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE,
  NDIS_RECEIVE_QUEUE_STATE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_RECEIVE_QUEUE_STATE,
} from '@vmq/abi';
import type { MiniportAdapter } from '@vmq/ddi';
import { MOST_TAG_BYTES } from '@vmq/machine';
import type { Device } from '../hardware/device.ts';
import type { InterruptPlan } from '../hardware/interrupt-plan.ts';
import { buildReceiveQueue, freeMemory, type QueueResources } from '../hardware/queue-resources.ts';
import type { HardwareSizes } from '../model/capabilities.ts';
import { type MiniportMessage, NO_HOME, type ReceiveQueueImage } from '../model/queue-image.ts';
import { outstandingOf, type Queue, setHome } from './queue-record.ts';

/** What an allocation asks for. */
export interface QueueRequest {
  readonly affinity: bigint;
  /** NumSuggestedReceiveBuffers; 0 = the driver's choice. */
  readonly suggestedBuffers: number;
  /** LookaheadSize of a queue that must be split, else 0. */
  readonly lookaheadBytes: number;
}

/** What an adapter has for each of its receive queues. */
export interface ReceiveQueueSettings {
  readonly sizes: HardwareSizes;
  /** Descriptors of a receive queue when the allocator suggests nothing. */
  readonly receiveRingEntries: number;
  /** Largest frame in bytes without FCS and tag. */
  readonly maxFrameBytes: number;
}

export interface QueueLifeParts {
  readonly adapter: MiniportAdapter;
  readonly device: Device;
  readonly interrupts: InterruptPlan;
  readonly settings: ReceiveQueueSettings;
  /** The hardware is gone: it is not touched any more. */
  isRemoved(): boolean;
}

export class QueueLife {
  readonly #parts: QueueLifeParts;
  readonly #adapter: MiniportAdapter;
  readonly #device: Device;
  readonly #interrupts: InterruptPlan;
  readonly #queues = new Map<number, Queue>();
  readonly #bufferBytes: number;

  constructor(parts: QueueLifeParts) {
    this.#parts = parts;
    this.#adapter = parts.adapter;
    this.#device = parts.device;
    this.#interrupts = parts.interrupts;
    // A multiple of 64, so that the device may copy whole lines.
    this.#bufferBytes = Math.max(2048, Math.ceil((parts.settings.maxFrameBytes + MOST_TAG_BYTES) / 64) * 64);
  }

  /** By id, the default queue among them. */
  get all(): ReadonlyMap<number, Queue> {
    return this.#queues;
  }

  /**
   * Prepares a queue: its processor and MSI-X entry, which is returned. Memory comes with the completion (QUE-21).
   */
  allocate(queueId: number, request: QueueRequest): number {
    const message = this.#interrupts.choose(request.affinity);
    const { lookaheadMin, lookaheadMax } = this.#parts.settings.sizes;
    const split = Math.min(Math.max(request.lookaheadBytes, lookaheadMin), lookaheadMax);
    this.#queues.set(queueId, {
      queueId,
      message,
      ringEntries: this.#ringEntriesFor(request.suggestedBuffers),
      // Below what the device can do it splits later (QUE-13).
      lookaheadBytes: request.lookaheadBytes === 0 ? 0 : split,
      resources: null,
      isServed: false,
      isStopped: false,
    });
    return this.#interrupts.aimReceiveQueue(queueId, message);
  }

  /** NumSuggestedReceiveBuffers has changed: counts for a queue that has no memory yet. */
  suggestBuffers(queueId: number, suggested: number): void {
    const queue = this.#queues.get(queueId);
    if (queue !== undefined && queue.resources === null) queue.ringEntries = this.#ringEntriesFor(suggested);
  }

  /**
   * Gives each named queue its memory, has its processor post the buffers, and enables them all in one go: when
   * their filters come into force, the first frame finds a buffer. SUCCESS, RESOURCES, FAILURE,
   * INVALID_PARAMETER by queue id; a queue that failed is as it was before (QUE-20).
   */
  complete(queueIds: readonly number[]): Map<number, number> {
    const statuses = new Map<number, number>();
    const made: Queue[] = [];
    for (const queueId of queueIds) {
      const queue = this.#queues.get(queueId);
      if (queue === undefined || queue.resources !== null) {
        statuses.set(queueId, NDIS_STATUS_INVALID_PARAMETER);
        continue;
      }
      const { ringEntries, lookaheadBytes } = queue;
      const shape = { queueId, ringEntries, lookaheadBytes, bufferBytes: this.#bufferBytes };
      const built = buildReceiveQueue(this.#adapter, this.#device, queue.message, shape);
      statuses.set(queueId, built.status);
      if (built.resources === undefined) {
        this.#adapter.resources.reach?.('miniport.no-memory-for-a-queue');
        continue;
      }
      queue.resources = built.resources;
      made.push(queue);
      this.serve(queue);
    }
    if (made.length === 0) return statuses;
    this.#adapter.publish();
    for (const { queueId, lookaheadBytes } of made) this.#device.enableReceiveQueue(queueId, lookaheadBytes);
    const answered = this.#device.commit();
    const failed = made.filter(({ queueId }) => !answered || !this.#device.isReceiveQueueEnabled(queueId));
    for (const queue of failed) {
      statuses.set(queue.queueId, NDIS_STATUS_FAILURE);
      this.#device.disableReceiveQueue(queue.queueId);
      this.unserve(queue);
    }
    if (failed.length === 0) return statuses;
    this.#device.commit();
    this.#adapter.publish();
    this.#freeMemory(failed);
    return statuses;
  }

  /**
   * Moves a queue to another processor: the old one stops indicating, the interrupt is aimed anew, and the new one
   * goes on where the old one stopped. Nothing is lost or overtaken (QUE-27). NBLs that are out come back to the
   * processor they came from, which sends their buffers after the queue. A device with several receive engines has that
   * of the new processor go on with the queue. Returns the MSI-X entry that the queue has now: another one, if it shares
   * its processor's; null for a queue that is not there.
   */
  move(queueId: number, affinity: bigint): number | null {
    const queue = this.#queues.get(queueId);
    if (queue === undefined) return null;
    const message = this.#interrupts.choose(affinity);
    if (message === queue.message) return this.#interrupts.entryOf(queueId, message);
    const { resources } = queue;
    if (queue.isServed) {
      this.unserve(queue);
      this.#adapter.publish();
    }
    const device = this.#device;
    const isOtherEngine = device.engineFor(message.processor) !== device.engineFor(queue.message.processor);
    queue.message = message;
    const entry = this.#interrupts.aimReceiveQueue(queueId, message);
    // One that does not answer adopts it when it is reset.
    if (isOtherEngine) this.#adapter.resources.reach?.('miniport.queue-moves-to-another-engine');
    if (isOtherEngine) device.commit();
    if (resources !== null) {
      queue.resources = { ...resources, image: { ...resources.image, vector: message.vector } };
      this.serve(queue);
      this.#adapter.publish();
    }
    return entry;
  }

  /**
   * First step of freeing: no more DMA, no more indications, and DmaStopped is indicated once. Returns false while
   * NBLs are outstanding; then {@link finishFree} when they are back (QUE-30). Its last filter was cleared before,
   * and with it what the ring held was indicated (FLT-30).
   */
  stop(queueId: number): boolean {
    const queue = this.#queues.get(queueId) as Queue;
    // Issued again after a reset: the device has let go of it, and that was indicated (QUE-31).
    if (queue.isStopped) {
      this.#adapter.resources.reach?.('miniport.free-issued-again');
      return this.canFinishFree(queueId);
    }
    queue.isStopped = true;
    if (queue.resources !== null) {
      this.#device.disableReceiveQueue(queueId);
      this.#device.commit();
      this.unserve(queue);
      this.#adapter.publish();
    }
    this.#adapter.indicateStatusEx(
      NDIS_STATUS_RECEIVE_QUEUE_STATE,
      NDIS_RECEIVE_QUEUE_STATE.encode({
        QueueId: queueId,
        QueueState: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE.NdisReceiveQueueOperationalStateDmaStopped,
      }),
    );
    return this.#adapter.runUntil(() => this.canFinishFree(queueId));
  }

  canFinishFree(queueId: number): boolean {
    return outstandingOf(this.#queues.get(queueId)) === 0;
  }

  finishFree(queueId: number): void {
    const queue = this.#queues.get(queueId) as Queue;
    this.#freeMemory([queue]);
    if (!this.#parts.isRemoved()) this.#interrupts.releaseReceiveQueue(queueId);
    this.#queues.delete(queueId);
  }

  has(queueId: number): boolean {
    return this.#queues.has(queueId);
  }

  /** The suggestion is advice (QUE-11): the next power of two, within what a ring may sensibly have. */
  #ringEntriesFor(suggested: number): number {
    if (suggested === 0) return this.#parts.settings.receiveRingEntries;
    return Math.min(1024, Math.max(32, 2 ** Math.ceil(Math.log2(suggested))));
  }

  /** Has the queue's processor serve it from the next publication on; in low power when that ends. */
  serve(queue: Queue): void {
    if (this.#device.isAsleep) return;
    queue.isServed = true;
    const { message, resources } = queue;
    const { image } = resources as QueueResources<ReceiveQueueImage>;
    setHome(image, (message.processor << 8) | message.vector);
    this.#post(message.processor, { op: 'serve', queue: image });
  }

  unserve(queue: Queue): void {
    if (!queue.isServed) return;
    queue.isServed = false;
    const { queueId, message, resources } = queue;
    setHome((resources as QueueResources<ReceiveQueueImage>).image, NO_HOME);
    this.#post(message.processor, { op: 'release', queueId });
  }

  /** The adapter halts: nobody serves a queue again. In force from the next publication on. */
  unserveAll(): void {
    for (const queue of this.#queues.values()) this.unserve(queue);
  }

  /**
   * Gives memory back in an order in which no frame is lost from the books: the buffers first, so that a device that was
   * not told that the queue ends, or did not listen, puts no further frame there; then the rings, once what they hold
   * is counted.
   */
  #freeMemory(queues: Iterable<Queue>): void {
    const ended: { queue: Queue; rings: number }[] = [];
    for (const queue of queues) {
      if (queue.resources === null) continue;
      const [rings, ...buffers] = queue.resources.allocationHandles as [number, ...number[]];
      freeMemory(this.#adapter, buffers);
      this.#post(queue.message.processor, { op: 'end', queue: queue.resources.image });
      ended.push({ queue, rings });
    }
    if (ended.length === 0) return;
    this.#adapter.publish();
    for (const { queue, rings } of ended) {
      freeMemory(this.#adapter, [rings]);
      queue.resources = null;
    }
  }

  /** Gives all memory back; no processor knows of it any more. */
  release(): void {
    this.#freeMemory(this.#queues.values());
    this.#queues.clear();
  }

  #post(processor: number, message: MiniportMessage): void {
    this.#adapter.post(processor, message);
  }
}
