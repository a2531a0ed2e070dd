/** What the OID families know of an adapter: its records and its limits, not its drivers. */

import type { MiniportAdapterAttributes } from '@vmq/ddi';
import type { NdisTraceWriter } from '../diagnostics/ndis-trace.ts';
import type { QueueEvent } from '../diagnostics/queue-states.ts';
import type { AdapterRefusals } from '../diagnostics/refusal-log.ts';
import type { Capabilities, MiniportVersion } from './capabilities.ts';
import type { ReceiveFilterBook } from './receive-filter.ts';
import type { ReceiveQueue, ReceiveQueueBook } from './receive-queue.ts';
import type { Reception } from './reception.ts';

/** NIC-switch capability sets as registered or indicated; carried, not interpreted. */
export interface NicSwitchSets {
  hardwareNicSwitchCapabilities: Uint8Array | null;
  nicSwitchCapabilities: Uint8Array | null;
}

/** The general attributes, with what was left out, and the link as it is now. */
export type GeneralInformation = Required<Extract<MiniportAdapterAttributes, { readonly type: 'general' }>>;

/** What of the miniport's attributes requests are held against and answered from. */
export interface RequestAttributes extends NicSwitchSets {
  /** Null before they are set. */
  general: GeneralInformation | null;
}

export interface AdapterCore {
  readonly name: string;
  /** NDIS version of the miniport: decides what a request may ask for. */
  readonly version: MiniportVersion;
  readonly capabilities: Capabilities;
  readonly queues: ReceiveQueueBook;
  readonly filters: ReceiveFilterBook;
  readonly reception: Reception;
  readonly log: AdapterRefusals;
  /** Tells of a rare branch; see `Machine.reach`. */
  readonly reach: (mark: string) => void;
  readonly trace: NdisTraceWriter;
  /** Bit n = processor n exists. */
  readonly processorMask: bigint;
  /** The miniport was told of its surprise removal. */
  readonly removed: boolean;
  /** VMQ on encapsulated packets (NVGRE): whether the hardware can do it, and whether it does. */
  readonly encapsulation: { readonly supported: boolean; enabled: boolean };
  readonly attributes: RequestAttributes;
  /** What bindings are to receive may have changed: their filters on queue 0, queues, packet filters, addresses. */
  receptionChanged(): void;
  /** Shared-memory allocations that the miniport still has for a queue. */
  sharedMemoryLeft(queueId: number): number;
  /** Says to the data paths whether frames may be indicated on a queue (QUE-38). */
  allowIndications(queueId: number, allowed: boolean): void;
}

/** Frames may be indicated on a Running queue, and on one that `isAboutToRun` by what the miniport is handling. */
export function aimIndications(core: AdapterCore, queue: ReceiveQueue, isAboutToRun: boolean = false): void {
  core.allowIndications(queue.id, isAboutToRun || queue.state === 'Running');
}

/** The event, once it has happened, has the queue run. */
export function makesRunning(queue: ReceiveQueue, event: QueueEvent): boolean {
  const step = queue.transition(event);
  return step.ok && step.next === 'Running';
}

/** Moves a queue and leaves a trace of it. */
export function moveQueue(core: AdapterCore, queue: ReceiveQueue, event: QueueEvent): void {
  const from = queue.state;
  queue.apply(event);
  aimIndications(core, queue);
  core.trace.queueState(queue.id, from, queue.state);
}
