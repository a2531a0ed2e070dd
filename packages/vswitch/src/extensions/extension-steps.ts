/**
 * The extensions' steps over a batch (SW-26): ingress before its frames are judged, egress before they are delivered,
 * completion behind.
 *
 *   chain or entries ─ ingress ─> marks: dropped, copied      the loops read them
 *   records, destination list ─ egress ─> verdicts, pairs without the excluded ones
 *   complete ─> each extension hears of the frames it let go on, last one first
 *
 * One object, since a processor switches one batch at a time; extensions see it through the narrower interfaces.
 */

import type { Mdl, NetBuffer, NetBufferList } from '@vmq/ddi';
import { HOST_SEGMENT, type MemorySegment } from '@vmq/machine';
import type { DestinationList } from '../model/destination-list.ts';
import { DROP_EXTENSION } from '../model/drop-reasons.ts';
import {
  DROPPED,
  EGRESS_DELIVERIES,
  EXCLUDED,
  EXTENSION_COUNTER_STRIDE,
  IGNORED,
  INGRESS_FRAMES,
} from '../model/extension-counters.ts';
import type { EgressFrames, IngressFrames, SwitchExtensionDataPath } from '../model/extension-data-path.ts';
import {
  BATCH_FRAMES,
  type FrameBatch,
  MARK_COPIED,
  MARK_DROPPED,
  NOTE_SCRATCH,
  RECORD_AT,
  RECORD_LENGTH,
  RECORD_SHIFT,
  RECORD_STAMP,
  RECORD_TAG,
  RECORD_VERDICT,
} from '../model/frame-batch.ts';
import type { FrameGatherer } from '../model/frame-gatherer.ts';
import { EXTERNAL_PORT } from '../model/messages.ts';
import { portOf, RULE_UNKNOWN_FLOOD, reasonOf, ruleOf, withReason } from '../model/verdict.ts';

/** An extension with a data path. */
export interface ExtensionStage {
  readonly path: SwitchExtensionDataPath;
  /** Number of the extension on the switch: its line of counters. */
  readonly number: number;
  readonly mayDrop: boolean;
}

/** An extension's no to a frame, for the trace. */
export interface ExtensionRefusal {
  readonly frame: number;
  readonly extension: number;
  readonly isEgress: boolean;
  readonly port: number;
}

export class ExtensionSteps implements IngressFrames, EgressFrames {
  count = 0;
  readonly index: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly segments: MemorySegment[];
  readonly offset: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly length: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly vlan: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly priority: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly source: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly stamp: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly isPacketDataSafe: Uint8Array = new Uint8Array(BATCH_FRAMES);
  readonly safePacketDataSize: Int32Array = new Int32Array(BATCH_FRAMES);
  deliveries = 0;
  deliveryFrame: Int32Array = new Int32Array(2 * BATCH_FRAMES);
  deliveryPort: Int32Array = new Int32Array(2 * BATCH_FRAMES);
  /** What extensions refused of this batch. */
  readonly refusals: ExtensionRefusal[] = [];

  readonly #host: MemorySegment;
  readonly #batch: FrameBatch;
  readonly #destinations: DestinationList;
  readonly #gatherer: FrameGatherer;
  readonly #counters: Float64Array;
  readonly #excludedFor: (port: number) => void;
  /** In the order of ingress. */
  readonly #stages: readonly ExtensionStage[];
  /** Whose turn it is. */
  #stage: ExtensionStage;
  #position = 0;
  /** Extensions that let frame i go on, on ingress and on egress. */
  readonly #passedIngress: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly #passedEgress: Int32Array = new Int32Array(BATCH_FRAMES);
  /** Destinations that frame i still has. */
  readonly #left: Int32Array = new Int32Array(BATCH_FRAMES);
  #excluded: Uint8Array = new Uint8Array(2 * BATCH_FRAMES);
  /** The destination list's pair of each delivery, -1 = the frame's record names its one destination. */
  #pair: Int32Array = new Int32Array(2 * BATCH_FRAMES);
  readonly #netBuffers: (NetBuffer | null)[] = new Array<NetBuffer | null>(BATCH_FRAMES).fill(null);
  /** Frames of the batch on ingress. */
  #frames = 0;

