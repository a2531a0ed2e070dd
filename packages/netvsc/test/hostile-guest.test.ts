/**
 * A guest owns its memory and may write anything there at any time. Whatever it does: nothing throws, nothing
 * hangs, no memory outside its own is touched, other channels go on, and a frame or a section is never counted
 * twice (SEC-10).
 */

import { MessageSlots, RING_READ_INDEX, RING_WRITE_INDEX, RingWords } from '@vmq/vmbus';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VMBUS_VIOLATIONS } from '../src/channel/violations.ts';
import type { ChannelHost } from '../src/host/channel-host.ts';
import { ChannelState } from '../src/state/channel-state.ts';
import { type Bench, createBench, frame } from './test-bench.test-support.ts';

interface Attack {
  readonly bench: Bench;
  readonly host: ChannelHost;
  /** The guest-to-host ring as the attacker writes it. */
  readonly ring: RingWords;
  /** Writes a packet and publishes it. */
  packet(type: number, payload: readonly number[], options?: PacketOptions): void;
  /** A data message in section 0: RNDIS words at the section's start, then SEND_RNDIS_PKT. */
  rndis(words: readonly number[], options?: { kind?: number; section?: number; size?: number }): void;
  violations(): Record<string, number>;
}

interface PacketOptions {
  readonly dataOffset8?: number;
  readonly length8?: number;
  readonly flags?: number;
  readonly low?: number;
  readonly high?: number;
}

function attack(options: Parameters<typeof createBench>[0] = {}): Attack {
  const bench = createBench(options);
  const host = bench.open();
  bench.pollAll(host);
  bench.guestRuns = false;
  const image = bench.control.image();
  const ring = new RingWords(bench.segment, image.toHost);
  const packet: Attack['packet'] = (type, payload, more = {}) => {
    const start = ring.loadHeader(RING_WRITE_INDEX);
    const padded = payload.length + (payload.length & 1);
    ring.seek(start);
    ring.put(type | ((more.dataOffset8 ?? 2) << 16));
    ring.put((more.length8 ?? 2 + padded / 2) | ((more.flags ?? 1) << 16));
    ring.put(more.low ?? 0);
    ring.put(more.high ?? 0);
    for (let i = 0; i < padded; i++) ring.put(payload[i] ?? 0);
    ring.endPacket(start);
    ring.storeHeader(RING_WRITE_INDEX, ring.position);
  };
  return {
    bench,
    host,
    ring,
    packet,
    rndis(words, { kind = 0, section = 0, size = 64 + 60 } = {}) {
      const at = image.send.offset >>> 2;
      words.forEach((word, i) => {
        bench.segment.i32[at + i] = word;
      });
      packet(6, [107, kind, section, size]);
    },
    violations: () => ({ ...bench.control.report().violations }),
  };
}

/** Completes every message that the host has sent since the last call. */
function completeAll(a: Attack): void {
  const ring = new RingWords(a.bench.segment, a.bench.control.image().toGuest);
  let read = ring.loadHeader(RING_READ_INDEX);
  while (read !== ring.loadHeader(RING_WRITE_INDEX)) {
    ring.seek(read);
    const [type, length, low, high] = [ring.take(), ring.take(), ring.take(), ring.take()];
    if ((type & 0xffff) === 7) a.packet(11, [108, 1], { low, high });
    read = ring.behind(read, ((length & 0xffff) << 3) + 8);
  }
  ring.storeHeader(RING_READ_INDEX, read);
}

/** A well-formed RNDIS_PACKET_MSG for a frame of 60 bytes. */
const GOOD = [1, 124, 56, 60, 0, 0, 0, 0, 0, 0, 0];

/** Ranges and pages of a message in the guest's pages, and behind them the NVSP message; `rest` may lack some. */
function pages(
  count: number,
  bytes?: number,
  offset?: number,
  low?: number,
  high?: number,
  section = -1,
): number[] {
  const given = [bytes, offset, low, high].filter((word) => word !== undefined);
  return [0, count, ...given, 107, 0, section, 0];
}

function changed(changes: Readonly<Record<number, number>>): number[] {
  const words = [...GOOD, 0, 0, 0, 0, 0];
  for (const [at, value] of Object.entries(changes)) words[Number(at)] = value;
  return words;
}

