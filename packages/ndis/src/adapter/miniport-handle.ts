/**
 * The NdisMiniportHandle: what a miniport may call, joined from the parts of its adapter.
 */
import { NDIS_STATUS_FAILURE } from '@vmq/abi';
import type {
  AdapterState,
  InterruptMessage,
  MiniportAdapter,
  MiniportAdapterAttributes,
  MiniportResources,
  MsixTableOperation,
  OidRequest,
  SharedMemoryAllocation,
  SharedMemoryParameters,
} from '@vmq/ddi';
import type { DmaDomain } from '@vmq/machine';
import type { AdapterRefusals } from '../diagnostics/refusal-log.ts';
import type { WorkItems } from '../diagnostics/work-items.ts';
import type { FilterStack } from '../filter-modules/filter-module.ts';
import type { InterruptMessages } from '../memory/interrupt-messages.ts';
import type { SharedMemoryBroker } from '../memory/shared-memory-broker.ts';
import type { AdapterAttributes } from '../records/adapter-attributes.ts';
import { abiVersion, type MiniportVersion } from '../records/capabilities.ts';

/** What the handle joins: the parts of an adapter a miniport may reach. */
export interface AdapterParts {
  readonly name: string;
  readonly version: MiniportVersion;
  readonly state: AdapterState;
  readonly log: AdapterRefusals;
  readonly attributes: AdapterAttributes;
  readonly interrupts: InterruptMessages;
  readonly broker: SharedMemoryBroker;
  readonly modules: FilterStack;
  readonly work: WorkItems;
  registerScatterGatherDma(): DmaDomain;
  indicateStatus(statusCode: number, buffer: Uint8Array): void;
  pauseComplete(): void;
  restartComplete(status: number): void;
  resetComplete(status: number, addressingReset: boolean): void;
  postToMiniport(processor: number | 'all', message: unknown): void;
  publish(): void;
  /** Nanoseconds after which an answer will not come any more. */
  readonly patience: number;
  waitFor(done: () => boolean, nanoseconds?: number): boolean;
}

export class MiniportHandle implements MiniportAdapter {
  readonly name: string;
  readonly resources: MiniportResources;
  readonly #adapter: AdapterParts;
  readonly #keywords: Readonly<Record<string, number | string>>;

  constructor(
    adapter: AdapterParts,
    resources: MiniportResources,
    keywords: Readonly<Record<string, number | string>>,
  ) {
    this.name = adapter.name;
    this.resources = resources;
    this.#adapter = adapter;
    this.#keywords = keywords;
  }

  setMiniportAttributes(attributes: MiniportAdapterAttributes): number {
    const { log, state } = this.#adapter;
    const expected = 'attributes set inside MiniportInitializeEx';
    // The handle is no adapter's any more.
    if (state === 'Halted')
      return log.refuse({ rule: 'INIT-01', status: NDIS_STATUS_FAILURE, expected }, state);
    if (state !== 'Initializing') log.advise('INIT-01', 'NdisMSetMiniportAttributes', expected, state);
    return this.#adapter.attributes.set(attributes);
  }

  readConfiguration(keyword: string): number | string | undefined {
    return Object.hasOwn(this.#keywords, keyword) ? this.#keywords[keyword] : undefined;
  }

  getRssProcessorInformation(buffer: Uint8Array): { status: number; bytesNeeded: number } {
    return this.#adapter.interrupts.rssProcessorInformation(buffer, abiVersion(this.#adapter.version));
  }

  allocateInterruptMessage(processor: number): InterruptMessage | null {
    return this.#adapter.interrupts.allocate(processor);
  }

  configMsixTableEntry(operation: MsixTableOperation): number {
    return this.#adapter.interrupts.configure(operation);
  }

  registerScatterGatherDma(): DmaDomain {
    return this.#adapter.registerScatterGatherDma();
  }

  allocateSharedMemory(parameters: SharedMemoryParameters): SharedMemoryAllocation {
    return this.#adapter.broker.allocate(parameters);
  }

  freeSharedMemory(allocationHandle: number): void {
    this.#adapter.broker.free(allocationHandle);
  }

  indicateStatusEx(statusCode: number, buffer: Uint8Array): void {
    this.#adapter.indicateStatus(statusCode, buffer);
  }

  oidRequestComplete(request: OidRequest, status: number): void {
    this.#adapter.modules.oids.completeFromMiniport(request, status);
  }

  pauseComplete(): void {
    this.#adapter.pauseComplete();
  }

  restartComplete(status: number): void {
    this.#adapter.restartComplete(status);
  }

  resetComplete(status: number, addressingReset: boolean): void {
    this.#adapter.resetComplete(status, addressingReset);
  }

  post(processor: number | 'all', message: unknown): void {
    this.#adapter.postToMiniport(processor, message);
  }

  publish(): void {
    this.#adapter.publish();
  }

  runUntil(done: () => boolean): boolean {
    // A machine that is always busy (an interrupt storm) never rests, and a dead device never answers.
    return this.#adapter.waitFor(done, this.#adapter.patience);
  }

  queueWorkItem(item: () => void): void {
    this.#adapter.work.queue(item);
  }
}
