// Which blocks of the packages' code a run has reached, by V8's own precise coverage.
import { type Profiler, Session } from 'node:inspector';

export class Coverage {
  readonly #session = new Session();
  /** Blocks reached so far: file, first and last character. */
  readonly seen = new Set<string>();

  start(): void {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  /** Blocks that were reached since the last call. */
  take(): Set<string> {
    const reached = new Set<string>();
    for (const { url, functions } of this.#counts()) {
      const at = url.indexOf('/packages/');
      if (at < 0) continue;
      const file = url.slice(at + 10);
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges)
          if (count > 0) reached.add(`${file} ${startOffset} ${endOffset}`);
      }
    }
    return reached;
  }

  /** Those among them that are new; from now on they are not. */
  news(reached: ReadonlySet<string>): number {
    let news = 0;
    for (const block of reached) {
      if (this.seen.has(block)) continue;
      this.seen.add(block);
      news++;
    }
    return news;
  }

  /** The session is of this thread: it answers before `post` returns. */
  #counts(): readonly Profiler.ScriptCoverage[] {
    let counts: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error;
      counts = result;
    });
    return counts;
  }
}
