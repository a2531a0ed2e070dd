/**
 * Frames in the reference model: where each may still be indicated, and who holds its NBL.
 *
 *   sent ──> on its way {queues it may get, or none} ──indicated──> held ──returned──>
 *                        │        ^                        └─ not held: returned at once
 *                        │        └ grows with every state the adapter goes through meanwhile
 *                        └──settle: gone, which must have been allowed
 */
import { classify, type World } from './records.ts';
import type { Frame, Indicated } from './vocabulary.ts';

interface Travelling {
  readonly frame: Frame;
  /** Queues it may be indicated on; null = on none. */
  readonly outcomes: Set<number | null>;
  /** `queue processor` pairs that have been right since it was sent. */
  readonly places: Set<string>;
  /** Where a queue it may get splits frames: the queue itself may be gone when the step is over. */
  readonly splitAt: Map<number, number>;
}

/** The priority that every tag in these frames has. */
export const TAG_PRIORITY = 3;

export class FrameTracker {
  /** Frame numbers of NBLs that the protocol holds, and their queues. */
  readonly held: Map<number, number> = new Map();
  readonly #travelling = new Map<number, Travelling>();
  /** The last frame indicated on each queue. */
  readonly #last = new Map<number, number>();

  heldOn(queueId: number): number {
    return [...this.held.values()].filter((other) => other === queueId).length;
  }

  /** True if one of these frames, not taken in yet, was indicated on the queue and will be kept. */
  keepsOf(arrivals: readonly Indicated[], queueId: number): boolean {
    return arrivals.some(
      (seen) => seen.queueId === queueId && this.#travelling.get(seen.number)?.frame.hold === true,
    );
  }

  get onTheirWay(): number {
    return this.#travelling.size;
  }

  sent(frame: Frame, world: World): void {
    this.#travelling.set(frame.number, { frame, outcomes: new Set(), places: new Set(), splitAt: new Map() });
    this.note(world);
  }

  /** The adapter is in this state now: frames on their way may be classified by it. */
  note(world: World): void {
    for (const { frame, outcomes, places, splitAt } of this.#travelling.values()) {
      const queueId = classify(world, frame);
      outcomes.add(queueId);
      if (queueId !== null) {
        places.add(`${queueId} ${processorOf(world, queueId)}`);
        splitAt.set(queueId, world.queues.get(queueId)?.splitAt ?? 0);
      }
      // A frame classified before the affinity changed is indicated where the queue is by then.
      for (const known of outcomes) {
        if (known !== null && world.queues.has(known)) places.add(`${known} ${processorOf(world, known)}`);
      }
    }
  }

  /** What is wrong with an indication, in words. */
  indicated(seen: Indicated, world: World): string[] {
    const what = `frame ${seen.number} on queue ${seen.queueId}`;
    const travelling = this.#travelling.get(seen.number);
    if (travelling === undefined) return [`${what}: indicated again, or after it had to be gone`];
    this.#travelling.delete(seen.number);
    const { frame, outcomes, places } = travelling;
    const problems = seen.faults.map((fault) => `${what}: ${fault}`);
    if (!outcomes.has(seen.queueId)) {
      const allowed = [...outcomes].map((id) => (id === null ? 'none' : `queue ${id}`)).join(' or ');
      problems.push(`${what}, expected ${allowed}`);
    } else if (!places.has(`${seen.queueId} ${seen.processor}`))
      problems.push(`INT-05: ${what}: on processor ${seen.processor}, expected ${[...places].join(' or ')}`);
    if ((this.#last.get(seen.queueId) ?? -1) >= seen.number)
      problems.push(`RX-11: ${what}: after frame ${this.#last.get(seen.queueId)}`);
    this.#last.set(seen.queueId, seen.number);
    if (world.queues.get(seen.queueId)?.perQueueIndication === true && !seen.singleQueue)
      problems.push(`RX-02: ${what}: without SINGLE_QUEUE`);
    const splitAt = travelling.splitAt.get(seen.queueId) ?? 0;
    const { length, mdls, firstMdlBytes } = seen;
    if (splitAt === 0 && mdls !== 1) problems.push(`RX-08: ${what}: ${mdls} MDLs without a split`);
    if (splitAt !== 0 && length > splitAt && !(mdls === 2 && firstMdlBytes >= splitAt))
      problems.push(`RX-10: ${what}: ${mdls} MDLs, ${firstMdlBytes} bytes in the first, split at ${splitAt}`);
    const tag = frame.vlan === null ? null : `${TAG_PRIORITY} 0 ${frame.vlan}`;
    if (seen.tag !== tag) problems.push(`FLT-20: ${what}: tag ${seen.tag}, expected ${tag}`);
    // LIFE-07: while pausing it keeps nothing.
    if (frame.hold && world.running) this.held.set(seen.number, seen.queueId);
    return problems;
  }

  returned(numbers: readonly number[]): void {
    for (const number of numbers) this.held.delete(number);
  }

  /** FLT-30, QUE-36: a queue that is not Running indicates nothing any more, earlier arrivals included. */
  forgetStopped(world: World): void {
    for (const { outcomes } of this.#travelling.values()) {
      for (const queueId of [...outcomes]) {
        if (queueId === null || world.queues.get(queueId)?.state === 'R') continue;
        outcomes.delete(queueId);
        outcomes.add(null);
      }
    }
  }

  queueGone(queueId: number): void {
    this.#last.delete(queueId);
  }

  /** The machine is at rest: what was not indicated never will be. */
  settle(): string[] {
    const problems: string[] = [];
    for (const { frame, outcomes } of this.#travelling.values()) {
      if (outcomes.has(null)) continue;
      problems.push(`frame ${frame.number} was not indicated, expected queue ${[...outcomes].join(' or ')}`);
    }
    this.#travelling.clear();
    return problems;
  }
}

/** INT-05: the lowest processor of the affinity; the default queue's is not the model's to say. */
function processorOf(world: World, queueId: number): number {
  const affinity = world.queues.get(queueId)?.affinity ?? 1;
  return Math.log2(affinity & -affinity);
}
