/**
 * One adapter under this driver: its device, its queues and filters, and how they start, run, pause and end together.
 *
 *   start ──> paused ──run──> running ──pause──> paused ──> release
 *
 * A filter is a slot in the device's table, which the device ignores while its queue is not enabled. Each receive
 * queue has a life of its own: queue-life.ts. Reset and low power: quiesce.ts.
 */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { MiniportAdapter } from '@vmq/ddi';
import { CTRL_RXEN, CTRL_TXEN, REG } from '@vmq/nic';
import type { Device, HardwareFilter } from '../hardware/device.ts';
import { FilterTable } from '../hardware/filter-table.ts';
import { InterruptPlan } from '../hardware/interrupt-plan.ts';
import { buildTransmitQueue, freeMemory } from '../hardware/queue-resources.ts';
import {
  type MiniportImage,
  type MiniportMessage,
  TRANSMIT_HELD,
  type TransmitQueueImage,
} from '../model/queue-image.ts';
import { QueueLife, type ReceiveQueueSettings } from '../queues/queue-life.ts';
import { outstandingOf, type TransmitResources } from '../queues/queue-record.ts';
import { PacketFilter } from './general-oids.ts';
import { HangCheck } from './hang-check.ts';
import type { AdapterRoom } from './identity-oids.ts';
import { InterruptModeration } from './interrupt-moderation.ts';
import { AdapterTraffic } from './quiesce.ts';

export interface AdapterSettings extends ReceiveQueueSettings {
  readonly transmitRingEntries: number;
  readonly indicationBudget: number;
  /** *InterruptModeration. */
  readonly moderatesInterrupts: boolean;
}

export class AdapterContext {
  readonly device: Device;
  readonly filters: FilterTable;
  readonly queues: QueueLife;
  readonly packetFilter: PacketFilter;
  readonly traffic: AdapterTraffic;
  readonly hangCheck: HangCheck;
  readonly moderation: InterruptModeration;
  readonly #adapter: MiniportAdapter;
  readonly #settings: AdapterSettings;
  readonly #interrupts: InterruptPlan;
  /** Resources of transmit queue i, which belongs to the processor of message i. */
  readonly #transmit: TransmitResources[] = [];
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
    this.moderation = new InterruptModeration(
      device,
      settings.sizes.queues + 1,
      settings.moderatesInterrupts,
    );
    this.queues = new QueueLife({
      adapter,
      device,
      interrupts: this.#interrupts,
      settings,
      isRemoved: () => this.#isRemoved,
    });
    this.traffic = new AdapterTraffic({
      adapter,
      device,
      filters: this.filters,
      interrupts: this.#interrupts,
      queues: this.queues.all,
      transmit: this.#transmit,
      isRunning: () => this.#isRunning,
      areSendsDone: () => this.#areSendsDone(),
      serve: (queue) => this.queues.serve(queue),
      unserve: (queue) => this.queues.unserve(queue),
      programPort: () => this.#programPort(),
    });
    this.hangCheck = new HangCheck({
      adapter,
      device,
      queues: this.queues.all,
      transmit: this.#transmit,
      isRemoved: () => this.#isRemoved,
      isQuiesced: () => this.traffic.isQuiesced,
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
    this.queues.allocate(0, { affinity, suggestedBuffers: 0, lookaheadBytes: 0 });
    const status = this.queues.complete([0]).get(0) ?? NDIS_STATUS_FAILURE;
    if (status !== NDIS_STATUS_SUCCESS) return status;
    const sending = messages.every((_, i) => device.isTransmitQueueEnabled(i));
    return sending ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
  }

  /**
   * Gives everything back: MiniportHaltEx, or a failed initialization. The device forgets its rings and the data
   * paths theirs before the memory goes (SHM-15).
   */
  release(): void {
    if (!this.#isRemoved && !this.device.isAsleep) this.device.reset();
    this.queues.unserveAll();
    this.#post('all', { op: 'stop' });
    this.#adapter.publish();
    this.queues.release();
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
    const queue = this.queues.all.get(queueId);
    if (queue?.isServed === true) {
      this.#post(queue.message.processor, { op: 'drain', queueId });
      this.#adapter.publish();
    }
    return NDIS_STATUS_SUCCESS;
  }

  // --- running and pausing ----------------------------------------------------------------------------

  /** FAILURE if the device does not answer or was surprise-removed; then it is paused as before. */
  run(): number {
    if (this.#isRemoved) return NDIS_STATUS_FAILURE;
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
    this.#endIndications();
    this.#adapter.publish();
    return this.#adapter.runUntil(() => this.isQuiet());
  }

  /** Has the processors indicate what was received, and then nothing more. In force from the next publication on. */
  #endIndications(): void {
    for (const { message, queueId } of this.queues.all.values())
      this.#post(message.processor, { op: 'drain', queueId });
    this.#post('all', { op: 'pause' });
  }

  /** No NBL indicated and not returned, no send accepted and not completed. */
  isQuiet(): boolean {
    for (const queue of this.queues.all.values()) if (outstandingOf(queue) !== 0) return false;
    return this.#areSendsDone();
  }

  #areSendsDone(): boolean {
    return this.#transmit.every(
      ({ image }) => Atomics.load(new Int32Array(image.state), TRANSMIT_HELD) === 0,
    );
  }

  /** The adapter was surprise-removed: its hardware is not touched any more (LIFE-16). */
  get isRemoved(): boolean {
    return this.#isRemoved;
  }

  /**
   * The notice of the surprise removal. From now on requests to clear filters and to free queues are NOT_ACCEPTED, and NDIS
   * takes them as done all the same (LIFE-17). So what was received is indicated now, while its queues run, and nothing
   * later: a frame that is left ends with its queue. New sends are refused; those accepted are completed here if the card
   * is really out, for one that answers still sends them and says so.
   */
  remove(): void {
    this.#isRemoved = true;
    this.#endIndications();
    this.#post('all', { op: 'stop sends', why: 'removed', abandon: !this.device.isPresent });
    this.#adapter.publish();
  }

  /** What the rings have room for. */
  get room(): AdapterRoom {
    const { maxFrameBytes, receiveRingEntries, transmitRingEntries } = this.#settings;
    return { maxFrameBytes, receiveFrames: receiveRingEntries, transmitFrames: transmitRingEntries };
  }

  /** Station address, frame size, packet filter; in force from the next commit on. */
  #programPort(): void {
    const { registers } = this.device;
    registers.write32(REG.MFS, this.#settings.maxFrameBytes);
    registers.write32(REG.MACLO, registers.read32(REG.PMACLO));
    registers.write32(REG.MACHI, registers.read32(REG.PMACHI));
    this.packetFilter.program();
    this.moderation.program();
  }

  #post(processor: number | 'all', message: MiniportMessage): void {
    this.#adapter.post(processor, message);
  }
}
