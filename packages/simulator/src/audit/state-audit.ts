/** NDIS's books of an adapter: ids unique and in range, states as the filters say, transitions as the tables allow. */
import type { NdisAdapter } from '@vmq/ndis';
import { fail } from './simulation-failure.ts';

type AdapterReport = ReturnType<NdisAdapter['inspect']>;

/** States that an adapter can be seen in one step later. A control call may pass several. */
const SETTLED: ReadonlySet<string> = new Set(['Halted', 'Paused', 'Running', 'Pausing', 'Restarting']);
/** Filters a queue may have in its state: none, some, or either. */
const FILTERS: Readonly<Record<string, 'none' | 'some' | 'either'>> = {
  Allocated: 'none',
  Set: 'some',
  Running: 'some',
  Paused: 'none',
  StopDma: 'none',
  Freeing: 'none',
};

export class StateAudit {
  readonly #name: string;
  #adapter: NdisAdapter;
  #halted = false;

  constructor(name: string, adapter: NdisAdapter) {
    this.#name = name;
    this.#adapter = adapter;
  }

  /** Another adapter is in its place. */
  replace(adapter: NdisAdapter): void {
    this.#adapter = adapter;
    this.#halted = false;
  }

  check(): AdapterReport {
    const report = this.#adapter.inspect();
    const illegal = (text: string): never => fail('legal states', `${this.#name}: ${text}`);
    if (!SETTLED.has(report.state)) illegal(`the adapter is ${report.state} between two steps`);
    if (this.#halted && report.state !== 'Halted') illegal(`the adapter went from Halted to ${report.state}`);
    this.#halted = report.state === 'Halted';
    // The current set may be withdrawn while queues and filters exist (CAP-31).
    const capabilities = report.hardwareCapabilities;
    const mostQueues = capabilities?.NumQueues ?? 0;
    const mostFilters = capabilities?.MaxMacHeaderFilters ?? 0;
    const queues = new Map<number, AdapterReport['queues'][0]>();
    for (const queue of report.queues) {
      if (queues.has(queue.queueId)) illegal(`two queues ${queue.queueId}`);
      if (queue.queueId > mostQueues) illegal(`queue ${queue.queueId} of ${mostQueues}`);
      queues.set(queue.queueId, queue);
      if (queue.queueId === 0) continue;
      const rule = FILTERS[queue.state];
      if (rule === undefined) illegal(`queue ${queue.queueId} is ${queue.state}`);
      if (rule === 'none' && queue.filters > 0)
        illegal(`queue ${queue.queueId} is ${queue.state} with filters`);
      if (rule === 'some' && queue.filters === 0)
        illegal(`queue ${queue.queueId} is ${queue.state} without filters`);
    }
    const filters = new Set<number>();
    for (const { filterId, queueId } of report.filters) {
      if (filters.has(filterId)) illegal(`two filters ${filterId}`);
      if (filterId < 1) illegal(`a filter ${filterId}`);
      filters.add(filterId);
      if (!queues.has(queueId)) illegal(`filter ${filterId} is on queue ${queueId}, which is not there`);
    }
    if (filters.size > mostFilters) illegal(`${filters.size} filters of ${mostFilters}`);
    return report;
  }
}
