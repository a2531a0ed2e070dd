/** What the reference model remembers of queues and filters, and how it classifies frames by them. */
import type { Caller, Frame, Letter, PacketFilter, QueueSettings } from './vocabulary.ts';

export interface QueueRecord extends QueueSettings {
  readonly id: number;
  readonly owner: Caller;
  readonly state: Letter;
  readonly lookaheadSize: number;
  /** RX-10: longer frames are split at or beyond this many bytes; 0: none is. */
  readonly splitAt: number;
  readonly portId: number;
  readonly msixEntry: number;
  readonly vmName: string;
}

export interface FilterRecord {
  readonly id: number;
  readonly queueId: number;
  readonly owner: Caller;
  readonly mac: string;
  readonly vlan: number | null;
  readonly untaggedOrZero: boolean;
}

/** Everything a frame's way depends on. */
export interface World {
  /** What each caller has asked for by itself. */
  readonly packetFilters: ReadonlyMap<Caller, PacketFilter>;
  readonly multicastLists: ReadonlyMap<Caller, readonly string[]>;
  readonly running: boolean;
  readonly queues: ReadonlyMap<number, QueueRecord>;
  readonly filters: ReadonlyMap<number, FilterRecord>;
  readonly packetFilter: PacketFilter;
  readonly multicastList: readonly string[];
  readonly stationMac: string;
}

/** Ids of the filters on a queue, sorted. */
export function filterIdsOf({ filters }: World, queueId: number): number[] {
  return [...filters.values()]
    .filter((filter) => filter.queueId === queueId)
    .map(({ id }) => id)
    .sort();
}

export const isGroupAddress = (mac: string): boolean => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
export const BROADCAST = 'FF-FF-FF-FF-FF-FF';

/** FLT-11, FLT-15, FLT-16, FLT-19. */
export function passes(filter: FilterRecord, frame: Frame): boolean {
  if (filter.mac !== frame.destination) return false;
  if (filter.vlan !== null) return frame.vlan === filter.vlan;
  if (filter.untaggedOrZero) return frame.vlan === null || frame.vlan === 0;
  return true;
}

/** FLT-12 to FLT-14, FLT-27, FLT-36, FLT-37: the queue a frame is indicated on, or null if it is on none. */
export function classify(world: World, frame: Frame): number | null {
  if (!world.running) return null;
  const taking = [...world.filters.values()].filter((filter) => passes(filter, frame));
  const running = [...world.queues.values()].filter((queue) => queue.id !== 0 && queue.state === 'R');
  running.sort((a, b) => a.id - b.id);
  for (const queue of running) {
    if (taking.some((filter) => filter.queueId === queue.id)) return queue.id;
  }
  if (taking.some((filter) => filter.queueId === 0)) return 0;
  return accepts(world, frame.destination) ? 0 : null;
}

/**
 * RX-22: who gets a frame that is indicated on a queue: of a VM queue its owner, of queue 0 each whose packet filter or
 * whose filter there takes it. In the order of the bindings, '' = nobody.
 */
export function receiversOf(world: World, queueId: number, frame: Frame): string {
  const owner = world.queues.get(queueId)?.owner;
  if (queueId !== 0) return owner === 'A' || owner === 'B' ? owner : '';
  return (['A', 'B'] as const).filter((caller) => takesOnDefaultQueue(world, caller, frame)).join('');
}

function takesOnDefaultQueue(world: World, caller: Caller, frame: Frame): boolean {
  const packetFilter = world.packetFilters.get(caller);
  const multicastList = world.multicastLists.get(caller) ?? [];
  if (
    packetFilter !== undefined &&
    accepts({ packetFilter, multicastList, stationMac: world.stationMac }, frame.destination)
  )
    return true;
  return [...world.filters.values()].some(
    (filter) => filter.queueId === 0 && filter.owner === caller && passes(filter, frame),
  );
}

function accepts(
  { packetFilter, multicastList, stationMac }: Pick<World, 'packetFilter' | 'multicastList' | 'stationMac'>,
  mac: string,
): boolean {
  if (packetFilter.promiscuous) return true;
  if (mac === BROADCAST) return packetFilter.broadcast;
  if (isGroupAddress(mac))
    return packetFilter.allMulticast || (packetFilter.multicast && multicastList.includes(mac));
  return packetFilter.directed && mac === stationMac;
}