describe('SEC-10 malformed messages are counted by name and refused', () => {
  const cases: readonly [string, (a: Attack) => void][] = [
    ['packet.type', (a) => a.packet(8, [107, 0, 0, 124])],
    ['gpa.range', (a) => a.packet(9, [107, 0, -1, 0])],
    ['gpa.range', (a) => a.packet(9, pages(0), { dataOffset8: 3 })],
    ['gpa.range', (a) => a.packet(9, pages(65), { dataOffset8: 3 })],
    ['gpa.range', (a) => a.packet(9, pages(1), { dataOffset8: 3 })], // a range that is not there
    ['gpa.range', (a) => a.packet(9, pages(1, 124, 0), { dataOffset8: 4 })], // nor its page
    ['gpa.range', (a) => a.packet(9, pages(1, 124, 4096, 0, 0), { dataOffset8: 5 })],
    ['gpa.range', (a) => a.packet(9, pages(1, 0, 0, 0, 0), { dataOffset8: 5 })],
    ['gpa.range', (a) => a.packet(9, pages(1, 124, 0, 1 << 20, 0), { dataOffset8: 5 })],
    ['gpa.range', (a) => a.packet(9, pages(1, 124, 0, 0, 1), { dataOffset8: 5 })],
    ['gpa.range', (a) => a.packet(9, pages(1, 124, 0, -1, 0), { dataOffset8: 5 })],
    ['gpa.range', (a) => a.packet(9, pages(1, -1, 4095, 0, 0), { dataOffset8: 5 })],
    ['rndis.message-length', (a) => a.packet(9, pages(1, 4000, 0, 0, 0), { dataOffset8: 5 })],
    ['send.section-index', (a) => a.packet(9, pages(1, 124, 0, 0, 0, 1000), { dataOffset8: 5 })],
    ['nvsp.too-short', (a) => a.packet(6, [107])],
    ['nvsp.type', (a) => a.packet(6, [1, 0x50000, 0x50000, 0])],
    ['nvsp.type', (a) => a.packet(11, [102, 1])],
    ['nvsp.rndis-kind', (a) => a.rndis(GOOD, { kind: 2 })],
    ['send.section-index', (a) => a.rndis(GOOD, { section: 100_000 })],
    ['send.section-index', (a) => a.rndis(GOOD, { section: -1 })],
    ['send.section-size', (a) => a.rndis(GOOD, { size: 2113 })],
    ['send.section-size', (a) => a.rndis(GOOD, { size: -4 })],
    ['rndis.type', (a) => a.rndis(changed({ 0: 3 }))],
    ['rndis.type', (a) => a.rndis(GOOD, { kind: 1 })],
    ['rndis.type', (a) => a.rndis(changed({ 0: 7 }), { kind: 1 })],
    ['rndis.type', (a) => a.rndis(changed({ 0: 0x80000008 | 0 }), { kind: 1 })],
    ['rndis.message-length', (a) => a.rndis([77, 8], { kind: 1, size: 64 })],
    ['rndis.message-length', (a) => a.rndis(changed({ 1: 125 }))],
    ['rndis.message-length', (a) => a.rndis(changed({ 1: 20 }))],
    ['rndis.message-length', (a) => a.rndis([4, 400, 1, 0x01010101, 0, 20, 0], { kind: 1, size: 28 })],
    ['rndis.data-range', (a) => a.rndis(changed({ 2: 57 }))],
    ['rndis.data-range', (a) => a.rndis(changed({ 2: 0 }))],
    ['rndis.data-range', (a) => a.rndis(changed({ 2: -8 }))],
    ['rndis.data-range', (a) => a.rndis(changed({ 3: -1 }))],
    ['rndis.frame-length', (a) => a.rndis(changed({ 3: 13 }))],
    ['rndis.frame-length', (a) => a.rndis(changed({ 1: 2112, 3: 1515 }), { size: 2112 })],
    ['rndis.frame-length', (a) => a.rndis(changed({ 1: 2112, 3: 1523 }), { size: 2112 })],
    ['rndis.per-packet-info', (a) => a.rndis(changed({ 7: 36, 8: 1000 }))],
    ['rndis.per-packet-info', (a) => a.rndis(changed({ 7: 2, 8: 16 }))],
    ['rndis.per-packet-info', (a) => a.rndis(changed({ 7: 36, 8: 16, 11: 0 }))],
    ['rndis.per-packet-info', (a) => a.rndis(changed({ 7: 36, 8: 16, 11: 16, 12: 6, 13: 16 }))],
    ['receive.transaction', (a) => a.packet(11, [108, 1], { low: 3, high: 1 })],
    ['receive.transaction', (a) => a.packet(11, [108, 1], { low: -1, high: 7 })],
    ['receive.transaction', (a) => a.packet(11, [108, 1], { low: 1 << 30, high: 7 })],
  ];
  test.each(cases)('%s', (name, act) => {
    const a = attack();
    act(a);
    a.bench.pollAll(a.host);
    a.rndis(GOOD);
    a.bench.pollAll(a.host);
    expect(a.violations()).toEqual({ [name]: 1 });
    expect(a.host.isOpen).toBe(true);
    expect(a.bench.sent.length).toBe(1); // the good frame behind it came through
  });

  test('what breaks the ring breaks the channel, this one only, and it can be opened again', () => {
    const breakers: readonly [string, (a: Attack) => void][] = [
      ['ring.write-index', (a) => a.ring.storeHeader(RING_WRITE_INDEX, 4)],
      ['ring.write-index', (a) => a.ring.storeHeader(RING_WRITE_INDEX, 1 << 20)],
      ['ring.write-index', (a) => a.ring.storeHeader(RING_WRITE_INDEX, -8)],
      ['ring.packet-length', (a) => a.packet(6, [107, 0, 0, 124], { length8: 0 })],
      ['ring.packet-length', (a) => a.packet(6, [107, 0, 0, 124], { length8: 5 })],
      ['ring.packet-offset', (a) => a.packet(6, [107, 0, 0, 124], { dataOffset8: 1 })],
      ['ring.packet-offset', (a) => a.packet(6, [107, 0, 0, 124], { dataOffset8: 5 })],
      [
        'ring.read-index',
        (a) => {
          const toGuest = new RingWords(a.bench.segment, a.bench.control.image().toGuest);
          toGuest.storeHeader(RING_READ_INDEX, (toGuest.loadHeader(RING_WRITE_INDEX) + 8) % 65536);
          a.bench.deliver(a.host, [frame(0, 60)]);
        },
      ],
    ];
    for (const [name, act] of breakers) {
      const a = attack();
      const other = createBench();
      const otherHost = other.open();
      act(a);
      a.bench.pollAll(a.host);
      expect(a.violations()).toEqual({ [name]: 1 });
      expect(a.bench.control.phase).toBe('broken');
      expect(a.bench.deliver(a.host, [frame(1, 60)])).toBe(0);
      expect(a.host.refusal).toBe(2);
      expect(a.bench.control.poll()).toBe(false);
      expect(other.deliver(otherHost, [frame(2, 60)])).toBe(1);

      a.bench.control.close(() => a.bench.executor.publish());
      a.bench.guestRuns = true;
      a.bench.machine.board.wake(a.bench.machine.agent('vm:a'));
      a.bench.executor.runUntilIdle();
      const again = a.bench.open();
      expect(a.bench.deliver(again, [frame(3, 60)])).toBe(1);
      expect(a.violations()).toEqual({ [name]: 1 }); // not forgotten
    }
  });

  test('with more damaged messages in a window than the limit, and nothing good, the channel is broken', () => {
    const a = attack({ control: { violationLimit: 3 } });
    for (let i = 0; i < 6; i++) a.packet(6, [107]);
    a.bench.pollAll(a.host);
    expect(a.violations()).toEqual({ 'nvsp.too-short': 4 });
    expect(a.bench.control.phase).toBe('broken');
  });

  test('the limit is a rate: windows of the clock do not add up, in however long a life', () => {
    const a = attack({ control: { violationLimit: 3, violationWindow: 1e6 } });
    for (let window = 0; window < 50; window++) {
      for (let i = 0; i < 3; i++) a.packet(6, [107]);
      a.bench.pollAll(a.host);
      a.bench.clock.advance(1e6);
    }
    expect(a.violations()).toEqual({ 'nvsp.too-short': 150 });
    expect(a.bench.control.phase).toBe('open');
    // A clock that is far on, and windows whose numbers no int32 holds, change nothing.
    a.bench.clock.advanceTo(2 ** 52);
    for (let i = 0; i < 4; i++) a.packet(6, [107]);
    a.bench.pollAll(a.host);
    expect(a.bench.control.phase).toBe('broken');
  });

  test('good frames and sound completions among damaged messages keep the channel, and none is lost', () => {
    const a = attack({ control: { violationLimit: 3 } });
    for (let i = 0; i < 40; i++) {
      for (let k = 0; k < 3; k++) a.packet(6, [107]);
      if (i % 2 === 0) a.rndis(GOOD);
      else {
        expect(a.bench.deliver(a.host, [frame(i, 60)])).toBe(1);
        completeAll(a);
      }
      a.bench.pollAll(a.host);
    }
    expect(a.bench.sent.length).toBe(20);
    expect(a.violations()).toEqual({ 'nvsp.too-short': 120 });
    expect(a.bench.control.report().outstandingMessages).toBe(0);
    expect(a.bench.control.phase).toBe('open');
  });

  test('a message completed twice frees its sections once', () => {
    const a = attack();
    a.bench.guestRuns = false;
    expect(a.bench.deliver(a.host, [frame(0, 60), frame(1, 60)])).toBe(2);
    const free = a.bench.control.report().freeSections;
    const toGuest = new RingWords(a.bench.segment, a.bench.control.image().toGuest);
    toGuest.seek(toGuest.loadHeader(RING_READ_INDEX));
    toGuest.skip(8);
    const low = toGuest.take();
    const high = toGuest.take();
    for (let i = 0; i < 3; i++) a.packet(11, [108, 1], { low, high });
    a.bench.pollAll(a.host);
    expect(a.bench.control.report().freeSections).toBe(free + 2);
    expect(a.violations()).toEqual({ 'receive.transaction': 2 });
  });

  test('SEC-06 the frame the host parses is the one it has copied, whatever the guest does afterwards', () => {
    const a = attack();
    a.rndis(GOOD);
    const image = a.bench.control.image();
    a.bench.segment.u8.fill(0xaa, image.send.offset + 64, image.send.offset + 124);
    a.bench.poll(a.host, 8);
    a.bench.segment.u8.fill(0xbb, image.send.offset, image.send.offset + 2112);
    expect(a.bench.sent).toEqual([{ bytes: new Array(60).fill(0xaa), tci: 0 }]);
    expect([...a.bench.machine.memory.host.u8.subarray(0, 60)]).toEqual(new Array(60).fill(0xaa));
  });

  test('no bytes beyond a frame are copied into host memory', () => {
    const a = attack();
    a.bench.machine.memory.host.u8.fill(0xee, 0, 256);
    a.rndis(changed({ 1: 124 - 5, 3: 55 }));
    a.bench.pollAll(a.host);
    expect(a.bench.sent.length).toBe(1);
    expect([...a.bench.machine.memory.host.u8.subarray(55, 128)]).toEqual(new Array(73).fill(0xee));
  });
});

