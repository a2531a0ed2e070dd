/**
 * The data half of one receive queue: completions in, a chain of NBLs up, buffers back to the ring.
 *
 *             posted                          consumed        head (written back by the device)
 *   ring  ──────┬────────────────────────────────┬───────────────┬──────
 *               │   descriptors the device owns  │ to indicate   │
 *               └──────────────<─────────────────┴───────<───────┘  (free-running, entry = index & mask)
 *
 * Completion k answers descriptor k, so the slot tells the buffer. NBLs come from a last-in-first-out pool that
 * all queues of the processor share and that holds an NBL for each of their buffers; a frame's NBL remembers its
 * queue and buffer in `originatorReserved`, which is the miniport's own and survives whatever a protocol does to
 * the queue id (RX-17).
 *
 * A queue that moves to another processor leaves this object behind until its NBLs are back: their buffers then
 * follow the queue (`remote-returns.ts`).
 */
import {
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID,
  NDIS_RECEIVE_FLAGS_SINGLE_QUEUE,
} from '@vmq/abi';
import type { NetBufferList, NetBufferListPool, ReceiveSink } from '@vmq/ddi';
import type { AgentContext } from '@vmq/machine';
import { type NicRegisters, REG, RX_QUEUE_STRIDE } from '@vmq/nic';
import { DROPPED_RESET } from '../model/drop-reasons.ts';
import {
  FORGOTTEN,
  PRIMED,
  type ReceiveQueueImage,
  STATE_COLLECTED,
  STATE_CONSUMED,
  STATE_OUTSTANDING,
  STATE_POSTED,
  STATE_PRIMED,
} from '../model/queue-image.ts';
import { CompletionGuard } from './completion-guard.ts';
import type { FrameLoops } from './frame-loops.ts';
import { NBL_TAG, QueueBuffers } from './queue-buffers.ts';
import { ReceiveTrace } from './receive-trace.ts';
import { AwayReturns } from './remote-returns.ts';

const INDICATION_FLAGS =
  (NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL |
    NDIS_RECEIVE_FLAGS_SINGLE_QUEUE |
    NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID) >>>
  0;

export class ReceiveQueue {
  readonly queueId: number;
  /** NBLs of this queue that this processor may have to indicate at once: its buffers. */
  readonly ringEntries: number;
  /** NBLs that this processor indicated and has not got back. */
  held = 0;
  /** How many of them the control half knows of, and whether an indication is under way. */
  #shown = 0;
  #isIndicating = false;
  /** False once the queue has moved on or is being freed. */
  isServed = true;
  /** It may have frames, or buffers that came back elsewhere: the next DPC looks. `ready-list.ts` writes it. */
  isDue = false;
  /** Of its interrupt. */
  readonly vector: number;
  readonly #reach: (mark: string) => void;
  readonly #host: Int32Array;
  readonly #state: Int32Array;
  readonly #buffers: QueueBuffers;
  readonly #loops: FrameLoops;
  readonly #away: AwayReturns;
  readonly #guard: CompletionGuard;
  readonly #trace: ReceiveTrace;
  readonly #statusWord: number;
  readonly #registers: NicRegisters;
  readonly #doorbell: number;
  readonly #arm: number;
  readonly #consumedRegister: number;
  readonly #pool: NetBufferListPool;
  readonly #upcalls: ReceiveSink;
  #consumed: number;
  #posted: number;
  #collected: number;

  constructor(
    context: AgentContext,
    image: ReceiveQueueImage,
    slot: number,
    pool: NetBufferListPool,
    loops: FrameLoops,
    registers: NicRegisters,
    upcalls: ReceiveSink,
  ) {
    const { memory } = context.machine;
    this.#reach = context.machine.reach;
    this.queueId = image.queueId;
    this.vector = image.vector;
    this.ringEntries = image.ringEntries;
    this.#host = memory.host.i32;
    this.#state = new Int32Array(image.state);
    this.#loops = loops;
    this.#away = new AwayReturns(context, image, this.#state);
    const { bufferBytes } = image.buffers;
    this.#guard = new CompletionGuard(context, image, this.#state, registers, bufferBytes);
    this.#buffers = new QueueBuffers(memory, image, this.#state, slot, this.#guard);
    this.#trace = new ReceiveTrace(context, image.queueId);
    this.#statusWord = image.statusOffset >> 2;
    this.#registers = registers;
    this.#doorbell = REG.RDT + image.hardwareQueue * RX_QUEUE_STRIDE;
    this.#arm = REG.RXARM + image.hardwareQueue * RX_QUEUE_STRIDE;
    this.#consumedRegister = REG.RCT + image.hardwareQueue * RX_QUEUE_STRIDE;
    this.#pool = pool;
    this.#upcalls = upcalls;
    this.#consumed = this.#state[STATE_CONSUMED];
    this.#posted = this.#state[STATE_POSTED];
    this.#collected = this.#state[STATE_COLLECTED];
    const primed = this.#state[STATE_PRIMED];
    const start = context.machine.counters.words;
    if (primed === 0) this.#prime(start);
    else if (primed === FORGOTTEN) this.#postAgain(context, start);
  }

