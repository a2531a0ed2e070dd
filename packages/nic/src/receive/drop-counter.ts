/** Counts the frames that end in the device: per batch in an array, then in the registers and the ledger. */

import type { ReceiveInterrupts } from '../interrupt/interrupt-unit.ts';
import { CAUSE_DMA_FAULT, REG } from '../registers/register-constants.ts';
import type { DeviceState } from '../state/device-state.ts';
import { DROP_DMA_FAULT, NIC_DROP_REASONS } from '../state/drop-reasons.ts';

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

export class DropCounter {
  /** Frames since the last publication, by drop code. */
  readonly pending: Int32Array = new Int32Array(NIC_DROP_REASONS.length);
  readonly #state: DeviceState;
  readonly #interrupts: ReceiveInterrupts;
  readonly #columns: readonly number[];
  #any: boolean = false;

  constructor(state: DeviceState, interrupts: ReceiveInterrupts) {
    this.#state = state;
    this.#interrupts = interrupts;
    const ledger = state.context.machine.ledger;
    this.#columns = NIC_DROP_REASONS.map((name) => ledger.column(name));
  }

  count(code: number): void {
    this.pending[code] = this.pending[code] + 1;
    this.#any = true;
  }

  /** Once per batch. */
  publish(): void {
    if (!this.#any) return;
    this.#any = false;
    const { counters } = this.#state.context;
    const pending = this.pending;
    if (pending[DROP_DMA_FAULT] !== 0) this.#interrupts.raiseCause(CAUSE_DMA_FAULT);
    for (let code = 0; code < pending.length; code++) {
      const frames = pending[code];
      if (frames === 0) continue;
      pending[code] = 0;
      this.#state.addShared(DROP_REGISTERS[code], frames);
      const column = this.#columns[code];
      counters[column] = counters[column] + frames;
    }
  }
}
