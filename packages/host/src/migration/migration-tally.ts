/** Keeps the figures of a migration while it goes on. */
import type { LedgerReport } from '@vmq/machine';
import type { PortReport } from '@vmq/vswitch';
import type { Host } from '../vm/host.ts';
import type {
  DropCounts,
  FrameEnds,
  MigrationProgress,
  MigrationReport,
  MigrationStep,
} from './migration-report.ts';

/** A host at one moment. */
interface Moment {
  readonly time: number;
  readonly ledger: LedgerReport;
}

export class MigrationTally {
  bytes = 0;
  stateBytes = 0;
  portLeft = false;
  memoryPages = 0;
  isSuspended = false;
  readonly destination: Host;
  readonly #vm: string;
  readonly #source: Host;
  readonly #steps: MigrationStep[] = [];
  readonly #rounds: { pages: number; bytes: number; atNanoseconds: number }[] = [];
  #pages = 0;
  #framesDelivered = 0;
  #messagesCarried = 0;
  #queue = { source: 0, destination: 0, reason: '' };
  readonly #start: readonly [Moment, Moment];
  #stop: readonly [Moment, Moment] | null = null;
  #resume: readonly [Moment, Moment] | null = null;
  /** When the source was done with the VM, and the destination's clock at the same moment. */
  #gone: readonly [number, number] | null = null;

  constructor(vm: string, source: Host, destination: Host) {
    this.#vm = vm;
    this.#source = source;
    this.destination = destination;
    this.#start = this.#now();
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
    this.#gone = [this.#source.machine.clock.now(), this.destination.machine.clock.now()];
  }

  resumed(port: PortReport | undefined): void {
    this.#resume = this.#now();
    this.#queue.destination = port?.queueId ?? 0;
    this.#queue.reason = port?.withoutQueue ?? '';
  }

  report(): MigrationReport {
    const end = this.#resume ?? this.#now();
    const [stop, resume] = this.#stop && this.#resume ? [this.#stop, this.#resume] : [end, end];
    const source = droppedBetween(stop[0], resume[0]);
    const destination = droppedBetween(stop[1], resume[1]);
    const sum = (counts: DropCounts): number => Object.values(counts).reduce((all, n) => all + n, 0);
    return {
      vm: this.#vm,
      source: this.#source.config.name,
      destination: this.destination.config.name,
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
        source: endsBetween(this.#start[0], end[0]),
        destination: endsBetween(this.#start[1], end[1]),
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

  #now(): readonly [Moment, Moment] {
    const moment = ({ machine }: Host): Moment => ({
      time: machine.clock.now(),
      ledger: machine.ledger.report(),
    });
    return [moment(this.#source), moment(this.destination)];
  }
}

function droppedBetween(before: Moment, after: Moment): DropCounts {
  const was = before.ledger.ends.dropped;
  const counts = Object.entries(after.ledger.ends.dropped).map(
    ([reason, count]) => [reason, count - (was[reason] ?? 0)] as const,
  );
  return Object.fromEntries(counts.filter(([, count]) => count !== 0));
}

function endsBetween(before: Moment, after: Moment): FrameEnds {
  const [was, is] = [before.ledger, after.ledger];
  return {
    receivedFromWire: is.receivedFromWire - was.receivedFromWire,
    receivedFromGuests: is.receivedFromGuests - was.receivedFromGuests,
    delivered: is.ends.delivered - was.ends.delivered,
    transmitted: is.ends.transmitted - was.ends.transmitted,
    dropped: droppedBetween(before, after),
    inFlight: { before: was.inFlight, after: is.inFlight },
  };
}
