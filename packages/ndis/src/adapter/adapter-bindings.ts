/**
 * The bindings of one adapter, in the order in which they were opened. Those that have data paths sit on the adapter's data
 * path, and get what they have asked for (RX-22); all hear indications, events, pause and restart.
 */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { BindParameters, ProtocolDriver, StatusIndication } from '@vmq/ddi';
import type { AdapterDataPlane } from '../datapath/adapter-data-plane.ts';
import { receiversImage } from '../datapath/receivers-image.ts';
import type { BindingReport } from './adapter-inspection.ts';
import { AdapterBinding, type BindingAdapter } from './binding.ts';

export interface OpenedBinding {
  readonly status: number;
  readonly binding: AdapterBinding | null;
}

export class AdapterBindings {
  readonly #adapter: BindingAdapter;
  readonly #dataPlane: AdapterDataPlane;
  readonly #nextNumber: () => number;
  #bindings: AdapterBinding[] = [];
  /** Those whose data paths sit on the adapter's data path. */
  readonly #onDataPath = new Set<AdapterBinding>();
  /** What the data paths were last told of who gets what, and whether the way up is open. */
  #told = '';

  constructor(adapter: BindingAdapter, dataPlane: AdapterDataPlane, nextNumber: () => number) {
    this.#adapter = adapter;
    this.#dataPlane = dataPlane;
    this.#nextNumber = nextNumber;
  }

  /** NdisOpenAdapterEx: the protocol's status. `isRunning`: the adapter is, so the binding restarts at once. */
  open(driver: ProtocolDriver, parameters: BindParameters, isRunning: boolean): OpenedBinding {
    const binding = new AdapterBinding(this.#nextNumber(), driver, this.#adapter);
    this.#bindings.push(binding);
    binding.state = 'Paused';
    const status = driver.bindAdapter(binding, parameters);
    if (status !== NDIS_STATUS_SUCCESS) {
      binding.close();
      return { status, binding: null };
    }
    if (driver.dataPathFactory !== '') {
      this.#onDataPath.add(binding);
      this.#dataPlane.attachProtocol(binding.number, driver.dataPathFactory, driver.dataPathImage(binding));
    }
    if (isRunning) binding.restart();
    this.aimReceives();
    return { status, binding };
  }

  /** The binding has closed: it is forgotten. */
  closed(binding: AdapterBinding): void {
    this.#bindings = this.#bindings.filter((other) => other !== binding);
    this.#onDataPath.delete(binding);
    this.#dataPlane.detachProtocol(binding.number);
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

  /** Opens the way up while a binding with data paths is Running, says who gets what, and lets every processor see it. */
  aimReceives(): void {
    this.#aim();
    this.#dataPlane.publish();
  }

  /** The same if that has changed. */
  receptionChanged(): void {
    if (this.#aim()) this.#dataPlane.publish();
  }

  /** True if there is something new to be seen. */
  #aim(): boolean {
    const bindings = this.#bindings.filter((binding) => this.#onDataPath.has(binding));
    const image = receiversImage(this.#adapter.core, bindings);
    const sole = bindings.find(({ number }) => number === image.sole);
    const isOpen = sole ? sole.state === 'Running' : bindings.some(({ state }) => state === 'Running');
    const told = JSON.stringify([isOpen, image]);
    if (told === this.#told) return false;
    this.#told = told;
    // Before the first binding there is nobody to tell.
    if (bindings.length > 0) this.#dataPlane.aimReceivers(image);
    this.#dataPlane.openReceives(isOpen);
    return true;
  }

  /** A message for the binding's data paths, if it has any. */
  post(binding: AdapterBinding, processor: number | 'all', message: unknown): void {
    if (binding.driver.dataPathFactory !== '')
      this.#dataPlane.postToProtocol(binding.number, processor, message);
  }

  inspect(): BindingReport[] {
    return this.#bindings.map(({ number, driver, state }) => ({ number, protocol: driver.name, state }));
  }
}
