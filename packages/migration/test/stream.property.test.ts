import { fc, test } from '@fast-check/vitest';
import { guestMemoryBytes } from '@vmq/host';
import { DEFAULT_PORT_PROPERTIES } from '@vmq/vswitch';
import { describe, expect, it } from 'vitest';
import type { MigrationReply } from '../src/stream/commands.ts';
import { crc32 } from '../src/stream/crc32.ts';
import { MigrationDecoder } from '../src/stream/decoder.ts';
import { completeLayout, type VmDescription } from '../src/stream/description.ts';
import {
  MigrationEncoder,
  type MigrationMessage,
  migrationMessage,
  type VmState,
} from '../src/stream/messages.ts';

const layout = completeLayout({ receiveSections: 16, sendSections: 4 });
const description: VmDescription = {
  vm: {
    name: 'web',
    mac: '00-15-5D-00-00-01',
    vlan: 0,
    vmqWeight: 100,
    allowMacSpoofing: false,
    addresses: ['10.0.0.1'],
    answer: true,
  },
  number: 3,
  memoryBytes: guestMemoryBytes(layout),
  layout,
  port: { ...DEFAULT_PORT_PROPERTIES, vlan: { mode: 'trunk', native: 1, vlans: [1, 2], prune: [2] } },
};

function pagesOf(numbers: readonly number[], seed: number) {
  const bytes = Uint8Array.from({ length: numbers.length * 4096 }, (_, i) => (i * 31 + seed) & 255);
  return { numbers: Uint32Array.from(numbers), bytes };
}

function stateOf(numbers: readonly number[], seed: number): VmState {
  const ring = { offset: 4096, dataBytes: 65_536 };
  return {
    memoryCrc: 0xdead_beef,
    channel: {
      toGuest: ring,
      toHost: ring,
      receive: { offset: 0, sectionSize: 1664, sectionCount: 16 },
      send: { offset: 0, sectionSize: 1664, sectionCount: 4 },
      maxFrameBytes: 1514,
      stateSections: 16,
      ndisVersion: 0x6001e,
    },
    isSuspended: seed % 2 === 0,
    channelState: Uint8Array.from({ length: 77 }, (_, i) => i ^ (seed & 255)).buffer,
    statistics: Float64Array.from([1, 2.5, 2 ** 40]),
    pages: pagesOf(numbers, seed),
  };
}

function streamOf(
  numbers: readonly number[],
  seed: number,
): { bytes: Uint8Array; messages: MigrationMessage[] } {
  const encoder = new MigrationEncoder();
  const pages = pagesOf(numbers, seed);
  const state = stateOf(numbers.slice(1), seed);
  const parts = [encoder.hello(description), encoder.pages(1, pages), encoder.state(state)];
  return {
    bytes: Uint8Array.from(parts.flatMap((part) => [...part])),
    messages: [
      { kind: 'hello', description },
      { kind: 'pages', round: 1, pages },
      { kind: 'state', state },
    ],
  };
}

const numbers = fc.uniqueArray(fc.nat(40), { maxLength: 3 }).map((list) => list.sort((x, y) => x - y));
const NAMES = 'magic version kind sequence length checksum description pages truncated'.split(' ');

