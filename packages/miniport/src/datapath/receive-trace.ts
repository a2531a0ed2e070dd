/** What a receive queue tells the trace: frames indicated, buffers returned, completions not believed. */

import type { NetBufferList } from '@vmq/ddi';
import { type AgentContext, TRACE_ALL } from '@vmq/machine';
import { MINIPORT_TRACE } from '../model/trace-kinds.ts';

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

  indicated(chain: NetBufferList, count: number, flags: number): void {
    const { trace } = this.#context;
    let place = 0;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      place++;
      if (!trace.wants(TRACE_ALL, nbl.stamp)) continue;
      const buffer = nbl.originatorReserved & 0xffff;
      const length = nbl.firstNetBuffer.dataLength;
      trace.write(MINIPORT_TRACE.INDICATED, nbl.stamp, this.#queueId, buffer, length, this.#processor, place);
    }
    if (!trace.wants(TRACE_ALL, 0)) return;
    trace.write(MINIPORT_TRACE.CHAIN, 0, this.#queueId, count, flags, this.#processor, 0);
  }

  returned(stamp: number, buffer: number, slot: number): void {
    const { trace } = this.#context;
    if (!trace.wants(TRACE_ALL, stamp)) return;
    trace.write(MINIPORT_TRACE.RETURNED, stamp, this.#queueId, buffer, slot, this.#processor, 0);
  }

  /** `word` is the completion's first. */
  damaged(buffer: number, word: number): void {
    const { trace } = this.#context;
    if (!trace.wants(TRACE_ALL, 0)) return;
    trace.write(MINIPORT_TRACE.DAMAGED, 0, this.#queueId, buffer, word, this.#processor, 0);
  }
}
