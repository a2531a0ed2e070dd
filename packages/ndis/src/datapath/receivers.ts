/**
 * Which bindings a received frame is for (RX-22), on a processor.
 *
 *   frame on VM queue q   the binding that allocated q
 *   frame on queue 0      every binding whose packet filter takes its address, or whose filter on queue 0 matches it
 *
 * Where all that was asked for is one binding's, as with a switch alone, nobody looks at frames: all are its.
 */
import {
  NDIS_PACKET_TYPE_ALL_MULTICAST,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_MULTICAST,
  NDIS_PACKET_TYPE_PROMISCUOUS,
} from '@vmq/abi';
import type { NetBufferList } from '@vmq/ddi';
import { HOST_SEGMENT } from '@vmq/machine';

/** A filter on queue 0. */
export interface DefaultQueueFilter {
  /** Destination, twelve hexadecimal digits. */
  readonly mac: string;
  readonly vlanId: number | null;
  readonly untaggedOrZero: boolean;
}

/** What one binding is to get. */
export interface ReceiverImage {
  /** Number of the binding. */
  readonly number: number;
  readonly isRunning: boolean;
  /** NDIS_PACKET_TYPE_* bits. */
  readonly packetFilter: number;
  /** Group addresses, as {@link DefaultQueueFilter.mac}. */
  readonly multicastList: readonly string[];
  readonly filters: readonly DefaultQueueFilter[];
  /** Its VM queues. */
  readonly queues: readonly number[];
}

export interface ReceiversImage {
  /** The binding that everything is for; 0: each frame is looked at. */
  readonly sole: number;
  /** The adapter's own address, as {@link DefaultQueueFilter.mac}. */
  readonly station: string;
  /** Empty with a `sole` one. */
  readonly receivers: readonly ReceiverImage[];
}

/** A frame's address in two numbers: its first four bytes, its last two. */
interface Address {
  readonly high: number;
  readonly low: number;
}

function addressOf(mac: string): Address {
  return { high: Number.parseInt(mac.slice(0, 8), 16), low: Number.parseInt(mac.slice(8), 16) };
}

interface FilterEntry extends Address {
  /** VLAN id that it tests; -1: untagged or 0; -2: any. */
  readonly vlan: number;
}

const UNTAGGED = -1;
const ANY_VLAN = -2;

class Receiver {
  readonly isRunning: boolean;
  readonly #packetFilter: number;
  readonly #groups: readonly Address[];
  readonly #filters: readonly FilterEntry[];
  readonly #queues: readonly number[];
  readonly #station: Address;

  constructor(image: ReceiverImage, station: Address) {
    this.isRunning = image.isRunning;
    this.#packetFilter = image.packetFilter;
    this.#groups = image.multicastList.map(addressOf);
    this.#filters = image.filters.map(({ mac, vlanId, untaggedOrZero }) => ({
      ...addressOf(mac),
      vlan: vlanId ?? (untaggedOrZero ? UNTAGGED : ANY_VLAN),
    }));
    this.#queues = image.queues;
    this.#station = station;
  }

  owns(queueId: number): boolean {
    return this.#queues.includes(queueId);
  }

  /** It has asked for frames on queue 0. */
  get asks(): boolean {
    return this.#packetFilter !== 0 || this.#filters.length > 0;
  }

  /** `vlan`: the id in the frame's tag, 0 without one. */
  wants(high: number, low: number, vlan: number): boolean {
    return this.#takesAddress(high, low) || this.#filterMatches(high, low, vlan);
  }

  #takesAddress(high: number, low: number): boolean {
    const types = this.#packetFilter;
    if ((types & NDIS_PACKET_TYPE_PROMISCUOUS) !== 0) return true;
    if ((high & 0x0100_0000) === 0)
      return (
        (types & NDIS_PACKET_TYPE_DIRECTED) !== 0 && high === this.#station.high && low === this.#station.low
      );
    if (high === 0xffff_ffff && low === 0xffff) return (types & NDIS_PACKET_TYPE_BROADCAST) !== 0;
    if ((types & NDIS_PACKET_TYPE_ALL_MULTICAST) !== 0) return true;
    if ((types & NDIS_PACKET_TYPE_MULTICAST) === 0) return false;
    for (const group of this.#groups) if (group.high === high && group.low === low) return true;
    return false;
  }

  #filterMatches(high: number, low: number, vlan: number): boolean {
    for (const filter of this.#filters) {
      if (filter.high !== high || filter.low !== low) continue;
      if (filter.vlan === ANY_VLAN || (filter.vlan === UNTAGGED ? vlan === 0 : filter.vlan === vlan))
        return true;
    }
    return false;
  }
}

/** Two bytes, high one first. */
function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

/** The receivers of an adapter, in the order of their bindings; at most 31. */
export class Receivers {
  readonly sole: number;
  readonly #numbers: readonly number[];
  readonly #receivers: readonly Receiver[];

  constructor({ sole, station, receivers }: ReceiversImage) {
    const address = addressOf(station);
    this.sole = sole;
    this.#numbers = receivers.map(({ number }) => number);
    this.#receivers = receivers.map((image) => new Receiver(image, address));
  }

  /** Bit i: the ith receiver wants the NBL's frame, running or not. */
  wanting(nbl: NetBufferList): number {
    const queueId = nbl.filteringInfo >>> 16;
    const receivers = this.#receivers;
    let mask = 0;
    if (queueId !== 0) {
      for (let i = 0; i < receivers.length; i++) if (receivers[i]?.owns(queueId) === true) mask |= 1 << i;
      return mask;
    }
    const { mdl, dataOffset } = nbl.firstNetBuffer;
    if (mdl.segment.id !== HOST_SEGMENT) {
      // A VM may write there: who decides by a byte must not have looked at it before (SEC-06). So all who ask decide.
      for (let i = 0; i < receivers.length; i++) if (receivers[i]?.asks === true) mask |= 1 << i;
      return mask;
    }
    const { u8 } = mdl.segment;
    const at = mdl.byteOffset + dataOffset;
    const high = ((u8[at] << 24) | (word(u8, at + 1) << 8) | u8[at + 3]) >>> 0;
    const low = word(u8, at + 4);
    const vlan = nbl.ieee8021QInfo >>> 4;
    for (let i = 0; i < receivers.length; i++)
      if (receivers[i]?.wants(high, low, vlan) === true) mask |= 1 << i;
    return mask;
  }

  /** Bit i: the ith receiver is running. */
  get running(): number {
    return this.#receivers.reduce((mask, { isRunning }, i) => (isRunning ? mask | (1 << i) : mask), 0);
  }

  /** Numbers of the bindings, in order. */
  get numbers(): readonly number[] {
    return this.#numbers;
  }
}
