/**
 * The MSI-X side of the interrupt controller: a message written to a processor's address makes a vector
 * pending there.
 *
 *   message address   0xFEE00000 | processor << 12      (the x86 local-APIC window, physical mode)
 *   message data      vector, bits 0..7
 *
 * Section 11.11 of Intel's SDM volume 3 gives the address layout followed here; group and mode bits are zero.
 */
import { type Board, MAX_PROCESSORS, VECTORS_PER_PROCESSOR } from './board.ts';

const WINDOW = 0xfee00000;

/** The MSI-X message that interrupts `processor` with `vector`. Address is unsigned. */
export function msiMessage(processor: number, vector: number): { address: number; data: number } {
  if (!(processor >= 0 && processor < MAX_PROCESSORS)) throw new RangeError(`processor ${processor}`);
  if (!(vector >= 0 && vector < VECTORS_PER_PROCESSOR)) throw new RangeError(`vector ${vector}`);
  return { address: (WINDOW | (processor << 12)) >>> 0, data: vector };
}

/** The processor that an MSI-X message address names, or -1 if it is no interrupt address. */
export function msiProcessor(address: number): number {
  return (address & 0xfff00000) >>> 0 === WINDOW ? (address >>> 12) & 0xff : -1;
}

export class InterruptController {
  /** Messages of this thread to addresses that are no processor's: a device programmed wrongly. */
  spurious = 0;
  readonly #board: Board;
  readonly #processors: number;
  readonly #nextVector: number[] = [];

  /** For the first `processors` processors of the board. */
  constructor(board: Board, processors: number) {
    this.#board = board;
    this.#processors = processors;
  }

  get processorCount(): number {
    return this.#processors;
  }

  /**
   * A vector of `processor` that nobody has yet, from 32 up as an operating system hands them out; -1 when all
   * are taken. Control path: the number travels to the processor's agent, which connects its ISR there.
   */
  allocateVector(processor: number): number {
    this.#check(processor);
    const vector = this.#nextVector[processor] ?? 32;
    if (vector >= VECTORS_PER_PROCESSOR) return -1;
    this.#nextVector[processor] = vector + 1;
    return vector;
  }

  /** A device's MSI-X message; any thread, once per interrupt. */
  message(address: number, data: number): void {
    const processor = msiProcessor(address);
    if (processor < 0 || processor >= this.#processors) {
      this.spurious++;
      return;
    }
    this.raise(processor, data & 0xff);
  }

  /** Makes a vector pending on a processor and wakes it. Throws for a processor or vector that does not exist. */
  raise(processor: number, vector: number): void {
    this.#check(processor);
    if (!(vector >= 0 && vector < VECTORS_PER_PROCESSOR)) throw new RangeError(`vector ${vector}`);
    this.#board.raise(processor, vector);
  }

  #check(processor: number): void {
    if (!(Number.isInteger(processor) && processor >= 0 && processor < this.#processors))
      throw new RangeError(`no processor ${processor}; there are ${this.#processors}`);
  }
}
