/** Keeps the figures of a migration while it goes on. */
import type { Host } from '@vmq/host';
import { droppedBetween, endsBetween, momentOf } from '../report/moment.ts';
import type { DropCounts, MigrationProgress, MigrationReport, MigrationStep } from '../report/report.ts';
import type { HostMoment, MigrationReply } from '../stream/commands.ts';

/** Both hosts: the source now, and the destination when it last said something. */
type Moment = readonly [source: HostMoment, destination: HostMoment];

export class MigrationTally {
  bytes = 0;
  stateBytes = 0;
  portLeft = false;
  memoryPages = 0;
  isSuspended = false;
  readonly #vm: string;
  readonly #source: Host;
  readonly #steps: MigrationStep[] = [];
  readonly #rounds: { pages: number; bytes: number; atNanoseconds: number }[] = [];
  #pages = 0;
  readonly #begin: HostMoment;
  #framesDelivered = 0;
  #messagesCarried = 0;
  #queue = { source: 0, destination: 0, reason: '' };
  /** Until the destination has said something its name is what the caller calls it, and nothing has happened there. */
  #destination: string;
  #heard: HostMoment | null = null;
  #start: Moment | null = null;
  #stop: Moment | null = null;
  #resume: Moment | null = null;
  /** When the source was done with the VM, and the destination's clock at the same moment. */
  #gone: readonly [number, number] | null = null;

  constructor(vm: string, source: Host, destination: string) {
    this.#vm = vm;
    this.#source = source;
    this.#destination = destination;
    this.#begin = momentOf(source);
  }

  /** The destination has said something. */
  heard({ host, moment }: MigrationReply): void {
    this.#destination = host;
    this.#heard = moment;
    this.#start ??= [this.#begin, moment];
  }

  queueBefore(queueId: number): void {
    this.#queue.source = queueId;
  }

  round(pages: number, bytes: number): void {
    this.#rounds.push({ pages, bytes, atNanoseconds: this.#source.machine.clock.now() });
    this.#pages += pages;
  }

  took(step: MigrationStep): MigrationProgress {
    this.#steps.push(step);
    const { bytes, memoryPages } = this;
    const dirtyPages = this.#rounds.at(-1)?.pages ?? 0;
    return { step, rounds: this.#rounds.length, pages: this.#pages, bytes, memoryPages, dirtyPages };
  }

  stopped(): void {
    this.#stop = this.#now();
  }

  saved(framesDelivered: number, messagesCarried: number, pages: number): void {
    this.#framesDelivered = framesDelivered;
    this.#messagesCarried = messagesCarried;
    this.#pages += pages;
  }

  gone(): void {
    const [source, destination] = this.#now();
    this.#gone = [source.time, destination.time];
  }

  resumed({ queueId, withoutQueue }: Pick<MigrationReply, 'queueId' | 'withoutQueue'>): void {
    this.#resume = this.#now();
    this.#queue.destination = queueId;
    this.#queue.reason = withoutQueue;
  }

  report(): MigrationReport {
    const end = this.#resume ?? this.#now();
    const start = this.#start ?? [this.#begin, end[1]];
    const [stop, resume] = this.#stop && this.#resume ? [this.#stop, this.#resume] : [end, end];
    const source = droppedBetween(stop[0], resume[0]);
    const destination = droppedBetween(stop[1], resume[1]);
    const sum = (counts: DropCounts): number => Object.values(counts).reduce((all, n) => all + n, 0);
    return {
      vm: this.#vm,
      source: this.#source.config.name,
      destination: this.#destination,
      steps: [...this.#steps],
      rounds: [...this.#rounds],
      memoryPages: this.memoryPages,
      pages: this.#pages,
      bytes: this.bytes,
      stateBytes: this.stateBytes,
      blackoutNanoseconds: this.#blackout(),
      blackoutFrames: sum(source) + sum(destination),
      blackoutDrops: { source, destination },
      frames: {
        source: endsBetween(start[0], end[0]),
        destination: endsBetween(start[1], end[1]),
      },
      framesDelivered: this.#framesDelivered,
      messagesCarried: this.#messagesCarried,
      queue: { ...this.#queue },
      isSuspended: this.isSuspended,
      sourcePortLeft: this.portLeft,
    };
  }

  #blackout(): number {
    if (!this.#stop || !this.#resume || !this.#gone) return 0;
    return this.#gone[0] - this.#stop[0].time + (this.#resume[1].time - this.#gone[1]);
  }

  #now(): Moment {
    const source = momentOf(this.#source);
    return [source, this.#heard ?? { ...source, time: 0 }];
  }
}
