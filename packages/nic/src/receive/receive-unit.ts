/**
 * The receive port and its DMA engine: this file's loop runs once per frame.
 *
 *   wire ring ──length──RXEN──parse──filter table──address filter──queue──descriptor──buffer──rights──copy──completion
 *                  └────────────┴───────────── each may end the frame in one counter ─────────┘
 *
 * No byte is written before the queue is known and the whole range is permitted, and exactly the frame's bytes
 * are written: what lies behind a frame in the wire ring belongs to other frames (SEC-08).
 */
import { type FrameConsumer, RECEIVED_FROM_WIRE } from '@vmq/machine';
import { classifyEncapsulated } from '../filter/encapsulation.ts';
import { classifyUnmatched, HASH_HIGH, HASH_LOW, RULE_MASK, RULE_SHIFT } from '../filter/filter-unit.ts';
import { lengthDrop } from '../filter/frame-length.ts';
import type { ReceiveInterrupts } from '../interrupt/interrupt-unit.ts';
import {
  RXC_BROADCAST,
  RXC_DD,
  RXC_INEXACT,
  RXC_MULTICAST,
  RXC_NO_FILTER,
  RXC_SPLIT,
  RXC_VLAN,
  VERDICT_RULE_SHIFT,
} from '../registers/descriptors.ts';
import { FILTER_TABLE } from '../registers/device-memory.ts';
import {
  RCTL_NVGRE,
  REG,
  RX_QUEUE_STRIDE,
  RXCTL_CSUMEN,
  RXCTL_DROPEN,
  RXCTL_ENABLE,
  RXCTL_SPLIT,
} from '../registers/register-constants.ts';
import {
  addCounter,
  type DeviceState,
  Q_BYTES,
  Q_COMPLETIONS,
  Q_ENGINE,
  Q_FLAGS,
  Q_HEAD,
  Q_HEADER_BUFFER_BYTES,
  Q_HEADER_SIZE,
  Q_LIMIT,
  Q_MASK,
  Q_PACKET_BYTES,
  Q_PUBLISHED,
  Q_RING,
  Q_SHIFT,
  Q_SHORT_WAY,
  Q_STATUS,
  Q_TAIL,
} from '../state/device-state.ts';
import {
  DROP_BUFFER_TOO_SMALL,
  DROP_DMA_FAULT,
  DROP_LINK_DOWN,
  DROP_NO_DESCRIPTOR,
  DROP_QUEUE_STOPPED,
  DROP_RX_DISABLED,
} from '../state/drop-reasons.ts';
import { LAST_STAMP } from '../state/stamps.ts';
import { DropCounter } from './drop-counter.ts';
import { placeFrame } from './frame-placement.ts';
import { ReceiveQueues } from './receive-queues.ts';
import { createShortWay, type ShortWay, shortWayWord } from './short-way.ts';

const QUEUE_WORDS: number = RX_QUEUE_STRIDE >> 2;

/** Frames per step of the device, in each direction; a receive engine counts those it passes over, too. */
export const NIC_BATCH = 512;

export class ReceiveUnit {
  readonly #state: DeviceState;
  readonly #interrupts: ReceiveInterrupts;
  readonly #wire: FrameConsumer;
  readonly #queues: ReceiveQueues;
  /** The engine whose queues these are, and where the stamp of the last frame stands. */
  readonly #engine: number;
  readonly #stampWord: number;
  /** Frames since the last publication that are other engines'. */
  passed: number = 0;
  /** A queue that must not drop for want of a descriptor does so all the same: nobody can wait for it now. */
  isHurried: boolean = false;
  /** What became of the interrupt of `touched[i]` at the last publication. */
  readonly interruptResult: Int32Array;
  readonly drops: DropCounter;
  readonly #receivedColumn: number;
  readonly shortWay: ShortWay;

  /** Receives what comes over `wire` for the queues of `engine`, by a short way of its own or another's for the same port. */
  constructor(
    state: DeviceState,
    interrupts: ReceiveInterrupts,
    wire: FrameConsumer,
    engine: number = state.engine,
    shortWay: ShortWay = createShortWay(state, wire),
  ) {
    this.#state = state;
    this.#engine = engine;
    this.#stampWord = state.stampWord(engine);
    this.#interrupts = interrupts;
    this.#wire = wire;
    this.shortWay = shortWay;
    this.#queues = new ReceiveQueues(state);
    this.interruptResult = new Int32Array(state.queueCount);
    this.drops = new DropCounter(state, interrupts);
    this.#receivedColumn = state.context.machine.ledger.column(RECEIVED_FROM_WIRE);
  }

