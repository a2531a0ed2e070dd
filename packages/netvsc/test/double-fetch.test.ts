/**
 * The host reads a byte of guest memory once per packet, or it would judge one value and use another: a guest on
 * another processor can change its memory between any two reads (SEC-06, SEC-10). Here the memory itself counts: every
 * view of the guest's segment is watched, and each byte answers a second read with something else.
 */
import type { Machine, MemorySegment } from '@vmq/machine';
import { RING_WRITE_INDEX, RingWords } from '@vmq/vmbus';
import { afterEach, describe, expect, test } from 'vitest';
import { layoutGuest } from '../src/guest/guest-layout.ts';
import type { ChannelHost } from '../src/host/channel-host.ts';
import { createChannelHost } from '../src/host/host-channel.ts';
import { type Bench, createBench, frame } from './test-bench.test-support.ts';

type View = Uint8Array | Int32Array | BigUint64Array;
type Atomic = (words: Int32Array, at: number) => number;

const atomicLoad = Atomics.load;
const atomicStore = Atomics.store;

/** A segment whose views note every read. */
class WatchedSegment {
  readonly segment: MemorySegment;
  /** Reads of each byte since the last {@link forget}. */
  readonly reads = new Map<number, number>();
  readonly #views = new Map<unknown, View>();

  constructor(real: MemorySegment) {
    this.segment = {
      ...real,
      u8: this.#watch(real.u8),
      i32: this.#watch(real.i32),
      u64: this.#watch(real.u64),
    };
    // Atomics take no proxies.
    const views = this.#views;
    const load: Atomic = (words, at) => {
      const target = views.get(words) as Int32Array | undefined;
      if (target !== undefined) this.#note(at * 4, 4);
      return atomicLoad(target ?? words, at);
    };
    Atomics.load = load as typeof Atomics.load;
    Atomics.store = ((words: Int32Array, at: number, value: number) =>
      atomicStore((views.get(words) as Int32Array | undefined) ?? words, at, value)) as typeof Atomics.store;
  }

  /** Bytes read more than once, leaving out those of `but` (offset and length). */
  readTwice(...but: readonly (readonly [number, number])[]): number[] {
    return [...this.reads]
      .filter(([at, count]) => count > 1 && !but.some(([from, bytes]) => at >= from && at < from + bytes))
      .map(([at]) => at);
  }

  #note(at: number, bytes: number): boolean {
    let again = false;
    for (let i = at; i < at + bytes; i++) {
      const count = (this.reads.get(i) ?? 0) + 1;
      this.reads.set(i, count);
      again ||= count > 1;
    }
    return again;
  }

  #watch<T extends View>(view: T): T {
    const size = view.BYTES_PER_ELEMENT;
    const watched = new Proxy(view, {
      get: (target, key) => {
        const at = typeof key === 'string' ? Number(key) : Number.NaN;
        if (Number.isInteger(at)) {
          const value = target[at];
          if (!this.#note(at * size, size)) return value;
          return typeof value === 'bigint' ? value ^ 0xffn : value ^ 0xff;
        }
        const member: unknown = Reflect.get(target, key);
        if (typeof member !== 'function') return member;
        // Methods read all they are given: a view of one's own could be anything.
        throw new Error(`${String(key)} of guest memory: reads cannot be watched there`);
      },
      set: (target, key, value) => Reflect.set(target, key, value),
    });
    this.#views.set(watched, view);
    return watched;
  }
}

afterEach(() => {
  Atomics.load = atomicLoad;
  Atomics.store = atomicStore;
});

interface Watch {
  readonly bench: Bench;
  readonly host: ChannelHost;
  readonly watched: WatchedSegment;
  /** Words at the start of a send section. */
  section(index: number, words: readonly number[]): void;
  packet(type: number, payload: readonly number[], id?: readonly [number, number], dataOffset?: number): void;
  /** The header page of the guest-to-host ring; of the other. */
  readonly headers: readonly (readonly [number, number])[];
}

function watch(): Watch {
  const bench = createBench();
  bench.pollAll(bench.open());
  bench.guestRuns = false;
  const image = bench.control.image();
  const watched = new WatchedSegment(bench.segment);
  const { memory } = bench.machine;
  const machine: Machine = {
    ...bench.machine,
    memory: { ...memory, segment: (id) => (id === image.segment ? watched.segment : memory.segment(id)) },
  };
  const ring = new RingWords(bench.segment, image.toHost);
  return {
    bench,
    host: createChannelHost({ machine, trace: null }, image),
    watched,
    headers: [
      [image.toHost.offset, 4096],
      [image.toGuest.offset, 4096],
    ],
    section(index, words) {
      const at = (image.send.offset + index * image.send.sectionSize) >>> 2;
      words.forEach((word, i) => {
        bench.segment.i32[at + i] = word;
      });
    },
    packet(type, payload, [low, high] = [0, 0], dataOffset = 16) {
      const start = ring.loadHeader(RING_WRITE_INDEX);
      ring.seek(start);
      ring.beginPacket(type, dataOffset, 16 + payload.length * 4, 1, low, high);
      for (const word of payload) ring.put(word);
      ring.endPacket(start);
      ring.storeHeader(RING_WRITE_INDEX, ring.position);
    },
  };
}

