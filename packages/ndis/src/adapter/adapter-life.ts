/**
 * The life of an adapter, from its initialization to its halt (requirements INIT-03, LIFE-01 to LIFE-16).
 *
 *   initialize   MiniportInitializeEx ─> default queue ─> filter modules ─> data path         Halted  ─> Paused
 *   restart      MiniportRestart ─> filter modules ─> sends ─> bindings                       Paused  ─> Running
 *   pause        bindings ─> sends ─> filter modules ─> MiniportPause ─> nothing is out       Running ─> Paused
 *   halt         bindings ─> filter modules ─> MiniportHaltEx ─> data path ─> what it left    Paused  ─> Halted
 *
 * The states themselves are in adapter-states.ts. What the miniport or a protocol may do later (a completion, an NBL given
 * back) is waited for as long as the machine has anything to do; then the caller gets PENDING. Reset is in
 * adapter-reset.ts, power in adapter-power.ts.
 */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS, statusName } from '@vmq/abi';
import {
  type AdapterEvent,
  type AdapterState,
  adapterTransition,
  NdisDevicePnPEventSurpriseRemoved,
  NdisHaltDeviceDisabled,
  NdisHaltDeviceSurpriseRemoved,
  NetEventQueryRemoveDevice,
} from '@vmq/ddi';
import type { AdapterDataPlane } from '../datapath/adapter-data-plane.ts';
import type { AdapterRefusals } from '../diagnostics/refusal-log.ts';
import type { WorkItems } from '../diagnostics/work-items.ts';
import type { FilterStack } from '../filter-modules/filter-module.ts';
import type { OidEngine } from '../oid/oid-engine.ts';
import type { AdapterAttributes } from '../records/adapter-attributes.ts';
import type { ReceiveQueueBook } from '../records/receive-queue.ts';
import type { AdapterBindings } from './adapter-bindings.ts';
import type { AdapterHangCheck } from './adapter-hang-check.ts';
import type { AdapterSetting } from './adapter-setting.ts';
import type { MiniportHandle } from './miniport-handle.ts';

/** What of an adapter comes and goes with it. */
export interface AdapterLifeParts {
  readonly setting: AdapterSetting;
  readonly handle: MiniportHandle;
  readonly attributes: AdapterAttributes;
  readonly queues: ReceiveQueueBook;
  readonly engine: OidEngine;
  readonly modules: FilterStack;
  readonly bindings: AdapterBindings;
  readonly dataPlane: AdapterDataPlane;
  readonly hangCheck: AdapterHangCheck;
  isLowPower(): boolean;
  /** Lets the machine run until `done()`; false if it rests first, or after `nanoseconds`. */
  waitFor(done: () => boolean, nanoseconds?: number): boolean;
  /** LIFE-10: clears and frees what nobody has given back, before the miniport halts. */
  freeWhatIsLeft(): void;
  /** Takes back what a halted miniport left, writing it down under `rule`. */
  release(rule: string): void;
}

export class AdapterLife {
  state: AdapterState = 'Halted';
  /** The miniport was told of its surprise removal. */
  removed = false;
  readonly #parts: AdapterLifeParts;
  readonly #handle: MiniportHandle;
  readonly #log: AdapterRefusals;
  readonly #work: WorkItems;
  #miniportPaused = false;
  #restartStatus: number = NDIS_STATUS_PENDING;

  constructor(parts: AdapterLifeParts) {
    this.#parts = parts;
    this.#handle = parts.handle;
    this.#log = parts.setting.log;
    this.#work = parts.setting.work;
  }

