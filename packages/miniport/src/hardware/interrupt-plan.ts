/**
 * Which MSI-X entry interrupts where (INT-01 to INT-05).
 *
 *   messages   one per processor that has a transmit queue (INT-02)
 *
 *   MSI-X table   0 ............ n-P-1 │ n-P ............. n-1
 *                 receive queue e      │ processors 0 .. P-1: their transmit queues, and receive queues
 *                                      │ of the processor whose number has no entry of its own
 *
 * A receive queue's own entry is aimed anew when the queue moves; a processor's entry never is.
 *
 * IRQL: PASSIVE_LEVEL.
 */
import type { InterruptMessage, MiniportAdapter } from '@vmq/ddi';
import { REG, RX_QUEUE_STRIDE, TX_QUEUE_STRIDE } from '@vmq/nic';
import type { HardwareSizes } from '../model/capabilities.ts';
import type { Device } from './device.ts';

/** What the plan needs of NDIS, and of a device. */
export type InterruptAdapter = Pick<MiniportAdapter, 'allocateInterruptMessage' | 'configMsixTableEntry'>;
export type InterruptDevice = Pick<Device, 'registers' | 'engineFor'>;

export class InterruptPlan {
  readonly #adapter: InterruptAdapter;
  readonly #device: InterruptDevice;
  /** By position: transmit queue i is served by message i. */
  readonly messages: readonly InterruptMessage[];
  readonly #firstOfProcessors: number;

  /**
   * Takes messages for as many of `processors` as there are transmit queues, MSI-X entries (one is the default
   * queue's) and vectors.
   */
  constructor(
    adapter: InterruptAdapter,
    device: InterruptDevice,
    sizes: HardwareSizes,
    processors: readonly number[],
  ) {
    this.#adapter = adapter;
    this.#device = device;
    const messages: InterruptMessage[] = [];
    const most = Math.min(processors.length, sizes.queues + 1, sizes.msixEntries - 1);
    for (const processor of processors.slice(0, Math.max(most, 0))) {
      const message = adapter.allocateInterruptMessage(processor);
      if (message === null) break;
      messages.push(message);
    }
    this.messages = messages;
    this.#firstOfProcessors = sizes.msixEntries - messages.length;
    this.restore();
  }

  /** Aims the processors' entries; again for a device that has forgotten them. Receive queues are aimed one by one. */
  restore(): void {
    this.messages.forEach((message, i) => {
      this.#aim(this.#firstOfProcessors + i, message);
      this.#device.registers.write32(REG.TXENTRY + i * TX_QUEUE_STRIDE, this.#firstOfProcessors + i);
    });
  }

  /**
   * The message for a queue that wants one of the processors of `affinity`: the lowest that has one. Affinity is a
   * request where vectors are few: without any such processor the queues are spread over those that have a message.
   */
  choose(affinity: bigint): InterruptMessage {
    const { messages } = this;
    let first = -1;
    for (let processor = 0; processor < 64; processor++) {
      if (((affinity >> BigInt(processor)) & 1n) === 0n) continue;
      const message = messages.find((candidate) => candidate.processor === processor);
      if (message !== undefined) return message;
      if (first < 0) first = processor;
    }
    return messages[Math.max(first, 0) % messages.length];
  }

  /**
   * Has a receive queue interrupt by `message`, now and without disturbing others, and be received, from the next commit
   * on, by the engine of that processor. Returns its MSI-X entry.
   */
  aimReceiveQueue(queue: number, message: InterruptMessage): number {
    const engine = this.#device.engineFor(message.processor);
    this.#device.registers.write32(REG.RXENG + queue * RX_QUEUE_STRIDE, engine);
    const entry = this.entryOf(queue, message);
    if (entry === queue) this.#aim(queue, message);
    this.#device.registers.write32(REG.RXENTRY + queue * RX_QUEUE_STRIDE, entry);
    return entry;
  }

  /** The MSI-X entry of a receive queue that interrupts by `message`: its own, or that of the processor. */
  entryOf(queue: number, message: InterruptMessage): number {
    return queue < this.#firstOfProcessors ? queue : this.#firstOfProcessors + this.messages.indexOf(message);
  }

  /** The queue is gone: its own entry is masked and free. */
  releaseReceiveQueue(queue: number): void {
    if (queue < this.#firstOfProcessors)
      this.#adapter.configMsixTableEntry({ operation: 'remove', entry: queue });
  }

  #aim(entry: number, message: InterruptMessage): void {
    this.#adapter.configMsixTableEntry({ operation: 'add', entry, messageId: message.messageId });
    this.#adapter.configMsixTableEntry({ operation: 'unmask', entry });
  }
}
