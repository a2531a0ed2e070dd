/**
 * Interrupts: who is owed one, moderation, masks and pending bits.
 *
 *   new completions ──armed?──> moderated? ──masked?──> MSI-X message to a processor
 *                      no: wait    yes: timer   yes: PBA bit, sent when unmasked
 *
 * A queue is armed by its driver (RXARM / TXARM) and disarmed by the interrupt, so a driver that is working
 * through its completions is not disturbed. Where queues share a message, RXARM also shows whose it was.
 *
 * Arming a receive queue need not disturb the device either. Driver's bus and device each write their own register and
 * then read the other's, by atomic operations, so at least one of them sees the other:
 *
 *   bus      1  RXARM := 1                          device   a  RDH := completions
 *            2  RDH = RCT: done, else attention              b  RXARM = 0: done, else interrupt
 *
 * An RXARM that is seen set by a plain load was set, and b need not be asked in earnest.
 */

import {
  MAX_MSIX_ENTRIES,
  MAX_QUEUES,
  MSIX_STRIDE,
  MSIX_VCTRL_MASK,
  REG,
  RX_QUEUE_STRIDE,
  TX_QUEUE_STRIDE,
} from '../registers/register-constants.ts';
import {
  type DeviceState,
  Q_ENGINE,
  Q_FLAGS,
  Q_HEAD,
  Q_PUBLISHED,
  Q_SHIFT,
  Q_SIGNALLED,
} from '../state/device-state.ts';

/** What became of a chance to interrupt; the trace shows it. */
export const INTERRUPT_SENT = 0;
export const INTERRUPT_MASKED = 1;
export const INTERRUPT_MODERATED = 2;
export const INTERRUPT_NOT_ARMED = 3;
export const INTERRUPT_NOTHING_NEW = 4;
export const INTERRUPT_BAD_ENTRY = 5;

/** Words from a queue's first register. */
const ARM = (REG.RXARM - REG.RDBASE) >> 2;
const ENTRY = (REG.RXENTRY - REG.RDBASE) >> 2;
const ITR = (REG.RXITR - REG.RDBASE) >> 2;
const SEEN = (REG.RCT - REG.RDBASE) >> 2;
/** Completions: more than any ring has, less than half of what 32 bits count. */
const LONG_AGO = 1 << 30;
const RECEIVE_HEAD = (REG.RDH - REG.RDBASE) >> 2;

/** What receiving has to do with interrupts. */
export interface ReceiveInterrupts {
  /** Receive queue `queue` has published; returns one of INTERRUPT_*, or -1 if its engine will look at it later. */
  considerReceive(queue: number): number;
  /** Sets bits of CAUSE. */
  raiseCause(cause: number): void;
}

export class InterruptUnit implements ReceiveInterrupts {
  readonly #state: DeviceState;
  readonly #words: Int32Array;
  /** Sources held back by moderation: receive queue q is q, transmit queue t is MAX_QUEUES + t. */
  readonly #delayed: Int32Array = new Int32Array(MAX_QUEUES * 2);
  readonly #isDelayed: Uint8Array = new Uint8Array(MAX_QUEUES * 2);
  #delayedCount: number = 0;
  /** Earliest time of the next interrupt, by source. */
  readonly #notBefore: Float64Array = new Float64Array(MAX_QUEUES * 2);

  constructor(state: DeviceState) {
    this.#state = state;
    this.#words = state.words;
  }

  reset(): void {
    this.#delayedCount = 0;
    this.#isDelayed.fill(0);
    this.#notBefore.fill(0);
  }

  considerReceive(queue: number): number {
    const words = this.#words;
    const { rxq, engine } = this.#state;
    const q = queue << Q_SHIFT;
    // Another engine's by now: it looks itself.
    if (rxq[q + Q_ENGINE] !== engine) return INTERRUPT_NOT_ARMED;
    const registers = (REG.RDBASE + queue * RX_QUEUE_STRIDE) >> 2;
    if (words[registers + ARM] === 0) {
      Atomics.store(words, registers + RECEIVE_HEAD, rxq[q + Q_PUBLISHED]);
      if (Atomics.load(words, registers + ARM) === 0) {
        // A driver that polls for long does not arm: what it was told of last must not come to look new again.
        if (((rxq[q + Q_PUBLISHED] - rxq[q + Q_SIGNALLED]) | 0) < 0)
          rxq[q + Q_SIGNALLED] = (rxq[q + Q_PUBLISHED] - LONG_AGO) | 0;
        return INTERRUPT_NOT_ARMED;
      }
    }
    return this.#consider(queue, rxq, q, registers);
  }

