/**
 * What became of a received frame, as the device has written it down: in a completion, or in the ring of dropped frames of
 * the engine that dropped it. Everybody who wants to know reads it there.
 *
 *   dropped frame   0 stamp                                     4 destination, bytes 0..3
 *   (8 words)       1 drop code lo8, address rule, queue        5 destination, bytes 4, 5 | filter slot hi16
 *                     (FF = none), bit 24 it has a tag          6 free
 *                   2 length on the wire                        7 free
 *                   3 TCI lo16, EtherType hi16
 */
import type { MemorySegment } from '@vmq/machine';
import {
  RXC_HEADER_OFFLOAD,
  RXC_INEXACT,
  RXC_LENGTH_STATUS,
  RXC_NO_FILTER,
  RXC_STAMP,
  RXC_VERDICT,
  RXC_VLAN,
  RXC_VLAN_FILTER,
  VERDICT_ETHERTYPE_SHIFT,
  VERDICT_RULE_SHIFT,
} from '../registers/descriptors.ts';
import {
  DROP_ENTRY_WORDS,
  DROP_RING_ENTRIES,
  DROP_RING_HEADER_WORDS,
  dropRing,
  SHARED_ENGINES,
} from '../registers/device-memory.ts';
import { isInexactRule } from './address-rules.ts';
import { isNewerStamp } from './stamps.ts';

/** Words of a dropped frame's entry. */
export const DROP_STAMP = 0;
export const DROP_REASON = 1;
export const DROP_LENGTH = 2;
export const DROP_TCI_TYPE = 3;
export const DROP_ADDRESS = 4;
export const DROP_ADDRESS_SLOT = 5;
/** Of the reason word, beside the drop code in bits 0..7. */
export const DROP_RULE_SHIFT = 8;
export const DROP_QUEUE_SHIFT = 16;
export const DROP_TAGGED: number = 1 << 24;

const NO_QUEUE = 0xff;
const TAG_BYTES = 4;

/** The record of one frame. */
export interface ReceiveRecord {
  readonly stamp: number;
  /** Bytes on the wire, tag included. */
  readonly length: number;
  /** Tag control information, or -1 without a tag. */
  readonly tci: number;
  /** Behind the tag; 0 for a frame that has none. */
  readonly etherType: number;
  /** Receive queue, or -1 for a frame that was dropped before it had one. */
  readonly queue: number;
  /** Filter slot that took it, or -1. */
  readonly slot: number;
  /** Index into ADDRESS_RULES; 0 if the filter slot took it or the filters were not asked. */
  readonly rule: number;
  /** Accepted only because the port is promiscuous. */
  readonly inexact: boolean;
  /** Index into NIC_DROP_REASONS, or -1 for a frame that was written to memory. */
  readonly drop: number;
  /** Bytes that went to the header buffer. */
  readonly headerBytes: number;
}

/** A dropped frame, with whom it was sent to: its bytes are gone. */
export interface DroppedFrame extends ReceiveRecord {
  readonly destination: readonly number[];
}

const slotOf = (slot: number): number => (slot === RXC_NO_FILTER ? -1 : slot);
const queueOf = (queue: number): number => (queue === NO_QUEUE ? -1 : queue);

/** The record in the completion at word `at` of host memory. */
export function readCompletion(words: Int32Array, at: number): ReceiveRecord {
  const first = words[at + RXC_LENGTH_STATUS];
  const second = words[at + RXC_VLAN_FILTER];
  const verdict = words[at + RXC_VERDICT];
  const hasTag = (first & RXC_VLAN) !== 0;
  return {
    stamp: words[at + RXC_STAMP],
    length: (first & 0xffff) + (hasTag ? TAG_BYTES : 0),
    tci: hasTag ? second & 0xffff : -1,
    etherType: verdict >>> VERDICT_ETHERTYPE_SHIFT,
    queue: verdict & 0xff,
    slot: slotOf(second >>> 16),
    rule: (verdict >>> VERDICT_RULE_SHIFT) & 0xff,
    inexact: (first & RXC_INEXACT) !== 0,
    drop: -1,
    headerBytes: words[at + RXC_HEADER_OFFLOAD] & 0xffff,
  };
}

/** The record in the entry of a dropped frame at word `at` of the BAR. */
export function readDroppedFrame(words: Int32Array, at: number): DroppedFrame {
  const reason = words[at + DROP_REASON];
  const rule = (reason >>> DROP_RULE_SHIFT) & 0xff;
  const low = words[at + DROP_ADDRESS];
  const high = words[at + DROP_ADDRESS_SLOT];
  return {
    stamp: words[at + DROP_STAMP],
    length: words[at + DROP_LENGTH],
    tci: (reason & DROP_TAGGED) !== 0 ? words[at + DROP_TCI_TYPE] & 0xffff : -1,
    etherType: words[at + DROP_TCI_TYPE] >>> 16,
    queue: queueOf((reason >>> DROP_QUEUE_SHIFT) & 0xff),
    slot: slotOf(high >>> 16),
    rule,
    inexact: isInexactRule(rule),
    drop: reason & 0xff,
    headerBytes: 0,
    destination: [low, low >>> 8, low >>> 16, low >>> 24, high, high >>> 8].map((byte) => byte & 0xff),
  };
}

/** Word index of the entry of the `number`th dropped frame (free-running) in the ring at word `ring`. */
export function dropEntry(ring: number, number: number): number {
  return ring + DROP_RING_HEADER_WORDS + (number & (DROP_RING_ENTRIES - 1)) * DROP_ENTRY_WORDS;
}

/**
 * The newest dropped frames of the device whose BAR is `segment`, oldest first: as many as each of its engines has room
 * for, 512. A reset keeps them. Read it while the device rests: an engine writes here while it receives.
 */
export function readDroppedFrames(segment: MemorySegment): DroppedFrame[] {
  const words = segment.i32;
  const engines = words[SHARED_ENGINES];
  const frames: DroppedFrame[] = [];
  for (let engine = 0; engine < engines; engine++) {
    const ring = dropRing(engines, engine);
    const count = words[ring];
    for (let back = DROP_RING_ENTRIES; back > 0; back--) {
      const at = dropEntry(ring, count - back);
      if (words[at + DROP_STAMP] !== 0) frames.push(readDroppedFrame(words, at));
    }
  }
  return engines === 1 ? frames : frames.sort((a, b) => (isNewerStamp(a.stamp, b.stamp) ? 1 : -1));
}
