/**
 * The data half of one receive queue: completions in, a chain of NBLs up, buffers back to the ring.
 *
 *             posted                          consumed        head (written back by the device)
 *   ring  ──────┬────────────────────────────────┬───────────────┬──────
 *               │   descriptors the device owns  │ to indicate   │
 *               └──────────────<─────────────────┴───────<───────┘  (free-running, entry = index & mask)
 *
 * Completion k answers descriptor k, so the slot tells the buffer. NBLs come from a last-in-first-out pool that
 * all queues of the processor share; a frame's NBL remembers its queue and buffer in `originatorReserved`, which
 * is the miniport's own and survives whatever a protocol does to the queue id (RX-17).
 */
import {
  NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
  NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID,
  NDIS_RECEIVE_FLAGS_SINGLE_QUEUE,
} from '@vmq/abi';
import type { AgentContext, MemorySegment } from '@vmq/machine';
import {
  ieee8021QFromTci,
  type NetBufferList,
  type NetBufferListPool,
  NetBufferSharedMemory,
  type ReceiveSink,
} from '@vmq/ndis';
import { DESCRIPTOR_BYTES, type NicRegisters, REG, RX_QUEUE_STRIDE, RXC_VLAN } from '@vmq/nic';
import {
  type ReceiveQueueImage,
  STATE_CONSUMED,
  STATE_INDICATED,
  STATE_OUTSTANDING,
  STATE_POSTED,
  STATE_SLOTS,
} from './queue-image.ts';

// Local copies: V8 folds these, an imported binding it loads with checks.
const CONSUMED = STATE_CONSUMED;
const POSTED = STATE_POSTED;
const OUTSTANDING = STATE_OUTSTANDING;
const SLOTS = STATE_SLOTS;
/** Descriptors and completions are equally long. */
const DESCRIPTOR_WORDS = DESCRIPTOR_BYTES >> 2;
const VLAN_STRIPPED = RXC_VLAN;
const INDICATION_FLAGS =
  (NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL |
    NDIS_RECEIVE_FLAGS_SINGLE_QUEUE |
    NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID) >>>
  0;

export class ReceiveQueue {
  readonly queueId: number;
  readonly image: ReceiveQueueImage;
  /** Slot of this queue in its processor's table; part of every NBL's `originatorReserved`. */
  readonly #tag: number;
  readonly #host: Int32Array;
  readonly #state: Int32Array;
  readonly #bufferSegment: MemorySegment;
  readonly #bufferOffsets: Int32Array;
  readonly #sharedMemory: NetBufferSharedMemory[];
  readonly #completions: number;
  readonly #descriptors: number;
  readonly #statusWord: number;
  readonly #mask: number;
  readonly #filteringInfo: number;
  readonly #registers: NicRegisters;
  readonly #doorbell: number;
  readonly #arm: number;
  readonly #consumedRegister: number;
  readonly #pool: NetBufferListPool;
  readonly #upcalls: ReceiveSink;
  #consumed: number;
  #posted: number;

