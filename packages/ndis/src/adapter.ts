/**
 * One miniport adapter: its life from initialization to halt, its bindings, and the records they share
 * (requirements INIT-03, LIFE-01 to LIFE-18).
 */
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_NOT_SUPPORTED,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_SUCCESS,
  statusName,
} from '@vmq/abi';
import type { DmaDomain } from '@vmq/machine';
import { AdapterAttributes } from './adapter-attributes.ts';
import { AdapterBindings, type OpenedBinding } from './adapter-bindings.ts';
import type { AdapterCore } from './adapter-core.ts';
import { AdapterDataPlane } from './adapter-data-plane.ts';
import { AdapterHangCheck, DEFAULT_CHECK_FOR_HANG_SECONDS } from './adapter-hang-check.ts';
import { type AdapterReport, reportFilter, reportQueue } from './adapter-inspection.ts';
import { AdapterPower, isLowPower, setPowerRequest } from './adapter-power.ts';
import { AdapterReset } from './adapter-reset.ts';
import type { AdapterSetting } from './adapter-setting.ts';
import { type AdapterEvent, type AdapterState, adapterTransition } from './adapter-states.ts';
import type { AdapterBinding, BindingAdapter } from './binding.ts';
import { Capabilities, type MiniportVersion } from './capabilities.ts';
import { FilterStack } from './filter-module.ts';
import { InterruptMessages } from './interrupt-messages.ts';
import {
  NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND,
  NdisDevicePnPEventSurpriseRemoved,
  NdisHaltDeviceDisabled,
  NdisHaltDeviceSurpriseRemoved,
} from './miniport-driver.ts';
import { MiniportHandle } from './miniport-handle.ts';
import type { NdisTraceWriter } from './ndis-trace.ts';
import { OidEngine } from './oid-engine.ts';
import type { OidRequest } from './oid-request.ts';
import { NDIS_ITSELF } from './oid-table.ts';
import { NetEventQueryRemoveDevice, type ProtocolDriver } from './protocol-driver.ts';
import { ReceiveFilterBook } from './receive-filter.ts';
import { ReceiveQueueBook } from './receive-queue.ts';
import { Reception } from './reception.ts';
import type { AdapterRefusals } from './refusal-log.ts';
import { SharedMemoryBroker } from './shared-memory-broker.ts';
import { acceptIndication } from './status-indications.ts';
import type { WorkItems } from './work-items.ts';

export class Adapter implements AdapterCore, BindingAdapter {
  readonly name: string;
  readonly version: MiniportVersion;
  readonly processorMask: bigint;
  readonly log: AdapterRefusals;
  readonly trace: NdisTraceWriter;
  readonly work: WorkItems;
  readonly capabilities: Capabilities;
  readonly attributes: AdapterAttributes;
  readonly queues: ReceiveQueueBook = new ReceiveQueueBook();
  readonly filters: ReceiveFilterBook = new ReceiveFilterBook();
  readonly reception: Reception = new Reception();
  readonly broker: SharedMemoryBroker;
  readonly interrupts: InterruptMessages;
  readonly engine: OidEngine;
  readonly modules: FilterStack;
  readonly core: AdapterCore = this;
  state: AdapterState = 'Halted';
  removed = false;
  readonly #setting: AdapterSetting;
  readonly #handle: MiniportHandle;
  readonly #dataPlane: AdapterDataPlane;
  readonly #reset: AdapterReset;
  readonly #power: AdapterPower;
  readonly #hangCheck: AdapterHangCheck;
  readonly #bindings: AdapterBindings;
  #miniportPaused = false;
  #restartStatus: number = NDIS_STATUS_PENDING;

