/** Who is to get which frames, from the books of an adapter (RX-22): what the data paths are told. */
import type { AdapterCore } from '../records/adapter-core.ts';
import { summarizeFilter } from '../records/receive-filter.ts';
import { DEFAULT_QUEUE } from '../records/receive-queue.ts';
import type { DefaultQueueFilter, ReceiverImage, ReceiversImage } from './receivers.ts';

/** A binding that has data paths. */
export interface Receiving {
  readonly number: number;
  readonly state: string;
}

/** Bindings, user mode and filter modules that have asked for frames. */
function askers(core: AdapterCore): Set<number> {
  const owners = new Set(core.reception.owners());
  for (const { owner } of core.filters.all()) owners.add(owner);
  for (const { id, owner } of core.queues.all()) if (id !== DEFAULT_QUEUE) owners.add(owner);
  return owners;
}

export function receiversImage(core: AdapterCore, bindings: readonly Receiving[]): ReceiversImage {
  const station = hex(core.attributes.general?.currentMacAddress ?? new Uint8Array(6));
  const asking = askers(core);
  const [only] = asking;
  // Of an adapter that nobody has asked for anything all goes to the first, as there is nobody else to give it to.
  const candidate = asking.size === 0 ? bindings[0]?.number : asking.size === 1 ? only : 0;
  const sole = bindings.find(({ number }) => number === candidate)?.number ?? 0;
  const receivers = sole === 0 ? bindings.map((binding) => receiverImage(core, binding)) : [];
  return { sole, station, receivers };
}

function receiverImage(core: AdapterCore, { number, state }: Receiving): ReceiverImage {
  const { packetFilter, multicastList } = core.reception.of(number);
  const own = core.filters.ownedBy(number).filter(({ queueId }) => queueId === DEFAULT_QUEUE);
  const filters: DefaultQueueFilter[] = [];
  for (const { parameters } of own) {
    const { mac, vlanId, untaggedOrZero } = summarizeFilter(parameters);
    if (mac !== null) filters.push({ mac: hex(mac), vlanId, untaggedOrZero });
  }
  const queues = core.queues.ownedBy(number).map(({ id }) => id);
  return { number, isRunning: state === 'Running', packetFilter, multicastList, filters, queues };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
