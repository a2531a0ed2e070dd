/**
 * How a dying worker thread tells the caller's thread why, although that one may be waiting without its event
 * loop, where no 'error' event arrives.
 *
 *   word 0   1 = failed; stored last
 *   word 1   bytes of text
 *   byte 8   the error as `util.inspect` shows it, UTF-8, cut off at the end of the buffer
 *
 * `worker-bootstrap.mjs` writes it, since it is what still runs when the entry file cannot even be loaded. A thread that
 * can write nothing any more is found by its `life-line.ts`.
 */
const REPORT_BYTES = 8192;

export function createFailureReport(): SharedArrayBuffer {
  return new SharedArrayBuffer(REPORT_BYTES);
}

/** The error's text, or null while all is well. */
export function readFailureReport(report: SharedArrayBuffer): string | null {
  const words = new Int32Array(report, 0, 2);
  if (Atomics.load(words, 0) === 0) return null;
  // Decoders refuse shared memory: slice() copies.
  return new TextDecoder().decode(new Uint8Array(report, 8, words[1]).slice());
}
