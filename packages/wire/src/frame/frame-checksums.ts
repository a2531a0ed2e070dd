import {
  fillIpv4HeaderChecksum,
  fillTcpChecksum,
  fillUdpChecksum,
  hasUdpChecksum,
  isChecksumRight,
  pseudoHeaderSumOfIpv4,
  pseudoHeaderSumV6,
} from '../checksum/checksum.ts';
import { readUint16 } from '../view/network-order.ts';
import type { FrameLayout } from './frame-layout.ts';

/** Bits of {@link verifyFrameChecksums}; of each pair neither is set when there was nothing to verify. */
export const IPV4_CHECKSUM_GOOD = 0x01;
export const IPV4_CHECKSUM_BAD = 0x02;
export const TCP_CHECKSUM_GOOD = 0x04;
export const TCP_CHECKSUM_BAD = 0x08;
export const UDP_CHECKSUM_GOOD = 0x10;
export const UDP_CHECKSUM_BAD = 0x20;

const UDP_HEADER_LENGTH = 8;
const TCP = 6;
const UDP = 17;

function pseudoHeaderSum(bytes: Uint8Array, layout: FrameLayout, length: number): number {
  const { networkOffset, transportProtocol } = layout;
  return layout.ipVersion === 4
    ? pseudoHeaderSumOfIpv4(bytes, networkOffset, transportProtocol, length)
    : pseudoHeaderSumV6(bytes, networkOffset, transportProtocol, length);
}

/** Bytes the transport checksum covers; for UDP its own length decides, 0 when that is impossible. */
function coveredLength(bytes: Uint8Array, layout: FrameLayout): number {
  const { transportOffset, transportLength } = layout;
  if (layout.transportProtocol !== UDP) return transportLength;
  const datagram = readUint16(bytes, transportOffset + 4);
  return datagram >= UDP_HEADER_LENGTH && datagram <= transportLength ? datagram : 0;
}

/**
 * Verifies the IPv4 header and the TCP or UDP checksum of the frame that `layout` was made of. Not verified: fragments'
 * transport, and UDP over IPv4 without a checksum. UDP over IPv6 without one, or with an impossible length, is bad.
 */
export function verifyFrameChecksums(bytes: Uint8Array, layout: FrameLayout): number {
  let result = 0;
  if (layout.ipVersion === 4) {
    const headerLength = (bytes[layout.networkOffset]! & 15) << 2;
    result = isChecksumRight(bytes, layout.networkOffset, headerLength)
      ? IPV4_CHECKSUM_GOOD
      : IPV4_CHECKSUM_BAD;
  }
  if (!layout.hasPorts || layout.isFragment) return result;
  const { transportOffset } = layout;
  const isTcp = layout.transportProtocol === TCP;
  if (!isTcp && !hasUdpChecksum(bytes, transportOffset)) {
    return layout.ipVersion === 4 ? result : result | UDP_CHECKSUM_BAD;
  }
  const length = coveredLength(bytes, layout);
  const right =
    length > 0 && isChecksumRight(bytes, transportOffset, length, pseudoHeaderSum(bytes, layout, length));
  if (isTcp) return result | (right ? TCP_CHECKSUM_GOOD : TCP_CHECKSUM_BAD);
  return result | (right ? UDP_CHECKSUM_GOOD : UDP_CHECKSUM_BAD);
}

/** Fills in the IPv4 header checksum of the frame that `layout` was made of; false when it is not IPv4. */
export function fillFrameNetworkChecksum(bytes: Uint8Array, layout: FrameLayout): boolean {
  if (layout.ipVersion !== 4) return false;
  fillIpv4HeaderChecksum(bytes, layout.networkOffset, (bytes[layout.networkOffset]! & 15) << 2);
  return true;
}

/** Fills in the TCP or UDP checksum; false when there is none to fill (other protocols, fragments, impossible length). */
export function fillFrameTransportChecksum(bytes: Uint8Array, layout: FrameLayout): boolean {
  if (!layout.hasPorts || layout.isFragment) return false;
  const length = coveredLength(bytes, layout);
  if (length === 0) return false;
  const { transportOffset } = layout;
  const seed = pseudoHeaderSum(bytes, layout, length);
  if (layout.transportProtocol === UDP) fillUdpChecksum(bytes, transportOffset, length, seed);
  else fillTcpChecksum(bytes, transportOffset, length, seed);
  return true;
}
