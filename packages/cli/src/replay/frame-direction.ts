/**
 * Which way a frame of a capture went: in from the wire, or out of a VM. A capture that was taken where the NIC is has
 * both, and the frames that the VMs sent never came in.
 *
 *   epb_flags say inbound         ─> from the wire
 *   epb_flags say outbound        ─> from the VM that has its source address; no VM has it: from nobody
 *   they say nothing (all pcaps)  ─> from the VM that has its source address; no VM has it: from the wire
 */
import { type CapturedPacket, PACKET_DIRECTION_MASK, PACKET_INBOUND, PACKET_OUTBOUND } from '@vmq/capture';
import { ETHERNET_HEADER_LENGTH, parseMacAddress, readMacHi, readMacLo } from '@vmq/wire';

/**
 * What becomes of frames that a VM sent: `send`, its guest sends them; `skip`, they are left out; `wire`, they arrive
 * from the wire as all others do.
 */
export type OutboundPolicy = 'send' | 'skip' | 'wire';
export const OUTBOUND_POLICIES: readonly OutboundPolicy[] = ['send', 'skip', 'wire'];

/** Answers of {@link FrameDirections.of} that are no VM's index. */
export const FROM_WIRE = -1;
/** Outbound, but no VM has the source address. */
export const FROM_NOBODY = -2;

const SOURCE_ADDRESS = 6;

/** What the packet's flags say: `PACKET_INBOUND`, `PACKET_OUTBOUND`, or 0 where they say nothing. */
export function saidDirection(packet: CapturedPacket): number {
  const direction = (packet.flags ?? 0) & PACKET_DIRECTION_MASK;
  return direction === PACKET_INBOUND || direction === PACKET_OUTBOUND ? direction : 0;
}

/** An address as one number, the key of maps. */
export const macKey = (hi: number, lo: number): number => hi * 0x1_0000_0000 + lo;

export class FrameDirections {
  /** Index of the VM by address. */
  readonly #vms = new Map<number, number>();

  constructor(vms: readonly { readonly mac: string }[]) {
    vms.forEach(({ mac }, i) => {
      const parsed = parseMacAddress(mac);
      if (parsed !== null) this.#vms.set(macKey(parsed.hi, parsed.lo), i);
    });
  }

  /** Index of the VM that sent the frame, {@link FROM_WIRE} or {@link FROM_NOBODY}. */
  of(packet: CapturedPacket, length: number): number {
    const said = saidDirection(packet);
    if (said === PACKET_INBOUND) return FROM_WIRE;
    const nobody = said === PACKET_OUTBOUND ? FROM_NOBODY : FROM_WIRE;
    if (length < ETHERNET_HEADER_LENGTH) return nobody;
    const { bytes, offset } = packet;
    const source = offset + SOURCE_ADDRESS;
    return this.#vms.get(macKey(readMacHi(bytes, source), readMacLo(bytes, source))) ?? nobody;
  }
}
