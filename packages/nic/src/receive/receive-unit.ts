/** What an engine does with a batch of frames: the loop over them, and then telling drivers and statistics, once. */
import { type FrameConsumer, RECEIVED_FROM_WIRE } from '@vmq/machine';
import type { ReceiveInterrupts } from '../interrupt/interrupt-unit.ts';
import { DROP_RING_ENTRIES } from '../registers/device-memory.ts';
import { REG, RX_QUEUE_STRIDE } from '../registers/register-constants.ts';
import {
  addCounter,
  type DeviceState,
  Q_BYTES,
  Q_HEAD,
  Q_LIMIT,
  Q_PUBLISHED,
  Q_SHIFT,
  Q_STATUS,
} from '../state/device-state.ts';
import { LAST_STAMP } from '../state/stamps.ts';
import { DropRing } from './drop-ring.ts';
import { createReceiveLoop, type ReceiveLoop } from './receive-loop.ts';
import { ReceiveQueues } from './receive-queues.ts';

const QUEUE_WORDS: number = RX_QUEUE_STRIDE >> 2;

/**
 * Frames per step of the device, in each direction; a receive engine counts those it passes over, too. No more than the
 * ring of dropped frames holds.
 */
export const NIC_BATCH: number = DROP_RING_ENTRIES;

export class ReceiveUnit {
  readonly drops: DropRing;
  /** What became of the interrupt of `touched[i]` at the last publication. */
  readonly interruptResult: Int32Array;
  readonly #state: DeviceState;
  readonly #interrupts: ReceiveInterrupts;
  readonly #queues: ReceiveQueues;
  readonly #loop: ReceiveLoop;
  /** Where the stamp of the last frame stands. */
  readonly #stampWord: number;
  readonly #receivedColumn: number;

  /** Receives what comes over `wire` for the queues of `engine`. */
  constructor(state: DeviceState, interrupts: ReceiveInterrupts, wire: FrameConsumer, engine: number) {
    this.#state = state;
    this.#stampWord = state.stampWord(engine);
    this.#interrupts = interrupts;
    this.#queues = new ReceiveQueues(state);
    this.drops = new DropRing(state, interrupts, wire, engine);
    this.#loop = createReceiveLoop(state, wire, this.#queues, this.drops, engine);
    this.interruptResult = new Int32Array(state.queueCount);
    this.#receivedColumn = state.context.machine.ledger.column(RECEIVED_FROM_WIRE);
  }

  /** Queues that got a frame since the last publication, and how many. */
  get touched(): Int32Array {
    return this.#queues.touched;
  }

  get touchedCount(): number {
    return this.#queues.touchedCount;
  }

  /**
   * Stamp of the last frame as a number to count on from: 0 where the next frame has stamp 1 (again). No more than
   * `LAST_STAMP` less this many frames may be taken at once.
   */
  get stampBefore(): number {
    const stamp = this.#state.words[this.#stampWord];
    return stamp === LAST_STAMP ? 0 : stamp;
  }

  /** While this is set, a queue that must not drop for want of a descriptor does so all the same. */
  set isHurried(isHurried: boolean) {
    this.#loop.isHurried = isHurried;
  }

  reset(): void {
    this.#queues.reset();
  }

  /**
   * Takes the first `count` waiting frames, at most {@link NIC_BATCH} and none behind the last stamp; returns how many: fewer
   * if the next one must wait for a descriptor. The caller releases them, then calls {@link publish}.
   */
  take(count: number): number {
    const before = this.stampBefore;
    this.drops.resume();
    const taken = this.#loop.run(count, before + 1);
    if (taken !== 0) this.#state.words[this.#stampWord] = before + taken;
    return taken;
  }

  /**
   * Tells drivers and statistics about `taken` frames; once per batch. Returns how many entries of
   * {@link touched} and {@link interruptResult} it leaves behind.
   */
  publish(taken: number): number {
    const state = this.#state;
    const { words, rxq, segments, context } = state;
    const host = segments[0].i32;
    const touched = this.#queues.takeTouched();
    let frames = 0;
    let bytes = 0;
    for (let k = 0; k < touched; k++) {
      const queue = this.touched[k];
      const q = queue << Q_SHIFT;
      const head = rxq[q + Q_HEAD];
      const fresh = (head - rxq[q + Q_PUBLISHED]) | 0; // free-running: wraps
      this.interruptResult[k] = -1;
      rxq[q + Q_LIMIT] = head; // the next batch looks at the queue anew
      if (fresh === 0) continue; // every frame of the batch met a DMA fault
      rxq[q + Q_PUBLISHED] = head;
      Atomics.store(host, rxq[q + Q_STATUS], head);
      const registers = (REG.RDBASE >> 2) + queue * QUEUE_WORDS;
      words[registers + ((REG.RDH - REG.RDBASE) >> 2)] = head;
      addCounter(words, registers + ((REG.RXPKTLO - REG.RDBASE) >> 2), fresh);
      addCounter(words, registers + ((REG.RXBYTLO - REG.RDBASE) >> 2), rxq[q + Q_BYTES]);
      frames += fresh;
      bytes += rxq[q + Q_BYTES];
      rxq[q + Q_BYTES] = 0;
      this.interruptResult[k] = this.#interrupts.considerReceive(queue);
    }
    if (frames !== 0) {
      state.addShared(REG.GPRC >> 2, frames);
      state.addShared(REG.GORC >> 2, bytes);
    }
    context.counters[this.#receivedColumn] += taken - this.#loop.passed;
    this.#loop.passed = 0;
    this.drops.publish();
    return touched;
  }

  /** A queue was disabled or reset. */
  forget(queue: number): void {
    this.#queues.forget(queue);
  }

  /** A queue was enabled. */
  begin(queue: number): void {
    this.#queues.begin(queue);
  }
}
