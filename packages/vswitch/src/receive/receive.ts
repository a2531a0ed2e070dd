/**
 * The receive loop of the switch: what NDIS indicates, frame by frame, to a verdict in the frame's record.
 *
 *   NBL ──> shape ──> destination, VLAN ──> source ──> where it goes ──> record
 *             │            │                  │            └ group, unknown: forwarder.ts, destination list
 *             │            │                  └ new here: source-learning.ts
 *             │            └ chain of a VM queue: its port's, or dropped (SEC-07)
 *             └ split, odd: here below
 *
 * One loop for every chain. On a VM queue (SW-10) its port's own address and VLAN are what the loop expects of each frame; on the
 * default queue it expects the destination of the frame before. A frame that is as expected, from a source seen just before,
 * has its verdict by comparing; any other is judged by {@link Receive.judge}, which finds what may be expected next.
 *
 * Sections, copies and entries are the next loop's (delivery.ts), over the records.
 */

import { type NetBuffer, type NetBufferList, tciFromIeee8021Q } from '@vmq/ddi';
import { type AgentContext, HOST_SEGMENT, type MemorySegment, MOST_TAG_BYTES } from '@vmq/machine';
import { bridgeRefusal, MAC_CONTROL_TYPE } from '../forwarding/bridge-rules.ts';
import type { Forwarder } from '../forwarding/forwarder.ts';
import {
  DROP_EXTENSION,
  DROP_RUNT,
  DROP_VLAN_MISMATCH,
  DROP_WRONG_DESTINATION,
} from '../model/drop-reasons.ts';
import {
  BATCH_FRAMES,
  FRONT_SHARED,
  type FrameBatch,
  MARK_COPIED,
  MARK_DROPPED,
  NOTE_LEARNED,
  NOTE_SCRATCH,
  NOTE_SPLIT,
  RECORD_AT,
  RECORD_ENTRY,
  RECORD_FRONT,
  RECORD_LENGTH,
  RECORD_ORIGIN,
  RECORD_SHIFT,
  RECORD_STAMP,
  RECORD_TAG,
  RECORD_VERDICT,
  TCI_MASK,
} from '../model/frame-batch.ts';
import type { FrameGatherer } from '../model/frame-gatherer.ts';
import { EXTERNAL_PORT } from '../model/messages.ts';
import type { PortTable } from '../model/port-table.ts';
import { RULE_LEARNED, RULE_NONE, RULE_OWN_QUEUE, ruleOf, verdictDrop, verdictTo } from '../model/verdict.ts';
import { destinationB, sourceA, sourceB } from '../tables/mac-key.ts';
import { foldSource, RECENT_WORDS, type SourceLearning } from '../tables/source-learning.ts';

const ETHERNET_HEADER = 14;
/** Bytes of a frame that anybody here looks at: its header with all tags. */
const LOOKED_AT: number = ETHERNET_HEADER + MOST_TAG_BYTES;
/** Key b of no destination. */
const NONE = -1;

export class Receive {
  /** Judges frames of the chain until it ends or the batch is full; their verdicts are in the batch then. */
  readonly run: () => void;
  /** Where the loop stands: the next frame's NBL and NET_BUFFER; null at the end of the chain. */
  nbl: NetBufferList | null = null;
  netBuffer: NetBuffer | null = null;
  /** The last NBL of the chain that has been judged. */
  last: NetBufferList | null = null;
  readonly #host: MemorySegment;
  readonly #ports: PortTable;
  readonly #batch: FrameBatch;
  readonly #sources: SourceLearning;
  readonly #forwarder: Forwarder;
  readonly #gatherer: FrameGatherer;
  readonly #reach: (branch: string) => void;
  /** Key of the destination that is expected, and the verdict about it. */
  #expectedA = 0;
  #expectedB = NONE;
  #expected = 0;
  /** Of the frame that {@link #shape} looked at. */
  #shapeNotes = 0;
  #shapeLength = 0;

  constructor(
    context: AgentContext,
    batch: FrameBatch,
    parts: {
      readonly ports: PortTable;
      readonly sources: SourceLearning;
      readonly forwarder: Forwarder;
      readonly gatherer: FrameGatherer;
    },
  ) {
    const { machine } = context;
    this.#host = machine.memory.host;
    this.#reach = (branch) => machine.reach(branch);
    this.#batch = batch;
    this.#ports = parts.ports;
    this.#sources = parts.sources;
    this.#forwarder = parts.forwarder;
    this.#gatherer = parts.gatherer;
    this.run = this.#createRun();
  }

