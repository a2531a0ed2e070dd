import { expect, test } from 'vitest';
import {
  makeTci,
  parseIpv4Address,
  parseIpv6Address,
  summarize,
  TCP_ACK,
  TCP_SYN,
  writeArp,
  writeEthernetHeader,
  writeIcmpEchoHeader,
  writeIpv4Header,
  writeIpv6Header,
  writeNeighbourMessage,
  writeTaggedEthernetHeader,
  writeTcpHeader,
  writeUdpHeader,
  writeUint16,
} from '../src/index.ts';

const A = { hi: 0x0215, lo: 0x5d000001 };
const B = { hi: 0x0215, lo: 0x5d000002 };
const source = parseIpv4Address('10.0.0.1')!;
const destination = parseIpv4Address('10.0.0.2')!;
const source6 = parseIpv6Address('fe80::1')!;
const destination6 = parseIpv6Address('fe80::2')!;
const HOSTS = '02-15-5D-00-00-01 > 02-15-5D-00-00-02';

function frame(etherType: number, write: (bytes: Uint8Array, at: number) => number): string {
  const bytes = new Uint8Array(200);
  const at = writeEthernetHeader(bytes, 0, B.hi, B.lo, A.hi, A.lo, etherType);
  return summarize(bytes, 0, at + write(bytes, at));
}

test('TCP in a VLAN', () => {
  const bytes = new Uint8Array(200);
  let at = writeTaggedEthernetHeader(bytes, 0, B.hi, B.lo, A.hi, A.lo, makeTci(3, 0, 5), 0x0800);
  at += writeIpv4Header(bytes, at, { source, destination, protocol: 6, payloadLength: 24 });
  at += writeTcpHeader(bytes, at, {
    sourcePort: 49152,
    destinationPort: 80,
    sequenceNumber: 1,
    acknowledgmentNumber: 9,
    flags: TCP_SYN | TCP_ACK,
  });
  expect(summarize(bytes, 0, at + 4)).toBe(
    `${HOSTS}, vlan 5 p 3, IPv4 10.0.0.1.49152 > 10.0.0.2.80: TCP [S.] seq 1 ack 9 win 65535 length 4`,
  );
});

test('UDP, and one that claims too much', () => {
  const udp = (claimed: number): string =>
    frame(0x0800, (bytes, at) => {
      const header = writeIpv4Header(bytes, at, { source, destination, protocol: 17, payloadLength: 12 });
      writeUdpHeader(bytes, at + header, 53, 5353, claimed);
      return header + 12;
    });
  expect(udp(4)).toBe(`${HOSTS}, IPv4 10.0.0.1.53 > 10.0.0.2.5353: UDP length 4`);
  expect(udp(5)).toBe(`${HOSTS}, IPv4 10.0.0.1 > 10.0.0.2: UDP [bad-total-length]`);
});

test('ICMP echo of both versions, neighbour solicitation', () => {
  const v4 = frame(0x0800, (bytes, at) => {
    const header = writeIpv4Header(bytes, at, { source, destination, protocol: 1, payloadLength: 8 });
    return header + writeIcmpEchoHeader(bytes, at + header, 8, 7, 1);
  });
  expect(v4).toBe(`${HOSTS}, IPv4 10.0.0.1 > 10.0.0.2: ICMP echo request id 7 seq 1 length 8`);
  const v6 = (payload: number, write: (bytes: Uint8Array, at: number) => number): string =>
    frame(0x86dd, (bytes, at) => {
      const fields = { source: source6, destination: destination6, nextHeader: 58, payloadLength: payload };
      return writeIpv6Header(bytes, at, fields) + write(bytes, at + 40);
    });
  expect(v6(8, (bytes, at) => writeIcmpEchoHeader(bytes, at, 129, 7, 2))).toBe(
    `${HOSTS}, IPv6 fe80::1 > fe80::2: ICMPv6 echo reply id 7 seq 2 length 8`,
  );
  expect(v6(32, (bytes, at) => writeNeighbourMessage(bytes, at, 135, 0, destination6, A.hi, A.lo))).toBe(
    `${HOSTS}, IPv6 fe80::1 > fe80::2: ICMPv6 neighbour solicitation for fe80::2`,
  );
});

test('ARP', () => {
  const arp = (operation: number): string =>
    frame(0x0806, (bytes, at) =>
      writeArp(bytes, at, {
        operation,
        senderMacHi: A.hi,
        senderMacLo: A.lo,
        senderIpv4: source,
        targetMacHi: 0,
        targetMacLo: 0,
        targetIpv4: destination,
      }),
    );
  expect(arp(1)).toBe(`${HOSTS}, ARP who-has 10.0.0.2 tell 10.0.0.1`);
  expect(arp(2)).toBe(`${HOSTS}, ARP 10.0.0.1 is-at 02-15-5D-00-00-01`);
});

test('fragments, foreign types, short frames', () => {
  const piece = frame(0x0800, (bytes, at) =>
    writeIpv4Header(bytes, at, { source, destination, protocol: 17, payloadLength: 0, fragmentOffset: 1480 }),
  );
  expect(piece).toBe(`${HOSTS}, IPv4 10.0.0.1 > 10.0.0.2: fragment of protocol 17 at 1480 length 0`);
  expect(frame(0x88cc, () => 46)).toBe(`${HOSTS}, LLDP length 46`);
  expect(frame(0x1234, () => 46)).toBe(`${HOSTS}, ethertype 0x1234 length 46`);
  expect(frame(0x0026, () => 46)).toBe(`${HOSTS}, 802.3 length 38`);
  expect(frame(0x0800, () => 10)).toBe(`${HOSTS}, IPv4 [too-short]`);
  expect(summarize(new Uint8Array(1), 0, 1)).toBe('short frame of 1 byte');
  const cut = new Uint8Array(16);
  writeUint16(cut, 12, 0x8100);
  expect(summarize(cut, 0, 16)).toBe(
    '00-00-00-00-00-00 > 00-00-00-00-00-00, vlan 0, [frame ends before its EtherType]',
  );
});
