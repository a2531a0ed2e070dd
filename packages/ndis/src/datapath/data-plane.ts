/**
 * How the control path reaches the data paths on the processors: by messages that survive a structured clone,
 * published by the executor.
 */

import type { FilterImage } from '@vmq/ddi';
import type { NdisDataPathImage } from './data-path-router.ts';
import type { ReceiversImage } from './receivers.ts';

/** Whom a message is for. */
export type DataPlaneComponent = 'miniport' | 'filter' | 'protocol' | 'ndis';

/** Supplied by the host, which knows its processors' agents. */
export interface DataPlane {
  post(adapterName: string, component: DataPlaneComponent, processor: number | 'all', message: unknown): void;
}

/** What the host puts into a processor agent's inbox; `receive` of an `NdisProcessor` takes it. */
export interface DataPlaneEnvelope {
  readonly adapter: string;
  readonly component: DataPlaneComponent;
  readonly message: unknown;
}

/** Messages of component `filter`: for the data path of one module. */
export interface FilterDataPlaneMessage {
  readonly number: number;
  readonly message: unknown;
}

/** Messages of component `protocol`: for the data path of one binding. */
export interface ProtocolDataPlaneMessage {
  readonly number: number;
  readonly message: unknown;
}

/** Messages of component `ndis`: which data paths there are. */
export type NdisDataPlaneMessage =
  | {
      readonly op: 'attach miniport';
      /** '' = none: a protocol's data paths alone. */
      readonly factory: string;
      readonly image: unknown;
      readonly path: NdisDataPathImage;
      /** Filter modules with a data path, lowest first. */
      readonly filters: readonly FilterImage[];
    }
  | { readonly op: 'bypass filter'; readonly number: number }
  /** `number`: of the binding. */
  | {
      readonly op: 'attach protocol';
      readonly number: number;
      readonly factory: string;
      readonly image: unknown;
    }
  | { readonly op: 'detach protocol'; readonly number: number }
  | { readonly op: 'receivers'; readonly receivers: ReceiversImage }
  | { readonly op: 'detach miniport' };
