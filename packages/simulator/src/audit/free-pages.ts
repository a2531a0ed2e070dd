/** Pages of host memory that nobody has: what lies there stays as it is, whatever devices and drivers do. */
import type { Host } from '@vmq/host';
import { HOST_SEGMENT, PAGE_SHIFT, PAGE_SIZE } from '@vmq/machine';
import { fail } from './simulation-failure.ts';

const PAGE_WORDS = PAGE_SIZE / 4;

export class FreePages {
  readonly #host: Host;
  readonly #words: Int32Array;
  /** Sum of each page that was free at the last look, and has been since as far as was seen. */
  readonly #sums: Int32Array;
  /** 1 for pages with such a sum. */
  readonly #isKnown: Uint8Array;

  constructor(host: Host) {
    this.#host = host;
    const { host: memory } = host.machine.memory;
    this.#words = memory.i32;
    this.#sums = new Int32Array(memory.byteLength >>> PAGE_SHIFT);
    this.#isKnown = new Uint8Array(this.#sums.length);
    // A block may come and go within one step: what was had in between is learned as it is given out.
    const manager = host.sharedMemory;
    const allocate = manager.allocate.bind(manager);
    manager.allocate = (request) => {
      const result = allocate(request);
      if (result.block?.segment === HOST_SEGMENT)
        for (const { offset, length } of result.block.elements) this.#given(offset, length);
      return result;
    };
  }

  #given(offset: number, length: number): void {
    this.#isKnown.fill(0, offset >>> PAGE_SHIFT, ((offset + length - 1) >>> PAGE_SHIFT) + 1);
  }

  /** Looks at all free pages. */
  check(): void {
    const { sharedMemory, config } = this.#host;
    for (let page = 0; page < this.#sums.length; page++) {
      if (sharedMemory.blockAt(HOST_SEGMENT, page << PAGE_SHIFT) !== null) {
        this.#isKnown[page] = 0;
        continue;
      }
      const sum = this.#sumOf(page);
      if (this.#isKnown[page] === 1 && sum !== this.#sums[page])
        fail('DMA only where granted', `${config.name}: page ${page} is nobody's, and was written to`);
      this.#isKnown[page] = 1;
      this.#sums[page] = sum;
    }
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
      a = (Math.imul(a, 31) + words[i]) | 0;
      b = (Math.imul(b, 37) + words[i + 1]) | 0;
      c = (Math.imul(c, 41) + words[i + 2]) | 0;
      d = (Math.imul(d, 43) + words[i + 3]) | 0;
    }
    return a ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35) ^ Math.imul(d, 0x27d4eb2f);
  }
}
