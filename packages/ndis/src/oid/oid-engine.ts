/**
 * The OID engine of one adapter: verifies requests, hands them to the miniport one at a time, and completes each
 * exactly once (requirements INIT-11 to INIT-14).
 *
 *   submit ──NDIS answers──> status
 *     │
 *     └─miniport idle?──no──> queue ──later──┐
 *              │ yes                         v
 *              └──────────> verify ──refused──> status / completion
 *                              │ ok
 *                              v
 *                       miniport.oidRequest ──status──> complete
 *                              └──PENDING──> … oidRequestComplete ──> complete ──> next of the queue
 *
 * A queued request is verified when its turn comes, against what the requests before it have done.
 *
 * Behind a reset come first the requests by which NDIS restores what the device has lost, then the free that the reset
 * aborted, then those that wait.
 */
import {
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_REQUEST_ABORTED,
  NDIS_STATUS_SUCCESS,
  oidName,
  statusName,
} from '@vmq/abi';
import {
  NdisRequestMethod,
  NdisRequestQueryInformation,
  NdisRequestQueryStatistics,
  NdisRequestSetInformation,
  type OidRequest,
} from '@vmq/ddi';
import type { AdapterCore } from '../records/adapter-core.ts';
import { type OidCall, refuse, type Verdict } from '../verification/oid-verification.ts';
import { handlingOf, NDIS_ITSELF } from './oid-table.ts';

/** What the engine needs of the miniport. */
export interface OidMiniport {
  /** `owner`: whose request it is. */
  oidRequest(request: OidRequest, owner: number): number;
  cancelOidRequest(requestId: number): void;
}

const REQUEST_TYPES: readonly number[] = [
  NdisRequestQueryInformation,
  NdisRequestSetInformation,
  NdisRequestQueryStatistics,
  NdisRequestMethod,
];

/** What is wrong with the request itself, whatever its OID: no driver has to look at such a one. Null if nothing. */
function refuseMalformed(call: OidCall): Verdict | null {
  const { requestType, informationBuffer, inputBufferLength, outputBufferLength } = call.request;
  if (!REQUEST_TYPES.includes(requestType)) {
    const expected = 'a query, set, method or statistics request';
    return refuse(
      call,
      { rule: 'INIT-13', status: NDIS_STATUS_NOT_SUPPORTED, expected },
      `request type ${requestType}`,
    );
  }
  const room = informationBuffer.length;
  const fits = (length: number): boolean => Number.isInteger(length) && length >= 0 && length <= room;
  if (fits(inputBufferLength) && fits(outputBufferLength)) return null;
  const expected = `lengths of at most the information buffer's ${room} bytes`;
  const found = `input ${inputBufferLength}, output ${outputBufferLength}`;
  return refuse(
    call,
    { rule: 'NdisOidBufferLengths', status: NDIS_STATUS_INVALID_PARAMETER, expected },
    found,
  );
}

type Down = Extract<Verdict, { readonly kind: 'down' }>;

interface Entry {
  readonly call: OidCall;
  readonly completed: (status: number) => void;
  /** Set while `submit` is on the stack: its return value takes the place of the completion. */
  synchronous: boolean;
  status: number;
}

interface InFlight {
  readonly entry: Entry;
  readonly verdict: Down;
  /** What the miniport was given. */
  readonly request: OidRequest;
}

export interface PendingOid {
  readonly requestId: number;
  readonly oid: number;
  readonly owner: number;
  readonly state: 'queued' | 'at the miniport' | 'held for the reset';
}

export class OidEngine {
  readonly #core: AdapterCore;
  readonly #miniport: OidMiniport;
  readonly #queue: Entry[] = [];
  /** NDIS's own, behind a reset. */
  readonly #restores: Entry[] = [];
  /** Aborted by a reset; to be issued again. */
  #held: InFlight | null = null;
  readonly #finished = new WeakSet<OidRequest>();
  #current: InFlight | null = null;
  #resetting = false;

  constructor(core: AdapterCore, miniport: OidMiniport) {
    this.#core = core;
    this.#miniport = miniport;
  }

  /** True if no request is queued or at the miniport. */
  get idle(): boolean {
    return (
      this.#current === null && this.#held === null && this.#queue.length === 0 && this.#restores.length === 0
    );
  }

  /**
   * The status, or PENDING and later one call of `completed`. Throws for a request object that is still on its
   * way.
   */
  submit(owner: number, request: OidRequest, completed: (status: number) => void): number {
    if (
      this.#current?.entry.call.request === request ||
      this.#held?.entry.call.request === request ||
      this.#queue.some((e) => e.call.request === request)
    )
      this.#core.log.fail(
        'NdisOidRequestReused',
        'a request that is not pending',
        `request ${request.requestId}`,
      );
    request.bytesRead = 0;
    request.bytesWritten = 0;
    request.bytesNeeded = 0;
    const call: OidCall = { core: this.#core, owner, request };
    const malformed = refuseMalformed(call);
    if (malformed?.kind === 'done') {
      this.#core.trace.oidRefused(request.oid, malformed.status, owner);
      return malformed.status;
    }
    const handling = handlingOf(request.oid, request.requestType);
    if (handling.by === 'ndis') {
      const verdict = handling.verify(call);
      if (verdict.kind === 'down') throw new Error(`${oidName(request.oid)}: NDIS answers it itself`);
      if (verdict.status !== NDIS_STATUS_SUCCESS)
        this.#core.trace.oidRefused(request.oid, verdict.status, owner);
      return verdict.status;
    }
    const entry: Entry = { call, completed, synchronous: true, status: NDIS_STATUS_PENDING };
    if (this.#current !== null) this.#core.reach('ndis.request-waits-for-another');
    this.#queue.push(entry);
    this.#pump();
    entry.synchronous = false;
    return entry.status;
  }

  /** The request that the miniport has, or null. */
  get atMiniport(): OidRequest | null {
    return this.#current?.request ?? null;
  }

  /** NdisMOidRequestComplete. Throws with the rule's name if the request is not the miniport's to complete. */
  completeFromMiniport(request: OidRequest, status: number): void {
    const current = this.#current;
    const text = `${oidName(request.oid)} (request ${request.requestId}) completed ${statusName(status)}`;
    if (current === null || current.request !== request) {
      const known = this.#finished.has(request) || this.#held?.request === request;
      const rule = known ? 'NdisOidDoubleComplete' : 'NdisOidUnknownComplete';
      this.#core.log.fail(
        rule,
        'one completion of a pending request (INIT-14)',
        known ? `${text} again` : text,
      );
    }
    if (status === NDIS_STATUS_PENDING)
      this.#core.log.fail('NdisOidPendingComplete', 'a final status (INIT-14)', text);
    this.#finish(current, status);
    this.#pump();
  }

