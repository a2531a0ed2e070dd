/**
 * The requests of an adapter that NDIS waits for (its own, user mode's, and those by which it takes back what somebody
 * has left), and the last step of all requests: the call of the miniport.
 */
import { NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_PENDING } from '@vmq/abi';
import type { AdapterState, OidRequest } from '@vmq/ddi';
import type { OidEngine } from '../oid/oid-engine.ts';
import { NDIS_ITSELF } from '../oid/oid-table.ts';
import type { AdapterCore } from '../records/adapter-core.ts';
import { cleanUpAfter, cleanUpAll, withdrawReception } from '../records/leftovers.ts';
import type { AdapterSetting } from './adapter-setting.ts';
import type { MiniportHandle } from './miniport-handle.ts';

/** What the requests need of their adapter. */
export interface RequestingAdapter {
  readonly core: AdapterCore;
  readonly state: AdapterState;
  readonly engine: OidEngine;
  waitFor(done: () => boolean): boolean;
}

export class AdapterRequests {
  readonly #adapter: RequestingAdapter;
  readonly #setting: AdapterSetting;
  readonly #handle: MiniportHandle;

  constructor(adapter: RequestingAdapter, setting: AdapterSetting, handle: MiniportHandle) {
    this.#adapter = adapter;
    this.#setting = setting;
    this.#handle = handle;
  }

  /** MiniportOidRequest, or what stands before it. */
  down(request: OidRequest): number {
    const { name, driver, interposer, work } = this.#setting;
    const down = (): number => work.during(() => driver.oidRequest(this.#handle, request));
    const complete = (status: number): void => this.#handle.oidRequestComplete(request, status);
    return interposer()?.oidRequest?.(name, request, { down, complete }) ?? down();
  }

  /** A request of user mode (Get-NetAdapterVmqQueue and the like): owns nothing, waits for the end. */
  userMode(request: OidRequest): number {
    const { log, work } = this.#setting;
    const { state } = this.#adapter;
    if (state === 'Halted' || state === 'Initializing') {
      const expected = 'an initialized adapter';
      const broken = { rule: 'INIT-03', status: NDIS_STATUS_NOT_SUPPORTED, expected };
      return log.refuse(broken, state, {}, request.oid);
    }
    const status = this.#submitAndWait(0, request);
    work.run();
    return status;
  }

  /** A request of NDIS's own, waited for. */
  own(request: OidRequest): number {
    return this.#submitAndWait(NDIS_ITSELF, request);
  }

  /** INIT-23: what a filter module has left is taken back as a protocol's is. */
  cleanUpAfterModule(owner: number, name: string): void {
    const expected = `neither filter nor queue left by filter module ${name}`;
    const { core } = this.#adapter;
    cleanUpAfter(
      core,
      owner,
      (request) => this.#submitAndWait(owner, request),
      (what, ids) => core.log.violation('LIFE-09', expected, what, ids),
    );
    withdrawReception(core, owner, (request) => this.own(request));
  }

  /** LIFE-10: clears and frees what nobody has given back, before the miniport halts. */
  cleanUpAll(): void {
    cleanUpAll(this.#adapter.core, (owner, request) => this.#submitAndWait(owner, request));
  }

  #submitAndWait(owner: number, request: OidRequest): number {
    const { engine } = this.#adapter;
    let final = NDIS_STATUS_PENDING;
    const status = engine.submit(owner, request, (result) => {
      final = result;
    });
    if (status !== NDIS_STATUS_PENDING) return status;
    this.#adapter.waitFor(() => final !== NDIS_STATUS_PENDING);
    return final;
  }
}
