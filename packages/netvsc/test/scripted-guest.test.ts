/**
 * Drivers that are not ours, in the first minutes of a guest: what Linux' hv_netvsc sends in which order, and what any
 * RNDIS driver may send, as bytes.
 */
import { describe, expect, test } from 'vitest';
import { ScriptedGuest } from './scripted-guest.test-support.ts';
import { frame, MAC } from './test-bench.test-support.ts';

const OK = 0;
const NOT_SUPPORTED = 0xc00000bb | 0;
const NOT_READY = 0xc0010011 | 0;
const INVALID_LENGTH = 0xc0010014 | 0;
const INVALID_DATA = 0xc0010015 | 0;
const MULTICAST_FULL = 0xc0010009 | 0;
const COMPLETION = 0x80000000 | 0;

const FILTER = 0x0001010e;
const MULTICAST_LIST = 0x01010103;

const init = (id: number): number[] => [2, 24, id, 1, 0, 0x4000];
const query = (id: number, oid: number, given: readonly number[] = []): number[] => [
  4,
  28 + given.length * 4,
  id,
  oid,
  given.length * 4,
  20,
  0,
  ...given,
];
const set = (id: number, oid: number, value: readonly number[], bytes = value.length * 4): number[] => [
  5,
  28 + bytes,
  id,
  oid,
  bytes,
  20,
  0,
  ...value,
];
/** Words of a structure that begins with an NDIS object header. */
const structure = (type: number, revision: number, bytes: number): number[] => [
  type | (revision << 8) | (bytes << 16),
  ...new Array<number>(bytes / 4 - 1).fill(0),
];
/** An RNDIS data message around a frame, without per-packet information. */
const packet = (length: number): number[] => [1, 44 + length, 36, length, 0, 0, 0, 0, 0, 0, 0];
const tagged = (length: number, ...types: readonly number[]): number[] => {
  const bytes = [...frame(3, length + 4 * types.length).bytes];
  types.forEach((type, i) => {
    bytes.splice(12 + 4 * i, 4, type >> 8, type & 0xff, 0, 9);
  });
  bytes.splice(12 + 4 * types.length, 2, 0x88, 0xb5);
  return bytes;
};

