/**
 * The receive path of one queue: completions in, a chain of NBLs up.
 *
 *   completion k ──> guard ──> NBL: queue, tag, filter slot, hash, stamp, verdict, checksum results
 *                          └─> NB, MDL: the buffer in descriptor k (a split frame has two MDLs)
 *   chain of one queue ──> trace, if it is on ──> NdisMIndicateReceiveNetBufferLists
 *
 * {@link ReceiveQueue.receive} is the loop. What is rare is a function that it calls: a damaged completion, a split frame,
 * buffers that came back on another processor. How buffers get to the device is in `receive-buffers.ts`.
 *
 * NBLs come from a last-in-first-out pool that all queues of the processor share and that holds an NBL for each of their
 * buffers. A frame's NBL keeps its queue and buffer in `originatorReserved`, which is the miniport's own and survives
 * whatever a protocol does to the queue id (RX-17). A queue that moves to another processor leaves this object behind
 * until its NBLs are back; their buffers then follow the queue (`remote-returns.ts`).
 *
 * IRQL: DISPATCH_LEVEL, on the processor that serves the queue.
 */
import {
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID,
  NDIS_RECEIVE_FLAGS_SINGLE_QUEUE,
} from '@vmq/abi';
import {
  filteringInfo,
  ieee8021QFromTci,
  type NetBufferList,
  type NetBufferListPool,
  NetBufferListQueue,
  type ReceiveSink,
} from '@vmq/ddi';
import type { AgentContext } from '@vmq/machine';
import {
  COMPLETION_BYTES,
  type NicRegisters,
  REG,
  RX_QUEUE_STRIDE,
  RXC_HASH,
  RXC_LENGTH_STATUS,
  RXC_STAMP,
  RXC_VERDICT,
  RXC_VLAN,
  RXC_VLAN_FILTER,
} from '@vmq/nic';
import { advance, distance, type Ring } from '../hardware/ring.ts';
import { CHECKSUM_RESULTS, receiveChecksumInfo } from '../model/checksum-info.ts';
import { DROPPED_RESET } from '../model/drop-reasons.ts';
import {
  FORGOTTEN,
  PRIMED,
  type ReceiveQueueImage,
  STATE_CONSUMED,
  STATE_OUTSTANDING,
  STATE_POSTED,
  STATE_PRIMED,
} from '../model/queue-image.ts';
import {
  COMPLETION_MASK,
  CompletionGuard,
  greatestCompletion,
  LEAST_COMPLETION,
} from './completion-guard.ts';
import { describeSplit, ownerOf, ReceiveBuffers, receiveRing } from './receive-buffers.ts';
import { ReceiveTrace } from './receive-trace.ts';
import { RemoteReturns } from './remote-returns.ts';

const COMPLETION_WORDS = COMPLETION_BYTES >> 2;
const INDICATION_FLAGS =
  (NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL |
    NDIS_RECEIVE_FLAGS_SINGLE_QUEUE |
    NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID) >>>
  0;

/** What all receive queues of a processor share. */
export interface ReceiveParts {
  readonly context: AgentContext;
  readonly registers: NicRegisters;
  /** Holds an NBL for each buffer of each queue that is served. */
  readonly pool: NetBufferListPool;
  readonly upcalls: ReceiveSink;
}

export class ReceiveQueue {
  readonly queueId: number;
  /** NBLs of this queue that this processor may have to indicate at once: its buffers. */
  readonly ringEntries: number;
  /** NBLs that this processor indicated and has not got back. */
  held = 0;
  /** How many of them the control path knows of, and whether an indication is under way. */
  #shown = 0;
  #isIndicating = false;
  /** False once the queue has moved on or is being freed. */
  isServed = true;
  /** It may have frames, or remote returns: the next DPC looks. `ready-list.ts` writes it. */
  isReady = false;
  /** Of its interrupt. */
  readonly vector: number;
  /** Its place in the processor's table of queues. */
  readonly slot: number;
  readonly #reach: (mark: string) => void;
  readonly #host: Int32Array;
  readonly #state: Int32Array;
  readonly #completionOffset: number;
  readonly #bufferBytes: number;
  readonly #ring: Ring;
  readonly #buffers: ReceiveBuffers;
  readonly #guard: CompletionGuard;
  readonly #remote: RemoteReturns;
  readonly #trace: ReceiveTrace;
  readonly #registers: NicRegisters;
  readonly #arm: number;
  readonly #consumedRegister: number;
  readonly #pool: NetBufferListPool;
  readonly #upcalls: ReceiveSink;

