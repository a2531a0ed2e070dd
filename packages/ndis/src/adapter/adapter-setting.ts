/** What an adapter is made of: its driver and resources, and the host's parts that it shares with others. */

import type {
  FilterDriver,
  MiniportDriver,
  MiniportInterposer,
  MiniportResources,
  SharedMemoryProvider,
} from '@vmq/ddi';
import type { DmaDomain, Executor, Machine } from '@vmq/machine';
import type { DataPlane } from '../datapath/data-plane.ts';
import type { NdisTimers } from '../diagnostics/ndis-timers.ts';
import type { NdisTraceWriter } from '../diagnostics/ndis-trace.ts';
import type { AdapterRefusals } from '../diagnostics/refusal-log.ts';
import type { WorkItems } from '../diagnostics/work-items.ts';
import type { RssProcessorSet, VectorPool } from '../memory/interrupt-messages.ts';

export interface AdapterSetting {
  readonly name: string;
  readonly driver: MiniportDriver;
  readonly resources: MiniportResources;
  readonly keywords: Readonly<Record<string, number | string>>;
  readonly rss: RssProcessorSet;
  readonly hostVersion: 620 | 630;
  readonly machine: Machine;
  readonly executor: Executor;
  readonly dataPlane: DataPlane;
  readonly work: WorkItems;
  readonly timers: NdisTimers;
  readonly vectors: VectorPool;
  readonly log: AdapterRefusals;
  readonly trace: NdisTraceWriter;
  /** Filter drivers whose modules attach to this adapter, lowest first. */
  filterDrivers(): readonly FilterDriver[];
  provider(): SharedMemoryProvider | null;
  /** What stands between NDIS and the miniport, if anything. */
  interposer(): MiniportInterposer | null;
  createDomain(name: string): DmaDomain;
  /** Number of the next binding on this host. */
  nextBinding(): number;
}
