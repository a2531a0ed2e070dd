/**
 * The transmit path of one queue: chains of NBLs in, descriptors out, completed NBLs up as one chain a batch.
 *
 *   NBL chain ──> backlog ──post──> descriptors, one doorbell ──device──> head ──complete──> NBL chain up
 *                    ^                                                       │
 *                    └── what finds no room waits here <── room again <──────┘
 *
 * Each processor sends through its own queue, so order is kept among what one processor sends (TX-04) and no lock is
 * needed. An NBL may carry several NBs and an NB several MDLs: each MDL becomes a descriptor, the last one of a frame has
 * EOP, and the NBL completes when its last frame has left. An NBL of many frames goes in frame by frame, so it may have
 * more descriptors than the ring.
 *
 * An NB that describes no frame (no bytes, an MDL chain shorter than its DataLength, more pieces than the ring
 * holds) takes one empty descriptor: the device refuses and counts it in its turn, and the NBL completes
 * INVALID_PACKET behind what was sent before it.
 *
 * IRQL: DISPATCH_LEVEL, on the queue's processor.
 */
import {
  NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL,
  NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE,
  NDIS_STATUS_INVALID_PACKET,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import {
  countNetBufferLists,
  lastNetBufferList,
  type Mdl,
  type NetBuffer,
  type NetBufferList,
  NetBufferListQueue,
  type ReceiveSink,
  setStatus,
  tciFromIeee8021Q,
} from '@vmq/ddi';
import type { AgentContext } from '@vmq/machine';
import {
  DESCRIPTOR_BYTES,
  type NicRegisters,
  REG,
  TX_QUEUE_STRIDE,
  TXD_EOP,
  TXD_INSERT_VLAN,
  TXD_LENGTH,
  TXD_OFFSET,
  TXD_SEGMENT_FLAGS,
  TXD_VLAN,
} from '@vmq/nic';
import { advance, Ring } from '../hardware/ring.ts';
import { TRANSMIT_HELD, type TransmitQueueImage } from '../model/queue-image.ts';
import { TransmitTrace } from './transmit-trace.ts';

const DESCRIPTOR_WORDS = DESCRIPTOR_BYTES >> 2;

export class TransmitQueue {
  readonly #host: Int32Array;
  readonly #state: Int32Array;
  readonly #descriptors: number;
  readonly #ring: Ring;
  readonly #registers: NicRegisters;
  readonly #tail: number;
  readonly #arm: number;
  readonly #consumedRegister: number;
  readonly #upcalls: ReceiveSink;
  readonly #trace: TransmitTrace;
  /** The NBL that ends with the descriptor in this slot; null for all others. */
  readonly #nbls: (NetBufferList | null)[];
  /** NBLs accepted and not completed. */
  #held = 0;
  /** Accepted, and not in the ring to their end. */
  readonly #backlog: NetBufferListQueue = new NetBufferListQueue();
  /** First NB of the backlog's first NBL that is not in the ring yet; null: its first one. */
  #resume: NetBuffer | null = null;

  constructor(
    context: AgentContext,
    image: TransmitQueueImage,
    registers: NicRegisters,
    upcalls: ReceiveSink,
  ) {
    const at = image.hardwareQueue * TX_QUEUE_STRIDE;
    const { ringEntries: entries, statusOffset } = image;
    this.#host = context.machine.memory.host.i32;
    this.#state = new Int32Array(image.state);
    this.#descriptors = image.descriptorOffset >> 2;
    this.#ring = new Ring(this.#host, registers, { entries, statusOffset, headRegister: REG.TDH + at });
    // As the device counts once it was enabled.
    this.#ring.restart(context.machine.counters.words);
    this.#registers = registers;
    this.#tail = REG.TDT + at;
    this.#arm = REG.TXARM + at;
    this.#consumedRegister = REG.TCT + at;
    this.#upcalls = upcalls;
    this.#nbls = new Array<NetBufferList | null>(entries).fill(null);
    this.#trace = new TransmitTrace(context, image.hardwareQueue, this.#nbls);
  }

  /** Accepts a chain; every NBL of it is completed exactly once, later. */
  send(chain: NetBufferList): void {
    const count = countNetBufferLists(chain);
    this.#backlog.appendChain(chain, lastNetBufferList(chain), count);
    this.#hold(count);
    this.#post();
  }

  /** Moves the backlog into the ring as far as there is room, and rings the doorbell once. */
  #post(): void {
    const ring = this.#ring;
    const before = ring.posted;
    for (let nbl = this.#backlog.first; nbl !== null && this.#postList(nbl); nbl = this.#backlog.first) {
      // Out of the chain: from now on `next` belongs to the completion.
      this.#backlog.remove();
      this.#nbls[(ring.posted - 1) & ring.mask] = nbl;
    }
    if (ring.posted === before) return;
    if (this.#trace.isOn) this.#trace.sent(before, ring.posted);
    this.#registers.write32(this.#tail, ring.posted);
    this.arm();
  }

  /** Posts the frames of an NBL; false if the ring has no room for the next one, where it will go on. */
  #postList(nbl: NetBufferList): boolean {
    const first = nbl.firstNetBuffer;
    const { mdl, dataOffset, dataLength } = first;
    // Most are one frame in one piece.
    if (first.next === null && dataLength > 0 && dataLength <= mdl.byteCount - dataOffset) {
      if (this.#ring.free === 0) return false;
      const info = nbl.ieee8021QInfo;
      const flags = mdl.segment.id | TXD_EOP | (info !== 0 ? TXD_INSERT_VLAN : 0);
      nbl.status = NDIS_STATUS_SUCCESS;
      this.#describe(mdl.byteOffset + dataOffset, flags, dataLength, tciFromIeee8021Q(info));
      return true;
    }
    if (this.#resume === null) nbl.status = NDIS_STATUS_SUCCESS;
    return this.#postFrames(nbl, this.#resume ?? first);
  }

  /** Posts the frames of an NBL from `from` on; each goes in whole or not at all. */
  #postFrames(nbl: NetBufferList, from: NetBuffer): boolean {
    const ring = this.#ring;
    for (let nb: NetBuffer | null = from; nb !== null; nb = nb.next) {
      const pieces = piecesOf(nb);
      const isFrame = pieces !== 0 && pieces <= ring.entries;
      if ((isFrame ? pieces : 1) > ring.free) {
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

  /** Writes the next descriptor, which no NBL ends with so far. */
  #describe(offset: number, segmentAndFlags: number, bytes: number, tci: number): void {
    const host = this.#host;
    const ring = this.#ring;
    const slot = ring.posted & ring.mask;
    const descriptor = this.#descriptors + slot * DESCRIPTOR_WORDS;
    host[descriptor + TXD_OFFSET] = offset;
    host[descriptor + TXD_SEGMENT_FLAGS] = segmentAndFlags;
    host[descriptor + TXD_LENGTH] = bytes;
    host[descriptor + TXD_VLAN] = tci;
    this.#nbls[slot] = null;
    ring.posted = advance(ring.posted, 1);
  }

  /** Completes what the device has sent, as one chain; true if frames are still on their way. */
  complete(): boolean {
    const ring = this.#ring;
    if (ring.pending === 0) return false;
    const from = ring.consumed;
    const head = this.#head();
    if (head === from) return true;
    let first: NetBufferList | null = null;
    let last: NetBufferList | null = null;
    let count = 0;
    let mixed = 0;
    for (let at = from; at !== head; at = advance(at, 1)) {
      const nbl = this.#nbls[at & ring.mask];
      if (nbl === null) continue;
      if (last === null) first = nbl;
      else {
        mixed |= (last.filteringInfo ^ nbl.filteringInfo) >>> 16;
        last.next = nbl;
      }
      last = nbl;
      count++;
    }
    if (this.#trace.isOn) this.#trace.completed(from, head);
    ring.consumed = head;
    if (first !== null) {
      this.#hold(-count);
      // SINGLE_QUEUE only if every NBL of the call has one queue id (TX-02).
      const single = mixed === 0 ? NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE : 0;
      this.#upcalls.sendNetBufferListsComplete(first, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL | single);
    }
    this.#post();
    return ring.pending !== 0;
  }

  /** The head in memory, or, if that was damaged on its way, the device's own count, or, where it tells nothing, ours. */
  #head(): number {
    const ring = this.#ring;
    const { head } = ring;
    if (ring.allows(head)) return head;
    const { deviceHead } = ring;
    return deviceHead !== null && ring.allows(deviceHead) ? deviceHead : ring.consumed;
  }

  /** Looks if the device has sent more than it was heard of. */
  poll(): void {
    const ring = this.#ring;
    const shown = ring.head;
    const head = ring.deviceHead;
    if (head === null) return;
    const isAhead = (head - shown) >>> 0 <= (ring.posted - shown) >>> 0;
    if (isAhead) ring.correctHead(shown, head);
  }

  /** Asks for an interrupt when the device has sent more; at once, if it has by now. */
  arm(): void {
    this.#registers.write32(this.#consumedRegister, this.#ring.consumed);
    this.#registers.write32(this.#arm, 1);
  }

  /**
   * The device sends nothing any more: completes all NBLs with `status`. Returns how many of their frames had not
   * left.
   */
  abandon(status: number): number {
    this.complete();
    const ring = this.#ring;
    const abandoned = new NetBufferListQueue();
    let frames = 0;
    for (let at = ring.consumed; at !== ring.posted; at = advance(at, 1)) {
      const slot = at & ring.mask;
      const flags = this.#host[this.#descriptors + slot * DESCRIPTOR_WORDS + TXD_SEGMENT_FLAGS];
      if ((flags & TXD_EOP) !== 0) frames++;
      const nbl = this.#nbls[slot];
      if (nbl !== null) abandoned.append(nbl);
    }
    ring.consumed = ring.posted;
    for (let nbl = this.#backlog.remove(); nbl !== null; nbl = this.#backlog.remove()) {
      for (let nb: NetBuffer | null = this.#resume ?? nbl.firstNetBuffer; nb !== null; nb = nb.next) frames++;
      this.#resume = null;
      abandoned.append(nbl);
    }
    this.#hold(-this.#held);
    const chain = abandoned.removeAll();
    setStatus(chain, status);
    if (chain !== null)
      this.#upcalls.sendNetBufferListsComplete(chain, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL);
    return frames;
  }

  #hold(change: number): void {
    this.#held += change;
    Atomics.store(this.#state, TRANSMIT_HELD, this.#held);
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
