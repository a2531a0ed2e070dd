/**
 * The public shape of a codec: one object per NDIS structure, named as in the headers.
 */

import { decodeStruct } from './decode.ts';
import { encodedLength, encodeStruct } from './encode.ts';
import { type NdisVersion, newestRevision, type StructLayout, strideOf } from './layout.ts';
import type { DecodeOptions, EncodeOptions } from './options.ts';
import type { DecodeResult } from './result.ts';

/**
 * What `encode` takes: any part of the value. A missing member is zero, as after NdisZeroMemory; the
 * header, the element count, offset and stride are filled in.
 */
export type StructInput<T> = unknown extends T
  ? unknown
  : T extends number | bigint | string | Uint8Array
    ? T
    : T extends readonly (infer E)[]
      ? readonly StructInput<E>[]
      : { readonly [K in keyof T]?: StructInput<T[K]> | undefined };

export interface StructCodec<T> {
  /** Header spelling, e.g. `NDIS_RECEIVE_QUEUE_PARAMETERS`. */
  readonly name: string;
  readonly layout: StructLayout;
  /** Size in bytes of the oldest revision: fewer bytes are never enough. */
  readonly minimumSize: number;
  /**
   * Reads the structure at the start of `bytes`. Longer buffers are accepted. Never throws and never
   * reads outside `bytes`; the value shares no memory with it.
   */
  decode(bytes: Uint8Array, options?: DecodeOptions): DecodeResult<T>;
  /**
   * Writes the structure, and its array if it has one; padding and gaps are zero.
   * `Header.Type` and `Header.Size` always follow from the layout.
   *
   * @throws RangeError naming the member when a value does not fit it: a programmer's mistake.
   */
  encode(value: StructInput<T>, options?: EncodeOptions): Uint8Array;
  /** The length that `encode` would give, without encoding: for `BytesNeeded`. */
  encodedLength(value: StructInput<T>, options?: EncodeOptions): number;
  /** Size in bytes of a revision (`NDIS_SIZEOF_..._REVISION_n`); default the newest. Not sizeof. */
  sizeOf(revision?: number): number;
  /** sizeof of a revision in C, tail padding included: the usual distance of array elements. */
  strideOf(revision?: number): number;
  /** The newest revision that an NDIS version knows, or 0 if it does not know the structure. Default 630. */
  newestRevision(ndis?: NdisVersion): number;
}

/** Builds the codec of a layout. `T` must be the type generated beside that layout. */
export function structCodec<T>(layout: StructLayout): StructCodec<T> {
  const revisionOf = (revision: number | undefined) => {
    const found =
      revision === undefined
        ? layout.revisions.at(-1)
        : layout.revisions.find((r) => r.revision === revision);
    if (found === undefined) throw new RangeError(`${layout.name} has no revision ${revision}`);
    return found;
  };
  return {
    name: layout.name,
    layout,
    minimumSize: layout.revisions[0].size,
    // The engine builds exactly what the layout says; the generator derives T from the same layout.
    decode: (bytes, options) => decodeStruct(layout, bytes, options?.ndis ?? 630) as DecodeResult<T>,
    encode: (value, options) => encodeStruct(layout, value, options ?? {}),
    encodedLength: (value, options) => encodedLength(layout, value, options ?? {}),
    sizeOf: (revision) => revisionOf(revision).size,
    strideOf: (revision) => strideOf(layout, revisionOf(revision)),
    newestRevision: (ndis) => newestRevision(layout, ndis ?? 630)?.revision ?? 0,
  };
}
