/**
 * One adapter under this driver: its device, its queues and filters, and what each request does to them.
 *
 *   queue   allocated ──completion──> serving (rings, buffers, a processor) ──free──> DMA stopped ──NBLs back──> gone
 *   filter  slot in the device's table; the device ignores it while its queue is not enabled
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
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import type { MiniportAdapter } from '@vmq/ndis';
import { CTRL_RXEN, CTRL_TXEN, REG } from '@vmq/nic';
import type { HardwareSizes } from './capabilities.ts';
import type { Device, HardwareFilter } from './device.ts';
import { FilterTable } from './filter-table.ts';
import { PacketFilter } from './general-oids.ts';
import { HangCheck } from './hang-check.ts';
import { InterruptPlan } from './interrupt-plan.ts';
import {
  type MiniportImage,
  type MiniportMessage,
  NO_HOME,
  type ReceiveQueueImage,
  type TransmitQueueImage,
} from './queue-image.ts';
import { outstandingOf, type Queue, setHome, type TransmitResources } from './queue-record.ts';
import { buildReceiveQueue, buildTransmitQueue, freeMemory, type QueueResources } from './queue-resources.ts';
import { Standstill } from './standstill.ts';

export interface AdapterSettings {
  readonly sizes: HardwareSizes;
  /** Descriptors of a receive queue when the allocator suggests nothing. */
  readonly receiveRingEntries: number;
  readonly transmitRingEntries: number;
  readonly indicationBudget: number;
  /** Largest frame in bytes without FCS and tag. */
  readonly maxFrameBytes: number;
}

/** What an allocation asks for. */
export interface QueueWish {
  readonly affinity: bigint;
  /** NumSuggestedReceiveBuffers; 0 = the driver's choice. */
  readonly suggestedBuffers: number;
  /** LookaheadSize of a queue that must be split, else 0. */
  readonly lookaheadBytes: number;
}

export class AdapterContext {
  readonly device: Device;
  readonly filters: FilterTable;
  readonly packetFilter: PacketFilter;
  readonly standstill: Standstill;
  readonly hangCheck: HangCheck;
  readonly #adapter: MiniportAdapter;
  readonly #settings: AdapterSettings;
  readonly #interrupts: InterruptPlan;
  readonly #queues = new Map<number, Queue>();
  /** Resources of transmit queue i, which belongs to the processor of message i. */
  readonly #transmit: TransmitResources[] = [];
  readonly #bufferBytes: number;
  #isRemoved = false;
  #isRunning = false;

  /** Takes an interrupt message for each processor (INT-02); everything else is taken by {@link start}. */
  constructor(
    adapter: MiniportAdapter,
    device: Device,
    settings: AdapterSettings,
    processors: readonly number[],
  ) {
    this.#adapter = adapter;
    this.device = device;
    this.#settings = settings;
    this.filters = new FilterTable(device, settings.sizes.filters);
    this.packetFilter = new PacketFilter(device);
    this.#interrupts = new InterruptPlan(adapter, device, settings.sizes, processors);
    // A multiple of 64, so that the device may copy whole lines.
    this.#bufferBytes = Math.max(2048, Math.ceil(settings.maxFrameBytes / 64) * 64);
    this.standstill = new Standstill({
      adapter,
      device,
      filters: this.filters,
      interrupts: this.#interrupts,
      queues: this.#queues,
      transmit: this.#transmit,
      isRunning: () => this.#isRunning,
      areSendsDone: () => this.#areSendsDone(),
      serve: (queue) => this.#serve(queue),
      unserve: (queue) => this.#unserve(queue),
      programPort: () => this.#programPort(),
    });
    this.hangCheck = new HangCheck({
      adapter,
      device,
      queues: this.#queues,
      transmit: this.#transmit,
      isRemoved: () => this.#isRemoved,
      isStandingStill: () => this.standstill.isStanding,
    });
  }

  // --- initialization and halt ------------------------------------------------------------------------

