/**
 * NDIS 6.20: what of VMs' memory an adapter was given. Only the rest of split frames may go there, and only where every
 * filter that leads to the queue settles address and VLAN (SEC-04, SEC-05).
 */
import { NDIS_SHARED_MEMORY_USAGE } from '@vmq/abi';
import { HOST_SEGMENT } from '@vmq/machine';
import type { NdisAdapter } from '@vmq/ndis';
import { fail } from './simulation-failure.ts';

const POST_LOOKAHEAD = NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceivePostLookahead;

/**
 * `name`: of the host, for the message. `isRemoved`: the card was pulled, and PnP has said so; NDIS then forgets a queue
 * that is freed, while its miniport keeps the memory until it halts (LIFE-17).
 */
export function checkVmMemory(
  name: string,
  isRemoved: boolean,
  { sharedMemory, queues, filters }: ReturnType<NdisAdapter['inspect']>,
): void {
  for (const { allocationHandle, queueId, usage, elements } of sharedMemory) {
    if (!elements.some(({ segment }) => segment !== HOST_SEGMENT)) continue;
    const wrong = (text: string): never =>
      fail(
        'VM memory behind MAC and VLAN',
        `${name}: allocation ${allocationHandle} of queue ${queueId} ${text}`,
      );
    if (usage !== POST_LOOKAHEAD) wrong(`is VM memory, for usage ${usage}`);
    const queue = queues.find((one) => one.queueId === queueId);
    const isForgotten = isRemoved && queue === undefined;
    if (!isForgotten && (queue?.lookaheadSize ?? 0) === 0)
      wrong('is VM memory, and its frames are not split');
    for (const { queueId: leadsTo, filterId, mac, vlanId, untaggedOrZero } of filters) {
      if (leadsTo === queueId && (mac === null || (vlanId === null && !untaggedOrZero)))
        wrong(`is VM memory, and filter ${filterId} does not settle address and VLAN`);
    }
  }
}
