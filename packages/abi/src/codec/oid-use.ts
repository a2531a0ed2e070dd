/** What an OID is for: the rows of the generated table behind `oidUse`. */
import type { NdisVersion } from './layout.ts';

export type OidRequestKind = 'query' | 'set' | 'method';

/** How an OID is used: allowed requests, and the structures of its information buffer. */
export interface OidUse {
  readonly name: string;
  readonly value: number;
  readonly requests: readonly OidRequestKind[];
  /** Structure the caller passes in; null when there is none. */
  readonly in: string | null;
  /** Structure that comes back; null when there is none. */
  readonly out: string | null;
  readonly minNdis: NdisVersion;
}