  /**
   * Transmit queues and the default queue (on `baseProcessor`), enabled while the port is off. On failure call
   * {@link release}.
   */
  start(baseProcessor: number): number {
    const { device } = this;
    const { messages } = this.#interrupts;
    if (messages.length === 0) return NDIS_STATUS_RESOURCES;
    this.#programPort();
    for (const [i, message] of messages.entries()) {
      const { transmitRingEntries } = this.#settings;
      const built = buildTransmitQueue(this.#adapter, device, i, message, transmitRingEntries);
      if (built.resources === undefined) return built.status;
      this.#transmit.push(built.resources);
      device.enableTransmitQueue(i);
    }
    const affinity = 1n << BigInt(baseProcessor);
    this.allocateQueue(0, { affinity, suggestedBuffers: 0, lookaheadBytes: 0 });
    const status = this.completeQueues([0]).get(0) ?? NDIS_STATUS_FAILURE;
    if (status !== NDIS_STATUS_SUCCESS) return status;
    const sending = messages.every((_, i) => device.isTransmitQueueEnabled(i));
    return sending ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
  }

  /**
   * Gives everything back: MiniportHaltEx, or a failed initialization. The device forgets its rings and the data
   * halves theirs before the memory goes (SHM-15).
   */
  release(): void {
    if (!this.#isRemoved && !this.device.isAsleep) this.device.reset();
    this.#post('all', { op: 'stop' });
    this.#adapter.publish();
    for (const { resources } of this.#queues.values())
      freeMemory(this.#adapter, resources?.allocationHandles ?? []);
    this.#queues.clear();
    for (const { allocationHandles } of this.#transmit) freeMemory(this.#adapter, allocationHandles);
    this.#transmit.length = 0;
  }

  image(): MiniportImage {
    const { bar, deviceAgent } = this.#adapter.resources;
    const transmit: (TransmitQueueImage | null)[] = [];
    this.#interrupts.messages.forEach(({ processor }, i) => {
      while (transmit.length <= processor) transmit.push(null);
      transmit[processor] = this.#transmit[i]?.image ?? null;
    });
    return {
      barSegment: bar.id,
      deviceAgent,
      transmit,
      indicationBudget: this.#settings.indicationBudget,
    };
  }

  // --- queues -----------------------------------------------------------------------------------------

  /**
   * Prepares a queue: its processor and MSI-X entry, which is returned. Memory comes with the completion (QUE-21).
   */
  allocateQueue(queueId: number, wish: QueueWish): number {
    const message = this.#interrupts.choose(wish.affinity);
    const { lookaheadMin, lookaheadMax } = this.#settings.sizes;
    const split = Math.min(Math.max(wish.lookaheadBytes, lookaheadMin), lookaheadMax);
    this.#queues.set(queueId, {
      queueId,
      message,
      ringEntries: this.#ringEntriesFor(wish.suggestedBuffers),
      // Below what the device can do it splits later (QUE-13).
      lookaheadBytes: wish.lookaheadBytes === 0 ? 0 : split,
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
  completeQueues(queueIds: readonly number[]): Map<number, number> {
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
      const built = buildReceiveQueue(this.#adapter, this.device, queue.message, shape);
      statuses.set(queueId, built.status);
      if (built.resources === undefined) continue;
      queue.resources = built.resources;
      made.push(queue);
      this.#serve(queue);
    }
    if (made.length === 0) return statuses;
    this.#adapter.publish();
    for (const { queueId, lookaheadBytes } of made) this.device.enableReceiveQueue(queueId, lookaheadBytes);
    const answered = this.device.commit();
    const failed = made.filter(({ queueId }) => !answered || !this.device.isReceiveQueueEnabled(queueId));
    for (const queue of failed) {
      statuses.set(queue.queueId, NDIS_STATUS_FAILURE);
      this.device.disableReceiveQueue(queue.queueId);
      this.#unserve(queue);
    }
    if (failed.length === 0) return statuses;
    this.device.commit();
    this.#adapter.publish();
    for (const queue of failed) this.#freeQueueMemory(queue);
    return statuses;
  }

  /**
   * Moves a queue to another processor: the old one stops indicating, the interrupt is aimed anew, and the new one
   * goes on where the old one stopped. Nothing is lost or overtaken (QUE-27). NBLs that are out come back to the
   * processor they came from, which sends their buffers after the queue. A device with several receive engines has that
   * of the new processor go on with the queue.
   */
  moveQueue(queueId: number, affinity: bigint): number {
    const queue = this.#queues.get(queueId);
    if (queue === undefined) return NDIS_STATUS_INVALID_PARAMETER;
    const message = this.#interrupts.choose(affinity);
    if (message === queue.message) return NDIS_STATUS_SUCCESS;
    const { resources } = queue;
    if (queue.isServed) {
      this.#unserve(queue);
      this.#adapter.publish();
    }
    const { device } = this;
    const isOtherEngine = device.engineFor(message.processor) !== device.engineFor(queue.message.processor);
    queue.message = message;
    this.#interrupts.aimReceiveQueue(queueId, message);
    // One that does not answer adopts it when it is reset.
    if (isOtherEngine) device.commit();
    if (resources !== null) {
      queue.resources = { ...resources, image: { ...resources.image, vector: message.vector } };
      this.#serve(queue);
      this.#adapter.publish();
    }
    return NDIS_STATUS_SUCCESS;
  }

  /**
   * First half of freeing: no more DMA, no more indications, and DmaStopped is indicated once. Returns false while
   * NBLs are outstanding; then {@link finishFree} when they are back (QUE-30). Its last filter was cleared before,
   * and with it what the ring held was indicated (FLT-30).
   */
  stopQueue(queueId: number): boolean {
    const queue = this.#queues.get(queueId) as Queue;
    // Issued again after a reset: the device has let go of it, and that was indicated (QUE-31).
    if (queue.isStopped) return this.canFinishFree(queueId);
    queue.isStopped = true;
    if (queue.resources !== null) {
      this.device.disableReceiveQueue(queueId);
      this.device.commit();
      this.#unserve(queue);
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
    this.#freeQueueMemory(queue);
    if (!this.#isRemoved) this.#interrupts.releaseReceiveQueue(queueId);
    this.#queues.delete(queueId);
  }

  hasQueue(queueId: number): boolean {
    return this.#queues.has(queueId);
  }

  // --- filters ----------------------------------------------------------------------------------------

  /** Puts a filter into the device's table; FAILURE if it is full or the device does not answer. */
  setFilter(filterId: number, filter: HardwareFilter): number {
    return this.filters.set(filterId, filter) ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
  }

  /**
   * Takes a filter out. When this returns no frame that it took is waiting any more: what raced with the clear has
   * been indicated (FLT-30, FLT-31).
   */
  clearFilter(filterId: number, queueId: number): number {
    if (!this.filters.clear(filterId)) return NDIS_STATUS_FAILURE;
    const queue = this.#queues.get(queueId);
    if (queue?.isServed === true) {
      this.#post(queue.message.processor, { op: 'drain', queueId });
      this.#adapter.publish();
    }
    return NDIS_STATUS_SUCCESS;
  }

  // --- running and pausing ----------------------------------------------------------------------------

  /** FAILURE if the device does not answer; then it is paused as before. */
  run(): number {
    this.#post('all', { op: 'run' });
    this.#adapter.publish();
    this.device.setBits(REG.CTRL, CTRL_RXEN | CTRL_TXEN, true);
    this.#isRunning = this.device.commit();
    if (this.#isRunning) return NDIS_STATUS_SUCCESS;
    this.device.setBits(REG.CTRL, CTRL_RXEN | CTRL_TXEN, false);
    this.#post('all', { op: 'pause' });
    this.#adapter.publish();
    return NDIS_STATUS_FAILURE;
  }

  /** Stops receiving, lets what was received go up, then holds still. True once every NBL is back (LIFE-03). */
  pause(): boolean {
    this.#isRunning = false;
    if (!this.#isRemoved) {
      this.device.setBits(REG.CTRL, CTRL_RXEN, false);
      this.device.commit();
    }
    for (const { message, queueId } of this.#queues.values())
      this.#post(message.processor, { op: 'drain', queueId });
    this.#post('all', { op: 'pause' });
    this.#adapter.publish();
    return this.#adapter.runUntil(() => this.isQuiet());
  }

  /** No NBL indicated and not returned, no send accepted and not completed. */
  isQuiet(): boolean {
    for (const queue of this.#queues.values()) if (outstandingOf(queue) !== 0) return false;
    return this.#areSendsDone();
  }

  #areSendsDone(): boolean {
    return this.#transmit.every(({ image }) => Atomics.load(new Int32Array(image.state), 0) === 0);
  }

  /** The adapter was surprise-removed: its hardware is not touched any more (LIFE-16). */
  get isRemoved(): boolean {
    return this.#isRemoved;
  }

  /** Completes what was to be sent, if the card is really out: one that answers still sends and says so. */
  remove(): void {
    this.#isRemoved = true;
    if (this.device.isPresent) return;
    this.#post('all', { op: 'stop sends', why: 'removed', abandon: true });
    this.#adapter.publish();
  }

  /** Station address, frame size, packet filter; in force from the next commit on. */
  #programPort(): void {
    const { registers } = this.device;
    registers.write32(REG.MFS, this.#settings.maxFrameBytes);
    registers.write32(REG.MACLO, registers.read32(REG.PMACLO));
    registers.write32(REG.MACHI, registers.read32(REG.PMACHI));
    this.packetFilter.program();
  }

  // --- pieces -----------------------------------------------------------------------------------------

  /** The suggestion is advice (QUE-11): the next power of two, within what a ring may sensibly have. */
  #ringEntriesFor(suggested: number): number {
    if (suggested === 0) return this.#settings.receiveRingEntries;
    return Math.min(1024, Math.max(32, 2 ** Math.ceil(Math.log2(suggested))));
  }

  /** Has the queue's processor serve it from the next publication on; in low power when that ends. */
  #serve(queue: Queue): void {
    if (this.device.isAsleep) return;
    queue.isServed = true;
    const { message, resources } = queue;
    const { image } = resources as QueueResources<ReceiveQueueImage>;
    setHome(image, (message.processor << 8) | message.vector);
    this.#post(message.processor, { op: 'serve', queue: image });
  }

  #unserve(queue: Queue): void {
    if (!queue.isServed) return;
    queue.isServed = false;
    const { queueId, message, resources } = queue;
    setHome((resources as QueueResources<ReceiveQueueImage>).image, NO_HOME);
    this.#post(message.processor, { op: 'release', queueId });
  }

  #freeQueueMemory(queue: Queue): void {
    freeMemory(this.#adapter, queue.resources?.allocationHandles ?? []);
    queue.resources = null;
  }

  #post(processor: number | 'all', message: MiniportMessage): void {
    this.#adapter.post(processor, message);
  }
}
