/**
 * The filter modules of one adapter, on the control path: attached when the adapter has been initialized, restarted
 * from the bottom, paused from the top, detached before the miniport halts (INIT-06, LIFE-06, LIFE-15).
 *
 *   Detached ─attach─> Attaching ─> Paused ─restart─> Restarting ─> Running
 *      ^                  │ failed    │ ^                 │ failed     │ pause
 *      └──────────────────┴──detach───┘ └── Pausing <─────┼────────────┘
 *      └───────────────────────────────────────detach─────┘
 */
import { NDIS_STATUS_ADAPTER_NOT_OPEN, NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS, statusName } from '@vmq/abi';
import type {
  FilterAttachParameters,
  FilterDriver,
  FilterModule as FilterHandle,
  FilterImage,
  FilterModuleReport,
  FilterModuleState,
  OidRequest,
  StatusIndication,
} from '@vmq/ddi';
import type { AdapterRefusals } from '../diagnostics/refusal-log.ts';
import type { OidMiniport } from '../oid/oid-engine.ts';
import { FilterOidPath, type OidFilter } from './filter-oid-path.ts';

/** What the modules need of their adapter. */
export interface FilterStackSetting {
  readonly adapterName: string;
  readonly log: AdapterRefusals;
  readonly miniport: OidMiniport;
  /** The engine's end of a completion. */
  complete(request: OidRequest, status: number): void;
  /** The bindings' end of an indication. */
  indicate(indication: StatusIndication): void;
  /** A number for the owner of queues and filters. */
  nextOwner(): number;
  /** The engine, for a request of a module's own. */
  submit(owner: number, request: OidRequest, completed: (status: number) => void): number;
  /** Takes back what an owner has left. */
  cleanUp(owner: number, name: string): void;
  /** Lets received chains into the modules, or past them back to the miniport; every processor sees it at once. */
  openFilters(open: boolean): void;
  post(module: number, processor: number | 'all', message: unknown): void;
  /** Takes a module's data paths off the data path. */
  bypass(module: number): void;
  publish(): void;
  waitFor(done: () => boolean): boolean;
}

class Module implements FilterHandle, OidFilter {
  readonly number: number;
  readonly owner: number;
  readonly driver: FilterDriver;
  state: FilterModuleState = 'Attaching';
  /** Status of the pause or restart under way. */
  answer: number = NDIS_STATUS_PENDING;
  readonly #stack: FilterStack;
  readonly #setting: FilterStackSetting;

  constructor(number: number, driver: FilterDriver, stack: FilterStack, setting: FilterStackSetting) {
    this.number = number;
    this.driver = driver;
    this.#stack = stack;
    this.#setting = setting;
    this.owner = setting.nextOwner();
  }

  get adapterName(): string {
    return this.#setting.adapterName;
  }

  get driverName(): string {
    return this.driver.name;
  }

  get name(): string {
    return this.driver.name;
  }

  get filtersRequests(): boolean {
    return this.driver.oidRequest !== undefined;
  }

  oidRequest(request: OidRequest): number {
    return this.driver.oidRequest?.(this, request) ?? NDIS_STATUS_SUCCESS;
  }

  cancelOidRequest(requestId: number): void {
    this.driver.cancelOidRequest?.(this, requestId);
  }

  completed(request: OidRequest, status: number): boolean {
    if (this.driver.oidRequestComplete === undefined) return false;
    this.driver.oidRequestComplete(this, request, status);
    return true;
  }

  forwardOidRequest(request: OidRequest): number {
    return this.#stack.oids.forward(this, request);
  }

  originateOidRequest(request: OidRequest): number {
    const { log } = this.#setting;
    const expected = 'requests of attached filter modules';
    const found = `${this.name} is ${this.state}`;
    if (this.state === 'Detached')
      return log.refuse(
        { rule: 'INIT-23', status: NDIS_STATUS_ADAPTER_NOT_OPEN, expected },
        found,
        {},
        request.oid,
      );
    if (this.state === 'Attaching') log.advise('INIT-23', 'FilterAttach', expected, found);
    return this.#setting.submit(this.owner, request, (status) =>
      this.driver.oidRequestComplete?.(this, request, status),
    );
  }

  oidRequestComplete(request: OidRequest, status: number): void {
    this.#stack.oids.completeFrom(this, request, status);
  }

  indicateStatus(indication: StatusIndication): void {
    this.#stack.indicateAbove(this, indication);
  }

  pauseComplete(): void {
    this.#answered('Pausing', NDIS_STATUS_SUCCESS);
  }

  restartComplete(status: number): void {
    this.#answered('Restarting', status);
  }

  #answered(state: FilterModuleState, status: number): void {
    if (this.state === state && this.answer === NDIS_STATUS_PENDING) this.answer = status;
    else
      this.#setting.log.violation(
        'LIFE-06',
        `one completion while ${state}`,
        `${this.name} is ${this.state}`,
      );
  }

  post(processor: number | 'all', message: unknown): void {
    this.#setting.post(this.number, processor, message);
  }

  publish(): void {
    this.#setting.publish();
  }

  runUntil(done: () => boolean): boolean {
    return this.#setting.waitFor(done);
  }
}

