import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import {
  ArpView,
  EthernetView,
  etherTypeOf,
  FrameLayout,
  type HeaderView,
  IcmpView,
  Ipv4View,
  Ipv6ExtensionWalk,
  Ipv6View,
  isTagged,
  NeighbourOptionWalk,
  NeighbourView,
  OptionWalk,
  summarize,
  TcpView,
  UdpView,
  verifyFrameChecksums,
  vlanIdOf,
  writeArp,
  writeEthernetHeader,
  writeIpv4Header,
  writeIpv6Header,
  writeTaggedEthernetHeader,
  writeTcpHeader,
  writeUdpHeader,
} from '../src/index.ts';

/*
 * Whether something read past the end shows when the bytes behind the end are changed: the answer must not change with them.
 */
function answersOver<T>(bytes: Uint8Array, ask: (bytes: Uint8Array, offset: number, length: number) => T): T {
  const surrounded = (fill: number): Uint8Array => {
    const all = new Uint8Array(bytes.length + 200).fill(fill);
    all.set(bytes, 100);
    return all;
  };
  const answer = ask(surrounded(0x00), 100, bytes.length);
  for (const fill of [0x11, 0x60, 0x81, 0xff])
    expect(ask(surrounded(fill), 100, bytes.length)).toEqual(answer);
  // And where the array itself ends there.
  expect(ask(bytes.slice(), 0, bytes.length)).toBeDefined();
  return answer;
}

/** Mostly frames that some parser will follow for a while, damaged and cut. */
const nearlyFrame = fc
  .record({
    kind: fc.nat(5),
    tagged: fc.boolean(),
    length: fc.nat(120),
    changes: fc.array(fc.tuple(fc.nat(119), fc.nat(255)), { maxLength: 6 }),
  })
  .map(({ kind, tagged, length, changes }) => {
    const bytes = new Uint8Array(160);
    const type = kind === 0 ? 0x0806 : kind < 3 ? 0x0800 : 0x86dd;
    let at = tagged
      ? writeTaggedEthernetHeader(bytes, 0, 0x0215, 1, 0x0215, 2, 5, type)
      : writeEthernetHeader(bytes, 0, 0x0215, 1, 0x0215, 2, type);
    const address = new Uint8Array(16).fill(3);
    const protocol = [0, 6, 17, 6, 58, 60][kind]!;
    if (kind === 0) {
      writeArp(bytes, at, {
        operation: 1,
        senderMacHi: 1,
        senderMacLo: 2,
        senderIpv4: 3,
        targetMacHi: 4,
        targetMacLo: 5,
        targetIpv4: 6,
      });
    } else if (kind < 3) {
      at += writeIpv4Header(bytes, at, { source: 1, destination: 2, protocol, payloadLength: 40 });
    } else {
      at += writeIpv6Header(bytes, at, {
        source: address,
        destination: address,
        nextHeader: protocol,
        payloadLength: 32,
      });
    }
    if (protocol === 6)
      writeTcpHeader(bytes, at, { sourcePort: 1, destinationPort: 2, sequenceNumber: 3, flags: 18 });
    if (protocol === 17) writeUdpHeader(bytes, at, 1, 2, 32);
    if (protocol === 58) bytes[at] = 135;
    for (const [where, value] of changes) bytes[where] = value;
    return bytes.slice(0, length);
  });
const anyBytes = fc.oneof(fc.uint8Array({ maxLength: 120 }), nearlyFrame);

const views: readonly (readonly [string, HeaderView])[] = [
  ['Ethernet', new EthernetView()],
  ['ARP', new ArpView()],
  ['IPv4', new Ipv4View()],
  ['IPv6', new Ipv6View()],
  ['ICMP', new IcmpView()],
  ['neighbour', new NeighbourView()],
  ['UDP', new UdpView()],
  ['TCP', new TcpView()],
];

/** Every getter's value, offsets made relative. */
function allFields(view: HeaderView): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(
    Object.getOwnPropertyDescriptors(Object.getPrototypeOf(view)),
  )) {
    if (property.get === undefined) continue;
    const value: unknown = property.get.call(view);
    fields[name] = name.endsWith('Offset') && name !== 'fragmentOffset' ? Number(value) - view.offset : value;
  }
  return fields;
}

