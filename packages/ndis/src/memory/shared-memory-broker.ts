/**
 * NdisAllocateSharedMemory and NdisFreeSharedMemory for one adapter: checks the miniport's request, lets the
 * provider serve it, checks what comes back, and opens the adapter's DMA domain for exactly those pages
 * (requirements SHM-02 to SHM-12).
 */
import {
  NDIS_SHARED_MEMORY_USAGE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import type {
  SharedMemoryAllocation,
  SharedMemoryElement,
  SharedMemoryParameters,
  SharedMemoryProvider,
} from '@vmq/ddi';
import { DMA_READ, DMA_WRITE, type DmaDomain, HOST_SEGMENT, type Machine, PAGE_SIZE } from '@vmq/machine';
import type { SharedMemoryUsage } from '@vmq/shared-memory';
import type { AdapterRefusals } from '../diagnostics/refusal-log.ts';
import { DEFAULT_QUEUE, type ReceiveQueueBook } from '../records/receive-queue.ts';

export interface SharedMemoryReportEntry {
  readonly allocationHandle: number;
  readonly sharedMemoryHandle: number;
  readonly queueId: number;
  readonly usage: SharedMemoryUsage;
  readonly length: number;
  readonly elements: readonly SharedMemoryElement[];
}

/** Owner of what the miniport has; a protocol's is its binding's number. */
const MINIPORT = 0;

interface Allocation {
  readonly owner: number;
  readonly parameters: SharedMemoryParameters;
  readonly provider: SharedMemoryProvider;
  readonly context: unknown;
  readonly elements: readonly SharedMemoryElement[];
  readonly sharedMemoryHandle: number;
}

/** What the device has to do with memory of a usage. */
function rightsFor(usage: SharedMemoryUsage): number {
  switch (usage) {
    case NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageXmit:
    case NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageXmitHeader:
    case NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageXmitData:
      return DMA_READ;
    case NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageOther:
      return DMA_READ | DMA_WRITE;
    default:
      return DMA_WRITE;
  }
}

function isReceive(usage: SharedMemoryUsage): boolean {
  return (
    usage >= NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceive &&
    usage <= NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceiveData
  );
}

const pagesEnd = ({ offset, length }: SharedMemoryElement): number =>
  Math.ceil((offset + length) / PAGE_SIZE) * PAGE_SIZE;

export interface BrokerSetting {
  readonly adapterName: string;
  readonly machine: Machine;
  readonly queues: ReceiveQueueBook;
  readonly log: AdapterRefusals;
  /** NDIS version of the host, which decides about placement (SHM-12, SHM-13). */
  readonly hostVersion: 620 | 630;
  /** The registered provider; null without one. */
  provider(): SharedMemoryProvider | null;
  createDomain(): DmaDomain;
}

export class SharedMemoryBroker {
  readonly #setting: BrokerSetting;
  readonly #allocations = new Map<number, Allocation>();
  /** The adapter's DMA domain, once it has registered for scatter-gather DMA. */
  #domain: DmaDomain | null = null;
  #lastHandle: number;

  constructor(setting: BrokerSetting) {
    this.#setting = setting;
    this.#lastHandle = setting.machine.counters.numbers;
  }

  /** NdisMRegisterScatterGatherDma: the adapter's domain, the same at every call. */
  openDomain(): DmaDomain {
    this.#domain ??= this.#setting.createDomain();
    return this.#domain;
  }

  /** For the miniport, or for the binding of that number (SHM-17). */
  allocate(parameters: SharedMemoryParameters, owner: number = MINIPORT): SharedMemoryAllocation {
    const fault = this.#requestFault(parameters, owner);
    if (fault !== null) return this.#refuse(parameters, ...fault);
    const provider = this.#setting.provider();
    if (provider === null)
      return this.#refuse(
        parameters,
        'SHM-01',
        NDIS_STATUS_FAILURE,
        'a shared-memory provider',
        'none registered',
      );
    this.#expectDomain();
    const served = provider.allocateSharedMemoryHandler(this.#setting.adapterName, parameters);
    if (served.status !== NDIS_STATUS_SUCCESS) {
      const allowed = [NDIS_STATUS_RESOURCES, NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_FAILURE];
      const status = allowed.includes(served.status) ? served.status : NDIS_STATUS_FAILURE;
      return this.#refuse(
        parameters,
        'SHM-04',
        status,
        'memory from the provider',
        served.reason ?? 'a refusal',
      );
    }
    const elements = served.elements ?? [];
    const wrong = this.#answerFault(parameters, elements);
    if (wrong !== null) {
      provider.freeSharedMemoryHandler(this.#setting.adapterName, served.allocationContext);
      return this.#refuse(parameters, ...wrong);
    }
    for (const element of elements) this.#setRights(element, rightsFor(parameters.usage));
    const allocationHandle = ++this.#lastHandle;
    const sharedMemoryHandle = served.sharedMemoryHandle ?? allocationHandle;
    const context = served.allocationContext;
    this.#allocations.set(allocationHandle, {
      owner,
      parameters,
      provider,
      context,
      elements,
      sharedMemoryHandle,
    });
    return { status: NDIS_STATUS_SUCCESS, elements, sharedMemoryHandle, allocationHandle };
  }

  /** Throws for a handle that is not (or no longer) the owner's: SHM-09. */
  free(allocationHandle: number, owner: number = MINIPORT): void {
    const found = this.#allocations.get(allocationHandle);
    if (found !== undefined && found.owner !== owner)
      this.#setting.log.fail(
        'NdisSharedMemoryUnknownHandle',
        'an allocation of who frees it (SHM-09, SHM-17)',
        `allocation ${allocationHandle} of ${found.owner === MINIPORT ? 'the miniport' : `binding ${found.owner}`}`,
        { allocationHandle },
      );
    if (found === undefined) {
      const known =
        allocationHandle > this.#setting.machine.counters.numbers && allocationHandle <= this.#lastHandle;
      this.#setting.log.fail(
        known ? 'NdisSharedMemoryDoubleFree' : 'NdisSharedMemoryUnknownHandle',
        'one free of an allocation (SHM-09)',
        known ? `allocation ${allocationHandle} freed again` : `no allocation ${allocationHandle}`,
        { allocationHandle },
      );
    }
    this.#allocations.delete(allocationHandle);
    for (const element of found.elements) this.#setRights(element, 0);
    found.provider.freeSharedMemoryHandler(this.#setting.adapterName, found.context);
  }

  /** SHM-06: the domain is opened all the same, for without it the device would not reach the memory. */
  #expectDomain(): void {
    if (this.#domain !== null) return;
    const expected = 'registration for scatter-gather DMA before the first shared memory';
    this.#setting.log.advise('SHM-06', 'NdisAllocateSharedMemory', expected, 'none');
    this.openDomain();
  }

  /** Handles that the miniport still has, for one queue or for all. */
  remaining(queueId?: number): number[] {
    return this.ownedBy(MINIPORT).filter(
      (handle) => queueId === undefined || this.#allocations.get(handle)?.parameters.queueId === queueId,
    );
  }

  /** Handles that the miniport (0) or a binding still has. */
  ownedBy(owner: number): number[] {
    return [...this.#allocations].filter(([, found]) => found.owner === owner).map(([handle]) => handle);
  }

  inspect(): SharedMemoryReportEntry[] {
    return [...this.#allocations].map(([allocationHandle, { parameters, elements, sharedMemoryHandle }]) => ({
      allocationHandle,
      sharedMemoryHandle,
      queueId: parameters.queueId,
      usage: parameters.usage,
      length: parameters.length,
      elements,
    }));
  }

  #refuse(
    parameters: SharedMemoryParameters,
    rule: string,
    status: number,
    expected: string,
    found: string,
  ): SharedMemoryAllocation {
    this.#setting.log.refuse({ rule, status, expected }, found, { queueId: parameters.queueId });
    return { status, elements: [], sharedMemoryHandle: 0, allocationHandle: 0 };
  }

  /** Rule, status, expected, found of a bad request; null for a good one. */
  #requestFault(parameters: SharedMemoryParameters, owner: number): [string, number, string, string] | null {
    const { queueId, usage, length, vportId } = parameters;
    const invalid = NDIS_STATUS_INVALID_PARAMETER;
    if (
      !(
        usage > NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageUndefined &&
        usage < NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageMax
      )
    )
      return ['SHM-05', invalid, 'a defined usage', `usage ${usage}`];
    if (!Number.isSafeInteger(length) || length <= 0)
      return ['SHM-05', invalid, 'a length', `${length} bytes`];
    const queue = this.#setting.queues.find(queueId);
    // The default queue's record is made when initialization succeeds; its memory may be asked for before.
    if (queue === undefined && queueId !== DEFAULT_QUEUE)
      return ['SHM-05', invalid, 'an existing queue', `no queue ${queueId}`];
    if (vportId !== 0) return ['SHM-08', invalid, 'VPortId 0 without a NIC switch', `VPortId ${vportId}`];
    const completed =
      queue === undefined || queue.completing || queue.state === 'Running' || queue.state === 'Paused';
    if (!completed && owner === MINIPORT) {
      const expected = 'a queue’s memory between its allocation complete and its free';
      this.#setting.log.violation('QUE-21', expected, `queue ${queueId} is ${queue.state}`, { queueId });
    }
    return null;
  }

  /** The same for a provider's answer. */
  #answerFault(
    { contiguous, length, maximumElements, usage, queueId }: SharedMemoryParameters,
    elements: readonly SharedMemoryElement[],
  ): [string, number, string, string] | null {
    if (elements.length > maximumElements)
      return [
        'SHM-05',
        NDIS_STATUS_INVALID_PARAMETER,
        `at most ${maximumElements} scatter-gather elements`,
        `${elements.length} elements`,
      ];
    const sum = elements.reduce((bytes, element) => bytes + element.length, 0);
    if (sum !== length) return ['SHM-07', NDIS_STATUS_FAILURE, `elements of ${length} bytes`, `${sum} bytes`];
    if (contiguous && elements.length !== 1)
      return ['SHM-07', NDIS_STATUS_FAILURE, 'one contiguous element', `${elements.length} elements`];
    for (const element of elements) {
      const { segment, offset } = element;
      const size = this.#setting.machine.memory.segments[segment]?.byteLength ?? 0;
      if (offset < 0 || offset % PAGE_SIZE !== 0 || element.length <= 0 || pagesEnd(element) > size)
        return [
          'SHM-07',
          NDIS_STATUS_FAILURE,
          'whole pages of a segment',
          `${segment}:${offset}+${element.length}`,
        ];
      if (this.#reaches(element))
        return ['SHM-07', NDIS_STATUS_FAILURE, 'pages of no other allocation', `${segment}:${offset}`];
      // SHM-12, SHM-13: only a 2008 R2 host may put frame data elsewhere, and only behind the lookahead.
      const outside =
        this.#setting.hostVersion === 620 &&
        usage === NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceivePostLookahead;
      if (isReceive(usage) && segment !== HOST_SEGMENT && !outside)
        return ['SHM-12', NDIS_STATUS_FAILURE, `host memory for queue ${queueId}`, `segment ${segment}`];
    }
    for (let i = 0; i < elements.length; i++) {
      const one = elements[i];
      for (const other of elements.slice(i + 1)) {
        const apart =
          one.segment !== other.segment || pagesEnd(one) <= other.offset || pagesEnd(other) <= one.offset;
        if (!apart)
          return [
            'SHM-07',
            NDIS_STATUS_FAILURE,
            'elements that do not overlap',
            `${one.offset}, ${other.offset}`,
          ];
      }
    }
    return null;
  }

  /** True if the domain reaches any page of the element already. */
  #reaches(element: SharedMemoryElement): boolean {
    const table = this.#domain?.table(element.segment);
    if (!table) return false;
    const end = pagesEnd(element) / PAGE_SIZE;
    for (let page = element.offset / PAGE_SIZE; page < end; page++) if (table[page] !== 0) return true;
    return false;
  }

  #setRights(element: SharedMemoryElement, rights: number): void {
    this.#domain?.setRights(element.segment, element.offset, pagesEnd(element) - element.offset, rights);
  }
}
