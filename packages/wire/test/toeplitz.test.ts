import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import {
  parseIpv4Address,
  parseIpv6Address,
  RSS_KEY_LENGTH,
  ToeplitzTable,
  toeplitzHash,
  writeUint16,
  writeUint32,
} from '../src/index.ts';

/** Key and vectors of Microsoft's RSS verification suite. */
const KEY = Uint8Array.from(
  '6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa'.match(/../g)!,
  (pair) => Number.parseInt(pair, 16),
);

/** Destination, source, hash of addresses, hash of addresses and ports. */
const IPV4_VECTORS: readonly (readonly [string, number, string, number, number, number])[] = [
  ['161.142.100.80', 1766, '66.9.149.187', 2794, 0x323e8fc2, 0x51ccc178],
  ['65.69.140.83', 4739, '199.92.111.2', 14230, 0xd718262a, 0xc626b0ea],
  ['12.22.207.184', 38024, '24.19.198.95', 12898, 0xd2d0a5de, 0x5c2b394a],
  ['209.142.163.6', 2217, '38.27.205.30', 48228, 0x82989176, 0xafc7327f],
  ['202.188.127.2', 1303, '153.39.163.191', 44251, 0x5d1809c5, 0x10e828a2],
];
const IPV6_VECTORS: typeof IPV4_VECTORS = [
  ['3ffe:2501:200:3::1', 1766, '3ffe:2501:200:1fff::7', 2794, 0x2cc18cd5, 0x40207d3d],
  ['ff02::1', 4739, '3ffe:501:8::260:97ff:fe40:efab', 14230, 0x0f0c461c, 0xdde51bbf],
  ['fe80::200:f8ff:fe21:67cf', 38024, '3ffe:1900:4545:3:200:f8ff:fe21:67cf', 44251, 0x4b61e985, 0x02d1feef],
];

const table = new ToeplitzTable(KEY);

function expectBoth(
  input: Uint8Array,
  addresses: number,
  hashOfAddresses: number,
  hashWithPorts: number,
): void {
  expect(toeplitzHash(KEY, input, 0, addresses)).toBe(hashOfAddresses);
  expect(toeplitzHash(KEY, input, 0, addresses + 4)).toBe(hashWithPorts);
  expect(table.hash(input, 0, addresses)).toBe(hashOfAddresses);
  expect(table.hash(input, 0, addresses + 4)).toBe(hashWithPorts);
  const parts = table.part(input, 0, addresses, 0) ^ table.part(input, addresses, 4, addresses);
  expect(parts >>> 0).toBe(hashWithPorts);
}

test("the key is as long as Microsoft's", () => {
  expect(RSS_KEY_LENGTH).toBe(KEY.length);
});

describe('Toeplitz hash, Microsoft verification suite', () => {
  test.each(IPV4_VECTORS)(
    '%s:%i from %s:%i',
    (destination, destinationPort, source, sourcePort, plain, ports) => {
      const input = new Uint8Array(12);
      writeUint32(input, 0, parseIpv4Address(source)!);
      writeUint32(input, 4, parseIpv4Address(destination)!);
      writeUint16(input, 8, sourcePort);
      writeUint16(input, 10, destinationPort);
      expectBoth(input, 8, plain, ports);
    },
  );

  test.each(IPV6_VECTORS)(
    '%s:%i from %s:%i',
    (destination, destinationPort, source, sourcePort, plain, ports) => {
      const input = new Uint8Array(36);
      input.set(parseIpv6Address(source)!, 0);
      input.set(parseIpv6Address(destination)!, 16);
      writeUint16(input, 32, sourcePort);
      writeUint16(input, 34, destinationPort);
      expectBoth(input, 32, plain, ports);
    },
  );
});

test.prop([
  fc.uint8Array({ minLength: 40, maxLength: 40 }),
  fc.uint8Array({ minLength: 1, maxLength: 36 }),
  fc.nat(5),
])('the table version equals the bit-by-bit one', (key, input, before) => {
  const bytes = new Uint8Array(before + input.length);
  bytes.set(input, before);
  expect(new ToeplitzTable(key).hash(bytes, before, input.length)).toBe(
    toeplitzHash(key, input, 0, input.length),
  );
});

test('a key too short for the input is refused', () => {
  expect(() => toeplitzHash(new Uint8Array(11), new Uint8Array(8), 0, 8)).toThrow('at least 12 bytes');
  expect(() => new ToeplitzTable(new Uint8Array(4))).toThrow('at least 5 bytes');
});