  /** `stages` is not empty; `excludedFor` counts a frame that a port was to get and does not. */
  constructor(
    host: MemorySegment,
    batch: FrameBatch,
    destinations: DestinationList,
    gatherer: FrameGatherer,
    parts: {
      readonly stages: readonly ExtensionStage[];
      readonly counters: Float64Array;
      readonly excludedFor: (port: number) => void;
    },
  ) {
    this.#host = host;
    this.#batch = batch;
    this.#destinations = destinations;
    this.#gatherer = gatherer;
    this.#counters = parts.counters;
    this.#excludedFor = parts.excludedFor;
    this.#stages = parts.stages;
    this.#stage = parts.stages[0];
    this.segments = new Array<MemorySegment>(BATCH_FRAMES).fill(host);
  }

  // --- ingress ------------------------------------------------------------------------------------------

  /** Shows extensions the frames from `first` of `chain` on that the receive loop takes next. */
  ingressFromWire(chain: NetBufferList, first: NetBuffer): void {
    let i = 0;
    let nb: NetBuffer | null = first;
    for (let nbl: NetBufferList | null = chain; nbl !== null && i < BATCH_FRAMES; ) {
      for (; nb !== null && i < BATCH_FRAMES; nb = nb.next) this.#noteNetBuffer(i++, nbl, nb);
      if (nb !== null) break;
      nbl = nbl.next;
      nb = nbl === null ? null : nbl.firstNetBuffer;
    }
    this.#ingress(i);
  }

  /** Shows extensions the frames of a guest, which are in the records but for what the switch thinks of them. */
  ingressFromGuest(): void {
    const { records, count } = this.#batch;
    for (let i = 0; i < count; i++) {
      const record = i << RECORD_SHIFT;
      this.segments[i] = this.#host;
      this.offset[i] = records[record + RECORD_AT];
      this.length[i] = this.safePacketDataSize[i] = records[record + RECORD_LENGTH];
      this.#noteTag(i, records[record + RECORD_TAG]);
      this.stamp[i] = records[record + RECORD_STAMP];
      this.isPacketDataSafe[i] = 1;
      this.#netBuffers[i] = null;
    }
    this.#ingress(count);
  }

