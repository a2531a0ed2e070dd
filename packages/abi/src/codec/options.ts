/** Whose view of a structure a codec takes. */
import type { NdisVersion } from './layout.ts';

export interface DecodeOptions {
  /** The view of the reader: 620 reads a later revision as the newest that NDIS 6.20 knows. Default 630. */
  readonly ndis?: NdisVersion;
}

export interface EncodeOptions {
  /** Revision of the structure. Default: the value's `Header.Revision`, else the newest of `ndis`. */
  readonly revision?: number;
  /**
   * Whose newest revision to write where none is stated, array elements included. Default: 620 when the
   * head's revision is older than its newest, else 630.
   */
  readonly ndis?: NdisVersion;
  /** Write at the start of this buffer and return that part of it. It must be long enough. */
  readonly into?: Uint8Array;
}
