import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import {
  ArpView,
  EthernetView,
  etherTypeOf,
  FrameLayout,
  fillIcmpv6Checksum,
  formatIpv6Address,
  IcmpView,
  Ipv4View,
  Ipv6ExtensionWalk,
  Ipv6View,
  insertVlanTag,
  isChecksumRight,
  isTagged,
  linkHeaderLength,
  makeTci,
  NeighbourOptionWalk,
  NeighbourView,
  OptionWalk,
  parseIpv6Address,
  pseudoHeaderSumV6,
  readMacHi,
  readMacLo,
  readTci,
  removeVlanTag,
  TcpView,
  tciCfi,
  tciPriority,
  tciVlanId,
  UdpView,
  vlanIdOf,
  writeArp,
  writeEthernetHeader,
  writeIcmpEchoHeader,
  writeIpv4Header,
  writeIpv6Header,
  writeNeighbourMessage,
  writeSolicitedNodeAddress,
  writeTaggedEthernetHeader,
  writeTcpHeader,
  writeUdpHeader,
  writeUint16,
  writeVlanTag,
} from '../src/index.ts';

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
const options = fc.nat(10).chain((n) => fc.uint8Array({ minLength: n * 4, maxLength: n * 4 }));
const before = fc.nat(9);

/** An array that was not clean before: emitters must set every bit they own. */
function dirty(): Uint8Array {
  return new Uint8Array(256).fill(0xdb);
}

/** Bytes outside `offset … offset + length` must be as they were. */
function expectOnlyInside(bytes: Uint8Array, offset: number, length: number): void {
  for (let i = 0; i < bytes.length; i++) {
    if (i < offset || i >= offset + length) expect(bytes[i]).toBe(0xdb);
  }
}

