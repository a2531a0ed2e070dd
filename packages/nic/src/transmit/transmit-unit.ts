/**
 * Transmit: descriptors to frames on the wire.
 *
 *   TDT ──> [gather to EOP] ──rights──> tag insertion, padding to 60 ──> wire ring ──> TDH, status block, interrupt
 *
 * Queues with work are served in turn. A full wire stops transmission until whoever takes frames off it wakes
 * the device.
 */
import {
  copyBytes,
  DMA_READ,
  DMA_WRITE,
  type FrameProducer,
  isFrameTooLong,
  MOST_TAG_BYTES,
  TRACE_ALL,
  TRANSMITTED,
} from '@vmq/machine';
import type { InterruptUnit } from '../interrupt/interrupt-unit.ts';
import { TXD_EOP, TXD_INSERT_VLAN } from '../registers/descriptors.ts';
import { QSTS_ENABLED, QSTS_STARVED, REG, TX_QUEUE_STRIDE } from '../registers/register-constants.ts';
import {
  addCounter,
  type DeviceState,
  Q_BYTES,
  Q_FLAGS,
  Q_HEAD,
  Q_MASK,
  Q_PUBLISHED,
  Q_RING,
  Q_SHIFT,
  Q_STATUS,
  Q_TAIL,
} from '../state/device-state.ts';
import { DROP_TX_FAULT, NIC_DROP_REASONS } from '../state/drop-reasons.ts';
import { NIC_TRACE } from '../state/trace-kinds.ts';

const QUEUE_WORDS: number = TX_QUEUE_STRIDE >> 2;
const MIN_FRAME = 60;
/** Of a descriptor: byte offset, segment and flags, length. */
const LATCH_WORDS = 3;

export class TransmitUnit {
  readonly #state: DeviceState;
  readonly #interrupts: InterruptUnit;
  readonly #wire: FrameProducer;
  /** 1 for queues that may have descriptors to serve. */
  readonly #active: Uint8Array;
  #activeCount: number = 0;
  /** Queue to serve next. */
  #turn: number = 0;
  #blocked: boolean = false;
  readonly #transmittedColumn: number;
  readonly #faultColumn: number;
  #frames: number = 0;
  #faults: number = 0;
  /** Descriptors of the frame at hand as they were when they were judged: {@link LATCH_WORDS} words each. */
  #latch: Int32Array = new Int32Array(64 * LATCH_WORDS);

  constructor(state: DeviceState, interrupts: InterruptUnit, wire: FrameProducer) {
    this.#state = state;
    this.#interrupts = interrupts;
    this.#wire = wire;
    this.#active = new Uint8Array(state.queueCount);
    const ledger = state.context.machine.ledger;
    this.#transmittedColumn = ledger.column(TRANSMITTED);
    this.#faultColumn = ledger.column(NIC_DROP_REASONS[DROP_TX_FAULT]);
  }

