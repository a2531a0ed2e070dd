// The choices of one run as its input: what a target draws is read from a list of words, and drawn anew behind its end. A
// list is what the coverage-led fuzzer keeps and mutates; the same list means the same buffers on every machine.
import { Random } from './random.ts';
import type { Chance } from './target.ts';

/** Most words that a list keeps; what is drawn behind them follows from them. */
export const MOST_CHOICES = 768;

export class Choices extends Random {
  /** Words that were drawn, up to {@link MOST_CHOICES}. */
  readonly drawn: number[] = [];
  readonly #given: Uint32Array;
  #at = 0;
  readonly #behind: Random;

  /** `given`: Uint32Array of the words to draw first. */
  constructor(given: Uint32Array) {
    super(0);
    this.#given = given;
    const hash = given.reduce((sum, word) => Math.imul(sum ^ word, 0x01000193), 0x811c9dc5 | 0);
    this.#behind = new Random(hash, given.length);
  }

  override next(): number {
    // The generator that this one is draws as it is made, before there is a list.
    if (!(#given in this)) return super.next();
    const at = this.#at++;
    const word = at < this.#given.length ? this.#given[at] : this.#behind.next();
    if (this.drawn.length < MOST_CHOICES) this.drawn.push(word);
    return word;
  }
}

/** Another list, near this one; `other` is one to cross it with. */
export function mutateChoices(list: Uint32Array, other: Uint32Array, random: Chance): Uint32Array {
  const words: number[] = [...list];
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = words.length === 0 ? 0 : random.below(words.length);
    switch (random.below(6)) {
      case 0:
        words[at] = random.next();
        break;
      case 1:
        words[at] = (words[at] ?? 0) ^ (1 << random.below(32));
        break;
      case 2:
        words[at] = random.pick([0, 1, 2, 7, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]);
        break;
      case 3:
        words.splice(at, 1 + random.below(8));
        break;
      case 4:
        words.splice(at, 0, random.next());
        break;
      default:
        words.splice(at, words.length, ...other.slice(Math.min(at, other.length)));
    }
  }
  return Uint32Array.from(words.slice(0, MOST_CHOICES), (word) => word >>> 0);
}
