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
  readonly requestId: number;
  // What the driver that handles it fills in:
  bytesRead: number;
  bytesWritten: number;
  bytesNeeded: number;
  /** Revision of the structure the miniport supports; filled on a successful set (INIT-14). */
  supportedRevision: number;
}

let lastRequestId = 0;

/** A query request with room for `outputBufferLength` bytes of answer. */
export function queryRequest(oid: number, outputBufferLength: number): OidRequest {
  return makeRequest(
    NdisRequestQueryInformation,
    oid,
    new Uint8Array(outputBufferLength),
    0,
    outputBufferLength,
  );
}

/** A user-mode statistics query (QUE-34). */
export function queryStatisticsRequest(oid: number, outputBufferLength: number): OidRequest {
  return makeRequest(
    NdisRequestQueryStatistics,
    oid,
    new Uint8Array(outputBufferLength),
    0,
    outputBufferLength,
  );
}

/** A set request; `input` is used as the information buffer itself. */
export function setRequest(oid: number, input: Uint8Array): OidRequest {
  return makeRequest(NdisRequestSetInformation, oid, input, input.length, 0);
}

/** A method request: `input` in, up to `outputBufferLength` bytes out (default: as many as went in). */
export function methodRequest(
  oid: number,
  input: Uint8Array,
  outputBufferLength: number = input.length,
): OidRequest {
  const buffer = new Uint8Array(Math.max(input.length, outputBufferLength));
  buffer.set(input);
  return makeRequest(NdisRequestMethod, oid, buffer, input.length, outputBufferLength);
}

function makeRequest(
  requestType: NdisRequestType,
  oid: number,
  informationBuffer: Uint8Array,
  inputBufferLength: number,
  outputBufferLength: number,
): OidRequest {
  return {
    requestType,
    oid,
    informationBuffer,
    inputBufferLength,
    outputBufferLength,
    portNumber: 0,
    timeoutSeconds: 10,
    requestId: ++lastRequestId,
    bytesRead: 0,
    bytesWritten: 0,
    bytesNeeded: 0,
    supportedRevision: 0,
  };
}

/** The answer's bytes: what was written of the information buffer. */
export function outputOf(request: OidRequest): Uint8Array {
  return request.informationBuffer.subarray(0, request.bytesWritten);
}
