/**
 * A host at one moment, as data: whatever shows a host, plans with it or measures it reads this and nothing else, so it may
 * do so in another thread, in another process, or later. It survives a structured clone, and nothing in it changes.
 */
import type { LedgerReport } from '@vmq/machine';
import type { AdapterReport } from '@vmq/ndis';
import type { SwitchReport } from '@vmq/vswitch';
import type { HostConfig } from '../config/config.ts';

export interface HostView {
  readonly config: HostConfig;
  readonly executor: 'deterministic' | 'threads';
  readonly processors: number;
  /** The machine's clock, nanoseconds. */
  readonly nanoseconds: number;
  /** Processors that the switch spreads VM queues over, in this order. */
  readonly vmqProcessors: readonly number[];
  readonly ledger: LedgerReport;
  /** NDIS's books of the adapter. */
  readonly adapter: AdapterReport;
  /** What the NIC has counted, by QueueId. */
  readonly queues: readonly QueueView[];
  readonly virtualSwitch: SwitchReport;
  /** The VMs that are here, in the order of their coming. */
  readonly vms: readonly VmView[];
}

export interface QueueView {
  readonly queueId: number;
  /** Frames and bytes that the NIC wrote to the queue's buffers. */
  readonly frames: number;
  readonly bytes: number;
  readonly droppedNoDescriptor: number;
}

export interface VmView {
  readonly name: string;
  /** Its port of the switch, 0 = none yet. */
  readonly port: number;
  /** Bytes of its partition. */
  readonly memoryBytes: number;
  /** Somebody has paused its virtual processor. */
  readonly isPaused: boolean;
  /** It is on its way to another host. */
  readonly isMoving: boolean;
  /** What its driver has counted, by the names of GUEST_STATISTICS of `@vmq/guest`. */
  readonly statistics: Readonly<Record<string, number>>;
}
