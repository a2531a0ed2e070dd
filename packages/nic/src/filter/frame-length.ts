/** How long a frame may be, and how short. */
import { type FrameConsumer, isFrameTooLong } from '@vmq/machine';
import type { DeviceState } from '../state/device-state.ts';
import { DROP_OVERSIZE, DROP_RUNT } from '../state/drop-reasons.ts';

/**
 * Looks at the length of the frame of `length` bytes at byte `f` of the wire ring: a drop code, or -1 for one that may
 * pass. Throws a RangeError for a frame that no producer can have put there.
 */
export function lengthDrop(state: DeviceState, wire: FrameConsumer, f: number, length: number): number {
  if ((f & 3) !== 0) throw new RangeError(`NIC: frame at wire offset ${f}, need a multiple of 4`);
  if (length < 14) return DROP_RUNT;
  const tagged = wire.u8[f + 12] === 0x81 && wire.u8[f + 13] === 0x00;
  if (tagged && length < 18) return DROP_RUNT;
  return isFrameTooLong(wire.u8, f, length, state.tables.maxFrame, false) ? DROP_OVERSIZE : -1;
}