describe('SEC-10 a guest that breaks its channel at the wrong moment', () => {
  test('is no error of those who were about to loan from the channel, or to save it', () => {
    const a = attack();
    a.ring.storeHeader(RING_WRITE_INDEX, 4);
    expect(a.bench.control.isOpen).toBe(true); // nobody has looked yet
    a.bench.pollAll(a.host);
    expect(a.bench.control.loan(8192)).toBeNull();
    expect(a.bench.control.save(() => a.bench.executor.publish())).toBeNull();
    expect(a.bench.control.phase).toBe('broken');
  });

  test('what it did before the channel opened stays in the report', () => {
    const bench = createBench();
    bench.guestRuns = false;
    const slots = new MessageSlots(bench.control.messages, 'guest');
    slots.post(8, 1, 12, 8192); // pages that begin at byte 12
    bench.control.poll();
    slots.take();
    bench.guestRuns = true;
    const host = bench.open();
    expect(bench.deliver(host, [frame(0, 60)])).toBe(1);
    expect(bench.control.report().violations).toEqual({ 'gpadl.range': 1 });
  });
});

describe('SEC-10 a handshake out of order', () => {
  const messages: readonly [string, readonly (readonly number[])[]][] = [
    ['open without GPADL', [[5, 9, 8192]]],
    ['GPADL beyond the segment', [[8, 1, 0, 1 << 30]]],
    ['GPADL not of whole pages', [[8, 1, 12, 8192]]],
    ['GPADL of nothing', [[8, 1, 0, 0]]],
    [
      'rings too small',
      [
        [8, 1, 0, 8192],
        [5, 1, 4096],
      ],
    ],
    ['unknown message', [[99]]],
  ];
  test.each(messages)('%s is refused', (_name, posts) => {
    const bench = createBench();
    bench.guestRuns = false;
    const slots = new MessageSlots(bench.control.messages, 'guest');
    for (const [kind = 0, ...args] of posts) {
      slots.post(kind, ...args);
      bench.control.poll();
      slots.take();
    }
    expect(bench.control.phase).toBe('closed');
    expect(Object.keys(bench.control.report().violations).length).toBe(1);
  });

  test('frames before the end of the handshake are refused', () => {
    const bench = createBench();
    bench.control.offer();
    // Let the guest come as far as both buffers, then send a frame in its place.
    bench.executor.runUntil(() => {
      bench.control.poll();
      return bench.guest().freeSendSections > 0;
    });
    bench.guestRuns = false;
    const ring = new RingWords(bench.segment, {
      offset: bench.layout.rings,
      dataBytes: bench.layout.ringBytes,
    });
    const start = ring.loadHeader(RING_WRITE_INDEX);
    ring.seek(start);
    ring.beginPacket(6, 16, 48, 1, 0, 0);
    for (const word of [107, 0, 0, 124, 0, 0, 0, 0]) ring.put(word);
    ring.endPacket(start);
    ring.storeHeader(RING_WRITE_INDEX, ring.position);
    for (let n = 0; n < 8; n++) bench.control.poll();
    expect(bench.control.report().violations).toEqual({ 'handshake.order': 1 });
    expect(bench.control.phase).toBe('handshake');
  });
});