const SEND = [107, 0, 0, 124, 0, 0, 0, 0];
const TAGGED = [1, 124, 56, 60, 0, 0, 0, 36, 16, 0, 0, 16, 6, 12, 5 << 4];

describe('SEC-06 SEC-10 no byte that the guest can change is read twice', () => {
  interface Message {
    /** What stands in send section 0. */
    readonly section?: readonly number[];
    readonly type?: number;
    readonly payload: readonly number[];
    readonly id?: readonly [number, number];
    readonly dataOffset?: number;
  }
  /** A packet that names the send buffer's first page as one that holds a message of so many bytes. */
  const inPages = (kind: number, bytes: number): Message => ({
    type: 9,
    dataOffset: 40,
    payload: [0, 1, bytes, 0, layoutGuest().send / 4096, 0, 107, kind, -1, 0],
  });
  const info = [16, 0, 12, 7];
  const infos = [1, 156, 88, 60, 0, 0, 0, 36, 48, 0, 0, ...info, ...info, 16, 6, 12, 9 << 4];
  const cases: readonly [string, number, Message][] = [
    ['a frame', 1, { section: [1, 124, 56, 60], payload: SEND }],
    ['a frame with a tag', 1, { section: TAGGED, payload: SEND }],
    ['a frame at an odd byte', 1, { section: [1, 124, 53, 60], payload: SEND }],
    ['several infos', 1, { section: infos, payload: [107, 0, 0, 156, 0, 0, 0, 0] }],
    ['a query', 0, { section: [4, 28, 1, 0x01010101, 0, 20, 0], payload: [107, 1, 0, 28] }],
    ['a set', 0, { section: [5, 32, 1, 0x0001010e, 4, 20, 0, 3], payload: [107, 1, 0, 32] }],
    ['a frame that is too long', 0, { section: [1, 1582, 56, 1518], payload: [107, 0, 0, 1582] }],
    ['a frame in pages', 1, { ...inPages(0, 124), section: TAGGED }],
    ['a query in pages', 0, { ...inPages(1, 28), section: [4, 28, 1, 0x01010101, 0, 20, 0] }],
    ['a completion', 0, { type: 11, payload: [108, 1], id: [0, 1] }],
    ['a message out of place', 0, { payload: [101, 2, 0xcafe, 0] }],
    ['a malformed message', 0, { section: [1, 9999, 56, 60], payload: SEND }],
    ['malformed infos', 0, { section: [...TAGGED.slice(0, 11), 20, 6, 12, 0], payload: SEND }],
  ];
  test.each(cases)('%s', (_name, frames, { section, type = 6, payload, id, dataOffset }) => {
    const w = watch();
    if (section) w.section(0, section);
    w.packet(type, payload, id, dataOffset);
    w.watched.reads.clear();
    w.bench.poll(w.host, 1);
    expect(w.bench.sent.length).toBe(frames);
    expect(w.watched.reads.size).toBeGreaterThan(20);
    expect(w.watched.readTwice(...w.headers)).toEqual([]);
  });

  test('a ring that wraps, packet by packet', () => {
    const w = watch();
    for (let n = 0; n < 3000; n++) {
      w.section(n & 7, TAGGED);
      w.packet(6, [107, 0, n & 7, 124, 0, 0, 0, 0]);
      w.watched.reads.clear();
      w.bench.poll(w.host, 1);
      expect(w.watched.readTwice(...w.headers)).toEqual([]);
      // The answers would fill the other ring.
      const toGuest = new RingWords(w.bench.segment, w.bench.control.image().toGuest);
      toGuest.storeHeader(1, toGuest.loadHeader(0));
    }
    expect(w.bench.sent.length).toBe(3000);
    expect(w.bench.sent.every(({ bytes, tci }) => bytes.length === 60 && tci === 5)).toBe(true);
  });

  test('what is delivered is never read back: of the guest’s memory only the ring’s header', () => {
    const w = watch();
    w.watched.reads.clear();
    expect(w.bench.deliver(w.host, [frame(1, 60), frame(2, 1514, 5)])).toBe(2);
    const [, [from, bytes] = [0, 0]] = w.headers;
    expect([...w.watched.reads.keys()].filter((at) => at < from || at >= from + bytes)).toEqual([]);
    expect(w.watched.reads.size).toBe(8); // read index, interrupt mask
  });

  test('the watch itself sees a second read', () => {
    const w = watch();
    w.watched.reads.clear();
    const { i32, u8 } = w.watched.segment;
    const first = i32[5000];
    expect(i32[5000]).toBe(first ^ 0xff);
    expect(u8[20_003]).toBe(w.bench.segment.u8[20_003] ^ 0xff);
    expect(w.watched.readTwice()).toEqual([20_000, 20_001, 20_002, 20_003]);
  });
});
