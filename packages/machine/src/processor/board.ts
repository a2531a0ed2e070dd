/**
 * The board: the few shared words by which the parts of a machine signal each other.
 *
 *   word 0            epoch        what the control path has published so far
 *   word 1            workers      worker threads there are
 *   word 16           trace sequence
 *   per agent  (16 words, one cache line)
 *      +0 pending     bit 0 = has been woken and not stepped since; bits 1..30, with it: vectors 32..61 of the
 *                     processor whose agent it is (agent p is processor p's)
 *      +1 seen        last epoch this agent has acted on
 *      +2 worker      worker thread that runs it, -1 = the caller's own thread
 *      +3 turns       turns it has taken; tells an observer that there is progress
 *   per worker (16 words)
 *      +0 sleeping    0 = awake, 1 = parked (about to wait, or waiting), 2 = parked until a deadline
 *      +1 runs        times it left the parked state
 *      +2 stop        1 = leave the loop
 *   per processor (16 words)
 *      +0..7          pending interrupt vectors, a bit each; not those that come with the mark
 *      +8             which of those words may have one, a bit each; set after it
 *
 * One writer per cache line where it matters; every cross-thread access on which somebody sleeps is an Atomics
 * call (all of which have one total order), and none of them happens per frame.
 *
 * No wake-up is lost. Waker and worker each write their own word and then read the other's, so in the total
 * order at least one of them sees the other:
 *
 *   waker (any thread)                     worker
 *     1  pending := 1                        a  sleeping := 1              announceSleep
 *     2  sleeping?  0: done                  b  pending?  yes: leaveSleep, take the turn
 *     3  sleeping := 0, notify               c  wait while sleeping = 1    sleep
 *                                            d  sleeping := 0, runs += 1   leaveSleep
 *
 *   1 before b    the worker finds the turn itself.
 *   b before 1    then a is before 2: the waker sees that the worker sleeps and does 3. If 3 falls between b
 *                 and c, the wait finds 0 instead of 1 and does not begin; after c, notify ends it.
 *
 * A waker that finds `pending` set leaves 2 and 3 to the one who set it, and one that finds `sleeping` already
 * cleared leaves the notify to the one who cleared it: each of them is in the midst of doing so. A waker that was
 * held up before 3 may end a later sleep; the worker then looks around for nothing.
 *
 * Rest can be seen from outside ({@link Board.atRest}):
 *
 *   observer (for every worker)    runs = r, sleeping = 1   |   no agent pending   |   runs = r
 *   worker                         a ... parked ==============================================| d, turn, ...
 *
 * A worker takes no turn before d has counted. With the same count at both looks, then, it was parked from the
 * first look to the last. (The order in d matters: a worker that counted first could be seen between its count and
 * its clear, as parked with the new count, and take a turn behind that.) Workers were looked at one after the
 * other, and one that was not yet looked at may have woken an agent of one that was; but then that agent is still
 * pending, for its worker has taken no turn, and the middle look finds it. From there on nobody wakes anybody: only
 * turns, timers and the observer itself do. So the whole machine was at rest. A worker with a timer parks as 2 and
 * is not.
 */
export const MAX_AGENTS = 160;
export const MAX_WORKERS = 80;
export const MAX_PROCESSORS = 64;
export const VECTORS_PER_PROCESSOR = 256;

const LINE = 16;
const EPOCH = 0;
const WORKER_COUNT = 1;
const AGENTS = 2 * LINE;
const WORKERS = AGENTS + MAX_AGENTS * LINE;
const PROCESSORS = WORKERS + MAX_WORKERS * LINE;
const WORDS = PROCESSORS + MAX_PROCESSORS * LINE;

const SLEEPING = 0;
const RUNS = 1;
const STOP = 2;

/** In the word of pending: the mark itself, and the first and last vector that come with it, from bit 1 on. */
const MARK = 1;
const FIRST_CARRIED = 32;
const LAST_CARRIED = 61;
const GROUP_CARRIED = 1;
/** Word of a processor's line behind its vectors. */
const GROUPS = VECTORS_PER_PROCESSOR / 32;

const AWAKE = 0;
const PARKED = 1;
const PARKED_WITH_DEADLINE = 2;

/** Number of an agent on the board; see `Agent`. */
export type AgentId = number;

