/**
 * What of a receive queue's completions can be believed. The device writes them through a bus on which a write may be
 * damaged or lost, so the receive loop tests each completion, cheaply, and comes here when one is wrong.
 *
 *   consumed                 made (RDH)            head (status block)             posted
 *   ──┬─────────────────────────┬─────────────────────┬───────────────────────────────┬──
 *     │ a frame each; one whose │ never happened, and │ a head behind `posted` (or
 *     │ completion is damaged   │ the entry says so   │ `consumed`) is damaged itself
 *     │ is lost                 │
 *
 * A completion is sound if its DD bit is set and its length is a frame's and fits the buffer. The driver empties the
 * completion when it posts the descriptor that it will answer, so a completion of an earlier lap is never taken for a new
 * one, however long the queue was idle. (The receive stamp would not tell: other queues' frames move it on, by more than
 * half its range.)
 */
import type { AgentContext } from '@vmq/machine';
import { COMPLETION_BYTES, type NicRegisters, QSTS_ENABLED, REG, RX_QUEUE_STRIDE, RXC_DD } from '@vmq/nic';
import { advance, distance, type Ring } from '../hardware/ring.ts';
import { DROPPED_BAD_COMPLETION } from '../model/drop-reasons.ts';
import { type ReceiveQueueImage, STATE_DAMAGED } from '../model/queue-image.ts';

const COMPLETION_WORDS = COMPLETION_BYTES >> 2;
const LEAST_FRAME_BYTES = 14;
/** DD and length, as one number. */
export const COMPLETION_MASK: number = RXC_DD | 0xffff;

/** Least value of a sound completion's first word under {@link COMPLETION_MASK}. */
export const LEAST_COMPLETION: number = RXC_DD | LEAST_FRAME_BYTES;

/** The greatest, where a buffer holds `bufferBytes`. */
export function greatestCompletion(bufferBytes: number): number {
  return RXC_DD | bufferBytes;
}

export class CompletionGuard {
  readonly #greatest: number;
  readonly #context: AgentContext;
  readonly #host: Int32Array;
  readonly #state: Int32Array;
  readonly #ring: Ring;
  readonly #registers: NicRegisters;
  readonly #statusRegister: number;
  readonly #completions: number;

  constructor(context: AgentContext, image: ReceiveQueueImage, ring: Ring, registers: NicRegisters) {
    this.#context = context;
    this.#host = context.machine.memory.host.i32;
    this.#state = new Int32Array(image.state);
    this.#ring = ring;
    this.#registers = registers;
    this.#statusRegister = REG.RXSTS + image.hardwareQueue * RX_QUEUE_STRIDE;
    this.#completions = image.completionOffset >> 2;
    this.#greatest = greatestCompletion(image.buffers.bufferBytes);
  }

  /** How many completions there are, where the head in memory is not true; it is corrected. */
  correctHead(): number {
    const ring = this.#ring;
    const { head } = ring;
    const made = this.made();
    // Unless the device has just written a new one.
    if (ring.correctHead(head, advance(ring.consumed, made))) this.#damaged(1);
    return made;
  }

  /**
   * Looks at a head that may have been damaged without being impossible: one that lags behind the device's own count,
   * because its last write was lost, or one that is ahead of it with nothing to show for it.
   */
  compareHead(): void {
    const shown = distance(this.#ring.consumed, this.#ring.head);
    const made = this.made();
    if (shown === made) return;
    // The device publishes the head before its register: what is ahead and sound is only new.
    if (shown > made && shown <= this.#leadingSound()) return;
    this.correctHead();
  }

  /** How many completions there are: by the device's own count, or, if it has none, as many as look so. */
  made(): number {
    const head = this.#deviceHead();
    // A card that was reset counts from its start again.
    if (head === null || !this.#ring.allows(head)) return this.#leadingSound();
    return distance(this.#ring.consumed, head);
  }

  /**
   * Frames that lie in a ring of which nobody takes anything any more: the completions that can be believed, wherever they
   * are, and by the device's own count those that cannot. The head in memory may be damaged, and nobody would notice.
   */
  left(): number {
    const { consumed, posted } = this.#ring;
    let sound = 0;
    for (let at = consumed; at !== posted; at = advance(at, 1)) if (this.isSound(at)) sound++;
    const head = this.#deviceHead();
    if (head === null || !this.#ring.allows(head)) return sound;
    return Math.max(sound, distance(consumed, head));
  }

  /** True if the completion at `position` can be believed. */
  isSound(position: number): boolean {
    const shown = this.wordAt(position) & COMPLETION_MASK;
    return shown >= LEAST_COMPLETION && shown <= this.#greatest;
  }

  /** First word of the completion at `position`. */
  wordAt(position: number): number {
    return this.#host[this.#completions + (position & this.#ring.mask) * COMPLETION_WORDS];
  }

  /** `frames` frames have ended here because their completions were damaged. */
  countLost(frames: number): void {
    if (frames === 0) return;
    const { counters, machine } = this.#context;
    const column = machine.ledger.column(DROPPED_BAD_COMPLETION);
    counters[column] = counters[column] + frames;
    this.#damaged(frames);
  }

  /** The device's own count; null where it has none: it is gone, or has not begun with this queue and shows an older one's. */
  #deviceHead(): number | null {
    const isEnabled = (this.#registers.read32(this.#statusRegister) & QSTS_ENABLED) !== 0;
    return isEnabled ? this.#ring.deviceHead : null;
  }

  #leadingSound(): number {
    const { consumed, posted } = this.#ring;
    let at = consumed;
    while (at !== posted && this.isSound(at)) at = advance(at, 1);
    return distance(consumed, at);
  }

  #damaged(count: number): void {
    Atomics.add(this.#state, STATE_DAMAGED, count);
  }
}
