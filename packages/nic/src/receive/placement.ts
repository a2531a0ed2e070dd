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
import { copyBytes, DMA_WRITE, type FrameConsumer, type MemorySegment } from '@vmq/machine';
import {
  RXD_HEADER_OFFSET,
  RXD_HEADER_SEGMENT,
  RXD_PACKET_OFFSET,
  RXD_PACKET_SEGMENT,
} from '../registers/descriptors.ts';
import { RXCTL_SPLIT } from '../registers/register-constants.ts';
import {
  type DeviceState,
  Q_FLAGS,
  Q_HEADER_BUFFER_BYTES,
  Q_HEADER_SIZE,
  Q_PACKET_BYTES,
} from '../state/device-state.ts';
import { DROP_BUFFER_TOO_SMALL, DROP_DMA_FAULT } from '../state/drop-reasons.ts';

/** Bytes in front of a tag. */
const ADDRESS_BYTES = 12;

export class Placement {
  readonly #state: DeviceState;
  readonly #wire: FrameConsumer;
  readonly #host: MemorySegment;

  constructor(state: DeviceState, wire: FrameConsumer) {
    this.#state = state;
    this.#wire = wire;
    this.#host = state.context.machine.memory.host;
  }

  /**
   * Places the frame at byte `f` of the wire where descriptor `descriptor`, a word index, says. `q` is the queue's row,
   * `tagBytes` 4 for a frame with a tag, else 0, and `bytes` the frame's length without. Returns how many bytes went to the
   * header buffer, or the complement of a drop code.
   */
  place(q: number, descriptor: number, f: number, tagBytes: number, bytes: number): number {
    const state = this.#state;
    const { rxq } = state;
    if (bytes > rxq[q + Q_PACKET_BYTES]) return ~DROP_BUFFER_TOO_SMALL;
    if ((rxq[q + Q_FLAGS] & RXCTL_SPLIT) !== 0) return this.#split(q, descriptor, f, tagBytes, bytes);
    const host = this.#host.i32;
    const target = host[descriptor + RXD_PACKET_OFFSET];
    const segment = host[descriptor + RXD_PACKET_SEGMENT];
    if (!state.permits(segment, target, bytes, DMA_WRITE)) return ~DROP_DMA_FAULT;
    this.#copyFront(f, tagBytes, bytes, segment === 0 ? this.#host : state.segments[segment], target);
    return 0;
  }

  /** The same for a queue with SPLIT: its header size's worth of bytes into the header buffer, the rest as far behind. */
  #split(q: number, descriptor: number, f: number, tagBytes: number, bytes: number): number {
    const state = this.#state;
    const host = this.#host.i32;
    const first = Math.min(bytes, state.rxq[q + Q_HEADER_SIZE]);
    if (first > state.rxq[q + Q_HEADER_BUFFER_BYTES]) return ~DROP_BUFFER_TOO_SMALL;
    const header = host[descriptor + RXD_HEADER_OFFSET];
    const headerSegment = host[descriptor + RXD_HEADER_SEGMENT];
    const packet = host[descriptor + RXD_PACKET_OFFSET];
    const segment = host[descriptor + RXD_PACKET_SEGMENT];
    const rest = bytes - first;
    if (!state.permits(headerSegment, header, first, DMA_WRITE)) return ~DROP_DMA_FAULT;
    if (rest > 0 && (packet < 0 || !state.permits(segment, packet + first, rest, DMA_WRITE)))
      return ~DROP_DMA_FAULT;
    this.#copyFront(f, tagBytes, first, state.segments[headerSegment], header);
    let done = first;
    if (tagBytes !== 0 && done < ADDRESS_BYTES && rest > 0) {
      // A header size of less than the addresses: the rest begins in front of the tag.
      const before = Math.min(bytes, ADDRESS_BYTES) - done;
      copyBytes(this.#wire, f + done, state.segments[segment], packet + done, before);
      done += before;
    }
    if (done < bytes)
      copyBytes(this.#wire, f + tagBytes + done, state.segments[segment], packet + done, bytes - done);
    return first;
  }

  /** Copies the first `bytes` bytes of the frame, its tag out, to byte `target` of `memory`. */
  #copyFront(f: number, tagBytes: number, bytes: number, memory: MemorySegment, target: number): void {
    const wire = this.#wire;
    if (tagBytes === 0 || bytes <= ADDRESS_BYTES) copyBytes(wire, f, memory, target, bytes);
    else {
      copyBytes(wire, f, memory, target, ADDRESS_BYTES);
      const behind = f + ADDRESS_BYTES + tagBytes;
      copyBytes(wire, behind, memory, target + ADDRESS_BYTES, bytes - ADDRESS_BYTES);
    }
  }
}
