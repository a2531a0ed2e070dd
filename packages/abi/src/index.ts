/**
 * `@vmq/abi`: NDIS constants, and codecs for the structures that travel in OID and status buffers.
 *
 * Everything is spelled as in the Windows headers and laid out as on x64: little-endian, 8-byte
 * pointers. One object per structure reads and writes its bytes:
 *
 * ```text
 *   value  --NDIS_RECEIVE_QUEUE_PARAMETERS.encode-->  bytes
 *   bytes  --NDIS_RECEIVE_QUEUE_PARAMETERS.decode-->  { ok: true, value } | { ok: false, refusal }
 * ```
 *
 * Decoding trusts nothing: for any bytes it returns a value or a refusal that says which member was
 * wrong and whether a longer buffer would help. Encoding trusts the program: it throws a RangeError
 * when a value does not fit.
 *
 * @module
 */

export type { StructCodec, StructInput } from './codec/codec.ts';
export type { NdisVersion, StructLayout } from './codec/layout.ts';
export type { OidRequestKind, OidUse } from './codec/oid-use.ts';
export type { DecodeOptions, EncodeOptions } from './codec/options.ts';
export {
  type DecodeResult,
  type Refusal,
  type RefusalReason,
  refusalStatus,
  refusalText,
} from './codec/result.ts';
export * from './generated/constants/all.ts';
export * from './generated/constants/enums.ts';
export * from './generated/structs/all.ts';
export { type AnyStruct, codecOf, structNames } from './names/codec-by-name.ts';
export { enumName, oidName, oidUse, statusName } from './names/names.ts';
