// Which blocks of the packages' code a run has reached, by V8's own precise coverage.
import { Session } from 'node:inspector';

export class Coverage {
  #session = new Session();
  /** Blocks reached so far: file, first and last character. */
  seen = new Set();

  start() {
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  stop() {
    this.#post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  /** Blocks that were reached since the last call. */
  take() {
    const reached = new Set();
    const { result } = this.#post('Profiler.takePreciseCoverage');
    for (const { url, functions } of result) {
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
  news(reached) {
    let news = 0;
    for (const block of reached) {
      if (this.seen.has(block)) continue;
      this.seen.add(block);
      news++;
    }
    return news;
  }

  /** Synchronous: the session is of this thread. */
  #post(method, parameters = {}) {
    let answer = {};
    this.#session.post(method, parameters, (error, result) => {
      if (error) throw new Error(`${method}: ${error.message}`);
      answer = result;
    });
    return answer;
  }
}
