/**
 * The guest's ends of its two rings and its send sections. The guest trusts the host, so its indices are the
 * ones in the ring headers; what it has written and not yet published is the only thing kept aside.
 */
import type { MemorySegment } from '@vmq/machine';
import {
  RING_FEATURE_BITS,
  RING_INTERRUPT_MASK,
  RING_PENDING_SEND_SIZE,
  RING_READ_INDEX,
  RING_WRITE_INDEX,
  RingWords,
  VM_PKT_COMP,
  VM_PKT_DATA_INBAND,
} from '@vmq/vmbus';
import { NVSP_MSG1_TYPE_SEND_RNDIS_PKT_COMPLETE, NVSP_STAT_SUCCESS } from '../protocol/nvsp.ts';
import { DRIVER_SEND_FREE, DRIVER_STACK } from './guest-driver-page.ts';
import type { GuestLayout } from './guest-layout.ts';

/** High half of the transaction id of messages that lie in a send section; the low half is the section. */
export const SEND_TRANSACTION = 0x53454e44;

export class GuestRings {
  /** Host to guest. */
  readonly inbound: RingWords;
  /** Guest to host. */
  readonly outbound: RingWords;
  readonly words: Int32Array;
  /** Word index of the driver page. */
  readonly driver: number;
  #write = 0;
  #published = 0;
  /** The host's read index as last looked at; it only ever makes more room. */
  #readSeen = 0;
  /** The host has been asked to signal when there is room. */
  #isWaiting = false;

  constructor(segment: MemorySegment, layout: GuestLayout) {
    const dataBytes = layout.ringBytes;
    this.outbound = new RingWords(segment, { offset: layout.rings, dataBytes });
    this.inbound = new RingWords(segment, { offset: layout.rings + layout.downstream, dataBytes });
    this.words = segment.i32;
    this.driver = layout.driver >>> 2;
    this.attach();
  }

  /** Takes up the indices that stand in memory. */
  attach(): void {
    this.#write = this.outbound.loadHeader(RING_WRITE_INDEX);
    this.#published = this.#write;
    this.#readSeen = this.outbound.loadHeader(RING_READ_INDEX);
    // A driver that moved with its memory may have been waiting for room.
    this.#isWaiting = this.outbound.loadHeader(RING_PENDING_SEND_SIZE) !== 0;
  }

  /** Empties both rings, before they are offered to the host. */
  reset(): void {
    for (const ring of [this.inbound, this.outbound]) {
      for (const word of [RING_WRITE_INDEX, RING_READ_INDEX, RING_INTERRUPT_MASK, RING_PENDING_SEND_SIZE]) {
        ring.storeHeader(word, 0);
      }
      ring.storeHeader(RING_FEATURE_BITS, 1);
    }
    this.attach();
  }

  /** True if the guest-to-host ring has `wanted` bytes free; if not, the host is asked to signal when it has. */
  hasRoom(wanted: number): boolean {
    if (this.#room() >= wanted) return true;
    const ring = this.outbound;
    this.#readSeen = ring.loadHeader(RING_READ_INDEX);
    if (this.#room() >= wanted) return true;
    ring.storeHeader(RING_PENDING_SEND_SIZE, wanted);
    // The host may have read meanwhile and not have seen the request.
    this.#readSeen = ring.loadHeader(RING_READ_INDEX);
    const fits = this.#room() >= wanted;
    if (fits) ring.storeHeader(RING_PENDING_SEND_SIZE, 0);
    else this.#isWaiting = true;
    return fits;
  }

  #room(): number {
    return this.outbound.dataBytes - this.outbound.distance(this.#readSeen, this.#write) - 8;
  }

  /** The driver has looked again: the host need not signal for room any more, until it is asked again. */
  stopWaiting(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.outbound.storeHeader(RING_PENDING_SEND_SIZE, 0);
  }

  /** An in-band packet with an NVSP message whose answer is wanted. Room has been checked. */
  writeMessage(low: number, high: number, type: number, a: number, b: number, c: number): void {
    const ring = this.outbound;
    ring.seek(this.#write);
    ring.putNvspPacket(VM_PKT_DATA_INBAND, 1, low, high, type, a, b, c);
    this.#write = ring.position;
  }

  /** Completes a message of the host. Room has been checked. */
  writeCompletion(low: number, high: number): void {
    const ring = this.outbound;
    ring.seek(this.#write);
    ring.putNvspPacket(
      VM_PKT_COMP,
      0,
      low,
      high,
      NVSP_MSG1_TYPE_SEND_RNDIS_PKT_COMPLETE,
      NVSP_STAT_SUCCESS,
      0,
      0,
    );
    this.#write = ring.position;
  }

  /** Shows the host what was written; true if it wants a signal for it. */
  publish(): boolean {
    if (this.#write === this.#published) return false;
    this.#published = this.#write;
    this.outbound.storeHeader(RING_WRITE_INDEX, this.#write);
    // A plain load may be old, and one signal too many does no harm.
    const ring = this.outbound;
    return ring.peekHeader(RING_INTERRUPT_MASK) !== 1 || ring.loadHeader(RING_INTERRUPT_MASK) !== 1;
  }

  // --- send sections ----------------------------------------------------------------------------------

  stockSections(count: number): void {
    const stack = this.driver + DRIVER_STACK;
    for (let i = 0; i < count; i++) this.words[stack + i] = count - 1 - i;
    this.words[this.driver + DRIVER_SEND_FREE] = count;
  }

  get freeSections(): number {
    return this.words[this.driver + DRIVER_SEND_FREE];
  }

  /** The section taken next, -1 if none is free. */
  topSection(): number {
    const free = this.freeSections;
    return free === 0 ? -1 : this.words[this.driver + DRIVER_STACK + free - 1];
  }

  popSection(): void {
    this.words[this.driver + DRIVER_SEND_FREE] = this.freeSections - 1;
  }

  pushSection(section: number): void {
    const free = this.freeSections;
    this.words[this.driver + DRIVER_STACK + free] = section;
    this.words[this.driver + DRIVER_SEND_FREE] = free + 1;
  }
}
