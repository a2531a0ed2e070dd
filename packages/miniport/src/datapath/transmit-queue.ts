/**
 * The data half of one transmit queue: each processor sends through its own, so order is kept among what one
 * processor sends (TX-04) and no lock is needed.
 *
 * An NBL may carry several NBs and an NB several MDLs: each MDL becomes a descriptor, the last one of a frame has
 * EOP, and the NBL completes when its last frame has left. What finds no room waits in a software backlog; an NBL
 * of many frames goes in frame by frame, so it may have more descriptors than the ring.
 *
 * An NB that describes no frame (no bytes, an MDL chain shorter than its DataLength, more pieces than the ring
 * holds) takes one empty descriptor: the device refuses and counts it in its turn, and the NBL completes
 * INVALID_PACKET behind what was sent before it.
 */
import {
  NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL,
  NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE,
  NDIS_STATUS_INVALID_PACKET,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { type Mdl, type NetBuffer, type NetBufferList, type ReceiveSink, tciFromIeee8021Q } from '@vmq/ddi';
import { type AgentContext, TRACE_ALL } from '@vmq/machine';
import {
  DESCRIPTOR_BYTES,
  type NicRegisters,
  REG,
  TX_QUEUE_STRIDE,
  TXD_EOP,
  TXD_INSERT_VLAN,
} from '@vmq/nic';
import { readHead } from '../hardware/head-register.ts';
import type { TransmitQueueImage } from '../model/queue-image.ts';
import { MINIPORT_TRACE } from '../model/trace-kinds.ts';

const DESCRIPTOR_WORDS = DESCRIPTOR_BYTES >> 2;
/** State word: NBLs accepted and not completed. */
const HELD = 0;

export class TransmitQueue {
  readonly #context: AgentContext;
  readonly #hardwareQueue: number;
  readonly #host: Int32Array;
  readonly #state: Int32Array;
  readonly #descriptors: number;
  readonly #statusWord: number;
  readonly #mask: number;
  readonly #registers: NicRegisters;
  readonly #doorbell: number;
  readonly #arm: number;
  readonly #consumedRegister: number;
  readonly #headRegister: number;
  readonly #upcalls: ReceiveSink;
  /** The NBL that is done when the descriptor in this slot is; null for all others. */
  readonly #owner: (NetBufferList | null)[];
  #posted: number;
  #completed: number;
  #held = 0;
  #backlogHead: NetBufferList | null = null;
  #backlogTail: NetBufferList | null = null;
  /** First NB of the backlog's head that is not in the ring yet; null: its first one. */
  #resume: NetBuffer | null = null;

  constructor(
    context: AgentContext,
    image: TransmitQueueImage,
    registers: NicRegisters,
    upcalls: ReceiveSink,
  ) {
    this.#context = context;
    this.#hardwareQueue = image.hardwareQueue;
    this.#host = context.machine.memory.host.i32;
    this.#state = new Int32Array(image.state);
    this.#descriptors = image.descriptorOffset >> 2;
    this.#statusWord = image.statusOffset >> 2;
    this.#mask = image.ringEntries - 1;
    this.#registers = registers;
    this.#doorbell = REG.TDT + image.hardwareQueue * TX_QUEUE_STRIDE;
    this.#arm = REG.TXARM + image.hardwareQueue * TX_QUEUE_STRIDE;
    this.#consumedRegister = REG.TCT + image.hardwareQueue * TX_QUEUE_STRIDE;
    this.#headRegister = REG.TDH + image.hardwareQueue * TX_QUEUE_STRIDE;
    this.#upcalls = upcalls;
    // As the device counts once it was enabled; after a reset the word may still be of the time before.
    this.#posted = this.#completed = context.machine.counters.words;
    this.#host[this.#statusWord] = this.#posted;
    this.#owner = new Array<NetBufferList | null>(image.ringEntries).fill(null);
  }

  /** Accepts a chain; every NBL of it is completed exactly once, later. */
  send(chain: NetBufferList): void {
    let accepted = 0;
    let last = chain;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      last = nbl;
      accepted++;
    }
    this.#hold(accepted);
    if (this.#backlogTail === null) this.#backlogHead = chain;
    else this.#backlogTail.next = chain;
    this.#backlogTail = last;
    this.#post();
  }

  /** Completes what the device has sent; true if frames are still on their way. */
  reap(): boolean {
    if (this.#completed === this.#posted) return false;
    let head = Atomics.load(this.#host, this.#statusWord);
    // More than were posted, or less than none: damaged on its way to memory.
    if ((head - this.#completed) >>> 0 > (this.#posted - this.#completed) >>> 0) head = this.#askHead();
    if (head !== this.#completed) {
      let first: NetBufferList | null = null;
      let last: NetBufferList | null = null;
      let count = 0;
      let mixed = 0;
      for (let at = this.#completed; at !== head; at = (at + 1) | 0) {
        const nbl = this.#owner[at & this.#mask];
        if (nbl === null) continue;
        this.#owner[at & this.#mask] = null;
        if (this.#context.trace.level !== 0) this.#traceDone(nbl, at & this.#mask);
        if (last === null) first = nbl;
        else {
          mixed |= (last.filteringInfo ^ nbl.filteringInfo) >>> 16;
          last.next = nbl;
        }
        last = nbl;
        count++;
      }
      this.#completed = head;
      if (first !== null) {
        this.#hold(-count);
        // SINGLE_QUEUE only if every NBL of the call has one queue id (TX-02).
        const single = mixed === 0 ? NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE : 0;
        this.#upcalls.sendNetBufferListsComplete(first, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL | single);
      }
      this.#post();
    }
    return this.#completed !== this.#posted;
  }

  /** Looks if the device has sent more than it was heard of. */
  poll(): void {
    const head = readHead(this.#registers, this.#headRegister);
    if (head === null) return;
    const shown = Atomics.load(this.#host, this.#statusWord);
    const isAhead = (head - shown) >>> 0 <= (this.#posted - shown) >>> 0;
    if (isAhead) Atomics.compareExchange(this.#host, this.#statusWord, shown, head);
  }

  /** The device's own count of what it has sent, or, where it tells nothing, ours. */
  #askHead(): number {
    const head = readHead(this.#registers, this.#headRegister);
    if (head === null) return this.#completed;
    const isPossible = (head - this.#completed) >>> 0 <= (this.#posted - this.#completed) >>> 0;
    return isPossible ? head : this.#completed;
  }

  /**
   * The device sends nothing any more: completes all NBLs with `status`. Returns how many of their frames had not
   * left.
   */
  abandon(status: number): number {
    this.reap();
    let frames = 0;
    let first: NetBufferList | null = null;
    let last: NetBufferList | null = null;
    const add = (nbl: NetBufferList): void => {
      nbl.status = status;
      nbl.next = null;
      if (last === null) first = nbl;
      else last.next = nbl;
      last = nbl;
    };
    for (let at = this.#completed; at !== this.#posted; at = (at + 1) | 0) {
      const slot = at & this.#mask;
      const flags = this.#host[this.#descriptors + slot * DESCRIPTOR_WORDS + 1];
      if ((flags & TXD_EOP) !== 0) frames++;
      const nbl = this.#owner[slot];
      if (nbl !== null) add(nbl);
    }
    let backlog = this.#backlogHead;
    let from = this.#resume;
    while (backlog !== null) {
      const next: NetBufferList | null = backlog.next;
      for (let nb: NetBuffer | null = from ?? backlog.firstNetBuffer; nb !== null; nb = nb.next) frames++;
      from = null;
      add(backlog);
      backlog = next;
    }
    this.#owner.fill(null);
    this.#completed = this.#posted;
    this.#backlogHead = this.#backlogTail = this.#resume = null;
    this.#hold(-this.#held);
    if (first !== null)
      this.#upcalls.sendNetBufferListsComplete(first, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
    return frames;
  }

  arm(): void {
    this.#registers.write32(this.#consumedRegister, this.#completed);
    this.#registers.write32(this.#arm, 1);
  }

  #hold(change: number): void {
    this.#held += change;
    Atomics.store(this.#state, HELD, this.#held);
  }

  /** Moves the backlog into the ring as far as there is room. A frame goes in whole or not at all. */
  #post(): void {
    const before = this.#posted;
    while (this.#backlogHead !== null) {
      const nbl: NetBufferList = this.#backlogHead;
      if (!this.#postFrames(nbl)) break;
      // The chain is cut here: from now on `next` belongs to the completion.
      this.#backlogHead = nbl.next;
      if (this.#backlogHead === null) this.#backlogTail = null;
      nbl.next = null;
      const slot = (this.#posted - 1) & this.#mask;
      this.#owner[slot] = nbl;
      if (this.#context.trace.level !== 0) this.#traceSent(nbl, slot);
    }
    if (this.#posted === before) return;
    this.#registers.write32(this.#doorbell, this.#posted);
    this.arm();
  }

  #traceSent(nbl: NetBufferList, slot: number): void {
    const { trace, agent } = this.#context;
    if (!trace.wants(TRACE_ALL, nbl.stamp)) return;
    const tci = nbl.ieee8021QInfo === 0 ? -1 : tciFromIeee8021Q(nbl.ieee8021QInfo);
    const { dataLength } = nbl.firstNetBuffer;
    trace.write(MINIPORT_TRACE.SENT, nbl.stamp, this.#hardwareQueue, slot, dataLength, agent, tci);
  }

  #traceDone(nbl: NetBufferList, slot: number): void {
    const { trace, agent } = this.#context;
    if (!trace.wants(TRACE_ALL, nbl.stamp)) return;
    trace.write(MINIPORT_TRACE.SEND_DONE, nbl.stamp, this.#hardwareQueue, slot, nbl.status, agent, 0);
  }

  /** Posts the frames of an NBL; false if the ring has no room for the next one, where it will go on. */
  #postFrames(nbl: NetBufferList): boolean {
    const first: NetBuffer = nbl.firstNetBuffer;
    if (this.#resume === null) {
      nbl.status = NDIS_STATUS_SUCCESS;
      const { mdl, dataOffset, dataLength } = first;
      // Most are one frame in one piece.
      if (first.next === null && dataLength > 0 && dataLength <= mdl.byteCount - dataOffset) {
        if (((this.#posted - this.#completed) | 0) > this.#mask) return false;
        const info = nbl.ieee8021QInfo;
        const flags = mdl.segment.id | TXD_EOP | (info !== 0 ? TXD_INSERT_VLAN : 0);
        this.#describe(mdl.byteOffset + dataOffset, flags, dataLength, tciFromIeee8021Q(info));
        return true;
      }
    }
    let nb: NetBuffer | null = this.#resume ?? first;
    for (; nb !== null; nb = nb.next) {
      const pieces = piecesOf(nb);
      const isFrame = pieces !== 0 && pieces <= this.#mask + 1;
      if ((isFrame ? pieces : 1) > this.#mask + 1 - ((this.#posted - this.#completed) | 0)) {
        this.#resume = nb;
        return false;
      }
      if (isFrame) this.#postFrame(nb, nbl.ieee8021QInfo);
      else {
        nbl.status = NDIS_STATUS_INVALID_PACKET;
        this.#describe(0, TXD_EOP, 0, 0);
      }
    }
    this.#resume = null;
    return true;
  }

  #postFrame(nb: NetBuffer, ieee8021QInfo: number): void {
    const tag = ieee8021QInfo !== 0 ? TXD_INSERT_VLAN : 0;
    const tci = tciFromIeee8021Q(ieee8021QInfo);
    let skip = nb.dataOffset;
    let left = nb.dataLength;
    for (let mdl: Mdl | null = nb.mdl; mdl !== null && left > 0; mdl = mdl.next) {
      if (skip >= mdl.byteCount) {
        skip -= mdl.byteCount;
        continue;
      }
      const bytes = Math.min(left, mdl.byteCount - skip);
      left -= bytes;
      this.#describe(mdl.byteOffset + skip, mdl.segment.id | (left === 0 ? TXD_EOP : 0) | tag, bytes, tci);
      skip = 0;
    }
  }

  /** Writes the next descriptor. */
  #describe(offset: number, segmentAndFlags: number, bytes: number, tci: number): void {
    const host = this.#host;
    const descriptor = this.#descriptors + (this.#posted & this.#mask) * DESCRIPTOR_WORDS;
    host[descriptor] = offset;
    host[descriptor + 1] = segmentAndFlags;
    host[descriptor + 2] = bytes;
    host[descriptor + 3] = tci;
    this.#posted = (this.#posted + 1) | 0;
  }
}

/** Descriptors that a frame needs, one per MDL that holds bytes of it; 0 if the MDLs do not hold them all. */
function piecesOf(nb: NetBuffer): number {
  let count = 0;
  let skip = nb.dataOffset;
  let left = nb.dataLength;
  for (let mdl: Mdl | null = nb.mdl; mdl !== null && left > 0; mdl = mdl.next) {
    if (skip >= mdl.byteCount) {
      skip -= mdl.byteCount;
      continue;
    }
    left -= mdl.byteCount - skip;
    skip = 0;
    count++;
  }
  return left > 0 ? 0 : count;
}
