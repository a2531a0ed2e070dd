/**
 * An OID dispatch table: which handler answers which OID and which kinds of request. It knows neither device nor
 * adapter, so that any miniport can use it.
 *
 *   request ──OID──> handler? ──request type──> it takes that? ──> handle(target, request)
 *                └─ no ──────────────────────└─ no ──> NDIS_STATUS_NOT_SUPPORTED
 *
 * IRQL: PASSIVE_LEVEL, as MiniportOidRequest.
 */
import { NDIS_STATUS_NOT_SUPPORTED } from '@vmq/abi';
import {
  NdisRequestMethod,
  NdisRequestQueryInformation,
  NdisRequestQueryStatistics,
  NdisRequestSetInformation,
  type OidRequest,
} from '@vmq/ddi';

/** Kinds of request, as {@link OidHandler.types} names them. */
export const METHOD: readonly number[] = [NdisRequestMethod];
export const SET: readonly number[] = [NdisRequestSetInformation];
export const QUERY: readonly number[] = [NdisRequestQueryInformation, NdisRequestQueryStatistics];

export interface OidHandler<Target> {
  /** NDIS_REQUEST_TYPE values it takes; others get NOT_SUPPORTED (INIT-13). */
  readonly types: readonly number[];
  /** Returns an NDIS_STATUS; PENDING if it completes the request later. */
  handle(target: Target, request: OidRequest): number;
}

export class OidDispatchTable<Target> {
  readonly #handlers: ReadonlyMap<number, OidHandler<Target>>;

  constructor(handlers: Iterable<readonly [number, OidHandler<Target>]>) {
    this.#handlers = new Map(handlers);
  }

  /** SupportedOidList of the general attributes. */
  get supportedOids(): readonly number[] {
    return [...this.#handlers.keys()];
  }

  /** The handler's status, or NDIS_STATUS_NOT_SUPPORTED. */
  dispatch(target: Target, request: OidRequest): number {
    const handler = this.#handlers.get(request.oid);
    if (handler === undefined || !handler.types.includes(request.requestType))
      return NDIS_STATUS_NOT_SUPPORTED;
    return handler.handle(target, request);
  }
}
