/**
 * The trace of the switch: a reader behind the loops. It writes what the records of a batch say, judges nothing, and the loops
 * do not know whether it does.
 *
 *   records ─> RECEIVED or FROM_GUEST, checks, lookup, flood     extensions' refusals ─> EXTENSION
 *   channel entries ─> COPY, MESSAGE, DELIVERY                   records that ended here ─> DROP
 */

import type { NetBufferList } from '@vmq/ddi';
import {
  type AgentContext,
  type MemorySegment,
  TRACE_ALL,
  TRACE_DELIVERIES,
  type TraceLevel,
} from '@vmq/machine';
import { ENTRY_LENGTH, ENTRY_LENGTH_MASK, ENTRY_SECTION, ENTRY_SHIFT, ENTRY_TCI_SHIFT } from '@vmq/netvsc';
import type { Delivery } from '../delivery/delivery.ts';
import type { PortOutput } from '../delivery/port-output.ts';
import type { ExtensionRefusal } from '../extensions/extension-steps.ts';
import type { DestinationList } from '../model/destination-list.ts';
import {
  DROP_EXTENSION,
  DROP_MAC_SPOOFING,
  DROP_RUNT,
  DROP_WRONG_DESTINATION,
} from '../model/drop-reasons.ts';
import {
  type FrameBatch,
  NOTE_LEARNED,
  NOTE_LEFT_WITH_GUEST,
  NOTE_NOT_MEMBER,
  NOTE_SCRATCH,
  NOTE_SENT,
  NOTE_TAG_IN_DATA,
  RECORD_AT,
  RECORD_ENTRY,
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
import { LOOKUP_LEARNED, LOOKUP_NONE, LOOKUP_PORT, VSWITCH_TRACE } from '../model/trace.ts';
import {
  portOf,
  RULE_ADDRESS,
  RULE_FLOOD,
  RULE_LEARNED,
  RULE_NONE,
  RULE_OWN_QUEUE,
  RULE_UNKNOWN_FLOOD,
  reasonOf,
  ruleOf,
} from '../model/verdict.ts';
import { destinationB, sourceA, sourceB } from '../tables/mac-key.ts';

export class BatchTrace {
  readonly #context: AgentContext;
  readonly #processor: number;
  readonly #ports: PortTable;
  readonly #batch: FrameBatch;
  readonly #destinations: DestinationList;
  readonly #gatherer: FrameGatherer;
  readonly #delivery: Delivery;

  constructor(
    context: AgentContext,
    processor: number,
    batch: FrameBatch,
    destinations: DestinationList,
    parts: {
      readonly ports: PortTable;
      readonly gatherer: FrameGatherer;
      readonly delivery: Delivery;
    },
  ) {
    this.#context = context;
    this.#processor = processor;
    this.#batch = batch;
    this.#destinations = destinations;
    this.#ports = parts.ports;
    this.#gatherer = parts.gatherer;
    this.#delivery = parts.delivery;
  }

  /** Where the batch's frames came from, and where they are to go: behind the loop that judged them. */
  writeJudged(): void {
    if (this.#context.trace.level === 0) return;
    const { count, source } = this.#batch;
    let pair = 0;
    for (let i = 0; i < count; i++) {
      if (source === EXTERNAL_PORT) this.#fromWire(i);
      else this.#fromGuest(i);
      pair = this.#forwarding(i, pair);
    }
  }

  /** How they ended: behind the delivery, before anything is given back. */
  writeEnded(refusals: readonly ExtensionRefusal[]): void {
    if (this.#context.trace.level === 0) return;
    const { count } = this.#batch;
    for (const refusal of refusals) this.#extension(refusal);
    const { touched, touchedCount, outputs } = this.#delivery;
    for (let t = 0; t < touchedCount; t++) this.#output(outputs[touched[t]]);
    for (let i = 0; i < count; i++) {
      this.#sent(i);
      this.#drop(i);
    }
  }

  #word(i: number, word: number): number {
    return this.#batch.records[(i << RECORD_SHIFT) + word];
  }

  #wants(level: TraceLevel, i: number): boolean {
    return this.#context.trace.wants(level, this.#word(i, RECORD_STAMP));
  }

  /** A record about frame `i`, with the words a, b, … of its kind. */
  #write(i: number, kind: number, words: readonly number[]): void {
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = words;
    this.#context.trace.write(kind, this.#word(i, RECORD_STAMP), a, b, c, d, e);
  }

  /** Word `at` of frame `i` as it lies in memory; the frame may be shorter. */
  #data(i: number, at: number): number {
    const isScratch = (this.#word(i, RECORD_TAG) & NOTE_SCRATCH) !== 0;
    const memory: MemorySegment = isScratch ? this.#gatherer.segment : this.#context.machine.memory.host;
    return memory.i32[(this.#word(i, RECORD_AT) >> 2) + at];
  }

  #vlan(i: number): number {
    return this.#word(i, RECORD_TAG) & 0xfff;
  }

  // --- where it came from ------------------------------------------------------------------------------

  #fromWire(i: number): void {
    if (!this.#wants(TRACE_ALL, i)) return;
    const { queuePort } = this.#batch;
    const a = this.#data(i, 0);
    const b = destinationB(this.#data(i, 1), this.#vlan(i));
    const queueId = this.#word(i, RECORD_ORIGIN) >>> 16;
    const length = this.#word(i, RECORD_LENGTH);
    this.#write(i, VSWITCH_TRACE.RECEIVED, [queueId, queuePort >= 0 ? 1 : 0, a, b, length]);
    const reason = reasonOf(this.#word(i, RECORD_VERDICT));
    if (queuePort >= 0 && reason !== DROP_RUNT && reason !== DROP_EXTENSION) {
      const isAddressed = reason === DROP_WRONG_DESTINATION ? 0 : 1;
      const own = this.#ports.vlan[queuePort];
      const vlan = this.#vlan(i);
      this.#write(i, VSWITCH_TRACE.QUEUE_CHECK, [queuePort, vlan, own, isAddressed, vlan === own ? 1 : 0]);
    }
    this.#learned(i, EXTERNAL_PORT);
  }

  /** At the level of deliveries: who knows what a port has sent knows by this which frame bears which stamp. */
  #fromGuest(i: number): void {
    if (!this.#wants(TRACE_DELIVERIES, i)) return;
    const { source } = this.#batch;
    const notes = this.#word(i, RECORD_TAG);
    const vlan = (notes & NOTE_NOT_MEMBER) !== 0 ? -1 : this.#vlan(i);
    const inData = (notes & NOTE_TAG_IN_DATA) !== 0 ? 1 : 0;
    const tci = this.#word(i, RECORD_ORIGIN);
    this.#write(i, VSWITCH_TRACE.FROM_GUEST, [source, this.#word(i, RECORD_LENGTH), tci, vlan, inData]);
    if (!this.#wants(TRACE_ALL, i)) return;
    const verdict = this.#word(i, RECORD_VERDICT);
    const isRefused = reasonOf(verdict) === DROP_MAC_SPOOFING;
    if (ruleOf(verdict) === RULE_NONE && !isRefused) return;
    const a = sourceA(this.#data(i, 1), this.#data(i, 2));
    this.#write(i, VSWITCH_TRACE.SOURCE_CHECK, [source, a, sourceB(this.#data(i, 2), 0), isRefused ? 0 : 1]);
    this.#learned(i, source);
  }

  #learned(i: number, port: number): void {
    if ((this.#word(i, RECORD_TAG) & NOTE_LEARNED) === 0) return;
    const a = sourceA(this.#data(i, 1), this.#data(i, 2));
    this.#write(i, VSWITCH_TRACE.LEARNED, [a, sourceB(this.#data(i, 2), this.#vlan(i)), port]);
  }

  // --- where it goes -----------------------------------------------------------------------------------

  /** What the forwarder said of frame `i`; `pair` is the first of the destination list that may be its own. Returns the first behind. */
  #forwarding(i: number, pair: number): number {
    const list = this.#destinations;
    const verdict = this.#word(i, RECORD_VERDICT);
    const rule = ruleOf(verdict);
    let next = pair;
    let wire = 0;
    for (; next < list.count && list.frame[next] === i; next++)
      if (list.port[next] === EXTERNAL_PORT) wire = 1;
    if (!this.#wants(TRACE_ALL, i)) return next;
    if (rule === RULE_FLOOD) this.#write(i, VSWITCH_TRACE.FLOOD, [this.#vlan(i), next - pair - wire, wire]);
    else if (rule > RULE_OWN_QUEUE) this.#lookup(i, verdict, rule);
    return next;
  }

  #lookup(i: number, verdict: number, rule: number): void {
    const how = rule === RULE_ADDRESS ? LOOKUP_PORT : rule === RULE_LEARNED ? LOOKUP_LEARNED : LOOKUP_NONE;
    const port = how === LOOKUP_NONE ? -1 : portOf(verdict);
    const b = destinationB(this.#data(i, 1), this.#vlan(i));
    this.#write(i, VSWITCH_TRACE.LOOKUP, [this.#data(i, 0), b, port, how, this.#batch.source]);
  }

  #extension({ frame, extension, isEgress, port }: ExtensionRefusal): void {
    if (!this.#wants(TRACE_ALL, frame)) return;
    this.#write(frame, VSWITCH_TRACE.EXTENSION, [extension, isEgress ? 1 : 0, port]);
  }

  // --- how it ended ------------------------------------------------------------------------------------

  /** The frames that a port's channel took, each with its entry there. */
  #output(output: PortOutput): void {
    const trace = this.#context.trace;
    const { port, delivered, firstNumber } = output;
    if (delivered === 0) return;
    this.#eachDelivered(output, (i, entry) => this.#copied(i, output, entry));
    if (trace.wants(TRACE_ALL, 0))
      trace.write(VSWITCH_TRACE.MESSAGE, 0, port, delivered, firstNumber, this.#processor, 0);
    this.#eachDelivered(output, (i, entry) => this.#delivered(i, port, (firstNumber + entry) | 0));
  }

  #eachDelivered({ port }: PortOutput, tell: (i: number, entry: number) => void): void {
    const { count } = this.#batch;
    const list = this.#destinations;
    for (let i = 0; i < count; i++) {
      const verdict = this.#word(i, RECORD_VERDICT);
      const entry = this.#word(i, RECORD_ENTRY);
      if (ruleOf(verdict) < RULE_UNKNOWN_FLOOD) {
        if (reasonOf(verdict) < 0 && portOf(verdict) === port) tell(i, entry);
        continue;
      }
      // The entry of a flooded frame is its first pair.
      for (let pair = entry; pair < list.count && list.frame[pair] === i; pair++)
        if (list.port[pair] === port && list.result[pair] >= 0) tell(i, list.result[pair]);
    }
  }

  #copied(i: number, { port, channel }: PortOutput, entry: number): void {
    if (channel === null || !this.#wants(TRACE_ALL, i)) return;
    const at = entry << ENTRY_SHIFT;
    const target = channel.frameOffset(channel.entries[at + ENTRY_SECTION]);
    const word = channel.entries[at + ENTRY_LENGTH];
    const length = word & ENTRY_LENGTH_MASK;
    const copied = (this.#word(i, RECORD_TAG) & NOTE_LEFT_WITH_GUEST) === 0 ? length : this.#front(i);
    const tci = word >>> ENTRY_TCI_SHIFT;
    this.#write(i, VSWITCH_TRACE.COPY, [port, target, copied, tci, length - copied]);
  }

  #delivered(i: number, port: number, number: number): void {
    if (!this.#wants(TRACE_DELIVERIES, i)) return;
    const fromWire = this.#batch.source === EXTERNAL_PORT;
    const origin = this.#word(i, RECORD_ORIGIN);
    const queueId = fromWire ? origin >>> 16 : 0;
    const slot = fromWire ? (origin << 16) >> 16 : -1;
    this.#write(i, VSWITCH_TRACE.DELIVERY, [port, queueId, slot, this.#processor, number]);
  }

  /** Bytes of a split frame that lay in host memory. */
  #front(i: number): number {
    const { mdl, dataOffset } = (this.#batch.splitFrames[i] as NetBufferList).firstNetBuffer;
    return mdl.byteCount - dataOffset;
  }

  #sent(i: number): void {
    if ((this.#word(i, RECORD_TAG) & NOTE_SENT) === 0 || !this.#wants(TRACE_ALL, i)) return;
    const { source } = this.#batch;
    const tci = this.#word(i, RECORD_TAG) & TCI_MASK;
    const length = this.#word(i, RECORD_LENGTH);
    this.#write(i, VSWITCH_TRACE.SEND, [source, this.#ports.queueId[source], tci, length]);
  }

  #drop(i: number): void {
    const verdict = this.#word(i, RECORD_VERDICT);
    const reason = reasonOf(verdict);
    if (reason < 0 || !this.#wants(TRACE_DELIVERIES, i)) return;
    const { source, queuePort } = this.#batch;
    const port = queuePort >= 0 ? queuePort : source;
    const b = destinationB(this.#data(i, 1), this.#vlan(i));
    this.#write(i, VSWITCH_TRACE.DROP, [reason, port, this.#data(i, 0), b]);
  }
}