describe('what an emitter writes its view reads', () => {
  test.prop([before, u16, u32, u16, u32, u16])('Ethernet', (at, dHi, dLo, sHi, sLo, type) => {
    const bytes = dirty();
    const n = writeEthernetHeader(bytes, at, dHi, dLo, sHi, sLo, type);
    expectOnlyInside(bytes, at, n);
    const view = new EthernetView();
    expect(view.checked(bytes, at, n)).toBeNull();
    expect(view).toMatchObject({
      destinationHi: dHi,
      destinationLo: dLo,
      sourceHi: sHi,
      sourceLo: sLo,
      etherType: type,
      payloadOffset: at + 14,
      payloadLength: 0,
    });
    expect([readMacHi(bytes, at), readMacLo(bytes, at)]).toEqual([dHi, dLo]);
    expect([readMacHi(bytes, at + 6), readMacLo(bytes, at + 6)]).toEqual([sHi, sLo]);
  });

  test.prop([before, fc.nat(7), fc.nat(1), fc.nat(4095), fc.uint8Array({ maxLength: 50 })])(
    'FLT-20 a tag goes in and comes out',
    (at, priority, cfi, vlanId, payload) => {
      const bytes = dirty();
      const plain = writeEthernetHeader(bytes, at, 1, 2, 3, 4, 0x0800) + payload.length;
      bytes.set(payload, at + 14);
      const original = bytes.slice();
      expect(isTagged(bytes, at, plain)).toBe(false);
      expect(vlanIdOf(bytes, at, plain)).toBe(0);

      const tci = makeTci(priority, cfi, vlanId);
      expect([tciPriority(tci), tciCfi(tci), tciVlanId(tci)]).toEqual([priority, cfi, vlanId]);
      const tagged = insertVlanTag(bytes, at, plain, tci);
      expectOnlyInside(bytes, at, tagged);
      expect(tagged).toBe(plain + 4);
      expect(isTagged(bytes, at, tagged)).toBe(true);
      expect(readTci(bytes, at)).toBe(tci);
      expect(vlanIdOf(bytes, at, tagged)).toBe(vlanId);
      expect(etherTypeOf(bytes, at, tagged)).toBe(0x0800);
      const emitted = dirty();
      const n = writeTaggedEthernetHeader(emitted, at, 1, 2, 3, 4, tci, 0x0800);
      expect(emitted.subarray(at, at + n)).toEqual(bytes.subarray(at, at + n));

      expect(removeVlanTag(bytes, at, tagged)).toBe(plain);
      expect(bytes.subarray(at, at + plain)).toEqual(original.subarray(at, at + plain));
    },
  );

  test.prop([before, fc.array(fc.constantFrom(0x8100, 0x88a8, 0x9100), { maxLength: 4 })])(
    'the EtherType is found behind any stack of tags, and not in a frame that ends before it',
    (at, tags) => {
      const bytes = dirty();
      let n = writeEthernetHeader(bytes, at, 1, 2, 3, 4, 0) - 2;
      for (const tag of tags) n += writeVlanTag(bytes, at + n, 7, tag);
      writeUint16(bytes, at + n, 0x86dd);
      n += 2;
      expect(linkHeaderLength(bytes, at, n)).toBe(n);
      expect(etherTypeOf(bytes, at, n)).toBe(0x86dd);
      for (let short = 0; short < n; short++) {
        expect(etherTypeOf(bytes, at, short) === 0x86dd).toBe(false);
        expect(linkHeaderLength(bytes, at, short)).toBeGreaterThan(short);
      }
    },
  );

  test.prop([
    before,
    fc.record({
      operation: u16,
      senderMacHi: u16,
      senderMacLo: u32,
      senderIpv4: u32,
      targetMacHi: u16,
      targetMacLo: u32,
      targetIpv4: u32,
    }),
  ])('ARP', (at, fields) => {
    const bytes = dirty();
    const n = writeArp(bytes, at, fields);
    expectOnlyInside(bytes, at, n);
    const view = new ArpView();
    expect(view.checked(bytes, at, n)).toBeNull();
    expect(view).toMatchObject(fields);
    bytes[at + 4] = 8;
    expect(view.checked(bytes, at, n)).toBe('unsupported-type');
  });

  test.prop([
    before,
    fc.record({
      source: u32,
      destination: u32,
      protocol: u8,
      timeToLive: u8,
      identification: u16,
      dscp: fc.nat(63),
      ecn: fc.nat(3),
      dontFragment: fc.boolean(),
      moreFragments: fc.boolean(),
      fragmentOffset: fc.nat(0x1fff).map((n) => n * 8),
    }),
    options,
    fc.nat(60),
  ])('IPv4', (at, fields, extra, payloadLength) => {
    const bytes = dirty();
    const n = writeIpv4Header(bytes, at, { ...fields, options: extra, payloadLength });
    expectOnlyInside(bytes, at, n);
    const view = new Ipv4View();
    expect(view.checked(bytes, at, n + payloadLength)).toBeNull();
    expect(view).toMatchObject({
      ...fields,
      version: 4,
      headerLength: 20 + extra.length,
      totalLength: n + payloadLength,
      payloadOffset: at + n,
      payloadLength,
      isFragment: fields.moreFragments || fields.fragmentOffset !== 0,
    });
    expect(bytes.slice(view.optionsOffset, view.payloadOffset)).toEqual(extra);
    expect(isChecksumRight(bytes, at, n)).toBe(true);
  });

  test.prop([
    before,
    ipv6,
    ipv6,
    fc.record({
      nextHeader: u8,
      hopLimit: u8,
      trafficClass: u8,
      flowLabel: fc.nat(0xf_ffff),
      payloadLength: fc.nat(60),
    }),
  ])('IPv6', (at, source, destination, fields) => {
    const bytes = dirty();
    const n = writeIpv6Header(bytes, at, { ...fields, source, destination });
    expectOnlyInside(bytes, at, n);
    const view = new Ipv6View();
    expect(view.checked(bytes, at, n + fields.payloadLength)).toBeNull();
    expect(view).toMatchObject({ ...fields, version: 6, payloadOffset: at + n });
    expect(bytes.slice(view.sourceOffset, view.sourceOffset + 16)).toEqual(source);
    expect(bytes.slice(view.destinationOffset, view.destinationOffset + 16)).toEqual(destination);
  });

  test.prop([before, u8, u16, u16])('ICMP echo', (at, type, identifier, sequenceNumber) => {
    const bytes = dirty();
    const n = writeIcmpEchoHeader(bytes, at, type, identifier, sequenceNumber);
    expectOnlyInside(bytes, at, n);
    const view = new IcmpView();
    expect(view.checked(bytes, at, n)).toBeNull();
    expect(view).toMatchObject({ type, code: 0, checksum: 0, identifier, sequenceNumber, dataLength: 0 });
  });

  test.prop([before, ipv6, fc.boolean(), fc.nat(7), u16, u32])(
    'neighbour discovery',
    (at, target, isAnswer, bits, hi, lo) => {
      const bytes = dirty();
      const ip = at;
      const message =
        ip +
        writeIpv6Header(bytes, ip, {
          source: target,
          destination: target,
          nextHeader: 58,
          payloadLength: 32,
        });
      const n = writeNeighbourMessage(
        bytes,
        message,
        isAnswer ? 136 : 135,
        isAnswer ? bits * 0x2000_0000 : 0,
        target,
        hi,
        lo,
      );
      expectOnlyInside(bytes, ip, 40 + n);
      fillIcmpv6Checksum(bytes, message, n, ip);
      expect(isChecksumRight(bytes, message, n, pseudoHeaderSumV6(bytes, ip, 58, n))).toBe(true);
      const view = new NeighbourView();
      expect(view.checked(bytes, message, n)).toBeNull();
      expect(view).toMatchObject({
        isRouter: isAnswer && (bits & 4) !== 0,
        isSolicited: isAnswer && (bits & 2) !== 0,
        isOverride: isAnswer && (bits & 1) !== 0,
      });
      expect(bytes.slice(view.targetOffset, view.targetOffset + 16)).toEqual(target);
      const walk = new NeighbourOptionWalk().start(bytes, view.optionsOffset, message + n);
      expect(walk.next()).toBe(true);
      expect(walk).toMatchObject({ type: isAnswer ? 2 : 1, dataLength: 6 });
      expect([readMacHi(bytes, walk.dataOffset), readMacLo(bytes, walk.dataOffset)]).toEqual([hi, lo]);
      expect(walk.next()).toBe(false);
      expect(walk.broken).toBe(false);
    },
  );

  test('the solicited-node group of RFC 4291', () => {
    const group = new Uint8Array(16);
    writeSolicitedNodeAddress(group, 0, parseIpv6Address('4037::1:800:200e:8c6c')!);
    expect(formatIpv6Address(group)).toBe('ff02::1:ff0e:8c6c');
  });

  test.prop([before, u16, u16, fc.nat(60)])('UDP', (at, sourcePort, destinationPort, payloadLength) => {
    const bytes = dirty();
    const n = writeUdpHeader(bytes, at, sourcePort, destinationPort, payloadLength);
    expectOnlyInside(bytes, at, n);
    const view = new UdpView();
    expect(view.checked(bytes, at, n + payloadLength)).toBeNull();
    expect(view).toMatchObject({
      sourcePort,
      destinationPort,
      payloadLength,
      checksum: 0,
      payloadOffset: at + 8,
    });
  });

  test.prop([
    before,
    fc.record({
      sourcePort: u16,
      destinationPort: u16,
      sequenceNumber: u32,
      acknowledgmentNumber: u32,
      flags: u8,
      window: u16,
      urgentPointer: u16,
    }),
    options,
  ])('TCP', (at, fields, extra) => {
    const bytes = dirty();
    const n = writeTcpHeader(bytes, at, { ...fields, options: extra });
    expectOnlyInside(bytes, at, n);
    const view = new TcpView();
    expect(view.checked(bytes, at, n + 3)).toBeNull();
    expect(view).toMatchObject({
      ...fields,
      checksum: 0,
      headerLength: n,
      payloadOffset: at + n,
      payloadLength: 3,
    });
    expect(bytes.slice(view.optionsOffset, view.payloadOffset)).toEqual(extra);
  });
});

