/**
 * The batch on its way through the extensions of one processor.
 *
 *   batch ─ ingress ─> passed[i] = extensions that let frame i go on
 *   fan-out, frames for the wire ─ egress ─> pairs (frame, port) ─ without the excluded ones ─> fan-out again
 *   complete ─> each extension hears of the frames it let go on, last one first
 *
 * One object, since a processor switches one batch at a time; extensions see it through the narrower interfaces.
 */

import type { Mdl, NetBuffer, ProcessorServices } from '@vmq/ddi';
import { type AgentContext, HOST_SEGMENT, type MemorySegment, TRACE_ALL } from '@vmq/machine';
import { DROP_EXTENSION } from '../model/drop-reasons.ts';
import {
  DROPPED,
  EGRESS_DELIVERIES,
  EXCLUDED,
  EXTENSION_COUNTER_STRIDE,
  extensionCounterRows,
  IGNORED,
  INGRESS_FRAMES,
} from '../model/extension-counters.ts';
import type {
  EgressFrames,
  IngressFrames,
  SwitchExtensionDataPath,
  SwitchExtensionDataPathFactories,
} from '../model/extension-data-path.ts';
import type { FanOut } from '../model/fan-out.ts';
import { BATCH_FRAMES, FATE_NONE, FATE_WIRE, type FrameBatch } from '../model/frame-batch.ts';
import type { FrameGatherer } from '../model/frame-gatherer.ts';
import { EXTERNAL_PORT, type SwitchExtensionsImage } from '../model/messages.ts';
import { VSWITCH_TRACE } from '../model/trace.ts';
import type { PortDelivery } from '../receive/port-delivery.ts';

interface Stage {
  readonly path: SwitchExtensionDataPath;
  /** Number of the extension on the switch: its line of counters. */
  readonly number: number;
  readonly mayDrop: boolean;
}

export class ExtensionPath implements IngressFrames, EgressFrames {
  count = 0;
  readonly index: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly segments: MemorySegment[];
  readonly offset: Int32Array;
  readonly length: Int32Array;
  readonly vlan: Int32Array;
  readonly priority: Int32Array;
  readonly source: Int32Array;
  readonly stamp: Int32Array;
  readonly isPacketDataSafe: Uint8Array = new Uint8Array(BATCH_FRAMES);
  readonly safePacketDataSize: Int32Array = new Int32Array(BATCH_FRAMES);
  deliveries = 0;
  readonly deliveryFrame: Int32Array;
  readonly deliveryPort: Int32Array;

  readonly #context: AgentContext;
  readonly #batch: FrameBatch;
  readonly #fanOut: FanOut;
  readonly #delivery: PortDelivery;
  readonly #gatherer: FrameGatherer;
  readonly #counters: Float64Array;
  /** In the order of ingress. */
  readonly #stages: readonly Stage[];
  /** Whose turn it is. */
  #stage: Stage;
  #position = 0;
  /** Extensions that let frame i go on, on ingress and on egress. */
  readonly #passedIngress: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly #passedEgress: Int32Array = new Int32Array(BATCH_FRAMES);
  /** Destinations that frame i still has. */
  readonly #destinations: Int32Array = new Int32Array(BATCH_FRAMES);
  readonly #excluded: Uint8Array;
  readonly #netBuffers: (NetBuffer | null)[] = new Array<NetBuffer | null>(BATCH_FRAMES).fill(null);

  constructor(
    context: AgentContext,
    processor: ProcessorServices,
    image: SwitchExtensionsImage,
    factories: SwitchExtensionDataPathFactories,
    batch: FrameBatch,
    fanOut: FanOut,
    delivery: PortDelivery,
    gatherer: FrameGatherer,
  ) {
    this.#context = context;
    this.#batch = batch;
    this.#fanOut = fanOut;
    this.#delivery = delivery;
    this.#gatherer = gatherer;
    this.segments = batch.segments;
    this.offset = batch.offset;
    this.length = batch.length;
    this.vlan = batch.vlan;
    this.priority = batch.priority;
    this.source = batch.source;
    this.stamp = batch.stamp;
    const pairs = fanOut.capacity + BATCH_FRAMES;
    this.deliveryFrame = new Int32Array(pairs);
    this.deliveryPort = new Int32Array(pairs);
    this.#excluded = new Uint8Array(pairs);
    this.#counters = extensionCounterRows(image.counters, processor.index, image.list.length);
    const stages: Stage[] = [];
    image.list.forEach(({ type, factory, image: own }, number) => {
      if (factory === '') return;
      const make = factories[factory];
      if (make === undefined) {
        const known = Object.keys(factories).join(', ') || 'none';
        throw new Error(`no switch-extension data-path factory '${factory}'; there are: ${known}`);
      }
      stages.push({ path: make(context, processor, own), number, mayDrop: type !== 'capturing' });
    });
    this.#stages = stages;
    // Made only for switches that have an extension with a data half.
    this.#stage = stages[0];
  }

  // --- where the bytes are ------------------------------------------------------------------------------

  /** Frame `i` of the batch came from a guest and lies in a send buffer of the host. */
  noteHostCopy(i: number): void {
    this.isPacketDataSafe[i] = 1;
    this.safePacketDataSize[i] = this.length[i];
    this.#netBuffers[i] = null;
  }

