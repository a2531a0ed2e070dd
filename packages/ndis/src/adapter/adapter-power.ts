/**
 * Device power states of an adapter: what NDIS does around OID_PNP_SET_POWER (requirements LIFE-06, LIFE-18).
 *
 *   D0 ──[pause]──OID to Dx──bus: off──> Dx ──bus: on──OID to D0──[restart]──> D0
 *
 * The stack is paused and restarted around it unless the miniport, of NDIS 6.30 or later, registered
 * NO_PAUSE_ON_SUSPEND and all filter modules are of 6.30 too (protocols here always are): then it is left as it is,
 * and whoever sends meanwhile hears NDIS_STATUS_LOW_POWER_STATE from the miniport.
 */
import {
  NDIS_DEVICE_POWER_STATE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_SUCCESS,
  OID_PNP_SET_POWER,
} from '@vmq/abi';
import { type AdapterState, type OidRequest, setRequest } from '@vmq/ddi';

import type { AdapterRefusals } from '../diagnostics/refusal-log.ts';

const { NdisDeviceStateD0: D0, NdisDeviceStateD1: D1, NdisDeviceStateD3: D3 } = NDIS_DEVICE_POWER_STATE;

export interface AdapterPowerSetting {
  readonly log: AdapterRefusals;
  adapterState(): AdapterState;
  /** The stack keeps its state while the device is in low power. */
  keepsRunning(): boolean;
  pause(): number;
  restart(): number;
  /** OID_PNP_SET_POWER to the miniport, waiting for its end. */
  setPower(state: number): number;
  /** The bus: powers the device itself. */
  powerDevice(state: number): void;
}

export class AdapterPower {
  /** NDIS_DEVICE_POWER_STATE. */
  state: number = D0;
  readonly #setting: AdapterPowerSetting;
  #isPausedForIt = false;

  constructor(setting: AdapterPowerSetting) {
    this.#setting = setting;
  }

  get isLow(): boolean {
    return this.state !== D0;
  }

  /**
   * SUCCESS; FAILURE in a state that allows no change; the miniport's failure; PENDING while the stack cannot be
   * paused because NBLs are outstanding (call again).
   */
  set(state: number): number {
    const { log } = this.#setting;
    if (!(state >= D0 && state <= D3))
      return log.refuse(
        { rule: 'LIFE-18', status: NDIS_STATUS_FAILURE, expected: 'a power state of D0 to D3' },
        `${state}`,
      );
    const adapterState = this.#setting.adapterState();
    if (adapterState !== 'Paused' && adapterState !== 'Running')
      return log.refuse(
        { rule: 'LIFE-06', status: NDIS_STATUS_FAILURE, expected: 'a Paused or Running adapter' },
        adapterState,
      );
    if (state === this.state) return NDIS_STATUS_SUCCESS;
    return state === D0 ? this.#wake() : this.#sleep(state);
  }

  #sleep(state: number): number {
    const { adapterState, keepsRunning, pause, setPower, powerDevice } = this.#setting;
    if (!this.isLow && adapterState() === 'Running' && !keepsRunning()) {
      this.#isPausedForIt = true;
      const paused = pause();
      if (paused !== NDIS_STATUS_SUCCESS) return paused;
    }
    const status = setPower(state);
    if (status !== NDIS_STATUS_SUCCESS) return status;
    powerDevice(state);
    this.state = state;
    return status;
  }

  #wake(): number {
    const { adapterState, restart, setPower, powerDevice } = this.#setting;
    powerDevice(D0);
    const status = setPower(D0);
    if (status !== NDIS_STATUS_SUCCESS) return status;
    this.state = D0;
    if (!this.#isPausedForIt) return status;
    this.#isPausedForIt = false;
    return adapterState() === 'Paused' ? restart() : status;
  }
}

/** OID_PNP_SET_POWER with an NDIS_DEVICE_POWER_STATE. */
export function setPowerRequest(state: number): OidRequest {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, state, true);
  return setRequest(OID_PNP_SET_POWER, bytes);
}

/** D1, D2 or D3. */
export function isLowPower(state: number): boolean {
  return state >= D1 && state <= D3;
}
