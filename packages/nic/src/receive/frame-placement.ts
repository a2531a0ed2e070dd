/**
 * Where the bytes of a frame go that takes the long way: on plain queues and split ones, with checksum validation or
 * without, whatever segment and offset the buffer has. Nothing is written unless everything may be.
 */
import { copyBytes, DMA_WRITE, type FrameConsumer } from '@vmq/machine';
import { checksumStatus } from '../offload/checksum.ts';
import { RXC_SPLIT } from '../registers/descriptors.ts';
import { RXCTL_CSUMEN, RXCTL_SPLIT } from '../registers/register-constants.ts';
import {
  type DeviceState,
  Q_FLAGS,
  Q_HEADER_BUFFER_BYTES,
  Q_HEADER_SIZE,
  Q_SHIFT,
} from '../state/device-state.ts';
import { DROP_BUFFER_TOO_SMALL, DROP_DMA_FAULT } from '../state/drop-reasons.ts';

/**
 * Puts one frame where descriptor `descriptor` (a word index of `ring`) says. `tagged` is -1 for a frame with
 * a tag, else 0; `bytes` its length without. Returns status bits, or the complement of a drop code.
 */
export function placeFrame(
  state: DeviceState,
  wire: FrameConsumer,
  queue: number,
  f: number,
  tagged: number,
  bytes: number,
  ring: Int32Array,
  descriptor: number,
): number {
  const q = queue << Q_SHIFT;
  const flags = state.rxq[q + Q_FLAGS];
  const packet = ring[descriptor];
  const packetSegment = ring[descriptor + 1];
  let status = 0;
  if ((flags & RXCTL_SPLIT) !== 0) {
    const size = state.rxq[q + Q_HEADER_SIZE];
    const first = Math.min(bytes, size);
    if (first > state.rxq[q + Q_HEADER_BUFFER_BYTES]) return ~DROP_BUFFER_TOO_SMALL;
    const header = ring[descriptor + 2];
    const headerSegment = ring[descriptor + 3];
    if (!state.permits(headerSegment, header, first, DMA_WRITE)) return ~DROP_DMA_FAULT;
    const rest = bytes - first;
    if (rest > 0 && (packet < 0 || !state.permits(packetSegment, packet + first, rest, DMA_WRITE)))
      return ~DROP_DMA_FAULT;
    copyPart(state, wire, f, tagged, 0, first, headerSegment, header);
    if (rest > 0) copyPart(state, wire, f, tagged, first, bytes, packetSegment, packet + first);
    status = RXC_SPLIT;
  } else {
    if (!state.permits(packetSegment, packet, bytes, DMA_WRITE)) return ~DROP_DMA_FAULT;
    copyPart(state, wire, f, tagged, 0, bytes, packetSegment, packet);
  }
  if ((flags & RXCTL_CSUMEN) !== 0) {
    const removed = tagged & 4;
    status |= checksumStatus(wire.u8, f + 12 + removed, f + bytes + removed);
  }
  return status;
}

/** Copies bytes `from` to `to` - 1 of the frame as it is without its tag. */
function copyPart(
  state: DeviceState,
  wire: FrameConsumer,
  f: number,
  tagged: number,
  from: number,
  to: number,
  segment: number,
  target: number,
): void {
  const memory = state.segments[segment];
  const removed = tagged & 4;
  if (removed === 0 || from >= 12) {
    copyBytes(wire, f + from + removed, memory, target, to - from);
    return;
  }
  const front = Math.min(to, 12) - from;
  if (front === 12 && (target & 3) === 0) {
    // Both addresses, three words; a call would cost more.
    const { i32 } = memory;
    i32[target >> 2] = wire.i32[f >> 2];
    i32[(target >> 2) + 1] = wire.i32[(f >> 2) + 1];
    i32[(target >> 2) + 2] = wire.i32[(f >> 2) + 2];
  } else copyBytes(wire, f + from, memory, target, front);
  if (to > 12) copyBytes(wire, f + 16, memory, target + front, to - 12);
}
