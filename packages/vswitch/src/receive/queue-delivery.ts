/**
 * The short way of a VM queue's chain (SW-10): its port is found once, and per frame only the SEC-07 checks and the
 * learning of the source are left before the frame goes into the VM's memory.
 *
 *   chain of queue 5 ──port of queue 5──> per frame: MAC equal? VLAN equal? ──copy──> section ──one message──>
 *
 * Frames of a split queue (NDIS 6.20, SW-13) have their lookahead in host memory, which is all that is looked at (SEC-05,
 * SEC-06); the rest lies in the VM's receive buffer already.
 *
 *   host memory   | lookahead |
 *                       │ copied
 *   VM's section  | 64 | backfill | rest of the frame | announced to the guest, NBL kept until it is done
 *
 * Where that cannot be, because the rest lies in host memory (SEC-04), another processor polls the channel, or the
 * buffer is laid out in another way than the sections, both parts are copied into a section of the switch's own. So is
 * a frame that its lookahead buffer holds: nothing of it lies in the VM's memory yet.
 *
 * Most frames are taken many at a time by `ordinary-frames.ts`; what is here is the way of all others.
 */

import type { NetBuffer, NetBufferList } from '@vmq/ddi';
import { type AgentContext, copyBytes, HOST_SEGMENT, isFrameTooLong, MOST_TAG_BYTES } from '@vmq/machine';
import {
  type ChannelHost,
  ENTRY_LENGTH,
  ENTRY_LENGTH_MASK,
  ENTRY_SECTION,
  ENTRY_SHIFT,
  VMBUS_DROP_PACKET_FILTER,
  VMBUS_DROP_TOO_LONG,
} from '@vmq/vmbus';
import { bridgeRefusal } from '../forwarding/bridge-rules.ts';
import {
  DROP_PORT_DISCONNECTED,
  DROP_RUNT,
  DROP_VLAN_MISMATCH,
  DROP_VMBUS,
  DROP_WRONG_DESTINATION,
} from '../model/drop-reasons.ts';
import { FrameGatherer } from '../model/frame-gatherer.ts';
import { EXTERNAL_PORT } from '../model/messages.ts';
import type { PortTable } from '../model/port-table.ts';
import type { LearnedMacTable } from '../tables/learned-mac-table.ts';
import { wantsOwn } from './guest-packet-filter.ts';
import { LentFrames } from './lent-frames.ts';
import type { OrdinaryFrames } from './ordinary-frames.ts';
import type { PortDelivery } from './port-delivery.ts';
import type { QueueEnds } from './queue-ends.ts';

const TOO_LONG = DROP_VMBUS + VMBUS_DROP_TOO_LONG;
const PACKET_FILTER = DROP_VMBUS + VMBUS_DROP_PACKET_FILTER;
const ETHERNET_HEADER = 14;
/** Bytes of a frame that anybody here looks at: its header with all tags. */
const LOOKED_AT: number = ETHERNET_HEADER + MOST_TAG_BYTES;

export class QueueDelivery {
  /** The learned table; set at publications. */
  learned: LearnedMacTable | null = null;
  readonly #context: AgentContext;
  readonly #ports: PortTable;
  readonly #delivery: PortDelivery;
  readonly #ends: QueueEnds;
  readonly #gatherer: FrameGatherer = new FrameGatherer(1);
  /** By port; null where frames are not left with the guest. */
  readonly #lent: (LentFrames | null)[];
  readonly #ordinary: OrdinaryFrames;
  /** Of the chain: frames seen, entries of the channel's batch that hold frames, their bytes, and those of them copied. */
  #seen = 0;
  #frames = 0;
  #bytes = 0;
  #copied = 0;

  constructor(
    context: AgentContext,
    ports: PortTable,
    delivery: PortDelivery,
    ends: QueueEnds,
    ordinary: OrdinaryFrames,
  ) {
    this.#ordinary = ordinary;
    this.#context = context;
    this.#ports = ports;
    this.#delivery = delivery;
    this.#ends = ends;
    this.#lent = new Array<LentFrames | null>(ports.channels.length).fill(null);
  }

