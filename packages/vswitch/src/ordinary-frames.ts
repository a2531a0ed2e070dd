/**
 * The ordinary frames of a VM queue's chain, many at a time: looked at in one loop, copied in the next.
 *
 *   NBL chain ──survey──> columns of the channel's batch ──copy──> sections of the VM's receive buffer
 *       └── first that is not ordinary: back to the caller, who delivers it by itself
 *
 * Ordinary is a frame in one piece of host memory, for the port's address and VLAN, without a priority, from a source
 * that was seen just before: the checks of SEC-07 and the learning are settled by comparing. The lookahead of a split
 * frame is ordinary too if it holds the whole frame. Loops without calls; see `receive-pipeline.ts` of @vmq/nic for
 * why.
 */
import type { AgentContext, MemorySegment } from '@vmq/machine';
import type { NetBuffer, NetBufferList } from '@vmq/ndis';
import { type ChannelHost, copyRest } from '@vmq/vmbus';
import type { LearnedMacTable } from './learned-mac-table.ts';
import type { PortTable } from './port-table.ts';
import { foldSource, RECENT_WORDS, RecentSources } from './recent-sources.ts';

/** Frames that are looked at before they are copied. */
const BATCH = 256;
const PORT_WORDS = RECENT_WORDS;

export class OrdinaryFrames {
  /** Frames and bytes of the last {@link take}, and its last NBL. */
  count = 0;
  bytes = 0;
  last: NetBufferList | null = null;
  readonly #context: AgentContext;
  readonly #ports: PortTable;
  readonly #host: MemorySegment;
  readonly #recent: RecentSources;
  /** Where the frames lie in host memory, in the order of the channel's columns. */
  readonly #from: Int32Array = new Int32Array(BATCH);

  constructor(context: AgentContext, ports: PortTable) {
    this.#context = context;
    this.#ports = ports;
    this.#host = context.machine.memory.host;
    this.#recent = new RecentSources(ports.channels.length);
  }

  /** Begins a chain. */
  begin(learned: LearnedMacTable, tick: number): void {
    this.#recent.begin(learned, tick);
  }

  /** The source of a frame for `port` has been learned: the next one from there is ordinary. */
  note(port: number, a: number, b: number): void {
    this.#recent.note(port, a, b);
  }

  /**
   * Puts ordinary frames from `chain` on into the open batch of `channel`, as far as it has sections reserved.
   * Returns the first NBL that is left, or null.
   */
  take(chain: NetBufferList, port: number, channel: ChannelHost): NetBufferList | null {
    const first = channel.committed;
    const left = this.#survey(chain, port, channel, first);
    if (this.count === 0) return left;
    this.#copy(channel, first, first + this.count);
    channel.commitColumns(first + this.count);
    return left;
  }

  #survey(chain: NetBufferList, port: number, channel: ChannelHost, first: number): NetBufferList | null {
    const ports = this.#ports;
    const memory = this.#host;
    const i32 = memory.i32;
    const recent = this.#recent.keys;
    const recentAt = port * PORT_WORDS;
    const from = this.#from;
    const { lengths, tcis, stamps } = channel.columns;
    const macA = ports.macA[port] as number;
    const macB = ports.macB[port] as number;
    const portVlan = ports.vlan[port] as number;
    const longest = (channel.maxFrameBytes - 14) | 0;
    // What a tag of this VLAN and no priority becomes for the guest; other tags are looked at one by one.
    const plainTag = portVlan << 4;
    const plainTci = ports.egressTci(port, 0, portVlan);
    const end = Math.min(channel.reserved, first + BATCH);
    let k = first;
    let bytes = 0;
    let last: NetBufferList | null = null;
    let nbl: NetBufferList | null = chain;
    for (; nbl !== null && k < end; nbl = nbl.next) {
      const nb: NetBuffer = nbl.firstNetBuffer;
      const mdl = nb.mdl;
      if (mdl.segment !== memory) break;
      const offset = nb.dataOffset | 0;
      const at = (mdl.byteOffset + offset) | 0;
      const length = nb.dataLength | 0;
      const word = at >> 2;
      const w0 = i32[word] as number;
      const w1 = i32[word + 1] as number;
      const w2 = i32[word + 2] as number;
      const sourceA = (w1 >>> 16) | (w2 << 16);
      const sourceB = (w2 >>> 16) | (portVlan << 16);
      const seen = recentAt + (foldSource(sourceA, sourceB) << 1);
      // Zero for an ordinary frame: one test for what hardly ever differs.
      const other =
        (w0 ^ macA) |
        ((w1 & 0xffff) ^ macB) |
        (nbl.ieee8021QInfo ^ plainTag) |
        ((recent[seen] as number) ^ sourceA) |
        ((recent[seen + 1] as number) ^ sourceB) |
        (at & 7);
      if (other !== 0 || (length - 14) >>> 0 > longest || length > mdl.byteCount - offset || nb.next !== null)
        break;
      from[k - first] = at;
      lengths[k] = length;
      tcis[k] = plainTci;
      stamps[k] = nbl.stamp;
      bytes += length;
      last = nbl;
      k++;
    }
    this.count = k - first;
    this.bytes = bytes;
    this.last = last;
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
}
