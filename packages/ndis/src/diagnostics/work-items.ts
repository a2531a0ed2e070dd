/**
 * NdisQueueIoWorkItem: work that runs at PASSIVE_LEVEL on the control thread, as soon as the control call that
 * queued it has returned.
 *
 * An item that queues itself again runs in the next round, so that whoever waits for something gets to look in
 * between. Rounds run when the outermost control call returns, while a control call waits, and in `poll`.
 */
export class WorkItems {
  #queued: (() => void)[] = [];
  #depth = 0;

  /** Runs `call` as a control call: work items wait until the outermost one has returned. */
  during<T>(call: () => T): T {
    this.#depth++;
    try {
      return call();
    } finally {
      this.#depth--;
    }
  }

  queue(item: () => void): void {
    this.#queued.push(item);
  }

  get pending(): number {
    return this.#queued.length;
  }

  /**
   * One round: what is queued now, unless a miniport handler is still on the stack. An item may itself wait, and
   * so run later rounds.
   */
  run(): void {
    if (this.#depth > 0 || this.#queued.length === 0) return;
    const items = this.#queued;
    this.#queued = [];
    for (const item of items) item();
  }
}
