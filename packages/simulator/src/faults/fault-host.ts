/** What of a host the faults reach it by: every `Host` of `@vmq/host` is one. */

import type { SharedMemoryProvider } from '@vmq/ddi';
import type { Executor, Machine } from '@vmq/machine';
import type { Ndis, NdisAdapter } from '@vmq/ndis';
import type { SharedMemoryManager } from '@vmq/shared-memory';

export interface FaultHost {
  readonly machine: Machine;
  readonly executor: Executor;
  readonly sharedMemory: SharedMemoryManager;
  readonly ndis: Ndis;
  readonly adapter: NdisAdapter;
  readonly virtualSwitch: { readonly sharedMemoryProvider: SharedMemoryProvider };
  readonly wire: FaultWire;
  readonly vmNames: readonly string[];
}

/** The far end of the cable; see `HostWire` of `@vmq/host`. */
export interface FaultWire {
  send(bytes: Uint8Array, offset: number, length: number): number;
  flush(): void;
  receive(take: (bytes: Uint8Array, offset: number, length: number) => void): number;
}
