/** What stands between NDIS and the miniport: requests that pend or fail, pauses that take their time. */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_PENDING, NDIS_STATUS_REQUEST_ABORTED } from '@vmq/abi';
import type { MiniportInterposer, MiniportWay, OidRequest } from '@vmq/ddi';
import type { FaultHost } from './fault-host.ts';

/** Requests to spare; null = none. */
interface Asked {
  left: number;
  /** Only this OID; null = any. */
  oid: number | null;
}

const NONE = { left: 0, oid: null } as const;

export class RequestFaults implements MiniportInterposer {
  readonly #host: FaultHost;
  #slow: Asked & { nanoseconds: number } = { ...NONE, nanoseconds: 0 };
  #failing: Asked & { status: number } = { ...NONE, status: NDIS_STATUS_FAILURE };
  #pauses = 0;
  #pauseDelay = 0;
  /** The request that is kept back: how to let it go, and how to abort it. */
  #kept: { readonly release: () => void; readonly abort: () => void } | null = null;
  /** Requests that a reset aborted. */
  aborted = 0;

  constructor(host: FaultHost) {
    this.#host = host;
  }

  slow(count: number, oid: number | null, nanoseconds: number): void {
    this.#slow = { left: this.#slow.left + count, oid, nanoseconds };
    this.#host.ndis.interpose(this);
  }

  fail(count: number, oid: number | null, status: number): void {
    this.#failing = { left: this.#failing.left + count, oid, status };
    this.#host.ndis.interpose(this);
  }

  delayPauses(count: number, nanoseconds: number): void {
    this.#pauses += count;
    this.#pauseDelay = nanoseconds;
    this.#host.ndis.interpose(this);
  }

  get isSlow(): boolean {
    return this.#slow.left > 0 || this.#kept !== null;
  }

  get isFailing(): boolean {
    return this.#failing.left > 0;
  }

  get isDelayingPauses(): boolean {
    return this.#pauses > 0;
  }

  heal(): void {
    this.#slow.left = this.#failing.left = this.#pauses = 0;
    this.#kept?.release();
    this.#host.ndis.interpose(null);
  }

  // --- MiniportInterposer ---------------------------------------------------------------------------------

  oidRequest(_adapterName: string, request: OidRequest, way: MiniportWay): number {
    if (spare(this.#failing, request)) return this.#failing.status;
    if (this.#kept !== null || !spare(this.#slow, request)) return way.down();
    const release = (): void => {
      if (this.#kept !== kept) return;
      this.#kept = null;
      cancel();
      const status = way.down();
      if (status !== NDIS_STATUS_PENDING) way.complete(status);
    };
    const abort = (): void => {
      this.#kept = null;
      this.aborted++;
      cancel();
      way.complete(NDIS_STATUS_REQUEST_ABORTED);
    };
    const kept = { release, abort };
    this.#kept = kept;
    const cancel = this.#host.ndis.setTimer(this.#slow.nanoseconds, release);
    return NDIS_STATUS_PENDING;
  }

  pause(_adapterName: string, way: MiniportWay): number {
    if (this.#pauses === 0) return way.down();
    this.#pauses--;
    this.#host.ndis.setTimer(this.#pauseDelay, () => {
      const status = way.down();
      if (status !== NDIS_STATUS_PENDING) way.complete(status);
    });
    return NDIS_STATUS_PENDING;
  }

  reset(): void {
    this.#kept?.abort();
  }
}

function spare(asked: Asked, request: OidRequest): boolean {
  if (asked.left === 0 || (asked.oid !== null && asked.oid !== request.oid)) return false;
  asked.left--;
  return true;
}