  considerTransmit(queue: number): number {
    const registers = (REG.TDBASE + queue * TX_QUEUE_STRIDE) >> 2;
    // A plain load may be old, but then the driver's write to the register has attention pending.
    if (this.#words[registers + ARM] === 0) return INTERRUPT_NOT_ARMED;
    return this.#consider(MAX_QUEUES + queue, this.#state.txq, queue << Q_SHIFT, registers);
  }

  #consider(source: number, queues: Int32Array, q: number, registers: number): number {
    const words = this.#words;
    const head = queues[q + Q_HEAD];
    let told = queues[q + Q_SIGNALLED];
    const seen = words[registers + SEEN];
    // Whichever is nearer to the head: they may be far apart.
    if ((head - seen) >>> 0 < (head - told) >>> 0) told = seen;
    if (head === told || queues[q + Q_FLAGS] === 0) return INTERRUPT_NOTHING_NEW;
    const interval = words[registers + ITR] >>> 0;
    if (interval !== 0) {
      const now = this.#state.context.machine.clock.now();
      const earliest = this.#notBefore[source];
      if (now < earliest) {
        this.#delay(source, earliest);
        return INTERRUPT_MODERATED;
      }
      this.#notBefore[source] = now + interval;
    }
    // Before the message, and the message is sent with an atomic operation: no driver sees it armed still.
    words[registers + ARM] = 0;
    queues[q + Q_SIGNALLED] = head;
    return this.send(words[registers + ENTRY]);
  }

  #delay(source: number, until: number): void {
    this.#state.context.wakeAt(until);
    if (this.#isDelayed[source] !== 0) return;
    this.#isDelayed[source] = 1;
    this.#state.context.machine.reach('nic.interrupt-moderated');
    this.#delayed[this.#delayedCount++] = source;
  }

  /** Looks again at what moderation held back; once per step, cheap when there is nothing. */
  serveDelayed(): void {
    const count = this.#delayedCount;
    if (count === 0) return;
    const sources = this.#delayed.slice(0, count);
    this.#delayedCount = 0;
    for (const source of sources) {
      this.#isDelayed[source] = 0;
      if (source < MAX_QUEUES) this.considerReceive(source);
      else this.considerTransmit(source - MAX_QUEUES);
    }
  }

  /** Sends the message of an MSI-X entry, or remembers it while masked. */
  send(entry: number): number {
    const words = this.#words;
    if (entry < 0 || entry >= this.#state.profile.msixEntries) {
      this.#state.addShared(REG.SPURIOUS >> 2, 1);
      return INTERRUPT_BAD_ENTRY;
    }
    const at = (REG.MSIXADDRLO + entry * MSIX_STRIDE) >> 2;
    if ((words[at + 3] & MSIX_VCTRL_MASK) !== 0) {
      Atomics.or(words, (REG.PBA >> 2) + (entry >> 5), 1 << (entry & 31));
      // Unmasked meanwhile: whoever serves that may have looked before the bit was there.
      if ((Atomics.load(words, at + 3) & MSIX_VCTRL_MASK) !== 0 || !this.#takePending(entry)) {
        this.#state.context.machine.reach('nic.interrupt-while-masked');
        return INTERRUPT_MASKED;
      }
    }
    this.#state.addShared(REG.INTERRUPTS >> 2, 1);
    this.#state.context.machine.interrupts.message(words[at] >>> 0, words[at + 2]);
    return INTERRUPT_SENT;
  }

  /** A vector control was written: sends what became pending while masked. */
  serveUnmasked(): void {
    const words = this.#words;
    for (let group = 0; group < MAX_MSIX_ENTRIES / 32; group++) {
      let pending = words[(REG.PBA >> 2) + group];
      while (pending !== 0) {
        const bit = 31 - Math.clz32(pending & -pending);
        pending &= pending - 1;
        const entry = group * 32 + bit;
        if ((Atomics.load(words, (REG.MSIXVCTRL + entry * MSIX_STRIDE) >> 2) & MSIX_VCTRL_MASK) !== 0)
          continue;
        if (this.#takePending(entry)) this.send(entry);
      }
    }
  }

  /** True for the one who took the bit. */
  #takePending(entry: number): boolean {
    const bit = 1 << (entry & 31);
    return (Atomics.and(this.#words, (REG.PBA >> 2) + (entry >> 5), ~bit) & bit) !== 0;
  }

  /** An enabled bit that was clear sends the CAUSEENTRY interrupt. */
  raiseCause(cause: number): void {
    const words = this.#words;
    const before = Atomics.or(words, REG.CAUSE >> 2, cause);
    if ((cause & ~before & Atomics.load(words, REG.CAUSEEN >> 2)) !== 0)
      this.send(words[REG.CAUSEENTRY >> 2]);
  }
}
