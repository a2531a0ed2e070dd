/**
 * A processor's way to the adapter: buffers in host memory into which guests' frames are copied, and pooled NBLs
 * that describe those which leave.
 *
 *   free ──poll──> filled by the channel ──┬─ stays in the switch ─────────────────────> free
 *                                                 └─ append ─> chain ─> sendNetBufferLists ─ … ─ complete ─> free
 *
 * Out of buffers, guests' packets stay in their rings; whoever found none is told when some come back.
 */
import {
  NDIS_SEND_FLAGS_DISPATCH_LEVEL,
  NDIS_SEND_FLAGS_SINGLE_QUEUE,
  NDIS_STATUS_LOW_POWER_STATE,
  NDIS_STATUS_PAUSED,
} from '@vmq/abi';
import {
  filteringInfo,
  ieee8021QFromTci,
  type NetBufferList,
  NetBufferListPool,
  type SendSink,
} from '@vmq/ddi';
import type { MemorySegment } from '@vmq/machine';
import type { GuestFrameBatch } from '@vmq/netvsc';
import type { DispositionCounters } from '../model/disposition-counters.ts';
import { DROP_EXTERNAL_NOT_RUNNING } from '../model/drop-reasons.ts';
import type { SendBuffersImage } from '../model/messages.ts';

/** Words between two processors' counts of outstanding sends. */
export const OUTSTANDING_STRIDE = 16;

/** Somebody who left frames where they were because there was no buffer. */
export interface BufferWaiter {
  buffersAvailable(): void;
}

export class SendPath {
  readonly #downcalls: SendSink;
  readonly #host: MemorySegment;
  readonly #dispositions: DispositionCounters;
  readonly #frames: GuestFrameBatch;
  readonly #outstandingWords: Int32Array;
  readonly #outstandingAt: number;
  readonly #pool: NetBufferListPool;
  #outstanding = 0;
  /** The chain under construction. */
  #head: NetBufferList | null = null;
  #last: NetBufferList | null = null;
  #waiters: BufferWaiter[] = [];

  constructor(
    downcalls: SendSink,
    host: MemorySegment,
    dispositions: DispositionCounters,
    frames: GuestFrameBatch,
    outstanding: { readonly words: Int32Array; readonly processor: number },
  ) {
    this.#downcalls = downcalls;
    this.#host = host;
    this.#dispositions = dispositions;
    this.#frames = frames;
    this.#outstandingWords = outstanding.words;
    this.#outstandingAt = outstanding.processor * OUTSTANDING_STRIDE;
    this.#pool = new NetBufferListPool(0, host);
  }

  /** Takes over the buffers the control path gave this processor; later calls change nothing. */
  load(image: SendBuffersImage | null): void {
    const frames = this.#frames;
    if (image === null || frames.buffers.length !== 0) return;
    frames.buffers = Int32Array.from(image.offsets);
    frames.bufferCount = frames.buffers.length;
    this.#pool.grow(frames.buffers.length, this.#host);
  }

  /** The buffer at `offset` is free again. */
  give(offset: number): void {
    const frames = this.#frames;
    frames.buffers[frames.bufferCount++] = offset;
  }

  /** Has `waiter` told, once, when buffers come back. */
  wait(waiter: BufferWaiter): void {
    if (!this.#waiters.includes(waiter)) this.#waiters.push(waiter);
  }

  /** Adds the frame in the buffer at `offset` to the chain; the buffer is the adapter's until completion. */
  append(offset: number, length: number, tci: number, queueId: number, stamp: number): void {
    // As many NBLs as buffers, and each frame has a buffer: there is always one.
    const nbl = this.#pool.take() as NetBufferList;
    const nb = nbl.firstNetBuffer;
    nb.mdl.byteOffset = offset;
    nb.mdl.byteCount = length;
    nb.dataOffset = 0;
    nb.dataLength = length;
    nbl.ieee8021QInfo = tci === 0 ? 0 : ieee8021QFromTci(tci);
    nbl.filteringInfo = filteringInfo(queueId, 0);
    nbl.checksumInfo = 0;
    nbl.stamp = stamp;
    nbl.filterSlot = -1;
    nbl.status = 0;
    nbl.protocolReserved = offset;
    if (this.#last === null) this.#head = nbl;
    else this.#last.next = nbl;
    this.#last = nbl;
    this.#outstanding++;
  }

  /** Sends the chain; all its frames carry `queueId` (TX-02). */
  flush(queueId: number): void {
    const chain = this.#head;
    if (chain === null) return;
    this.#head = this.#last = null;
    Atomics.store(this.#outstandingWords, this.#outstandingAt, this.#outstanding);
    const singleQueue = queueId === 0 ? 0 : NDIS_SEND_FLAGS_SINGLE_QUEUE;
    this.#downcalls.sendNetBufferLists(chain, 0, NDIS_SEND_FLAGS_DISPATCH_LEVEL | singleQueue);
  }

  /** The adapter is done with a chain: its buffers and NBLs are free again. */
  complete(chain: NetBufferList): void {
    let last = chain;
    let count = 0;
    let refused = 0;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      if (nbl.status === NDIS_STATUS_PAUSED || nbl.status === NDIS_STATUS_LOW_POWER_STATE) refused++;
      this.give(nbl.protocolReserved);
      last = nbl;
      count++;
    }
    this.#pool.giveChain(chain, last, count);
    if (refused !== 0) this.#dispositions.dropped(DROP_EXTERNAL_NOT_RUNNING, refused);
    this.#outstanding -= count;
    Atomics.store(this.#outstandingWords, this.#outstandingAt, this.#outstanding);
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.buffersAvailable();
  }
}