  /** Gives the device every buffer: once in a queue's life, before the device is told to use the queue. */
  #prime(start: number): void {
    const { count } = this.#buffers;
    // Whatever the memory was used for before, no completion has been written yet.
    this.#host[this.#statusWord] = start;
    for (let buffer = 0; buffer < count; buffer++) this.#buffers.post((start + buffer) | 0, buffer);
    this.#consumed = start;
    this.#posted = (start + count) | 0;
    this.#state[STATE_PRIMED] = PRIMED;
    this.#registers.write32(this.#doorbell, this.#posted);
  }

  /**
   * The device was reset or powered down and counts from the start again: what lay in the ring is posted anew, before the
   * device is told to use the queue. Frames that nobody could indicate before (the device hung) are lost.
   */
  #postAgain(context: AgentContext, start: number): void {
    const lost = this.waiting();
    context.machine.reach('miniport.ring-posted-again');
    if (lost > 0) {
      const { counters, machine } = context;
      machine.reach('miniport.frames-lost-in-reset');
      const column = machine.ledger.column(DROPPED_RESET);
      counters[column] = counters[column] + lost;
    }
    const buffers: number[] = [];
    for (let at = this.#consumed; at !== this.#posted; at = (at + 1) | 0)
      buffers.push(this.#buffers.bufferAt(at));
    this.#host[this.#statusWord] = start;
    buffers.forEach((buffer, i) => {
      this.#buffers.post((start + i) | 0, buffer);
    });
    this.#consumed = start;
    this.#posted = (start + buffers.length) | 0;
    this.#state[STATE_PRIMED] = PRIMED;
    this.#registers.write32(this.#doorbell, this.#posted);
  }

  /** Completions waiting to be indicated. */
  waiting(): number {
    const consumed = this.#consumed;
    const posted = this.#posted;
    const count = (Atomics.load(this.#host, this.#statusWord) - consumed) | 0;
    // More than were posted, or less than none.
    if (count >>> 0 > (posted - consumed) >>> 0) return this.#guard.correctHead(consumed, posted);
    return count;
  }

  /** Looks if the device has completed more (or less) than it was heard of. */
  poll(): void {
    this.#guard.compareHead(this.#consumed, this.#posted);
  }

  /**
   * An interrupt came on its vector, which others share: was it this queue's, or have buffers come back? A queue that has
   * interrupted is not armed; or it was armed anew since, and then it interrupts again if it was not found empty.
   * Plain loads: what was written before a message is there for who took its vector. What is seen too early is dealt
   * with too early.
   */
  get hasWork(): boolean {
    return this.#registers.peek32(this.#arm) === 0 || this.#away.isWaiting(this.#collected);
  }

  /** True if nothing seems to wait. It may be late: the device looks again when it is armed. */
  get looksEmpty(): boolean {
    return this.#host[this.#statusWord] === this.#consumed;
  }

  /** Asks for an interrupt at the next completion; at once, if there is one by now that was not consumed. */
  arm(): void {
    this.#registers.write32(this.#consumedRegister, this.#consumed);
    this.#registers.write32(this.#arm, 1);
  }

  /**
   * Indicates up to `budget` frames, in arrival order, as one chain of this queue alone. Returns how many. Takes in
   * buffers that came back elsewhere, whatever the budget.
   */
  indicate(budget: number): number {
    if (this.#away.isWaiting(this.#collected)) this.#collect();
    let count = this.waiting();
    if (count > budget) count = budget;
    const chain = this.#pool.peekChain(count);
    if (chain === null) return 0;

    const loops = this.#loops;
    const consumed = this.#consumed;
    const doubt = loops.describe(this.#buffers, chain, count, consumed);
    this.#pool.cutChain(loops.last as NetBufferList, count);
    if (doubt < 0) return this.#indicateSound(chain);
    this.#consumed = (consumed + count) | 0;
    this.#handUp(chain, count);
    return count;
  }

  /** Indicates a chain. NBLs that come back meanwhile, as most do, are never outstanding for anybody else. */
  #handUp(chain: NetBufferList, count: number): void {
    this.held += count;
    this.#isIndicating = true;
    if (this.#trace.isOn) this.#trace.indicated(chain, count, INDICATION_FLAGS);
    this.#upcalls.receiveNetBufferLists(chain, 0, count, INDICATION_FLAGS);
    this.#isIndicating = false;
    this.#showHeld();
  }

  /**
   * The control half looks for what is outstanding once it has published that the queue is to rest, and so between the
   * turns of this processor. When it finds none it may free what was written to before this.
   */
  #showHeld(): void {
    const more = this.held - this.#shown;
    if (more === 0) return;
    this.#shown = this.held;
    Atomics.add(this.#state, STATE_OUTSTANDING, more);
  }

  /**
   * What {@link indicate} does when some of the completions behind the chain are damaged: their frames are lost, their
   * buffers posted again; and it ends where the device's own count does.
   */
  #indicateSound(chain: NetBufferList): number {
    const guard = this.#guard;
    const first = this.#consumed;
    const made = guard.made(first, this.#posted);
    const sound: NetBufferList[] = [];
    const unused: NetBufferList[] = [];
    let taken = 0;
    let ended = false;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      const position = (first + taken) | 0;
      const isSound: boolean = !ended && guard.isSound(position);
      ended ||= !isSound && taken >= made;
      if (isSound) sound.push(nbl);
      else {
        unused.push(nbl);
        if (!ended) this.#loseFrame(position);
      }
      if (!ended) taken++;
    }
    this.#consumed = (first + taken) | 0;
    guard.countLost(taken - sound.length);
    if (taken !== sound.length) this.#registers.write32(this.#doorbell, this.#posted);
    if (ended) guard.correctHead(this.#consumed, this.#posted);
    if (unused.length > 0) this.#pool.giveChain(link(unused), unused.at(-1) as NetBufferList, unused.length);
    this.#reach('miniport.completion-damaged');
    if (sound.length === 0) return taken;
    this.#handUp(link(sound), sound.length);
    return taken;
  }

  /** Posts the buffer again that the completion at `position` was about. */
  #loseFrame(position: number): void {
    const buffer = this.#buffers.bufferAt(position);
    this.#trace.damaged(buffer, this.#guard.wordAt(position));
    this.#buffers.post(this.#posted, buffer);
    this.#posted = (this.#posted + 1) | 0;
  }

  /** Indicates what waits now; a device that goes on receiving does not keep it busy forever. */
  drain(budget: number): void {
    for (let left = this.waiting(); left > 0; ) {
      const taken = this.indicate(Math.min(left, budget));
      if (taken === 0) return;
      left -= taken;
    }
  }

  /**
   * Takes back the leading NBLs of `chain` that are this queue's: their buffers go to the ring, with one doorbell,
   * or to wherever the queue is served now. Returns the first NBL that is not.
   */
  takeBack(chain: NetBufferList): NetBufferList | null {
    if (!this.isServed || this.#trace.isOn) return this.#takeBackOneByOne(chain);
    const loops = this.#loops;
    const before = this.#posted;
    this.#posted = loops.post(this.#buffers, chain, before);
    this.#finishReturn(chain, loops.last as NetBufferList, (this.#posted - before) | 0);
    return loops.next;
  }

  #takeBackOneByOne(chain: NetBufferList): NetBufferList | null {
    const tag = this.#buffers.numbers[NBL_TAG];
    const tracing = this.#trace.isOn;
    let count = 0;
    let last = chain;
    let nbl: NetBufferList | null = chain;
    for (; nbl !== null && (nbl.originatorReserved & ~0xffff) === tag; nbl = nbl.next) {
      const buffer = nbl.originatorReserved & 0xffff;
      if (this.isServed) {
        if (tracing) this.#trace.returned(nbl.stamp, buffer, this.#posted & this.#buffers.mask);
        this.#buffers.post(this.#posted, buffer);
        this.#posted = (this.#posted + 1) | 0;
      } else this.#away.put(buffer);
      last = nbl;
      count++;
    }
    this.#finishReturn(chain, last, count);
    return nbl;
  }

  /** `count` NBLs' buffers are in the ring again, or away: the NBLs go to the pool, and whoever must hear of it does. */
  #finishReturn(chain: NetBufferList, last: NetBufferList, count: number): void {
    this.#pool.giveChain(chain, last, count);
    this.held -= count;
    if (this.isServed) this.#registers.write32(this.#doorbell, this.#posted);
    else {
      this.#reach('miniport.buffer-comes-back-elsewhere');
      this.#away.tell();
    }
    if (!this.#isIndicating) this.#showHeld();
  }

  /** This processor indicates nothing of the queue any more; what it holds may still come back. */
  leave(): void {
    // After a reset the device will not know any more what it had completed.
    this.poll();
    this.isServed = false;
    this.#state[STATE_CONSUMED] = this.#consumed;
    this.#state[STATE_POSTED] = this.#posted;
    this.#state[STATE_COLLECTED] = this.#collected;
  }

  /** Posts the buffers that came back on processors the queue has left. */
  #collect(): void {
    const away = this.#away;
    const before = this.#posted;
    while (away.isWaiting(this.#collected)) {
      const buffer = away.take(this.#collected);
      if (buffer < 0) break; // reserved and not written yet: its processor interrupts when it is
      this.#collected = (this.#collected + 1) | 0;
      this.#buffers.post(this.#posted, buffer);
      this.#posted = (this.#posted + 1) | 0;
    }
    if (this.#posted === before) return;
    this.#reach('miniport.buffers-collected');
    this.#registers.write32(this.#doorbell, this.#posted);
  }
}

/** Makes a chain of at least one NBL. */
function link(nbls: readonly NetBufferList[]): NetBufferList {
  nbls.forEach((nbl, i) => {
    nbl.next = nbls[i + 1] ?? null;
  });
  return nbls[0];
}
