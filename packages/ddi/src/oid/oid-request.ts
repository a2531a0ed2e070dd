/**
 * NDIS_OID_REQUEST: a query, set or method request that travels down the stack with its bytes.
 *
 * The information buffer has the exact C layout of the structure that the OID names (see `@vmq/abi`), so short
 * buffers, revisions and captured requests behave as on Windows.
 */

/** NDIS_REQUEST_TYPE, as far as OID requests use it. */
export const NdisRequestQueryInformation = 0;
export const NdisRequestSetInformation = 1;
export const NdisRequestQueryStatistics = 2;
export const NdisRequestMethod = 12;

export type NdisRequestType =
  | typeof NdisRequestQueryInformation
  | typeof NdisRequestSetInformation
  | typeof NdisRequestQueryStatistics
  | typeof NdisRequestMethod;

export interface OidRequest {
  readonly requestType: NdisRequestType;
  readonly oid: number;
  /**
   * InformationBuffer. Query: output. Set: input. Method: input of `inputBufferLength` bytes, overwritten with
   * output of at most `outputBufferLength` bytes; the buffer is as long as the larger of both.
   */
  readonly informationBuffer: Uint8Array;
  readonly inputBufferLength: number;
  readonly outputBufferLength: number;
  readonly portNumber: number;
  readonly timeoutSeconds: number;
  /** What its maker cancels it by; unlike his others under way. 0: it is never cancelled. */
  readonly requestId: number;
  // What the driver that handles it fills in:
  bytesRead: number;
  bytesWritten: number;
  bytesNeeded: number;
  /** Revision of the structure the miniport supports; filled on a successful set (INIT-14). */
  supportedRevision: number;
}

/** A query request with room for `outputBufferLength` bytes of answer. */
export function queryRequest(oid: number, outputBufferLength: number, requestId: number = 0): OidRequest {
  const informationBuffer = new Uint8Array(outputBufferLength);
  return requestOf({
    requestType: NdisRequestQueryInformation,
    oid,
    informationBuffer,
    outputBufferLength,
    requestId,
  });
}

/** A user-mode statistics query (QUE-34). */
export function queryStatisticsRequest(
  oid: number,
  outputBufferLength: number,
  requestId: number = 0,
): OidRequest {
  return { ...queryRequest(oid, outputBufferLength, requestId), requestType: NdisRequestQueryStatistics };
}

/** A set request; `input` is used as the information buffer itself. */
export function setRequest(oid: number, input: Uint8Array, requestId: number = 0): OidRequest {
  return requestOf({
    requestType: NdisRequestSetInformation,
    oid,
    informationBuffer: input,
    inputBufferLength: input.length,
    requestId,
  });
}

/** A method request: `input` in, up to `outputBufferLength` bytes out (default: as many as went in). */
export function methodRequest(
  oid: number,
  input: Uint8Array,
  outputBufferLength: number = input.length,
  requestId: number = 0,
): OidRequest {
  const informationBuffer = new Uint8Array(Math.max(input.length, outputBufferLength));
  informationBuffer.set(input);
  return requestOf({
    requestType: NdisRequestMethod,
    oid,
    informationBuffer,
    inputBufferLength: input.length,
    outputBufferLength,
    requestId,
  });
}

/** A request as its maker fills it in, and nothing yet of what its handler does. */
function requestOf(
  asked: Pick<OidRequest, 'requestType' | 'oid' | 'informationBuffer' | 'requestId'> & Partial<OidRequest>,
): OidRequest {
  return {
    inputBufferLength: 0,
    outputBufferLength: 0,
    portNumber: 0,
    timeoutSeconds: 10,
    bytesRead: 0,
    bytesWritten: 0,
    bytesNeeded: 0,
    supportedRevision: 0,
    ...asked,
  };
}

/** The answer's bytes: what was written of the information buffer. */
export function outputOf(request: OidRequest): Uint8Array {
  return request.informationBuffer.subarray(0, request.bytesWritten);
}
