/**
 * The receive filters of the ports and the queues behind them: set, cleared, given back; and what the adapter would not take
 * back, which is tried again later.
 *
 *   port ──filter on queue 0──> served in software        ──filter on its VM queue──> the queue's frames are its own
 *     the filter of a VM queue is set before the one on queue 0 goes, and the other way round: no frame finds neither
 */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { SetFilter, SwitchPort } from '../model/switch-port.ts';
import type { FilterVlan, ReceiveFilterRequests } from './receive-filter-requests.ts';
import type { VmqCapability } from './vmq-capability.ts';

/** A queue that nobody wants any more and that could not be freed, with the filters that stand before it. */
interface KeptQueue {
  readonly queueId: number;
  readonly port: number;
  readonly filters: readonly SetFilter[];
}

export class QueueFilters {
  #requests: ReceiveFilterRequests | null = null;
  #capability: VmqCapability;
  /** Filters that could not be cleared when they were to go: perhaps for an address that their port has no more. */
  readonly #unwanted: WeakSet<SetFilter> = new WeakSet();
  /** Queues that the adapter would not take back. */
  #kept: KeptQueue[] = [];

  constructor(capability: VmqCapability) {
    this.#capability = capability;
  }

  /** The binding has come, has changed its capabilities, or (null) has gone: it takes its queues with it. */
  attach(requests: ReceiveFilterRequests | null, capability: VmqCapability): void {
    if (requests !== this.#requests) this.#kept = [];
    this.#requests = requests;
    this.#capability = capability;
  }

  /** Sets a filter for the port before a queue; its NDIS status. */
  set(port: SwitchPort, queueId: number): number {
    const vlan = this.#vlanOf(port, queueId);
    if (vlan === null) return NDIS_STATUS_RESOURCES;
    const requests = this.#requests as ReceiveFilterRequests;
    let answer = requests.setFilter(queueId, port.macBytes, vlan, port.id);
    const own = port.filters.filter((filter) => filter.queueId === 0);
    if (answer.status !== NDIS_STATUS_SUCCESS && queueId !== 0 && own.length !== 0) {
      // Perhaps the filters ran out: its own one on queue 0 is about to go anyway.
      this.leaveDefaultQueue(port);
      answer = requests.setFilter(queueId, port.macBytes, vlan, port.id);
    }
    if (answer.status === NDIS_STATUS_SUCCESS) port.filters.push({ queueId, filterId: answer.filterId });
    return answer.status;
  }

  /** Gives the port a filter on queue 0 unless it has one somewhere, or the adapter filters nothing. */
  setOnDefaultQueue(port: SwitchPort): void {
    if (this.#capability.filters && !this.isFiltered(port)) this.set(port, 0);
  }

  leaveDefaultQueue(port: SwitchPort): void {
    const there = port.filters.filter(({ queueId }) => queueId === 0);
    port.filters = port.filters.filter(({ queueId }) => queueId !== 0);
    port.filters.push(...this.clear(there, port.id));
  }

  /** Clears what filters a port has, wherever they are; it keeps those that would not go. */
  clearAll(port: SwitchPort): void {
    port.filters = this.clear(port.filters, port.id);
  }

  /** Clears `filters` of a port; those that could not be. */
  clear(filters: readonly SetFilter[], port: number): SetFilter[] {
    return filters.filter((filter) => {
      const { queueId, filterId } = filter;
      const status = this.#requests?.clearFilter(queueId, filterId, port) ?? NDIS_STATUS_SUCCESS;
      if (status !== NDIS_STATUS_SUCCESS) this.#unwanted.add(filter);
      return status !== NDIS_STATUS_SUCCESS;
    });
  }

  /** A filter stands for the port as it is now, not only one that was to go and would not. */
  isFiltered({ filters }: SwitchPort): boolean {
    return filters.some((filter) => !this.#unwanted.has(filter));
  }

  /** Frees a queue before which `filters` still stand (0: those alone); what cannot be is tried again later. */
  giveBack(queueId: number, port: number, filters: readonly SetFilter[]): number {
    let status: number = NDIS_STATUS_SUCCESS;
    if (filters.length > 0) status = NDIS_STATUS_FAILURE;
    else if (queueId !== 0) status = this.#requests?.freeQueue(queueId, port) ?? NDIS_STATUS_SUCCESS;
    if (status !== NDIS_STATUS_SUCCESS) this.#kept.push({ queueId, port, filters });
    return status;
  }

  /** Tries once more to free the queues that the adapter would not take back; how many it still has. */
  freeKept(): number {
    for (const { queueId, port, filters } of this.#kept.splice(0))
      this.giveBack(queueId, port, this.clear(filters, port));
    return this.#kept.length;
  }

  /** VLAN part of a port's filter; null if the adapter cannot express it. */
  #vlanOf(port: SwitchPort, queueId: number): FilterVlan | null {
    const { vlan } = port.properties;
    const any = this.#capability.anyVlan ? 'any' : null;
    if (vlan.mode === 'trunk') return any;
    if (vlan.vlan === 0) return 'untagged';
    if (this.#capability.vlanFiltering) return vlan.vlan;
    // Queue 0 is checked in software (SW-09), so there the MAC alone will do.
    return queueId === 0 ? any : null;
  }
}
