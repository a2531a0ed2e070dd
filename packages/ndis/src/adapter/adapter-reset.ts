/**
 * MiniportResetEx around an adapter (IND-06, LIFE-12 to LIFE-14): requests are held while it lasts, and whoever is
 * above hears of its start and end. A miniport whose device forgets its packet filter and multicast addresses says so
 * (AddressingReset), and gets them again before any other request (Miniport Driver Hardware Reset).
 */
import {
  NDIS_STATUS_NOT_RESETTABLE,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESET_END,
  NDIS_STATUS_RESET_IN_PROGRESS,
  NDIS_STATUS_RESET_START,
  NDIS_STATUS_SOFT_ERRORS,
  NDIS_STATUS_SUCCESS,
  statusName,
} from '@vmq/abi';
import type { AdapterRefusals } from '../diagnostics/refusal-log.ts';
import type { OidEngine } from '../oid/oid-engine.ts';
import type { Reception } from '../records/reception.ts';

export interface AdapterResetSetting {
  readonly log: AdapterRefusals;
  readonly engine: OidEngine;
  readonly reception: Reception;
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

  /** SUCCESS, the miniport's failure, RESET_IN_PROGRESS, NOT_RESETTABLE. */
  start(): number {
    const { log, engine, resetEx, indicate, waitFor } = this.#setting;
    if (this.active) {
      const expected = 'no reset within a reset';
      return log.refuse({ rule: 'LIFE-13', status: NDIS_STATUS_RESET_IN_PROGRESS, expected }, 'a second one');
    }
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