describe('SW-29: the order of Linux', () => {
  test('hv_netvsc finds its adapter good, opens it, sends and receives, and takes it down without a violation', () => {
    const guest = new ScriptedGuest();
    const ask = (words: readonly number[]): readonly number[] => {
      const transaction = guest.inPages('control', words);
      const said = guest.said();
      // The packet is answered, and so is the request.
      expect(said.filter(({ kind }) => kind === 'completion')).toEqual([
        { kind: 'completion', transaction, words: [108, 1, 0, 0, 0, 0, 0, 0] },
      ]);
      const [answer] = said.filter((one) => one.kind === 'control');
      expect(answer?.words[0]).toBe(words[0] | COMPLETION);
      expect(answer?.words[2]).toBe(words[2]);
      return answer?.words ?? [];
    };
    expect(ask(init(1)).slice(3, 9)).toEqual([OK, 1, 0, 1, 0, 1]);
    expect(ask(query(2, 0x00010106)).slice(3)).toEqual([OK, 4, 16, 1500]);
    expect(new Uint8Array(Int32Array.from(ask(query(3, 0x01010101)).slice(6)).buffer).slice(0, 6)).toEqual(
      Uint8Array.from(MAC),
    );
    // Offloads: it gives the adapter up unless there is an NDIS_OFFLOAD, and unless its parameters are taken.
    const offload = ask(query(4, 0xfc01020d | 0, structure(0xa7, 3, 156)));
    expect(offload.slice(3, 7)).toEqual([OK, 156, 16, 0xa7 | (3 << 8) | (156 << 16)]);
    expect(offload.slice(7).every((word) => word === 0)).toBe(true);
    const parameters = structure(0x80, 3, 28);
    parameters[1] = 1; // IPv4 checksums off, all else as it is
    expect(ask(set(5, 0xfc01020c | 0, parameters))[3]).toBe(OK);
    expect(ask(query(6, 0x00010114)).slice(3)).toEqual([OK, 4, 16, 0]);
    expect(ask(query(7, 0x00010107)).slice(3)).toEqual([OK, 4, 16, 100_000_000]);
    expect(ask(query(8, 0x00010203, structure(0x88, 2, 28)))[3]).toBe(NOT_SUPPORTED);
    // Up: directed, all multicast, broadcast.
    expect(ask(set(9, FILTER, [0x0d]))[3]).toBe(OK);

    const small = frame(1, 60).bytes;
    guest.inSection('data', packet(60), small);
    const large = frame(2, 1514).bytes;
    guest.inPages('data', packet(1514), large, 3500); // header and data over a page's end
    expect(guest.bench.sent).toEqual([
      { bytes: small, tci: 0 },
      { bytes: large, tci: 0 },
    ]);
    const toGuest = [frame(4, 60), frame(5, 1514, 7)];
    expect(guest.bench.deliver(guest.host, toGuest)).toBe(2);
    expect(guest.frames()).toEqual(toGuest);

    // Down: filter 0, HALT without an answer, both buffers revoked without one.
    expect(ask(set(10, FILTER, [0]))[3]).toBe(OK);
    guest.inPages('control', [3, 12, 11]);
    guest.packet({ nvsp: [103, 0xcafe], silent: true });
    guest.packet({ nvsp: [106, 0], silent: true });
    expect(guest.said().filter(({ kind }) => kind !== 'completion')).toEqual([]);
    expect(guest.bench.deliver(guest.host, toGuest)).toBe(0);
    expect(guest.bench.control.report()).toMatchObject({
      violations: {},
      phase: 'open',
      outstandingMessages: 0,
    });
  });

  test('a header in the send buffer and a frame in pages are one message', () => {
    const guest = new ScriptedGuest();
    const { bytes } = frame(6, 1000);
    guest.write(guest.bench.control.image().send.offset, packet(1000));
    guest.write(guest.scratch + 4000, [], bytes);
    const page = guest.scratch / 4096;
    const ranges = [
      { bytes: 96, offset: 4000, pages: [page] },
      { bytes: 904, offset: 0, pages: [page + 1] },
    ];
    guest.packet({ nvsp: [107, 0, 0, 44], ranges });
    expect(guest.bench.sent).toEqual([{ bytes, tci: 0 }]);
    expect(guest.bench.control.report().violations).toEqual({});
  });

  test('a request for sub-channels is refused in its own form', () => {
    const guest = new ScriptedGuest();
    const transaction = guest.packet({ nvsp: [133, 1, 3] });
    expect(guest.said()).toEqual([{ kind: 'completion', transaction, words: [133, 2, 0, 0, 0, 0, 0, 0] }]);
    expect(guest.bench.control.report().violations).toEqual({});
  });
});

