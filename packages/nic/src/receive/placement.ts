/**
 * Puts a frame's bytes where its descriptor says, its tag out:
 *
 *   wire     │ addresses 12 │ tag 4 │ type, payload                     │
 *   memory   │ addresses 12 │ type, payload                             │        one buffer
 *            │ addresses 12 │ type, payload │   │      HEADER │ payload │        header buffer, packet buffer (SPLIT)
 *
 * No byte is written before the whole range is permitted, and exactly the frame's bytes are written: what lies behind a
 * frame in the wire ring belongs to other frames (SEC-08). Nowhere else does the device write a received byte.
 */
import {
  copyBytes,
  copyFrame,
  DMA_WRITE,
  type FrameConsumer,
  HOST_SEGMENT,
  type MemorySegment,
  PAGE_SHIFT,
} from '@vmq/machine';
import { RXD_PACKET_OFFSET, RXD_PACKET_SEGMENT } from '../registers/descriptors.ts';
import {
  type DeviceState,
  Q_FIRST_BUFFER,
  Q_FIRST_BYTES,
  Q_LONGEST,
  Q_WHOLE,
} from '../state/device-state.ts';
import { DROP_BUFFER_TOO_SMALL, DROP_DMA_FAULT } from '../state/drop-reasons.ts';

/** Bytes in front of a tag. */
const ADDRESS_BYTES = 12;
/** Bytes up to the next multiple of 8 behind a tag, and so the shortest frame that is copied from there on. */
const LEAST_ALIGNED = 16;

/**
 * Places the frame at byte `f` of the wire, a multiple of 4, where descriptor `descriptor`, a word index, says. `q` is the
 * queue's row, `tagBytes` 4 for a frame with a tag, else 0, and `bytes` the frame's length without. Returns how many bytes
 * went to the header buffer, or the complement of a drop code.
 */
export type Place = (q: number, descriptor: number, f: number, tagBytes: number, bytes: number) => number;

/** Makes the placement of frames from `wire`: a function made once, as the loop that calls it (receive-loop.ts). */
export function createPlacement(state: DeviceState, wire: FrameConsumer): Place {
  const { rxq } = state;
  const memory: MemorySegment = state.context.machine.memory.host;
  const input = wire.i32;
  const host = memory.i32;
  return place;

  function place(q: number, descriptor: number, f: number, tagBytes: number, bytes: number): number {
    const buffer = descriptor + rxq[q + Q_FIRST_BUFFER];
    const target = host[buffer];
    const body = f + tagBytes;
    if (bytes > rxq[q + Q_WHOLE] || bytes < LEAST_ALIGNED || (host[buffer + 1] | ((body | target) & 7)) !== 0)
      return placeParts(q, descriptor, f, tagBytes, bytes);
    // As DeviceState.permits, for the one page or two that it lies in: with that, too much for V8 to have in the loop, a
    // 64-byte frame took 96 ns in place of 91. There are no rights for a page behind the table.
    const rights = state.rights[HOST_SEGMENT];
    if ((rights[target >>> PAGE_SHIFT] & rights[(target + bytes - 1) >>> PAGE_SHIFT] & DMA_WRITE) === 0)
      return ~DROP_DMA_FAULT;
    copyAligned(f, body, target, bytes);
    return buffer === descriptor ? 0 : bytes;
  }

  /** A frame that needs both buffers, is too long, or lies other than the most. */
  function placeParts(q: number, descriptor: number, f: number, tagBytes: number, bytes: number): number {
    if (bytes > rxq[q + Q_LONGEST]) return ~DROP_BUFFER_TOO_SMALL;
    const buffer = descriptor + rxq[q + Q_FIRST_BUFFER];
    const first = Math.min(bytes, rxq[q + Q_FIRST_BYTES]);
    const target = host[buffer];
    const segment = host[buffer + 1];
    const packet = host[descriptor + RXD_PACKET_OFFSET];
    const restSegment = host[descriptor + RXD_PACKET_SEGMENT];
    if (!state.permits(segment, target, first, DMA_WRITE)) return ~DROP_DMA_FAULT;
    const isSplit = first < bytes;
    if (isSplit && (packet < 0 || !state.permits(restSegment, packet + first, bytes - first, DMA_WRITE)))
      return ~DROP_DMA_FAULT;
    const body = f + tagBytes;
    const isAligned = (segment | ((body | target) & 7)) === 0 && first >= LEAST_ALIGNED;
    if (isAligned) copyAligned(f, body, target, first);
    else copyFront(f, tagBytes, first, segment, target);
    if (isSplit) {
      const memory = state.segments[restSegment];
      // A header size of less than the addresses: the rest begins in front of the tag.
      const behind = tagBytes === 0 ? first : Math.max(first, Math.min(bytes, ADDRESS_BYTES));
      if (first < behind) copyBytes(wire, f + first, memory, packet + first, behind - first);
      if (behind < bytes) copyBytes(wire, body + behind, memory, packet + behind, bytes - behind);
    }
    return buffer === descriptor ? 0 : first;
  }

  /** The addresses, and what comes behind the tag: from there on both sides agree in their alignment. */
  function copyAligned(f: number, body: number, target: number, bytes: number): void {
    const from = f >> 2;
    const to = target >> 2;
    host[to] = input[from];
    host[to + 1] = input[from + 1];
    host[to + 2] = input[from + 2];
    host[to + 3] = input[(body >> 2) + 3];
    copyFrame(wire, body + LEAST_ALIGNED, memory, target + LEAST_ALIGNED, bytes - LEAST_ALIGNED);
  }

  /** Copies the first `bytes` bytes of the frame, its tag out, to byte `target` of memory `segment`. */
  function copyFront(f: number, tagBytes: number, bytes: number, segment: number, target: number): void {
    const to = state.segments[segment];
    const inFront = tagBytes === 0 ? bytes : Math.min(bytes, ADDRESS_BYTES);
    copyFrame(wire, f, to, target, inFront);
    if (inFront < bytes) copyBytes(wire, f + tagBytes + inFront, to, target + inFront, bytes - inFront);
  }
}
