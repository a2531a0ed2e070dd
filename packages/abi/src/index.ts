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

export type { StructCodec, StructInput } from './codec.ts';
export { type AnyStruct, codecOf, structNames } from './codec-by-name.ts';
export * from './generated/constants.ts';
export * from './generated/enums.ts';
export * from './generated/structs.ts';
export type { NdisVersion, StructLayout } from './layout.ts';
export { enumName, oidName, oidUse, statusName } from './names.ts';
export type { OidRequestKind, OidUse } from './oid-use.ts';
export type { DecodeOptions, EncodeOptions } from './options.ts';
export { type DecodeResult, type Refusal, type RefusalReason, refusalStatus, refusalText } from './result.ts';
