/** Whom a request is for: what the handlers of all OIDs share. */
import type { MiniportAdapter } from '@vmq/ddi';
import type { CurrentSet } from '../queues/current-set.ts';
import type { QueueFree } from '../queues/queue-free.ts';
import type { AdapterContext } from './adapter-context.ts';

/** What a request may act on. */
export interface OidTarget {
  readonly adapter: MiniportAdapter;
  readonly context: AdapterContext;
  readonly currentSet: CurrentSet;
  readonly queueFree: QueueFree;
}
