/**
 * The frames that an engine drops: each leaves a record in the engine's ring (`receive-record.ts`), and once per batch
 * the records are counted, in the registers and in the ledger.
 *
 *   ring   │ older batches │ counted ... count │ oldest, written over next │
 *                          └── this batch: no more than the ring holds
 */
import type { FrameConsumer } from '@vmq/machine';
import { NO_QUEUE, VERDICT_SLOT_SHIFT } from '../filter/filter-unit.ts';
import type { ReceiveInterrupts } from '../interrupt/interrupt-unit.ts';
import { VERDICT_RULE_SHIFT } from '../registers/descriptors.ts';
import { dropRing } from '../registers/device-memory.ts';
import { CAUSE_DMA_FAULT, REG, RX_QUEUE_STRIDE } from '../registers/register-constants.ts';
import type { DeviceState } from '../state/device-state.ts';
import {
  DROP_BUFFER_TOO_SMALL,
  DROP_DMA_FAULT,
  DROP_NO_DESCRIPTOR,
  NIC_DROP_REASONS,
} from '../state/drop-reasons.ts';
import {
  DROP_ADDRESS,
  DROP_ADDRESS_SLOT,
  DROP_LENGTH,
  DROP_QUEUE_SHIFT,
  DROP_REASON,
  DROP_RULE_SHIFT,
  DROP_STAMP,
  DROP_TAGGED,
  DROP_TCI_TYPE,
  dropEntry,
} from '../state/receive-record.ts';

/** Global statistics register of each drop code, as a word index. */
const DROP_REGISTERS: readonly number[] = [
  REG.RUNT,
  REG.OVERSIZE,
  REG.RXDISABLED,
  REG.NOMATCH,
  REG.MCREFUSED,
  REG.BCREFUSED,
  REG.QSTOPPED,
  REG.NODESC,
  REG.BUFSMALL,
  REG.RXFAULTS,
  REG.LINKDOWN,
  REG.TXFAULTS,
].map((offset) => offset >> 2);

/** A queue's own register of a drop code, as a word index from queue 0; 0 = none. */
const QUEUE_REGISTERS: Int32Array = new Int32Array(NIC_DROP_REASONS.length);
QUEUE_REGISTERS[DROP_NO_DESCRIPTOR] = REG.RXDROP >> 2;
QUEUE_REGISTERS[DROP_BUFFER_TOO_SMALL] = REG.RXSMALL >> 2;
QUEUE_REGISTERS[DROP_DMA_FAULT] = REG.RXFAULT >> 2;
const QUEUE_WORDS: number = RX_QUEUE_STRIDE >> 2;
const ADDRESS_BYTES = 12;
const LEAST_TAGGED = 18;

/** A byte of a frame that ends at `end`; 0 behind it, for what lies there is no part of it (SEC-08). */
const byteAt = (u8: Uint8Array, at: number, end: number): number => (at < end ? u8[at] : 0);
/** Two bytes in the order of the network, and in the order of memory. */
const pairAt = (u8: Uint8Array, at: number, end: number): number =>
  (byteAt(u8, at, end) << 8) | byteAt(u8, at + 1, end);
const halfAt = (u8: Uint8Array, at: number, end: number): number =>
  byteAt(u8, at, end) | (byteAt(u8, at + 1, end) << 8);

export class DropRing {
  /** Word of the BAR where the ring begins; see `dropRing`. */
  readonly ring: number;
  readonly #state: DeviceState;
  readonly #wire: FrameConsumer;
  readonly #interrupts: ReceiveInterrupts;
  readonly #columns: readonly number[];
  /** Frames of a batch by drop code. */
  readonly #frames: Int32Array = new Int32Array(NIC_DROP_REASONS.length);
  /** Frames dropped and counted, free-running. */
  #counted: number;

  constructor(state: DeviceState, interrupts: ReceiveInterrupts, wire: FrameConsumer, engine: number) {
    this.#state = state;
    this.#wire = wire;
    this.#interrupts = interrupts;
    this.ring = dropRing(state.engines, engine);
    this.#counted = state.words[this.ring];
    const ledger = state.context.machine.ledger;
    this.#columns = NIC_DROP_REASONS.map((name) => ledger.column(name));
  }

  /** Frames dropped, free-running; those from {@link counted} on are this batch's. */
  get count(): number {
    return this.#state.words[this.ring];
  }

  get counted(): number {
    return this.#counted;
  }

  /** A batch begins: an engine that stood in for this one may have dropped frames meanwhile. */
  resume(): void {
    this.#counted = this.count;
  }

  /** Records that waiting frame `i` is dropped for `reason`, its verdict (a row's of the filter table) being `verdict`. */
  record(i: number, stamp: number, verdict: number, reason: number): void {
    const { words } = this.#state;
    const { u8 } = this.#wire;
    const f = this.#wire.offsetOf(i);
    const length = this.#wire.lengthOf(i);
    const count = words[this.ring];
    const at = dropEntry(this.ring, count);
    const end = f + length;
    const type = f + ADDRESS_BYTES;
    const isTagged = length >= LEAST_TAGGED && pairAt(u8, type, end) === 0x8100;
    const tci = isTagged ? pairAt(u8, type + 2, end) : 0;
    const etherType = pairAt(u8, isTagged ? type + 4 : type, end);
    const rule = (verdict >>> VERDICT_RULE_SHIFT) & 0xff;
    words[at + DROP_STAMP] = stamp;
    words[at + DROP_REASON] =
      reason |
      (rule << DROP_RULE_SHIFT) |
      ((verdict & 0xff) << DROP_QUEUE_SHIFT) |
      (isTagged ? DROP_TAGGED : 0);
    words[at + DROP_LENGTH] = length;
    words[at + DROP_TCI_TYPE] = tci | (etherType << 16);
    words[at + DROP_ADDRESS] = halfAt(u8, f, end) | (halfAt(u8, f + 2, end) << 16);
    words[at + DROP_ADDRESS_SLOT] = halfAt(u8, f + 4, end) | ((verdict >>> VERDICT_SLOT_SHIFT) << 16);
    words[this.ring] = (count + 1) | 0; // free-running: wraps
  }

  /** Once per batch: counts its records. */
  publish(): void {
    const { words, context } = this.#state;
    const count = words[this.ring];
    if (count === this.#counted) return;
    const frames = this.#frames.fill(0);
    for (let number = this.#counted; number !== count; number = (number + 1) | 0) {
      const reason = words[dropEntry(this.ring, number) + DROP_REASON];
      frames[reason & 0xff]++;
      this.#countOnQueue(reason & 0xff, (reason >>> DROP_QUEUE_SHIFT) & 0xff);
    }
    this.#counted = count;
    if (frames[DROP_DMA_FAULT] !== 0) this.#interrupts.raiseCause(CAUSE_DMA_FAULT);
    frames.forEach((dropped, code) => {
      if (dropped === 0) return;
      this.#state.addShared(DROP_REGISTERS[code], dropped);
      context.counters[this.#columns[code]] += dropped;
    });
  }

  #countOnQueue(code: number, queue: number): void {
    const register = QUEUE_REGISTERS[code];
    if (register === 0 || queue === NO_QUEUE) return;
    const { words } = this.#state;
    const at = register + queue * QUEUE_WORDS;
    words[at] = (words[at] + 1) | 0; // wraps, as the datasheet says
    // Without a driver to post buffers one word of these is full within five minutes.
    if (words[at] === 0 && code === DROP_NO_DESCRIPTOR) words[(REG.RXDROPHI >> 2) + queue * QUEUE_WORDS]++;
  }
}
