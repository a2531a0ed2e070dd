/**
 * Which processor a VM queue is aimed at: the least loaded of the VMQ processor set, in turn among equals. The
 * policy is this model's (static VMQ); Windows documents only that queues are spread over the set.
 */
export class ProcessorAssignment {
  readonly processors: readonly number[];
  readonly #load: Map<number, number>;
  #next = 0;

  constructor(processors: readonly number[]) {
    this.processors = processors;
    this.#load = new Map(processors.map((processor) => [processor, 0]));
  }

  /** Takes a processor: `preferred` if it is in the set. */
  take(preferred: number | null): number {
    const processor = preferred !== null && this.#load.has(preferred) ? preferred : this.#leastLoaded();
    this.#load.set(processor, this.loadOf(processor) + 1);
    return processor;
  }

  give(processor: number): void {
    this.#load.set(processor, Math.max(0, this.loadOf(processor) - 1));
  }

  loadOf(processor: number): number {
    return this.#load.get(processor) ?? 0;
  }

  #leastLoaded(): number {
    const { processors } = this;
    let best = this.#next;
    for (let i = 1; i < processors.length; i++) {
      const at = (this.#next + i) % processors.length;
      if (this.loadOf(processors[at]) < this.loadOf(processors[best])) best = at;
    }
    this.#next = (best + 1) % processors.length;
    return processors[best];
  }
}
