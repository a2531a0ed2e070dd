/**
 * The short way of a VM queue's chain (SW-10): its port is found once, and per frame only the SEC-07 checks and
 * the learning of the source are left before the copy into the VM's memory.
 *
 *   chain of queue 5 ──port of queue 5──> per frame: MAC equal? VLAN equal? ──copy──> section ──one message──>
 */
import { type AgentContext, HOST_SEGMENT, type MemorySegment } from '@vmq/machine';
import type { NetBuffer, NetBufferList } from '@vmq/ndis';
import { type ChannelHost, copyFrame, copyRest, VMBUS_DROP_TOO_LONG } from '@vmq/vmbus';
import { DROP_RUNT, DROP_VLAN_MISMATCH, DROP_VMBUS, DROP_WRONG_DESTINATION } from './drop-reasons.ts';
import { FrameGatherer } from './frame-gatherer.ts';
import type { LearnedMacTable } from './learned-mac-table.ts';
import { EXTERNAL_PORT } from './messages.ts';
import type { PortDelivery } from './port-delivery.ts';
import type { PortTable } from './port-table.ts';
import type { QueueEnds } from './queue-ends.ts';
import { RECENT_MIX_A, RECENT_MIX_B, RECENT_SHIFT, RecentSources } from './recent-sources.ts';

const TOO_LONG = DROP_VMBUS + VMBUS_DROP_TOO_LONG;
const VMBUS = DROP_VMBUS;
const RUNT = DROP_RUNT;
const WRONG_DESTINATION = DROP_WRONG_DESTINATION;
const VLAN_MISMATCH = DROP_VLAN_MISMATCH;
const EXTERNAL = EXTERNAL_PORT;
const HOST = HOST_SEGMENT;
const MIX_A = RECENT_MIX_A;
const MIX_B = RECENT_MIX_B;
const MIX_SHIFT = RECENT_SHIFT;

/** Frames of a chain that are looked at before they are copied. */
const BATCH = 256;

export class QueueDelivery {
  /** The learned table and the ageing tick; set at publications and per chain. */
  learned: LearnedMacTable | null = null;
  readonly #context: AgentContext;
  readonly #ports: PortTable;
  readonly #delivery: PortDelivery;
  readonly #ends: QueueEnds;
  readonly #host: MemorySegment;
  readonly #gatherer: FrameGatherer = new FrameGatherer();
  readonly #recent: RecentSources = new RecentSources();
  /** Where ordinary frames lie in host memory, in the order of the channel's columns. */
  readonly #from: Int32Array = new Int32Array(BATCH);
  /** Entries of the columns that hold frames. */
  #frames = 0;
  #bytes = 0;
  /** NBs seen. */
  #seen = 0;

  constructor(context: AgentContext, ports: PortTable, delivery: PortDelivery, ends: QueueEnds) {
    this.#context = context;
    this.#ports = ports;
    this.#delivery = delivery;
    this.#ends = ends;
    this.#host = context.machine.memory.host;
  }

