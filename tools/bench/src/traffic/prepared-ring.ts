// A frame ring whose every entry is filled once: offering n frames is then moving its tail by n, and the generator takes
// no part of the measured time, as in the yardstick.
import type { FrameProducer } from '@vmq/machine';

/** Words of a frame ring's header, as machine/frame-ring draws them. */
const HEAD_WORD = 0;
const TAIL_WORD = 16;

/** `producer` has been given a frame for each of its slots, and nothing was published yet. */
export function prepareRing(producer: FrameProducer): void {
  if (producer.words[TAIL_WORD] !== 0) throw new Error('the ring has been used before');
  producer.publish();
  // The layout is another package's: make sure that it still is what it is thought to be.
  if (Atomics.exchange(producer.words, TAIL_WORD, 0) !== producer.slots)
    throw new Error(`word ${TAIL_WORD} of a frame ring's header is not its tail any more`);
}

export class PreparedRing {
  /** Frames offered so far. */
  offered = 0;
  #tail = 0;
  readonly #words: Int32Array;
  readonly #headWords: readonly number[];
  readonly #wake: () => void;

  /** `words` are those of a ring that {@link prepareRing} has been called for. `wake`: the consumers. */
  constructor(words: Int32Array, wake: () => void, headWords: readonly number[] = [HEAD_WORD]) {
    this.#words = words;
    this.#headWords = headWords;
    this.#tail = Atomics.load(words, TAIL_WORD);
    this.#wake = wake;
  }

  /** Gives the next `count` frames; there must be room for them. */
  offer(count: number): void {
    this.#tail = (this.#tail + count) | 0;
    Atomics.store(this.#words, TAIL_WORD, this.#tail);
    this.#wake();
    this.offered += count;
  }

  /** Frames that anybody has given since the ring was prepared, modulo 2^32. */
  readTail(): number {
    this.#tail = Atomics.load(this.#words, TAIL_WORD);
    return this.#tail;
  }

  /** As {@link offer}, one of several that give frames: only if nobody else has done so since {@link readTail}. */
  tryOffer(count: number): void {
    const tail = this.#tail;
    if (Atomics.compareExchange(this.#words, TAIL_WORD, tail, (tail + count) | 0) !== tail) return;
    this.#tail = (tail + count) | 0;
    this.#wake();
    this.offered += count;
  }

  /** Frames given and not yet taken by all. */
  get waiting(): number {
    let most = 0;
    for (const word of this.#headWords)
      most = Math.max(most, (this.#tail - Atomics.load(this.#words, word)) | 0);
    return most;
  }
}