describe('SW-29: requests of any driver', () => {
  test('each request has its completion, however long it is and wherever it lies', () => {
    for (const how of ['inSection', 'inPages'] as const) {
      const guest = new ScriptedGuest();
      for (const bytes of [
        0,
        4,
        6,
        64,
        100,
        184,
        592,
        900,
        2000,
        ...(how === 'inPages' ? [5000, 40_000] : []),
      ]) {
        const value = new Array<number>(Math.ceil(bytes / 4)).fill(0x01010101);
        guest[how]('control', set(bytes + 7, 0x00010204, value, bytes));
        expect(guest.answer()).toEqual([5 | COMPLETION, 16, bytes + 7, NOT_SUPPORTED]);
        const asked = query(bytes + 8, 0xfc01020e | 0, value);
        guest[how]('control', asked);
        expect(guest.answer()).toEqual([4 | COMPLETION, 24, bytes + 8, NOT_SUPPORTED, 0, 0]);
      }
      expect(guest.bench.control.report().violations).toEqual({});
    }
  });

  test('unknown requests are refused, keep-alive and reset are answered', () => {
    const guest = new ScriptedGuest();
    for (const type of [9, 77, 0x8001, 0x7fffffff]) {
      guest.inSection('control', [type, 20, 0x55, 1, 2]);
      expect(guest.answer()).toEqual([type | COMPLETION, 16, 0x55, NOT_SUPPORTED]);
    }
    guest.inSection('control', [8, 12, 0x56]);
    expect(guest.answer()).toEqual([8 | COMPLETION, 16, 0x56, OK]);
    guest.inSection('control', [6, 12, 0]);
    expect(guest.answer()).toEqual([6 | COMPLETION, 16, OK, 0]);
    // A reset that says "nothing to send again" has kept the filter.
    expect(guest.bench.deliver(guest.host, [frame(1, 60)])).toBe(1);
    expect(guest.bench.control.report().violations).toEqual({});
  });

  test('what the supported list names is answered or can be set', () => {
    const guest = new ScriptedGuest();
    guest.inSection('control', query(1, 0x00010101));
    const list = guest.answer().slice(6);
    expect(list.length).toBeGreaterThan(30);
    for (const oid of list) {
      guest.inSection('control', query(2, oid));
      const queried = guest.answer()[3];
      guest.inSection('control', set(3, oid, [], 0));
      const wasSet = guest.answer()[3];
      expect([oid, queried === NOT_SUPPORTED && wasSet === NOT_SUPPORTED]).toEqual([oid, false]);
    }
  });

  test('values that cannot be are refused and change nothing', () => {
    const guest = new ScriptedGuest();
    const filter = guest.bench.control.report().packetFilter;
    const cases: [readonly number[], number][] = [
      [set(1, FILTER, [1, 2]), INVALID_LENGTH],
      [set(1, FILTER, [1], 2), INVALID_LENGTH],
      [set(1, FILTER, [0x8000]), NOT_SUPPORTED],
      [[5, 32, 1, FILTER, 4, 24, 0, 1], INVALID_DATA], // beyond the message
      [[5, 32, 1, FILTER, 4, 0, 0, 1], INVALID_DATA], // in the request's own fields
      [[5, 32, 1, FILTER, -4, 20, 0, 1], INVALID_DATA],
      [set(1, MULTICAST_LIST, [1, 2]), INVALID_LENGTH],
      [set(1, MULTICAST_LIST, new Array<number>(50).fill(0x01010101), 198), MULTICAST_FULL],
      [set(1, MULTICAST_LIST, [0x02020202, 0x0202], 6), INVALID_DATA],
      [set(1, 0xfc01020c | 0, new Array<number>(16).fill(0x01010101)), INVALID_DATA],
      [set(1, 0xfc01020c | 0, [0x80 | (28 << 16), 2, 0, 0]), NOT_SUPPORTED],
      [set(1, 0x00010106, [9000]), NOT_SUPPORTED],
    ];
    for (const [words, status] of cases) {
      guest.inSection('control', words);
      expect(guest.answer()).toEqual([5 | COMPLETION, 16, 1, status]);
    }
    expect(guest.bench.control.report()).toMatchObject({ violations: {}, packetFilter: filter });
  });
});

describe('SW-29: the packet filter', () => {
  test('with 0 nothing comes behind the answer, not even what was on its way; set again, frames come again', () => {
    const guest = new ScriptedGuest();
    const { host, bench } = guest;
    expect(host.beginBatch(1)).toBe(true);
    const section = host.nextSection();
    bench.segment.u8.set(frame(1, 60).bytes, host.frameOffset(section));
    host.commit(section, 60, 0);
    guest.inSection('control', set(1, FILTER, [0]));
    expect(host.endBatch()).toBe(0);
    expect(host.refusal).toBe(4);
    expect(guest.answer()[3]).toBe(OK);
    expect(bench.deliver(host, [frame(2, 60)])).toBe(0);
    expect(host.refusal).toBe(4);
    const { freeSections, receiveSections } = bench.control.report();
    expect(freeSections).toBe(receiveSections);
    guest.inSection('control', set(2, FILTER, [1]));
    guest.answer();
    expect(bench.deliver(host, [frame(3, 60)])).toBe(1);
    expect(guest.frames()).toEqual([frame(3, 60)]);
  });

  test('HALT ends it until the next INITIALIZE and filter, and so is what the guest sends', () => {
    const guest = new ScriptedGuest();
    guest.inSection('control', set(1, MULTICAST_LIST, [0x005e0001, 0xfb00], 6));
    guest.inSection('control', [3, 12, 2]);
    expect(guest.said().filter(({ kind }) => kind === 'control').length).toBe(1);
    expect(guest.bench.deliver(guest.host, [frame(1, 60)])).toBe(0);
    for (const words of [query(3, FILTER), set(3, FILTER, [1]), [8, 12, 3]]) {
      guest.inSection('control', words);
      expect(guest.answer()[3]).toBe(NOT_READY);
    }
    expect(guest.bench.control.report().violations).toEqual({});
    guest.inSection('data', packet(60), frame(2, 60).bytes);
    expect(guest.bench.sent).toEqual([]);
    expect(guest.bench.control.report().violations).toEqual({ 'handshake.order': 1 });
    guest.said();
    guest.inSection('control', init(4));
    expect(guest.answer()[3]).toBe(OK);
    guest.inSection('control', query(5, MULTICAST_LIST));
    expect(guest.answer().slice(3)).toEqual([OK, 0, 16]);
    expect(guest.bench.deliver(guest.host, [frame(1, 60)])).toBe(0);
    guest.inSection('control', set(6, FILTER, [1]));
    guest.answer();
    expect(guest.bench.deliver(guest.host, [frame(1, 60)])).toBe(1);
    guest.inSection('data', packet(60), frame(2, 60).bytes);
    expect(guest.bench.sent.length).toBe(1);
  });

  test('the multicast list is the guest’s last one, and it can be read back', () => {
    const guest = new ScriptedGuest();
    const { host } = guest;
    const one = [0x005e0001, 0xfb00] as const; // 01-00-5E-00-00-FB
    const two = [0x00003333, 0x0100] as const; // 33-33-00-00-00-01
    expect(host.wantsMulticast(...one)).toBe(false);
    guest.inSection('control', set(1, MULTICAST_LIST, [one[0], one[1] | (0x3333 << 16), 0x01000000], 12));
    expect(guest.answer()[3]).toBe(OK);
    expect([host.wantsMulticast(...one), host.wantsMulticast(...two)]).toEqual([true, true]);
    guest.inSection('control', query(2, MULTICAST_LIST));
    expect(guest.answer().slice(4)).toEqual([12, 16, one[0], one[1] | (0x3333 << 16), 0x01000000]);
    guest.inSection('control', set(3, MULTICAST_LIST, [two[0], two[1]], 6));
    expect(guest.answer()[3]).toBe(OK);
    expect([host.wantsMulticast(...one), host.wantsMulticast(...two)]).toEqual([false, true]);
  });
});

