// Frames that each parser of @vmq/wire follows to its end, for its target.
import {
  writeArp,
  writeEthernetHeader,
  writeIpv4Header,
  writeIpv6Header,
  writeTaggedEthernetHeader,
  writeTcpHeader,
  writeUdpHeader,
} from '@vmq/wire';

const ADDRESS = new Uint8Array(16).fill(0xfe);

type Put = (bytes: Uint8Array, at: number) => void;

/** A kind of frame: its EtherType and what writes all behind it. */
interface Kind {
  readonly etherType: number;
  /** Writes the network header and what is in it; where the transport header begins or would begin. */
  write(bytes: Uint8Array, at: number): number;
}

const ipv4 = (protocol: number, put: Put): Kind => ({
  etherType: 0x0800,
  write(bytes, at) {
    const end = at + writeIpv4Header(bytes, at, { source: 1, destination: 2, protocol, payloadLength: 60 });
    put(bytes, end);
    return end;
  },
});

const ipv6 = (nextHeader: number, put: Put): Kind => ({
  etherType: 0x86dd,
  write(bytes, at) {
    const addresses = { source: ADDRESS, destination: ADDRESS };
    const end = at + writeIpv6Header(bytes, at, { ...addresses, nextHeader, payloadLength: 80 });
    put(bytes, end);
    return end;
  },
});

const put =
  (...bytes: readonly number[]): Put =>
  (frame, at) =>
    frame.set(bytes, at);
const udp: Put = (bytes, at) => writeUdpHeader(bytes, at, 1, 2, 32);
const tcp: Put = (bytes, at) =>
  writeTcpHeader(bytes, at, { sourcePort: 1, destinationPort: 2, sequenceNumber: 3, flags: 18 });

const ARP = { operation: 1, senderMacHi: 1, senderMacLo: 2, senderIpv4: 3 };
const EXTENSIONS = [60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 17];
const SOLICITATION = [135, 0, 0, 0, 0, 0, 0, 0, ...ADDRESS, 1, 1, 2, 0, 0, 0, 0, 1];

const KINDS: readonly Kind[] = [
  {
    etherType: 0x0806,
    write(bytes, at) {
      writeArp(bytes, at, { ...ARP, targetMacHi: 4, targetMacLo: 5, targetIpv4: 6 });
      return at;
    },
  },
  ipv4(17, udp),
  ipv4(6, tcp),
  ipv4(1, put(8)),
  ipv6(17, udp),
  ipv6(6, tcp),
  ipv6(58, put(...SOLICITATION)),
  ipv6(0, put(...EXTENSIONS)),
  // A first fragment: more of it is to come.
  ipv4(17, (bytes, at) => put(0x21)(bytes, at - 14)),
  {
    etherType: 0x88a8,
    write(bytes, at) {
      bytes.set([0, 5, 0x81, 0, 0, 7, 0x08, 0, 0x45], at);
      return at;
    },
  },
];

/** Each kind with and without a tag, whole and cut short behind its headers. */
export function wireFrames(): Uint8Array[] {
  return [false, true].flatMap((tagged) =>
    KINDS.flatMap(({ etherType, write }) => {
      const bytes = new Uint8Array(160);
      for (let i = 60; i < 160; i++) bytes[i] = i;
      const at = tagged
        ? writeTaggedEthernetHeader(bytes, 0, 0x0215, 1, 0x0215, 2, 0x2005, etherType)
        : writeEthernetHeader(bytes, 0, 0x0215, 1, 0x0215, 2, etherType);
      const end = write(bytes, at);
      return [bytes.slice(0, 60 + (end % 40)), bytes];
    }),
  );
}
