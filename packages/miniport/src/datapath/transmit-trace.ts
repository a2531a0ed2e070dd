/** Trace of a transmit queue: a reader behind the loops. It walks the ring that they left, and decides nothing. */

import { type NetBufferList, tciFromIeee8021Q } from '@vmq/ddi';
import { type AgentContext, TRACE_ALL } from '@vmq/machine';
import { advance } from '../hardware/ring.ts';
import { MINIPORT_TRACE } from '../model/trace-kinds.ts';

export class TransmitTrace {
  readonly #context: AgentContext;
  readonly #hardwareQueue: number;
  /** The NBL that ends with each descriptor, or null. */
  readonly #nbls: readonly (NetBufferList | null)[];

  constructor(context: AgentContext, hardwareQueue: number, nbls: readonly (NetBufferList | null)[]) {
    this.#context = context;
    this.#hardwareQueue = hardwareQueue;
    this.#nbls = nbls;
  }

  /** Anything is traced at all; once per batch. */
  get isOn(): boolean {
    return this.#context.trace.level !== 0;
  }

  /** NBLs whose last descriptor was posted at a position from `from` to before `to`. */
  sent(from: number, to: number): void {
    const { trace, agent } = this.#context;
    const mask = this.#nbls.length - 1;
    for (let at = from; at !== to; at = advance(at, 1)) {
      const slot = at & mask;
      const nbl = this.#nbls[slot];
      if (nbl === null || !trace.wants(TRACE_ALL, nbl.stamp)) continue;
      const tci = nbl.ieee8021QInfo === 0 ? -1 : tciFromIeee8021Q(nbl.ieee8021QInfo);
      const { dataLength } = nbl.firstNetBuffer;
      trace.write(MINIPORT_TRACE.SENT, nbl.stamp, this.#hardwareQueue, slot, dataLength, agent, tci);
    }
  }

  /** NBLs whose last descriptor, at a position from `from` to before `to`, the device is done with. */
  completed(from: number, to: number): void {
    const { trace, agent } = this.#context;
    const mask = this.#nbls.length - 1;
    for (let at = from; at !== to; at = advance(at, 1)) {
      const slot = at & mask;
      const nbl = this.#nbls[slot];
      if (nbl === null || !trace.wants(TRACE_ALL, nbl.stamp)) continue;
      trace.write(MINIPORT_TRACE.SEND_DONE, nbl.stamp, this.#hardwareQueue, slot, nbl.status, agent, 0);
    }
  }
}
