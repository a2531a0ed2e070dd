/** Shared memory that is refused, late, or not to be had any more. */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_RESOURCES } from '@vmq/abi';
import type { FaultHost } from './fault-host.ts';

export class MemoryFaults {
  readonly #host: FaultHost;
  #refuse = 0;
  #slow = 0;
  #delay = 0;
  #isWaiting = false;
  isProviderGone = false;

  constructor(host: FaultHost) {
    this.#host = host;
  }

  refuse(count: number): void {
    this.#refuse += count;
    this.#guard();
  }

  slow(count: number, nanoseconds: number): void {
    this.#slow += count;
    this.#delay = nanoseconds;
    this.#guard();
  }

  removeProvider(): void {
    const { ndis, virtualSwitch } = this.#host;
    const provider = virtualSwitch.sharedMemoryProvider;
    this.isProviderGone = true;
    ndis.setOptionalHandlers({
      ...provider,
      allocateSharedMemoryHandler: () => ({
        status: NDIS_STATUS_FAILURE,
        reason: 'the shared-memory provider has gone',
      }),
      freeSharedMemoryHandler: (adapter, context) => provider.freeSharedMemoryHandler(adapter, context),
    });
  }

  get isRefusing(): boolean {
    return this.#refuse > 0;
  }

  get isSlow(): boolean {
    return this.#slow > 0;
  }

  heal(): void {
    this.#refuse = this.#slow = 0;
    this.#host.sharedMemory.guardAllocations(null);
    if (!this.isProviderGone) return;
    this.isProviderGone = false;
    this.#host.ndis.setOptionalHandlers(this.#host.virtualSwitch.sharedMemoryProvider);
  }

  #guard(): void {
    this.#host.sharedMemory.guardAllocations(() => {
      if (this.#refuse > 0) {
        this.#refuse--;
        return { status: NDIS_STATUS_RESOURCES, reason: 'low-resources simulation' };
      }
      // Whoever asks while somebody waits is served: there is one control thread.
      if (this.#slow === 0 || this.#isWaiting) return null;
      this.#slow--;
      this.#isWaiting = true;
      try {
        this.#host.executor.runFor(this.#delay);
      } finally {
        this.#isWaiting = false;
      }
      return null;
    });
  }
}