  /** Queues that got a frame since the last publication, and how many. */
  get touched(): Int32Array {
    return this.#queues.touched;
  }

  get touchedCount(): number {
    return this.#queues.touchedCount;
  }

  /** Stamp of the last frame. */
  get stamp(): number {
    return this.#state.words[this.#stampWord];
  }

  /**
   * The same as a number to count on from: 0 where the next frame has stamp 1 (again). No more than `LAST_STAMP` less this
   * many frames may be taken at once.
   */
  get stampBefore(): number {
    const { stamp } = this;
    return stamp === LAST_STAMP ? 0 : stamp;
  }

  reset(): void {
    this.#queues.reset();
  }

  /**
   * Takes the first `count` waiting frames, at most {@link NIC_BATCH} and none behind the last stamp: as {@link receive}, but ordinary frames by
   * the short way. Returns the number of frames taken.
   */
  receiveBatch(count: number): number {
    const state = this.#state;
    if (!state.receiveEnabled || !state.linkUp || (state.tables.rctl & RCTL_NVGRE) !== 0)
      return this.receive(0, count);
    const { shortWay } = this;
    const words = state.words;
    const stamp = (this.stampBefore + 1) | 0;
    let taken = 0;
    for (;;) {
      taken = shortWay.take(this.#wire, this.#engine, taken, count, stamp);
      if (taken === count) break;
      const { queue } = shortWay;
      if (queue >= 0 && this.#openShortWay(queue)) continue;
      words[this.#stampWord] = (stamp + taken - 1) | 0;
      if (this.receive(taken, taken + 1) === taken) break;
      // A frame taken the long way may have used the queue's last descriptor.
      taken++;
    }
    words[this.#stampWord] = (stamp + taken - 1) | 0;
    this.passed += shortWay.passed;
    shortWay.passed = 0;
    return taken;
  }

  /** Lets the short way use the queue's descriptors up to the tail as known now; false if there is nothing new to it. */
  #openShortWay(queue: number): boolean {
    const rxq = this.#state.rxq;
    const q = queue << Q_SHIFT;
    const flags = rxq[q + Q_FLAGS];
    const head = rxq[q + Q_HEAD];
    if (head !== rxq[q + Q_LIMIT] || (flags & RXCTL_ENABLE) === 0 || (flags & RXCTL_CSUMEN) !== 0)
      return false;
    if (head === rxq[q + Q_TAIL] && !this.#queues.findDescriptor(queue)) return false;
    if (head === rxq[q + Q_PUBLISHED] && !this.#queues.touch(queue)) return false;
    const size = rxq[q + Q_HEADER_SIZE];
    rxq[q + Q_SHORT_WAY] =
      (flags & RXCTL_SPLIT) === 0
        ? shortWayWord(rxq[q + Q_PACKET_BYTES], false)
        : shortWayWord(Math.min(size, rxq[q + Q_HEADER_BUFFER_BYTES]), true);
    rxq[q + Q_LIMIT] = rxq[q + Q_TAIL];
    return true;
  }

  /**
   * Takes waiting frames `from` to `to` - 1; returns the number of the first frame not taken, which is `to`
   * unless the port must wait for a descriptor. The caller releases what was taken, then calls
   * {@link publish}.
   */
  receive(from: number, to: number): number {
    const state = this.#state;
    if (!state.receiveEnabled || !state.linkUp) return this.#discard(from, to);
    const wire = this.#wire;
    const entries = wire.words;
    const input = wire.i32;
    const input8 = wire.u8;
    const words = state.words;
    const tableMask = state.tableMask;
    const rxq = state.rxq;
    const host = state.segments[0].i32; // where all rings are
    // Frames of 18 to MFS bytes need no second look at their length.
    const usual = (state.tables.maxFrame - 18) | 0;
    const looksInside = (state.tables.rctl & RCTL_NVGRE) !== 0;
    const engine = this.#engine;
    let stamp = this.stampBefore;
    let i = from | 0;
    for (; i < to; i++) {
      const entry = wire.entry(i);
      const f = entries[entry];
      const length = entries[entry + 1];
      stamp = (stamp + 1) | 0;
      if ((length - 18) >>> 0 > usual || (f & 3) !== 0) {
        const drop = lengthDrop(state, wire, f, length);
        if (drop >= 0) {
          this.#dropWithoutQueue(drop);
          continue;
        }
      }

      // MAC and VLAN as one two-word key; a mask instead of a branch, since tags cannot be predicted.
      const at = f >> 2;
      const low = input[at];
      const third = input[at + 3];
      const tagged = (((third & 0xffff) ^ 0x0081) - 1) >> 31;
      const high = (input[at + 1] & 0xffff) | (third & 0xff0f0000 & tagged);
      // hashKey, by hand: after much dropping the optimiser spends its inlining on drops instead.
      const mixed = Math.imul(low, HASH_LOW) ^ Math.imul(high, HASH_HIGH);
      let slot = (mixed ^ (mixed >>> 15)) & tableMask;
      let value = words[FILTER_TABLE + (slot << 2) + 2];
      while (
        value !== 0 &&
        (words[FILTER_TABLE + (slot << 2)] !== low || words[FILTER_TABLE + (slot << 2) + 1] !== high)
      ) {
        slot = (slot + 1) & tableMask;
        value = words[FILTER_TABLE + (slot << 2) + 2];
      }
      // `looksInside` is as it is for the whole batch: where it is off, the same branch is taken every time.
      if (value === 0 || looksInside) {
        value = looksInside
          ? classifyEncapsulated(state, input8, f, length, low, high)
          : classifyUnmatched(state, low, high);
        if (value < 0) {
          this.#dropWithoutQueue(~value);
          continue;
        }
      }

      const queue = value & 0xff;
      const q = queue << Q_SHIFT;
      const flags = rxq[q + Q_FLAGS];
      if (rxq[q + Q_ENGINE] !== engine) {
        this.passed++;
        continue;
      }
      if ((flags & RXCTL_ENABLE) === 0) {
        this.drops.count(DROP_QUEUE_STOPPED);
        continue;
      }
      const head = rxq[q + Q_HEAD];
      if (head === rxq[q + Q_TAIL] && !this.#queues.findDescriptor(queue)) {
        if ((flags & RXCTL_DROPEN) === 0 && !this.isHurried) {
          this.#queues.starve(queue);
          if (head === rxq[q + Q_TAIL]) {
            stamp = (stamp - 1) | 0;
            break;
          }
        } else {
          this.#dropOnQueue(DROP_NO_DESCRIPTOR, queue, REG.RXDROP);
          continue;
        }
      }
      const bytes = (length + (tagged & -4)) | 0;
      if (bytes > rxq[q + Q_PACKET_BYTES]) {
        this.#dropOnQueue(DROP_BUFFER_TOO_SMALL, queue, REG.RXSMALL);
        continue;
      }
      if (head === rxq[q + Q_PUBLISHED] && !this.#queues.touch(queue)) {
        this.#dropOnQueue(DROP_DMA_FAULT, queue, REG.RXFAULT);
        continue;
      }
      const index = (head & rxq[q + Q_MASK]) << 2;
      const descriptor = (rxq[q + Q_RING] + index) | 0;
      const placed = placeFrame(state, wire, queue, f, tagged, bytes, host, descriptor);
      if (placed < 0) {
        this.#dropOnQueue(~placed, queue, ~placed === DROP_DMA_FAULT ? REG.RXFAULT : REG.RXSMALL);
        continue;
      }
      let status = bytes | RXC_DD | (tagged & RXC_VLAN) | ((value >>> 4) & RXC_INEXACT) | placed;
      if ((low & 1) !== 0) status |= low === -1 && (high & 0xffff) === 0xffff ? RXC_BROADCAST : RXC_MULTICAST;

      const completion = (rxq[q + Q_COMPLETIONS] + (index << 1)) | 0;
      host[completion] = status;
      host[completion + 1] =
        ((((third >>> 8) & 0xff00) | (third >>> 24)) & tagged) | ((value << 8) & 0xffff0000);
      host[completion + 2] = 0;
      host[completion + 3] = stamp;
      const type = input[at + 3 + (tagged & 1)];
      const rule = ((value >> 8) & 0xffff) === RXC_NO_FILTER ? (value >>> RULE_SHIFT) & RULE_MASK : 0;
      host[completion + 4] =
        queue | (rule << VERDICT_RULE_SHIFT) | ((type & 0xff) << 24) | ((type & 0xff00) << 8);
      host[completion + 5] = (status & RXC_SPLIT) === 0 ? 0 : Math.min(bytes, rxq[q + Q_HEADER_SIZE]);
      host[completion + 6] = 0;
      host[completion + 7] = 0;
      // The short way must find its limit again if there was none left for it.
      if (head === rxq[q + Q_LIMIT]) rxq[q + Q_LIMIT] = (head + 1) | 0;
      rxq[q + Q_HEAD] = (head + 1) | 0;
      rxq[q + Q_BYTES] = (rxq[q + Q_BYTES] + bytes) | 0;
    }
    words[this.#stampWord] = stamp;
    return i;
  }

  /**
   * Tells drivers and statistics about `taken` frames; once per batch. Returns how many entries of
   * {@link touched} and {@link interruptResult} it leaves behind.
   */
  publish(taken: number): number {
    const state = this.#state;
    const { words, rxq, segments, context } = state;
    const host = segments[0].i32;
    const touched = this.#queues.takeTouched();
    let frames = 0;
    let bytes = 0;
    for (let k = 0; k < touched; k++) {
      const queue = this.touched[k];
      const q = queue << Q_SHIFT;
      const head = rxq[q + Q_HEAD];
      const fresh = (head - rxq[q + Q_PUBLISHED]) | 0;
      this.interruptResult[k] = -1;
      rxq[q + Q_LIMIT] = head; // the next batch looks at the queue anew
      if (fresh === 0) continue; // every frame of the batch met a DMA fault
      rxq[q + Q_PUBLISHED] = head;
      Atomics.store(host, rxq[q + Q_STATUS], head);
      const registers = (REG.RDBASE >> 2) + queue * QUEUE_WORDS;
      words[registers + ((REG.RDH - REG.RDBASE) >> 2)] = head;
      addCounter(words, registers + ((REG.RXPKTLO - REG.RDBASE) >> 2), fresh);
      addCounter(words, registers + ((REG.RXBYTLO - REG.RDBASE) >> 2), rxq[q + Q_BYTES]);
      frames += fresh;
      bytes += rxq[q + Q_BYTES];
      rxq[q + Q_BYTES] = 0;
      this.interruptResult[k] = this.#interrupts.considerReceive(queue);
    }
    if (frames !== 0) {
      state.addShared(REG.GPRC >> 2, frames);
      state.addShared(REG.GORC >> 2, bytes);
    }
    const counters = context.counters;
    counters[this.#receivedColumn] = counters[this.#receivedColumn] + taken - this.passed;
    this.passed = 0;
    this.drops.publish();
    return touched;
  }

  /** Of frames that are no queue's engine 0 keeps count. */
  #dropWithoutQueue(code: number): void {
    if (this.#engine === 0) this.drops.count(code);
    else this.passed++;
  }

  #dropOnQueue(code: number, queue: number, register: number): void {
    this.drops.count(code);
    const at = (register >> 2) + queue * QUEUE_WORDS;
    const words = this.#state.words;
    words[at] = (words[at] + 1) | 0;
    // Without a driver to post buffers one word of these is full within five minutes.
    if (words[at] !== 0 || register !== REG.RXDROP) return;
    const high = (REG.RXDROPHI >> 2) + queue * QUEUE_WORDS;
    words[high] = (words[high] + 1) | 0;
  }

  /** The port is off: lengths are still checked first, the rest is dropped. */
  #discard(from: number, to: number): number {
    const { words, linkUp } = this.#state;
    const wire = this.#wire;
    for (let i = from; i < to; i++) {
      const drop = linkUp
        ? lengthDrop(this.#state, wire, wire.offsetOf(i), wire.lengthOf(i))
        : DROP_LINK_DOWN;
      this.#dropWithoutQueue(drop >= 0 ? drop : DROP_RX_DISABLED);
    }
    words[this.#stampWord] = (this.stampBefore + to - from) | 0;
    return to;
  }

  /** A queue was disabled or reset. */
  forget(queue: number): void {
    this.#queues.forget(queue);
  }

  /** A queue was enabled. */
  begin(queue: number): void {
    this.#queues.begin(queue);
  }
}
