import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import {
  FrameLayout,
  fillChecksum,
  fillFrameNetworkChecksum,
  fillFrameTransportChecksum,
  fillUdpChecksum,
  foldSum,
  IPV4_CHECKSUM_BAD,
  IPV4_CHECKSUM_GOOD,
  internetChecksum,
  isChecksumRight,
  pseudoHeaderSumV4,
  readUint16,
  sumRange,
  TCP_CHECKSUM_BAD,
  TCP_CHECKSUM_GOOD,
  UDP_CHECKSUM_BAD,
  UDP_CHECKSUM_GOOD,
  updateChecksum,
  updateChecksum32,
  verifyFrameChecksums,
  writeEthernetHeader,
  writeIpv4Header,
  writeIpv6Header,
  writeTaggedEthernetHeader,
  writeTcpHeader,
  writeUdpHeader,
  writeUint16,
  writeUint32,
} from '../src/index.ts';

/** The definition, straight: sum of big-endian words, carries added back, complement. */
function slowChecksum(bytes: Uint8Array): number {
  let sum = 0n;
  for (let i = 0; i < bytes.length; i += 2) sum += BigInt(bytes[i]! * 256 + (bytes[i + 1] ?? 0));
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n);
  return Number(~sum & 0xffffn);
}

describe('internet checksum', () => {
  test('the example of RFC 1071', () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    expect(foldSum(sumRange(bytes, 0, 8))).toBe(0xddf2);
    expect(internetChecksum(bytes, 0, 8)).toBe(0x220d);
  });

  test.prop([fc.uint8Array({ maxLength: 200 }), fc.nat(7), fc.nat(7)])(
    'equals the definition over any range of any length',
    (bytes, before, behind) => {
      const padded = new Uint8Array(before + bytes.length + behind).fill(0xa5);
      padded.set(bytes, before);
      expect(internetChecksum(padded, before, bytes.length)).toBe(slowChecksum(bytes));
    },
  );

  test('does not overflow over the largest ranges', () => {
    for (const length of [65_535, 65_536, 1 << 20]) {
      const bytes = new Uint8Array(length).fill(0xff);
      expect(internetChecksum(bytes, 0, length, 0x7fff_ffff)).toBe(
        slowChecksum(Uint8Array.of(0x7f, 0xff, 0xff, 0xff, ...bytes.subarray(0, 2 + (length & 1)))),
      );
    }
  });

  test.prop([fc.uint8Array({ minLength: 2, maxLength: 100 }), fc.nat(50)])(
    'ranges add up, cut at any even place',
    (bytes, cut) => {
      const at = Math.min(cut * 2, bytes.length & ~1);
      expect(internetChecksum(bytes, at, bytes.length - at, sumRange(bytes, 0, at))).toBe(
        slowChecksum(bytes),
      );
    },
  );

  test.prop([fc.uint8Array({ minLength: 4, maxLength: 101 }), fc.nat(48), fc.nat(0xffff_ffff)])(
    'verifies after fill, and no longer after a bit is turned',
    (bytes, word, seed) => {
      const field = Math.min(word * 2, (bytes.length & ~1) - 2);
      // All zero is the one input whose checksum cannot be told from its absence.
      bytes[(field + 2) % bytes.length] = 0x5a;
      fillChecksum(bytes, 0, bytes.length, field, seed);
      expect(isChecksumRight(bytes, 0, bytes.length, seed)).toBe(true);
      bytes[field]! ^= 0x10;
      expect(isChecksumRight(bytes, 0, bytes.length, seed)).toBe(false);
    },
  );

  test.prop([
    fc.uint8Array({ minLength: 12, maxLength: 60 }),
    fc.nat(20),
    fc.nat(0xffff),
    fc.nat(0xffff_ffff),
  ])('an incremental update equals a full computation', (bytes, place, word, value) => {
    bytes[0] = 0x45;
    const at = 2 + ((place * 2) % (bytes.length - 6)) - (((place * 2) % (bytes.length - 6)) & 1);
    const before = internetChecksum(bytes, 0, bytes.length);
    const old16 = readUint16(bytes, at);
    writeUint16(bytes, at, word);
    const after = internetChecksum(bytes, 0, bytes.length);
    expect(updateChecksum(before, old16, word)).toBe(after);
    const old32 = readUint16(bytes, at) * 0x1_0000 + readUint16(bytes, at + 2);
    writeUint32(bytes, at, value);
    expect(updateChecksum32(after, old32, value)).toBe(internetChecksum(bytes, 0, bytes.length));
  });

  test('the example of RFC 1624: 0xdd2f with 0x5555 become 0x3285 gives 0x0000', () => {
    expect(updateChecksum(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  test('a UDP checksum that comes out as 0 is stored as 0xffff', () => {
    const bytes = new Uint8Array(10);
    writeUdpHeader(bytes, 0, 1, 2, 2);
    const seed = pseudoHeaderSumV4(0x0a000001, 0x0a000002, 17, 10);
    writeUint16(bytes, 8, 0);
    writeUint16(bytes, 8, internetChecksum(bytes, 0, 10, seed));
    expect(fillUdpChecksum(bytes, 0, 10, seed)).toBe(0xffff);
    expect(readUint16(bytes, 6)).toBe(0xffff);
    expect(isChecksumRight(bytes, 0, 10, seed)).toBe(true);
  });
});

const shape = fc.record({
  version: fc.constantFrom(4 as const, 6 as const),
  tcp: fc.boolean(),
  tagged: fc.boolean(),
  payload: fc.uint8Array({ maxLength: 80 }),
  padding: fc.nat(20),
  before: fc.nat(5),
});

/** A frame somewhere in a larger array, all checksums of the transport 0. */
function makeFrame(s: {
  version: 4 | 6;
  tcp: boolean;
  tagged: boolean;
  payload: Uint8Array;
  padding: number;
  before: number;
}): { bytes: Uint8Array; length: number } {
  const bytes = new Uint8Array(300).fill(0x77);
  const transportHeader = s.tcp ? 20 : 8;
  const payloadLength = transportHeader + s.payload.length;
  const etherType = s.version === 4 ? 0x0800 : 0x86dd;
  let at = s.before;
  at += s.tagged
    ? writeTaggedEthernetHeader(bytes, at, 0x0215, 1, 0x0215, 2, 0x6005, etherType)
    : writeEthernetHeader(bytes, at, 0x0215, 1, 0x0215, 2, etherType);
  const protocol = s.tcp ? 6 : 17;
  const address = new Uint8Array(16).fill(0xfe);
  at +=
    s.version === 4
      ? writeIpv4Header(bytes, at, { source: 0x0a000001, destination: 0xc0a80001, protocol, payloadLength })
      : writeIpv6Header(bytes, at, {
          source: address,
          destination: address,
          nextHeader: protocol,
          payloadLength,
        });
  at += s.tcp
    ? writeTcpHeader(bytes, at, { sourcePort: 1, destinationPort: 2, sequenceNumber: 3, flags: 2 })
    : writeUdpHeader(bytes, at, 1, 2, s.payload.length);
  bytes.set(s.payload, at);
  return { bytes, length: at + s.payload.length + s.padding - s.before };
}

describe('frame checksums', () => {
  test.prop([shape, fc.nat(1000)])('OFF-01 fill makes good ones, a turned bit makes bad ones', (s, where) => {
    const { bytes, length } = makeFrame(s);
    const layout = new FrameLayout().of(bytes, s.before, length);
    expect(fillFrameTransportChecksum(bytes, layout)).toBe(true);
    expect(fillFrameNetworkChecksum(bytes, layout)).toBe(s.version === 4);
    const good = s.tcp ? TCP_CHECKSUM_GOOD : UDP_CHECKSUM_GOOD;
    const bad = s.tcp ? TCP_CHECKSUM_BAD : UDP_CHECKSUM_BAD;
    const network = s.version === 4 ? IPV4_CHECKSUM_GOOD : 0;
    expect(verifyFrameChecksums(bytes, layout)).toBe(network | good);

    const span = s.tcp ? 20 + s.payload.length : 8 + s.payload.length;
    const at = layout.transportOffset + (where % span);
    // Not the data offset or the UDP length, which change what is covered; not a checksum byte that may become "none".
    const structural = s.tcp ? [12] : [4, 5, 6, 7];
    if (!structural.includes(at - layout.transportOffset)) {
      bytes[at]! ^= 0x04;
      expect(verifyFrameChecksums(bytes, layout)).toBe(network | bad);
    }
    if (s.version === 4) {
      bytes[layout.networkOffset + 8]! ^= 1;
      expect(verifyFrameChecksums(bytes, layout) & (IPV4_CHECKSUM_GOOD | IPV4_CHECKSUM_BAD)).toBe(
        IPV4_CHECKSUM_BAD,
      );
    }
  });

  test('UDP without a checksum: nothing to verify over IPv4, bad over IPv6', () => {
    const common = { tcp: false, tagged: false, payload: Uint8Array.of(1), padding: 0, before: 0 };
    const v4 = makeFrame({ ...common, version: 4 });
    expect(verifyFrameChecksums(v4.bytes, new FrameLayout().of(v4.bytes, 0, v4.length))).toBe(
      IPV4_CHECKSUM_GOOD,
    );
    const v6 = makeFrame({ ...common, version: 6 });
    expect(verifyFrameChecksums(v6.bytes, new FrameLayout().of(v6.bytes, 0, v6.length))).toBe(
      UDP_CHECKSUM_BAD,
    );
  });
});
