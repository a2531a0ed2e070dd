import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import {
  createMemorySink,
  createPcapngWriter,
  createPcapWriter,
  type PacketInput,
  readCapture,
} from '../src/index.ts';

/** A frame of 64 bytes, and 4 more that are its check sequence. */
const FRAME = Uint8Array.from({ length: 64 }, (_, i) => i);
const PACKET = Uint8Array.from([...FRAME, 0xde, 0xad, 0xbe, 0xef]);
const TIME = { seconds: 1, nanoseconds: 0 };

/** A pcapng whose `if_fcslen` holds `value` as it stands in the file; `null` for no such option. */
function pcapng(value: number | null, ...packets: readonly PacketInput[]): Uint8Array {
  const sink = createMemorySink();
  const writer = createPcapngWriter({ sink });
  writer.addInterface({ fcsLength: value === null ? null : 1 });
  for (const packet of packets) writer.writePacket(packet);
  writer.close();
  const bytes = sink.bytes();
  if (value !== null) {
    const option = bytes.findIndex((_, i) => bytes[i] === 13 && bytes[i + 1] === 0 && bytes[i + 2] === 1);
    bytes[option + 4] = value;
  }
  return bytes;
}

const lengthsOf = (file: Uint8Array): (number | null)[][] =>
  readCapture(file).packets.map(({ fcsLength, frameLength }) => [fcsLength, frameLength]);
const withFlags = (fcsLength: number, more = 0): PacketInput => ({
  bytes: PACKET,
  ...TIME,
  flags: (fcsLength << 5) | more,
});

describe('frame check sequence of pcapng', () => {
  test.each([
    [4, 4],
    [32, 4],
    [2, 2],
    [16, 2],
    [0, 0],
    [7, 7],
    [8, 1],
    [56, 7],
    [null, null],
  ])('if_fcslen %s means %s bytes: bits by the format, bytes by old Wireshark', (value, bytes) => {
    const file = pcapng(value, { bytes: PACKET, ...TIME });
    expect(readCapture(file).flaws).toEqual([]);
    expect(lengthsOf(file)).toEqual([[bytes, PACKET.length - (bytes ?? 0)]]);
  });

  test.each([9, 33, 64, 255])('if_fcslen %i is no length: named and ignored', (value) => {
    const file = pcapng(value, { bytes: PACKET, ...TIME });
    expect(lengthsOf(file)).toEqual([[null, PACKET.length]]);
    const { flaws } = readCapture(file);
    expect(flaws).toMatchObject([{ code: 'bad-fcs-length', fileOffset: 28 }]);
    expect(flaws[0]?.message).toContain(`found ${value}; ignored`);
  });

  test('epb_flags say it for their packet alone, over what the interface says; 0 there says nothing', () => {
    const plain = { bytes: PACKET, ...TIME };
    expect(lengthsOf(pcapng(null, withFlags(4, 1), plain, withFlags(0, 2)))).toEqual([
      [4, 64],
      [null, 68],
      [null, 68],
    ]);
    expect(lengthsOf(pcapng(0, withFlags(4), plain))).toEqual([
      [4, 64],
      [0, 68],
    ]);
    expect(lengthsOf(pcapng(32, withFlags(2), plain, withFlags(0, 1)))).toEqual([
      [2, 66],
      [4, 64],
      [4, 64],
    ]);
  });

  test.prop([fc.nat(80), fc.nat(15), fc.nat(80)])(
    'no byte of a cut packet is counted twice',
    (captured, fcs, original) => {
      const bytes = new Uint8Array(captured);
      const packet = { bytes, ...TIME, originalLength: Math.max(captured, original), flags: fcs << 5 };
      const [read] = readCapture(pcapng(null, packet)).packets;
      const missing = Math.max(captured, original) - captured;
      expect(read?.frameLength).toBe(Math.max(0, captured - Math.max(0, fcs - missing)));
    },
  );
});

describe('frame check sequence of pcap', () => {
  /** The file header's last word with these upper bits. */
  function pcap(upper: number): Uint8Array {
    const sink = createMemorySink();
    const writer = createPcapWriter({ sink, bigEndian: true });
    writer.writePacket({ bytes: PACKET, ...TIME });
    writer.close();
    const bytes = sink.bytes();
    bytes[20] = upper >>> 8;
    bytes[21] = upper;
    return bytes;
  }

  test.each([
    [0x2400, 4],
    [0x1400, 2],
    [0x0400, 0],
    [0x4400, 4],
    [0x2000, null],
    // Bits between the two are a reader's to ignore.
    [0x27ff, 4],
    [0x03ff, null],
  ])('upper half 0x%s of the link type word', (upper, bytes) => {
    const { packets, flaws } = readCapture(pcap(upper));
    expect(flaws).toEqual([]);
    expect(packets).toMatchObject([{ linkType: 1, fcsLength: bytes, frameLength: 68 - (bytes ?? 0) }]);
  });

  test('a length that no link has is named and ignored', () => {
    const { packets, flaws } = readCapture(pcap(0xf400));
    expect(packets).toMatchObject([{ linkType: 1, fcsLength: null, frameLength: 68 }]);
    expect(flaws).toMatchObject([{ code: 'bad-fcs-length', fileOffset: 0 }]);
  });
});

test('what a writer is told of it, a reader finds', () => {
  for (const fcsLength of [null, 0, 2, 4, 6]) {
    const ng = createMemorySink();
    const block = createPcapngWriter({ sink: ng });
    block.addInterface({ fcsLength });
    block.writePacket({ bytes: PACKET, ...TIME });
    block.close();
    const old = createMemorySink();
    const record = createPcapWriter({ sink: old, fcsLength });
    record.writePacket({ bytes: PACKET, ...TIME });
    record.close();
    for (const file of [ng.bytes(), old.bytes()])
      expect(lengthsOf(file)).toEqual([[fcsLength, 68 - (fcsLength ?? 0)]]);
  }
  expect(() => createPcapWriter({ sink: createMemorySink(), fcsLength: 3 })).toThrow(
    'fcsLength: expected 0, 2, 4 or 6',
  );
  expect(() => createPcapngWriter({ sink: createMemorySink() }).addInterface({ fcsLength: 8 })).toThrow(
    'fcsLength',
  );
});
