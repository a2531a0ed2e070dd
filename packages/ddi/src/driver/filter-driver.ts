/**
 * What a filter driver is to NDIS (NDIS_FILTER_DRIVER_CHARACTERISTICS), and what NDIS is to one of its modules (the
 * NdisFilterHandle with the NdisF… functions).
 *
 *   protocols                requests │        ^ completions, indications
 *   filter module n … 1               v        │
 *   miniport
 *
 * A module sees requests as NDIS passes them on: verified, with queue and filter ids assigned. What NDIS answers
 * itself reaches neither modules nor miniport (INIT-11). Handlers run at PASSIVE_LEVEL on the control thread.
 */
import type { AgentContext } from '@vmq/machine';
import type { OidRequest } from '../oid/oid-request.ts';
import type { FilterDataPath, ReceiveSink, SendSink } from './data-path.ts';
import type { ProcessorServices } from './miniport-driver.ts';
import type { BindParameters, StatusIndication } from './protocol-driver.ts';

/** NDIS_FILTER_ATTACH_PARAMETERS: what bindings are told too (INIT-06, INIT-07), with the same revisions. */
export interface FilterAttachParameters extends BindParameters {
  /** BaseMiniportName is `adapterName`; this is the module's place, 1 = next to the miniport. */
  readonly filterModuleNumber: number;
}

export interface FilterDriver {
  readonly name: string;
  readonly majorNdisVersion: 6;
  readonly minorNdisVersion: 0 | 1 | 20 | 30 | 60;
  /**
   * FilterAttach: SUCCESS leaves the module Paused; a failure leaves it out of the stack (it is optional).
   *
   * @irql PASSIVE_LEVEL
   */
  attach(module: FilterModule, parameters: FilterAttachParameters): number;
  /**
   * FilterDetach: the module is Paused, or failed to restart. What queues and filters it leaves NDIS clears and frees.
   *
   * @irql PASSIVE_LEVEL
   */
  detach(module: FilterModule): void;
  /**
   * FilterPause: may pend ({@link FilterModule.pauseComplete}); cannot fail. Nothing new comes from above or below;
   * what the module keeps has to go on its way before the pause is complete.
   *
   * @irql PASSIVE_LEVEL
   */
  pause(module: FilterModule): number;
  /**
   * FilterRestart: may pend. A module that fails is detached and bypassed.
   *
   * @irql PASSIVE_LEVEL
   */
  restart(module: FilterModule): number;
  /**
   * FilterOidRequest: returns what {@link FilterModule.forwardOidRequest} answers to let the request go on, or a
   * status of its own to complete it, or PENDING to complete it later. Absent: requests pass by.
   *
   * @irql PASSIVE_LEVEL
   */
  oidRequest?(module: FilterModule, request: OidRequest): number;
  /**
   * FilterCancelOidRequest, for a request that the module keeps.
   *
   * @irql PASSIVE_LEVEL
   */
  cancelOidRequest?(module: FilterModule, requestId: number): void;
  /**
   * FilterOidRequestComplete, for a forwarded request that pended: the driver calls
   * {@link FilterModule.oidRequestComplete}, now or later. Absent: the completion goes on by itself. Also for a request of
   * the module's own that pended, which ends here.
   *
   * @irql PASSIVE_LEVEL
   */
  oidRequestComplete?(module: FilterModule, request: OidRequest, status: number): void;
  /**
   * FilterStatus: passes on what {@link FilterModule.indicateStatus} is called with. Absent: all pass by.
   *
   * @irql PASSIVE_LEVEL
   */
  status?(module: FilterModule, indication: StatusIndication): void;
  /**
   * FilterNetPnPEvent: NetEventQueryRemoveDevice, which NDIS itself takes on to the next module.
   *
   * @irql PASSIVE_LEVEL
   */
  netPnpEvent?(module: FilterModule, event: number): void;
  /** Name under which the processor agents know the {@link FilterDataPathFactory}; '' = frames bypass the module. */
  readonly dataPathFactory: string;
  /**
   * What that factory is given on every processor; survives a structured clone. Valid once attached.
   *
   * @irql PASSIVE_LEVEL
   */
  dataPathImage(module: FilterModule): unknown;
}

/**
 * Makes a filter module's data path on one processor; `up` and `down` are its neighbours.
 *
 * @irql PASSIVE_LEVEL
 */
export type FilterDataPathFactory = (
  context: AgentContext,
  processor: ProcessorServices,
  image: unknown,
  up: ReceiveSink,
  down: SendSink,
) => FilterDataPath & {
  /**
   * Messages that the control path posted through {@link FilterModule.post}.
   *
   * @irql PASSIVE_LEVEL
   */
  receiveMessage(message: unknown): void;
};

/** The NdisFilterHandle. */
export interface FilterModule {
  readonly adapterName: string;
  readonly driverName: string;
  /** Number of the module on its adapter; 1 = next to the miniport. */
  readonly number: number;
  /**
   * NdisFOidRequest with the request that `oidRequest` was given: its status, or PENDING and later
   * `oidRequestComplete`.
   *
   * @irql PASSIVE_LEVEL
   */
  forwardOidRequest(request: OidRequest): number;
  /**
   * NdisFOidRequest with a request of the module's own: verified by NDIS as a protocol's is, then on to the modules below.
   * Queues and filters it sets are the module's (INIT-23). Its status, or PENDING and later `oidRequestComplete`. It waits
   * for its turn: not to be waited for inside `oidRequest`.
   *
   * @irql PASSIVE_LEVEL
   */
  originateOidRequest(request: OidRequest): number;
  /**
   * NdisFOidRequestComplete, exactly once for a request the module pended.
   *
   * @irql PASSIVE_LEVEL
   */
  oidRequestComplete(request: OidRequest, status: number): void;
  /**
   * NdisFIndicateStatus: the indication goes to whoever is above.
   *
   * @irql PASSIVE_LEVEL
   */
  indicateStatus(indication: StatusIndication): void;
  /**
   * NdisFPauseComplete.
   *
   * @irql PASSIVE_LEVEL
   */
  pauseComplete(): void;
  /**
   * NdisFRestartComplete.
   *
   * @irql PASSIVE_LEVEL
   */
  restartComplete(status: number): void;
  /**
   * Leaves a message for the module's data path on a processor (or on all).
   *
   * @irql PASSIVE_LEVEL
   */
  post(processor: number | 'all', message: unknown): void;
  /** @irql PASSIVE_LEVEL */
  publish(): void;
  /** @irql PASSIVE_LEVEL */
  runUntil(done: () => boolean): boolean;
}

export type FilterModuleState = 'Detached' | 'Attaching' | 'Paused' | 'Restarting' | 'Running' | 'Pausing';

/** A module's data path, as the processors are told of it. */
export interface FilterImage {
  readonly number: number;
  readonly factory: string;
  readonly image: unknown;
}

export interface FilterModuleReport {
  readonly number: number;
  readonly driver: string;
  readonly state: FilterModuleState;
}
