import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { createCaptureReader, readCapture } from '../src/index.ts';

/*
 * pcapng files put together by hand from the format's text, not by our writer: what the writer never makes must be read too.
 */
class Bytes {
  readonly #list: number[] = [];
  readonly #big: boolean;
  constructor(big: boolean) {
    this.#big = big;
  }
  int(size: number, value: bigint | number): this {
    const bytes = Array.from({ length: size }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n));
    this.#list.push(...(this.#big ? bytes.reverse() : bytes));
    return this;
  }
  raw(...bytes: readonly number[]): this {
    this.#list.push(...bytes);
    return this;
  }
  pad(): this {
    while (this.#list.length % 4 !== 0) this.#list.push(0);
    return this;
  }
  get list(): readonly number[] {
    return this.#list;
  }
}

function block(big: boolean, type: number, fill: (body: Bytes) => unknown): number[] {
  const body = new Bytes(big);
  fill(body);
  const { list } = body.pad();
  const length = list.length + 12;
  return [...new Bytes(big).int(4, type).int(4, length).list, ...list, ...new Bytes(big).int(4, length).list];
}

const section = (big: boolean, length = -1n): number[] =>
  block(big, 0x0a0d0d0a, (b) => b.int(4, 0x1a2b3c4d).int(2, 1).int(2, 0).int(8, length));
const plainInterface = (big: boolean, linkType = 1, snapLength = 0): number[] =>
  block(big, 1, (b) => b.int(2, linkType).int(2, 0).int(4, snapLength));
const timedInterface = (resolution: number, offset: bigint): number[] =>
  block(false, 1, (b) => {
    b.int(2, 1).int(2, 0).int(4, 0);
    b.int(2, 9).int(2, 1).raw(resolution).pad();
    b.int(2, 14).int(2, 8).int(8, offset);
    b.int(4, 0);
  });
const packetAt = (ticks: bigint): number[] =>
  block(false, 6, (b) =>
    b
      .int(4, 0)
      .int(4, ticks >> 32n)
      .int(4, ticks & 0xffffffffn)
      .int(4, 1)
      .int(4, 1)
      .raw(7),
  );

const read = (...blocks: readonly number[][]): ReturnType<typeof readCapture> =>
  readCapture(Uint8Array.from(blocks.flat()));

describe('blocks our writer does not make', () => {
  test.each([false, true])('obsolete Packet Block (big-endian: %s)', (big) => {
    const packet = (drops: number): number[] =>
      block(big, 2, (b) => {
        b.int(2, 0).int(2, drops).int(4, 0).int(4, 5_000_001).int(4, 3).int(4, 90).raw(1, 2, 3).pad();
        b.int(2, 1).int(2, 2).raw(104, 105).pad();
        b.int(2, 2).int(2, 4).int(4, 0x8000_0001);
        b.int(2, 6).int(2, 4).int(4, 9); // A queue was not defined for this block.
        b.int(4, 0);
      });
    const { packets, error } = read(section(big), plainInterface(big, 113), packet(4), packet(0xffff));
    expect(error).toBeNull();
    const common = { linkType: 113, seconds: 5, nanoseconds: 1000, originalLength: 90, capturedLength: 3 };
    expect(packets).toMatchObject([
      { ...common, comments: ['hi'], flags: 0x8000_0001, queue: null, dropCount: 4 },
      { ...common, comments: ['hi'], flags: 0x8000_0001, queue: null, dropCount: null },
    ]);
    expect([...packets[0]!.data]).toEqual([1, 2, 3]);
  });

  test('Simple Packet Block: no time, length cut by the snap length of interface 0', () => {
    const simple = (original: number, bytes: number): number[] =>
      block(false, 3, (b) => b.int(4, original).raw(...new Array<number>(bytes).fill(6)));
    const { packets, error } = read(section(false), plainInterface(false, 1, 5), simple(9, 5), simple(3, 3));
    expect(error).toBeNull();
    expect(packets).toMatchObject([
      { hasTimestamp: false, seconds: 0, capturedLength: 5, originalLength: 9 },
      { hasTimestamp: false, seconds: 0, capturedLength: 3, originalLength: 3 },
    ]);
    // No snap length was said, and yet the packet is cut: what the block holds is what there is.
    expect(read(section(false), plainInterface(false), simple(9, 5)).packets).toMatchObject([
      { capturedLength: 8, originalLength: 9 },
    ]);
    const orphan = read(section(false), simple(9, 9), plainInterface(false), simple(3, 3));
    expect(orphan.packets).toMatchObject([{ capturedLength: 3 }]);
    expect(orphan.flaws).toMatchObject([{ code: 'bad-interface', fileOffset: 28 }]);
  });

  test('unknown, custom and local blocks are passed over and counted', () => {
    const reader = createCaptureReader();
    const other = (type: number): number[] => block(true, type, (b) => b.raw(1, 2, 3, 4, 5));
    reader.push(
      Uint8Array.from(
        [section(true), other(0xbad), plainInterface(true), other(0x4000_0bad), other(0x8000_0001)].flat(),
      ),
    );
    expect(reader.next()).toBeNull();
    expect(reader.end()).toBeNull();
    expect(reader.skippedBlocks).toBe(3);
    expect(reader.interfaces.length).toBe(1);
  });

  test('sections follow each other, each with its byte order and its interfaces', () => {
    const packet = (big: boolean, id: number): number[] =>
      block(big, 6, (b) => b.int(4, id).int(8, 0).int(4, 1).int(4, 1).raw(7));
    const { packets, flaws, error } = read(
      section(false, 999n),
      plainInterface(false, 1),
      plainInterface(false, 2),
      packet(false, 1),
      section(true),
      plainInterface(true, 3),
      packet(true, 1),
      packet(true, 0),
    );
    expect(packets).toMatchObject([
      { sectionIndex: 0, interfaceId: 1, linkType: 2 },
      { sectionIndex: 1, interfaceId: 0, linkType: 3 },
    ]);
    expect(error).toBeNull();
    expect(flaws).toEqual([
      {
        code: 'bad-interface',
        fileOffset: 28 + 20 + 20 + 36 + 28 + 20,
        message:
          'byte 152: expected one of the 1 interfaces described so far in the Enhanced Packet Block, found number 1; passed over',
      },
    ]);
  });

  test('interfaces of a section are bounded', () => {
    const many = new Array<number[]>(65_537).fill(plainInterface(false));
    expect(read(section(false), ...many).error).toMatchObject({
      code: 'too-many-interfaces',
      fileOffset: 28 + 65_536 * 20,
    });
  });

  test('options of unknown codes do no harm, ones of a wrong length are named', () => {
    const packet = block(false, 6, (b) => {
      b.int(4, 0).int(8, 0).int(4, 1).int(4, 1).raw(7).pad();
      b.int(2, 2).int(2, 3).raw(1, 2, 3).pad(); // Flags of three bytes.
      b.int(2, 3).int(2, 5).raw(2, 1, 2, 3, 4).pad(); // A hash.
      b.int(2, 0x8001).int(2, 1).raw(1).pad();
      b.int(2, 6).int(2, 4).int(4, 17);
      // No end mark: the block's end will do.
    });
    const { packets, flaws, error } = read(section(false), plainInterface(false), packet);
    expect(error).toBeNull();
    expect(packets).toMatchObject([{ flags: null, queue: 17 }]);
    expect(flaws.map(({ code, message }) => [code, message])).toEqual([
      [
        'bad-option',
        'byte 48: expected 4 bytes in the option of code 2, found 3, in the Enhanced Packet Block; ignored',
      ],
    ]);
  });

  test('a comment of invalid UTF-8 costs no packet', () => {
    const packet = block(false, 6, (b) =>
      b.int(4, 0).int(8, 0).int(4, 1).int(4, 1).raw(7).pad().int(2, 1).int(2, 3).raw(0x61, 0xff, 0),
    );
    expect(read(section(false), plainInterface(false), packet).packets[0]?.comments).toEqual(['a\ufffd']);
  });
});