export class FilterStack {
  readonly oids: FilterOidPath;
  readonly #setting: FilterStackSetting;
  /** Lowest first. */
  #modules: Module[] = [];

  constructor(setting: FilterStackSetting) {
    this.#setting = setting;
    const { miniport, log } = setting;
    this.oids = new FilterOidPath(
      miniport,
      (request, status) => setting.complete(request, status),
      () => this.#modules,
      log,
    );
  }

  /** Attaches a module of each driver, lowest first; one that refuses is left out. */
  attach(
    drivers: readonly FilterDriver[],
    parameters: (filterModuleNumber: number) => FilterAttachParameters,
  ): readonly FilterImage[] {
    const images: FilterImage[] = [];
    for (const driver of drivers) {
      const module = new Module(this.#modules.length + 1, driver, this, this.#setting);
      const status = driver.attach(module, parameters(module.number));
      if (status !== NDIS_STATUS_SUCCESS) {
        module.state = 'Detached';
        this.#setting.cleanUp(module.owner, module.name);
        this.#setting.log.refuse(
          { rule: 'INIT-06', status, expected: `filter driver ${driver.name} to attach` },
          statusName(status),
        );
        continue;
      }
      module.state = 'Paused';
      this.#modules.push(module);
      if (driver.dataPathFactory === '') continue;
      const image = driver.dataPathImage(module);
      images.push({ number: module.number, factory: driver.dataPathFactory, image });
    }
    return images;
  }

  /** From the bottom up. A module that fails is detached, and the stack does without it. */
  restart(): void {
    for (const module of [...this.#modules]) {
      if (module.state !== 'Paused') continue;
      module.state = 'Restarting';
      const status = this.#wait(module, (driver) => driver.restart(module));
      if (status === NDIS_STATUS_SUCCESS) {
        module.state = 'Running';
        continue;
      }
      const expected = `filter module ${module.name} to restart`;
      this.#setting.log.refuse({ rule: 'LIFE-06', status, expected }, statusName(status));
      this.#detach(module);
      this.#setting.bypass(module.number);
    }
    if (this.#modules.length > 0) this.#setting.openFilters(true);
  }

  /** From the top down; returns when all are Paused. */
  pause(): void {
    if (this.#modules.length > 0) this.#setting.openFilters(false);
    for (const module of [...this.#modules].reverse()) {
      if (module.state !== 'Running') continue;
      module.state = 'Pausing';
      const status = this.#wait(module, (driver) => driver.pause(module));
      if (status !== NDIS_STATUS_SUCCESS)
        this.#setting.log.violation('LIFE-06', `filter module ${module.name} to pause`, statusName(status));
      module.state = 'Paused';
    }
  }

  #wait(module: Module, call: (driver: FilterDriver) => number): number {
    module.answer = NDIS_STATUS_PENDING;
    const status = call(module.driver);
    if (status !== NDIS_STATUS_PENDING) return status;
    this.#setting.waitFor(() => module.answer !== NDIS_STATUS_PENDING);
    return module.answer;
  }

  /** From the top down, before the miniport halts. */
  detach(): void {
    for (const module of [...this.#modules].reverse()) this.#detach(module);
  }

  #detach(module: Module): void {
    module.driver.detach(module);
    this.#setting.cleanUp(module.owner, module.name);
    module.state = 'Detached';
    this.#modules = this.#modules.filter((other) => other !== module);
  }

  /** An indication of the miniport, or of NDIS itself, on its way up. */
  indicate(indication: StatusIndication): void {
    this.#indicateFrom(0, indication);
  }

  indicateAbove(module: Module, indication: StatusIndication): void {
    const at = this.#modules.indexOf(module);
    if (at >= 0) this.#indicateFrom(at + 1, indication);
    else
      this.#setting.log.violation(
        'INIT-08',
        'indications of attached modules',
        `${module.name} is ${module.state}`,
      );
  }

  #indicateFrom(first: number, indication: StatusIndication): void {
    const module = this.#modules.slice(first).find(({ driver }) => driver.status !== undefined);
    if (module === undefined) this.#setting.indicate(indication);
    else module.driver.status?.(module, indication);
  }

  /** FilterNetPnPEvent, from the bottom up. */
  netPnpEvent(event: number): void {
    for (const module of [...this.#modules]) module.driver.netPnpEvent?.(module, event);
  }

  /** Every module's driver is of NDIS 6.`minor` or later. */
  areAllSince(minor: number): boolean {
    return this.#modules.every(({ driver }) => driver.minorNdisVersion >= minor);
  }

  inspect(): FilterModuleReport[] {
    return this.#modules.map(({ number, driver, state }) => ({ number, driver: driver.name, state }));
  }
}
