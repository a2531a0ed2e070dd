/**
 * One miniport adapter: the parts it is made of, the records they share, and the calls that others make on it. Its life
 * is in adapter-life.ts, its bindings in adapter-bindings.ts, its requests in oid-engine.ts.
 */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_PENDING, statusName } from '@vmq/abi';
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
import { NDIS_ITSELF } from '../oid/oid-table.ts';
import { acceptIndication } from '../oid/status-indications.ts';
import { AdapterAttributes } from '../records/adapter-attributes.ts';
import type { AdapterCore } from '../records/adapter-core.ts';
import { Capabilities, type MiniportVersion } from '../records/capabilities.ts';
import { cleanUpAfter, cleanUpAll, withdrawReception } from '../records/leftovers.ts';
import { ReceiveFilterBook } from '../records/receive-filter.ts';
import { ReceiveQueueBook } from '../records/receive-queue.ts';
import { Reception } from '../records/reception.ts';
import { AdapterBindings, type OpenedBinding } from './adapter-bindings.ts';
import { AdapterHangCheck, DEFAULT_CHECK_FOR_HANG_SECONDS } from './adapter-hang-check.ts';
import { type AdapterReport, reportFilter, reportQueue } from './adapter-inspection.ts';
import { AdapterLife } from './adapter-life.ts';
import { AdapterPower, isLowPower, setPowerRequest } from './adapter-power.ts';
import { AdapterReset } from './adapter-reset.ts';
import type { AdapterSetting } from './adapter-setting.ts';
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
    this.modules = new FilterStack({
      adapterName: name,
      log,
      miniport: {
        oidRequest: (request) => this.#requestDown(request),
        cancelOidRequest: (requestId) => driver.cancelOidRequest?.(this.#handle, requestId),
      },
      complete: (request, status) => this.engine.completeFromMiniport(request, status),
      indicate: (indication) => this.#bindings.indicate(indication),
      nextOwner: setting.nextBinding,
      submit: (owner, request, completed) => this.engine.submit(owner, request, completed),
      cleanUp: (owner, name) => this.#cleanUpAfterModule(owner, name),
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
      reception: this.reception,
      resetEx: driver.resetEx
        ? () => {
            setting.interposer()?.reset?.(name);
            const failed = { status: NDIS_STATUS_FAILURE, addressingReset: false };
            return this.work.during(() => driver.resetEx?.(this.#handle)) ?? failed;
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
    this.#life = new AdapterLife({
      setting,
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
      freeWhatIsLeft: () => cleanUpAll(this, (owner, request) => this.#submitAndWait(owner, request)),
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

  /** What comes up from the data halves: QUE-38, and the end of a pause. */
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

  /** MiniportResetEx: SUCCESS, the miniport's failure, RESET_IN_PROGRESS, NOT_RESETTABLE. */
  reset(): number {
    if (this.state === 'Halted' || this.state === 'Initializing')
      return this.log.refuse(
        { rule: 'LIFE-12', status: NDIS_STATUS_FAILURE, expected: 'an initialized adapter' },
        this.state,
      );
    if (this.#power.isLow)
      return this.log.refuse(
        { rule: 'LIFE-18', status: NDIS_STATUS_FAILURE, expected: 'an adapter in D0' },
        'low power',
      );
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

  /** INIT-23: what a filter module has left is taken back as a protocol's is. */
  #cleanUpAfterModule(owner: number, name: string): void {
    const expected = `neither filter nor queue left by filter module ${name}`;
    cleanUpAfter(
      this,
      owner,
      (request) => this.#submitAndWait(owner, request),
      (what, ids) => this.log.violation('LIFE-09', expected, what, ids),
    );
    withdrawReception(this, owner, (request) => this.#ownRequest(request));
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

  /** MiniportOidRequest, or what stands before it. */
  #requestDown(request: OidRequest): number {
    const { driver, interposer } = this.#setting;
    const down = (): number => this.work.during(() => driver.oidRequest(this.#handle, request));
    const complete = (status: number): void => this.#handle.oidRequestComplete(request, status);
    return interposer()?.oidRequest?.(this.name, request, { down, complete }) ?? down();
  }

  /** A request of user mode (Get-NetAdapterVmqQueue and the like): owns nothing, waits for the end. */
  userModeRequest(request: OidRequest): number {
    if (this.state === 'Halted' || this.state === 'Initializing')
      return this.log.refuse(
        { rule: 'INIT-03', status: NDIS_STATUS_NOT_SUPPORTED, expected: 'an initialized adapter' },
        this.state,
        {},
        request.oid,
      );
    const status = this.#submitAndWait(0, request);
    this.work.run();
    return status;
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
      advice: [...this.log.advice],
      msixEntries: this.interrupts.inspect(),
      outstanding: this.#dataPlane.outstanding(),
    };
  }

  static {
    printAs(Adapter.prototype, (adapter) => adapter.inspect());
  }
}