describe('SW-28: the longest frame of a guest', () => {
  test('has its tags beside the limit, in a section and in pages; a third tag and a byte more are too much', () => {
    const tag = 0x8100;
    const service = 0x88a8;
    const good = [[], [tag], [service], [service, tag], [tag, tag]];
    for (const how of ['inSection', 'inPages'] as const) {
      for (const types of good) {
        const guest = new ScriptedGuest();
        const bytes = tagged(1514, ...types);
        guest[how]('data', packet(bytes.length), bytes);
        expect(guest.bench.sent).toEqual([{ bytes, tci: 0 }]);
        const longer = tagged(1515, ...types);
        guest[how]('data', packet(longer.length), longer);
        const third = tagged(1514, ...types, tag, tag, tag);
        guest[how]('data', packet(third.length), third);
        expect(guest.bench.sent.length).toBe(1);
        expect(guest.bench.control.report().violations).toEqual({ 'rndis.frame-length': 2 });
      }
    }
  });

  test('with a tag beside it may have one more inside', () => {
    const guest = new ScriptedGuest();
    const beside = (length: number): number[] => [
      ...[1, 60 + length, 52, length, 0, 0, 0, 36, 16, 0, 0],
      ...[16, 6, 12, 9 << 4],
    ];
    const bytes = tagged(1514, 0x8100);
    guest.inSection('data', beside(bytes.length), bytes);
    const more = tagged(1514, 0x8100, 0x8100);
    guest.inSection('data', beside(more.length), more);
    expect(guest.bench.sent).toEqual([{ bytes, tci: 9 }]);
    expect(guest.bench.control.report().violations).toEqual({ 'rndis.frame-length': 1 });
  });
});

test('a driver that waits for room is woken when its packets were read, though none of them wants an answer', () => {
  const guest = new ScriptedGuest();
  const { board } = guest.bench.machine;
  const woken: number[] = [];
  const wake = board.wake.bind(board);
  board.wake = (agent) => {
    woken.push(agent);
    wake(agent);
  };
  const PENDING_SEND_SIZE = 3;
  const ring = guest.bench.layout.rings >> 2;
  const unanswered = { nvsp: [125, 1514, 0, 8], silent: true };
  guest.packet(unanswered);
  expect(woken).toEqual([]);
  guest.memory.i32[ring + PENDING_SEND_SIZE] = 4000;
  guest.packet(unanswered);
  expect(woken).toEqual([guest.bench.machine.agent('vm:a')]);
});
