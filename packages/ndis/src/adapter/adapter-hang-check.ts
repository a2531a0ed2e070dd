/**
 * Check for hang: every two seconds NDIS asks the miniport if its adapter still works, and how long a request has been
 * pending in it. Either answer may end in a reset (MiniportCheckForHangEx, CheckForHangTimeInSeconds).
 *
 *   timer ──> Running or Paused, in D0, no reset under way?
 *               ├─ MiniportCheckForHangEx says TRUE ──────────────────────┐
 *               └─ the same request pends since the check before this one ┴──> MiniportResetEx
 *
 * A free that waits for somebody to return NBLs is no sign of a hang, and no reset would bring them back.
 */
import { OID_RECEIVE_FILTER_FREE_QUEUE } from '@vmq/abi';
import type { OidRequest } from '@vmq/ddi';
import type { NdisTimers } from '../diagnostics/ndis-timers.ts';

const NANOSECONDS_PER_SECOND = 1e9;
/** CheckForHangTimeInSeconds of an adapter that sets none. */
export const DEFAULT_CHECK_FOR_HANG_SECONDS = 2;

export interface HangCheckSetting {
  readonly timers: NdisTimers;
  /** Seconds between two checks. */
  period(): number;
  /** The adapter is in a state in which it can be asked, and reset. */
  mayCheck(): boolean;
  /** MiniportCheckForHangEx; false for a driver that has none. */
  isHung(): boolean;
  /** The request that the miniport has, or null. */
  requestAtMiniport(): OidRequest | null;
  reset(): void;
}

export class AdapterHangCheck {
  readonly #setting: HangCheckSetting;
  #cancel: (() => void) | null = null;
  /** What pended at the last check. */
  #seen: OidRequest | null = null;

  constructor(setting: HangCheckSetting) {
    this.#setting = setting;
  }

  start(): void {
    const { timers, period } = this.#setting;
    this.#cancel = timers.set(period() * NANOSECONDS_PER_SECOND, () => this.#check(), false);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#seen = null;
  }

  #check(): void {
    // It may have been halted after the timer came due.
    if (this.#cancel === null) return;
    this.start();
    const { mayCheck, isHung, requestAtMiniport, reset } = this.#setting;
    if (!mayCheck()) {
      this.#seen = null;
      return;
    }
    const request = requestAtMiniport();
    const isOverdue =
      request !== null && request === this.#seen && request.oid !== OID_RECEIVE_FILTER_FREE_QUEUE;
    this.#seen = request;
    if (isHung() || isOverdue) reset();
  }
}
