/**
 * The first message of a guest that is not ours to the last one of its start: versions from the newest down, buffers, and
 * control messages in pages, before the channel is open.
 */

import { MessageSlots, RING_READ_INDEX, RING_WRITE_INDEX, RingWords } from '@vmq/vmbus';
import { expect, test } from 'vitest';
import { createChannelHost } from '../src/host/host-channel.ts';
import { type Bench, createBench, frame } from './test-bench.test-support.ts';

/** A guest of which nothing is ours: it has slots, a ring each way, and memory. */
class Stranger {
  readonly bench: Bench;
  readonly slots: MessageSlots;
  readonly scratch: number;
  readonly #out: RingWords;
  readonly #in: RingWords;
  #transaction = 0;

  constructor() {
    const bench = createBench({ extraPages: 4 });
    bench.guestRuns = false;
    this.bench = bench;
    this.slots = new MessageSlots(bench.control.messages, 'guest');
    this.scratch = bench.segment.byteLength - 4 * 4096;
    const { rings, downstream, ringBytes: dataBytes } = bench.layout;
    this.#out = new RingWords(bench.segment, { offset: rings, dataBytes });
    this.#in = new RingWords(bench.segment, { offset: rings + downstream, dataBytes });
  }

  /** A hypercall; the arguments of its answer. */
  call(kind: number, ...args: readonly number[]): number[] {
    this.slots.post(kind, ...args);
    this.bench.control.poll();
    this.slots.take();
    return [...this.slots.arguments];
  }

