/**
 * Frames in the reference model: where each may still be indicated, and who holds its NBL.
 *
 *   sent ──> on its way {queues it may get, or none} ──indicated──> held ──returned──>
 *                        │        ^                        └─ not held: returned at once
 *                        │        └ grows with every state the adapter goes through meanwhile
 *                        └──settle: gone, which must have been allowed
 */
import { classify, receiversOf, type World } from './records.ts';
import type { Frame, Indicated } from './vocabulary.ts';

interface Travelling {
  readonly frame: Frame;
  /** Queues it may be indicated on; null = on none. */
  readonly outcomes: Set<number | null>;
  /** `queue processor` pairs that have been right since it was sent. */
  readonly places: Set<string>;
  /** `queue receivers`: who gets it on a queue it may be indicated on, in a state since it was sent. */
  readonly receivers: Set<string>;
  /** Where a queue it may get splits frames: the queue itself may be gone when the step is over. */
  readonly splitAt: Map<number, number>;
}

/** The priority that every tag in these frames has. */
export const TAG_PRIORITY = 3;

export class FrameTracker {
  /** Frame numbers of NBLs that the protocol holds, and their queues. */
  readonly held: Map<number, number> = new Map();
  readonly #travelling = new Map<number, Travelling>();
  /** Of the frames held, who holds each. */
  readonly #holders = new Map<number, 'A' | 'B'>();
  /** The last frame indicated on each queue to each protocol. */
  readonly #last = new Map<string, number>();

  heldOn(queueId: number): number {
    return [...this.held.values()].filter((other) => other === queueId).length;
  }

  heldBy(protocol: 'A' | 'B'): number {
    return [...this.held.keys()].filter((number) => this.#holders.get(number) === protocol).length;
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
    this.#travelling.set(frame.number, {
      frame,
      outcomes: new Set(),
      places: new Set(),
      receivers: new Set(),
      splitAt: new Map(),
    });
    this.note(world);
  }

  /** The adapter is in this state now: frames on their way may be classified by it. */
  note(world: World): void {
    for (const { frame, outcomes, places, receivers, splitAt } of this.#travelling.values()) {
      const queueId = classify(world, frame);
      outcomes.add(queueId);
      if (queueId !== null) {
        places.add(`${queueId} ${processorOf(world, queueId)}`);
        splitAt.set(queueId, world.queues.get(queueId)?.splitAt ?? 0);
      }
      // A frame classified before the affinity changed is indicated where the queue is by then.
      for (const known of outcomes) {
        if (known === null || !world.queues.has(known)) continue;
        places.add(`${known} ${processorOf(world, known)}`);
        receivers.add(`${known} ${receiversOf(world, known, frame)}`);
      }
    }
  }

  /** What is wrong with the indications of a step, in words. */
  allIndicated(seen: readonly Indicated[], world: World): string[] {
    const problems: string[] = [];
    const together = new Map<number, Indicated[]>();
    for (const one of seen) {
      const others = together.get(one.number);
      if (others === undefined) together.set(one.number, [one]);
      else others.push(one);
    }
    for (const [number, records] of together) {
      const travelling = this.#travelling.get(number);
      if (travelling !== undefined) problems.push(...this.#receivedBy(number, records, travelling));
    }
    // As they came: one protocol may have had a later frame before the other had the first (RX-11 holds for each).
    for (const one of seen) problems.push(...this.#indicated(one, world, this.#travelling.get(one.number)));
    for (const number of together.keys()) this.#travelling.delete(number);
    return problems;
  }

  /** RX-22, RX-14: who got it, once each, and that one of them has the NBL. */
  #receivedBy(number: number, records: readonly Indicated[], { receivers, outcomes }: Travelling): string[] {
    const got = [...new Set(records.map(({ to }) => to))].sort();
    const queueId = records[0]?.queueId ?? 0;
    if (!outcomes.has(queueId)) return [];
    if (got.length < records.length) return [`frame ${number} on queue ${queueId}: indicated again`];
    const problems: string[] = [];
    if (!receivers.has(`${queueId} ${got.join('')}`)) {
      const allowed = [...receivers].map((text) => `queue ${text}`).join(' or ');
      problems.push(
        `RX-22: frame ${number} on queue ${queueId} to ${got.join(' and ')}, expected ${allowed}`,
      );
    }
    if (records.filter(({ isLent }) => !isLent).length !== 1)
      problems.push(`RX-14: frame ${number}: not one of ${got.join(' and ')} has its NBL`);
    return problems;
  }

  #indicated(seen: Indicated, world: World, travelling: Travelling | undefined): string[] {
    const what = `frame ${seen.number} on queue ${seen.queueId}`;
    if (travelling === undefined) return [`${what}: indicated again, or after it had to be gone`];
    const { frame, outcomes, places } = travelling;
    const problems = seen.faults.map((fault) => `${what}: ${fault}`);
    if (!outcomes.has(seen.queueId)) {
      const allowed = [...outcomes].map((id) => (id === null ? 'none' : `queue ${id}`)).join(' or ');
      problems.push(`${what}, expected ${allowed}`);
    } else if (!places.has(`${seen.queueId} ${seen.processor}`))
      problems.push(`INT-05: ${what}: on processor ${seen.processor}, expected ${[...places].join(' or ')}`);
    const flow = `${seen.queueId} ${seen.to}`;
    if ((this.#last.get(flow) ?? -1) >= seen.number)
      problems.push(`RX-11: ${what}: after frame ${this.#last.get(flow)}`);
    this.#last.set(flow, seen.number);
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
    if (frame.hold && world.running && !seen.isLent) {
      this.held.set(seen.number, seen.queueId);
      this.#holders.set(seen.number, seen.to);
    }
    return problems;
  }

  returned(numbers: readonly number[]): void {
    for (const number of numbers) {
      this.held.delete(number);
      this.#holders.delete(number);
    }
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
    for (const to of ['A', 'B']) this.#last.delete(`${queueId} ${to}`);
  }

  /** The machine is at rest: what was not indicated never will be. */
  settle(): string[] {
    const problems: string[] = [];
    for (const { frame, outcomes, receivers } of this.#travelling.values()) {
      const forNobody = [...outcomes].some((queueId) => receivers.has(`${queueId} `));
      if (outcomes.has(null) || forNobody) continue;
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
