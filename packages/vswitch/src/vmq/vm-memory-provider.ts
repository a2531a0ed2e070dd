/**
 * The shared-memory provider of a 6.20 host (SHM-13): post-lookahead buffers of a VM queue come out of that VM's
 * receive buffer where they may (SEC-04), everything else from host memory.
 *
 *   ReceiveLookahead, Receive, rings …   ──> host memory
 *   ReceivePostLookahead of VM queue q   ──> the VM behind q: sections on loan from its channel
 *                                            none can be had ──> host memory, and the switch copies
 */
import { NDIS_SHARED_MEMORY_USAGE, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { SharedMemoryProvider } from '@vmq/ddi';
import type { SectionLoan } from '@vmq/netvsc';
import type { ProvidedBlock } from './host-memory-provider.ts';

export type SwitchMemoryProvider = SharedMemoryProvider & { readonly provided: readonly ProvidedBlock[] };

/** VM memory for `bytes` bytes of a queue's post-lookahead buffers, or why there is none. */
export type VmMemorySource = (queueId: number, bytes: number) => SectionLoan | string;

const POST_LOOKAHEAD = NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceivePostLookahead;
/** SharedMemoryHandles of loaned memory begin here, out of the way of host memory's. */
const FIRST_HANDLE: number = 2 ** 52;

/** A block of VM memory, and its context for the free handler. */
class LoanedBlock {
  readonly loan: SectionLoan;
  readonly report: ProvidedBlock;

  constructor(loan: SectionLoan, report: ProvidedBlock) {
    this.loan = loan;
    this.report = report;
  }
}

/** `host` serves what is not VM memory. */
export function createVmMemoryProvider(
  host: SwitchMemoryProvider,
  loanVmMemory: VmMemorySource,
): SwitchMemoryProvider {
  const loaned = new Set<LoanedBlock>();
  /** Why blocks that might have been VM memory are not, by handle. */
  const inHostMemory = new Map<number, string>();
  let lastHandle = FIRST_HANDLE;
  return {
    name: host.name,
    get provided() {
      const hosts = host.provided.map((block) => ({
        ...block,
        note: inHostMemory.get(block.handle) ?? block.note,
      }));
      return [...hosts, ...[...loaned].map(({ report }) => report)];
    },
    allocateSharedMemoryHandler(adapter, parameters) {
      const { length, queueId, usage } = parameters;
      if (usage !== POST_LOOKAHEAD || queueId === 0) {
        return host.allocateSharedMemoryHandler(adapter, parameters);
      }
      const loan = loanVmMemory(queueId, length);
      if (typeof loan === 'string') {
        const answer = host.allocateSharedMemoryHandler(adapter, parameters);
        if (answer.sharedMemoryHandle !== undefined) inHostMemory.set(answer.sharedMemoryHandle, loan);
        return answer;
      }
      const { segment, offset } = loan;
      const handle = ++lastHandle;
      const note = `VM memory: ${loan.sections} sections of its receive buffer`;
      const block = new LoanedBlock(loan, { handle, adapter, queueId, segment, length, note });
      loaned.add(block);
      return {
        status: NDIS_STATUS_SUCCESS,
        elements: [{ segment, offset, length }],
        sharedMemoryHandle: handle,
        allocationContext: block,
      };
    },
    freeSharedMemoryHandler(adapter, allocationContext) {
      if (!(allocationContext instanceof LoanedBlock)) {
        host.freeSharedMemoryHandler(adapter, allocationContext);
        inHostMemory.delete(allocationContext as number);
        return;
      }
      loaned.delete(allocationContext);
      allocationContext.loan.end();
    },
  };
}