  /** An NVSP message; the words of the host's completion, or null if it has none. `pages`: its message lies there. */
  tell(
    nvsp: readonly number[],
    isAnswered: boolean,
    pages: readonly number[] = [],
  ): readonly number[] | null {
    const ring = this.#out;
    const start = ring.loadHeader(RING_WRITE_INDEX);
    const head = pages.length === 0 ? [] : [0, 1, ...pages];
    const payload = [...head, ...nvsp, ...new Array<number>(10 - nvsp.length).fill(0)];
    ring.seek(start);
    ring.put((pages.length === 0 ? 6 : 9) | ((2 + head.length / 2) << 16));
    ring.put((2 + payload.length / 2) | ((isAnswered ? 1 : 0) << 16));
    for (const word of [++this.#transaction, 0, ...payload]) ring.put(word);
    ring.endPacket(start);
    ring.storeHeader(RING_WRITE_INDEX, ring.position);
    this.bench.control.poll();
    return this.#heard().completion;
  }

  /** An RNDIS request in pages; the words of its answer. */
  request(words: readonly number[]): readonly number[] | null {
    words.forEach((word, i) => {
      this.bench.segment.i32[(this.scratch >>> 2) + i] = word;
    });
    this.tell([107, 1, -1, 0], true, [words.length * 4, 0, this.scratch / 4096, 0]);
    return this.#control;
  }

  #control: readonly number[] | null = null;

  #heard(): { completion: readonly number[] | null } {
    const ring = this.#in;
    const { i32 } = this.bench.segment;
    let completion: readonly number[] | null = null;
    this.#control = null;
    let read = ring.loadHeader(RING_READ_INDEX);
    while (read !== ring.loadHeader(RING_WRITE_INDEX)) {
      ring.seek(read);
      const [type, length] = [ring.take(), ring.take()];
      const bytes = (length & 0xffff) << 3;
      const words = Array.from({ length: bytes / 4 - 2 }, () => ring.take());
      if ((type & 0xffff) === 11) completion = words.slice(2);
      else {
        const [size = 0, at = 0] = words.slice(4);
        const from = (this.bench.layout.receive + at) >>> 2;
        this.#control = [...i32.subarray(from, from + (size >>> 2))];
      }
      read = ring.behind(read, bytes + 8);
    }
    ring.storeHeader(RING_READ_INDEX, read);
    return { completion };
  }
}

test('SW-29: a driver that begins with the newest versions and asks in pages opens its channel without a violation', () => {
  const guest = new Stranger();
  const { bench } = guest;
  const { layout, control } = bench;
  control.offer();
  expect(guest.slots.take()).toBe(1);
  expect(guest.call(8, 1, layout.rings, layout.ringsLength).slice(0, 2)).toEqual([1, 0]);
  expect(guest.call(5, 1, layout.downstream)[0]).toBe(0);
  // 6.1 and 6.0 are not spoken here, 5 is.
  for (const [version, status] of [
    [0x60001, 3],
    [0x60000, 3],
    [0x50000, 1],
  ] as const)
    expect(guest.tell([1, version, version], true)).toEqual([2, 0x50000, 34, status, 0, 0, 0, 0]);
  expect(guest.tell([125, 1514, 0, 8, 0], false)).toBeNull();
  expect(guest.tell([100, 6, 30], false)).toBeNull();
  guest.call(8, 2, layout.receive, layout.receiveLength);
  expect(guest.tell([101, 2, 0xcafe], true)?.slice(0, 4)).toEqual([102, 1, 1, 0]);
  guest.call(8, 3, layout.send, layout.sendLength);
  expect(guest.tell([104, 3, 0], true)?.slice(0, 2)).toEqual([105, 1]);

  expect(guest.request([4, 28, 1, 0x01010101, 0, 20, 0])?.[3]).toBe(0xc0010011 | 0); // not yet
  expect(guest.request([2, 24, 2, 1, 0, 0x4000])?.slice(0, 4)).toEqual([0x80000002 | 0, 52, 2, 0]);
  expect(guest.request([4, 28, 3, 0x00010106, 0, 20, 0])?.slice(3)).toEqual([0, 4, 16, 1500]);
  expect(guest.request([5, 620, 4, 0x00010204, 592, 20, 0, ...new Array<number>(148).fill(1)])).toEqual([
    0x80000005 | 0,
    16,
    4,
    0xc00000bb | 0,
  ]);
  expect(control.phase).toBe('handshake');
  expect(guest.request([5, 32, 5, 0x0001010e, 4, 20, 0, 0x0d])?.[3]).toBe(0);
  expect(control.poll()).toBe(true);
  expect(control.report().violations).toEqual({});
  expect(control.ndisVersion).toBe(0x6001e);
  const host = createChannelHost({ machine: bench.machine, trace: null }, control.image());
  expect(bench.deliver(host, [frame(1, 60), frame(2, 1514, 5)])).toBe(2);
});

const INIT = [1, 0x50000, 0x50000];
const VERSION = [100, 6, 30];
const RECEIVE_BUFFER = [101, 2, 0xcafe];
const SEND_BUFFER = [104, 3, 0];

test.each([
  ['the receive buffer twice', [INIT, VERSION, RECEIVE_BUFFER, RECEIVE_BUFFER]],
  ['the send buffer twice', [INIT, VERSION, RECEIVE_BUFFER, SEND_BUFFER, SEND_BUFFER]],
  ['the beginning twice', [INIT, INIT]],
  ['the send buffer before the receive buffer', [INIT, VERSION, SEND_BUFFER]],
  ['the receive buffer before the version of NDIS', [INIT, RECEIVE_BUFFER]],
  ['a buffer before the beginning', [RECEIVE_BUFFER]],
] as const)('SEC-10: in a handshake %s is a violation, and nothing is handed out for it', (_, messages) => {
  const guest = new Stranger();
  const { bench } = guest;
  const { layout, control } = bench;
  control.offer();
  guest.slots.take();
  guest.call(8, 1, layout.rings, layout.ringsLength);
  guest.call(5, 1, layout.downstream);
  guest.call(8, 2, layout.receive, layout.receiveLength);
  guest.call(8, 3, layout.send, layout.sendLength);
  const [last, ...before] = [...messages].reverse();
  for (const message of before.reverse()) guest.tell(message, message !== VERSION);
  expect(control.report().violations).toEqual({});
  // The answer names no sections: only that the packet was read, and refused.
  expect(guest.tell(last ?? [], true)?.slice(0, 3)).toEqual([108, 2, 0]);
  expect(control.report().violations).toEqual({ 'handshake.order': 1 });
});
