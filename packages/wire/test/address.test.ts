import { isIPv4, isIPv6 } from 'node:net';
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import {
  formatIpv4Address,
  formatIpv6Address,
  formatMacAddress,
  isBroadcastMac,
  isGroupMac,
  isLocallyAdministeredMac,
  parseIpv4Address,
  parseIpv6Address,
  parseMacAddress,
  readMacHi,
  readMacLo,
  writeMacAddress,
} from '../src/index.ts';

const mac = fc.record({ hi: fc.nat(0xffff), lo: fc.nat(0xffff_ffff) });

describe('MAC address', () => {
  test('with dashes, colons, in three groups, and digits alone', () => {
    const address = { hi: 0x0215, lo: 0x5d0a0b0c };
    for (const text of ['02-15-5D-0A-0B-0C', '02:15:5d:0a:0b:0c', '0215.5d0a.0b0c', '02155D0A0B0C']) {
      expect(parseMacAddress(text)).toEqual(address);
    }
    expect(formatMacAddress(0x0215, 0x5d0a0b0c)).toBe('02-15-5D-0A-0B-0C');
    expect(formatMacAddress(0x0215, 0x5d0a0b0c, ':')).toBe('02:15:5d:0a:0b:0c');
    expect(formatMacAddress(0, 0)).toBe('00-00-00-00-00-00');
  });

  test.each([
    '',
    '02-15',
    '02-15:5D-0A-0B-0C',
    '2-15-5D-0A-0B-0C',
    '02-15-5D-0A-0B-0C-0D',
    '02-15-5D-0A-0B-0G',
    ' 02155D0A0B0C',
    '02.15.5D.0A.0B.0C',
    '0215-5d0a-0b0c',
    '0215.5d0a',
    '0215.5d0a.0b0c.0d0e',
  ])('refuses %j', (text) => expect(parseMacAddress(text)).toBeNull());

  test.prop([mac, fc.constantFrom('-' as const, ':' as const), fc.nat(9)])(
    'text and bytes give the numbers back',
    (address, separator, offset) => {
      expect(parseMacAddress(formatMacAddress(address.hi, address.lo, separator))).toEqual(address);
      const bytes = new Uint8Array(20);
      writeMacAddress(bytes, offset, address.hi, address.lo);
      expect({ hi: readMacHi(bytes, offset), lo: readMacLo(bytes, offset) }).toEqual(address);
      expect(bytes[offset]).toBe(address.hi >>> 8);
      expect(bytes[offset + 5]).toBe(address.lo & 255);
    },
  );

  test('group, broadcast, locally administered', () => {
    expect([0x0100, 0x3333, 0xffff].map(isGroupMac)).toEqual([true, true, true]);
    expect([0x0215, 0x00ff].map(isGroupMac)).toEqual([false, false]);
    expect(isBroadcastMac(0xffff, 0xffff_ffff)).toBe(true);
    expect(isBroadcastMac(0xffff, -1)).toBe(true);
    expect(isBroadcastMac(0xffff, 0xffff_fffe)).toBe(false);
    expect(isBroadcastMac(0xfffe, 0xffff_ffff)).toBe(false);
    expect(isLocallyAdministeredMac(0x0215)).toBe(true);
    expect(isLocallyAdministeredMac(0x0115)).toBe(false);
  });
});

describe('IP addresses', () => {
  test.prop([fc.nat(0xffff_ffff)])('IPv4 text gives the number back', (address) => {
    const text = formatIpv4Address(address);
    expect(isIPv4(text)).toBe(true);
    expect(parseIpv4Address(text)).toBe(address);
  });

  test.prop([fc.oneof(fc.ipV4(), fc.stringMatching(/^[0-9.]{0,16}$/))])(
    'IPv4 takes what Node takes',
    (text) => {
      expect(parseIpv4Address(text) !== null).toBe(isIPv4(text));
    },
  );

  const sparse = fc
    .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
    .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 255])));

  test.prop([sparse, fc.nat(3)])('IPv6 text gives the bytes back, in canonical form', (address, offset) => {
    const bytes = new Uint8Array(offset + 16);
    bytes.set(address, offset);
    const text = formatIpv6Address(bytes, offset);
    expect(parseIpv6Address(text)).toEqual(address);
    // The WHATWG host serializer follows the same rules, save for IPv4-mapped addresses.
    if (!text.startsWith('::ffff:')) expect(`[${text}]`).toBe(new URL(`http://[${text}]/`).hostname);
  });

  test.prop([fc.oneof(fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{0,20}$/))])(
    'IPv6 takes what Node takes',
    (text) => {
      expect(parseIpv6Address(text) !== null).toBe(isIPv6(text));
    },
  );

  test('IPv6 examples of RFC 5952', () => {
    for (const [from, to] of [
      ['2001:0db8::0001', '2001:db8::1'],
      ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
      ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['0:0:0:0:0:0:0:0', '::'],
      ['0:0:0:0:0:ffff:c0a8:1', '::ffff:192.168.0.1'],
    ] as const) {
      expect(formatIpv6Address(parseIpv6Address(from)!)).toBe(to);
    }
  });
});