describe('times', () => {
  test.prop([
    fc.oneof(fc.constantFrom(0, 3, 6, 7, 9, 11, 12, 127, 0x80, 0x8a, 0x97, 0x98, 0xa0, 0xff), fc.nat(255)),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 }),
  ])('of any resolution and offset equal exact arithmetic', (resolution, ticks, offset) => {
    const { packets } = read(section(false), timedInterface(resolution, BigInt(offset)), packetAt(ticks));
    const exponent = BigInt(resolution & 0x7f);
    const perSecond = (resolution & 0x80) !== 0 ? 2n ** exponent : 10n ** exponent;
    expect(packets).toMatchObject([
      {
        seconds: Number(ticks / perSecond) + offset,
        nanoseconds: Number(((ticks % perSecond) * 1_000_000_000n) / perSecond),
      },
    ]);
  });
});

describe('pcap headers', () => {
  const header = (
    big: boolean,
    magic: number,
    network: number,
    minor = 4,
    snapLength = 0xffff_ffff,
  ): number[] => [
    ...new Bytes(big).int(4, magic).int(2, 2).int(2, minor).int(8, 0).int(4, snapLength).int(4, network).list,
  ];
  const record = (big: boolean, ticks: number, captured: number, original: number): number[] => [
    ...new Bytes(big).int(4, 7).int(4, ticks).int(4, captured).int(4, original).raw(9, 9, 9).list,
  ];

  test.each([
    [false, 0xa1b2c3d4, 1000],
    [true, 0xa1b2c3d4, 1000],
    [false, 0xa1b23c4d, 1],
    [true, 0xa1b23c4d, 1],
  ])('big-endian %s, magic %i', (big, magic, grain) => {
    const { packets, error } = read(header(big, magic, 1), record(big, 5, 3, 60));
    expect(error).toBeNull();
    expect(packets).toMatchObject([
      {
        fileOffset: 24,
        seconds: 7,
        nanoseconds: 5 * grain,
        capturedLength: 3,
        originalLength: 60,
        linkType: 1,
      },
    ]);
  });

  test('FCS bits beside the link type', () => {
    const reader = createCaptureReader();
    reader.push(Uint8Array.from(header(false, 0xa1b2c3d4, 0x2400_0001)));
    expect(reader.next()).toBeNull();
    expect(reader.interfaces).toMatchObject([{ linkType: 1, fcsLength: 4, snapLength: 0 }]);
  });

  test('a fraction beyond a second, and lengths in the order of version 2.2', () => {
    const { packets } = read(header(false, 0xa1b2c3d4, 1, 2), record(false, 2_000_001, 60, 3));
    expect(packets).toMatchObject([{ seconds: 9, nanoseconds: 1000, capturedLength: 3, originalLength: 60 }]);
  });

  test('a captured length no link has is refused, whatever the header claims', () => {
    const { error } = read(header(false, 0xa1b2c3d4, 1), record(false, 0, 262_145, 262_145));
    expect(error).toEqual({
      code: 'bad-packet-length',
      fileOffset: 24,
      message: 'byte 24: expected a captured length of at most 262144, found 262145',
    });
  });
});
