/**
 * TcpIpChecksumNetBufferListInfo of a received frame (NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO, member Receive), from the
 * status bits of its completion. The completion does not tell TCP from UDP, so a layer-4 result is stated for both:
 * the reader asks for the one that the frame has.
 */
import { RXC_IPCS_BAD, RXC_IPCS_OK, RXC_L4CS_BAD, RXC_L4CS_OK } from '@vmq/nic';

const TCP_CHECKSUM_FAILED = 1 << 0;
const UDP_CHECKSUM_FAILED = 1 << 1;
const IP_CHECKSUM_FAILED = 1 << 2;
const TCP_CHECKSUM_SUCCEEDED = 1 << 3;
const UDP_CHECKSUM_SUCCEEDED = 1 << 4;
const IP_CHECKSUM_SUCCEEDED = 1 << 5;

/** Bits of a completion's first word that say what the device found. */
export const CHECKSUM_RESULTS: number = RXC_IPCS_OK | RXC_IPCS_BAD | RXC_L4CS_OK | RXC_L4CS_BAD;

/** `status` is the completion's first word; 0 if the device checked nothing. */
export function receiveChecksumInfo(status: number): number {
  return (
    ((status & RXC_IPCS_OK) !== 0 ? IP_CHECKSUM_SUCCEEDED : 0) |
    ((status & RXC_IPCS_BAD) !== 0 ? IP_CHECKSUM_FAILED : 0) |
    ((status & RXC_L4CS_OK) !== 0 ? TCP_CHECKSUM_SUCCEEDED | UDP_CHECKSUM_SUCCEEDED : 0) |
    ((status & RXC_L4CS_BAD) !== 0 ? TCP_CHECKSUM_FAILED | UDP_CHECKSUM_FAILED : 0)
  );
}