  /** The driver wrote a doorbell of this queue. */
  activate(queue: number): void {
    if (queue >= this.#state.queueCount || this.#active[queue] !== 0) return;
    this.#active[queue] = 1;
    this.#activeCount++;
  }

  activateAll(): void {
    for (let queue = 0; queue < this.#state.queueCount; queue++) this.activate(queue);
  }

  begin(queue: number): void {
    Atomics.store(this.#state.words, (REG.TXSTS >> 2) + queue * QUEUE_WORDS, QSTS_ENABLED);
    this.activate(queue);
  }

  forget(queue: number): void {
    Atomics.store(this.#state.words, (REG.TXSTS >> 2) + queue * QUEUE_WORDS, 0);
  }

  /** Sends up to `budget` frames; true if there are more and the wire has room. */
  transmit(budget: number): boolean {
    const state = this.#state;
    this.#frames = 0;
    this.#faults = 0;
    if (this.#activeCount === 0 || !state.transmitEnabled || !state.linkUp) return false;
    this.#blocked = false;
    let left = budget;
    for (let looked = 0; looked < state.queueCount && left > 0 && !this.#blocked; looked++) {
      const queue = this.#turn;
      if (this.#active[queue] !== 0) {
        left -= this.#serve(queue, left);
        if (this.#blocked) break; // the same queue goes first when the wire has room again
      }
      this.#turn = queue + 1 === state.queueCount ? 0 : queue + 1;
    }
    if (this.#frames !== 0) {
      this.#wire.publish();
      addCounter(state.words, REG.GPTC >> 2, this.#frames);
      const counters = state.context.counters;
      counters[this.#transmittedColumn] = counters[this.#transmittedColumn] + this.#frames;
    }
    if (this.#faults !== 0) {
      addCounter(state.words, REG.TXFAULTS >> 2, this.#faults);
      const counters = state.context.counters;
      counters[this.#faultColumn] = counters[this.#faultColumn] + this.#faults;
    }
    return this.#activeCount !== 0 && !this.#blocked;
  }

  /** Frames put on the wire by the last {@link transmit}. */
  get sent(): number {
    return this.#frames;
  }

  /** Frames refused by the last {@link transmit}. */
  get refused(): number {
    return this.#faults;
  }

  /** Serves one queue; returns how many frames it dealt with. */
  #serve(queue: number, budget: number): number {
    const state = this.#state;
    const { txq, words } = state;
    const q = queue << Q_SHIFT;
    if (txq[q + Q_FLAGS] === 0) {
      this.#deactivate(queue);
      return 0;
    }
    const mask = txq[q + Q_MASK];
    const bell = (REG.TDT >> 2) + queue * QUEUE_WORDS;
    let tail = Atomics.load(words, bell);
    let head = txq[q + Q_HEAD];
    if ((tail - head) >>> 0 > mask + 1) {
      // More than the ring holds cannot have been posted. The register is corrected, unless the driver just wrote it
      // again: otherwise the head would have to go round to a wild tail, four thousand million descriptors long.
      const full = (head + mask + 1) | 0;
      Atomics.compareExchange(words, bell, tail, full);
      tail = full;
    }
    txq[q + Q_TAIL] = tail;
    const base = txq[q + Q_RING];
    const granted =
      state.permits(0, base * 4, (mask + 1) * 16, DMA_READ) &&
      state.permits(0, txq[q + Q_STATUS] * 4, 4, DMA_WRITE);
    if (!granted || head === tail) {
      // Without its rings the queue cannot be served at all; the next doorbell tries again.
      this.#deactivate(queue);
      return 0;
    }
    const ring = state.segments[0].i32;
    let done = 0;
    let frames = 0;
    let bytes = 0;
    while (head !== tail && done < budget) {
      const count = this.#frameDescriptors(ring, base, mask, head, tail);
      if (count === 0) break; // the rest of the frame is not posted yet
      const sent = this.#send(ring, base, mask, head, count);
      if (sent < 0) {
        this.#blocked = true;
        break;
      }
      if (sent === 0) {
        this.#faults++;
        const fault = (REG.TXFAULT >> 2) + queue * QUEUE_WORDS;
        words[fault] = (words[fault] + 1) | 0;
      } else {
        bytes = (bytes + sent) | 0;
        frames++;
      }
      if (state.context.trace.level !== 0) this.#trace(queue, head & mask, count, sent);
      head = (head + count) | 0;
      done++;
    }
    txq[q + Q_HEAD] = head;
    this.#frames += frames;
    txq[q + Q_BYTES] = (txq[q + Q_BYTES] + bytes) | 0;
    addCounter(words, (REG.TXPKTLO >> 2) + queue * QUEUE_WORDS, frames);
    const status = (REG.TXSTS >> 2) + queue * QUEUE_WORDS;
    const statusNow = QSTS_ENABLED | (this.#blocked ? QSTS_STARVED : 0);
    if (words[status] !== statusNow) Atomics.store(words, status, statusNow);
    if (!this.#blocked && done < budget) this.#deactivate(queue);
    if (head !== txq[q + Q_PUBLISHED]) this.#publish(queue, head);
    return done;
  }

  #trace(queue: number, slot: number, count: number, sent: number): void {
    const { context, segments, txq } = this.#state;
    if (!context.trace.wants(TRACE_ALL, 0)) return;
    const tag = (this.#latch[1] & TXD_INSERT_VLAN) !== 0;
    const word = txq[(queue << Q_SHIFT) + Q_RING] + slot * 4 + 3;
    const tci = tag ? segments[0].i32[word] & 0xffff : -1;
    context.trace.write(NIC_TRACE.TRANSMIT, 0, queue, slot, sent, tci, count);
  }

  #publish(queue: number, head: number): void {
    const { txq, words, segments } = this.#state;
    const q = queue << Q_SHIFT;
    txq[q + Q_PUBLISHED] = head;
    Atomics.store(segments[0].i32, txq[q + Q_STATUS], head);
    words[(REG.TDH >> 2) + queue * QUEUE_WORDS] = head;
    addCounter(words, (REG.TXBYTLO >> 2) + queue * QUEUE_WORDS, txq[q + Q_BYTES]);
    addCounter(words, REG.GOTC >> 2, txq[q + Q_BYTES]);
    txq[q + Q_BYTES] = 0;
    this.#interrupts.considerTransmit(queue);
  }

  #deactivate(queue: number): void {
    if (this.#active[queue] === 0) return;
    this.#active[queue] = 0;
    this.#activeCount--;
  }

  /**
   * Descriptors of the frame that begins at `head`, EOP included; 0 if its end is not posted. A ring full of
   * descriptors without EOP is all one (faulty) frame.
   */
  #frameDescriptors(ring: Int32Array, base: number, mask: number, head: number, tail: number): number {
    let at = head;
    let count = 0;
    while (at !== tail) {
      count++;
      if ((ring[base + (at & mask) * 4 + 1] & TXD_EOP) !== 0) return count;
      at = (at + 1) | 0;
    }
    return count > mask ? count : 0;
  }

  /**
   * Puts one frame on the wire: its length, 0 if it is refused, -1 if the wire is full. Each word of a descriptor is
   * read once, for whoever writes to host memory may change it between check and copy.
   */
  #send(ring: Int32Array, base: number, mask: number, head: number, count: number): number {
    const state = this.#state;
    let total = 0;
    if (count * LATCH_WORDS > this.#latch.length) this.#latch = new Int32Array(count * LATCH_WORDS);
    const latch = this.#latch;
    const { maxFrame } = state.tables;
    const most = maxFrame + MOST_TAG_BYTES;
    for (let k = 0; k < count; k++) {
      const d = base + ((head + k) & mask) * 4;
      const source = ring[d];
      const flags = ring[d + 1];
      const length = ring[d + 2];
      // Before the pages are looked at: 32768 descriptors of a gigabyte each would keep the port busy for minutes.
      if (length > most - total || !state.permits(flags & 0xffff, source, length, DMA_READ)) return 0;
      latch[k * LATCH_WORDS] = source;
      latch[k * LATCH_WORDS + 1] = flags;
      latch[k * LATCH_WORDS + 2] = length;
      total += length;
    }
    const insert = (latch[1] & TXD_INSERT_VLAN) !== 0;
    if (total < 14) return 0;
    if ((latch[(count - 1) * LATCH_WORDS + 1] & TXD_EOP) === 0) return 0;
    const length = total + (insert ? 4 : 0);
    const padded = Math.max(length, MIN_FRAME);
    const wire = this.#wire;
    // Behind a tag that is put in everything moves by four bytes: so that it lies as it did, the frame begins there.
    const target = wire.reserve(padded, insert ? 4 : 0);
    if (target < 0) return -1;
    if (count !== 1) this.#gather(target, count, insert);
    else {
      const memory = state.segments[latch[1] & 0xffff];
      const source = latch[0];
      if (!insert) copyBytes(memory, source, wire, target, total);
      else {
        copyBytes(memory, source, wire, target, 12);
        copyBytes(memory, source + 12, wire, target + 16, total - 12);
      }
    }
    if (insert) {
      const tci = ring[base + (head & mask) * 4 + 3];
      wire.i32[(target + 12) >> 2] = 0x81 | ((tci & 0xff00) << 8) | (tci << 24);
    }
    // Judged where nobody can change it any more: what is not committed was never there.
    if (isFrameTooLong(wire.u8, target, length, maxFrame, false)) return 0;
    for (let i = target + length; i < target + padded; i++) wire.u8[i] = 0;
    wire.commit(target, padded, 0);
    return padded;
  }

  /** Copies the pieces in the first `count` latches to byte `target` of the wire, behind the addresses four bytes further. */
  #gather(target: number, count: number, insert: boolean): void {
    const { segments } = this.#state;
    const latch = this.#latch;
    const removed = insert ? 12 : 0;
    let at = target;
    for (let k = 0; k < count; k++) {
      const memory = segments[latch[k * LATCH_WORDS + 1] & 0xffff];
      const source = latch[k * LATCH_WORDS];
      const bytes = latch[k * LATCH_WORDS + 2];
      const done = at - target;
      const before = removed > done ? Math.min(removed - done, bytes) : 0;
      if (before > 0) copyBytes(memory, source, this.#wire, at, before);
      if (bytes > before)
        copyBytes(memory, source + before, this.#wire, at + before + (insert ? 4 : 0), bytes - before);
      at += bytes;
    }
  }
}