  /** Delivers a chain whose frames all came from the VM queue of `port`, which is connected. */
  deliver(chain: NetBufferList, count: number, port: number, queueId: number, tick: number): void {
    const host = this.#ports.channels[port] as ChannelHost | null;
    if (host === null || !host.beginBatch(count)) {
      this.#ends.dropAll(chain, port, host?.refusal ?? 0);
      return;
    }
    const learned = this.learned as LearnedMacTable;
    const ends = this.#ends;
    const tracing = ends.begin();
    this.#recent.begin(learned, tick);
    this.#frames = this.#bytes = this.#seen = 0;
    let nbl: NetBufferList | null = chain;
    while (nbl !== null) {
      if (!tracing) {
        const first = this.#frames;
        nbl = this.#survey(nbl, port, host);
        this.#copy(host, first, this.#frames);
        host.commitColumns(this.#frames);
        if (nbl === null) break;
      }
      this.#deliverOne(nbl, port, host, learned, tick, tracing);
      nbl = nbl.next;
    }
    const frames = this.#frames;
    let bytes = this.#bytes;
    const delivered = this.#delivery.endBatch(port, host);
    for (let k = delivered; k < frames; k++) bytes -= host.columns.lengths[k] as number;
    ends.end(port, queueId, this.#seen, frames, delivered, bytes, host.refusal);
    this.#delivery.countCopied(port, bytes);
  }

  /**
   * Puts ordinary frames from `chain` on into the channel's columns: one NB in one piece of host memory, for this
   * port, from a source that is known. Returns the first NBL that is not of that kind or finds no room, or null.
   * A loop without calls: see `receive-pipeline.ts` of @vmq/nic for why.
   */
  #survey(chain: NetBufferList, port: number, channel: ChannelHost): NetBufferList | null {
    const ports = this.#ports;
    const memory = this.#host;
    const i32 = memory.i32;
    const recent = this.#recent.keys;
    const from = this.#from;
    const { lengths, tcis, stamps } = channel.columns;
    const macA = ports.macA[port] as number;
    const macB = ports.macB[port] as number;
    const portVlan = ports.vlan[port] as number;
    const longest = channel.maxFrameBytes - 14;
    // What a tag of this VLAN and no priority becomes for the guest; other tags are looked at one by one.
    const plainTag = portVlan << 4;
    const plainTci = ports.egressTci(port, 0, portVlan);
    const first = this.#frames;
    const end = Math.min(channel.reserved, first + BATCH);
    let k = first;
    let bytes = 0;
    let nbl: NetBufferList | null = chain;
    for (; nbl !== null && k < end; nbl = nbl.next) {
      const nb: NetBuffer = nbl.firstNetBuffer;
      const mdl = nb.mdl;
      const offset = nb.dataOffset | 0;
      const at = (mdl.byteOffset + offset) | 0;
      const length = nb.dataLength | 0;
      const word = at >> 2;
      const w0 = i32[word] as number;
      const w1 = i32[word + 1] as number;
      const w2 = i32[word + 2] as number;
      const sourceA = (w1 >>> 16) | (w2 << 16);
      const sourceB = (w2 >>> 16) | (portVlan << 16);
      const seen = ((Math.imul(sourceA, MIX_A) ^ Math.imul(sourceB, MIX_B)) >>> MIX_SHIFT) << 1;
      // Zero for an ordinary frame: one test for what hardly ever differs.
      const other =
        (w0 ^ macA) |
        ((w1 & 0xffff) ^ macB) |
        (nbl.ieee8021QInfo ^ plainTag) |
        ((recent[seen] as number) ^ sourceA) |
        ((recent[seen + 1] as number) ^ sourceB) |
        (at & 7);
      if (
        other !== 0 ||
        (length - 14) >>> 0 > longest ||
        length > mdl.byteCount - offset ||
        mdl.segment !== memory ||
        mdl.next !== null ||
        nb.next !== null
      )
        break;
      from[k - first] = at;
      lengths[k] = length;
      tcis[k] = plainTci;
      stamps[k] = nbl.stamp;
      bytes += length;
      k++;
    }
    this.#seen += k - first;
    this.#frames = k;
    this.#bytes += bytes;
    return nbl;
  }

  /** Copies the frames of entries `first` to `end` - 1 into their sections, exactly their bytes (SEC-08). */
  #copy(channel: ChannelHost, first: number, end: number): void {
    const to = this.#context.machine.memory.segment(channel.segment);
    const host = this.#host;
    const source = host.u64;
    const target = to.u64;
    const from = this.#from;
    const { sections, lengths } = channel.columns;
    const firstFrame = channel.frameOffset(0);
    const sectionSize = channel.sectionSize;
    for (let k = first; k < end; k++) {
      const length = lengths[k] as number;
      let s = (from[k - first] as number) >> 3;
      let t = (firstFrame + Math.imul(sections[k] as number, sectionSize)) >> 3;
      for (const stop = s + (length >> 3) - 7; s < stop; s += 8, t += 8) {
        target[t] = source[s] as bigint;
        target[t + 1] = source[s + 1] as bigint;
        target[t + 2] = source[s + 2] as bigint;
        target[t + 3] = source[s + 3] as bigint;
        target[t + 4] = source[s + 4] as bigint;
        target[t + 5] = source[s + 5] as bigint;
        target[t + 6] = source[s + 6] as bigint;
        target[t + 7] = source[s + 7] as bigint;
      }
      if ((length & 63) !== 0) copyRest(host, s << 3, to, t << 3, length & 63);
    }
  }

