/**
 * The bindings of one adapter, in the order in which they were opened. The first one that has data halves sits on the
 * adapter's data path; all hear indications, events, pause and restart.
 */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { AdapterDataPlane } from './adapter-data-plane.ts';
import type { BindingReport } from './adapter-inspection.ts';
import { AdapterBinding, type BindingAdapter } from './binding.ts';
import type { BindParameters, ProtocolDriver, StatusIndication } from './protocol-driver.ts';

export interface OpenedBinding {
  readonly status: number;
  readonly binding: AdapterBinding | null;
}

export class AdapterBindings {
  readonly #adapter: BindingAdapter;
  readonly #dataPlane: AdapterDataPlane;
  readonly #nextNumber: () => number;
  #bindings: AdapterBinding[] = [];
  /** The binding whose data halves sit on the adapter's data path. */
  #onDataPath: AdapterBinding | null = null;

  constructor(adapter: BindingAdapter, dataPlane: AdapterDataPlane, nextNumber: () => number) {
    this.#adapter = adapter;
    this.#dataPlane = dataPlane;
    this.#nextNumber = nextNumber;
  }

  /** NdisOpenAdapterEx: the protocol's status. `isRunning`: the adapter is, so the binding restarts at once. */
  open(driver: ProtocolDriver, parameters: BindParameters, isRunning: boolean): OpenedBinding {
    const binding = new AdapterBinding(this.#nextNumber(), driver, this.#adapter);
    const onDataPath = this.#onDataPath === null && driver.dataPathFactory !== '';
    if (onDataPath) this.#onDataPath = binding;
    this.#bindings.push(binding);
    binding.state = 'Paused';
    const status = driver.bindAdapter(binding, parameters);
    if (status !== NDIS_STATUS_SUCCESS) {
      binding.close();
      return { status, binding: null };
    }
    if (onDataPath) this.#dataPlane.attachProtocol(driver.dataPathFactory, driver.dataPathImage(binding));
    if (isRunning) binding.restart();
    this.aimReceives();
    return { status, binding };
  }

  /** The binding has closed: it is forgotten. */
  closed(binding: AdapterBinding): void {
    this.#bindings = this.#bindings.filter((other) => other !== binding);
    if (this.#onDataPath !== binding) return;
    this.#onDataPath = null;
    this.#dataPlane.detachProtocol();
    this.aimReceives();
  }

  /** Has every protocol let go of the adapter, and closes what it left. */
  unbindAll(): void {
    for (const binding of [...this.#bindings]) {
      binding.driver.unbindAdapter(binding);
      binding.close();
    }
  }

  pause(): void {
    for (const binding of this.#bindings) binding.pause();
  }

  restart(): void {
    for (const binding of this.#bindings) binding.restart();
  }

  indicate(indication: StatusIndication): void {
    for (const binding of [...this.#bindings]) binding.indicate(indication);
  }

  netPnpEvent(event: number): void {
    for (const binding of [...this.#bindings]) binding.driver.netPnpEvent?.(binding, event);
  }

  /** Opens the way up while the binding on the data path is Running, and lets every processor see it. */
  aimReceives(): void {
    this.#dataPlane.openReceives(this.#onDataPath?.state === 'Running');
    this.#dataPlane.publish();
  }

  /** A message for the binding's data halves, if it has any. */
  post(binding: AdapterBinding, processor: number | 'all', message: unknown): void {
    if (binding === this.#onDataPath) this.#dataPlane.post('protocol', processor, message);
  }

  inspect(): BindingReport[] {
    return this.#bindings.map(({ number, driver, state }) => ({ number, protocol: driver.name, state }));
  }
}
