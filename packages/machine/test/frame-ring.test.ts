import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createFrameRing,
  FrameConsumer,
  FrameProducer,
  type FrameRingImage,
} from '../src/wire/frame-ring.ts';

interface Live {
  readonly offset: number;
  readonly length: number;
  readonly stamp: number;
  readonly room: number;
}

const roomOf = (length: number): number => Math.max(1, Math.ceil(length / 64)) * 64;
const byteAt = (stamp: number, i: number): number => (stamp * 31 + i * 7) & 0xff;

function startIndicesAt(image: FrameRingImage, index: number): void {
  const words = new Int32Array(image.buffer);
  words[0] = index;
  words[16] = index;
}

/** The real ring beside a plain list of the frames that are in it, oldest first. */
class Pair {
  readonly image: FrameRingImage;
  producer: FrameProducer;
  readonly consumer: FrameConsumer;
  readonly live: Live[] = [];
  published = 0;
  stamp = 0;

  constructor(slots: number, dataBytes: number, index: number) {
    this.image = createFrameRing(slots, dataBytes);
    startIndicesAt(this.image, index);
    this.producer = new FrameProducer(this.image);
    this.consumer = new FrameConsumer(this.image);
  }

  give(length: number, shift: number): void {
    const { producer, live } = this;
    const room = roomOf(length + shift);
    if (room > this.image.dataBytes) {
      if (live.length < this.image.slots) expect(() => producer.reserve(length, shift)).toThrow(/room for/);
      return;
    }
    const at = producer.reserve(length, shift);
    if (at < 0) {
      expect(this.#mustRefuse(room)).toBe(true);
      return;
    }
    expect(live.length).toBeLessThan(this.image.slots);
    expect(at % 64).toBe(shift);
    const offset = at - shift;
    expect(offset).toBeGreaterThanOrEqual(producer.dataStart);
    expect(offset + room).toBeLessThanOrEqual(producer.dataEnd);
    for (const other of live) {
      expect(offset >= other.offset + other.room || offset + room <= other.offset).toBe(true);
    }
    const stamp = ++this.stamp;
    for (let i = 0; i < length; i++) producer.u8[at + i] = byteAt(stamp, i);
    producer.commit(at, length, stamp);
    live.push({ offset, length, stamp, room });
  }

  /** Full, or too little room both behind the newest frame and before the oldest. */
  #mustRefuse(room: number): boolean {
    const { live, producer } = this;
    if (live.length === this.image.slots) return true;
    const oldest = live[0];
    const newest = live.at(-1);
    if (oldest === undefined || newest === undefined) return false;
    const end = newest.offset + newest.room;
    if (newest.offset >= oldest.offset)
      return producer.dataEnd - end < room && oldest.offset - producer.dataStart < room;
    return oldest.offset - end < room;
  }

  publish(): void {
    this.producer.publish();
    this.published = this.live.length;
  }

  take(most: number): void {
    const available = this.consumer.available();
    expect(available).toBe(this.published);
    const count = Math.min(most, available);
    for (let i = 0; i < count; i++) {
      const frame = this.live[i];
      expect(this.consumer.stampOf(i)).toBe(frame.stamp);
      expect(this.consumer.lengthOf(i)).toBe(frame.length);
      const at = this.consumer.offsetOf(i);
      for (let b = 0; b < frame.length; b++)
        if (this.consumer.u8[at + b] !== byteAt(frame.stamp, b)) throw new Error(`byte ${b}`);
    }
    this.consumer.release(count);
    this.live.splice(0, count);
    this.published -= count;
    expect(this.producer.pending).toBe(this.live.length);
  }
}

