/**
 * The board: the few shared words by which the parts of a machine signal each other.
 *
 *   word 0            epoch        what the control half has published so far
 *   word 16           trace sequence
 *   per agent  (16 words, one cache line)
 *      +0 pending     1 = has been woken and not stepped since
 *      +1 seen        last epoch this agent has acted on
 *      +2 worker      worker thread that runs it, -1 = the caller's own thread
 *   per worker (16 words)
 *      +0 sleeping    1 = about to wait or waiting, 2 = the same with a deadline
 *      +1 runs        times it left a wait; lets an observer see that nothing woke in between
 *      +2 stop        1 = leave the loop
 *      +3 failed      1 = the loop died
 *   per processor (16 words)
 *      +0..7          pending interrupt vectors, a bit each
 *
 * One writer per cache line where it matters; every cross-thread access is an Atomics call, and none of them
 * happens per frame.
 */
export const MAX_AGENTS = 160;
export const MAX_WORKERS = 80;
export const MAX_PROCESSORS = 64;
export const VECTORS_PER_PROCESSOR = 256;

const LINE = 16;
const EPOCH = 0;
const TRACE_SEQUENCE = LINE;
const AGENTS = 2 * LINE;
const WORKERS = AGENTS + MAX_AGENTS * LINE;
const PROCESSORS = WORKERS + MAX_WORKERS * LINE;
const WORDS = PROCESSORS + MAX_PROCESSORS * LINE;

const SLEEPING = 0;
const RUNS = 1;
const STOP = 2;
const FAILED = 3;

/** Number of an agent on the board; see `Agent`. */
export type AgentId = number;

/** The signalling words of one machine, as one thread sees them. */
export class Board {
  readonly words: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(WORDS * 4)) {
    this.words = new Int32Array(buffer);
  }

  get buffer(): SharedArrayBuffer {
    return this.words.buffer as SharedArrayBuffer;
  }

  // --- agents -----------------------------------------------------------------------------------------

  assignWorker(agent: AgentId, worker: number): void {
    this.words[AGENTS + agent * LINE + 2] = worker;
  }

  workerOf(agent: AgentId): number {
    return this.words[AGENTS + agent * LINE + 2] as number;
  }

  /** Makes an agent run soon. Any thread; once per batch, never per frame. */
  wake(agent: AgentId): void {
    const words = this.words;
    const at = AGENTS + agent * LINE;
    if (Atomics.exchange(words, at, 1) !== 0) return; // already on its way
    const worker = words[at + 2] as number;
    if (worker >= 0) this.rouse(worker);
  }

  isPending(agent: AgentId): boolean {
    return this.words[AGENTS + agent * LINE] !== 0;
  }

  /** Takes the pending mark off; the agent steps next. */
  takePending(agent: AgentId): boolean {
    return Atomics.exchange(this.words, AGENTS + agent * LINE, 0) !== 0;
  }

  // --- publication ------------------------------------------------------------------------------------

  get epoch(): number {
    return Atomics.load(this.words, EPOCH);
  }

  advanceEpoch(): number {
    return (Atomics.add(this.words, EPOCH, 1) + 1) | 0;
  }

  seenEpoch(agent: AgentId): number {
    return Atomics.load(this.words, AGENTS + agent * LINE + 1);
  }

  acknowledgeEpoch(agent: AgentId, epoch: number): void {
    Atomics.store(this.words, AGENTS + agent * LINE + 1, epoch);
  }

  nextTraceSequence(): number {
    return Atomics.add(this.words, TRACE_SEQUENCE, 1);
  }

  // --- worker threads ---------------------------------------------------------------------------------

  rouse(worker: number): void {
    const words = this.words;
    const at = WORKERS + worker * LINE + SLEEPING;
    if (Atomics.load(words, at) === 0) return;
    Atomics.store(words, at, 0);
    Atomics.notify(words, at);
  }

  /** Says that the worker will sleep; it must look for work once more before {@link sleep}. */
  announceSleep(worker: number, withDeadline: boolean): void {
    Atomics.store(this.words, WORKERS + worker * LINE + SLEEPING, withDeadline ? 2 : 1);
  }

  cancelSleep(worker: number): void {
    Atomics.store(this.words, WORKERS + worker * LINE + SLEEPING, 0);
  }

  sleep(worker: number, milliseconds: number): void {
    const words = this.words;
    const at = WORKERS + worker * LINE;
    const state = Atomics.load(words, at + SLEEPING);
    if (state !== 0) Atomics.wait(words, at + SLEEPING, state, milliseconds);
    Atomics.add(words, at + RUNS, 1);
    Atomics.store(words, at + SLEEPING, 0);
  }

  isAsleep(worker: number): boolean {
    return Atomics.load(this.words, WORKERS + worker * LINE + SLEEPING) === 1;
  }

  runs(worker: number): number {
    return Atomics.load(this.words, WORKERS + worker * LINE + RUNS);
  }

  requestStop(worker: number): void {
    Atomics.store(this.words, WORKERS + worker * LINE + STOP, 1);
    this.rouse(worker);
  }

  mustStop(worker: number): boolean {
    return Atomics.load(this.words, WORKERS + worker * LINE + STOP) !== 0;
  }

  reportFailure(worker: number): void {
    Atomics.store(this.words, WORKERS + worker * LINE + FAILED, 1);
  }

  hasFailed(worker: number): boolean {
    return Atomics.load(this.words, WORKERS + worker * LINE + FAILED) !== 0;
  }

  // --- interrupts -------------------------------------------------------------------------------------

  /** Sets a vector pending; true if it was not pending before. */
  setVector(processor: number, vector: number): boolean {
    const bit = 1 << (vector & 31);
    const word = PROCESSORS + processor * LINE + (vector >>> 5);
    return (Atomics.or(this.words, word, bit) & bit) === 0;
  }

  /** Takes 32 pending vectors at once: bits of vectors 32 * group .. 32 * group + 31. */
  takeVectors(processor: number, group: number): number {
    const word = PROCESSORS + processor * LINE + group;
    if (this.words[word] === 0) return 0;
    return Atomics.exchange(this.words, word, 0);
  }
}
