/**
 * Quiescing an adapter, which reset and low power have in common: the device forgets everything, the driver does not
 * (LIFE-12, LIFE-18).
 *
 *   quiesce   port off ─> rings emptied upwards ─> queues off their processors ─> sends ended
 *   resume    device reset ─> stations, vectors, rings ─> buffers posted anew ─> filters, packet filter ─> port on
 *
 * In between only the books are kept: what is set or cleared meanwhile reaches the device when traffic resumes. NBLs that
 * a protocol holds are left alone; their buffers join the ring when they come back.
 *
 * IRQL: PASSIVE_LEVEL.
 */
import type { MiniportAdapter } from '@vmq/ddi';
import { CTRL_RXEN, CTRL_TXEN, REG } from '@vmq/nic';
import type { Device } from '../hardware/device.ts';
import type { FilterTable } from '../hardware/filter-table.ts';
import type { InterruptPlan } from '../hardware/interrupt-plan.ts';
import { programReceiveQueue, programTransmitQueue } from '../hardware/queue-resources.ts';
import {
  FORGOTTEN,
  type MiniportMessage,
  PRIMED,
  STATE_PRIMED,
  type WhyNoSends,
} from '../model/queue-image.ts';
import type { Queue, TransmitResources } from '../queues/queue-record.ts';

/** What of an adapter is quiesced and resumes. */
export interface TrafficParts {
  readonly adapter: MiniportAdapter;
  readonly device: Device;
  readonly filters: FilterTable;
  readonly interrupts: InterruptPlan;
  readonly queues: ReadonlyMap<number, Queue>;
  readonly transmit: readonly TransmitResources[];
  /** The adapter was restarted and not paused since. */
  isRunning(): boolean;
  areSendsDone(): boolean;
  serve(queue: Queue): void;
  unserve(queue: Queue): void;
  /** Writes what holds for the whole port: station address, frame size, packet filter. */
  programPort(): void;
}

export class AdapterTraffic {
  readonly #parts: TrafficParts;
  #why: WhyNoSends = 'reset';
  #isQuiesced = false;

  constructor(parts: TrafficParts) {
    this.#parts = parts;
  }

  /** It is quiesced: in low power, or because the device did not come back. */
  get isQuiesced(): boolean {
    return this.#isQuiesced;
  }

  /** Ends all traffic. With `waitForSends` what was accepted still goes out, as far as the wire takes it. */
  quiesce(why: WhyNoSends, waitForSends: boolean): void {
    const { adapter, device, queues, unserve, areSendsDone } = this.#parts;
    this.#why = why;
    this.#isQuiesced = true;
    device.setBits(REG.CTRL, CTRL_RXEN, false);
    device.commit();
    for (const queue of queues.values()) {
      if (!queue.isServed) continue;
      this.#post(queue.message.processor, { op: 'drain', queueId: queue.queueId });
      unserve(queue);
    }
    this.#post('all', { op: 'stop sends', why, abandon: false });
    adapter.publish();
    if (waitForSends) adapter.runUntil(areSendsDone);
    device.setBits(REG.CTRL, CTRL_TXEN, false);
    device.commit();
    this.#post('all', { op: 'stop sends', why, abandon: true });
    adapter.publish();
  }

  /**
   * Brings a device that may have forgotten everything to where the books are. False if it does not answer: then
   * the adapter is quiesced as before, and this can be tried again.
   */
  resume(): boolean {
    if (this.#bringUp()) {
      this.#isQuiesced = false;
      return true;
    }
    this.#parts.adapter.resources.reach?.('miniport.device-does-not-come-back');
    this.quiesce(this.#why, false);
    return false;
  }

  #bringUp(): boolean {
    const { adapter, device, filters, interrupts, queues, transmit, serve, programPort } = this.#parts;
    if (!device.reset()) return false;
    interrupts.restore();
    transmit.forEach(({ image }, i) => {
      programTransmitQueue(device, image);
      device.enableTransmitQueue(i);
    });
    this.#post('all', { op: 'resume sends' });
    const live = [...queues.values()].filter(({ resources, isStopped }) => resources !== null && !isStopped);
    for (const queue of queues.values()) interrupts.aimReceiveQueue(queue.queueId, queue.message);
    for (const queue of live) {
      if (queue.resources === null) continue;
      const { image } = queue.resources;
      const state = new Int32Array(image.state);
      if (state[STATE_PRIMED] === PRIMED) state[STATE_PRIMED] = FORGOTTEN;
      programReceiveQueue(device, image);
      serve(queue);
    }
    adapter.publish();
    for (const { queueId, lookaheadBytes } of live) device.enableReceiveQueue(queueId, lookaheadBytes);
    filters.restore();
    programPort();
    if (!device.commit()) return false;
    const works =
      live.every(({ queueId }) => device.isReceiveQueueEnabled(queueId)) &&
      transmit.every((_, i) => device.isTransmitQueueEnabled(i));
    if (!works || !this.#parts.isRunning()) return works;
    device.setBits(REG.CTRL, CTRL_RXEN | CTRL_TXEN, true);
    return device.commit();
  }

  #post(processor: number | 'all', message: MiniportMessage): void {
    this.#parts.adapter.post(processor, message);
  }
}