  /** Begins a chain. */
  begin(chain: NetBufferList): void {
    this.nbl = chain;
    this.netBuffer = chain.firstNetBuffer;
  }

  /**
   * Makes {@link run}, with the arrays that V8 then has as constants (receive-loop.ts of the NIC says more): with it and delivery.ts,
   * 64-byte frames received took 93 ns in place of 101.
   */
  #createRun(): () => void {
    const batch = this.#batch;
    const sources = this.#sources;
    const { records, marks } = batch;
    const host = this.#host;
    const { i32 } = host;
    const { recent } = sources;
    return () => {
      const { queuePort } = batch;
      const port = Math.max(queuePort, 0);
      const row = port * RECENT_WORDS;
      sources.begin(port);
      this.#expect(queuePort);
      let expectedA = this.#expectedA;
      let expectedB = this.#expectedB;
      let expected = this.#expected;
      let i = 0;
      let { nbl, netBuffer: nb } = this;
      let last: NetBufferList | null = null;
      while (nbl !== null && nb !== null && i < BATCH_FRAMES) {
        const { mdl, dataOffset, dataLength } = nb;
        const at = mdl.byteOffset + dataOffset;
        const info = nbl.ieee8021QInfo;
        const record = i << RECORD_SHIFT;
        records[record + RECORD_AT] = at;
        records[record + RECORD_LENGTH] = dataLength;
        records[record + RECORD_TAG] = tciFromIeee8021Q(info);
        records[record + RECORD_STAMP] = nbl.stamp;
        records[record + RECORD_ORIGIN] = (nbl.filteringInfo & ~0xffff) | (nbl.filterSlot & 0xffff);
        const word = at >> 2;
        const w1 = i32[word + 1];
        const w2 = i32[word + 2];
        const vlan = info >>> 4;
        const fromA = sourceA(w1, w2);
        const fromB = sourceB(w2, vlan);
        const seen = row + (foldSource(fromA, fromB) << 1);
        if (
          mdl.segment === host &&
          (at & 7) === 0 &&
          dataLength >= ETHERNET_HEADER &&
          (dataLength <= mdl.byteCount - dataOffset || this.#isSplit(i, nbl, nb)) &&
          i32[word] === expectedA &&
          destinationB(w1, vlan) === expectedB &&
          recent[seen] === fromA &&
          recent[seen + 1] === fromB &&
          (i32[word + 3] & 0xffff) !== MAC_CONTROL_TYPE &&
          marks[i] === 0
        )
          records[record + RECORD_VERDICT] = expected;
        else {
          records[record + RECORD_VERDICT] = this.#unexpected(i, nbl, nb);
          expectedA = this.#expectedA;
          expectedB = this.#expectedB;
          expected = this.#expected;
        }
        i++;
        nb = nb.next;
        if (nb === null) {
          last = nbl;
          nbl = nbl.next;
          if (nbl !== null) nb = nbl.firstNetBuffer;
        }
      }
      batch.count = i;
      this.nbl = nbl;
      this.netBuffer = nb;
      this.last = last;
    };
  }

