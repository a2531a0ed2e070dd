/**
 * A guest that is not ours: after the handshake the test writes its packets and RNDIS messages word by word, as another
 * system's driver lays them out, and reads what the host has said. Numbers, not this package's constants.
 */
import type { MemorySegment } from '@vmq/machine';
import { RING_READ_INDEX, RING_WRITE_INDEX, RingWords } from '@vmq/vmbus';
import type { ChannelHost } from '../src/host/channel-host.ts';
import { type Bench, createBench, type TakenFrame } from './test-bench.test-support.ts';

/** What the host has put into its ring: an answer to a packet, an RNDIS control message, or frames. */
export type Said =
  | { readonly kind: 'completion'; readonly transaction: number; readonly words: readonly number[] }
  | { readonly kind: 'control'; readonly words: readonly number[] }
  | { readonly kind: 'frames'; readonly frames: readonly TakenFrame[] };

export interface Packet {
  /** Message type and fields of the NVSP message. */
  readonly nvsp: readonly number[];
  /** Pages of the guest's memory that hold the message; absent: an in-band packet. */
  readonly ranges?: readonly {
    readonly bytes: number;
    readonly offset: number;
    readonly pages: readonly number[];
  }[];
  /** No answer is wanted. */
  readonly silent?: boolean;
}

export class ScriptedGuest {
  readonly bench: Bench;
  readonly host: ChannelHost;
  readonly memory: MemorySegment;
  /** Byte offset of memory that is the script's: pages behind what the driver uses. */
  readonly scratch: number;
  readonly #out: RingWords;
  readonly #in: RingWords;
  #transaction = 0;

  constructor(options: Parameters<typeof createBench>[0] = {}) {
    const scratchPages = 16;
    const bench = createBench({ ...options, extraPages: scratchPages });
    this.bench = bench;
    this.host = bench.open();
    bench.pollAll(this.host);
    bench.guestRuns = false;
    const image = bench.control.image();
    this.memory = bench.segment;
    this.scratch = bench.segment.byteLength - scratchPages * 4096;
    this.#out = new RingWords(bench.segment, image.toHost);
    this.#in = new RingWords(bench.segment, image.toGuest);
    this.said();
  }

  get sendSection(): number {
    return this.bench.control.image().send.sectionSize;
  }

  /** Writes words or bytes somewhere in the guest's memory. */
  write(offset: number, words: readonly number[], bytes: readonly number[] = []): void {
    words.forEach((word, i) => {
      this.memory.i32[(offset >>> 2) + i] = word;
    });
    this.memory.u8.set(bytes, offset + words.length * 4);
  }

  /** Puts a packet into the ring and lets the host read; returns its transaction. */
  packet({ nvsp, ranges, silent = false }: Packet): number {
    const ring = this.#out;
    const transaction = ++this.#transaction;
    const pages = (ranges ?? []).flatMap((range) => [
      range.bytes,
      range.offset,
      ...range.pages.flatMap((page) => [page, 0]),
    ]);
    const head = ranges === undefined ? [] : [0, ranges.length, ...pages];
    const payload = [...nvsp, ...new Array<number>(10 - nvsp.length).fill(0)];
    const start = ring.loadHeader(RING_WRITE_INDEX);
    ring.seek(start);
    ring.put((ranges === undefined ? 6 : 9) | ((2 + head.length / 2) << 16));
    ring.put((2 + (head.length + payload.length) / 2) | ((silent ? 0 : 1) << 16));
    for (const word of [transaction, 0x4c, ...head, ...payload]) ring.put(word);
    ring.endPacket(start);
    ring.storeHeader(RING_WRITE_INDEX, ring.position);
    this.bench.pollAll(this.host);
    return transaction;
  }

  /** An RNDIS message in send section 0. */
  inSection(kind: 'data' | 'control', words: readonly number[], bytes: readonly number[] = []): number {
    const { offset } = this.bench.control.image().send;
    this.write(offset, words, bytes);
    return this.packet({ nvsp: [107, kind === 'data' ? 0 : 1, 0, words.length * 4 + bytes.length] });
  }

