/**
 * MiniportCheckForHangEx: what this driver looks at every two seconds.
 *
 *   registers read all ones, an earlier reset failed, CFGACK does not follow CFGREQ, or    ──> reset
 *   did not when a request waited for it
 *   a queue that should be on is off: the card was off the bus and has forgotten all       ──> reset
 *   receive queue     its DMA was refused since the last look, or much of its ring damaged ──> reset
 *   transmit queues   descriptors posted, link up, wire not full, and TDH where it was     ──> reset
 *   otherwise         the processors look at their rings: an interrupt may have been lost
 *
 * It asks the device for an answer (a configuration request that changes nothing) and looks for it at the next check,
 * so it hardly ever waits. NDIS calls it between control calls only: nothing is half written then.
 */
import type { MiniportAdapter } from '@vmq/ddi';
import { CTRL_TXEN, QSTS_STARVED, REG, RX_QUEUE_STRIDE, STATUS_LU, TX_QUEUE_STRIDE } from '@vmq/nic';
import type { Device } from '../hardware/device.ts';
import { type MiniportMessage, STATE_DAMAGED } from '../model/queue-image.ts';
import type { Queue, TransmitResources } from '../queues/queue-record.ts';

/** Damaged write-backs of one queue between two checks that are put down to chance. */
const TOLERATED_DAMAGE = 16;

export interface HangCheckParts {
  readonly adapter: MiniportAdapter;
  readonly device: Device;
  readonly queues: ReadonlyMap<number, Queue>;
  readonly transmit: readonly TransmitResources[];
  isRemoved(): boolean;
  /** The adapter is quiesced because a reset failed. */
  isQuiesced(): boolean;
}

export class HangCheck {
  readonly #parts: HangCheckParts;
  /** At the last check: refused transfers and damage by receive queue, head by transmit queue (-1 = had no work). */
  readonly #refused = new Map<number, number>();
  readonly #damage = new WeakMap<SharedArrayBuffer, number>();
  #heads: number[] = [];
  /** Resets of the device that were seen; they put its counters back. */
  #resets = 0;

  constructor(parts: HangCheckParts) {
    this.#parts = parts;
  }

  /** True if only a reset helps. */
  isHung(): boolean {
    const { adapter, device, isRemoved, isQuiesced } = this.#parts;
    if (isRemoved() || device.isAsleep) return false;
    if (!device.isPresent || device.hasGivenUp || isQuiesced()) return true;
    if (device.resets !== this.#resets) {
      this.#resets = device.resets;
      this.#refused.clear();
      this.#heads = [];
    }
    // Each of them takes note of how things are, so none may be left out.
    const signs = [
      !device.answers(),
      this.#hasForgotten(),
      this.#isRefused(),
      this.#isDamaged(),
      this.#isNotSending(),
    ];
    if (signs.includes(true)) return true;
    adapter.post('all', { op: 'poll' } satisfies MiniportMessage);
    adapter.publish();
    return false;
  }

  #hasForgotten(): boolean {
    const { device, queues, transmit } = this.#parts;
    const live = [...queues.values()].filter(({ resources, isStopped }) => resources !== null && !isStopped);
    return !(
      live.every(({ queueId }) => device.isReceiveQueueEnabled(queueId)) &&
      transmit.every((_, queue) => device.isTransmitQueueEnabled(queue))
    );
  }

  #isRefused(): boolean {
    const { device, queues } = this.#parts;
    let found = false;
    // All the device has: a number that comes into use may have had faults in another life.
    for (let queue = 0; queue <= device.sizes.queues; queue++) {
      const refused = device.registers.read32(REG.RXFAULT + queue * RX_QUEUE_STRIDE);
      const isServed = (queues.get(queue)?.resources ?? null) !== null;
      found ||= isServed && refused !== (this.#refused.get(queue) ?? 0);
      this.#refused.set(queue, refused);
    }
    return found;
  }

  #isDamaged(): boolean {
    let found = false;
    for (const { resources } of this.#parts.queues.values()) {
      if (resources === null) continue;
      const { state } = resources.image;
      const damage = Atomics.load(new Int32Array(state), STATE_DAMAGED);
      found ||= ((damage - (this.#damage.get(state) ?? 0)) | 0) > TOLERATED_DAMAGE;
      this.#damage.set(state, damage);
    }
    return found;
  }

  #isNotSending(): boolean {
    const { device, transmit } = this.#parts;
    const read = (register: number, queue: number): number =>
      device.registers.read32(register + queue * TX_QUEUE_STRIDE);
    const maySend =
      (read(REG.STATUS, 0) & STATUS_LU) !== 0 &&
      (read(REG.CTRL, 0) & CTRL_TXEN) !== 0 &&
      // While one queue waits for the wire no other is served.
      !transmit.some((_, queue) => (read(REG.TXSTS, queue) & QSTS_STARVED) !== 0);
    const before = this.#heads;
    this.#heads = transmit.map((_, queue) => {
      const head = read(REG.TDH, queue);
      return maySend && head !== read(REG.TDT, queue) ? head : -1;
    });
    return this.#heads.some((head, queue) => head >= 0 && head === before[queue]);
  }
}
