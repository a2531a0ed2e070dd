/**
 * What of a completion ring can be believed. The device writes it through a bus on which a write may be damaged or
 * lost, so a queue looks at each completion, cheaply, and comes here when something is wrong.
 *
 *   consumed                 made (RDH)            head (status block)             posted
 *   ──┬─────────────────────────┬─────────────────────┬───────────────────────────────┬──
 *     │ a frame each; one whose │ never happened, and │ a head behind `posted` (or
 *     │ completion is damaged   │ the entry says so   │ `consumed`) is damaged itself
 *     │ is lost                 │
 *
 * An entry is sound if its DD bit is set and its length is a frame's and fits the buffer. The driver empties an entry when
 * it posts the descriptor that the entry will answer, so an entry of an earlier lap is never taken for a new one, however
 * long the queue was idle. (The receive stamp would not tell: others' frames move it on, by more than half its range.)
 */
import type { AgentContext } from '@vmq/machine';
import { COMPLETION_BYTES, type NicRegisters, QSTS_ENABLED, REG, RX_QUEUE_STRIDE, RXC_DD } from '@vmq/nic';
import { readHead } from '../hardware/head-register.ts';
import { DROPPED_BAD_COMPLETION } from '../model/drop-reasons.ts';
import { type ReceiveQueueImage, STATE_DAMAGED } from '../model/queue-image.ts';

const ENTRY_WORDS = COMPLETION_BYTES >> 2;
const LEAST_FRAME_BYTES = 14;
/** DD and length, as one number. */
export const COMPLETION_MASK: number = RXC_DD | 0xffff;

export class CompletionGuard {
  /** Least and greatest value of a sound completion's first word under {@link COMPLETION_MASK}. */
  readonly least: number = RXC_DD | LEAST_FRAME_BYTES;
  readonly most: number;
  readonly #context: AgentContext;
  readonly #host: Int32Array;
  readonly #state: Int32Array;
  readonly #registers: NicRegisters;
  readonly #headRegister: number;
  readonly #statusRegister: number;
  readonly #statusWord: number;
  readonly #completions: number;
  readonly #mask: number;

  constructor(
    context: AgentContext,
    image: ReceiveQueueImage,
    state: Int32Array,
    registers: NicRegisters,
    mostFrameBytes: number,
  ) {
    this.#context = context;
    this.#host = context.machine.memory.host.i32;
    this.#state = state;
    this.#registers = registers;
    this.#headRegister = REG.RDH + image.hardwareQueue * RX_QUEUE_STRIDE;
    this.#statusRegister = REG.RXSTS + image.hardwareQueue * RX_QUEUE_STRIDE;
    this.#statusWord = image.statusOffset >> 2;
    this.#completions = image.completionOffset >> 2;
    this.#mask = image.ringEntries - 1;
    this.most = RXC_DD | mostFrameBytes;
  }

  /** Completions from `consumed` on, where the head in memory is not true; it is corrected. */
  correctHead(consumed: number, posted: number): number {
    const head = Atomics.load(this.#host, this.#statusWord);
    const made = this.made(consumed, posted);
    // Unless the device has just written a new one.
    if (Atomics.compareExchange(this.#host, this.#statusWord, head, (consumed + made) | 0) === head)
      this.#damaged(1);
    return made;
  }

  /**
   * Looks at a head that may have been damaged without being impossible: one that lags behind the device's own count,
   * because its last write was lost, or one that is ahead of it with nothing to show for it.
   */
  compareHead(consumed: number, posted: number): void {
    const shown = (Atomics.load(this.#host, this.#statusWord) - consumed) | 0;
    const made = this.made(consumed, posted);
    if (shown === made) return;
    // The device publishes the head before its register: what is ahead and sound is only new.
    if (shown > made && shown <= this.#sound(consumed, posted)) return;
    this.correctHead(consumed, posted);
  }

  /** How many completions there are from `consumed` on: the device's own count, or, if it has none, what looks so. */
  made(consumed: number, posted: number): number {
    const head = this.#deviceHead();
    if (head === null) return this.#sound(consumed, posted);
    const made = (head - consumed) | 0;
    const isPossible = made >>> 0 <= (posted - consumed) >>> 0;
    // A card that was reset counts from its start again.
    return isPossible ? made : this.#sound(consumed, posted);
  }

  /**
   * Frames that lie in a ring of which nobody takes anything any more: the completions that can be believed, wherever they
   * are, and by the device's own count those that cannot. The head in memory may be damaged, and nobody would notice.
   */
  left(consumed: number, posted: number): number {
    let sound = 0;
    for (let at = consumed; at !== posted; at = (at + 1) | 0) if (this.isSound(at)) sound++;
    const head = this.#deviceHead();
    const made = head === null ? 0 : (head - consumed) | 0;
    return made >>> 0 <= (posted - consumed) >>> 0 ? Math.max(sound, made) : sound;
  }

  /** True if the completion at `position` can be believed. */
  isSound(position: number): boolean {
    const shown = this.#host[this.#entry(position)] & COMPLETION_MASK;
    return shown >= this.least && shown <= this.most;
  }

  /** First word of the completion at `position`; for the trace. */
  wordAt(position: number): number {
    return this.#host[this.#entry(position)];
  }

  /** `frames` frames have ended here because their completions were damaged. */
  countLost(frames: number): void {
    if (frames === 0) return;
    const { counters, machine } = this.#context;
    const column = machine.ledger.column(DROPPED_BAD_COMPLETION);
    counters[column] = counters[column] + frames;
    this.#damaged(frames);
  }

  /** The device's own count; null where it has none: it is gone, or has not begun with this queue yet and shows an older one's. */
  #deviceHead(): number | null {
    const isEnabled = (this.#registers.read32(this.#statusRegister) & QSTS_ENABLED) !== 0;
    return isEnabled ? readHead(this.#registers, this.#headRegister) : null;
  }

  #sound(consumed: number, posted: number): number {
    let count = 0;
    for (let at = consumed; at !== posted && this.isSound(at); at = (at + 1) | 0) count++;
    return count;
  }

  #entry(position: number): number {
    return this.#completions + (position & this.#mask) * ENTRY_WORDS;
  }

  #damaged(count: number): void {
    Atomics.add(this.#state, STATE_DAMAGED, count);
  }
}
