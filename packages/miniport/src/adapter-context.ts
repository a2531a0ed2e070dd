/**
 * One adapter under this driver: its device, its queues and filters, and what each request does to them.
 *
 *   queue   allocated ──completion──> serving (rings, buffers, a processor) ──free──> DMA stopped ──NBLs back──> gone
 *   filter  slot in the device's table; the device ignores it while its queue is not enabled
 *
 * NDIS has verified every request before it comes here, so what is refused here is refused for want of resources
 * or because the device does not answer.
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
import type { InterruptMessage, MiniportAdapter } from '@vmq/ndis';
import { CTRL_RXEN, CTRL_TXEN, REG, RX_QUEUE_STRIDE, TX_QUEUE_STRIDE } from '@vmq/nic';
import type { Device, HardwareFilter } from './device.ts';
import {
  type MiniportImage,
  type MiniportMessage,
  type ReceiveQueueImage,
  STATE_OUTSTANDING,
} from './queue-image.ts';
import {
  buildReceiveQueue,
  buildTransmitQueue,
  type ReceiveQueueResources,
  type TransmitQueueResources,
} from './queue-resources.ts';

const ENABLE = 1;
/** Drop a queue's own frames when it has no descriptor, so that it cannot hold up the others (RX-18). */
const DROPEN = 2;

interface Queue {
  readonly queueId: number;
  readonly ringEntries: number;
  processor: number;
  resources: ReceiveQueueResources | null;
}

export interface AdapterSettings {
  /** Descriptors of a receive queue when the allocator suggests nothing. */
  readonly receiveRingEntries: number;
  readonly transmitRingEntries: number;
  readonly indicationBudget: number;
  /** Largest frame in bytes without FCS and tag. */
  readonly maxFrameBytes: number;
}

export class AdapterContext {
  readonly device: Device;
  readonly #adapter: MiniportAdapter;
  readonly #settings: AdapterSettings;
  readonly #messages = new Map<number, InterruptMessage>();
  readonly #queues = new Map<number, Queue>();
  readonly #transmit: (TransmitQueueResources | null)[] = [];
  /** Filter slot to NDIS filter id; 0 = free. */
  readonly #slots: number[];
  readonly #bufferBytes: number;

  constructor(adapter: MiniportAdapter, device: Device, settings: AdapterSettings) {
    this.#adapter = adapter;
    this.device = device;
    this.#settings = settings;
    this.#slots = new Array<number>(device.sizes.filters).fill(0);
    // A multiple of 64, so that the device may copy whole lines.
    this.#bufferBytes = Math.max(2048, Math.ceil(settings.maxFrameBytes / 64) * 64);
  }

  // --- initialization ---------------------------------------------------------------------------------