/** The signalling words of one machine, as one thread sees them. */
export class Board {
  readonly words: Int32Array;
  /**
   * A bit for each agent that {@link note} was called for and that was woken through this object since its last turn:
   * who takes the turns of many agents in one thread need not look at each of them. Wakes by other threads, or through
   * other objects, are not in it.
   */
  readonly noted: Int32Array = new Int32Array(MAX_AGENTS / 32);
  /** Vectors that came with marks taken through this object, and that no processor has taken yet. */
  readonly #carried: Int32Array = new Int32Array(MAX_PROCESSORS);
  readonly #notes: Int32Array = new Int32Array(MAX_AGENTS).fill(-1);

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(WORDS * 4)) {
    this.words = new Int32Array(buffer);
  }

  get buffer(): SharedArrayBuffer {
    return this.words.buffer as SharedArrayBuffer;
  }

  /**
   * Has every counter of the board begin at `start` (an int32) instead of 0: publications, turns, runs, the trace
   * sequence. Before anything runs.
   */
  startCounters(start: number): void {
    const { words } = this;
    words[EPOCH] = start;
    words[LINE] = start;
    for (let agent = 0; agent < MAX_AGENTS; agent++) {
      words[AGENTS + agent * LINE + 1] = start;
      words[AGENTS + agent * LINE + 3] = start;
    }
    for (let worker = 0; worker < MAX_WORKERS; worker++) words[WORKERS + worker * LINE + RUNS] = start;
  }

  // --- agents -----------------------------------------------------------------------------------------

  assignWorker(agent: AgentId, worker: number): void {
    this.words[AGENTS + agent * LINE + 2] = worker;
  }

  workerOf(agent: AgentId): number {
    return this.words[AGENTS + agent * LINE + 2];
  }

  /** Makes an agent run soon. Any thread; once per batch, never per frame. */
  wake(agent: AgentId): void {
    // A stray number would fall on some other word of the board: on the epoch, for NaN.
    if (!(agent >= 0 && agent < MAX_AGENTS)) throw new RangeError(`board: no agent ${agent} to wake`);
    this.#mark(agent, MARK);
  }

  /** Puts `bits`, the mark among them, into an agent's word of pending, and rouses its worker if the mark is new. */
  #mark(agent: AgentId, bits: number): void {
    const words = this.words;
    const note = this.#notes[agent];
    if (note >= 0) this.noted[note >> 5] = this.noted[note >> 5] | (1 << (note & 31));
    const at = AGENTS + agent * LINE;
    if (Atomics.or(words, at, bits) !== 0) return; // already on its way
    const worker = words[at + 2];
    if (worker >= 0) this.rouse(worker);
  }

  /** Step b of the sleep protocol: an atomic load, for a plain one could be done before the announcement. */
  isPending(agent: AgentId): boolean {
    return Atomics.load(this.words, AGENTS + agent * LINE) !== 0;
  }

  /** The same as a hint that may be late, at a tenth of the cost: enough for who will look again. */
  looksPending(agent: AgentId): boolean {
    return this.words[AGENTS + agent * LINE] !== 0;
  }

  /** Takes the pending mark off; the agent steps next. */
  takePending(agent: AgentId): boolean {
    const note = this.#notes[agent];
    if (note >= 0) this.noted[note >> 5] = this.noted[note >> 5] & ~(1 << (note & 31));
    const mark = Atomics.exchange(this.words, AGENTS + agent * LINE, 0);
    if (mark > MARK) this.#carried[agent] = this.#carried[agent] | mark;
    return mark !== 0;
  }

  /** Wakes of `agent` are noted as bit `bit` of {@link noted} from now on; -1 = no longer. */
  note(agent: AgentId, bit: number): void {
    this.#notes[agent] = bit;
  }

  /** Counts a turn; only the thread that runs the agent writes here. */
  countTurn(agent: AgentId): void {
    const at = AGENTS + agent * LINE + 3;
    this.words[at] = (this.words[at] + 1) | 0;
  }

  /** Turns an agent has taken, modulo 2^32. */
  turnsOf(agent: AgentId): number {
    return Atomics.load(this.words, AGENTS + agent * LINE + 3);
  }

  // --- publication ------------------------------------------------------------------------------------

  get epoch(): number {
    return Atomics.load(this.words, EPOCH);
  }

  /**
   * The same by a plain load, for who has just taken an agent's pending mark: whoever publishes advances the epoch, then
   * wakes every agent, so with the mark comes the epoch.
   */
  get epochAtWake(): number {
    return this.words[EPOCH];
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
    return Atomics.add(this.words, LINE, 1);
  }

  // --- worker threads ---------------------------------------------------------------------------------

  rouse(worker: number): void {
    const words = this.words;
    const at = WORKERS + worker * LINE + SLEEPING;
    if (Atomics.load(words, at) === AWAKE) return;
    Atomics.store(words, at, AWAKE);
    Atomics.notify(words, at);
  }

  /**
   * Parks the worker: says that it will sleep. It must look for work once more before {@link sleep}, and must
   * {@link leaveSleep} before its next turn whether it slept or not.
   */
  announceSleep(worker: number, withDeadline: boolean): void {
    Atomics.store(
      this.words,
      WORKERS + worker * LINE + SLEEPING,
      withDeadline ? PARKED_WITH_DEADLINE : PARKED,
    );
  }

  /** Waits until roused, or for `milliseconds`. Returns at once if it has been roused since the announcement. */
  sleep(worker: number, milliseconds: number): void {
    const at = WORKERS + worker * LINE + SLEEPING;
    const state = Atomics.load(this.words, at);
    if (state !== AWAKE) Atomics.wait(this.words, at, state, milliseconds);
  }

  /** Ends the parked state. The order of the two writes is part of the argument at the head of this file. */
  leaveSleep(worker: number): void {
    const at = WORKERS + worker * LINE;
    Atomics.store(this.words, at + SLEEPING, AWAKE);
    Atomics.add(this.words, at + RUNS, 1);
  }

  /** True while the worker is parked without a deadline. */
  isParked(worker: number): boolean {
    return Atomics.load(this.words, WORKERS + worker * LINE + SLEEPING) === PARKED;
  }

  /** There are `count` worker threads from now on; only the thread that starts them says so. */
  countWorkers(count: number): void {
    Atomics.store(this.words, WORKER_COUNT, count);
  }

  /**
   * How many worker threads are awake, working or spinning, as far as plain loads tell: a spinning one that finds more
   * of them than cores keeps somebody from working.
   */
  awakeWorkers(): number {
    const words = this.words;
    const count = words[WORKER_COUNT];
    let awake = 0;
    for (let at = WORKERS; at < WORKERS + count * LINE; at += LINE) if (words[at] === AWAKE) awake++;
    return awake;
  }

  runs(worker: number): number {
    return Atomics.load(this.words, WORKERS + worker * LINE + RUNS);
  }

  /**
   * True if there was an instant during this call at which the first `workers` workers all were parked without a
   * deadline and none of `agents` was pending. The argument stands at the head of this file.
   */
  atRest(workers: number, agents: readonly AgentId[]): boolean {
    let runs = 0;
    for (let worker = 0; worker < workers; worker++) {
      runs = (runs + this.runs(worker)) | 0;
      if (!this.isParked(worker)) return false;
    }
    for (const agent of agents) if (this.isPending(agent)) return false;
    for (let worker = 0; worker < workers; worker++) runs = (runs - this.runs(worker)) | 0;
    // Counts only grow: the sums are equal only if each of them is.
    return runs === 0;
  }

  /** Index in {@link words} of what {@link requestStop} writes for a worker. */
  stopWord(worker: number): number {
    return WORKERS + worker * LINE + STOP;
  }

  requestStop(worker: number): void {
    Atomics.store(this.words, WORKERS + worker * LINE + STOP, 1);
    this.rouse(worker);
  }

  mustStop(worker: number): boolean {
    return Atomics.load(this.words, WORKERS + worker * LINE + STOP) !== 0;
  }

  // --- interrupts -------------------------------------------------------------------------------------

  /**
   * Makes a vector pending on a processor and wakes its agent, in one go where the mark has a bit for the vector.
   * Whoever takes the mark finds the vector.
   */
  raise(processor: number, vector: number): void {
    if (vector >= FIRST_CARRIED && vector <= LAST_CARRIED) {
      this.#mark(processor, MARK | (2 << (vector - FIRST_CARRIED)));
      return;
    }
    this.setVector(processor, vector);
    this.#mark(processor, MARK);
  }

  /** Sets a vector pending; true if it was not pending before. */
  setVector(processor: number, vector: number): boolean {
    const bit = 1 << (vector & 31);
    const at = PROCESSORS + processor * LINE;
    const before = Atomics.or(this.words, at + (vector >>> 5), bit);
    Atomics.or(this.words, at + GROUPS, 1 << (vector >>> 5));
    return (before & bit) === 0;
  }

  /**
   * Groups of 32 vectors that may have one pending, a bit each. A plain look is enough: who raises a vector wakes the agent
   * after it.
   */
  takeGroups(processor: number): number {
    const word = PROCESSORS + processor * LINE + GROUPS;
    const groups = this.words[word] === 0 ? 0 : Atomics.exchange(this.words, word, 0);
    return groups | (1 << GROUP_CARRIED);
  }

  /** Takes 32 pending vectors at once: bits of vectors 32 * group .. 32 * group + 31. */
  takeVectors(processor: number, group: number): number {
    const words = this.words;
    const word = PROCESSORS + processor * LINE + group;
    const bits = words[word] === 0 ? 0 : Atomics.exchange(words, word, 0);
    return group === GROUP_CARRIED ? bits | this.#takeCarried(processor) : bits;
  }

  /** Those that came with a mark: with the one that was taken for this turn, or since. */
  #takeCarried(processor: number): number {
    const words = this.words;
    const at = AGENTS + processor * LINE;
    let mark = this.#carried[processor];
    this.#carried[processor] = 0;
    if (words[at] > MARK) mark |= Atomics.and(words, at, MARK);
    return mark >>> 1;
  }
}