  /** What the chain's frames are expected to be for: the own address of the VM queue's port, on the default queue nothing yet. */
  #expect(queuePort: number): void {
    this.#expectedB = NONE;
    if (queuePort < 0) return;
    const ports = this.#ports;
    this.#expectedA = ports.macA[queuePort];
    this.#expectedB = ports.macB[queuePort] | (ports.vlan[queuePort] << 16);
    this.#expected = verdictTo(queuePort, RULE_OWN_QUEUE);
  }

  /** Frame `i`, whatever it is. */
  #unexpected(i: number, nbl: NetBufferList, nb: NetBuffer): number {
    const { records, marks } = this.#batch;
    const record = i << RECORD_SHIFT;
    records[record + RECORD_AT] = this.#shape(i, nbl, nb);
    records[record + RECORD_LENGTH] = this.#shapeLength;
    records[record + RECORD_TAG] = (records[record + RECORD_TAG] & TCI_MASK) | this.#shapeNotes;
    if ((marks[i] & MARK_DROPPED) !== 0) return verdictDrop(DROP_EXTENSION, EXTERNAL_PORT, RULE_NONE);
    if (this.#shapeLength < ETHERNET_HEADER)
      return verdictDrop(DROP_RUNT, Math.max(this.#batch.queuePort, 0), RULE_NONE);
    return this.#judge(i);
  }

  /** Whether frame `i` has a front that is long enough to be judged, and the rest in its second MDL; notes that. */
  #isSplit(i: number, nbl: NetBufferList, nb: NetBuffer): boolean {
    const { mdl } = nb;
    const front = mdl.byteCount - nb.dataOffset;
    const rest = mdl.next;
    if (front < LOOKED_AT || rest === null || rest.byteCount < nb.dataLength - front) return false;
    const batch = this.#batch;
    // To store a reference costs more than to find it there from the last time.
    if (batch.splitFrames[i] !== nbl) batch.splitFrames[i] = nbl;
    const record = i << RECORD_SHIFT;
    const isAlone = nbl.firstNetBuffer === nb && nb.next === null;
    batch.records[record + RECORD_TAG] |= NOTE_SPLIT;
    batch.records[record + RECORD_FRONT] = isAlone ? front | (rest.segment.id << 16) : FRONT_SHARED;
    batch.records[record + RECORD_ENTRY] = rest.byteOffset;
    return true;
  }

  /**
   * Finds where the first bytes of a frame lie that may be looked at, and how much of it there is: the frame's offset. Judged is
   * host memory alone, and never more than the MDLs say there is (SEC-06, SEC-08).
   */
  #shape(i: number, nbl: NetBufferList, nb: NetBuffer): number {
    if ((this.#batch.marks[i] & MARK_COPIED) !== 0) {
      this.#shapeNotes = NOTE_SCRATCH;
      this.#shapeLength = this.#batch.copiedLength[i];
      return this.#gatherer.offsetOf(i);
    }
    const { mdl } = nb;
    const at = mdl.byteOffset + nb.dataOffset;
    const length = nb.dataLength;
    const front = mdl.byteCount - nb.dataOffset;
    this.#shapeLength = length;
    this.#shapeNotes = 0;
    if (mdl.segment.id === HOST_SEGMENT && (at & 7) === 0) {
      if (length <= front) return at;
      if (this.#isSplit(i, nbl, nb)) {
        this.#shapeNotes = NOTE_SPLIT;
        return at;
      }
    }
    this.#reach('vswitch.frame-gathered');
    this.#shapeNotes = NOTE_SCRATCH;
    const gathered = this.#gatherer.gather(nb, i);
    this.#shapeLength = this.#gatherer.length;
    return gathered;
  }

  /** The verdict about frame `i`, whose record is written but for it: every question in its order. */
  #judge(i: number): number {
    const batch = this.#batch;
    const { records, queuePort } = batch;
    const record = i << RECORD_SHIFT;
    const isScratch = (records[record + RECORD_TAG] & NOTE_SCRATCH) !== 0;
    const { i32 } = isScratch ? this.#gatherer.segment : this.#host;
    const word = records[record + RECORD_AT] >> 2;
    const a = i32[word];
    const w1 = i32[word + 1];
    const w2 = i32[word + 2];
    const vlan = records[record + RECORD_TAG] & 0xfff;
    const b = destinationB(w1, vlan);
    if (queuePort >= 0 && (a !== this.#expectedA || b !== this.#expectedB)) return this.#notOwn(a, w1);
    const news = this.#learn(sourceA(w1, w2), sourceB(w2, vlan));
    if (news) records[record + RECORD_TAG] = records[record + RECORD_TAG] | NOTE_LEARNED;
    const refusal = bridgeRefusal(a, w1, w2, i32[word + 3]);
    if (refusal >= 0) return verdictDrop(refusal, Math.max(queuePort, 0), RULE_NONE);
    if (queuePort >= 0) return this.#expected;
    if (news) this.#expectedB = NONE; // what was looked up before may lie behind the wire now
    if (a === this.#expectedA && b === this.#expectedB) return this.#expected;
    const verdict = this.#forwarder.verdict(i, a, b);
    if (ruleOf(verdict) > RULE_LEARNED) return verdict;
    this.#expectedA = a;
    this.#expectedB = b;
    this.#expected = verdict;
    return verdict;
  }

  /** SEC-07: a VM queue holds a frame that is not for its port. */
  #notOwn(a: number, w1: number): number {
    const { queuePort } = this.#batch;
    const isAddressed = a === this.#expectedA && (w1 & 0xffff) === (this.#expectedB & 0xffff);
    const reason = isAddressed ? DROP_VLAN_MISMATCH : DROP_WRONG_DESTINATION;
    return verdictDrop(reason, queuePort, RULE_OWN_QUEUE);
  }

  /** The source is behind the wire; true if that is news. */
  #learn(a: number, b: number): boolean {
    const news = this.#sources.learn(a, b, EXTERNAL_PORT);
    if ((a & 1) === 0 && (a | (b & 0xffff)) !== 0)
      this.#sources.note(Math.max(this.#batch.queuePort, 0), a, b);
    return news;
  }
}