  /**
   * From now on frames of the port's queue may be left with its guest, or not: then the NBLs that it still has come
   * back, as a chain.
   */
  allow(port: number, channel: ChannelHost | null): NetBufferList | null {
    const lent = this.#lent[port];
    if (channel !== null) {
      if (lent === null) this.#lent[port] = new LentFrames(channel.sectionCount);
      return null;
    }
    this.#lent[port] = null;
    return lent?.all() ?? null;
  }

  /** NBLs of the frames that the port's guest is done with, as a chain. */
  collect(port: number): NetBufferList | null {
    const lent = this.#lent[port];
    return lent === null ? null : lent.collect(this.#ports.channels[port] as ChannelHost);
  }

  /**
   * Delivers a chain whose frames all came from the VM queue of `port`, which is connected. Returns the NBLs that
   * go back at once; `mayKeep` is false if all of them have to.
   */
  deliver(
    chain: NetBufferList,
    count: number,
    port: number,
    queueId: number,
    tick: number,
    mayKeep: boolean,
  ): NetBufferList | null {
    const ports = this.#ports;
    const ends = this.#ends;
    const channel = ports.channels[port];
    const { dataLength, mdl: firstPart } = chain.firstNetBuffer;
    // Sections for frames that are copied whole, if the first is one.
    const copies = dataLength <= firstPart.byteCount ? count : 0;
    if (channel === null || !channel.beginBatch(copies)) {
      ends.dropAll(chain, port, channel === null ? DROP_PORT_DISCONNECTED : DROP_VMBUS + channel.refusal);
      return chain;
    }
    const lent = mayKeep && firstPart.next !== null ? this.#lent[port] : null;
    const tracing = ends.begin();
    const wanted = wantsOwn(channel.packetFilter);
    const ordinary = this.#ordinary;
    ordinary.begin(chain, port, this.learned as LearnedMacTable, tick);
    this.#frames = this.#seen = this.#bytes = this.#copied = 0;
    let next: NetBufferList | null = null;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = next) {
      if (!tracing && wanted) {
        nbl = ordinary.take(nbl, port, channel, lent);
        this.#seen += ordinary.count;
        this.#frames += ordinary.count;
        this.#bytes += ordinary.bytes;
        this.#copied += ordinary.copied;
        if (nbl === null) break;
      }
      next = nbl.next;
      ordinary.passed(nbl, this.#deliverOne(nbl, port, channel, lent, tick, wanted));
    }
    let back = ordinary.first;
    const frames = this.#frames;
    const delivered = this.#delivery.endBatch(port, channel);
    const { entries } = channel;
    for (let k = delivered; k < frames; k++) {
      this.#bytes -= entries[(k << ENTRY_SHIFT) + ENTRY_LENGTH] & ENTRY_LENGTH_MASK;
      const section = entries[(k << ENTRY_SHIFT) + ENTRY_SECTION];
      if (lent === null || !lent.isHeld(section)) continue;
      const nbl = lent.drop(section);
      nbl.next = back;
      back = nbl;
    }
    ends.end(port, queueId, this.#seen, frames, delivered, this.#bytes, channel.refusal);
    this.#delivery.countCopied(port, this.#copied);
    return back;
  }

  /** Delivers one NBL of whatever kind, with every check in its order and the trace. True if `lent` holds it now. */
  #deliverOne(
    nbl: NetBufferList,
    port: number,
    channel: ChannelHost,
    lent: LentFrames | null,
    tick: number,
    wanted: boolean,
  ): boolean {
    const tracing = this.#context.trace.level !== 0;
    const ports = this.#ports;
    const ends = this.#ends;
    const learned = this.learned as LearnedMacTable;
    const to = this.#context.machine.memory.segment(channel.segment);
    const longest = channel.maxFrameBytes;
    const macA = ports.macA[port];
    const macB = ports.macB[port];
    const portVlan = ports.vlan[port];
    const info = nbl.ieee8021QInfo | 0;
    const vlan = (info >>> 4) & 0xfff;
    let kept = false;
    for (let nb: NetBuffer | null = nbl.firstNetBuffer; nb !== null; nb = nb.next) {
      this.#seen++;
      const mdl = nb.mdl;
      let segment = mdl.segment;
      let at = (mdl.byteOffset + nb.dataOffset) | 0;
      let length = nb.dataLength | 0;
      let front = Math.min(mdl.byteCount - nb.dataOffset, length);
      let rest = mdl.next;
      if (
        (at & 7) !== 0 ||
        segment.id !== HOST_SEGMENT ||
        front < Math.min(length, LOOKED_AT) ||
        (front < length && (rest === null || rest.byteCount < length - front))
      ) {
        // Judged in host memory alone, and never more than the MDLs say there is (SEC-06, SEC-08).
        at = this.#gatherer.gather(nb, 0);
        segment = this.#gatherer.segment;
        front = length = this.#gatherer.length;
        rest = null;
      }
      const i32 = segment.i32;
      const w1 = i32[(at >> 2) + 1];
      const addressed = i32[at >> 2] === macA && (w1 & 0xffff) === macB;
      if (tracing) ends.traceCheck(nbl.stamp, port, vlan, portVlan, addressed, length);
      if (length < ETHERNET_HEADER || !addressed || vlan !== portVlan) {
        ends.drop(
          length < ETHERNET_HEADER ? DROP_RUNT : addressed ? DROP_VLAN_MISMATCH : DROP_WRONG_DESTINATION,
          nbl.stamp,
          port,
          i32[at >> 2],
          (w1 & 0xffff) | (vlan << 16),
        );
        continue;
      }
      const w2 = i32[(at >> 2) + 2];
      const refusal = bridgeRefusal(macA, w1, w2, i32[(at >> 2) + 3]);
      if (refusal >= 0) {
        ends.drop(refusal, nbl.stamp, port, macA, macB | (vlan << 16));
        continue;
      }
      const sourceA = (w1 >>> 16) | (w2 << 16);
      const sourceB = (w2 >>> 16) | (vlan << 16);
      if (learned.learn(sourceA, sourceB, EXTERNAL_PORT, tick) && tracing)
        ends.traceLearned(nbl.stamp, sourceA, sourceB);
      this.#ordinary.note(port, sourceA, sourceB);
      const tci = info === 0 ? 0 : ports.egressTci(port, ((info & 7) << 13) | ((info & 8) << 9), vlan);
      const isTooLong = isFrameTooLong(segment.u8, at, length, longest, tci !== 0);
      if (!wanted || isTooLong) {
        ends.drop(isTooLong ? TOO_LONG : PACKET_FILTER, nbl.stamp, port, macA, macB);
        continue;
      }
      let section = -1;
      if (lent !== null && front < length && rest?.segment === to && nbl.firstNetBuffer.next === null) {
        section = channel.lentSection(rest.byteOffset);
        // The rest must lie where the frame's section wants it.
        if (
          section >= 0 &&
          (lent.isHeld(section) || rest.byteOffset !== channel.frameOffset(section) + front)
        )
          section = -1;
      }
      const target = section >= 0 ? channel.frameOffset(section) : channel.reserveSection();
      if (target < 0) {
        ends.drop(DROP_VMBUS + channel.refusal, nbl.stamp, port, macA, macB);
        continue;
      }
      copyBytes(segment, at, to, target, front);
      let moved = front;
      if (section >= 0) {
        channel.commitLent(section, length, tci, nbl.stamp);
        lent?.hold(section, nbl);
        kept = true;
      } else {
        if (front < length && rest !== null) {
          copyBytes(rest.segment, rest.byteOffset, to, target + front, length - front);
          moved = length;
        }
        channel.commitFrame(length, tci, nbl.stamp);
      }
      this.#frames++;
      this.#bytes += length;
      this.#copied += moved;
      if (tracing) ends.traceCommitted(nbl, port, target, moved, tci, length - moved);
    }
    return kept;
  }
}
