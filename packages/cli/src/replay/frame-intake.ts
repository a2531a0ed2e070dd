/**
 * Which packets of a capture become frames. A packet whose bytes are not all there, or that is no Ethernet frame, never
 * does; what the NIC will refuse (too short, too long) is put on the wire all the same,
 * because refusing it is the NIC's to do, and is reported.
 */
import { type CapturedPacket, LINKTYPE_ETHERNET } from '@vmq/capture';
import { countedLength } from '@vmq/machine';
import { ETHERNET_HEADER_LENGTH } from '@vmq/wire';
import type { ProblemLog } from './problem-log.ts';

/** pcapng counts nanoseconds in 64 bits, this writer seconds in 32: times from 1970 to 2106. */
const LATEST_SECOND = 0xffff_ffff;

/** Why a packet is left out; the keys of `input.skipped`. */
export type SkipReason = 'snapped' | 'link-type' | 'damaged' | 'too-long' | 'outbound' | 'no-sender';

/** Bits of `epb_flags` that say with which error a frame arrived; with these a NIC's port takes none in. */
const LINK_ERRORS: readonly (readonly [bit: number, name: string])[] = [
  [1 << 24, 'a CRC error'],
  [1 << 28, 'an alignment error'],
  [1 << 29, 'an error in its start delimiter'],
  [1 << 31, 'a symbol error'],
];
const ANY_LINK_ERROR: number = LINK_ERRORS.reduce((bits, [bit]) => bits | bit, 0);

export interface Refusal {
  readonly kind: SkipReason;
  readonly message: string;
}

/** Why `packet` cannot become a frame, or null. */
export function refusePacket(packet: CapturedPacket): Refusal | null {
  if (packet.linkType !== LINKTYPE_ETHERNET) {
    return {
      kind: 'link-type',
      message: `expected link type ${LINKTYPE_ETHERNET} (Ethernet), found ${packet.linkType}`,
    };
  }
  if (packet.flags !== null && (packet.flags & ANY_LINK_ERROR) !== 0) return damaged(packet.flags);
  // A frame check sequence, which a NIC's port takes off, may be missing.
  const whole = packet.originalLength - (packet.fcsLength ?? 0);
  if (packet.frameLength < whole) {
    return {
      kind: 'snapped',
      message: `expected all ${whole} bytes of the packet, found ${packet.frameLength}; capture with a larger snap length`,
    };
  }
  return null;
}

function damaged(flags: number): Refusal {
  const error = LINK_ERRORS.find(([bit]) => (flags & bit) !== 0)?.[1];
  return {
    kind: 'damaged',
    message: `expected a frame that arrived undamaged, found one that the capture marks with ${error}; a NIC discards those`,
  };
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
  const counted = countedLength(packet.bytes, packet.offset, length, false);
  if (counted <= maxFrame) return;
  const message = `expected a frame of at most ${maxFrame} bytes (nic.jumboPacket), found ${counted}; the NIC drops it`;
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