  constructor(setting: AdapterSetting) {
    const { name, driver, machine, log } = setting;
    this.#setting = setting;
    this.name = name;
    this.version = (600 + driver.minorNdisVersion) as MiniportVersion;
    this.processorMask = (1n << BigInt(machine.processorCount)) - 1n;
    this.log = log;
    this.trace = setting.trace;
    this.work = setting.work;
    this.capabilities = new Capabilities(this.version, log);
    this.attributes = new AdapterAttributes(this.version, this.capabilities, log);
    const { dataPlane, executor } = setting;
    this.#dataPlane = new AdapterDataPlane(name, dataPlane, executor, machine.processorCount);
    this.#bindings = new AdapterBindings(this, this.#dataPlane, setting.nextBinding);
    this.broker = new SharedMemoryBroker({
      adapterName: name,
      machine,
      queues: this.queues,
      log,
      hostVersion: setting.hostVersion,
      provider: () => setting.provider(),
    });
    this.interrupts = new InterruptMessages(machine, setting.vectors, setting.resources, setting.rss, log);
    this.#handle = new MiniportHandle(this, setting.resources, setting.keywords);
    this.modules = new FilterStack({
      adapterName: name,
      log,
      miniport: {
        oidRequest: (request) => this.#requestDown(request),
        cancelOidRequest: (requestId) => driver.cancelOidRequest?.(this.#handle, requestId),
      },
      complete: (request, status) => this.engine.completeFromMiniport(request, status),
      indicate: (indication) => this.#bindings.indicate(indication),
      openFilters: (open) => this.#dataPlane.openFilters(open),
      post: (number, processor, message) => this.#dataPlane.post('filter', processor, { number, message }),
      bypass: (number) => this.#dataPlane.bypassFilter(number),
      publish: () => this.publish(),
      waitFor: (done) => this.waitFor(done),
    });
    this.engine = new OidEngine(this, this.modules.oids);
    this.#power = new AdapterPower({
      log,
      adapterState: () => this.state,
      keepsRunning: () =>
        this.version >= 630 &&
        (this.attributes.flags & NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND) !== 0 &&
        this.modules.areAllSince(30),
      pause: () => this.pause(),
      restart: () => this.restart(),
      setPower: (state) => this.#ownRequest(setPowerRequest(state)),
      powerDevice: (state) => {
        setting.resources.setDevicePower?.(state);
        if (!isLowPower(state)) this.interrupts.restore();
      },
    });
    this.#reset = new AdapterReset({
      log,
      engine: this.engine,
      resetEx: driver.resetEx
        ? () => {
            setting.interposer()?.reset?.(name);
            return this.work.during(() => driver.resetEx?.(this.#handle)) ?? { status: NDIS_STATUS_FAILURE };
          }
        : null,
      indicate: (statusCode) => this.#indicateUp(statusCode, new Uint8Array(0)),
      waitFor: (done) => this.waitFor(done),
    });
    this.#hangCheck = new AdapterHangCheck({
      timers: setting.timers,
      period: () => this.attributes.checkForHangSeconds || DEFAULT_CHECK_FOR_HANG_SECONDS,
      // Pausing too: sends that a dead device has may be all that a pause waits for.
      mayCheck: () =>
        (this.state === 'Running' || this.state === 'Paused' || this.state === 'Pausing') &&
        !this.removed &&
        !this.#reset.active &&
        !this.#power.isLow,
      isHung: () => this.work.during(() => driver.checkForHangEx?.(this.#handle)) ?? false,
      requestAtMiniport: () => this.engine.atMiniport,
      reset: () => void this.reset(),
    });
  }

  // --- life cycle --------------------------------------------------------------------------------------

  /** MiniportInitializeEx: SUCCESS leaves the adapter Paused; a failure Halted, with everything released. */
  initialize(): number {
    if (!this.#move('initialize')) return NDIS_STATUS_FAILURE;
    const { driver } = this.#setting;
    let status = this.work.during(() => driver.initializeEx(this.#handle));
    if (status === NDIS_STATUS_SUCCESS && !this.attributes.has('general')) {
      this.log.violation(
        'INIT-01',
        'registration and general attributes',
        'MiniportInitializeEx set neither or one',
      );
      this.work.during(() => driver.haltEx(this.#handle, NdisHaltDeviceDisabled));
      status = NDIS_STATUS_FAILURE;
    }
    if (status !== NDIS_STATUS_SUCCESS) {
      this.#move('initialization failed');
      this.#release('INIT-03');
      return status;
    }
    this.queues.createDefault(1n << BigInt(this.#setting.rss.baseProcessor));
    this.#move('initialized');
    const filters = this.modules.attach(this.#setting.filterDrivers(), (filterModuleNumber) => ({
      ...this.attributes.bindParameters(this.name),
      filterModuleNumber,
    }));
    this.#dataPlane.attachMiniport(driver.dataPathFactory, driver.dataPathImage(this.#handle), filters);
    this.#hangCheck.start();
    this.work.run();
    return status;
  }

  /** SUCCESS (Running), the miniport's failure (Paused again), or PENDING if the machine rests first. */
  restart(): number {
    if (this.#power.isLow)
      return this.log.refuse('LIFE-18', 0, NDIS_STATUS_FAILURE, 'an adapter in D0', 'low power');
    if (!this.#move('restart')) return NDIS_STATUS_FAILURE;
    this.#restartStatus = NDIS_STATUS_PENDING;
    const status = this.work.during(() => this.#setting.driver.restart(this.#handle));
    if (status !== NDIS_STATUS_PENDING) this.#restarted(status);
    else this.waitFor(() => this.#restartStatus !== NDIS_STATUS_PENDING);
    this.work.run();
    return this.#restartStatus;
  }

  restartComplete(status: number): void {
    if (this.state === 'Restarting') this.#restarted(status);
    else this.log.violation('LIFE-01', 'a restart to complete', this.state);
  }

  #restarted(status: number): void {
    this.#restartStatus = status;
    if (status !== NDIS_STATUS_SUCCESS) {
      this.#move('restart failed');
      return;
    }
    this.#move('restarted');
    this.modules.restart();
    this.#dataPlane.openSends(true);
    this.#bindings.restart();
    this.#bindings.aimReceives();
  }

  /**
   * Pauses the stack from the top. SUCCESS once every indicated NBL is back and every send completed; PENDING if
   * the machine comes to rest before: the adapter stays Pausing and `poll` finishes it.
   */
  pause(): number {
    if (!this.#move('pause')) return NDIS_STATUS_FAILURE;
    this.#bindings.pause();
    this.#dataPlane.openSends(false);
    this.#bindings.aimReceives();
    this.modules.pause();
    this.#miniportPaused = false;
    const status = this.#pauseDown();
    if (status !== NDIS_STATUS_PENDING) this.#miniportPaused = true;
    if (status !== NDIS_STATUS_PENDING && status !== NDIS_STATUS_SUCCESS)
      this.log.violation('LIFE-03', 'a pause that cannot fail', statusName(status));
    // Long enough for the checks for hang that find a device dead, and end its sends.
    this.waitFor(() => this.#quiet(), 5 * this.patience);
    return this.finishPause() ? NDIS_STATUS_SUCCESS : NDIS_STATUS_PENDING;
  }

  /** MiniportPause, or what stands before it. */
  #pauseDown(): number {
    const { driver, interposer } = this.#setting;
    const down = (): number => this.work.during(() => driver.pause(this.#handle));
    const complete = (): void => this.pauseComplete();
    return interposer()?.pause?.(this.name, { down, complete }) ?? down();
  }

  /** MiniportOidRequest, or what stands before it. */
  #requestDown(request: OidRequest): number {
    const { driver, interposer } = this.#setting;
    const down = (): number => this.work.during(() => driver.oidRequest(this.#handle, request));
    const complete = (status: number): void => this.#handle.oidRequestComplete(request, status);
    return interposer()?.oidRequest?.(this.name, request, { down, complete }) ?? down();
  }

  pauseComplete(): void {
    if (this.state !== 'Pausing' || this.#miniportPaused)
      this.log.violation('LIFE-01', 'one completion of a pause', this.state);
    this.#miniportPaused = true;
  }

  #quiet(): boolean {
    const { receives, sends } = this.#dataPlane.outstanding();
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
    if (this.state !== 'Paused' || !this.engine.idle) {
      const found =
        this.state === 'Paused' ? `${this.engine.pending().length} requests outstanding` : this.state;
      return this.log.refuse('LIFE-11', 0, NDIS_STATUS_FAILURE, 'a Paused adapter without requests', found);
    }
    this.#bindings.unbindAll();
    this.#hangCheck.stop();
    this.modules.detach();
    this.work.during(() => this.#setting.driver.haltEx(this.#handle, action));
    this.#move('halt');
    this.#dataPlane.detachMiniport();
    this.#release('SHM-15');
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
    const { driver } = this.#setting;
    this.modules.netPnpEvent(NetEventQueryRemoveDevice);
    this.#bindings.netPnpEvent(NetEventQueryRemoveDevice);
    this.removed = true;
    this.work.during(() => driver.devicePnpEventNotify?.(this.#handle, NdisDevicePnPEventSurpriseRemoved));
  }

  /** NDIS_DEVICE_POWER_STATE of the adapter. */
  get powerState(): number {
    return this.#power.state;
  }

  /** Puts the adapter into a device power state: see {@link AdapterPower.set}. */
  setPower(state: number): number {
    return this.#power.set(state);
  }

  /** MiniportResetEx: SUCCESS, the miniport's failure, RESET_IN_PROGRESS, NOT_RESETTABLE. */
  reset(): number {
    if (this.state === 'Halted' || this.state === 'Initializing')
      return this.log.refuse('LIFE-12', 0, NDIS_STATUS_FAILURE, 'an initialized adapter', this.state);
    if (this.#power.isLow)
      return this.log.refuse('LIFE-18', 0, NDIS_STATUS_FAILURE, 'an adapter in D0', 'low power');
    return this.#reset.start();
  }

  resetComplete(status: number, _addressingReset: boolean): void {
    this.#reset.complete(status);
  }

  get encapsulation(): AdapterAttributes['encapsulation'] {
    return this.attributes.encapsulation;
  }

  get resetting(): boolean {
    return this.#reset.active;
  }

  #move(event: AdapterEvent): boolean {
    const next = adapterTransition(this.state, event);
    if (next === null) {
      this.log.refuse('LIFE-01', 0, NDIS_STATUS_FAILURE, `a state that allows ${event}`, this.state);
      return false;
    }
    this.state = next;
    return true;
  }

  /** Takes back what a halted miniport left, writing it down under `rule`. */
  #release(rule: string): void {
    for (const allocationHandle of this.broker.remaining()) {
      this.log.violation(rule, 'no shared memory left', `allocation ${allocationHandle}`, {
        allocationHandle,
      });
      this.broker.free(allocationHandle);
    }
    this.interrupts.release();
    this.queues.clear();
    this.filters.clear();
    this.reception.clear();
  }

  // --- bindings ----------------------------------------------------------------------------------------

  /** NdisOpenAdapterEx for a protocol: its status, FAILURE unless the adapter is Paused or Running. */
  bind(driver: ProtocolDriver): OpenedBinding {
    if (this.state !== 'Paused' && this.state !== 'Running') {
      const expected = 'a Paused or Running adapter';
      const status = this.log.refuse('LIFE-08', 0, NDIS_STATUS_FAILURE, expected, this.state);
      return { status, binding: null };
    }
    const parameters = this.attributes.bindParameters(this.name);
    const opened = this.#bindings.open(driver, parameters, this.state === 'Running');
    if (opened.binding !== null) this.work.run();
    return opened;
  }

  closed(binding: AdapterBinding): void {
    this.#bindings.closed(binding);
  }

  // --- requests and indications ------------------------------------------------------------------------

  /** A request of user mode (Get-NetAdapterVmqQueue and the like): owns nothing, waits for the end. */
  userModeRequest(request: OidRequest): number {
    if (this.state === 'Halted' || this.state === 'Initializing')
      return this.log.refuse(
        'INIT-03',
        request.oid,
        NDIS_STATUS_NOT_SUPPORTED,
        'an initialized adapter',
        this.state,
      );
    return this.#submitAndWait(0, request);
  }

  /** A request of NDIS's own, waited for. */
  #ownRequest(request: OidRequest): number {
    return this.#submitAndWait(NDIS_ITSELF, request);
  }

  #submitAndWait(owner: number, request: OidRequest): number {
    let final = NDIS_STATUS_PENDING;
    const status = this.engine.submit(owner, request, (result) => {
      final = result;
    });
    if (status !== NDIS_STATUS_PENDING) return status;
    this.waitFor(() => final !== NDIS_STATUS_PENDING);
    return final;
  }

  indicateStatus(statusCode: number, buffer: Uint8Array): void {
    if (!this.attributes.has('registration') || this.state === 'Halted') {
      const expected = 'indications between registration and halt';
      this.log.violation('INIT-08', expected, `${statusName(statusCode)} while ${this.state}`);
      return;
    }
    if (acceptIndication(this, statusCode, buffer)) this.#indicateUp(statusCode, buffer);
  }

  #indicateUp(statusCode: number, buffer: Uint8Array): void {
    this.modules.indicate({ sourceHandle: this.name, statusCode, statusBuffer: new Uint8Array(buffer) });
  }

  sharedMemoryLeft(queueId: number): number {
    return this.broker.remaining(queueId).length;
  }

  registerScatterGatherDma(): DmaDomain {
    this.broker.domain ??= this.#setting.createDomain(this.name);
    return this.broker.domain;
  }

  // --- the machine -------------------------------------------------------------------------------------

  get patience(): number {
    return this.#setting.executor.patience;
  }

  /**
   * Lets the machine run, with work items and timers, until `done()`. False if it rests with no timer to wait for, or
   * if `nanoseconds` have gone by.
   */
  waitFor(done: () => boolean, nanoseconds: number = Number.POSITIVE_INFINITY): boolean {
    const { executor, machine, timers } = this.#setting;
    const end = machine.clock.now() + nanoseconds;
    let isDone = false;
    const look = (): boolean => {
      timers.fire();
      this.work.run();
      isDone = done();
      return isDone || machine.clock.now() >= end;
    };
    while (!executor.runUntil(look)) {
      if (timers.nextAwaited >= end) return false;
      // With those that nobody awaits, as they come.
      executor.runFor(Math.max(0, timers.next - machine.clock.now()));
    }
    return isDone;
  }

  publish(): void {
    this.#dataPlane.publish();
  }

  postToMiniport(processor: number | 'all', message: unknown): void {
    this.#dataPlane.post('miniport', processor, message);
  }

  postToProtocol(binding: AdapterBinding, processor: number | 'all', message: unknown): void {
    this.#bindings.post(binding, processor, message);
  }

  inspect(): AdapterReport {
    const { driver } = this.#setting;
    return {
      name: this.name,
      driver: driver.name,
      ndisVersion: `${driver.majorNdisVersion}.${driver.minorNdisVersion}`,
      state: this.state,
      vmqCurrent: this.capabilities.vmqCurrent,
      hardwareCapabilities: this.capabilities.hardware?.value ?? null,
      currentCapabilities: this.capabilities.current?.value ?? null,
      queues: this.queues.all().map((queue) => reportQueue(queue, this.filters.ofQueue(queue.id).length)),
      filters: this.filters.all().map(reportFilter),
      filterModules: this.modules.inspect(),
      bindings: this.#bindings.inspect(),
      pendingOids: this.engine.pending(),
      sharedMemory: this.broker.inspect(),
      msixEntries: this.interrupts.inspect(),
      outstanding: this.#dataPlane.outstanding(),
    };
  }
}