  constructor(parts: ReceiveParts, image: ReceiveQueueImage, slot: number) {
    const { context, registers } = parts;
    const { machine } = context;
    this.queueId = image.queueId;
    this.vector = image.vector;
    this.ringEntries = image.ringEntries;
    this.slot = slot;
    this.#reach = machine.reach;
    this.#host = machine.memory.host.i32;
    this.#state = new Int32Array(image.state);
    this.#completionOffset = image.completionOffset;
    this.#bufferBytes = image.buffers.bufferBytes;
    this.#ring = receiveRing(context, registers, image);
    this.#buffers = new ReceiveBuffers(machine.memory, image, this.#ring, registers);
    this.#guard = new CompletionGuard(context, image, this.#ring, registers);
    this.#remote = new RemoteReturns(context, image);
    this.#trace = new ReceiveTrace(context, image.queueId);
    this.#registers = registers;
    this.#arm = REG.RXARM + image.hardwareQueue * RX_QUEUE_STRIDE;
    this.#consumedRegister = REG.RCT + image.hardwareQueue * RX_QUEUE_STRIDE;
    this.#pool = parts.pool;
    this.#upcalls = parts.upcalls;
    const primed = this.#state[STATE_PRIMED];
    if (primed === FORGOTTEN) this.#countLostInReset(context);
    // The device counts from here once it was enabled, or reset.
    const start = machine.counters.words;
    if (primed === FORGOTTEN) this.#buffers.postAgain(start);
    else if (primed !== PRIMED) this.#buffers.postAll(start);
    this.#state[STATE_PRIMED] = PRIMED;
  }

  // --- completions to NBLs -----------------------------------------------------------------------------

