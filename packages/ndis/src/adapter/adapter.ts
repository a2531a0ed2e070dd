/**
 * One miniport adapter: the parts it is made of, the records they share, and the calls that others make on it. Its life
 * is in adapter-life.ts, its bindings in adapter-bindings.ts, its requests in adapter-requests.ts and oid-engine.ts.
 */
import { NDIS_STATUS_FAILURE, statusName } from '@vmq/abi';
import {
  type AdapterState,
  NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND,
  type OidRequest,
  type ProtocolDriver,
} from '@vmq/ddi';
import { type DmaDomain, printAs } from '@vmq/machine';
import { AdapterDataPlane } from '../datapath/adapter-data-plane.ts';
import type { NdisTraceWriter } from '../diagnostics/ndis-trace.ts';
import type { AdapterRefusals } from '../diagnostics/refusal-log.ts';
import type { WorkItems } from '../diagnostics/work-items.ts';
import { FilterStack } from '../filter-modules/filter-module.ts';
import { InterruptMessages } from '../memory/interrupt-messages.ts';
import { SharedMemoryBroker } from '../memory/shared-memory-broker.ts';
import { OidEngine } from '../oid/oid-engine.ts';
import { acceptIndication } from '../oid/status-indications.ts';
import { AdapterAttributes } from '../records/adapter-attributes.ts';
import type { AdapterCore } from '../records/adapter-core.ts';
import { Capabilities, type MiniportVersion } from '../records/capabilities.ts';
import { ReceiveFilterBook } from '../records/receive-filter.ts';
import { ReceiveQueueBook } from '../records/receive-queue.ts';
import { Reception } from '../records/reception.ts';
import { AdapterBindings, type OpenedBinding } from './adapter-bindings.ts';
import { AdapterHangCheck, DEFAULT_CHECK_FOR_HANG_SECONDS } from './adapter-hang-check.ts';
import { type AdapterReport, reportAdapter } from './adapter-inspection.ts';
import { AdapterLife } from './adapter-life.ts';
import { AdapterPower, isLowPower, setPowerRequest } from './adapter-power.ts';
import { AdapterRequests } from './adapter-requests.ts';
import { AdapterReset } from './adapter-reset.ts';
import type { AdapterSetting } from './adapter-setting.ts';
import { runMachineUntil } from './adapter-waiting.ts';
import type { AdapterBinding, BindingAdapter } from './binding.ts';
import { MiniportHandle } from './miniport-handle.ts';

export class Adapter implements AdapterCore, BindingAdapter {
  readonly name: string;
  readonly version: MiniportVersion;
  readonly processorMask: bigint;
  readonly reach: (mark: string) => void;
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
  readonly #setting: AdapterSetting;
  readonly #handle: MiniportHandle;
  readonly #dataPlane: AdapterDataPlane;
  readonly #reset: AdapterReset;
  readonly #power: AdapterPower;
  readonly #hangCheck: AdapterHangCheck;
  readonly #bindings: AdapterBindings;
  readonly #life: AdapterLife;
  readonly #requests: AdapterRequests;