describe('any bytes', () => {
  test.prop([anyBytes], { numRuns: 2000 })(
    'a checked view reads nothing outside, and its payload lies inside',
    (bytes) => {
      // The second start makes the network and transport views see what they are made for.
      for (const start of [0, 14, 34, 54]) {
        const part = bytes.subarray(Math.min(start, bytes.length));
        for (const [, view] of views) {
          answersOver(part, (array, offset, length) => {
            const refusal = view.checked(array, offset, length);
            if (refusal !== null) return refusal;
            const fields = allFields(view);
            expect(Object.keys(fields).length).toBeGreaterThan(3);
            for (const [name, value] of Object.entries(fields)) {
              if (/^(payload|data|options|target|source|destination)Offset$/.test(name)) {
                expect(value).toBeGreaterThanOrEqual(0);
                expect(value).toBeLessThanOrEqual(length);
              }
              if (typeof value === 'number') expect(Number.isInteger(value)).toBe(true);
            }
            return fields;
          });
        }
      }
    },
  );

  test.prop([anyBytes], { numRuns: 2000 })('an unchecked view never throws', (bytes) => {
    for (const [, view] of views) {
      view.at(bytes, 3, 1000);
      expect(allFields(view)).toBeTypeOf('object');
    }
  });

  test.prop([anyBytes], { numRuns: 2000 })(
    'classification, layout and checksums read nothing outside',
    (bytes) => {
      answersOver(bytes, (array, offset, length) => {
        const layout = new FrameLayout().of(array, offset, length);
        const network = layout.networkOffset - offset;
        const transport = layout.transportOffset - offset;
        expect(network).toBeLessThanOrEqual(length);
        expect(transport + layout.transportLength).toBeLessThanOrEqual(length);
        return {
          tagged: isTagged(array, offset, length),
          vlanId: vlanIdOf(array, offset, length),
          etherType: etherTypeOf(array, offset, length),
          layout: [layout.tagged, layout.tci, layout.etherType, layout.ipVersion, layout.isFragment],
          transport: [layout.transportProtocol, layout.hasPorts, network, transport, layout.transportLength],
          checksums: verifyFrameChecksums(array, layout),
        };
      });
    },
  );

  test.prop([anyBytes], { numRuns: 2000 })('walks end and read nothing outside', (bytes) => {
    answersOver(bytes, (array, offset, length) => {
      const seen: unknown[] = [];
      for (const walk of [new OptionWalk(), new NeighbourOptionWalk()]) {
        walk.start(array, offset, offset + length);
        while (walk.next()) {
          expect(walk.dataOffset + walk.dataLength).toBeLessThanOrEqual(offset + length);
          seen.push([walk.dataOffset - offset, walk.dataLength]);
        }
        seen.push(walk.broken);
      }
      const extensions = new Ipv6ExtensionWalk();
      for (const next of [0, 43, 44, 51, 60]) {
        seen.push(
          extensions.walk(array, offset, length, next),
          extensions.protocol,
          extensions.offset - offset,
        );
        expect(extensions.length).toBeGreaterThanOrEqual(0);
      }
      return seen;
    });
  });

  test.prop([anyBytes], { numRuns: 2000 })('summarize gives one line and reads nothing outside', (bytes) => {
    const line = answersOver(bytes, summarize);
    expect(line).toMatch(/^[\x20-\x7e]+$/);
    expect(line).not.toMatch(/NaN|undefined/);
  });
});

describe('refusals are named', () => {
  const ip = (change: (bytes: Uint8Array) => void, length = 60): string | null => {
    const bytes = new Uint8Array(60);
    writeIpv4Header(bytes, 0, { source: 1, destination: 2, protocol: 6, payloadLength: 40 });
    change(bytes);
    return new Ipv4View().checked(bytes, 0, length);
  };

  test('IPv4', () => {
    expect(ip(() => {})).toBeNull();
    expect(ip(() => {}, 19)).toBe('too-short');
    expect(ip((b) => (b[0] = 0x65))).toBe('bad-version');
    expect(ip((b) => (b[0] = 0x44))).toBe('bad-header-length');
    expect(ip((b) => (b[0] = 0x4f), 56)).toBe('bad-header-length');
    expect(ip(() => {}, 59)).toBe('bad-total-length');
    expect(ip((b) => (b[3] = 19))).toBe('bad-total-length');
  });

  test('TCP, UDP, IPv6, neighbour discovery', () => {
    const bytes = new Uint8Array(60);
    writeTcpHeader(bytes, 0, { sourcePort: 1, destinationPort: 2, sequenceNumber: 3, flags: 0 });
    expect(new TcpView().checked(bytes, 0, 19)).toBe('too-short');
    bytes[12] = 0x60;
    expect(new TcpView().checked(bytes, 0, 23)).toBe('bad-header-length');
    writeUdpHeader(bytes, 0, 1, 2, 10);
    expect(new UdpView().checked(bytes, 0, 17)).toBe('bad-total-length');
    const address = new Uint8Array(16);
    writeIpv6Header(bytes, 0, { source: address, destination: address, nextHeader: 6, payloadLength: 20 });
    expect(new Ipv6View().checked(bytes, 0, 59)).toBe('bad-total-length');
    bytes[0] = 0x45;
    expect(new Ipv6View().checked(bytes, 0, 60)).toBe('bad-version');
    expect(new NeighbourView().checked(bytes, 0, 60)).toBe('unsupported-type');
  });
});