describe('walks', () => {
  test('TCP options of a SYN', () => {
    const bytes = Uint8Array.of(2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 1, 0, 99, 99);
    const walk = new OptionWalk().start(bytes, 0, bytes.length);
    const seen: number[][] = [];
    while (walk.next()) seen.push([walk.kind, walk.dataOffset, walk.dataLength]);
    expect(seen).toEqual([
      [2, 2, 2],
      [3, 7, 1],
      [4, 10, 0],
    ]);
    expect(walk.broken).toBe(false);
  });

  test.each([[[2]], [[2, 1]], [[2, 0]], [[2, 4, 0]], [[1, 8]]])(
    'a broken option ends the walk: %j',
    (list) => {
      const walk = new OptionWalk().start(Uint8Array.from(list), 0, list.length);
      expect(walk.next()).toBe(false);
      expect(walk.broken).toBe(true);
      expect(walk.next()).toBe(false);
    },
  );

  test('IPv6 extension headers lead to the upper layer', () => {
    // Hop-by-hop 8, routing 16, authentication 12, destination 8, then TCP.
    const bytes = new Uint8Array(44 + 20);
    bytes.set([43, 0], 0);
    bytes.set([51, 1], 8);
    bytes.set([60, 1], 24);
    bytes.set([6, 0], 36);
    const walk = new Ipv6ExtensionWalk();
    expect(walk.walk(bytes, 0, 64, 0)).toBe('upper-layer');
    expect(walk).toMatchObject({ protocol: 6, offset: 44, length: 20, headers: 4, isFragment: false });
    for (let short = 0; short < 44; short++) expect(walk.walk(bytes, 0, short, 0)).toBe('truncated');
  });

  test('IPv6 fragments: first, later, atomic', () => {
    const walk = new Ipv6ExtensionWalk();
    const first = Uint8Array.of(17, 0, 0, 1, 0, 0, 0, 9);
    expect(walk.walk(first, 0, 8, 44)).toBe('upper-layer');
    expect(walk).toMatchObject({ isFragment: true, fragmentOffset: 0, protocol: 17 });
    const later = Uint8Array.of(17, 0, 0x05, 0xa8, 0, 0, 0, 9);
    expect(walk.walk(later, 0, 8, 44)).toBe('fragment');
    expect(walk).toMatchObject({ isFragment: true, fragmentOffset: 1448, protocol: 17 });
    expect(walk.walk(Uint8Array.of(17, 0, 0, 0, 0, 0, 0, 9), 0, 8, 44)).toBe('upper-layer');
    expect(walk.isFragment).toBe(false);
    // One object walks packet after packet: nothing is left of the piece before.
    expect(walk.walk(later, 0, 8, 44)).toBe('fragment');
    expect(walk.walk(later, 0, 8, 17)).toBe('upper-layer');
    expect(walk).toMatchObject({ isFragment: false, fragmentOffset: 0, headers: 0 });
  });

  test('IPv6 extension headers are bounded', () => {
    const walk = new Ipv6ExtensionWalk();
    // Each says that the same kind follows.
    const bytes = Uint8Array.from({ length: 2000 }, (_, i) => (i % 8 === 0 ? 60 : 0));
    expect(walk.walk(bytes, 0, bytes.length, 60)).toBe('too-many');
    expect(walk.headers).toBe(8);
  });

  test('a layout finds the transport behind tag and extension header', () => {
    const bytes = new Uint8Array(200);
    let at = writeTaggedEthernetHeader(bytes, 0, 1, 2, 3, 4, makeTci(5, 0, 42), 0x86dd);
    const address = new Uint8Array(16);
    at += writeIpv6Header(bytes, at, {
      source: address,
      destination: address,
      nextHeader: 60,
      payloadLength: 20,
    });
    bytes[at] = 17;
    at += 8 + writeUdpHeader(bytes, at + 8, 7, 8, 4);
    expect(new FrameLayout().of(bytes, 0, at + 4 + 10)).toMatchObject({
      tagged: true,
      tci: makeTci(5, 0, 42),
      etherType: 0x86dd,
      networkOffset: 18,
      ipVersion: 6,
      isFragment: false,
      transportProtocol: 17,
      transportOffset: 66,
      transportLength: 12,
      hasPorts: true,
    });
  });
});