  /** Frame `i` is `nb`, whose first byte is where the batch says; tells what of it no VM can change. */
  noteNetBuffer(i: number, nb: NetBuffer): void {
    let safe = true;
    for (let mdl: Mdl | null = nb.mdl; mdl !== null; mdl = mdl.next) safe &&= mdl.segment.id === HOST_SEGMENT;
    this.#netBuffers[i] = nb;
    this.isPacketDataSafe[i] = safe ? 1 : 0;
    if (safe) {
      const isPlain =
        nb.mdl.next === null &&
        (this.offset[i] & 7) === 0 &&
        nb.dataLength <= nb.mdl.byteCount - nb.dataOffset;
      if (!isPlain) this.copyPacketData(i);
      else this.safePacketDataSize[i] = nb.dataLength;
      return;
    }
    const inFirst = Math.min(nb.dataLength, Math.max(0, nb.mdl.byteCount - nb.dataOffset));
    this.safePacketDataSize[i] = nb.mdl.segment.id === HOST_SEGMENT ? inFirst : 0;
  }

  copyPacketData(i: number): void {
    const nb = this.#netBuffers[i];
    if (nb === null || nb === undefined) return;
    this.offset[i] = this.#gatherer.gather(nb, i);
    this.segments[i] = this.#gatherer.segment;
    this.length[i] = this.#gatherer.length;
    this.isPacketDataSafe[i] = 1;
    this.safePacketDataSize[i] = this.#gatherer.length;
    this.#netBuffers[i] = null;
  }

  // --- ingress ------------------------------------------------------------------------------------------

  /** Shows the batch to every extension; afterwards `index` holds the frames that go on, copied if need be. */
  ingress(): void {
    const stages = this.#stages;
    const frames = this.#batch.count;
    this.count = frames;
    for (let i = 0; i < frames; i++) {
      this.index[i] = i;
      this.#passedIngress[i] = stages.length;
      this.#passedEgress[i] = 0;
    }
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
    this.#batch.reason[i] = DROP_EXTENSION;
    this.#add(DROPPED, 1);
    this.#trace(i, 0, this.source[i]);
  }

  // --- egress -------------------------------------------------------------------------------------------

  /** Shows what was decided to every extension, last one first, and takes away what they exclude. */
  egress(): void {
    const stages = this.#stages;
    this.#collect();
    let excluded = 0;
    for (let s = stages.length - 1; s >= 0 && this.count !== 0; s--) {
      const stage = stages[s];
      const position = stages.length - 1 - s;
      if (stage.path.egress !== undefined) {
        this.#enter(stage, position);
        this.#add(EGRESS_DELIVERIES, this.deliveries);
        stage.path.egress(this);
        excluded += this.#compact();
      }
    }
    if (excluded !== 0) this.#refill();
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
    const left = this.#destinations[i] - 1;
    this.#destinations[i] = left;
    if (left === 0) this.#passedEgress[i] = this.#position;
    this.#batch.reason[i] = DROP_EXTENSION;
    if (port === EXTERNAL_PORT) this.#batch.fate[i] = FATE_NONE;
    else this.#delivery.count(port, 0, 0, 1);
    this.#add(EXCLUDED, 1);
    this.#trace(i, 1, port);
  }

  /** Turns fan-out and frames for the wire into pairs. */
  #collect(): void {
    const fanOut = this.#fanOut;
    const batch = this.#batch;
    this.#destinations.fill(0);
    let d = 0;
    for (let t = 0; t < fanOut.touchedCount; t++) {
      const port = fanOut.touched[t];
      for (let e = fanOut.first[port]; e >= 0; e = fanOut.next[e]) {
        d = this.#pair(d, fanOut.frame[e], port);
      }
    }
    let count = 0;
    for (let i = 0; i < batch.count; i++) {
      if (batch.fate[i] === FATE_WIRE) d = this.#pair(d, i, EXTERNAL_PORT);
      if (this.#destinations[i] === 0) continue;
      this.#passedEgress[i] = this.#stages.length;
      this.index[count++] = i;
    }
    this.count = count;
    this.deliveries = d;
  }

  #pair(d: number, frame: number, port: number): number {
    this.deliveryFrame[d] = frame;
    this.deliveryPort[d] = port;
    this.#excluded[d] = 0;
    this.#destinations[frame] = this.#destinations[frame] + 1;
    return d + 1;
  }

  /** Removes excluded pairs, and frames that have none left; returns how many pairs. */
  #compact(): number {
    let kept = 0;
    for (let d = 0; d < this.deliveries; d++) {
      if (this.#excluded[d] === 1) continue;
      this.deliveryFrame[kept] = this.deliveryFrame[d];
      this.deliveryPort[kept++] = this.deliveryPort[d];
    }
    const gone = this.deliveries - kept;
    if (gone === 0) return 0;
    this.#excluded.fill(0, 0, this.deliveries);
    this.deliveries = kept;
    this.#keep(this.#passedEgress, this.#stages.length);
    return gone;
  }

  #refill(): void {
    this.#fanOut.clear();
    for (let d = 0; d < this.deliveries; d++) {
      const port = this.deliveryPort[d];
      if (port !== EXTERNAL_PORT) this.#fanOut.add(port, this.deliveryFrame[d]);
    }
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
    for (let i = 0; i < this.#batch.count; i++) {
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

  #enter(stage: Stage, position: number): void {
    this.#stage = stage;
    this.#position = position;
  }

  #add(counter: number, amount: number): void {
    const at = this.#stage.number * EXTENSION_COUNTER_STRIDE + counter;
    this.#counters[at] = this.#counters[at] + amount;
  }

  #trace(i: number, how: number, port: number): void {
    const trace = this.#context.trace;
    const stamp = this.stamp[i];
    if (trace.level !== 0 && trace.wants(TRACE_ALL, stamp))
      trace.write(VSWITCH_TRACE.EXTENSION, stamp, this.#stage.number, how, port, 0, 0);
  }
}