describe('the stream of a migration', () => {
  it('has the checksum that every table of check values gives, in one piece or two', () => {
    const bytes = new TextEncoder().encode('123456789');
    expect(crc32(bytes)).toBe(0xcbf4_3926);
    expect(crc32(bytes.subarray(4), crc32(bytes.subarray(0, 4)))).toBe(0xcbf4_3926);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });

  test.prop([fc.uint8Array({ maxLength: 300 }), fc.nat(8), fc.nat(300)])(
    'has the same checksum wherever the bytes lie and however they are cut',
    (bytes, shift, cut) => {
      const moved = new Uint8Array(new ArrayBuffer(shift + bytes.length + 8), shift, bytes.length);
      moved.set(bytes);
      let slow = -1;
      for (const byte of bytes) {
        slow ^= byte;
        for (let bit = 0; bit < 8; bit++) slow = (slow >>> 1) ^ (0xedb8_8320 & -(slow & 1));
      }
      expect(crc32(moved)).toBe(~slow >>> 0);
      expect(crc32(moved.subarray(cut), crc32(moved.subarray(0, cut)))).toBe(~slow >>> 0);
    },
  );

  test.prop([
    numbers,
    fc.nat(255),
    fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 40 }),
  ])('reads back what was written, in whatever pieces it comes', (list, seed, pieces) => {
    const { bytes, messages } = streamOf(list, seed);
    const decoder = new MigrationDecoder();
    const read: MigrationMessage[] = [];
    for (let at = 0, n = 0; at < bytes.length; n++) {
      const next = Math.min(bytes.length, at + pieces[n % pieces.length]);
      read.push(...decoder.push(bytes.subarray(at, next)));
      at = next;
    }
    decoder.end();
    expect(decoder.refusal).toBeNull();
    expect(read).toEqual(messages);
  });

  const count = fc.integer({ min: -(2 ** 53), max: 2 ** 53 });
  const reply: fc.Arbitrary<MigrationReply> = fc.record({
    status: fc.constantFrom(0, 0xc000_0001, 0xffff_ffff),
    host: fc.string({ maxLength: 20 }),
    moment: fc.record({
      // From the very beginning of a clock on.
      time: fc.oneof(fc.constantFrom(0, 0.5, 2 ** 60), fc.nat()),
      ledger: fc.record({
        received: count,
        receivedFromWire: count,
        receivedFromGuests: count,
        ends: fc.record({
          delivered: count,
          transmitted: count,
          dropped: fc.constantFrom<Record<string, number>>({}, { 'nic.no-match': 3 }),
        }),
        copies: count,
        inFlight: count,
      }),
    }),
    queueId: fc.constantFrom(0, 1, 0xffff),
    withoutQueue: fc.string({ maxLength: 20 }),
  });

  test.prop([fc.array(reply, { minLength: 1, maxLength: 3 })])('reads back what was replied', (replies) => {
    const encoder = new MigrationEncoder();
    const decoder = new MigrationDecoder();
    const read = replies.flatMap((one) => decoder.push(encoder.reply(one)));
    expect(decoder.refusal).toBeNull();
    expect(read).toEqual(JSON.parse(JSON.stringify(replies.map((one) => ({ kind: 'reply', reply: one })))));
  });

  test.prop([reply, fc.constantFrom(-1, -(2 ** -20), Number.NaN)])(
    'refuses a reply of a time before the clock began',
    (one, time) => {
      const decoder = new MigrationDecoder();
      const wrong = { ...one, moment: { ...one.moment, time } };
      expect(decoder.push(new MigrationEncoder().reply(wrong))).toEqual([]);
      expect(decoder.refusal?.name).toBe('description');
    },
  );

  test.prop([fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 })])(
    'refuses arbitrary bytes by name and never throws',
    (pieces) => {
      const decoder = new MigrationDecoder();
      const read = pieces.flatMap((piece) => decoder.push(piece));
      decoder.end();
      const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
      expect(read).toEqual([]);
      if (total === 0) expect(decoder.refusal).toBeNull();
      else expect(NAMES).toContain(decoder.refusal?.name);
    },
  );

  test.prop([numbers, fc.nat(255), fc.nat(), fc.integer({ min: 1, max: 255 })])(
    'refuses a message of which one byte has changed, wherever it is',
    (list, seed, where, change) => {
      const { bytes, messages } = streamOf(list, seed);
      const at = where % bytes.length;
      bytes[at] = bytes[at] ^ change;
      const decoder = new MigrationDecoder();
      const read = decoder.push(bytes);
      decoder.end();
      expect(NAMES).toContain(decoder.refusal?.name);
      expect(read.length).toBeLessThan(messages.length);
      expect(read).toEqual(messages.slice(0, read.length));
      expect(decoder.push(bytes)).toEqual([]);
    },
  );

  /** A body with a right header and checksum: only what is in it can be wrong. */
  const message = (kind: number, body: Uint8Array): Uint8Array => migrationMessage(kind, 0, [body]);

  test.prop([fc.constantFrom(1, 2, 3, 4), fc.uint8Array({ maxLength: 400 })])(
    'judges what is in a message that came whole, and never throws',
    (kind, body) => {
      const decoder = new MigrationDecoder();
      const read = decoder.push(message(kind, body));
      if (read.length === 0)
        expect(['kind', 'length', 'description', 'pages']).toContain(decoder.refusal?.name);
      else expect(read[0]?.kind).toBe('pages');
    },
  );

  test.prop([fc.array(fc.nat(6), { minLength: 1, maxLength: 5 })])(
    'takes pages whose numbers ascend, and no page twice',
    (list) => {
      const { numbers: given, bytes } = pagesOf(list, 1);
      const body = new Uint8Array(8 + given.byteLength + bytes.length);
      new DataView(body.buffer).setUint32(4, list.length, true);
      body.set(new Uint8Array(given.buffer), 8);
      body.set(bytes, 8 + given.byteLength);
      const decoder = new MigrationDecoder();
      const read = decoder.push(message(2, body));
      const ascends = list.every((page, i) => i === 0 || page > list[i - 1]);
      expect([read.length, decoder.refusal?.name]).toEqual(ascends ? [1, undefined] : [0, 'pages']);
    },
  );

  test.prop([fc.integer({ min: -24, max: 24 })])(
    'takes a state whose figures are whole numbers of eight bytes and fill the body',
    (change) => {
      const whole = new MigrationEncoder().state(stateOf([], 2)).slice(20);
      const before = new DataView(whole.buffer).getUint32(12, true);
      const stated = before + change;
      // Room for what is said: only its being odd can be wrong where it is more than there was.
      const body = new Uint8Array(whole.length + Math.max(0, change));
      body.set(whole);
      new DataView(body.buffer).setUint32(12, stated, true);
      const decoder = new MigrationDecoder();
      const read = decoder.push(message(3, body));
      const fits = change >= 0 && stated % 8 === 0;
      expect([read.length, decoder.refusal?.name]).toEqual(fits ? [1, undefined] : [0, 'length']);
    },
  );

  test.prop([fc.json(), fc.constantFrom(...Object.keys(description)), fc.jsonValue()])(
    'refuses JSON that describes no VM, and a description with any member replaced by something else',
    (json, member, value) => {
      const decoder = new MigrationDecoder();
      expect(decoder.push(message(1, new TextEncoder().encode(json)))).toEqual([]);
      expect(decoder.refusal?.name).toBe('description');
      const changed = JSON.stringify({ ...description, [member]: value });
      const other = new MigrationDecoder();
      const read = other.push(message(1, new TextEncoder().encode(changed)));
      expect(read.length === 1 || other.refusal?.name === 'description').toBe(true);
    },
  );

  it('takes no body of more than a gigabyte, without waiting for it', () => {
    const bytes = new MigrationEncoder().hello(description).slice(0, 20);
    new DataView(bytes.buffer).setUint32(12, 0x7000_0000, true);
    const decoder = new MigrationDecoder();
    decoder.push(bytes);
    expect(decoder.refusal).toMatchObject({ name: 'length', sequence: 0 });
  });
});
