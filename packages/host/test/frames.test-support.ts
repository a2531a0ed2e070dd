/** Frames that the tests put on the wire. */
import {
  ARP_REQUEST,
  fillIcmpv4Checksum,
  type MacAddress,
  parseIpv4Address,
  parseMacAddress,
  writeArp,
  writeEthernetHeader,
  writeIpv4Header,
  writeTaggedEthernetHeader,
} from '@vmq/wire';

const mac = (text: string): MacAddress => parseMacAddress(text) as MacAddress;
const ipv4 = (text: string): number => parseIpv4Address(text) as number;

function header(
  bytes: Uint8Array,
  to: MacAddress,
  from: MacAddress,
  vlan: number,
  etherType: number,
): number {
  return vlan === 0
    ? writeEthernetHeader(bytes, 0, to.hi, to.lo, from.hi, from.lo, etherType)
    : writeTaggedEthernetHeader(bytes, 0, to.hi, to.lo, from.hi, from.lo, vlan, etherType);
}

/** Who has `target`? Tell `sender`. Broadcast, 60 bytes (64 with a tag). */
export function arpRequest(from: string, sender: string, target: string, vlan: number = 0): Uint8Array {
  const bytes = new Uint8Array(vlan === 0 ? 60 : 64);
  const at = header(bytes, mac('FF-FF-FF-FF-FF-FF'), mac(from), vlan, 0x0806);
  writeArp(bytes, at, {
    operation: ARP_REQUEST,
    senderMacHi: mac(from).hi,
    senderMacLo: mac(from).lo,
    senderIpv4: ipv4(sender),
    targetMacHi: 0,
    targetMacLo: 0,
    targetIpv4: ipv4(target),
  });
  return bytes;
}

/** An ICMP echo request with `payload` bytes. */
export function echoRequest(
  from: string,
  to: string,
  source: string,
  destination: string,
  payload: number,
  vlan: number = 0,
): Uint8Array {
  const bytes = new Uint8Array((vlan === 0 ? 14 : 18) + 20 + 8 + payload);
  const ip = header(bytes, mac(to), mac(from), vlan, 0x0800);
  const icmp =
    ip +
    writeIpv4Header(bytes, ip, {
      source: ipv4(source),
      destination: ipv4(destination),
      protocol: 1,
      payloadLength: 8 + payload,
    });
  bytes[icmp] = 8;
  bytes.set([0x12, 0x34, 0, 1], icmp + 4);
  for (let i = 0; i < payload; i++) bytes[icmp + 8 + i] = i;
  fillIcmpv4Checksum(bytes, icmp, 8 + payload);
  return bytes;
}
