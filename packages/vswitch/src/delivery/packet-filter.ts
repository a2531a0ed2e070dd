/**
 * What a guest's packet filter lets through (OID_GEN_CURRENT_PACKET_FILTER), asked once a frame is at its channel.
 *
 *   DIRECTED        its own address          BROADCAST       FF-FF-FF-FF-FF-FF
 *   MULTICAST       its multicast list       ALL_MULTICAST   every other group
 *   PROMISCUOUS     whatever reaches its port: a VM that bridges needs it beside AllowMacSpoofing
 */
import {
  NDIS_PACKET_TYPE_ALL_MULTICAST,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_MULTICAST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
} from '@vmq/abi';
import type { ChannelHost } from '@vmq/netvsc';

/** Whether frames for the guest's own address pass. */
export function wantsOwn(filter: number): boolean {
  return (filter & (NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_PROMISCUOUS)) !== 0;
}

/** Whether a frame for `a`, `b` (bytes 0 to 3, bytes 4 and 5; `isOwn`: the guest's address) passes `filter`. */
export function passesFilter(
  channel: ChannelHost,
  filter: number,
  a: number,
  b: number,
  isOwn: boolean,
): boolean {
  if ((filter & NDIS_PACKET_TYPE_PROMISCUOUS) !== 0) return true;
  if ((a & 1) === 0) return isOwn && (filter & NDIS_PACKET_TYPE_DIRECTED) !== 0;
  if (a === -1 && b === 0xffff) return (filter & NDIS_PACKET_TYPE_BROADCAST) !== 0;
  return (
    (filter & NDIS_PACKET_TYPE_ALL_MULTICAST) !== 0 ||
    ((filter & NDIS_PACKET_TYPE_MULTICAST) !== 0 && channel.wantsMulticast(a, b))
  );
}