describe('SEC-10 a guest that scribbles at random', () => {
  const word = fc.oneof(
    fc.integer({ min: 0, max: 130 }),
    fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
    fc.constantFrom(6, 7, 11, 107, 108, 1 | (2 << 16), 6 | (2 << 16), 7 | (1 << 16), 56, 124, 2112),
  );
  test('never throws or hangs, keeps to its own memory, and leaves the books in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ where: fc.nat(), value: word, run: fc.nat(3) }), {
          minLength: 1,
          maxLength: 60,
        }),
        (writes) => {
          const bench = createBench({ layout: { ringBytes: 4096, receiveSections: 32, sendSections: 8 } });
          const host = bench.open();
          bench.guestRuns = false;
          const hostMemory = bench.machine.memory.host.u8;
          hostMemory.fill(0x55, 4096);
          const end = bench.segment.byteLength;
          const image = bench.control.image();
          // Rings' headers and data, send sections' headers: where the host reads.
          const targets = [
            () => image.toHost.offset >>> 2,
            (where: number) => (image.toHost.offset >>> 2) + (where % 16),
            (where: number) => ((image.toHost.offset + 4096) >>> 2) + (where % 1024),
            (where: number) => (image.toGuest.offset >>> 2) + (where % 4),
            (where: number) =>
              ((image.send.offset + (where % 8) * image.send.sectionSize) >>> 2) + (where % 16),
          ];
          for (const { where, value, run } of writes) {
            const target = targets[where % targets.length] as (where: number) => number;
            const at = target(where >>> 3);
            bench.segment.i32[at] = where % targets.length === 0 ? value & 0xff8 : value;
            if (run === 0) bench.poll(host, 16);
            else if (run === 1) bench.deliver(host, [frame(1, 60), frame(2, 100)]);
          }
          bench.pollAll(host);
          for (const { bytes } of bench.sent) expect(bytes.length).toBeLessThanOrEqual(1514);
          expect(hostMemory.subarray(4096).every((byte) => byte === 0x55)).toBe(true);
          // What lies behind the last section of the guest's memory is untouched.
          expect(bench.segment.u8.subarray(end - 4096).every((byte) => byte === 0)).toBe(true);
          const { freeSections, violations, phase } = bench.control.report();
          // Every section is free once, or part of one outstanding message.
          const state = new ChannelState(image.state, image.stateSections);
          const where = new Set<number>();
          for (let i = 0; i < freeSections; i++) where.add(state.words[state.free + i]);
          let held = freeSections;
          for (let first = 0; first < 32; first++) {
            if (state.words[state.serials + first] === 0) continue;
            for (let at = first; at >= 0; at = state.words[state.next + at], held++) where.add(at);
          }
          expect([held, where.size]).toEqual([32, 32]);
          const fatal = VMBUS_VIOLATIONS.slice(0, 4).some((name) => violations[name] !== undefined);
          if (fatal) expect(phase).toBe('broken');
        },
      ),
      { numRuns: 150 },
    );
  });
});