describe('frame ring', () => {
  it('property: behaves as a list of frames, for any sizes, orders, wraps and a producer made anew', () => {
    const operation = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ op: fc.constant('give' as const), n: fc.integer({ min: 0, max: 700 }) }),
      },
      { weight: 3, arbitrary: fc.record({ op: fc.constant('publish' as const), n: fc.constant(0) }) },
      {
        weight: 3,
        arbitrary: fc.record({ op: fc.constant('take' as const), n: fc.integer({ min: 0, max: 9 }) }),
      },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('reattach' as const), n: fc.constant(0) }) },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(2, 4, 8, 16),
        fc.integer({ min: 1, max: 1500 }),
        fc.constantFrom(0, 0x7ffffff8, -4),
        fc.constantFrom(0, 4, 20, 63),
        fc.array(operation, { maxLength: 120, size: 'max' }),
        (slots, dataBytes, index, shift, operations) => {
          const pair = new Pair(slots, dataBytes, index);
          for (const { op, n } of operations) {
            if (op === 'give') pair.give(n, shift);
            else if (op === 'publish') pair.publish();
            else if (op === 'take') pair.take(n);
            else {
              pair.publish();
              pair.producer = new FrameProducer(pair.image);
            }
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it('property: each of several consumers takes every frame in order; room is free when the slowest has', () => {
    const operation = fc.record({ who: fc.integer({ min: -2, max: 3 }), n: fc.integer({ min: 1, max: 6 }) });
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 4 }),
        fc.constantFrom(2, 8, 16),
        fc.array(operation, { maxLength: 150, size: 'max' }),
        (consumers, slots, operations) => {
          const image = createFrameRing(slots, 1024, consumers);
          const producer = new FrameProducer(image);
          const takers = Array.from({ length: consumers }, (_, i) => new FrameConsumer(image, i));
          const taken = new Array<number>(consumers).fill(0);
          let given = 0;
          for (const { who, n } of operations) {
            if (who < 0) {
              for (let i = 0; i < n; i++) {
                const at = producer.reserve(100);
                const inFlight = given - Math.min(...taken);
                if (at < 0) expect(inFlight).toBeGreaterThanOrEqual(Math.min(slots, 4));
                if (at < 0) break;
                expect(inFlight).toBeLessThan(slots);
                producer.u8.fill(byteAt(given, 0), at, at + 100);
                producer.commit(at, 100, given++);
              }
              producer.publish();
            } else if (who < consumers) {
              const taker = takers[who];
              const from = taken[who];
              const count = Math.min(n, taker.available());
              for (let i = 0; i < count; i++) {
                expect(taker.stampOf(i)).toBe(from + i);
                const at = taker.offsetOf(i);
                expect(taker.u8.subarray(at, at + 100).every((b) => b === byteAt(from + i, 0))).toBe(true);
              }
              taker.release(count);
              taken[who] = from + count;
              expect(producer.pending).toBe(given - Math.min(...taken));
            }
          }
        },
      ),
    );
  });

  it('lets another object for the same consumer go on where the first has left off', () => {
    const image = createFrameRing(4, 1024, 2);
    const producer = new FrameProducer(image);
    const [one, same] = [new FrameConsumer(image, 1), new FrameConsumer(image, 1)];
    for (let i = 0; i < 3; i++) producer.commit(producer.reserve(60), 60, i);
    producer.publish();
    one.release(2);
    same.resume();
    expect([same.available(), same.stampOf(0), same.position]).toEqual([1, 2, 2]);
    expect(() => new FrameConsumer(image, 2)).toThrow(RangeError);
    expect(() => createFrameRing(4, 1024, 17)).toThrow(RangeError);
  });

  it('shows nothing before publish and gives the same room until commit', () => {
    const image = createFrameRing(4, 256);
    const producer = new FrameProducer(image);
    const consumer = new FrameConsumer(image);
    const at = producer.reserve(60);
    expect(producer.reserve(60)).toBe(at);
    producer.commit(at, 60, 7);
    expect(consumer.available()).toBe(0);
    producer.publish();
    expect(consumer.available()).toBe(1);
    expect(consumer.stampOf(0)).toBe(7);
  });

  it('gives a prepared trace by reference, any number of times, and then reserves no more', () => {
    const image = createFrameRing(4, 1024);
    const producer = new FrameProducer(image);
    const consumer = new FrameConsumer(image);
    for (let i = 0; i < 4; i++) producer.u8[producer.dataStart + i * 128] = 10 + i;
    let given = 0;
    let taken = 0;
    while (taken < 40) {
      while (producer.commitReference(producer.dataStart + (given & 3) * 128, 60 + (given & 3), given))
        given++;
      producer.publish();
      expect(given - taken).toBe(4);
      const count = consumer.available();
      for (let i = 0; i < count; i++, taken++) {
        expect(consumer.stampOf(i)).toBe(taken);
        expect(consumer.lengthOf(i)).toBe(60 + (taken & 3));
        expect(consumer.u8[consumer.offsetOf(i)]).toBe(10 + (taken & 3));
      }
      consumer.release(count);
    }
    expect(() => producer.reserve(60)).toThrow(/prepared trace/);
  });

  it.each([
    [0, 64],
    [3, 64],
    [2.5, 64],
    [2 ** 21, 64],
    [4, 0],
    [4, Number.NaN],
    [4, 2 ** 31],
  ])('refuses to be made with %s slots and %s bytes', (slots, bytes) => {
    expect(() => createFrameRing(slots, bytes)).toThrow(RangeError);
  });
});