  #noteTag(i: number, tci: number): void {
    this.vlan[i] = tci & 0xfff;
    this.priority[i] = tci & 0xf000;
  }

  /** Frame `i` is `nb`; tells what of it no VM can change. */
  #noteNetBuffer(i: number, nbl: NetBufferList, nb: NetBuffer): void {
    const { mdl, dataOffset, dataLength } = nb;
    const info = nbl.ieee8021QInfo;
    const at = mdl.byteOffset + dataOffset;
    const inFirst = Math.min(dataLength, Math.max(0, mdl.byteCount - dataOffset));
    if (this.segments[i] !== mdl.segment) this.segments[i] = mdl.segment;
    this.offset[i] = at;
    this.length[i] = dataLength;
    this.vlan[i] = info >>> 4;
    this.priority[i] = ((info & 7) << 13) | ((info & 8) << 9);
    this.stamp[i] = nbl.stamp;
    const isPlain = mdl.segment === this.#host && mdl.next === null;
    const isSafe = isPlain || isInHostMemory(mdl);
    this.isPacketDataSafe[i] = isSafe ? 1 : 0;
    this.safePacketDataSize[i] = mdl.segment.id === HOST_SEGMENT ? inFirst : 0;
    if (isPlain && (at & 7) === 0 && inFirst === dataLength) return;
    this.#netBuffers[i] = nb;
    if (isSafe) this.copyPacketData(i);
  }

  copyPacketData(i: number): void {
    const nb = this.#netBuffers[i];
    if (nb === null) return;
    this.#netBuffers[i] = null;
    this.offset[i] = this.#gatherer.gather(nb, i);
    this.segments[i] = this.#gatherer.segment;
    this.length[i] = this.safePacketDataSize[i] = this.#gatherer.length;
    this.isPacketDataSafe[i] = 1;
    const batch = this.#batch;
    batch.copiedLength[i] = this.#gatherer.length;
    this.#mark(i, MARK_COPIED);
  }

  #mark(i: number, mark: number): void {
    this.#batch.marks[i] = this.#batch.marks[i] | mark;
    this.#batch.isMarked = true;
  }

  /** Shows `frames` frames to every extension; those that go on and are not safe are copied then. */
  #ingress(frames: number): void {
    const stages = this.#stages;
    this.#frames = this.count = frames;
    this.refusals.length = 0;
    for (let i = 0; i < frames; i++) this.index[i] = i;
    this.source.fill(this.#batch.source, 0, frames);
    this.#passedIngress.fill(stages.length, 0, frames);
    this.#passedEgress.fill(0, 0, frames);
    for (let s = 0; s < stages.length && this.count !== 0; s++) {
      const stage = stages[s];
      if (stage.path.ingress === undefined) continue;
      this.#enter(stage, s);
      this.#add(INGRESS_FRAMES, this.count);
      stage.path.ingress(this);
      this.#keep(this.#passedIngress, stages.length);
    }
    for (let k = 0; k < this.count; k++) {
      const i = this.index[k];
      if (this.isPacketDataSafe[i] === 0) this.copyPacketData(i);
    }
  }

  drop(i: number): void {
    if (!this.#stage.mayDrop) {
      this.#add(IGNORED, 1);
      return;
    }
    if (this.#passedIngress[i] !== this.#stages.length) return;
    this.#passedIngress[i] = this.#position;
    this.#mark(i, MARK_DROPPED);
    this.#add(DROPPED, 1);
    this.#refuse(i, false, this.#batch.source);
  }

  // --- egress -------------------------------------------------------------------------------------------

  /** Shows what was decided to every extension, last one first, and takes away what they exclude. */
  egress(): void {
    const stages = this.#stages;
    this.#collect();
    for (let s = stages.length - 1; s >= 0 && this.count !== 0; s--) {
      const stage = stages[s];
      if (stage.path.egress === undefined) continue;
      this.#enter(stage, stages.length - 1 - s);
      this.#add(EGRESS_DELIVERIES, this.deliveries);
      stage.path.egress(this);
      this.#compact();
    }
  }

  exclude(delivery: number): void {
    if (!this.#stage.mayDrop) {
      this.#add(IGNORED, 1);
      return;
    }
    if (delivery < 0 || delivery >= this.deliveries || this.#excluded[delivery] === 1) return;
    this.#excluded[delivery] = 1;
    const i = this.deliveryFrame[delivery];
    const port = this.deliveryPort[delivery];
    const pair = this.#pair[delivery];
    const left = this.#left[i] - 1;
    this.#left[i] = left;
    if (left === 0) this.#passedEgress[i] = this.#position;
    if (pair >= 0) this.#destinations.result[pair] = -1 - DROP_EXTENSION;
    else {
      const at = (i << RECORD_SHIFT) + RECORD_VERDICT;
      this.#batch.records[at] = withReason(this.#batch.records[at], DROP_EXTENSION);
    }
    if (port !== EXTERNAL_PORT) this.#excludedFor(port);
    this.#add(EXCLUDED, 1);
    this.#refuse(i, true, port);
  }

  /** Lists the destinations of all frames that have any. */
  #collect(): void {
    const { records } = this.#batch;
    const list = this.#destinations;
    this.deliveries = 0;
    if (list.count + BATCH_FRAMES > this.deliveryFrame.length) this.#growTo(list.count + BATCH_FRAMES);
    let count = 0;
    let pair = 0;
    for (let i = 0; i < this.#frames; i++) {
      const verdict = records[(i << RECORD_SHIFT) + RECORD_VERDICT];
      const before = this.deliveries;
      if (ruleOf(verdict) >= RULE_UNKNOWN_FLOOD)
        for (; pair < list.count && list.frame[pair] === i; pair++) this.#deliver(i, list.port[pair], pair);
      else if (reasonOf(verdict) < 0) this.#deliver(i, portOf(verdict), -1);
      this.#left[i] = this.deliveries - before;
      if (this.deliveries === before) continue;
      this.#passedEgress[i] = this.#stages.length;
      this.#noteRecord(i);
      this.index[count++] = i;
    }
    this.count = count;
  }

  #deliver(frame: number, port: number, pair: number): void {
    const d = this.deliveries++;
    this.deliveryFrame[d] = frame;
    this.deliveryPort[d] = port;
    this.#pair[d] = pair;
    this.#excluded[d] = 0;
  }

  /** What the switch has made of frame `i`: the VLAN it counts for, and where it lies now. */
  #noteRecord(i: number): void {
    const { records } = this.#batch;
    const record = i << RECORD_SHIFT;
    this.#noteTag(i, records[record + RECORD_TAG]);
    if ((records[record + RECORD_TAG] & NOTE_SCRATCH) === 0) return;
    this.segments[i] = this.#gatherer.segment;
    this.offset[i] = records[record + RECORD_AT];
    this.length[i] = this.safePacketDataSize[i] = records[record + RECORD_LENGTH];
  }

  #growTo(pairs: number): void {
    this.deliveryFrame = new Int32Array(2 * pairs);
    this.deliveryPort = new Int32Array(2 * pairs);
    this.#pair = new Int32Array(2 * pairs);
    this.#excluded = new Uint8Array(2 * pairs);
  }

  /** Removes excluded deliveries, and frames that have none left. */
  #compact(): void {
    let kept = 0;
    for (let d = 0; d < this.deliveries; d++) {
      if (this.#excluded[d] === 1) continue;
      if (kept !== d) {
        this.deliveryFrame[kept] = this.deliveryFrame[d];
        this.deliveryPort[kept] = this.deliveryPort[d];
        this.#pair[kept] = this.#pair[d];
      }
      kept++;
    }
    if (kept === this.deliveries) return;
    this.#excluded.fill(0, 0, this.deliveries);
    this.deliveries = kept;
    this.#keep(this.#passedEgress, this.#stages.length);
  }

  // --- completion ---------------------------------------------------------------------------------------

  /** The batch is switched: tells each extension of what it let go on, in reverse of both directions. */
  complete(): void {
    const stages = this.#stages;
    for (let s = 0; s < stages.length; s++) {
      const { path } = stages[s];
      if (path.egressComplete === undefined) continue;
      this.#passedBy(this.#passedEgress, stages.length - 1 - s);
      if (this.count !== 0) path.egressComplete(this);
    }
    for (let s = stages.length - 1; s >= 0; s--) {
      const { path } = stages[s];
      if (path.ingressComplete === undefined) continue;
      this.#passedBy(this.#passedIngress, s);
      if (this.count !== 0) path.ingressComplete(this);
    }
  }

  /** Puts into `index` the frames that more than `position` extensions let go on. */
  #passedBy(passed: Int32Array, position: number): void {
    let count = 0;
    for (let i = 0; i < this.#frames; i++) {
      if (passed[i] > position) this.index[count++] = i;
    }
    this.count = count;
  }

  /** Keeps in `index` the frames that as many extensions let go on. */
  #keep(passed: Int32Array, extensions: number): void {
    let kept = 0;
    for (let k = 0; k < this.count; k++) {
      const i = this.index[k];
      if (passed[i] === extensions) this.index[kept++] = i;
    }
    this.count = kept;
  }

  #enter(stage: ExtensionStage, position: number): void {
    this.#stage = stage;
    this.#position = position;
  }

  #add(counter: number, amount: number): void {
    const at = this.#stage.number * EXTENSION_COUNTER_STRIDE + counter;
    this.#counters[at] = this.#counters[at] + amount;
  }

  #refuse(frame: number, isEgress: boolean, port: number): void {
    this.refusals.push({ frame, extension: this.#stage.number, isEgress, port });
  }
}

function isInHostMemory(first: Mdl): boolean {
  for (let mdl: Mdl | null = first; mdl !== null; mdl = mdl.next)
    if (mdl.segment.id !== HOST_SEGMENT) return false;
  return true;
}