  /** NdisCancelOidRequest: a queued request is aborted, one at the miniport is its to abort. */
  cancel(owner: number, requestId: number): void {
    const at = this.#queue.findIndex(
      ({ call }) => call.owner === owner && call.request.requestId === requestId,
    );
    if (at >= 0) {
      const [entry] = this.#queue.splice(at, 1);
      this.#settle(entry, NDIS_STATUS_REQUEST_ABORTED);
      return;
    }
    const current = this.#current;
    const call = current?.entry.call;
    if (call?.owner === owner && call.request.requestId === requestId)
      this.#miniport.cancelOidRequest((current as InFlight).request.requestId);
  }

  /** From now on no request goes down, and an aborted free is kept (LIFE-14). */
  beginReset(): void {
    this.#resetting = true;
  }

  /**
   * Requests go down again, `restores` of NDIS's own before all others; those of a reset before that are out of date. Of
   * one that the miniport does not accept `refused` hears; another reset may abort them.
   */
  endReset(restores: readonly OidRequest[], refused: (request: OidRequest, status: number) => void): void {
    this.#resetting = false;
    this.#restores.length = 0;
    for (const request of restores) {
      const completed = (status: number): void => {
        if (status !== NDIS_STATUS_SUCCESS && status !== NDIS_STATUS_REQUEST_ABORTED)
          refused(request, status);
      };
      const call: OidCall = { core: this.#core, owner: NDIS_ITSELF, request };
      this.#restores.push({ call, completed, synchronous: false, status: NDIS_STATUS_PENDING });
    }
    this.#pump();
  }

  pending(): PendingOid[] {
    const report = ({ call }: Entry, state: PendingOid['state']): PendingOid => ({
      requestId: call.request.requestId,
      oid: call.request.oid,
      owner: call.owner,
      state,
    });
    return [
      ...(this.#current === null ? [] : [report(this.#current.entry, 'at the miniport')]),
      ...this.#restores.map((entry) => report(entry, 'queued')),
      ...(this.#held === null ? [] : [report(this.#held.entry, 'held for the reset')]),
      ...this.#queue.map((entry) => report(entry, 'queued')),
    ];
  }

  /** Hands requests down until one pends or none is left. */
  #pump(): void {
    while (this.#current === null && !this.#resetting) {
      const held = this.#held;
      if (this.#restores.length === 0 && held !== null) {
        this.#held = null;
        this.#current = held;
        this.#issue(held);
        continue;
      }
      const entry = this.#restores.shift() ?? this.#queue.shift();
      if (entry === undefined) return;
      this.#start(entry);
    }
  }

  #start(entry: Entry): void {
    const { call } = entry;
    const { oid, requestType } = call.request;
    const verdict = handlingOf(oid, requestType).verify(call);
    if (verdict.kind === 'done') {
      if (verdict.status !== NDIS_STATUS_SUCCESS)
        this.#core.trace.oidRefused(oid, verdict.status, call.owner);
      this.#settle(entry, verdict.status);
      return;
    }
    const request = verdict.request ?? call.request;
    this.#finished.delete(request);
    this.#current = { entry, verdict, request };
    this.#core.trace.oidIssued(oid, requestType, call.owner);
    this.#issue(this.#current);
  }

  #issue(current: InFlight): void {
    const status = this.#miniport.oidRequest(current.request, current.entry.call.owner);
    if (status === NDIS_STATUS_PENDING) return;
    if (this.#current !== current) {
      const text = `${oidName(current.request.oid)} returned ${statusName(status)} after its completion`;
      this.#core.log.fail('NdisOidDoubleComplete', 'one completion of a request (INIT-14)', text);
    }
    this.#finish(current, status);
  }

  #finish(current: InFlight, status: number): void {
    const { entry, verdict, request } = current;
    if (status === NDIS_STATUS_REQUEST_ABORTED && this.#resetting && verdict.reissueAfterReset === true) {
      this.#current = null;
      this.#held = current;
      this.#core.reach('ndis.request-held-for-a-reset');
      return;
    }
    this.#finished.add(request);
    this.#current = null;
    const final = verdict.complete(status);
    if (final === NDIS_STATUS_SUCCESS && request.requestType === NdisRequestSetInformation)
      entry.call.request.supportedRevision ||= 1;
    this.#core.trace.oidCompleted(request.oid, final, entry.call.owner);
    this.#settle(entry, final);
  }

  #settle(entry: Entry, status: number): void {
    entry.status = status;
    if (!entry.synchronous) entry.completed(status);
  }
}
