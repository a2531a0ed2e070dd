/**
 * The delivery loop of the switch: what the verdicts of a batch say is done.
 *
 *   record ──verdict──> a port ──> packet filter, length ──> section ──> entry ──> bytes copied
 *              │          └ split frame: left with the guest, its front copied (SW-13)
 *              ├──> several: each pair of the destination list in the same way
 *              └──> the wire: send-path.ts
 *
 * Then each channel that got frames is closed with one message. The copy is a frame's only one on the host (SW-12), and happens
 * after all checks (SEC-07).
 */

import type { NetBufferList } from '@vmq/ddi';
import { type AgentContext, copyBytes, copyFrame, isFrameTooLong, type MemorySegment } from '@vmq/machine';
import {
  type ChannelHost,
  ENTRY_LENGTH,
  ENTRY_SECTION,
  ENTRY_SHIFT,
  ENTRY_STAMP,
  ENTRY_TCI_SHIFT,
  VMBUS_DROP_PACKET_FILTER,
  VMBUS_DROP_TOO_LONG,
} from '@vmq/netvsc';
import type { DeliveryNumbers } from '../model/delivery-numbers.ts';
import type { DestinationList } from '../model/destination-list.ts';
import { DROP_VMBUS } from '../model/drop-reasons.ts';
import {
  type FrameBatch,
  NOTE_LEFT_WITH_GUEST,
  NOTE_SCRATCH,
  NOTE_SENT,
  NOTE_SPLIT,
  RECORD_AT,
  RECORD_ENTRY,
  RECORD_FRONT,
  RECORD_LENGTH,
  RECORD_SHIFT,
  RECORD_STAMP,
  RECORD_TAG,
  RECORD_VERDICT,
  TCI_MASK,
} from '../model/frame-batch.ts';
import type { FrameGatherer } from '../model/frame-gatherer.ts';
import { EXTERNAL_PORT } from '../model/messages.ts';
import { egressTci, type PortTable } from '../model/port-table.ts';
import {
  portOf,
  RULE_ADDRESS,
  RULE_OWN_QUEUE,
  RULE_UNKNOWN_FLOOD,
  reasonOf,
  ruleOf,
  withReason,
} from '../model/verdict.ts';
import { createLeftFrames, type LeftFrames } from './left-frames.ts';
import type { LoanedFrames } from './loaned-frames.ts';
import { passesFilter } from './packet-filter.ts';
import { PortOutput } from './port-output.ts';
import type { SendPath } from './send-path.ts';

const TOO_LONG = DROP_VMBUS + VMBUS_DROP_TOO_LONG;
const PACKET_FILTER = DROP_VMBUS + VMBUS_DROP_PACKET_FILTER;

type ToPort = (first: number, end: number, port: number) => number;

export class Delivery {
  /** Frames that stay with their guests. */
  readonly left: LeftFrames;
  /** Ports that the batch has frames for, in the order of the first frame. */
  readonly touched: Int32Array;
  touchedCount = 0;
  readonly outputs: PortOutput[];
  /**
   * Puts frame `first`, and those behind it up to `end` that have the same verdict, into the batch of the port's channel: where in it, or
   * -1 - reason, is in their records. Returns the first frame that it leaves.
   */
  readonly #toPort: ToPort;
  readonly #host: MemorySegment;
  readonly #memory: AgentContext['machine']['memory'];
  readonly #ports: PortTable;
  readonly #batch: FrameBatch;
  readonly #destinations: DestinationList;
  readonly #gatherer: FrameGatherer;
  readonly #numbers: DeliveryNumbers;
  readonly #send: SendPath;
  /** By port; null where frames are not left with the guest. */
  readonly #loaned: (LoanedFrames | null)[];