  constructor(setting: AdapterSetting) {
    const { name, driver, machine, log } = setting;
    this.#setting = setting;
    this.name = name;
    this.version = (600 + driver.minorNdisVersion) as MiniportVersion;
    this.processorMask = (1n << BigInt(machine.processorCount)) - 1n;
    this.log = log;
    this.reach = machine.reach;
    this.trace = setting.trace;
    this.work = setting.work;
    this.capabilities = new Capabilities(this.version, log);
    this.attributes = new AdapterAttributes(this.version, setting.hostVersion, this.capabilities, log);
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
      createDomain: () => setting.createDomain(name),
    });
    this.interrupts = new InterruptMessages(machine, setting.vectors, setting.resources, setting.rss, log);
    this.#handle = new MiniportHandle(this, setting.resources, setting.keywords);
    this.#requests = new AdapterRequests(this, setting, this.#handle);
    this.modules = this.#makeModules();
    this.engine = new OidEngine(this, this.modules.oids);
    this.#power = this.#makePower();
    this.#reset = this.#makeReset();
    this.#hangCheck = this.#makeHangCheck();
    this.#life = this.#makeLife();
  }

  // --- its parts ---------------------------------------------------------------------------------------

  #makeModules(): FilterStack {
    const { name, driver, log, nextBinding } = this.#setting;
    return new FilterStack({
      adapterName: name,
      log,
      miniport: {
        oidRequest: (request) => this.#requests.down(request),
        cancelOidRequest: (requestId) => driver.cancelOidRequest?.(this.#handle, requestId),
      },
      complete: (request, status) => this.engine.completeFromMiniport(request, status),
      indicate: (indication) => this.#bindings.indicate(indication),
      nextOwner: nextBinding,
      submit: (owner, request, completed) => this.engine.submit(owner, request, completed),
      cleanUp: (owner, module) => this.#requests.cleanUpAfterModule(owner, module),
      openFilters: (open) => this.#dataPlane.openFilters(open),
      post: (number, processor, message) => this.#dataPlane.post('filter', processor, { number, message }),
      bypass: (number) => this.#dataPlane.bypassFilter(number),
      publish: () => this.publish(),
      waitFor: (done) => this.waitFor(done),
    });
  }

  #makePower(): AdapterPower {
    const { log, resources } = this.#setting;
    return new AdapterPower({
      log,
      adapterState: () => this.state,
      keepsRunning: () =>
        this.version >= 630 &&
        (this.attributes.flags & NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND) !== 0 &&
        this.modules.areAllSince(30),
      pause: () => this.pause(),
      restart: () => this.restart(),
      setPower: (state) => this.#requests.own(setPowerRequest(state)),
      powerDevice: (state) => {
        resources.setDevicePower?.(state);
        if (!isLowPower(state)) this.interrupts.restore();
      },
    });
  }

  #makeReset(): AdapterReset {
    const { name, driver, log, interposer } = this.#setting;
    const resetEx = (): { readonly status: number; readonly addressingReset: boolean } => {
      interposer()?.reset?.(name);
      const failed = { status: NDIS_STATUS_FAILURE, addressingReset: false };
      return this.work.during(() => driver.resetEx?.(this.#handle)) ?? failed;
    };
    return new AdapterReset({
      log,
      engine: this.engine,
      reception: this.reception,
      adapterState: () => this.state,
      isLowPower: () => this.#power.isLow,
      resetEx: driver.resetEx ? resetEx : null,
      indicate: (statusCode) => this.#indicateUp(statusCode, new Uint8Array(0)),
      waitFor: (done) => this.waitFor(done),
    });
  }

  #makeHangCheck(): AdapterHangCheck {
    const { timers, driver } = this.#setting;
    return new AdapterHangCheck({
      timers,
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

  #makeLife(): AdapterLife {
    return new AdapterLife({
      setting: this.#setting,
      handle: this.#handle,
      attributes: this.attributes,
      queues: this.queues,
      engine: this.engine,
      modules: this.modules,
      bindings: this.#bindings,
      dataPlane: this.#dataPlane,
      hangCheck: this.#hangCheck,
      isLowPower: () => this.#power.isLow,
      waitFor: (done, nanoseconds) => this.waitFor(done, nanoseconds),
      freeWhatIsLeft: () => this.#requests.cleanUpAll(),
      release: (rule) => this.#release(rule),
    });
  }

  // --- life cycle --------------------------------------------------------------------------------------

  get state(): AdapterState {
    return this.#life.state;
  }

  get removed(): boolean {
    return this.#life.removed;
  }

  /** MiniportInitializeEx: see {@link AdapterLife.initialize}. */
  initialize(): number {
    return this.#life.initialize();
  }

  /** SUCCESS (Running), the miniport's failure (Paused again), or PENDING if the machine rests first. */
  restart(): number {
    return this.#life.restart();
  }

  restartComplete(status: number): void {
    this.#life.restartComplete(status);
  }

  /** Pauses the stack from the top: SUCCESS, or PENDING while something is outstanding. */
  pause(): number {
    return this.#life.pause();
  }

  pauseComplete(): void {
    this.#life.pauseComplete();
  }

  /** What comes up from the data paths: QUE-38, and the end of a pause. */
  poll(): void {
    for (const { processor, count, queueId } of this.#dataPlane.takeMisplaced()) {
      const state = this.queues.find(queueId)?.state ?? 'Undefined';
      const found = `${count} on processor ${processor}, the last on queue ${queueId}, which is ${state}`;
      this.log.violation('QUE-38', 'frames indicated on Running queues alone', found, { queueId });
    }
    this.#life.finishPause();
  }

  /** Ends Pausing if nothing is outstanding any more; true if the adapter is not (or no longer) Pausing. */
  finishPause(): boolean {
    return this.#life.finishPause();
  }

  /** MiniportHaltEx, from Paused and with no request outstanding only: SUCCESS, FAILURE. */
  halt(action?: number): number {
    return this.#life.halt(action);
  }

  /** LIFE-15: SUCCESS, or PENDING while protocols hold NBLs: call again. */
  surpriseRemove(): number {
    return this.#life.surpriseRemove();
  }

  /** NDIS_DEVICE_POWER_STATE of the adapter. */
  get powerState(): number {
    return this.#power.state;
  }

  /** Puts the adapter into a device power state: see {@link AdapterPower.set}. */
  setPower(state: number): number {
    return this.#power.set(state);
  }

  /** MiniportResetEx: see {@link AdapterReset.start}. */
  reset(): number {
    return this.#reset.start();
  }

  resetComplete(status: number, addressingReset: boolean): void {
    this.#reset.complete(status, addressingReset);
  }

  get encapsulation(): AdapterAttributes['encapsulation'] {
    return this.attributes.encapsulation;
  }

  get resetting(): boolean {
    return this.#reset.active;
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
      const status = this.log.refuse({ rule: 'LIFE-08', status: NDIS_STATUS_FAILURE, expected }, this.state);
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

  /** A request of user mode: see {@link AdapterRequests.userMode}. */
  userModeRequest(request: OidRequest): number {
    return this.#requests.userMode(request);
  }

  indicateStatus(statusCode: number, buffer: Uint8Array): void {
    const what = `${statusName(statusCode)} while ${this.state}`;
    if (this.state === 'Halted') {
      this.log.violation('INIT-08', 'no indication after MiniportHaltEx', what);
      return;
    }
    if (!this.attributes.has('registration'))
      this.log.advise('INIT-08', 'NdisMIndicateStatusEx', 'registration attributes first', what);
    if (acceptIndication(this, statusCode, buffer)) this.#indicateUp(statusCode, buffer);
  }

  #indicateUp(statusCode: number, buffer: Uint8Array): void {
    this.modules.indicate({ sourceHandle: this.name, statusCode, statusBuffer: new Uint8Array(buffer) });
  }

  receptionChanged(): void {
    this.#bindings.receptionChanged();
  }

  sharedMemoryLeft(queueId: number): number {
    return this.broker.remaining(queueId).length;
  }

  allowIndications(queueId: number, allowed: boolean): void {
    this.#dataPlane.allowQueue(queueId, allowed);
  }

  registerScatterGatherDma(): DmaDomain {
    return this.broker.openDomain();
  }

  // --- the machine -------------------------------------------------------------------------------------

  get patience(): number {
    return this.#setting.executor.timeout;
  }

  /**
   * Lets the machine run, with work items and timers, until `done()`. False if it rests with no timer to wait for, or
   * if `nanoseconds` have gone by.
   */
  waitFor(done: () => boolean, nanoseconds: number = Number.POSITIVE_INFINITY): boolean {
    return runMachineUntil(this.#setting, done, nanoseconds);
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
    return reportAdapter(this, driver, this.#bindings.inspect(), this.#dataPlane.outstanding());
  }

  static {
    printAs(Adapter.prototype, (adapter) => adapter.inspect());
  }
}
