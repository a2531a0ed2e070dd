/**
 * What all OID families share: the verdict NDIS reaches about a request before a miniport may see it, and the
 * checks of lengths and rules that lead to it.
 *
 *   request ──kind?──rules──lengths──rules──> refused (status, rule written down)
 *                                        ├──> answered by NDIS from its own records
 *                                        └──> down to the miniport; `complete` takes its status back up
 */
import {
  type DecodeResult,
  NDIS_STATUS_INVALID_LENGTH,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_SUCCESS,
  type Refusal,
  refusalStatus,
  refusalText,
  type StructCodec,
} from '@vmq/abi';
import type { OidRequest } from '@vmq/ddi';
import type { BrokenRule } from '../diagnostics/refusal-log.ts';
import type { AdapterCore } from '../records/adapter-core.ts';
import { abiVersion } from '../records/capabilities.ts';

/** A request on its way through NDIS. */
export interface OidCall {
  readonly core: AdapterCore;
  /** Number of the binding it came through; 0 for user mode and NDIS itself. */
  readonly owner: number;
  readonly request: OidRequest;
}

export type Verdict =
  | { readonly kind: 'done'; readonly status: number }
  | {
      readonly kind: 'down';
      /** What the miniport is given, where it is not the caller's request itself. */
      readonly request?: OidRequest;
      /** Updates NDIS's records with the miniport's final status; returns the caller's. */
      complete(status: number): number;
      /** A reset in the middle: NDIS holds the request and issues it again afterwards (LIFE-14). */
      readonly reissueAfterReset?: boolean;
    };

export function done(status: number): Verdict {
  return { kind: 'done', status };
}

export type Ids = Readonly<Record<string, number | string>>;

export function refuse(call: OidCall, broken: BrokenRule, found: string, ids: Ids = {}): Verdict {
  return done(call.core.log.refuse(broken, found, ids, call.request.oid));
}

/** A named rule about a request's contents. */
export interface RequestRule<Subject> extends BrokenRule {
  /** What was found instead, or null if the rule holds. */
  found(subject: Subject): string | null;
}

/** The refusal of the first broken rule, or null if all hold. */
export function firstBroken<Subject>(
  call: OidCall,
  rules: readonly RequestRule<Subject>[],
  subject: Subject,
  ids: Ids = {},
): Verdict | null {
  for (const rule of rules) {
    const found = rule.found(subject);
    if (found !== null) return refuse(call, rule, found, ids);
  }
  return null;
}

/** INIT-10: requests for something new need VMQ current. */
export function refuseWithoutVmq(call: OidCall): Verdict | null {
  if (call.core.capabilities.vmqCurrent) return null;
  return refuse(
    call,
    { rule: 'INIT-10', status: NDIS_STATUS_NOT_SUPPORTED, expected: 'VMQ in the current capabilities' },
    call.core.capabilities.current === null ? 'no receive filtering' : 'VMQ not enabled',
  );
}

function refuseLength(call: OidCall, rule: string, needed: number, found: number): Verdict {
  call.request.bytesNeeded = needed;
  return refuse(
    call,
    { rule, status: NDIS_STATUS_INVALID_LENGTH, expected: `at least ${needed} bytes` },
    `${found} bytes`,
  );
}

/** The refusal of undecodable bytes: INVALID_LENGTH with BytesNeeded, or INVALID_PARAMETER. */
function refuseBytes<T>(
  call: OidCall,
  codec: StructCodec<T>,
  geometryRule: string,
  refusal: Refusal,
  given: number,
): Verdict {
  if (refusal.reason !== 'short')
    return refuse(
      call,
      { rule: geometryRule, status: refusalStatus(refusal), expected: codec.name },
      refusalText(refusal),
    );
  // Without a header there is no telling which revision is coming: ask for the newest, so that a second try
  // passes (INIT-12).
  const newest = codec.sizeOf(codec.newestRevision(abiVersion(call.core.version)) || undefined);
  const needed = Math.max(refusal.bytesNeeded ?? 0, given < codec.minimumSize ? newest : 0);
  return refuseLength(call, refusal.field === '' ? 'INIT-12' : geometryRule, needed, given);
}

/** Reads the input structure. `geometryRule` names the rule that malformed contents break. */
export function readInput<T>(
  call: OidCall,
  codec: StructCodec<T>,
  geometryRule: string,
): { readonly value: T; readonly refusal: null } | { readonly value: null; readonly refusal: Verdict } {
  const { request } = call;
  const input = request.informationBuffer.subarray(0, request.inputBufferLength);
  const decoded: DecodeResult<T> = codec.decode(input, { ndis: abiVersion(call.core.version) });
  if (decoded.ok) {
    request.bytesRead = Math.min(decoded.bytesRead, request.inputBufferLength);
    return { value: decoded.value, refusal: null };
  }
  return { value: null, refusal: refuseBytes(call, codec, geometryRule, decoded.refusal, input.length) };
}

/** INIT-12 for the answer's side of a method request; null if there is room. */
export function refuseShortOutput(call: OidCall, needed: number): Verdict | null {
  const room = call.request.outputBufferLength;
  return room >= needed ? null : refuseLength(call, 'INIT-12', needed, room);
}

/** Answers with `bytes`, or INVALID_LENGTH if there is no room for them. */
export function answer(call: OidCall, bytes: Uint8Array): Verdict {
  const short = refuseShortOutput(call, bytes.length);
  if (short !== null) return short;
  call.request.informationBuffer.set(bytes);
  call.request.bytesWritten = bytes.length;
  return done(NDIS_STATUS_SUCCESS);
}

/** Byte offset of a 32-bit member, for NDIS's own writes into a request's buffer. */
export function memberOffset<T>(codec: StructCodec<T>, member: keyof T & string): number {
  const field = codec.layout.fields.find(({ name }) => name === member);
  if (field === undefined) throw new Error(`${codec.name} has no member ${member}`);
  return field.offset;
}

export function readU32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset, true);
}

export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).setUint32(offset, value, true);
}
