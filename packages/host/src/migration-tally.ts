/** Keeps the figures of a migration while it goes on. */
import type { PortReport } from '@vmq/vswitch';
import type { Host } from './host.ts';
import type { DropCounts, MigrationProgress, MigrationReport, MigrationStep } from './migration-report.ts';

/** A host at one moment. */
interface Moment {
  readonly time: number;
  readonly dropped: DropCounts;
}

export class MigrationTally {
  bytes = 0;
  stateBytes = 0;
  portLeft = false;
  readonly destination: Host;
  readonly #vm: string;
  readonly #source: Host;
  readonly #steps: MigrationStep[] = [];
  readonly #rounds: { pages: number; bytes: number }[] = [];
  #pages = 0;
  #framesDelivered = 0;
  #messagesCarried = 0;
  #queue = { source: 0, destination: 0, reason: '' };
  #stop: readonly [Moment, Moment] | null = null;
  #resume: readonly [Moment, Moment] | null = null;
  /** When the source was done with the VM, and the destination's clock at the same moment. */
  #gone: readonly [number, number] | null = null;

  constructor(vm: string, source: Host, destination: Host) {
    this.#vm = vm;
    this.#source = source;
    this.destination = destination;
  }

  queueBefore(queueId: number): void {
    this.#queue.source = queueId;
  }

  round(pages: number, bytes: number): void {
    this.#rounds.push({ pages, bytes });
    this.#pages += pages;
  }

  took(step: MigrationStep): MigrationProgress {
    this.#steps.push(step);
    return { step, rounds: this.#rounds.length, pages: this.#pages, bytes: this.bytes };
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
    this.#gone = [this.#source.machine.clock.now(), this.destination.machine.clock.now()];
  }

  resumed(port: PortReport | undefined): void {
    this.#resume = this.#now();
    this.#queue.destination = port?.queueId ?? 0;
    this.#queue.reason = port?.withoutQueue ?? '';
  }

  report(): MigrationReport {
    const drops = [0, 1].map((host) =>
      this.#stop && this.#resume
        ? difference((this.#resume[host] as Moment).dropped, (this.#stop[host] as Moment).dropped)
        : {},
    );
    const [source = {}, destination = {}] = drops;
    const sum = (counts: DropCounts): number => Object.values(counts).reduce((all, n) => all + n, 0);
    return {
      vm: this.#vm,
      source: this.#source.config.name,
      destination: this.destination.config.name,
      steps: [...this.#steps],
      rounds: [...this.#rounds],
      pages: this.#pages,
      bytes: this.bytes,
      stateBytes: this.stateBytes,
      blackoutNanoseconds: this.#blackout(),
      blackoutFrames: sum(source) + sum(destination),
      blackoutDrops: { source, destination },
      framesDelivered: this.#framesDelivered,
      messagesCarried: this.#messagesCarried,
      queue: { ...this.#queue },
      sourcePortLeft: this.portLeft,
    };
  }

  #blackout(): number {
    if (!this.#stop || !this.#resume || !this.#gone) return 0;
    return this.#gone[0] - this.#stop[0].time + (this.#resume[1].time - this.#gone[1]);
  }

  #now(): readonly [Moment, Moment] {
    const moment = ({ machine }: Host): Moment => ({
      time: machine.clock.now(),
      dropped: machine.ledger.report().ends.dropped,
    });
    return [moment(this.#source), moment(this.destination)];
  }
}

function difference(after: DropCounts, before: DropCounts): DropCounts {
  const counts = Object.entries(after).map(
    ([reason, count]) => [reason, count - (before[reason] ?? 0)] as const,
  );
  return Object.fromEntries(counts.filter(([, count]) => count !== 0));
}
