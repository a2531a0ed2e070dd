/**
 * Receive descriptors that were made to point to a page that nobody had. What nobody has may be given to the device the
 * next moment, and then the descriptor is as good as any: the device writes where it may, nobody can notice, and an
 * older frame is read from the buffer that it was not written to. When that happens the descriptor is made to point
 * beyond all memory instead, so that what the fault promises stays true until the frame comes.
 */
import { HOST_SEGMENT } from '@vmq/machine';
import type { FaultHost } from './fault-host.ts';

/** Offset that no host memory has. */
export const FAR_BEYOND = 0x7fff_f000;

export class StrayDescriptors {
  readonly #words: Int32Array;
  readonly #memory: FaultHost['sharedMemory'];
  /** By index of the descriptor's word of host memory: what the word has, and the offset of the page that nobody has. */
  readonly #strays: Map<number, { readonly offset: number; readonly page: number; readonly ring: number }> =
    new Map();

  constructor({ machine, sharedMemory }: FaultHost) {
    this.#words = machine.memory.host.i32;
    this.#memory = sharedMemory;
    const allocate = sharedMemory.allocate.bind(sharedMemory);
    sharedMemory.allocate = (request) => {
      const result = allocate(request);
      if (result.block?.segment === HOST_SEGMENT)
        for (const { offset, length } of result.block.elements) this.#given(offset, offset + length);
      return result;
    };
  }

  /** Has the descriptor's word `at` point to `offset`: to the page that nobody has, or so that a frame reaches into it. */
  point(at: number, offset: number, page: number = offset): void {
    this.#words[at] = offset;
    this.#strays.set(at, { offset, page, ring: this.#blockOf(at) });
  }

  /** Handle of the block that a word of host memory lies in, 0 for none. */
  #blockOf(word: number): number {
    return this.#memory.blockAt(HOST_SEGMENT, word << 2)?.handle ?? 0;
  }

  #given(from: number, end: number): void {
    for (const [at, { offset, page, ring }] of this.#strays) {
      // Its ring is gone, perhaps to nobody yet, or the driver has posted another buffer there.
      const isOver = this.#blockOf(at) !== ring || this.#words[at] !== offset;
      if (!isOver && (page < from || page >= end)) continue;
      if (!isOver) this.#words[at] = FAR_BEYOND;
      this.#strays.delete(at);
    }
  }
}
