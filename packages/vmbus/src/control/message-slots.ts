/**
 * The message slots between hypervisor and guest: how a channel is offered, its memory named, opened and closed.
 * They stand for SynIC messages and hypercalls, so they lie outside the guest's memory; one slot each way.
 *
 *   words 0..15    host to guest:  sequence / kind / arguments
 *   words 16..31   guest to host:  sequence / kind / arguments
 *   words 32, 33   sequence of the last message the guest, the host, has taken
 *   word 34        processor << 8 | vector that the guest's signal goes to; -1 = nobody listens
 *
 * A slot is free when its message has been taken. A side that finds it full tries again later. Who has left a message
 * wakes or interrupts the other side, so a plain look is enough to find that there is none.
 */
import type { InterruptController } from '@vmq/machine';

const SLOT_WORDS = 16;
const TAKEN = 32;
/** Arguments a message can carry. */
export const MESSAGE_ARGUMENTS = 8;
const SIGNAL_TARGET = 34;
const WORDS = 48;

const TO_GUEST = 0;
const TO_HOST = 1;

/** Two empty slots, whose sequences begin at `start`, an int32. */
export function createMessageSlots(start: number = 0): SharedArrayBuffer {
  const image = new SharedArrayBuffer(WORDS * 4);
  const words = new Int32Array(image);
  words[TO_GUEST * SLOT_WORDS] = words[TO_HOST * SLOT_WORDS] = start;
  words[TAKEN + TO_GUEST] = words[TAKEN + TO_HOST] = start;
  words[SIGNAL_TARGET] = -1;
  return image;
}

/** One side's view of the slots. */
export class MessageSlots {
  /** Arguments of the message last taken. */
  readonly arguments: Int32Array = new Int32Array(MESSAGE_ARGUMENTS);
  readonly #words: Int32Array;
  readonly #in: number;
  readonly #out: number;

  constructor(image: SharedArrayBuffer, side: 'host' | 'guest') {
    this.#words = new Int32Array(image);
    this.#in = side === 'host' ? TO_HOST : TO_GUEST;
    this.#out = side === 'host' ? TO_GUEST : TO_HOST;
  }

  /** Kind of the message waiting for this side, 0 = none; it stays until {@link take}. */
  waiting(): number {
    const words = this.#words;
    const slot = this.#in * SLOT_WORDS;
    if (words[slot] === words[TAKEN + this.#in]) return 0;
    if (Atomics.load(words, slot) === Atomics.load(words, TAKEN + this.#in)) return 0;
    return words[slot + 1];
  }

  /** Takes the waiting message: returns its kind and copies its {@link arguments}; 0 = none. */
  take(): number {
    const words = this.#words;
    const slot = this.#in * SLOT_WORDS;
    if (words[slot] === words[TAKEN + this.#in]) return 0;
    const sequence = Atomics.load(words, slot);
    if (sequence === Atomics.load(words, TAKEN + this.#in)) return 0;
    for (let i = 0; i < MESSAGE_ARGUMENTS; i++) this.arguments[i] = words[slot + 2 + i];
    const kind = words[slot + 1];
    Atomics.store(words, TAKEN + this.#in, sequence);
    return kind;
  }

  /** Says which processor's which vector the guest's signals raise from now on. Host side. */
  setSignalTarget(processor: number, vector: number): void {
    Atomics.store(this.#words, SIGNAL_TARGET, vector < 0 ? -1 : (processor << 8) | vector);
  }

  /** The guest's hypercall: interrupts the processor that polls the channel. Once per batch. */
  signalHost(interrupts: Pick<InterruptController, 'raise' | 'processorCount'>): void {
    const target = Atomics.load(this.#words, SIGNAL_TARGET);
    if (target >= 0 && target >> 8 < interrupts.processorCount) interrupts.raise(target >> 8, target & 0xff);
  }

  /** True if {@link post} would succeed now. */
  get canPost(): boolean {
    return Atomics.load(this.#words, this.#out * SLOT_WORDS) === Atomics.load(this.#words, TAKEN + this.#out);
  }

  /** Leaves a message for the other side; false while the last one has not been taken. */
  post(kind: number, ...args: readonly number[]): boolean {
    const words = this.#words;
    const slot = this.#out * SLOT_WORDS;
    const sequence = Atomics.load(words, slot);
    if (sequence !== Atomics.load(words, TAKEN + this.#out)) return false;
    words[slot + 1] = kind;
    for (let i = 0; i < MESSAGE_ARGUMENTS; i++) words[slot + 2 + i] = args[i] ?? 0;
    Atomics.store(words, slot, (sequence + 1) | 0);
    return true;
  }
}
