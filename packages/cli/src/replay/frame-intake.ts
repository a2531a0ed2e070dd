/**
 * Which packets of a capture become frames on the wire. A packet whose bytes are not all there, or that is no
 * Ethernet frame, never does; what the NIC will refuse (too short, too long) is put on the wire all the same,
 * because refusing it is the NIC's to do, and is reported.
 */
import { type CapturedPacket, LINKTYPE_ETHERNET } from '@vmq/capture';
import { ETHERNET_HEADER_LENGTH, isTagged, VLAN_TAG_LENGTH } from '@vmq/wire';
import type { CaptureFile } from '../input/capture-file.ts';
import type { ProblemLog } from './problem-log.ts';

/** pcapng counts nanoseconds in 64 bits, this writer seconds in 32: times from 1970 to 2106. */
const LATEST_SECOND = 0xffff_ffff;

/** Why a packet is not put on the wire; the keys of `input.skipped`. */
export type SkipReason = 'snapped' | 'link-type' | 'too-long';

export interface Refusal {
  readonly kind: SkipReason;
  readonly message: string;
}

/** Bytes of the packet that go on the wire: without a frame check sequence, which the NIC's port would take off. */
export function wireLength(file: CaptureFile, packet: CapturedPacket): number {
  return Math.max(0, packet.capturedLength - file.checkSequenceLength(packet));
}

/** Why `packet` cannot be put on the wire, or null. */
export function refusePacket(packet: CapturedPacket): Refusal | null {
  if (packet.linkType !== LINKTYPE_ETHERNET) {
    return {
      kind: 'link-type',
      message: `expected link type ${LINKTYPE_ETHERNET} (Ethernet), found ${packet.linkType}`,
    };
  }
  if (packet.capturedLength < packet.originalLength) {
    return {
      kind: 'snapped',
      message: `expected all ${packet.originalLength} bytes of the packet, found ${packet.capturedLength}; capture with a larger snap length`,
    };
  }
  return null;
}

/** Reports a frame that a NIC with this largest frame refuses for its length. */
export function noteLength(log: ProblemLog, packet: CapturedPacket, length: number, maxFrame: number): void {
  if (length >= ETHERNET_HEADER_LENGTH && length <= maxFrame) return;
  const frame = packet.index + 1;
  if (length < ETHERNET_HEADER_LENGTH) {
    const message = `expected a frame of at least ${ETHERNET_HEADER_LENGTH} bytes, found ${length}; the NIC drops it`;
    log.add('runt', frame, packet.fileOffset, () => message);
    return;
  }
  const tag = isTagged(packet.bytes, packet.offset, length) ? VLAN_TAG_LENGTH : 0;
  if (length - tag <= maxFrame) return;
  const message = `expected a frame of at most ${maxFrame} bytes (nic.jumboPacket), found ${length - tag}; the NIC drops it`;
  log.add('oversize', frame, packet.fileOffset, () => message);
}

/** The nearest second that an output file can hold. */
export function storableSeconds(seconds: number): number {
  return Math.min(Math.max(seconds, 0), LATEST_SECOND);
}

/** Reports a time that an output file cannot hold. */
export function noteTime(log: ProblemLog, packet: CapturedPacket): void {
  const { seconds } = packet;
  if (seconds === storableSeconds(seconds)) return;
  const message = () => `expected a time from 1970 to 2106, found second ${seconds} since 1970`;
  log.add('timestamp', packet.index + 1, packet.fileOffset, message);
}
