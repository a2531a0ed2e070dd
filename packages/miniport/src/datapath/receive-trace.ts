/** Trace of a receive queue: a reader behind the loops. It walks the chain that they left, and decides nothing. */

import type { NetBufferList } from '@vmq/ddi';
import { type AgentContext, TRACE_ALL } from '@vmq/machine';
import { MINIPORT_TRACE } from '../model/trace-kinds.ts';
import { bufferOf } from './receive-buffers.ts';

export class ReceiveTrace {
  readonly #context: AgentContext;
  readonly #queueId: number;

  constructor(context: AgentContext, queueId: number) {
    this.#context = context;
    this.#queueId = queueId;
  }

  /** Anything is traced at all; once per chain. */
  get isOn(): boolean {
    return this.#context.trace.level !== 0;
  }

  // Processors' agents are numbered first, as the processors are.
  get #processor(): number {
    return this.#context.agent;
  }

  /** A chain of `count` NBLs that is to be indicated. */
  indicated(chain: NetBufferList, count: number, flags: number): void {
    const { trace } = this.#context;
    let position = 0;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      position++;
      if (!trace.wants(TRACE_ALL, nbl.stamp)) continue;
      const buffer = bufferOf(nbl);
      const length = nbl.firstNetBuffer.dataLength;
      trace.write(
        MINIPORT_TRACE.INDICATED,
        nbl.stamp,
        this.#queueId,
        buffer,
        length,
        this.#processor,
        position,
      );
    }
    if (!trace.wants(TRACE_ALL, 0)) return;
    trace.write(MINIPORT_TRACE.CHAIN, 0, this.#queueId, count, flags, this.#processor, 0);
  }

  /** The first `count` NBLs of `chain`, whose buffers were posted from descriptor `slot` on; `mask` is the ring's. */
  returned(chain: NetBufferList, count: number, slot: number, mask: number): void {
    const { trace } = this.#context;
    for (let i = 0, nbl = chain; i < count; i++, nbl = nbl.next as NetBufferList) {
      if (!trace.wants(TRACE_ALL, nbl.stamp)) continue;
      const buffer = bufferOf(nbl);
      const at = (slot + i) & mask;
      trace.write(MINIPORT_TRACE.RETURNED, nbl.stamp, this.#queueId, buffer, at, this.#processor, 0);
    }
  }

  /** A completion that is not believed; `word` is its first. */
  damaged(buffer: number, word: number): void {
    const { trace } = this.#context;
    if (!trace.wants(TRACE_ALL, 0)) return;
    trace.write(MINIPORT_TRACE.DAMAGED, 0, this.#queueId, buffer, word, this.#processor, 0);
  }
}
