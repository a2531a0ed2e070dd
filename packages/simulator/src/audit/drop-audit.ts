/** Drops for which a device, a driver or the memory must be to blame: they do not occur while nothing goes wrong. */
import type { Machine } from '@vmq/machine';
import { fail } from './simulation-failure.ts';

const UNHEARD_OF = ['dropped.nic.dma-fault', 'dropped.nic.tx-fault', 'dropped.miniport.bad-completion'];

export class DropAudit {
  readonly #name: string;
  readonly #machine: Machine;
  #excused: readonly number[] = UNHEARD_OF.map(() => 0);

  constructor(name: string, machine: Machine) {
    this.#name = name;
    this.#machine = machine;
  }

  /** What there has been has an excuse. */
  excuse(): void {
    this.#excused = this.#totals();
  }

  check(): void {
    this.#totals().forEach((total, i) => {
      const frames = total - this.#excused[i];
      if (frames > 0) fail('books agree', `${this.#name}: ${frames} frames ended as ${UNHEARD_OF[i]}`);
    });
  }

  #totals(): number[] {
    return UNHEARD_OF.map((reason) => this.#machine.ledger.total(reason));
  }
}
