/** Whom a request is for: what the handlers of all OIDs share. */
import type { MiniportAdapter } from '@vmq/ndis';
import type { AdapterContext } from './adapter-context.ts';
import type { CurrentSet } from './current-set.ts';
import type { QueueFree } from './queue-free.ts';

/** What a request may act on. */
export interface OidTarget {
  readonly adapter: MiniportAdapter;
  readonly context: AdapterContext;
  readonly currentSet: CurrentSet;
  readonly queueFree: QueueFree;
}
