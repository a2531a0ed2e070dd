/**
 * The loop over what a guest has sent: each frame to a verdict in its record. What the switch asks of it before it goes
 * anywhere (SW-17 to SW-19, SW-22): a connected port, a VLAN the port belongs to, a source address it may use.
 *
 *   entry ──> tag ──> port, VLAN ──> source ──> bridge rules ──> where it goes (forwarder.ts) ──> record
 */
import type { MemorySegment } from '@vmq/machine';
import {
  GUEST_ENTRY_AT,
  GUEST_ENTRY_LENGTH,
  GUEST_ENTRY_SHIFT,
  GUEST_ENTRY_TCI,
  type GuestFrameBatch,
} from '@vmq/netvsc';
import { bridgeRefusal } from '../forwarding/bridge-rules.ts';
import type { Forwarder } from '../forwarding/forwarder.ts';
import {
  DROP_EXTENSION,
  DROP_MAC_SPOOFING,
  DROP_PORT_DISCONNECTED,
  DROP_RUNT,
  DROP_VLAN_MISMATCH,
} from '../model/drop-reasons.ts';
import {
  type FrameBatch,
  MARK_DROPPED,
  NOTE_LEARNED,
  NOTE_NOT_MEMBER,
  NOTE_TAG_IN_DATA,
  RECORD_AT,
  RECORD_LENGTH,
  RECORD_ORIGIN,
  RECORD_SHIFT,
  RECORD_STAMP,
  RECORD_TAG,
  RECORD_VERDICT,
} from '../model/frame-batch.ts';
import { PORT_CONNECTED, type PortTable } from '../model/port-table.ts';
import { RULE_NONE, verdictDrop } from '../model/verdict.ts';
import { destinationB, sourceA, sourceB } from '../tables/mac-key.ts';
import type { SourceLearning } from '../tables/source-learning.ts';

/** Type of an 802.1Q tag as bytes 12 and 13 lie in a little-endian word. */
const TAG_TYPE = 0x0081;
/** VLAN in a tag. */
const VLAN_BITS = 0x0fff;
const ETHERNET_HEADER = 14;
const TAG_BYTES = 4;
/** Stamps of guests' frames: negative, as no stamp of a NIC is; the processor in bits 25 … 30, a count below. */
const GUEST_STAMP = -0x8000_0000;
const GUEST_STAMP_COUNT = 0x01ff_ffff;

export class GuestFrames {
  readonly #host: MemorySegment;
  readonly #ports: PortTable;
  readonly #batch: FrameBatch;
  readonly #sources: SourceLearning;
  readonly #forwarder: Forwarder;
  readonly #stampBits: number;
  #stamped = 0;

  constructor(
    host: MemorySegment,
    processor: number,
    ports: PortTable,
    batch: FrameBatch,
    rules: { readonly sources: SourceLearning; readonly forwarder: Forwarder },
  ) {
    this.#host = host;
    this.#ports = ports;
    this.#batch = batch;
    this.#sources = rules.sources;
    this.#forwarder = rules.forwarder;
    this.#stampBits = GUEST_STAMP | (processor << 25);
  }

  /** Takes what the guest sent into records: its tag out of the data, where it counts as one beside the frame. */
  take(frames: GuestFrameBatch): void {
    const { entries, count } = frames;
    const { records } = this.#batch;
    for (let i = 0; i < count; i++) {
      const entry = i << GUEST_ENTRY_SHIFT;
      const record = i << RECORD_SHIFT;
      const at = entries[entry + GUEST_ENTRY_AT];
      const length = entries[entry + GUEST_ENTRY_LENGTH];
      let tci = entries[entry + GUEST_ENTRY_TCI];
      const isTagged = tci === 0 && length >= ETHERNET_HEADER + TAG_BYTES && this.#isTagAt(at);
      if (isTagged) tci = this.#takeTag(at, length);
      records[record + RECORD_AT] = at;
      records[record + RECORD_LENGTH] = isTagged ? length - TAG_BYTES : length;
      records[record + RECORD_TAG] = isTagged ? tci | NOTE_TAG_IN_DATA : tci;
      records[record + RECORD_ORIGIN] = tci;
      records[record + RECORD_STAMP] = this.#stampBits | this.#stamped;
      this.#stamped = (this.#stamped + 1) & GUEST_STAMP_COUNT;
    }
    this.#batch.count = count;
  }

  /** Judges every frame of the batch. */
  run(): void {
    const { records, count } = this.#batch;
    for (let i = 0; i < count; i++) records[(i << RECORD_SHIFT) + RECORD_VERDICT] = this.#judge(i);
  }

  #judge(i: number): number {
    const batch = this.#batch;
    const ports = this.#ports;
    const { records, source } = batch;
    const record = i << RECORD_SHIFT;
    if ((batch.marks[i] & MARK_DROPPED) !== 0) return verdictDrop(DROP_EXTENSION, source, RULE_NONE);
    if (records[record + RECORD_LENGTH] < ETHERNET_HEADER) return verdictDrop(DROP_RUNT, source, RULE_NONE);
    const tag = records[record + RECORD_TAG];
    const vlan = ports.ingressVlan(source, tag);
    records[record + RECORD_TAG] = vlan < 0 ? tag | NOTE_NOT_MEMBER : (tag & ~VLAN_BITS) | vlan;
    if ((ports.flags[source] & PORT_CONNECTED) === 0)
      return verdictDrop(DROP_PORT_DISCONNECTED, source, RULE_NONE);
    const at = records[record + RECORD_AT];
    // Outside any VLAN nothing stands before a second tag, a half one that padding would complete, or one behind a
    // priority tag: the next switch would take it for the frame's own, and the guest would be in that VLAN.
    if (vlan < 0 || (vlan === 0 && this.#isTagAt(at)))
      return verdictDrop(DROP_VLAN_MISMATCH, source, RULE_NONE);
    const { i32 } = this.#host;
    const word = at >> 2;
    const w1 = i32[word + 1];
    const w2 = i32[word + 2];
    const fromA = sourceA(w1, w2);
    const fromB = sourceB(w2, 0);
    const isOwn = fromA === ports.macA[source] && fromB === ports.macB[source];
    if (!isOwn && ((fromA & 1) !== 0 || !ports.maySendFrom(source, fromA, fromB)))
      return verdictDrop(DROP_MAC_SPOOFING, source, RULE_NONE);
    // Its own address is in the ports' table already.
    if (!isOwn && this.#sources.learn(fromA, fromB | (vlan << 16), source))
      records[record + RECORD_TAG] = records[record + RECORD_TAG] | NOTE_LEARNED;
    const refusal = bridgeRefusal(i32[word], w1, w2, i32[word + 3]);
    if (refusal >= 0) return verdictDrop(refusal, source, RULE_NONE);
    return this.#forwarder.verdict(i, i32[word], destinationB(w1, vlan));
  }

  #isTagAt(at: number): boolean {
    return (this.#host.i32[(at >> 2) + 3] & 0xffff) === TAG_TYPE;
  }

  /** Takes the tag out of the data of the frame at `at`; returns its TCI. */
  #takeTag(at: number, length: number): number {
    const { u8 } = this.#host;
    const tci = (u8[at + 14] << 8) | u8[at + 15];
    u8.copyWithin(at + 12, at + 16, at + length);
    return tci;
  }
}
