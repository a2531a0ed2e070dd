/**
 * The disposition of frames, as this processor's row of the machine's ledger counts it: delivered, copied, or dropped for
 * one of {@link SWITCH_END_REASONS}. (`transmitted` is the NIC's to count.)
 */
import { type AgentContext, COPIES, DELIVERED, RECEIVED_FROM_GUEST } from '@vmq/machine';
import { SWITCH_END_REASONS } from './drop-reasons.ts';

export class DispositionCounters {
  readonly #row: Float64Array;
  readonly #delivered: number;
  readonly #copies: number;
  readonly #fromGuest: number;
  /** Ledger columns by reason number. */
  readonly #drops: Int32Array;

  constructor(context: AgentContext) {
    const ledger = context.machine.ledger;
    this.#row = context.counters;
    this.#delivered = ledger.column(DELIVERED);
    this.#copies = ledger.column(COPIES);
    this.#fromGuest = ledger.column(RECEIVED_FROM_GUEST);
    this.#drops = Int32Array.from(SWITCH_END_REASONS, (name) => ledger.column(name));
  }

  delivered(frames: number): void {
    this.#add(this.#delivered, frames);
  }

  copies(frames: number): void {
    this.#add(this.#copies, frames);
  }

  fromGuest(frames: number): void {
    this.#add(this.#fromGuest, frames);
  }

  dropped(reason: number, frames: number): void {
    this.#add(this.#drops[reason], frames);
  }

  #add(column: number, frames: number): void {
    this.#row[column] = this.#row[column] + frames;
  }
}
