import type { InterruptUnit } from '../interrupt/interrupt-unit.ts';
import type { ReceiveUnit } from '../receive/receive-unit.ts';
import { COMPLETION_BYTES, RXC_DD } from '../registers/descriptors.ts';
import { CTRL_RST, REG } from '../registers/register-constants.ts';
import {
  type DeviceState,
  Q_COMPLETIONS,
  Q_HEAD,
  Q_MASK,
  Q_PUBLISHED,
  Q_SHIFT,
  Q_STATUS,
} from '../state/device-state.ts';

/** What can become of a write-back on its way: the first three to an entry, the others to the completion head. */
export const COMPLETION_DAMAGES = [
  'length',
  'no DD',
  'write lost',
  'index ahead',
  'index beyond the ring',
  'index behind',
] as const;
export type CompletionDamage = (typeof COMPLETION_DAMAGES)[number];

export type DeviceFault =
  /** `part` does nothing any more until a reset; if it `isStubborn`, until it is told `none`. */
  | { readonly kind: 'hang'; readonly part: 'device' | 'transmit'; readonly isStubborn: boolean }
  /** The message of MSI-X entry `entry` is sent `count` times, one every `nanoseconds`. */
  | {
      readonly kind: 'storm';
      readonly entry: number;
      readonly count: number;
      readonly nanoseconds: number;
    }
  /** Each of the next `batches` that complete frames has one write-back damaged; `pick` (32 bits) says which. */
  | {
      readonly kind: 'damage';
      readonly damage: CompletionDamage;
      readonly batches: number;
      readonly pick: number;
    }
  /** Everything is as it should be again. */
  | { readonly kind: 'none' };

export class DeviceFaults {
  /** Nothing is sent. */
  transmitHangs = false;
  readonly #state: DeviceState;
  readonly #interrupts: InterruptUnit;
  #hangs = false;
  #isStubborn = false;
  #storm = { entry: 0, left: 0, interval: 0, next: 0 };
  #damage: CompletionDamage = 'length';
  #damagesLeft = 0;
  #pick = 0;
  /** Queue and value of a completion head that is to be overwritten once it has been published; -1 = none. */
  #headQueue = -1;
  #head = 0;

  constructor(state: DeviceState, interrupts: InterruptUnit) {
    this.#state = state;
    this.#interrupts = interrupts;
  }

  begin(fault: DeviceFault): void {
    const now = this.#state.context.machine.clock.now();
    switch (fault.kind) {
      case 'hang':
        if (fault.part === 'device') this.#hangs = true;
        else this.transmitHangs = true;
        this.#isStubborn = fault.isStubborn;
        break;
      case 'storm':
        this.#storm = { entry: fault.entry, left: fault.count, interval: fault.nanoseconds, next: now };
        break;
      case 'damage':
        this.#damage = fault.damage;
        this.#damagesLeft = fault.batches;
        this.#pick = fault.pick >>> 0;
        break;
      case 'none':
        this.#hangs = this.transmitHangs = false;
        this.#storm.left = this.#damagesLeft = 0;
        break;
    }
  }

  /** Once a turn, first: true if the device takes none. */
  hangs(): boolean {
    if (!this.#hangs && !this.transmitHangs) return false;
    const isResetWanted = (Atomics.load(this.#state.words, REG.CTRL >> 2) & CTRL_RST) !== 0;
    if (isResetWanted && !this.#isStubborn) this.#hangs = this.transmitHangs = false;
    return this.#hangs;
  }

  /** Once a turn: the storm's next message, if it is due. */
  storm(): void {
    const storm = this.#storm;
    if (storm.left === 0) return;
    const { machine, wakeAt } = this.#state.context;
    const now = machine.clock.now();
    if (now >= storm.next) {
      storm.left--;
      storm.next = now + storm.interval;
      this.#interrupts.send(storm.entry);
    }
    if (storm.left > 0) wakeAt(storm.next);
  }

  /** Damages an entry of the batch that is about to be published, or notes which head is to be. */
  beforePublication(receive: ReceiveUnit): void {
    if (this.#damagesLeft === 0 || receive.touchedCount === 0) return;
    const { rxq, segments } = this.#state;
    const queue = receive.touched[this.#pick % receive.touchedCount];
    const q = queue << Q_SHIFT;
    const published = rxq[q + Q_PUBLISHED];
    const head = rxq[q + Q_HEAD];
    const fresh = (head - published) | 0;
    if (fresh === 0) return;
    this.#damagesLeft--;
    const at = (published + ((this.#pick >>> 8) % fresh)) & rxq[q + Q_MASK];
    const entry = rxq[q + Q_COMPLETIONS] + at * (COMPLETION_BYTES >> 2);
    const words = segments[0].i32;
    const size = rxq[q + Q_MASK] + 1;
    const some = 1 + ((this.#pick >>> 20) % 7);
    switch (this.#damage) {
      case 'length':
        words[entry] = words[entry] | 0xffff;
        break;
      case 'no DD':
        words[entry] = words[entry] & ~RXC_DD;
        break;
      case 'write lost':
        words[entry] = 0; // as the driver left it
        break;
      case 'index ahead':
        this.#damageHead(queue, head + some);
        break;
      case 'index beyond the ring':
        this.#damageHead(queue, head + size * some + 1);
        break;
      case 'index behind':
        this.#damageHead(queue, published - some);
        break;
    }
    this.#pick = Math.imul(this.#pick, 0x9e37_79b1) >>> 0;
  }

  afterPublication(): void {
    if (this.#headQueue < 0) return;
    const { rxq, segments } = this.#state;
    const words = segments[0].i32;
    Atomics.store(words, rxq[(this.#headQueue << Q_SHIFT) + Q_STATUS], this.#head);
    this.#headQueue = -1;
  }

  #damageHead(queue: number, head: number): void {
    this.#headQueue = queue;
    this.#head = head | 0;
  }
}
