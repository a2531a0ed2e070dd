/**
 * Which pages of a VM's memory have to be sent (again), found by comparing.
 *
 * The tracker keeps what it has sent last of each page; at first that is zeros, as the memory is on the other side.
 * A page that differs is dirty, whoever wrote it: the guest, or the host through the VM's channel. It costs a look at
 * every page per round instead of a trap per write, and misses nothing. While the VM runs a page may change under the
 * look; then what was read is what was sent, and the next round finds the difference.
 */
import { type MemorySegment, PAGE_SIZE } from '@vmq/machine';
import { crc32 } from '../stream/crc32.ts';
import type { PageSet } from '../stream/messages.ts';

const PAGE_WORDS = PAGE_SIZE / 4;

export class PageTracker {
  readonly #memory: Int32Array;
  readonly #sent: Int32Array;

  constructor(segment: MemorySegment) {
    this.#memory = segment.i32;
    this.#sent = new Int32Array(segment.byteLength / 4);
  }

  /** The pages that are not as they were sent last; from now on they count as sent. */
  takeDirty(): PageSet {
    const memory = this.#memory;
    const sent = this.#sent;
    const numbers: number[] = [];
    for (let at = 0; at < sent.length; at += PAGE_WORDS) {
      let isDirty = false;
      for (let i = at; i < at + PAGE_WORDS; i++) {
        const word = memory[i];
        if (word === sent[i]) continue;
        sent[i] = word;
        isDirty = true;
      }
      if (isDirty) numbers.push(at / PAGE_WORDS);
    }
    const words = new Int32Array(numbers.length * PAGE_WORDS);
    numbers.forEach((number, i) => {
      words.set(sent.subarray(number * PAGE_WORDS, (number + 1) * PAGE_WORDS), i * PAGE_WORDS);
    });
    return { numbers: Uint32Array.from(numbers), bytes: new Uint8Array(words.buffer) };
  }

  /** CRC-32 of all that was sent. */
  get crc(): number {
    return crc32(new Uint8Array(this.#sent.buffer));
  }
}
