import type { PacketInput } from './packet.ts';

const LARGEST_U32 = 0xffff_ffff;

function refuse(name: string, expected: string, found: number): never {
  throw new RangeError(`${name}: expected ${expected}, found ${found}`);
}

/** The part of a packet that will be stored, checked; one per writer, filled anew for each packet. */
export class PacketBounds {
  offset = 0;
  /** Bytes to store: the captured ones, cut at the snap length (0: not cut). */
  storedLength = 0;
  originalLength = 0;

  /** Throws a RangeError where the caller's numbers contradict each other: no file could hold such a packet. */
  take(packet: PacketInput, snapLength: number): void {
    const { bytes, offset = 0, seconds, nanoseconds } = packet;
    const captured = packet.capturedLength ?? bytes.length - offset;
    const original = packet.originalLength ?? captured;
    if (!(Number.isInteger(offset) && offset >= 0 && offset <= bytes.length)) {
      refuse('packet.offset', `an integer from 0 to ${bytes.length}`, offset);
    }
    if (!(Number.isInteger(captured) && captured >= 0 && captured <= bytes.length - offset)) {
      refuse('packet.capturedLength', `an integer from 0 to ${bytes.length - offset}`, captured);
    }
    if (!(Number.isInteger(original) && original >= 0 && original <= LARGEST_U32)) {
      refuse('packet.originalLength', 'an unsigned 32-bit integer', original);
    }
    if (!Number.isInteger(seconds)) refuse('packet.seconds', 'an integer', seconds);
    if (!(Number.isInteger(nanoseconds) && nanoseconds >= 0 && nanoseconds < 1e9)) {
      refuse('packet.nanoseconds', 'an integer from 0 to 999999999', nanoseconds);
    }
    this.offset = offset;
    this.storedLength = snapLength > 0 && captured > snapLength ? snapLength : captured;
    this.originalLength = original;
  }
}
