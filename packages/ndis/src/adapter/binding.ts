/**
 * A protocol's binding to an adapter (requirements LIFE-07 to LIFE-10, INIT-05).
 */
import {
  NDIS_STATUS_ADAPTER_NOT_OPEN,
  NDIS_STATUS_PENDING,
  NDIS_STATUS_RESET_IN_PROGRESS,
  oidName,
} from '@vmq/abi';
import type {
  Binding,
  BindingState,
  OidRequest,
  ProtocolDriver,
  SharedMemoryAllocation,
  SharedMemoryParameters,
  StatusIndication,
} from '@vmq/ddi';
import type { WorkItems } from '../diagnostics/work-items.ts';
import type { SharedMemoryBroker } from '../memory/shared-memory-broker.ts';
import type { OidEngine } from '../oid/oid-engine.ts';
import { NDIS_ITSELF } from '../oid/oid-table.ts';
import type { AdapterCore } from '../records/adapter-core.ts';
import { cleanUpAfter, withdrawReception } from '../records/leftovers.ts';

/** What a binding needs of its adapter. */
export interface BindingAdapter {
  readonly core: AdapterCore;
  readonly engine: OidEngine;
  readonly resetting: boolean;
  /** Nanoseconds after which an answer will not come any more. */
  readonly patience: number;
  /** Runs the machine, and work items, until `done()`; false if it rests first, or after `nanoseconds`. */
  waitFor(done: () => boolean, nanoseconds?: number): boolean;
  postToProtocol(binding: AdapterBinding, processor: number | 'all', message: unknown): void;
  publish(): void;
  /** Work for the next time that nobody's handler is on the stack. */
  readonly work: WorkItems;
  readonly broker: SharedMemoryBroker;
  /** The binding has closed: forget it. */
  closed(binding: AdapterBinding): void;
}

export class AdapterBinding implements Binding {
  /** Number of the binding; owner of its queues and filters. */
  readonly number: number;
  readonly driver: ProtocolDriver;
  state: BindingState = 'Opening';
  readonly #adapter: BindingAdapter;

  constructor(number: number, driver: ProtocolDriver, adapter: BindingAdapter) {
    this.number = number;
    this.driver = driver;
    this.#adapter = adapter;
  }

  get adapterName(): string {
    return this.#adapter.core.name;
  }

  get protocolName(): string {
    return this.driver.name;
  }

  oidRequest(request: OidRequest): number {
    const refused = this.#refused(request);
    if (refused !== null) return refused;
    return this.#adapter.engine.submit(this.number, request, (status) =>
      this.driver.oidRequestComplete(this, request, status),
    );
  }

  oidRequestAndWait(request: OidRequest): number {
    return this.#refused(request) ?? this.#submitAndWait(request);
  }

  #refused(request: OidRequest): number | null {
    const { core } = this.#adapter;
    const refuse = (rule: string, status: number, expected: string, found: string): number =>
      core.log.refuse({ rule, status, expected }, found, { binding: this.number }, request.oid);
    if (this.state === 'Unbound' || this.state === 'Opening')
      return refuse('LIFE-08', NDIS_STATUS_ADAPTER_NOT_OPEN, 'an open binding', this.state);
    if (this.#adapter.resetting)
      return refuse(
        'LIFE-13',
        NDIS_STATUS_RESET_IN_PROGRESS,
        'no request during a reset',
        oidName(request.oid),
      );
    return null;
  }

  #submitAndWait(request: OidRequest, owner: number = this.number): number {
    let final = NDIS_STATUS_PENDING;
    const status = this.#adapter.engine.submit(owner, request, (result) => {
      final = result;
    });
    if (status !== NDIS_STATUS_PENDING) return status;
    if (!this.#adapter.waitFor(() => final !== NDIS_STATUS_PENDING)) {
      const found = `${oidName(request.oid)} still pending with the machine at rest`;
      this.#adapter.core.log.fail('NdisOidNeverCompleted', 'a completion (INIT-14)', found);
    }
    return final;
  }

  cancelOidRequest(requestId: number): void {
    this.#adapter.engine.cancel(this.number, requestId);
  }

  /** Delivers a status indication; a binding that is not open gets none. */
  indicate(indication: StatusIndication): void {
    if (this.state !== 'Unbound' && this.state !== 'Opening') this.driver.status(this, indication);
  }

  close(): void {
    if (this.state === 'Unbound' || this.state === 'Closing') return;
    if (this.state === 'Running') this.pause();
    this.state = 'Closing';
    this.#cleanUp();
    this.#withdraw();
    this.state = 'Unbound';
    this.#adapter.closed(this);
  }

  pause(): void {
    if (this.state !== 'Running') return;
    this.state = 'Pausing';
    this.driver.pause(this);
    this.state = 'Paused';
  }

  restart(): void {
    if (this.state !== 'Paused') return;
    this.state = 'Restarting';
    this.driver.restart(this);
    this.state = 'Running';
  }

  /** NDIS clears and frees what the protocol left, and writes it down (LIFE-10). */
  #cleanUp(): void {
    const { core } = this.#adapter;
    cleanUpAfter(
      core,
      this.number,
      (request) => this.#submitAndWait(request),
      (what, ids) => core.log.violation('LIFE-09', 'neither filter nor queue left at close', what, ids),
    );
    const { broker } = this.#adapter;
    for (const allocationHandle of broker.ownedBy(this.number)) {
      const found = `allocation ${allocationHandle}`;
      core.log.violation('SHM-17', 'no shared memory left at close', found, { allocationHandle });
      broker.free(allocationHandle, this.number);
    }
  }

  /** What others want to receive is left. */
  #withdraw(): void {
    withdrawReception(this.#adapter.core, this.number, (request) =>
      this.#submitAndWait(request, NDIS_ITSELF),
    );
  }

  allocateSharedMemory(parameters: SharedMemoryParameters): SharedMemoryAllocation {
    return this.#adapter.broker.allocate(parameters, this.number);
  }

  freeSharedMemory(allocationHandle: number): void {
    this.#adapter.broker.free(allocationHandle, this.number);
  }

  queueWorkItem(item: () => void): void {
    this.#adapter.work.queue(item);
  }

  post(processor: number | 'all', message: unknown): void {
    this.#adapter.postToProtocol(this, processor, message);
  }

  publish(): void {
    this.#adapter.publish();
  }

  runUntil(done: () => boolean, nanoseconds: number = this.#adapter.patience): boolean {
    return this.#adapter.waitFor(done, nanoseconds);
  }
}