  /** Delivers one NBL of whatever kind, with every check in its order and the trace. */
  #deliverOne(
    nbl: NetBufferList,
    port: number,
    host: ChannelHost,
    learned: LearnedMacTable,
    tick: number,
    tracing: boolean,
  ): void {
    const ports = this.#ports;
    const ends = this.#ends;
    const to = this.#context.machine.memory.segment(host.segment);
    const macA = ports.macA[port] as number;
    const macB = ports.macB[port] as number;
    const portVlan = ports.vlan[port] as number;
    const info = nbl.ieee8021QInfo | 0;
    const vlan = (info >>> 4) & 0xfff;
    for (let nb: NetBuffer | null = nbl.firstNetBuffer; nb !== null; nb = nb.next) {
      this.#seen++;
      let segment = nb.mdl.segment;
      let at = (nb.mdl.byteOffset + nb.dataOffset) | 0;
      let length = nb.dataLength | 0;
      if (
        (at & 7) !== 0 ||
        nb.mdl.next !== null ||
        segment.id !== HOST ||
        length > nb.mdl.byteCount - nb.dataOffset
      ) {
        // Judged in host memory alone, and never more than the MDLs say there is (SEC-06, SEC-08).
        at = this.#gatherer.gather(nb, 0);
        segment = this.#gatherer.segment;
        length = this.#gatherer.length;
      }
      const i32 = segment.i32;
      const w1 = i32[(at >> 2) + 1] as number;
      const addressed = i32[at >> 2] === macA && (w1 & 0xffff) === macB;
      if (tracing) ends.traceCheck(nbl.stamp, port, vlan, portVlan, addressed, length);
      if (length < 14 || !addressed || vlan !== portVlan) {
        ends.drop(
          length < 14 ? RUNT : addressed ? VLAN_MISMATCH : WRONG_DESTINATION,
          nbl.stamp,
          port,
          i32[at >> 2] as number,
          (w1 & 0xffff) | (vlan << 16),
        );
        continue;
      }
      const w2 = i32[(at >> 2) + 2] as number;
      const sourceA = (w1 >>> 16) | (w2 << 16);
      const sourceB = (w2 >>> 16) | (vlan << 16);
      if ((sourceA & 1) === 0) {
        if (learned.learn(sourceA, sourceB, EXTERNAL, tick) && tracing)
          ends.traceLearned(nbl.stamp, sourceA, sourceB);
        this.#recent.note(sourceA, sourceB);
      }
      const section = length > host.maxFrameBytes ? -1 : host.reserveSection();
      if (section < 0) {
        const reason = length > host.maxFrameBytes ? TOO_LONG : VMBUS + host.refusal;
        ends.drop(reason, nbl.stamp, port, macA, macB);
        continue;
      }
      const tci = info === 0 ? 0 : ports.egressTci(port, ((info & 7) << 13) | ((info & 8) << 9), vlan);
      copyFrame(segment, at, to, section, length);
      host.commitFrame(length, tci, nbl.stamp);
      this.#frames++;
      this.#bytes += length;
      if (tracing) ends.traceCommitted(nbl, port, section, length, tci, 0);
    }
  }
}
