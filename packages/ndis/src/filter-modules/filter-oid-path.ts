/**
 * One OID request on its way through the filter modules of an adapter.
 *
 *   engine ─ oidRequest ─> module n ─ forward ─> … module 1 ─ forward ─> miniport
 *          <─ complete ── module n <──── trail of modules that forwarded ──── miniport
 *
 * The engine has one request down at a time (INIT-11), so there is one trail. A completion may arrive while the
 * forwarding calls are still on the stack: a module is on the trail before the call goes on.
 */
import { NDIS_STATUS_PENDING, oidName, statusName } from '@vmq/abi';
import type { OidRequest } from '@vmq/ddi';
import type { AdapterRefusals } from '../diagnostics/refusal-log.ts';
import type { OidMiniport } from '../oid/oid-engine.ts';

/** A module as its requests see it. */
export interface OidFilter {
  readonly name: string;
  /** Owner of requests of its own. */
  readonly owner: number;
  /** False: requests pass by it. */
  readonly filtersRequests: boolean;
  oidRequest(request: OidRequest): number;
  cancelOidRequest(requestId: number): void;
  /** False: it has no handler, so the completion goes on by itself. */
  completed(request: OidRequest, status: number): boolean;
}

interface Flight {
  readonly request: OidRequest;
  /** Modules that forwarded it and wait for its completion, highest first. */
  readonly trail: OidFilter[];
  /** Who has it; null = the miniport. */
  at: OidFilter | null;
  done: boolean;
}

export class FilterOidPath implements OidMiniport {
  readonly #miniport: OidMiniport;
  readonly #complete: (request: OidRequest, status: number) => void;
  readonly #log: AdapterRefusals;
  /** Modules, lowest first. */
  readonly #modules: () => readonly OidFilter[];
  #flight: Flight | null = null;

  /** `complete` is the engine's end of the way up. */
  constructor(
    miniport: OidMiniport,
    complete: (request: OidRequest, status: number) => void,
    modules: () => readonly OidFilter[],
    log: AdapterRefusals,
  ) {
    this.#miniport = miniport;
    this.#complete = complete;
    this.#modules = modules;
    this.#log = log;
  }

  /** `owner`: a module's own request begins below it. */
  oidRequest(request: OidRequest, owner: number): number {
    const flight: Flight = { request, trail: [], at: null, done: false };
    this.#flight = flight;
    const modules = this.#modules();
    const origin = modules.findIndex((module) => module.owner === owner);
    const status = this.#down(flight, (origin < 0 ? modules.length : origin) - 1);
    if (status !== NDIS_STATUS_PENDING && this.#flight === flight) this.#flight = null;
    return status;
  }

  cancelOidRequest(requestId: number): void {
    const holder = this.#flight?.at ?? null;
    if (holder === null) this.#miniport.cancelOidRequest(requestId);
    else holder.cancelOidRequest(requestId);
  }

  /** NdisFOidRequest of `module`. */
  forward(module: OidFilter, request: OidRequest): number {
    const flight = this.#held(module, request, 'forwarded');
    flight.trail.push(module);
    const status = this.#down(flight, this.#modules().indexOf(module) - 1);
    if (status !== NDIS_STATUS_PENDING) {
      flight.trail.pop();
      flight.at = module;
    }
    return status;
  }

  /** NdisFOidRequestComplete of `module`. */
  completeFrom(module: OidFilter, request: OidRequest, status: number): void {
    const flight = this.#held(module, request, `completed ${statusName(status)}`);
    if (status === NDIS_STATUS_PENDING)
      this.#log.fail(
        'NdisOidPendingComplete',
        'a final status (INIT-14)',
        this.#tell(module, request, status),
      );
    this.#up(flight, status);
  }

  /** NdisMOidRequestComplete. */
  completeFromMiniport(request: OidRequest, status: number): void {
    const flight = this.#flight;
    // The engine knows what to say of a request that is not down at all.
    if (flight === null || flight.request !== request) this.#complete(request, status);
    else if (flight.at !== null)
      this.#log.fail(
        'NdisOidUnknownComplete',
        'a completion by who has the request (INIT-14)',
        `${oidName(request.oid)} completed by the miniport while filter module ${flight.at.name} has it`,
      );
    else this.#up(flight, status);
  }

  #down(flight: Flight, from: number): number {
    const modules = this.#modules();
    for (let k = from; k >= 0; k--) {
      const module = modules[k];
      if (!module.filtersRequests) continue;
      flight.at = module;
      const status = module.oidRequest(flight.request);
      if (status !== NDIS_STATUS_PENDING && (flight.done || flight.at !== module)) {
        const expected = 'PENDING for a request that went on or was completed (INIT-14)';
        this.#log.fail('NdisOidDoubleComplete', expected, this.#tell(module, flight.request, status));
      }
      return status;
    }
    flight.at = null;
    return this.#miniport.oidRequest(flight.request, 0);
  }

  #up(flight: Flight, status: number): void {
    for (let module = flight.trail.pop(); module !== undefined; module = flight.trail.pop()) {
      flight.at = module;
      if (module.completed(flight.request, status)) return;
    }
    flight.done = true;
    this.#flight = null;
    this.#complete(flight.request, status);
  }

  #held(module: OidFilter, request: OidRequest, what: string): Flight {
    const flight = this.#flight;
    if (flight === null || flight.request !== request || flight.at !== module) {
      const found = `${oidName(request.oid)} ${what} by filter module ${module.name}, which does not have it`;
      this.#log.fail('NdisOidUnknownComplete', 'a request that the module was given (INIT-14)', found);
    }
    return flight;
  }

  #tell(module: OidFilter, { oid }: OidRequest, status: number): string {
    return `filter module ${module.name} answered ${oidName(oid)} with ${statusName(status)}`;
  }
}
