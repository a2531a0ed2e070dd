import { NDIS_STATUS_INVALID_LENGTH, NDIS_STATUS_INVALID_PARAMETER } from '../generated/constants/all.ts';

/**
 * Why a buffer was refused.
 *
 * `short` is the only reason that more bytes would cure: the fixed part or its array runs past the
 * buffer. NDIS answers it with NDIS_STATUS_INVALID_LENGTH and `bytesNeeded`; every other reason with
 * NDIS_STATUS_INVALID_PARAMETER (FLT-06, QUE-18).
 */
export type RefusalReason =
  /** Fewer bytes than the structure, or than its array, needs. */
  | 'short'
  /** `Header.Type` is another object's, or `Header.Size` is smaller than the stated revision. */
  | 'bad-header'
  /** `Header.Revision` is zero, or this NDIS version does not know the structure. */
  | 'bad-revision'
  /** The array would begin inside the head. */
  | 'bad-offset'
  /** The stride is smaller than an element. */
  | 'bad-stride'
  /** A counted string's length is odd or exceeds its room. */
  | 'bad-string';

export interface Refusal {
  readonly reason: RefusalReason;
  /** Path of the member at fault, e.g. `elements[1].Header.Type`; empty for the buffer itself. */
  readonly field: string;
  readonly expected: string;
  readonly found: string;
  /** With `short`: the length in bytes that would do, at most 0xFFFFFFFF as it goes into a ULONG. */
  readonly bytesNeeded?: number;
}

export type DecodeResult<T> =
  | {
      readonly ok: true;
      readonly value: T;
      /** End of the last byte that the value was taken from, gaps included. */
      readonly bytesRead: number;
    }
  | { readonly ok: false; readonly refusal: Refusal };

/** One line for traces and error messages. */
export function refusalText(refusal: Refusal): string {
  const where = refusal.field === '' ? 'buffer' : refusal.field;
  return `${refusal.reason}: ${where}: expected ${refusal.expected}, found ${refusal.found}`;
}

/** The status an OID request gets for the refusal: INVALID_LENGTH for `short`, else INVALID_PARAMETER. */
export function refusalStatus(refusal: Refusal): number {
  return refusal.reason === 'short' ? NDIS_STATUS_INVALID_LENGTH : NDIS_STATUS_INVALID_PARAMETER;
}
