/**
 * MiniportResetEx around an adapter (IND-06, LIFE-12 to LIFE-14): requests are held while it lasts, and whoever is
 * above hears of its start and end. A miniport whose device forgets its packet filter and multicast addresses says so
 * (AddressingReset), and gets them again before any other request (Miniport Driver Hardware Reset).
 */
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_RESETTABLE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESET_END,
  NDIS_STATUS_RESET_IN_PROGRESS,
  NDIS_STATUS_RESET_START,
  NDIS_STATUS_SOFT_ERRORS,
  NDIS_STATUS_SUCCESS,
  statusName,
} from '@vmq/abi';
import type { AdapterState } from '@vmq/ddi';
import type { AdapterRefusals } from '../diagnostics/refusal-log.ts';
import type { OidEngine } from '../oid/oid-engine.ts';
import type { Reception } from '../records/reception.ts';

export interface AdapterResetSetting {
  readonly log: AdapterRefusals;
  readonly engine: OidEngine;
  readonly reception: Reception;
  adapterState(): AdapterState;
  isLowPower(): boolean;
  /** MiniportResetEx, or null if the driver has none. */
  readonly resetEx: (() => { readonly status: number; readonly addressingReset: boolean }) | null;
  indicate(statusCode: number): void;
  waitFor(done: () => boolean): boolean;
}

export class AdapterReset {
  active = false;
  readonly #setting: AdapterResetSetting;
  #status: number = NDIS_STATUS_PENDING;

  constructor(setting: AdapterResetSetting) {
    this.#setting = setting;
  }

  /** MiniportResetEx: SUCCESS, the miniport's failure, FAILURE (wrong state), RESET_IN_PROGRESS, NOT_RESETTABLE. */
  start(): number {
    const { engine, resetEx, indicate, waitFor } = this.#setting;
    const refused = this.#refused();
    if (refused !== null) return refused;
    if (resetEx === null) return NDIS_STATUS_NOT_RESETTABLE;
    this.active = true;
    engine.beginReset();
    indicate(NDIS_STATUS_RESET_START);
    this.#status = NDIS_STATUS_PENDING;
    const { status, addressingReset } = resetEx();
    if (status !== NDIS_STATUS_PENDING) this.#done(status, addressingReset);
    else waitFor(() => this.#status !== NDIS_STATUS_PENDING);
    return this.#status;
  }

  #refused(): number | null {
    const { log, adapterState, isLowPower } = this.#setting;
    const state = adapterState();
    const no = (rule: string, status: number, expected: string, found: string): number =>
      log.refuse({ rule, status, expected }, found);
    if (state === 'Halted' || state === 'Initializing')
      return no('LIFE-12', NDIS_STATUS_FAILURE, 'an initialized adapter', state);
    if (isLowPower()) return no('LIFE-18', NDIS_STATUS_FAILURE, 'an adapter in D0', 'low power');
    if (this.active)
      return no('LIFE-13', NDIS_STATUS_RESET_IN_PROGRESS, 'no reset within a reset', 'a second one');
    return null;
  }

  /** NdisMResetComplete. */
  complete(status: number, addressingReset: boolean): void {
    if (this.active) this.#done(status, addressingReset);
    else this.#setting.log.violation('LIFE-13', 'a reset to complete', 'none');
  }

  #done(status: number, addressingReset: boolean): void {
    const { log, engine, reception, indicate } = this.#setting;
    this.#status = status;
    this.active = false;
    indicate(NDIS_STATUS_RESET_END);
    const works = status === NDIS_STATUS_SUCCESS || status === NDIS_STATUS_SOFT_ERRORS;
    engine.endReset(addressingReset && works ? reception.restore() : [], ({ oid }, refusal) => {
      log.violation('LIFE-12', 'SUCCESS for what it had accepted before', statusName(refusal), {}, oid);
    });
  }
}
