// What a workload prints when it has run: its sample of a round.

/** Time of a measured stretch, and of the control loop around it. */
export interface Timing {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly controlNs: number;
}

/** Shares of a profile's samples, 0 to 1, by side (`host`) and by layer (`host/vswitch`). */
export interface Shares {
  readonly sides: Readonly<Record<string, number>>;
  readonly layers: Readonly<Record<string, number>>;
  readonly samples: number;
}

const FIGURES = [
  'wallMs',
  'cpuMs',
  'controlNs',
  'frames',
  'mpps',
  'lost',
  'framesPerTurn',
  'scavenges',
  'otherCollections',
  'heapGrowthBytes',
  'heapBytes',
  'rssBytes',
  'sharedBytes',
  'bursts',
  'p50us',
  'p90us',
  'p99us',
  'inTime',
  'longP50us',
  'controlP50us',
  'controlP90us',
  'controlP99us',
  'untilRest',
  'queueCyclesPerSecond',
  'filterChangesPerSecond',
  'oidsPerSecond',
  'enumerationsPerSecond',
] as const;
/** A number that a workload may have in its sample. */
export type Figure = (typeof FIGURES)[number];

export interface Sample extends Readonly<Partial<Record<Figure, number>>> {
  /** What was computed wrongly. */
  readonly problems: readonly string[];
  /** The process ended without a sample. */
  readonly failed?: boolean;
  readonly shares?: Shares;
}

/** Parameters of this process: what is given as JSON, the rest as `defaults` says. */
export function parametersOf<T extends object>(defaults: T): T {
  return { ...defaults, ...(JSON.parse(process.argv[2] ?? '{}') as Partial<T>) };
}

/** Prints the sample of this process, as the last line that it prints. */
export function printSample(sample: Sample): void {
  console.log(JSON.stringify(sample));
}