  /** MiniportInitializeEx: SUCCESS leaves the adapter Paused; a failure Halted, with everything released. */
  initialize(): number {
    if (!this.#move('initialize')) return NDIS_STATUS_FAILURE;
    const { driver } = this.#parts.setting;
    let status = this.#work.during(() => driver.initializeEx(this.#handle));
    if (status === NDIS_STATUS_SUCCESS && !this.#parts.attributes.has('registration'))
      this.#log.advise('INIT-01', 'NdisMSetMiniportAttributes', 'registration attributes', 'none');
    // Without an address and a frame size there is nothing that a protocol could be bound to.
    if (status === NDIS_STATUS_SUCCESS && !this.#parts.attributes.has('general')) {
      this.#log.violation('INIT-01', 'general attributes', 'MiniportInitializeEx set none');
      this.#work.during(() => driver.haltEx(this.#handle, NdisHaltDeviceDisabled));
      status = NDIS_STATUS_FAILURE;
    }
    if (status !== NDIS_STATUS_SUCCESS) {
      this.#move('initialization failed');
      this.#parts.release('INIT-03');
      return status;
    }
    this.#parts.queues.createDefault(1n << BigInt(this.#parts.setting.rss.baseProcessor));
    this.#move('initialized');
    const filters = this.#parts.modules.attach(this.#parts.setting.filterDrivers(), (filterModuleNumber) => ({
      ...this.#parts.attributes.bindParameters(this.#parts.setting.name),
      filterModuleNumber,
    }));
    this.#parts.dataPlane.attachMiniport(driver.dataPathFactory, driver.dataPathImage(this.#handle), filters);
    this.#parts.hangCheck.start();
    this.#work.run();
    return status;
  }

  /** SUCCESS (Running), the miniport's failure (Paused again), or PENDING if the machine rests first. */
  restart(): number {
    if (this.#parts.isLowPower())
      return this.#log.refuse(
        { rule: 'LIFE-18', status: NDIS_STATUS_FAILURE, expected: 'an adapter in D0' },
        'low power',
      );
    if (!this.#move('restart')) return NDIS_STATUS_FAILURE;
    this.#restartStatus = NDIS_STATUS_PENDING;
    const status = this.#work.during(() => this.#parts.setting.driver.restart(this.#handle));
    if (status !== NDIS_STATUS_PENDING) this.#restarted(status);
    else this.#parts.waitFor(() => this.#restartStatus !== NDIS_STATUS_PENDING);
    this.#work.run();
    return this.#restartStatus;
  }

  restartComplete(status: number): void {
    if (this.state === 'Restarting') this.#restarted(status);
    else this.#log.violation('LIFE-01', 'a restart to complete', this.state);
  }

  #restarted(status: number): void {
    this.#restartStatus = status;
    if (status !== NDIS_STATUS_SUCCESS) {
      this.#move('restart failed');
      return;
    }
    this.#move('restarted');
    this.#parts.modules.restart();
    this.#parts.dataPlane.openSends(true);
    this.#parts.bindings.restart();
    this.#parts.bindings.aimReceives();
  }

  /**
   * Pauses the stack from the top. SUCCESS once every indicated NBL is back and every send completed; PENDING if
   * the machine comes to rest before: the adapter stays Pausing and `poll` finishes it.
   */
  pause(): number {
    if (!this.#move('pause')) return NDIS_STATUS_FAILURE;
    this.#parts.bindings.pause();
    this.#parts.dataPlane.openSends(false);
    this.#parts.bindings.aimReceives();
    this.#parts.modules.pause();
    this.#miniportPaused = false;
    const status = this.#pauseDown();
    if (status !== NDIS_STATUS_PENDING) this.#miniportPaused = true;
    if (status !== NDIS_STATUS_PENDING && status !== NDIS_STATUS_SUCCESS)
      this.#log.violation('LIFE-03', 'a pause that cannot fail', statusName(status));
    // Long enough for the checks for hang that find a device dead, and end its sends.
    this.#parts.waitFor(() => this.#quiet(), 5 * this.#parts.setting.executor.timeout);
    return this.finishPause() ? NDIS_STATUS_SUCCESS : NDIS_STATUS_PENDING;
  }

  /** MiniportPause, or what stands before it. */
  #pauseDown(): number {
    const { driver, interposer } = this.#parts.setting;
    const down = (): number => this.#work.during(() => driver.pause(this.#handle));
    const complete = (): void => this.pauseComplete();
    return interposer()?.pause?.(this.#parts.setting.name, { down, complete }) ?? down();
  }

  pauseComplete(): void {
    if (this.state !== 'Pausing' || this.#miniportPaused)
      this.#log.violation('LIFE-01', 'one completion of a pause', this.state);
    this.#miniportPaused = true;
  }

  #quiet(): boolean {
    const { receives, sends } = this.#parts.dataPlane.outstanding();
    return this.#miniportPaused && receives === 0 && sends === 0;
  }

  /** Ends Pausing if nothing is outstanding any more; true if the adapter is not (or no longer) Pausing. */
  finishPause(): boolean {
    if (this.state !== 'Pausing') return true;
    if (!this.#quiet()) return false;
    return this.#move('paused');
  }

  /** MiniportHaltEx, from Paused and with no request outstanding only: SUCCESS, FAILURE. */
  halt(action: number = NdisHaltDeviceDisabled): number {
    if (this.state !== 'Paused' || !this.#parts.engine.idle) {
      const found =
        this.state === 'Paused' ? `${this.#parts.engine.pending().length} requests outstanding` : this.state;
      return this.#log.refuse(
        { rule: 'LIFE-11', status: NDIS_STATUS_FAILURE, expected: 'a Paused adapter without requests' },
        found,
      );
    }
    this.#parts.bindings.unbindAll();
    this.#parts.hangCheck.stop();
    this.#parts.modules.detach();
    this.#parts.freeWhatIsLeft();
    this.#work.during(() => this.#parts.setting.driver.haltEx(this.#handle, action));
    this.#move('halt');
    this.#parts.dataPlane.detachMiniport();
    this.#parts.release('SHM-15');
    return NDIS_STATUS_SUCCESS;
  }

  /**
   * LIFE-15: query-remove up the stack, notice to the miniport, pause, unbind, detach, halt. The miniport answers
   * every request NOT_ACCEPTED from the notice on. PENDING while protocols hold NBLs: call again.
   */
  surpriseRemove(): number {
    if (!this.removed) this.#announceRemoval();
    if (this.state === 'Running') {
      const status = this.pause();
      if (status !== NDIS_STATUS_SUCCESS) return status;
    }
    if (!this.finishPause()) return NDIS_STATUS_PENDING;
    return this.halt(NdisHaltDeviceSurpriseRemoved);
  }

  #announceRemoval(): void {
    const { driver } = this.#parts.setting;
    this.#parts.modules.netPnpEvent(NetEventQueryRemoveDevice);
    this.#parts.bindings.netPnpEvent(NetEventQueryRemoveDevice);
    this.removed = true;
    this.#work.during(() => driver.devicePnpEventNotify?.(this.#handle, NdisDevicePnPEventSurpriseRemoved));
  }

  #move(event: AdapterEvent): boolean {
    const next = adapterTransition(this.state, event);
    if (next === null) {
      this.#log.refuse(
        { rule: 'LIFE-01', status: NDIS_STATUS_FAILURE, expected: `a state that allows ${event}` },
        this.state,
      );
      return false;
    }
    this.state = next;
    return true;
  }
}