  /** The same in pages of its own, from byte `at` of its scratch memory on: one range, as Linux sends control messages. */
  inPages(
    kind: 'data' | 'control',
    words: readonly number[],
    bytes: readonly number[] = [],
    at = 64,
  ): number {
    this.write(this.scratch + at, words, bytes);
    const length = words.length * 4 + bytes.length;
    const offset = at % 4096;
    const first = (this.scratch + at - offset) / 4096;
    const pages = Array.from({ length: Math.ceil((offset + length) / 4096) }, (_, i) => first + i);
    const ranges = [{ bytes: length, offset, pages }];
    return this.packet({ nvsp: [107, kind === 'data' ? 0 : 1, -1, 0], ranges });
  }

  /** Reads the host's ring empty and completes the messages in it, as a driver does. */
  said(): Said[] {
    const ring = this.#in;
    const found: Said[] = [];
    const done: [number, number][] = [];
    let read = ring.loadHeader(RING_READ_INDEX);
    while (read !== ring.loadHeader(RING_WRITE_INDEX)) {
      ring.seek(read);
      const [type, length, low, high] = [ring.take(), ring.take(), ring.take(), ring.take()];
      const bytes = (length & 0xffff) << 3;
      if ((type & 0xffff) === 7) {
        found.push(this.#message(read, (type >>> 16) << 3));
        done.push([low, high]);
      } else {
        const words = Array.from({ length: bytes / 4 - 4 }, () => ring.take());
        found.push({ kind: 'completion', transaction: low, words });
      }
      read = ring.behind(read, bytes + 8);
    }
    ring.storeHeader(RING_READ_INDEX, read);
    for (const [low, high] of done) this.#complete(low, high);
    this.bench.pollAll(this.host);
    return found;
  }

  /** The one RNDIS control message among what the host has said since the last look. */
  answer(): readonly number[] {
    const answers = this.said().filter((said) => said.kind === 'control');
    if (answers.length !== 1) throw new Error(`${answers.length} answers`);
    return answers[0]?.words ?? [];
  }

  frames(): TakenFrame[] {
    return this.said().flatMap((said) => (said.kind === 'frames' ? said.frames : []));
  }

  #message(packet: number, payload: number): Said {
    const ring = this.#in;
    const { receive } = this.bench.control.image();
    ring.seek(packet);
    ring.skip(20);
    const ranges = Array.from({ length: ring.take() }, () => [ring.take(), ring.take()] as const);
    ring.seek(packet);
    ring.skip(payload + 4);
    const isControl = ring.take() === 1;
    const { i32, u8 } = this.memory;
    if (isControl) {
      const [bytes, at] = ranges[0] ?? [0, 0];
      const from = (receive.offset + at) >>> 2;
      return { kind: 'control', words: [...i32.subarray(from, from + (bytes >>> 2))] };
    }
    const frames = ranges.map(([, at]) => {
      const section = receive.offset + at;
      const word = (n: number): number => i32[(section >>> 2) + n];
      const start = section + 8 + word(2);
      const info = word(8) === 0 ? 0 : word(14);
      const tci = ((info & 7) << 13) | ((info & 8) << 9) | ((info >>> 4) & 0xfff);
      return { bytes: [...u8.subarray(start, start + word(3))], tci };
    });
    return { kind: 'frames', frames };
  }

  #complete(low: number, high: number): void {
    const ring = this.#out;
    const start = ring.loadHeader(RING_WRITE_INDEX);
    ring.seek(start);
    for (const word of [11 | (2 << 16), 6, low, high, 108, 1, 0, 0, 0, 0, 0, 0]) ring.put(word);
    ring.endPacket(start);
    ring.storeHeader(RING_WRITE_INDEX, ring.position);
  }
}
