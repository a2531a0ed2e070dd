// What the benchmark tells its instruments in worker threads; threads-worker.ts has them.

/**
 * `interval` > 0: frame i at origin + i × interval, in ns of the monotonic clock, of `frames` frames. 0: as many as there
 * can be, `least` or more at a time; all engines may be told so: whoever finds that there is room gives frames to all.
 * In both cases there are never more than `window` frames between the wire and their end. `endedBefore`: frames that had
 * ended when none had been given.
 */
export interface GenerateMessage {
  readonly op: 'generate';
  readonly interval: number;
  readonly window: number;
  readonly origin?: number;
  readonly frames?: number;
  readonly least?: number;
  readonly endedBefore?: number;
}

/**
 * Frame i was due at origin + i × interval; when it is seen, its latency in ns goes to latencies[i] and the number of
 * those seen to counts[0]. Interval 0: counts[1] says when, in ns, the one frame under way was sent, and the agent
 * sleeps in between.
 */
export interface ClockMessage {
  readonly op: 'clock';
  readonly origin: number;
  readonly interval: number;
  readonly counts: SharedArrayBuffer;
  readonly latencies: SharedArrayBuffer;
}

/** The agent is pending all the time. */
export interface SpinMessage {
  readonly op: 'spin';
}

/** Ends what the agent was told to do. */
export interface CeaseMessage {
  readonly op: 'cease';
}

export type ThreadMessage = GenerateMessage | ClockMessage | SpinMessage | CeaseMessage;