  constructor(
    context: AgentContext,
    image: ReceiveQueueImage,
    slot: number,
    pool: NetBufferListPool,
    registers: NicRegisters,
    upcalls: ReceiveSink,
  ) {
    const memory = context.machine.memory;
    this.queueId = image.queueId;
    this.image = image;
    this.#tag = slot << 16;
    this.#host = memory.host.i32;
    this.#state = new Int32Array(image.state);
    this.#bufferSegment = memory.segment(image.bufferSegment);
    this.#bufferOffsets = image.bufferOffsets;
    this.#sharedMemory = Array.from(image.sharedMemoryOffsets, (offset) => {
      const info = new NetBufferSharedMemory();
      info.sharedMemoryHandle = image.sharedMemoryHandle;
      info.sharedMemoryOffset = offset;
      info.sharedMemoryLength = image.bufferBytes;
      return info;
    });
    this.#completions = image.completionOffset >> 2;
    this.#descriptors = image.descriptorOffset >> 2;
    this.#statusWord = image.statusOffset >> 2;
    this.#mask = image.ringEntries - 1;
    this.#filteringInfo = image.queueId << 16;
    this.#registers = registers;
    this.#doorbell = REG.RDT + image.hardwareQueue * RX_QUEUE_STRIDE;
    this.#arm = REG.RXARM + image.hardwareQueue * RX_QUEUE_STRIDE;
    this.#consumedRegister = REG.RCT + image.hardwareQueue * RX_QUEUE_STRIDE;
    this.#pool = pool;
    this.#upcalls = upcalls;
    this.#consumed = this.#state[CONSUMED] as number;
    this.#posted = this.#state[POSTED] as number;
  }

  /** Gives the device every buffer, once in a queue's life: the first processor that serves it does. */
  prime(): void {
    if (this.#posted !== 0) return;
    const count = this.#bufferOffsets.length;
    for (let buffer = 0; buffer < count; buffer++) {
      const descriptor = this.#descriptors + buffer * DESCRIPTOR_WORDS;
      this.#host[descriptor] = this.#bufferOffsets[buffer] as number;
      this.#host[descriptor + 1] = this.#bufferSegment.id;
      this.#state[SLOTS + buffer] = buffer;
    }
    this.#posted = count;
    this.#state[POSTED] = count;
    this.#registers.write32(this.#doorbell, count);
  }

  /** NBLs of this queue that somebody above holds. */
  get outstanding(): number {
    return this.#state[OUTSTANDING] as number;
  }

  /** Completions waiting to be indicated. */
  waiting(): number {
    return (Atomics.load(this.#host, this.#statusWord) - this.#consumed) | 0;
  }

  /** Asks for an interrupt at the next completion. The caller looks once more afterwards. */
  arm(): void {
    this.#registers.write32(this.#consumedRegister, this.#consumed);
    this.#registers.write32(this.#arm, 1);
  }

  /**
   * Indicates up to `budget` frames, in arrival order, as one chain of this queue alone. Returns how many; zero
   * also when every NBL is in use, in which case the frames wait in the ring.
   */
  indicate(budget: number): number {
    let count = this.waiting();
    if (count === 0) return 0;
    if (count > budget) count = budget;
    if (count > this.#pool.available) count = this.#pool.available;
    const chain = this.#pool.takeChain(count);
    if (chain === null) return 0;

    const host = this.#host;
    const state = this.#state;
    const mask = this.#mask;
    const segment = this.#bufferSegment;
    const offsets = this.#bufferOffsets;
    const sharedMemory = this.#sharedMemory;
    const filteringInfo = this.#filteringInfo;
    const tag = this.#tag;
    let at = this.#consumed;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      const slot = at & mask;
      const completion = this.#completions + slot * DESCRIPTOR_WORDS;
      const word0 = host[completion] as number;
      const word1 = host[completion + 1] as number;
      const buffer = state[SLOTS + slot] as number;
      const netBuffer = nbl.firstNetBuffer;
      const mdl = netBuffer.mdl;
      const length = word0 & 0xffff;
      mdl.segment = segment;
      mdl.byteOffset = offsets[buffer] as number;
      mdl.byteCount = length;
      netBuffer.dataOffset = 0;
      netBuffer.dataLength = length;
      netBuffer.sharedMemoryInfo = sharedMemory[buffer] as NetBufferSharedMemory;
      nbl.filteringInfo = filteringInfo;
      nbl.ieee8021QInfo = (word0 & VLAN_STRIPPED) !== 0 ? ieee8021QFromTci(word1 & 0xffff) : 0;
      nbl.filterSlot = word1 >> 16;
      nbl.hashValue = host[completion + 2] as number;
      nbl.stamp = host[completion + 3] as number;
      nbl.originatorReserved = tag | buffer;
      at = (at + 1) | 0;
    }
    this.#consumed = at;
    state[CONSUMED] = at;
    state[OUTSTANDING] = (state[OUTSTANDING] as number) + count;
    state[STATE_INDICATED] = ((state[STATE_INDICATED] as number) + count) | 0;
    this.#upcalls.receiveNetBufferLists(chain, 0, count, INDICATION_FLAGS);
    return count;
  }

  /**
   * Takes back the leading NBLs of `chain` that are this queue's: their buffers go to the ring, with one doorbell.
   * Returns the first NBL that is not.
   */
  takeBack(chain: NetBufferList): NetBufferList | null {
    const host = this.#host;
    const state = this.#state;
    const mask = this.#mask;
    const offsets = this.#bufferOffsets;
    const segment = this.image.bufferSegment;
    const tag = this.#tag;
    let posted = this.#posted;
    let count = 0;
    let last = chain;
    let nbl: NetBufferList | null = chain;
    for (; nbl !== null && (nbl.originatorReserved & ~0xffff) === tag; nbl = nbl.next) {
      const buffer = nbl.originatorReserved & 0xffff;
      const slot = posted & mask;
      const descriptor = this.#descriptors + slot * DESCRIPTOR_WORDS;
      host[descriptor] = offsets[buffer] as number;
      host[descriptor + 1] = segment;
      state[SLOTS + slot] = buffer;
      posted = (posted + 1) | 0;
      last = nbl;
      count++;
    }
    this.#pool.giveChain(chain, last, count);
    this.#posted = posted;
    state[POSTED] = posted;
    state[OUTSTANDING] = (state[OUTSTANDING] as number) - count;
    this.#registers.write32(this.#doorbell, posted);
    return nbl;
  }
}
