// What run-breaks.ts asks of seek.ts, and what it is told.

export interface SeekRequest {
  readonly seed: number;
  readonly steps: number;
  /** Processor time after which seeking ends. */
  readonly seconds: number;
  readonly faults: readonly string[];
  readonly hostile: boolean | readonly string[];
}

export interface SeekResult {
  readonly seed: number;
  /** The invariant that failed, 'tests', or 'none' if the process ended badly; null: nobody saw anything. */
  readonly invariant: string | null;
  readonly message: string;
  readonly step: number;
  readonly seconds: number;
}