  /**
   * Indicates up to `budget` frames, in arrival order, as one chain of this queue alone. Returns how many completions it
   * took. Collects remote returns, whatever the budget.
   */
  receive(budget: number): number {
    if (this.#remote.isWaiting) this.#collectReturns();
    const count = Math.min(this.waiting(), budget);
    const chain = this.#pool.peekChain(count);
    if (chain === null) return 0;

    // Computed before the loop, for what is computed V8 keeps as an integer; a field it checks again for each frame.
    const host = this.#host;
    const completions = this.#completionOffset >> 2;
    const filtering = filteringInfo(this.queueId, 0);
    const owner = ownerOf(this.slot, 0);
    const greatest = greatestCompletion(this.#bufferBytes);
    const { slots, offsets, restOffsets, sharedMemory, isSplit } = this.#buffers;
    const { firstSegment, restSegment, firstBytes } = this.#buffers;
    const mask = this.#ring.entries - 1;
    let slot = this.#ring.consumed & mask;
    let doubt = 0;
    let last = chain;
    for (let nbl = chain, left = count; left > 0; left--) {
      const buffer = slots[slot];
      const completion = completions + slot * COMPLETION_WORDS;
      const status = host[completion + RXC_LENGTH_STATUS];
      const tagAndFilter = host[completion + RXC_VLAN_FILTER];
      const length = status & 0xffff;

      nbl.filteringInfo = filtering;
      nbl.ieee8021QInfo = (status & RXC_VLAN) !== 0 ? ieee8021QFromTci(tagAndFilter & 0xffff) : 0;
      nbl.checksumInfo = (status & CHECKSUM_RESULTS) !== 0 ? receiveChecksumInfo(status) : 0;
      nbl.hashValue = host[completion + RXC_HASH];
      nbl.stamp = host[completion + RXC_STAMP];
      nbl.filterSlot = tagAndFilter >> 16;
      nbl.receiveVerdict = host[completion + RXC_VERDICT];
      nbl.originatorReserved = owner | buffer;

      const netBuffer = nbl.firstNetBuffer;
      netBuffer.dataOffset = 0;
      netBuffer.dataLength = length;
      netBuffer.sharedMemoryInfo = sharedMemory[buffer];
      const { mdl } = netBuffer;
      mdl.byteOffset = offsets[buffer];
      mdl.byteCount = length;
      // To store a reference costs more than to find it there from the last time.
      if (mdl.segment !== firstSegment) mdl.segment = firstSegment;
      if (isSplit === true) describeSplit(nbl, restOffsets[buffer], firstBytes, restSegment);
      else if (mdl.next !== null) mdl.next = null;

      // Negative as soon as one completion cannot be believed.
      const checked = status & COMPLETION_MASK;
      doubt |= (checked - LEAST_COMPLETION) | (greatest - checked);
      last = nbl;
      nbl = nbl.next as NetBufferList;
      slot = (slot + 1) & mask;
    }
    this.#pool.cutChain(last, count);
    if (doubt < 0) return this.#receiveSound(chain);
    this.#ring.consumed = advance(this.#ring.consumed, count);
    this.#indicate(chain, count);
    return count;
  }

  /** Indicates a chain. NBLs that come back meanwhile, as most do, are never outstanding for anybody else. */
  #indicate(chain: NetBufferList, count: number): void {
    this.held += count;
    this.#isIndicating = true;
    if (this.#trace.isOn) this.#trace.indicated(chain, count, INDICATION_FLAGS);
    this.#upcalls.receiveNetBufferLists(chain, 0, count, INDICATION_FLAGS);
    this.#isIndicating = false;
    this.#showHeld();
  }

  /**
   * The control path looks for what is outstanding once it has published that the queue is to rest, and so between the
   * turns of this processor. When it finds none it may free what was written to before this.
   */
  #showHeld(): void {
    const more = this.held - this.#shown;
    if (more === 0) return;
    this.#shown = this.held;
    Atomics.add(this.#state, STATE_OUTSTANDING, more);
  }

  /**
   * The end of {@link receive} when completions behind the chain are damaged: their frames are lost, their buffers posted
   * again; and it ends where the device's own count does.
   */
  #receiveSound(chain: NetBufferList): number {
    const guard = this.#guard;
    const ring = this.#ring;
    const made = guard.made();
    const sound = new NetBufferListQueue();
    const unused = new NetBufferListQueue();
    const { batch } = this.#buffers;
    let lost = 0;
    let taken = 0;
    let ended = false;
    for (let nbl: NetBufferList | null = chain; nbl !== null; ) {
      const next: NetBufferList | null = nbl.next;
      const position = advance(ring.consumed, taken);
      const isSound: boolean = !ended && guard.isSound(position);
      ended ||= !isSound && taken >= made;
      if (!isSound && !ended) {
        batch[lost] = this.#buffers.bufferAt(position);
        this.#trace.damaged(batch[lost++], guard.wordAt(position));
      }
      if (!ended) taken++;
      (isSound ? sound : unused).append(nbl);
      nbl = next;
    }
    const { count } = sound;
    ring.consumed = advance(ring.consumed, taken);
    guard.countLost(lost);
    if (lost > 0) this.#buffers.post(lost);
    if (ended) guard.correctHead();
    if (unused.first !== null) this.#pool.giveChain(unused.first, unused.last as NetBufferList, unused.count);
    this.#reach('miniport.completion-damaged');
    if (sound.first !== null) this.#indicate(sound.first, count);
    return taken;
  }

  /** Indicates what waits now; a device that goes on receiving does not keep it busy forever. */
  drain(budget: number): void {
    for (let left = this.waiting(); left > 0; ) {
      const taken = this.receive(Math.min(left, budget));
      if (taken === 0) return;
      left -= taken;
    }
  }

  // --- what is there, and who is told ------------------------------------------------------------------

  /** Completions waiting to be indicated. */
  waiting(): number {
    const ring = this.#ring;
    const { head } = ring;
    return ring.allows(head) ? distance(ring.consumed, head) : this.#guard.correctHead();
  }

  /** Looks if the device has completed more (or less) than it was heard of. */
  poll(): void {
    this.#guard.compareHead();
  }

  /**
   * An interrupt came on its vector, which others share: was it this queue's, or have buffers come back? A queue that has
   * interrupted is not armed; or it was armed anew since, and then it interrupts again if it was not found empty.
   * Plain loads: what was written before a message is there for the processor that took its vector. A queue that is found
   * ready too early is only looked at once more.
   */
  get hasWork(): boolean {
    return this.#registers.peek32(this.#arm) === 0 || this.#remote.isWaiting;
  }

  /** True if nothing seems to wait. It may be late: the device looks again when it is armed. */
  get looksEmpty(): boolean {
    return this.#ring.looksEmpty;
  }

  /** Asks for an interrupt at the next completion; at once, if there is one by now that was not consumed. */
  arm(): void {
    this.#registers.write32(this.#consumedRegister, this.#ring.consumed);
    this.#registers.write32(this.#arm, 1);
  }

  // --- NBLs and buffers that come back -----------------------------------------------------------------

  /**
   * Accepts the leading NBLs of `chain` that are this queue's: their buffers go to the ring, with one doorbell, or to
   * the processor that serves the queue now. Returns the first NBL that is not this queue's.
   */
  acceptReturned(chain: NetBufferList): NetBufferList | null {
    const { batch } = this.#buffers;
    const { slot } = this;
    let count = 0;
    let last = chain;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      const owner = nbl.originatorReserved;
      if (owner >>> 16 !== slot) break;
      batch[count++] = owner & 0xffff;
      last = nbl;
    }
    const { next } = last;
    if (this.isServed) this.#postReturned(chain, count);
    else this.#sendAfter(count);
    this.#pool.giveChain(chain, last, count);
    this.held -= count;
    if (!this.#isIndicating) this.#showHeld();
    return next;
  }

  #postReturned(chain: NetBufferList, count: number): void {
    const { posted, mask } = this.#ring;
    this.#buffers.post(count);
    if (this.#trace.isOn) this.#trace.returned(chain, count, posted & mask, mask);
  }

  /** The queue has moved on: the first `count` buffers of the batch follow it. */
  #sendAfter(count: number): void {
    this.#reach('miniport.buffer-comes-back-elsewhere');
    for (let i = 0; i < count; i++) this.#remote.put(this.#buffers.batch[i]);
    this.#remote.notify();
  }

  /** Posts the buffers that came back on processors the queue has left. */
  #collectReturns(): void {
    const { batch } = this.#buffers;
    let count = 0;
    while (this.#remote.isWaiting) {
      const buffer = this.#remote.collect();
      if (buffer < 0) break;
      batch[count++] = buffer;
    }
    if (count === 0) return;
    this.#reach('miniport.buffers-collected');
    this.#buffers.post(count);
  }

  // --- its end on this processor -----------------------------------------------------------------------

  /** This processor indicates nothing of the queue any more; what it holds may still come back. */
  leave(): void {
    // After a reset the device will not know any more what it had completed.
    this.poll();
    this.isServed = false;
    this.#state[STATE_CONSUMED] = this.#ring.consumed;
    this.#state[STATE_POSTED] = this.#ring.posted;
    this.#remote.leave();
  }

  /** Frames that nobody could indicate before the reset (the device hung) are lost. */
  #countLostInReset({ machine, counters }: AgentContext): void {
    machine.reach('miniport.ring-posted-again');
    const lost = this.waiting();
    if (lost <= 0) return;
    machine.reach('miniport.frames-lost-in-reset');
    const column = machine.ledger.column(DROPPED_RESET);
    counters[column] = counters[column] + lost;
  }
}