  constructor(
    context: AgentContext,
    batch: FrameBatch,
    destinations: DestinationList,
    gatherer: FrameGatherer,
    parts: {
      readonly ports: PortTable;
      readonly numbers: DeliveryNumbers;
      readonly send: SendPath;
      readonly loaned: (LoanedFrames | null)[];
    },
  ) {
    const { memory } = context.machine;
    this.#memory = memory;
    this.#host = memory.host;
    this.#batch = batch;
    this.#destinations = destinations;
    this.#gatherer = gatherer;
    this.#ports = parts.ports;
    this.#numbers = parts.numbers;
    this.#send = parts.send;
    this.#loaned = parts.loaned;
    const maxPorts = parts.loaned.length;
    this.touched = new Int32Array(maxPorts);
    this.outputs = Array.from({ length: maxPorts }, (_, port) => new PortOutput(port, null, null));
    this.left = createLeftFrames(batch, this.#host, parts.loaned);
    this.#toPort = this.#createToPort();
  }

  /** The port has another channel, or none. Between batches. */
  setChannel(port: number, channel: ChannelHost | null): void {
    const guest = channel === null ? null : this.#memory.segment(channel.segment);
    this.outputs[port] = new PortOutput(port, channel, guest);
  }

  /** Carries out the verdicts of the batch. Afterwards every record says how its frame ended. */
  run(): void {
    const { records, count } = this.#batch;
    this.left.count = 0;
    this.touchedCount = 0;
    let pair = 0;
    for (let i = 0; i < count; ) {
      const verdict = records[(i << RECORD_SHIFT) + RECORD_VERDICT];
      if (ruleOf(verdict) >= RULE_UNKNOWN_FLOOD) pair = this.#toSeveral(i++, pair);
      else if (reasonOf(verdict) >= 0) i++;
      else if (portOf(verdict) === EXTERNAL_PORT) this.#toWire(i++);
      else i = this.#toPort(i, count, portOf(verdict));
    }
    for (let t = 0; t < this.touchedCount; t++) this.#close(this.outputs[this.touched[t]]);
    if (this.#destinations.count !== 0) this.#settleList();
  }

  /** Frame `i` to each of its destinations, whose pairs begin at `pair`; returns the first pair behind them. */
  #toSeveral(i: number, pair: number): number {
    const list = this.#destinations;
    const { records } = this.#batch;
    const entryAt = (i << RECORD_SHIFT) + RECORD_ENTRY;
    let next = pair;
    for (; next < list.count && list.frame[next] === i; next++) {
      if (list.result[next] < 0) continue; // an extension took it away
      if (list.port[next] === EXTERNAL_PORT) this.#toWire(i);
      else {
        this.#toPort(i, i + 1, list.port[next]);
        list.result[next] = records[entryAt];
      }
    }
    records[entryAt] = pair;
    return next;
  }

  /** Makes {@link #toPort}, with what V8 then has as constants. */
  #createToPort(): ToPort {
    const { records } = this.#batch;
    const host = this.#host;
    const { left } = this;
    const { leave } = left;
    return (first, end, port) => {
      const output = this.outputs[port];
      if (!output.isTouched) this.#open(first, output);
      const verdict = records[(first << RECORD_SHIFT) + RECORD_VERDICT];
      const rule = ruleOf(verdict);
      const isOwn = rule === RULE_OWN_QUEUE || rule === RULE_ADDRESS;
      if (output.refusal >= 0) return this.#refuseAll(first, end, output, output.refusal);
      if (isOwn && !output.takesOwn) return this.#refuseAll(first, end, output, PACKET_FILTER);
      const channel = output.channel as ChannelHost;
      const guest = output.guest as MemorySegment;
      const { entries, sections, sectionSize, maxFrameBytes } = channel;
      const framesAt = channel.frameOffset(0);
      const egressMask = this.#ports.egressMask[port];
      const ownVlan = this.#ports.vlan[port];
      const mayLeave = left.begin(output);
      let { committed, freeFirst, freeEnd } = output;
      let bytes = 0;
      let copied = 0;
      let i = first;
      for (; i < end; i++) {
        const record = i << RECORD_SHIFT;
        if (records[record + RECORD_VERDICT] !== verdict) break;
        const length = records[record + RECORD_LENGTH];
        const tag = records[record + RECORD_TAG];
        const tci = egressTci(tag, egressMask, ownVlan);
        if (!isOwn && !this.#passesFilter(i, output)) {
          this.#refuse(i, PACKET_FILTER);
          continue;
        }
        if (length > maxFrameBytes && this.#isTooLong(i, maxFrameBytes, tci)) {
          this.#refuse(i, TOO_LONG);
          continue;
        }
        let section = mayLeave && (tag & NOTE_SPLIT) !== 0 ? leave(i) : -1;
        if (section >= 0) copied += records[record + RECORD_FRONT] & 0xffff;
        else {
          if (freeFirst === freeEnd) {
            const isRefused = !output.refill(committed, freeFirst);
            freeFirst = output.freeFirst;
            freeEnd = output.freeEnd;
            if (isRefused) {
              this.#refuse(i, DROP_VMBUS + channel.refusal);
              continue;
            }
          }
          section = sections[freeFirst++];
          const target = framesAt + Math.imul(section, sectionSize);
          if ((tag & (NOTE_SPLIT | NOTE_SCRATCH)) === 0)
            copyFrame(host, records[record + RECORD_AT], guest, target, length);
          else this.#copyOdd(i, guest, target);
          copied += length;
        }
        const at = committed << ENTRY_SHIFT;
        entries[at + ENTRY_SECTION] = section;
        entries[at + ENTRY_LENGTH] = length | (tci << ENTRY_TCI_SHIFT);
        entries[at + ENTRY_STAMP] = records[record + RECORD_STAMP];
        records[record + RECORD_ENTRY] = committed++;
        bytes += length;
      }
      output.committed = committed;
      output.freeFirst = freeFirst;
      output.copied += copied;
      output.asked += i - first;
      output.bytes += bytes;
      return i;
    };
  }

