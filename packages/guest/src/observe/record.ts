/**
 * The record of a guest: a copy of each frame it has received, made by the guest out of its own memory, in a
 * frame ring that a test or the command line reads. So what it shows is what the VM truly has.
 *
 *   entry   word 0 offset   1 length   2 number of the frame (1, 2, …)   3 its 802.1Q TCI, 0 = none
 *
 * When the ring is full the guest keeps the frame, and with it the section: nothing is lost.
 */

import type { MemorySegment } from '@vmq/machine';
import { FrameConsumer, FrameProducer, type FrameRingImage, type Machine } from '@vmq/machine';

/** Words of a ring entry, and the one this package uses for the tag. */
const ENTRY_WORDS = 4;
const TCI_WORD = 3;
/** Word of the ring's header that counts the frames given. */
const TAIL_WORD = 16;

/** The guest's end. */
export class RecordWriter {
  readonly #ring: FrameProducer;
  /** Word index of the ring's entries. */
  readonly #entries: number;
  #entry: number;

  constructor(image: FrameRingImage) {
    this.#ring = new FrameProducer(image);
    this.#entries = (this.#ring.dataStart >>> 2) - image.slots * ENTRY_WORDS;
    this.#entry = Atomics.load(this.#ring.words, TAIL_WORD);
  }

  /** Copies a frame from `segment`; false while there is no room. `number` counts from 1. */
  write(segment: MemorySegment, offset: number, length: number, number: number, tci: number): boolean {
    const ring = this.#ring;
    const at = ring.reserve(length);
    if (at < 0) return false;
    // Frames start at 64-byte boundaries on both sides; the ring leaves room up to the next one.
    const from = segment.u64;
    const to = ring.u64;
    const elements = (length + 7) >>> 3;
    const source = offset >>> 3;
    const target = at >>> 3;
    for (let i = 0; i < elements; i++) to[target + i] = from[source + i];
    ring.commit(at, length, number);
    ring.words[this.#entries + (this.#entry & (ring.slots - 1)) * ENTRY_WORDS + TCI_WORD] = tci;
    this.#entry = (this.#entry + 1) | 0;
    return true;
  }

  publish(): void {
    this.#ring.publish();
  }
}

/** One recorded frame; `bytes` is a copy. */
export interface RecordedFrame {
  readonly bytes: Uint8Array;
  /** 1 for the first frame the guest received. */
  readonly number: number;
  /** 802.1Q TCI, 0 = none. */
  readonly tci: number;
}

export interface GuestRecordReader {
  /** Everything recorded since the last call; makes room, and wakes the guest if it waits for some. */
  read(): RecordedFrame[];
}

/** Reads the record of the guest whose agent has this name; one reader per record. */
export function createGuestRecordReader(
  machine: Machine,
  agentName: string,
  image: FrameRingImage,
): GuestRecordReader {
  const ring = new FrameConsumer(image);
  const agent = machine.agent(agentName);
  return {
    read() {
      const count = ring.available();
      const frames: RecordedFrame[] = [];
      for (let i = 0; i < count; i++) {
        const offset = ring.offsetOf(i);
        frames.push({
          bytes: ring.u8.slice(offset, offset + ring.lengthOf(i)),
          number: ring.stampOf(i),
          tci: ring.words[ring.entry(i) + TCI_WORD],
        });
      }
      if (count !== 0) {
        ring.release(count);
        machine.board.wake(agent);
      }
      return frames;
    },
  };
}
