/**
 * Frames under way to each VM that stays, from the wire to its memory: under NDIS 6.20 a queue's buffers come back only
 * when the VM is done with them. A VM that gets no more at a time than its queue has buffers for loses nothing, so what
 * it loses all the same, the migration of another one has cost it.
 */
import type { Participant } from './accounts.ts';
import { readMark } from './marked-frames.ts';

export class UnderWay {
  readonly #most: number;
  readonly #counts = new Map<number, number>();
  /** VMs' frames that are on a wire; others go from VM to VM on one host. */
  readonly #fromVms = new Set<number>();
  /** It may lose frames, and gets as many as there are. */
  #mover: Participant | null = null;

  constructor(most: number) {
    this.#most = most;
  }

  /** Nothing is under way, and `mover` is going to move. */
  begin(mover: Participant): void {
    this.#mover = mover;
    this.#counts.clear();
    this.#fromVms.clear();
  }

  mayGo(bytes: Uint8Array): boolean {
    const mark = readMark(bytes, 0);
    if (mark === null || mark.to.lo === this.#mover?.address.lo) return true;
    return (this.#counts.get(mark.to.lo) ?? 0) < this.#most;
  }

  goes(bytes: Uint8Array): void {
    const mark = readMark(bytes, 0);
    if (mark === null) return;
    this.#counts.set(mark.to.lo, (this.#counts.get(mark.to.lo) ?? 0) + 1);
    if (mark.isFromVm) this.#fromVms.add(mark.from.lo * 0x1_0000 + mark.number);
  }

  came(bytes: Uint8Array, offset: number): void {
    const mark = readMark(bytes, offset);
    if (mark === null) return;
    if (mark.isFromVm && !this.#fromVms.delete(mark.from.lo * 0x1_0000 + mark.number)) return;
    this.#counts.set(mark.to.lo, (this.#counts.get(mark.to.lo) ?? 0) - 1);
  }
}