  /** The same frames go nowhere; returns the first that has another verdict. */
  #refuseAll(first: number, end: number, output: PortOutput, reason: number): number {
    const { records } = this.#batch;
    const verdict = records[(first << RECORD_SHIFT) + RECORD_VERDICT];
    let i = first;
    for (; i < end && records[(i << RECORD_SHIFT) + RECORD_VERDICT] === verdict; i++) this.#refuse(i, reason);
    output.asked += i - first;
    return i;
  }

  /** Frame `i` does not get to the port for `reason`. One of several destinations: the list says so, and the frame goes on. */
  #refuse(i: number, reason: number): void {
    const { records } = this.#batch;
    const record = i << RECORD_SHIFT;
    const verdict = records[record + RECORD_VERDICT];
    records[record + RECORD_ENTRY] = -1 - reason;
    if (ruleOf(verdict) < RULE_UNKNOWN_FLOOD) records[record + RECORD_VERDICT] = withReason(verdict, reason);
  }

  #open(i: number, output: PortOutput): void {
    const { records, count, queuePort } = this.#batch;
    this.touched[this.touchedCount++] = output.port;
    // All frames of a VM queue are for its port; those that are left with the guest need no free section.
    const isSplit = (records[(i << RECORD_SHIFT) + RECORD_TAG] & NOTE_SPLIT) !== 0;
    output.open(isSplit ? 0 : output.port === queuePort ? count - i : -1);
  }

  #segmentOf(i: number): MemorySegment {
    const tag = this.#batch.records[(i << RECORD_SHIFT) + RECORD_TAG];
    return (tag & NOTE_SCRATCH) === 0 ? this.#host : this.#gatherer.segment;
  }

  #passesFilter(i: number, output: PortOutput): boolean {
    const word = this.#batch.records[(i << RECORD_SHIFT) + RECORD_AT] >> 2;
    const { i32 } = this.#segmentOf(i);
    const a = i32[word];
    const b = i32[word + 1] & 0xffff;
    const isOwn = a === this.#ports.macA[output.port] && b === this.#ports.macB[output.port];
    return passesFilter(output.channel as ChannelHost, output.packetFilter, a, b, isOwn);
  }

  #isTooLong(i: number, longest: number, tci: number): boolean {
    const { records } = this.#batch;
    const record = i << RECORD_SHIFT;
    const { u8 } = this.#segmentOf(i);
    return isFrameTooLong(
      u8,
      records[record + RECORD_AT],
      records[record + RECORD_LENGTH],
      longest,
      tci !== 0,
    );
  }

  /** The bytes of frame `i`, which lie in scratch memory or in two MDLs. */
  #copyOdd(i: number, guest: MemorySegment, to: number): void {
    const { records, splitFrames } = this.#batch;
    const record = i << RECORD_SHIFT;
    const from = records[record + RECORD_AT];
    const length = records[record + RECORD_LENGTH];
    if ((records[record + RECORD_TAG] & NOTE_SPLIT) === 0) {
      copyBytes(this.#gatherer.segment, from, guest, to, length);
      return;
    }
    const { mdl, dataOffset } = (splitFrames[i] as NetBufferList).firstNetBuffer;
    const front = mdl.byteCount - dataOffset;
    copyBytes(this.#host, from, guest, to, front);
    if (mdl.next !== null)
      copyBytes(mdl.next.segment, mdl.next.byteOffset, guest, to + front, length - front);
  }

  #toWire(i: number): void {
    const { records, source } = this.#batch;
    const record = i << RECORD_SHIFT;
    this.#send.append(
      records[record + RECORD_AT],
      records[record + RECORD_LENGTH],
      records[record + RECORD_TAG] & TCI_MASK,
      this.#ports.queueId[source],
      records[record + RECORD_STAMP],
    );
    records[record + RECORD_TAG] = records[record + RECORD_TAG] | NOTE_SENT;
  }

  /** Closes the port's channel batch; what it did not take ends for the channel's reason. */
  #close(output: PortOutput): void {
    output.close(this.#numbers.words, this.#numbers.at(output.port));
    if (output.delivered === output.committed) return;
    const reason = DROP_VMBUS + (output.channel as ChannelHost).refusal;
    const { records, count } = this.#batch;
    for (let i = 0; i < count; i++) {
      const record = i << RECORD_SHIFT;
      const verdict = records[record + RECORD_VERDICT];
      if (reasonOf(verdict) >= 0 || portOf(verdict) !== output.port) continue;
      if (records[record + RECORD_ENTRY] < output.delivered) continue;
      records[record + RECORD_VERDICT] = withReason(verdict, reason);
      this.#takeBack(i, output);
    }
    const list = this.#destinations;
    for (let pair = 0; pair < list.count; pair++)
      if (list.port[pair] === output.port && list.result[pair] >= output.delivered)
        list.result[pair] = -1 - reason;
  }

  /** Frame `i` was to stay with the guest, which did not get it. */
  #takeBack(i: number, output: PortOutput): void {
    const record = i << RECORD_SHIFT;
    const { records } = this.#batch;
    if ((records[record + RECORD_TAG] & NOTE_LEFT_WITH_GUEST) === 0) return;
    const { entries } = output.channel as ChannelHost;
    const section = entries[(records[record + RECORD_ENTRY] << ENTRY_SHIFT) + ENTRY_SECTION];
    (this.#loaned[output.port] as LoanedFrames).drop(section);
    records[record + RECORD_TAG] = records[record + RECORD_TAG] & ~NOTE_LEFT_WITH_GUEST;
    this.left.count--;
  }

  /** A flooded frame that nobody got ends for the reason of its last destination. */
  #settleList(): void {
    const list = this.#destinations;
    const { records } = this.#batch;
    for (let pair = 0; pair < list.count; ) {
      const frame = list.frame[pair];
      let taken = 0;
      let reason = 0;
      for (; pair < list.count && list.frame[pair] === frame; pair++) {
        if (list.result[pair] < 0) reason = -1 - list.result[pair];
        else taken++;
      }
      const at = (frame << RECORD_SHIFT) + RECORD_VERDICT;
      if (taken === 0) records[at] = withReason(records[at], reason);
    }
  }
}
