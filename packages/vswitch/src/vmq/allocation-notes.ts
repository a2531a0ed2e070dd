/** What the VM-queue manager writes into the allocation ledger, with everything that is known of the port. */
import { statusName } from '@vmq/abi';
import type { SwitchPort } from '../model/switch-port.ts';
import {
  type AllocationEvent,
  type AllocationLedger,
  type AllocationRecord,
  event113,
} from './allocation-ledger.ts';

/** What stood behind a refusal. */
export interface RefusalCause {
  /** The request that failed, '' = none was made. */
  readonly oid: string;
  /** Extension that vetoed it, '' = none did. */
  readonly vetoedBy: string;
  /** Ports that have queues, heaviest first. */
  readonly holders: readonly SwitchPort[];
}

export class AllocationNotes {
  readonly #ledger: AllocationLedger;
  readonly #switchName: string;

  constructor(ledger: AllocationLedger, switchName: string) {
    this.#ledger = ledger;
    this.#switchName = switchName;
  }

  add(event: AllocationEvent, port: SwitchPort, status: number, reason: string): void {
    this.#ledger.add(about(event, port, status, reason));
  }

  /** Notes the refusal, and on the port why it has no queue. */
  refuse(port: SwitchPort, status: number, reason: string, cause: RefusalCause): void {
    const { oid, vetoedBy } = cause;
    const veto = vetoedBy ? `, vetoed by extension ${vetoedBy}` : '';
    port.withoutQueue = oid === '' ? reason : `${oid}: ${statusName(status)}${veto}`;
    const text = event113(port.nic?.name ?? '', this.#switchName, reason, status);
    const holders = cause.holders.map(({ id, nic, properties }) => ({
      port: id,
      vmName: nic?.vmName ?? '',
      weight: properties.vmqWeight,
    }));
    const record = about('refused', port, status, port.withoutQueue);
    this.#ledger.add({ ...record, holders, systemEvent: { id: 113, text } });
  }
}

function about(
  event: AllocationEvent,
  port: SwitchPort,
  status: number,
  reason: string,
): Omit<AllocationRecord, 'sequence'> {
  return {
    event,
    port: port.id,
    nicName: port.nic?.name ?? '',
    vmName: port.nic?.vmName ?? '',
    weight: port.properties.vmqWeight,
    queueId: port.queueId,
    processor: port.queueProcessor,
    status,
    reason,
  };
}
