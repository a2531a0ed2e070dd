/**
 * The causal trace: fixed-size records in shared memory, one ring per agent, one cheap check when off.
 *
 *   word  0         1     2      3 4 5 6 7
 *        sequence  kind  stamp  a b c d e        (what a..e mean is the kind's business)
 *
 * `stamp` names the frame (the NIC's receive stamp, or the switch's number for a frame of a guest); 0 where the
 * record is about no single frame. The sequence is the machine's, so records of all agents sort into one story.
 */
import type { AgentId, Board } from '../processor/board.ts';
import { printAs } from './printed-form.ts';

export const TRACE_OFF = 0;
/** Only what the per-VM output needs: one record per delivery. */
export const TRACE_DELIVERIES = 1;
/** Everything. */
export const TRACE_ALL = 2;
export type TraceLevel = typeof TRACE_OFF | typeof TRACE_DELIVERIES | typeof TRACE_ALL;

const RECORD_WORDS = 8;
/** Ring header: [0] level, [1] records written, [2] the one stamp wanted (0 = all). */
const HEADER_WORDS = 16;

export interface TraceImage {
  readonly agents: number;
  readonly records: number;
  /** Where the count of records of each ring begins. */
  readonly start: number;
  readonly buffer: SharedArrayBuffer;
}

export interface TraceRecord {
  readonly sequence: number;
  readonly agent: AgentId;
  readonly kind: number;
  readonly stamp: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly e: number;
}

/** Rings of at least `records` records for `agents` agents; their counts begin at `start`, an int32. */
export function createTraceImage(agents: number, records: number, start: number = 0): TraceImage {
  const size = 2 ** Math.ceil(Math.log2(Math.max(records, 2)));
  const ringWords = HEADER_WORDS + size * RECORD_WORDS;
  const buffer = new SharedArrayBuffer(ringWords * agents * 4);
  const words = new Int32Array(buffer);
  for (let agent = 0; agent < agents; agent++) words[agent * ringWords + 1] = start;
  return { agents, records: size, start, buffer };
}

/** One agent's pen. `level` is re-read with every publication through {@link refresh}; test it before `write`. */
export class TraceWriter {
  /** Cached trace level; hot code asks `writer.level !== 0` once per batch. */
  level = 0;
  /** The one stamp wanted, or 0 for all. */
  onlyStamp = 0;
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #board: Board;
  #written = 0;

  constructor(image: TraceImage, agent: AgentId, board: Board) {
    const words = HEADER_WORDS + image.records * RECORD_WORDS;
    this.#words = new Int32Array(image.buffer, agent * words * 4, words);
    this.#mask = image.records - 1;
    this.#board = board;
    this.#written = this.#words[1];
    this.refresh();
  }

  refresh(): void {
    this.level = Atomics.load(this.#words, 0);
    this.onlyStamp = this.#words[2];
  }

  /** True if a record at `level` about `stamp` is wanted. */
  wants(level: TraceLevel, stamp: number): boolean {
    return this.level >= level && (this.onlyStamp === 0 || this.onlyStamp === stamp);
  }

  write(kind: number, stamp: number, a: number, b: number, c: number, d: number, e: number): void {
    const words = this.#words;
    const at = HEADER_WORDS + (this.#written & this.#mask) * RECORD_WORDS;
    words[at] = this.#board.nextTraceSequence();
    words[at + 1] = kind;
    words[at + 2] = stamp;
    words[at + 3] = a;
    words[at + 4] = b;
    words[at + 5] = c;
    words[at + 6] = d;
    words[at + 7] = e;
    this.#written = (this.#written + 1) | 0;
    Atomics.store(words, 1, this.#written);
  }
}

/** Reads all rings; the control path's side. */
export class TraceReader {
  /** Records overwritten before they were drained. */
  lost = 0;
  readonly #rings: Int32Array[] = [];
  readonly #read: number[] = [];
  readonly #records: number;
  /** Sequence behind the newest that was drained. */
  #next: number;

  constructor(image: TraceImage) {
    this.#next = image.start;
    const words = HEADER_WORDS + image.records * RECORD_WORDS;
    for (let agent = 0; agent < image.agents; agent++) {
      this.#rings.push(new Int32Array(image.buffer, agent * words * 4, words));
      this.#read.push(image.start);
    }
    this.#records = image.records;
  }

  /** Sets what all agents record from the next publication on. `onlyStamp` 0 = every frame. */
  setLevel(level: TraceLevel, onlyStamp: number = 0): void {
    for (const ring of this.#rings) {
      ring[2] = onlyStamp;
      Atomics.store(ring, 0, level);
    }
  }

  /** Records per ring: what may be written between two drains without loss. */
  get capacity(): number {
    return this.#records;
  }

  /** Records written since the last drain, those that are overwritten by now among them. */
  get waiting(): number {
    return this.#rings.reduce(
      (sum, ring, agent) => sum + ((Atomics.load(ring, 1) - this.#read[agent]) >>> 0),
      0,
    );
  }

  /** What was recorded since the last drain, in sequence order. Call it while the agents rest. */
  drain(): TraceRecord[] {
    const out: TraceRecord[] = [];
    this.#rings.forEach((ring, agent) => {
      const written = Atomics.load(ring, 1);
      let from = this.#read[agent];
      const waiting = (written - from) >>> 0; // 2^31 records are waiting, not -2^31
      if (waiting > this.#records) {
        this.lost += waiting - this.#records;
        from = (written - this.#records) | 0;
      }
      for (; from !== written; from = (from + 1) | 0) {
        const at = HEADER_WORDS + (from & (this.#records - 1)) * RECORD_WORDS;
        out.push({
          sequence: ring[at],
          kind: ring[at + 1],
          stamp: ring[at + 2],
          a: ring[at + 3],
          b: ring[at + 4],
          c: ring[at + 5],
          d: ring[at + 6],
          e: ring[at + 7],
          agent,
        });
      }
      this.#read[agent] = written;
    });
    // All were written since the last drain, so each is some way on from there: up to 2^32, and no record looks newer than
    // another because half of that lies between them.
    const from = this.#next;
    out.sort((x, y) => ((x.sequence - from) >>> 0) - ((y.sequence - from) >>> 0));
    const last = out.at(-1);
    if (last !== undefined) this.#next = (last.sequence + 1) | 0;
    return out;
  }

  static {
    printAs(
      TraceReader.prototype,
      ({ waiting, lost }) => `trace: ${waiting} records to drain, ${lost} lost before`,
    );
  }
}
