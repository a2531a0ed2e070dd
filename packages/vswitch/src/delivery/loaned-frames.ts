/**
 * Frames of one VM queue that the guest has in place (SW-13): which NBL each loaned section holds, from the moment the
 * frame is committed until the guest is done with it.
 *
 *   hold ──> with the guest ──completion──> collect ─┐
 *     │ no room in the ring                          ├──> back to the miniport, in chains
 *     └──> drop ─────────────────────────────────────┤
 *   the port loses its queue or its channel ──> all ─┘
 *
 * One processor's: that which serves the queue and polls the channel. Made once per channel, nothing per frame.
 */
import type { NetBufferList } from '@vmq/ddi';
import type { ChannelHost } from '@vmq/netvsc';

export class LoanedFrames {
  /** Frames held. */
  count = 0;
  /** By section; null while the adapter has it. */
  readonly #held: (NetBufferList | null)[];
  readonly #returned: Int32Array;

  constructor(sections: number) {
    this.#held = new Array<NetBufferList | null>(sections).fill(null);
    this.#returned = new Int32Array(sections);
  }

  isHeld(section: number): boolean {
    return this.#held[section] !== null;
  }

  hold(section: number, nbl: NetBufferList): void {
    this.#held[section] = nbl;
    this.count++;
  }

  /** The guest did not get the frame after all: its NBL goes back with the chain that it is still in. */
  drop(section: number): void {
    this.#held[section] = null;
    this.count--;
  }

  /** NBLs of the frames that the guest is done with, as a chain, or null. */
  collect(channel: ChannelHost): NetBufferList | null {
    if (this.count === 0) return null;
    const returned = this.#returned;
    const sections = channel.takeReturned(returned);
    let chain: NetBufferList | null = null;
    for (let i = 0; i < sections; i++) {
      const nbl = this.#held[returned[i]];
      if (nbl === null) continue;
      this.drop(returned[i]);
      nbl.next = chain;
      chain = nbl;
    }
    return chain;
  }

  /**
   * NBLs of all frames held, as a chain, or null: only when the NIC puts nothing more into the queue's buffers,
   * since the guest may still be reading them.
   */
  all(): NetBufferList | null {
    let chain: NetBufferList | null = null;
    for (let section = 0; this.count !== 0 && section < this.#held.length; section++) {
      const nbl = this.#held[section];
      if (nbl === null) continue;
      this.drop(section);
      nbl.next = chain;
      chain = nbl;
    }
    return chain;
  }
}
