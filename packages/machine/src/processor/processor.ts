/**
 * A processor: IRQL, interrupt service routines, and the DPC queue.
 *
 *   pending vectors ──ISR at DIRQL──> DPC queue ──DPC at DISPATCH_LEVEL──> back to PASSIVE_LEVEL
 *
 * `step` runs what was pending when it began: first the interrupts, then the DPCs in the order they were
 * queued. A DPC that queues itself again runs in the next step, so other agents get their turn (this is what
 * keeps a throttled receive DPC from starving its processor).
 */
import { type Board, VECTORS_PER_PROCESSOR } from './board.ts';

export const PASSIVE_LEVEL = 0;
export const APC_LEVEL = 1;
export const DISPATCH_LEVEL = 2;
/** Any device interrupt level; the model has one. */
export const DIRQL = 5;

/** MiniportInterrupt / MiniportMessageInterrupt: acknowledge the device and queue a DPC, no more. */
export interface InterruptServiceRoutine {
  interrupt(vector: number): void;
}

/** MiniportInterruptDPC / a KDPC. Queued at most once at a time; it leaves the queue just before it runs. */
export interface Dpc {
  runDpc(): void;
}

export class Processor {
  readonly index: number;
  /** Current IRQL; the verifier and asserting code read it. */
  irql: number = PASSIVE_LEVEL;
  interrupts = 0;
  dpcs = 0;
  /** Interrupts on vectors nobody is connected to. */
  spurious = 0;
  readonly #board: Board;
  readonly #isrs: (InterruptServiceRoutine | null)[] = new Array<InterruptServiceRoutine | null>(
    VECTORS_PER_PROCESSOR,
  ).fill(null);
  // Two queues that take turns. They are never shortened, which would give their memory back each time: DPCs stand in
  // the first `#queued` places of the one and, of the step under way, from `#ran` to `#runningCount` of the other.
  #queue: (Dpc | null)[] = [];
  #queued = 0;
  #running: (Dpc | null)[] = [];
  #runningCount = 0;
  #ran = 0;

  constructor(index: number, board: Board) {
    this.index = index;
    this.#board = board;
  }

  /** Connects a vector; `null` disconnects it. */
  connect(vector: number, isr: InterruptServiceRoutine | null): void {
    if (!(Number.isInteger(vector) && vector >= 0 && vector < VECTORS_PER_PROCESSOR))
      throw new RangeError(`processor ${this.index}: no vector ${vector}`);
    this.#isrs[vector] = isr;
  }

  /** KeInsertQueueDpc: false if it is queued already, also if it is still to run in the step under way. */
  queueDpc(dpc: Dpc): boolean {
    const queue = this.#queue;
    const queued = this.#queued;
    for (let i = 0; i < queued; i++) if (queue[i] === dpc) return false;
    const running = this.#running;
    for (let i = this.#ran; i < this.#runningCount; i++) if (running[i] === dpc) return false;
    queue[queued] = dpc;
    this.#queued = queued + 1;
    return true;
  }

  get hasDpc(): boolean {
    return this.#queued !== 0;
  }

  /** Serves the vectors from `first` on that have a bit in `vectors`. */
  #interrupt(first: number, vectors: number): void {
    for (let bits = vectors; bits !== 0; bits &= bits - 1) {
      const vector = first | (31 - Math.clz32(bits & -bits));
      const isr = this.#isrs[vector];
      this.interrupts++;
      if (isr) {
        this.irql = DIRQL;
        isr.interrupt(vector);
        this.irql = PASSIVE_LEVEL;
      } else this.spurious++;
    }
  }

  /** Serves pending interrupts and queued DPCs; true if DPCs were queued meanwhile. */
  step(): boolean {
    for (let groups = this.#board.takeGroups(this.index); groups !== 0; groups &= groups - 1) {
      const group = 31 - Math.clz32(groups & -groups);
      const vectors = this.#board.takeVectors(this.index, group);
      if (vectors !== 0) this.#interrupt(group << 5, vectors);
    }
    const count = this.#queued;
    if (count === 0) return false;
    const running = this.#queue;
    this.#queue = this.#running;
    this.#queued = 0;
    this.#running = running;
    this.#runningCount = count;
    this.irql = DISPATCH_LEVEL;
    for (let i = 0; i < count; i++) {
      this.#ran = i + 1;
      const dpc = running[i] as Dpc;
      running[i] = null;
      dpc.runDpc();
    }
    this.irql = PASSIVE_LEVEL;
    this.dpcs += count;
    this.#ran = 0;
    this.#runningCount = 0;
    return this.#queued !== 0;
  }
}
