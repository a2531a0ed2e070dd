/** Pages of host memory that nobody has: what lies there stays as it is, whatever devices and drivers do. */
import type { Host } from '@vmq/host';
import { HOST_SEGMENT, PAGE_SHIFT, PAGE_SIZE } from '@vmq/machine';
import { fail } from './simulation-failure.ts';

const PAGE_WORDS = PAGE_SIZE / 4;

/** Of a page: nothing, since somebody has it or had it; its sum; that it is all zeros, as most are and remain. */
const UNKNOWN = 0;
const SUMMED = 1;
const ZERO = 2;

export class FreePages {
  readonly #host: Host;
  readonly #words: Int32Array;
  /** Sum of each page that was free at the last look, and has been since as far as was seen. */
  readonly #sums: Int32Array;
  /** What is known of each page. */
  readonly #known: Uint8Array;

  constructor(host: Host) {
    this.#host = host;
    const { host: memory } = host.machine.memory;
    this.#words = memory.i32;
    this.#sums = new Int32Array(memory.byteLength >>> PAGE_SHIFT);
    this.#known = new Uint8Array(this.#sums.length);
    // A block may come and go within one step: what was had in between is learned as it is given out.
    const manager = host.sharedMemory;
    const { allocate } = manager;
    manager.allocate = (request) => {
      const result = allocate(request);
      if (result.block?.segment === HOST_SEGMENT)
        for (const { offset, length } of result.block.elements) this.#given(offset, length);
      return result;
    };
  }

  #given(offset: number, length: number): void {
    this.#known.fill(UNKNOWN, offset >>> PAGE_SHIFT, ((offset + length - 1) >>> PAGE_SHIFT) + 1);
  }

  /** Looks at all free pages. */
  check(): void {
    const { sharedMemory } = this.#host;
    const known = this.#known;
    const sums = this.#sums;
    for (let page = 0; page < known.length; page++) {
      if (sharedMemory.blockAt(HOST_SEGMENT, page << PAGE_SHIFT) !== null) {
        known[page] = UNKNOWN;
        continue;
      }
      const before = known[page];
      if (before !== SUMMED && this.#isZero(page)) {
        known[page] = ZERO;
        continue;
      }
      if (before === ZERO) this.#written(page);
      const sum = this.#sumOf(page);
      if (before === SUMMED && sum !== sums[page]) this.#written(page);
      known[page] = SUMMED;
      sums[page] = sum;
    }
  }

  #written(page: number): never {
    return fail(
      'DMA only where granted',
      `${this.#host.config.name}: page ${page} is nobody's, and was written to`,
    );
  }

  /** Takes a third of the time that a sum takes. */
  #isZero(page: number): boolean {
    const words = this.#words;
    const end = (page + 1) * PAGE_WORDS;
    let a = 0;
    let b = 0;
    for (let i = page * PAGE_WORDS; i < end; i += 8) {
      a |=
        (words[i] as number) | (words[i + 1] as number) | (words[i + 2] as number) | (words[i + 3] as number);
      b |=
        (words[i + 4] as number) |
        (words[i + 5] as number) |
        (words[i + 6] as number) |
        (words[i + 7] as number);
    }
    return (a | b) === 0;
  }

  #sumOf(page: number): number {
    const words = this.#words;
    const end = (page + 1) * PAGE_WORDS;
    // Four sums side by side, so that none waits for another's multiplication.
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let i = page * PAGE_WORDS; i < end; i += 4) {
      a = (Math.imul(a, 31) + (words[i] as number)) | 0;
      b = (Math.imul(b, 37) + (words[i + 1] as number)) | 0;
      c = (Math.imul(c, 41) + (words[i + 2] as number)) | 0;
      d = (Math.imul(d, 43) + (words[i + 3] as number)) | 0;
    }
    return a ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35) ^ Math.imul(d, 0x27d4eb2f);
  }
}
