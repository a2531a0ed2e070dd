/** What a packet comment in a VM's output says: queue, processor and filter. */
import type { QueueReport } from '@vmq/host';

/** A delivery as the switch traced it. */
export interface Delivery {
  readonly queueId: number;
  /** Entry of the NIC's filter table, -1 if none matched. */
  readonly filterSlot: number;
  readonly processor: number;
}

/**
 * ```text
 * queue 2, processor 1, filter 2 (00-15-5D-0A-00-03, VLAN 100) in slot 1
 * queue 0 (default), processor 0, no filter, priority 5
 * from VM vm2, processor 0
 * ```
 *
 * `sender`: the VM that sent the frame, '' for one from the wire.
 */
export function deliveryComment(
  delivery: Delivery,
  queues: readonly QueueReport[],
  sender: string,
  priority: number,
): string {
  const { queueId, filterSlot, processor } = delivery;
  const ending = priority === 0 ? '' : `, priority ${priority}`;
  if (sender !== '') return `from VM ${sender}, processor ${processor}${ending}`;
  const queue = `queue ${queueId}${queueId === 0 ? ' (default)' : ''}, processor ${processor}`;
  if (filterSlot < 0) return `${queue}, no filter${ending}`;
  const filters = queues.find((row) => row.QueueID === queueId)?.FilterList ?? [];
  const only = filters.length === 1 ? filters[0] : undefined;
  const vlan = only === undefined || only.VlanID === '' ? '' : `, VLAN ${only.VlanID}`;
  const filter =
    only === undefined
      ? `filter slot ${filterSlot}`
      : `filter ${only.FilterId} (${only.MacAddress}${vlan}) in slot ${filterSlot}`;
  return `${queue}, ${filter}${ending}`;
}
