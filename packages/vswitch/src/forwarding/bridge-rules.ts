/**
 * What no bridge forwards, whatever its tables say: one question for every way a frame can take through the switch.
 *
 *   to 01-80-C2-00-00-00 … 0F   a protocol between neighbours: spanning tree, LACP, 802.1X, LLDP   IEEE 802.1Q 8.6.3
 *   type 88-08                  MAC control (PAUSE): is the port's own and ends there              IEEE 802.3 31
 *   from a group, or from zero  no station sends so: damaged, or made to confuse the tables        IEEE 802.3 3.2.3
 *
 * The words are the frame's first four as they lie in little-endian memory; it has at least 14 bytes.
 */
import { DROP_INVALID_SOURCE, DROP_MAC_CONTROL, DROP_RESERVED_ADDRESS } from '../model/drop-reasons.ts';

/** Bytes 0 to 3 of the reserved addresses. */
const RESERVED_A = 0x00c2_8001;
/** Of bytes 4 and 5: all but the four bits in which reserved addresses differ. */
const RESERVED_B_MASK = 0xf0ff;
/** Type of MAC control frames as bytes 12 and 13 lie in the low half of a word. The receive loop has it inline. */
export const MAC_CONTROL_TYPE = 0x0888;

/** The drop reason of a frame that may not be forwarded, or -1. */
export function bridgeRefusal(w0: number, w1: number, w2: number, w3: number): number {
  if (w0 === RESERVED_A && (w1 & RESERVED_B_MASK) === 0) return DROP_RESERVED_ADDRESS;
  if ((w3 & 0xffff) === MAC_CONTROL_TYPE) return DROP_MAC_CONTROL;
  return isStation(w1, w2) ? -1 : DROP_INVALID_SOURCE;
}

/** Whether a source address can be a station's: no group, not all zeros. */
function isStation(w1: number, w2: number): boolean {
  return (w1 & 0x1_0000) === 0 && ((w1 >>> 16) | w2) !== 0;
}