  /**
   * Interrupt messages, transmit queues and the default queue. One message per processor (INT-02); each queue has
   * an MSI-X entry of its own, aimed at its processor's message (INT-04). Returns RESOURCES with nothing kept.
   */
  start(processors: readonly number[]): number {
    const { device } = this;
    device.registers.write32(REG.MFS, this.#settings.maxFrameBytes);
    device.registers.write32(REG.MACLO, device.registers.read32(REG.PMACLO));
    device.registers.write32(REG.MACHI, device.registers.read32(REG.PMACHI));
    const firstTransmitEntry = device.sizes.queues + 1;
    for (const [i, processor] of processors.entries()) {
      const entry = firstTransmitEntry + i;
      if (entry >= device.sizes.msixEntries || i > device.sizes.queues) break;
      const message = this.#adapter.allocateInterruptMessage(processor);
      if (message === null) break;
      this.#messages.set(processor, message);
      const built = buildTransmitQueue(this.#adapter, device, i, message, this.#settings.transmitRingEntries);
      if (built.resources === undefined) return this.#fail(built.status);
      this.#transmit[processor] = built.resources;
      device.registers.write32(REG.TXENTRY + i * TX_QUEUE_STRIDE, entry);
      device.registers.write32(REG.TXCTL + i * TX_QUEUE_STRIDE, ENABLE);
      this.#aim(entry, message);
    }
    if (this.#messages.size === 0) return this.#fail(NDIS_STATUS_RESOURCES);
    const status = this.allocateQueue(0, processors[0] as number, 0).status;
    if (status !== NDIS_STATUS_SUCCESS) return this.#fail(status);
    return NDIS_STATUS_SUCCESS;
  }

  get isServingDefaultQueue(): boolean {
    return (this.#queues.get(0)?.resources ?? null) !== null;
  }

  /** Completes the default queue; its data half can be told only once the data paths exist. */
  completeDefaultQueue(): number {
    return this.completeQueues([0]).get(0) ?? NDIS_STATUS_FAILURE;
  }

  /** Gives everything back: MiniportHaltEx, or a failed initialization. */
  release(): void {
    for (const queue of this.#queues.values()) this.#freeMemory(queue.resources?.allocationHandles ?? []);
    this.#queues.clear();
    for (const transmit of this.#transmit) this.#freeMemory(transmit?.allocationHandles ?? []);
    this.#transmit.length = 0;
  }

  image(): MiniportImage {
    const { bar, deviceAgent } = this.#adapter.resources;
    return {
      barSegment: bar.id,
      deviceAgent,
      transmit: Array.from(this.#transmit, (transmit) => transmit?.image ?? null),
      indicationBudget: this.#settings.indicationBudget,
    };
  }

  // --- queues -----------------------------------------------------------------------------------------

  /** Prepares a queue: its processor and MSI-X entry. Memory comes with the completion (QUE-21). */
  allocateQueue(
    queueId: number,
    processor: number,
    suggestedBuffers: number,
  ): { status: number; msixEntry: number } {
    const message = this.#messageFor(processor);
    if (message === null) return { status: NDIS_STATUS_RESOURCES, msixEntry: 0 };
    this.device.registers.write32(REG.RXENTRY + queueId * RX_QUEUE_STRIDE, queueId);
    this.#aim(queueId, message);
    this.#queues.set(queueId, {
      queueId,
      processor: message.processor,
      ringEntries: ringEntriesFor(suggestedBuffers, this.#settings.receiveRingEntries),
      resources: null,
    });
    return { status: NDIS_STATUS_SUCCESS, msixEntry: queueId };
  }

  /** Gives each named queue its memory, enables them in one go, and has their processors serve them. */
  completeQueues(queueIds: readonly number[]): Map<number, number> {
    const statuses = new Map<number, number>();
    const made: { queue: Queue; resources: ReceiveQueueResources }[] = [];
    for (const queueId of queueIds) {
      const queue = this.#queues.get(queueId);
      if (queue === undefined || queue.resources !== null) {
        statuses.set(queueId, NDIS_STATUS_INVALID_PARAMETER);
        continue;
      }
      const message = this.#messages.get(queue.processor) as InterruptMessage;
      const built = buildReceiveQueue(
        this.#adapter,
        this.device,
        queueId,
        message,
        queue.ringEntries,
        this.#bufferBytes,
      );
      statuses.set(queueId, built.status);
      if (built.resources === undefined) continue;
      queue.resources = built.resources;
      made.push({ queue, resources: built.resources });
      this.device.registers.write32(REG.RXCTL + queueId * RX_QUEUE_STRIDE, ENABLE | DROPEN);
    }
    if (made.length === 0) return statuses;
    const answered = this.device.commit();
    for (const { queue, resources } of made) {
      const enabled =
        answered &&
        (this.device.registers.read32(REG.RXSTS + queue.queueId * RX_QUEUE_STRIDE) & ENABLE) !== 0;
      if (enabled) {
        this.#post(queue.processor, { op: 'serve', queue: resources.image });
      } else {
        statuses.set(queue.queueId, NDIS_STATUS_FAILURE);
        this.#freeMemory(resources.allocationHandles);
        queue.resources = null;
      }
    }
    this.#adapter.publish();
    return statuses;
  }

  /**
   * Moves a queue to another processor: the old one indicates all it has, then the interrupt is aimed anew, then
   * the new one goes on where the old one stopped. Nothing is lost or overtaken (QUE-27).
   */
  moveQueue(queueId: number, processor: number): number {
    const queue = this.#queues.get(queueId);
    if (queue === undefined) return NDIS_STATUS_INVALID_PARAMETER;
    const message = this.#messageFor(processor);
    if (message === null) return NDIS_STATUS_RESOURCES;
    if (message.processor === queue.processor) return NDIS_STATUS_SUCCESS;
    const image = queue.resources?.image;
    if (image === undefined) {
      queue.processor = message.processor;
      this.#aim(queueId, message);
      return NDIS_STATUS_SUCCESS;
    }
    this.#post(queue.processor, { op: 'release', queueId });
    this.#adapter.publish();
    this.#adapter.runUntil(() => outstanding(image) === 0);
    this.#aim(queueId, message);
    queue.processor = message.processor;
    const moved = { ...image, vector: message.vector };
    queue.resources = { ...(queue.resources as ReceiveQueueResources), image: moved };
    this.#post(queue.processor, { op: 'serve', queue: moved });
    this.#adapter.publish();
    return NDIS_STATUS_SUCCESS;
  }

  /**
   * First half of freeing: no more DMA, what was received is indicated, and DmaStopped is indicated once. Returns
   * false while NBLs are outstanding; then {@link finishFree} when they are back.
   */
  stopQueue(queueId: number): boolean {
    const queue = this.#queues.get(queueId) as Queue;
    const image = queue.resources?.image;
    if (image !== undefined) {
      this.device.registers.write32(REG.RXCTL + queueId * RX_QUEUE_STRIDE, 0);
      this.device.commit();
      this.#post(queue.processor, { op: 'release', queueId });
      this.#adapter.publish();
    }
    this.#adapter.indicateStatusEx(
      NDIS_STATUS_RECEIVE_QUEUE_STATE,
      NDIS_RECEIVE_QUEUE_STATE.encode({
        QueueId: queueId,
        QueueState: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE.NdisReceiveQueueOperationalStateDmaStopped,
      }),
    );
    if (image === undefined) return true;
    return this.#adapter.runUntil(() => outstanding(image) === 0);
  }

  canFinishFree(queueId: number): boolean {
    const image = this.#queues.get(queueId)?.resources?.image;
    return image === undefined || outstanding(image) === 0;
  }

  finishFree(queueId: number): void {
    this.#freeMemory(this.#queues.get(queueId)?.resources?.allocationHandles ?? []);
    this.#queues.delete(queueId);
  }

  hasQueue(queueId: number): boolean {
    return this.#queues.has(queueId);
  }

  // --- filters ----------------------------------------------------------------------------------------

  /** Puts a filter into the device's table; FAILURE if it is full or the device does not answer. */
  setFilter(filterId: number, filter: HardwareFilter): number {
    const slot = this.#slots.indexOf(0);
    if (slot < 0) return NDIS_STATUS_FAILURE;
    this.device.writeFilter(slot, filter);
    if (!this.device.commit()) {
      this.device.writeFilter(slot, null);
      return NDIS_STATUS_FAILURE;
    }
    this.#slots[slot] = filterId;
    return NDIS_STATUS_SUCCESS;
  }

  /**
   * Takes a filter out. When this returns no frame that it took is waiting any more: what raced with the clear has
   * been indicated (FLT-30, FLT-31).
   */
  clearFilter(filterId: number, queueId: number): number {
    const slot = this.#slots.indexOf(filterId);
    if (slot < 0) return NDIS_STATUS_FAILURE;
    this.device.writeFilter(slot, null);
    this.#slots[slot] = 0;
    if (!this.device.commit()) return NDIS_STATUS_FAILURE;
    const queue = this.#queues.get(queueId);
    if (queue !== undefined && queue.resources !== null) {
      this.#post(queue.processor, { op: 'drain', queueId });
      this.#adapter.publish();
    }
    return NDIS_STATUS_SUCCESS;
  }

  // --- running and pausing ----------------------------------------------------------------------------

  run(): number {
    this.#post('all', { op: 'run' });
    this.#adapter.publish();
    this.device.setBits(REG.CTRL, CTRL_RXEN | CTRL_TXEN, true);
    return this.device.commit() ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
  }

  /** Stops receiving, lets what was received go up, then holds still. True once every NBL is back (LIFE-03). */
  pause(): boolean {
    this.device.setBits(REG.CTRL, CTRL_RXEN, false);
    this.device.commit();
    for (const queue of this.#queues.values())
      this.#post(queue.processor, { op: 'drain', queueId: queue.queueId });
    this.#post('all', { op: 'pause' });
    this.#adapter.publish();
    return this.#adapter.runUntil(() => this.isQuiet());
  }

  /** No NBL indicated and not returned, no send accepted and not completed. */
  isQuiet(): boolean {
    for (const { resources } of this.#queues.values()) {
      if (resources !== null && outstanding(resources.image) !== 0) return false;
    }
    return this.#transmit.every((transmit) => !transmit || new Int32Array(transmit.image.state)[0] === 0);
  }

  // --- pieces -----------------------------------------------------------------------------------------

  /** The message of a processor, or of the first one that has any: affinity is a wish where vectors are few. */
  #messageFor(processor: number): InterruptMessage | null {
    return this.#messages.get(processor) ?? [...this.#messages.values()][0] ?? null;
  }

  #aim(entry: number, message: InterruptMessage): void {
    this.#adapter.configMsixTableEntry({ operation: 'add', entry, messageId: message.messageId });
    this.#adapter.configMsixTableEntry({ operation: 'unmask', entry });
  }

  #post(processor: number | 'all', message: MiniportMessage): void {
    this.#adapter.post(processor, message);
  }

  #freeMemory(handles: readonly number[]): void {
    for (const handle of handles) this.#adapter.freeSharedMemory(handle);
  }

  #fail(status: number): number {
    this.release();
    return status;
  }
}

/** NBLs of a queue that somebody above holds. */
function outstanding(image: ReceiveQueueImage): number {
  return Atomics.load(new Int32Array(image.state), STATE_OUTSTANDING);
}

/** The suggestion is advice (QUE-11): the next power of two, within what a ring may sensibly have. */
function ringEntriesFor(suggested: number, usual: number): number {
  if (suggested === 0) return usual;
  return Math.min(1024, Math.max(32, 2 ** Math.ceil(Math.log2(suggested))));
}
