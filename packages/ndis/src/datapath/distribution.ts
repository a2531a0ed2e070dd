/**
 * Hands a chain to several protocols. Each gets what it wants, in order; who is the last to want an NBL gets it for its own,
 * the others look at it with NDIS_RECEIVE_FLAGS_RESOURCES, which they have to copy from before they return (RX-14).
 *
 *   NBL      1    2    3    4         A: 1 2 (RESOURCES), 3 (own)      one call each
 *   wanted   AB   AB   A    –         B: 1 2 (own)                     4: nobody's, back to the miniport
 */
import { NDIS_RECEIVE_FLAGS_RESOURCES } from '@vmq/abi';
import type { NetBufferList, ReceiveSink } from '@vmq/ddi';
import type { Receivers } from './receivers.ts';

/** What to do with frames that nobody gets: a chain of `count`. */
export interface NobodysFrames {
  /** Wanted by bindings of which none is running. */
  notRunning(chain: NetBufferList, count: number): void;
  notWanted(chain: NetBufferList, count: number): void;
}

export class Distribution {
  readonly #nobodys: NobodysFrames;
  /** The chain under way; `#wants` beside it. Grown once, then reused. */
  readonly #nbls: (NetBufferList | null)[] = [];
  readonly #wants: number[] = [];
  /** Receivers that may get it, a bit each. */
  #able = 0;

  constructor(nobodys: NobodysFrames) {
    this.#nobodys = nobodys;
  }

  /** `sinks[i]`: the protocol of the ith receiver, or null without one. */
  deliver(
    chain: NetBufferList,
    receivers: Receivers,
    sinks: readonly (ReceiveSink | null)[],
    port: number,
    flags: number,
  ): void {
    const count = this.#collect(chain, receivers);
    this.#able = receivers.running;
    for (let i = 0; i < sinks.length; i++) if (sinks[i] === null) this.#able &= ~(1 << i);
    this.#refuse(count);
    for (let i = 0; i < sinks.length; i++) {
      const sink = sinks[i];
      if (sink === null || sink === undefined || (this.#able & (1 << i)) === 0) continue;
      this.#deliverTo(sink, i, count, port, flags);
    }
    // The miniport's own chain is as it was when it has it back.
    if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0) this.#link(0, count);
    this.#nbls.fill(null, 0, count);
  }

  #collect(chain: NetBufferList, receivers: Receivers): number {
    let count = 0;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      this.#nbls[count] = nbl;
      this.#wants[count++] = receivers.wanting(nbl);
    }
    return count;
  }

  /** Runs of NBLs that receiver `bit` wants and that are alike: its own, or to look at. */
  #deliverTo(sink: ReceiveSink, bit: number, count: number, port: number, flags: number): void {
    let from = 0;
    while (from < count) {
      const kind = this.#kindOf(from, bit);
      let to = from + 1;
      while (to < count && this.#kindOf(to, bit) === kind) to++;
      if (kind !== 0)
        sink.receiveNetBufferLists(
          this.#link(from, to),
          port,
          to - from,
          kind === 1 ? flags : flags | NDIS_RECEIVE_FLAGS_RESOURCES,
        );
      from = to;
    }
  }

  /** 0: not for this one; 1: its own, no later one wants it; 2: to look at. */
  #kindOf(index: number, bit: number): number {
    const wanted = this.#wants[index] & this.#able;
    if ((wanted & (1 << bit)) === 0) return 0;
    return wanted >>> (bit + 1) === 0 ? 1 : 2;
  }

  #refuse(count: number): void {
    let from = 0;
    while (from < count) {
      const kind = this.#fate(from);
      let to = from + 1;
      while (to < count && this.#fate(to) === kind) to++;
      if (kind === 1) this.#nobodys.notWanted(this.#link(from, to), to - from);
      else if (kind === 2) this.#nobodys.notRunning(this.#link(from, to), to - from);
      from = to;
    }
  }

  /** 0: somebody gets it; 1: nobody wants it; 2: nobody who wants it can have it. */
  #fate(index: number): number {
    const wanted = this.#wants[index];
    if ((wanted & this.#able) !== 0) return 0;
    return wanted === 0 ? 1 : 2;
  }

  /** The NBLs from `from` to `to` - 1 as a chain: whoever had them before may have linked them otherwise. */
  #link(from: number, to: number): NetBufferList {
    for (let i = from; i < to; i++)
      (this.#nbls[i] as NetBufferList).next = i + 1 < to ? (this.#nbls[i + 1] as NetBufferList) : null;
    return this.#nbls[from] as NetBufferList;
  }
}
