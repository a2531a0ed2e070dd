/** A VM of a host: its channel, how its guest is started, and what it has received. */
import {
  NDIS_PACKET_TYPE_ALL_MULTICAST,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  NDIS_PACKET_TYPE_PROMISCUOUS,
} from '@vmq/abi';
import {
  createGuestRecordReader,
  createGuestStatistics,
  createVcpuPause,
  type GuestAgentData,
  type GuestRecordReader,
  pauseVcpu,
  readGuestStatistics,
  refusalOfFrame,
} from '@vmq/guest';
import {
  clearFrameRing,
  createFrameRing,
  FrameProducer,
  type FrameRingImage,
  type Machine,
} from '@vmq/machine';
import {
  type ChannelControl,
  createChannelControl,
  type GuestLayoutOptions,
  layoutGuest,
  type SavedChannel,
} from '@vmq/netvsc';
import { type MacAddress, parseMacAddress } from '@vmq/wire';
import type { HostConfig, VmConfig } from '../config/config.ts';
import { frameRoom, type HostSizes } from '../config/sizing.ts';
import type { VmView } from '../report/host-view.ts';
import type { ReceivedFrame } from './host.ts';
import type { PartitionSlot } from './partition-slots.ts';

export interface GuestOptions {
  readonly config: HostConfig;
  readonly vm: VmConfig;
  readonly slot: PartitionSlot;
  /** The host's number of its channel. */
  readonly channel: number;
  readonly sizes: HostSizes;
  /** It keeps a record of what it receives. */
  readonly hasRecords: boolean;
  /** It sends what it is given. */
  readonly hasSources: boolean;
  /** For a guest that is not this repository's. */
  readonly program?: unknown;
  /** A VM that comes from another host; its memory is in its slot already. */
  readonly moved?: MovedGuest;
}

/** What a guest brings along, beside its memory. */
export interface MovedGuest {
  readonly number: number;
  readonly layout: GuestLayoutOptions;
  readonly channel: SavedChannel;
  /** Values of its statistics, in their order. */
  readonly statistics: Float64Array;
  readonly isSuspended: boolean;
}

export class Guest {
  readonly vm: VmConfig;
  readonly mac: MacAddress;
  readonly slot: PartitionSlot;
  /** Marks the frames it sends; the same on every host. */
  readonly number: number;
  readonly layout: GuestLayoutOptions;
  /** What its agent is started with. */
  readonly data: GuestAgentData;
  readonly statisticsBuffer: SharedArrayBuffer;
  /** Stops it at any instant; see `@vmq/guest`. */
  readonly vcpuPause: SharedArrayBuffer = createVcpuPause();
  /** Somebody has paused it, here or on the host it came from. */
  isSuspended: boolean;
  /** Its port, 0 = none yet. */
  port = 0;
  /** It is on its way to another host. */
  isMoving = false;
  readonly #machine: Machine;
  readonly #options: GuestOptions;
  readonly #reader: GuestRecordReader | null;
  readonly #source: FrameProducer | null;
  #channel: ChannelControl;

  constructor(machine: Machine, options: GuestOptions) {
    const { config, sizes, vm, slot, channel, moved } = options;
    this.#machine = machine;
    this.#options = options;
    this.vm = vm;
    this.mac = parseMacAddress(vm.mac) as MacAddress;
    this.slot = slot;
    this.number = moved?.number ?? channel;
    this.layout = moved?.layout ?? sizes.guest;
    this.statisticsBuffer = createGuestStatistics();
    if (moved) new Float64Array(this.statisticsBuffer).set(moved.statistics);
    this.isSuspended = moved?.isSuspended ?? false;
    if (this.isSuspended) pauseVcpu(this.vcpuPause);
    this.#channel = this.#makeChannel(moved?.channel);
    const ringIn = (used: FrameRingImage | null): FrameRingImage => {
      const { words } = machine.counters;
      if (used !== null) {
        clearFrameRing(used, words);
        return used;
      }
      return createFrameRing(sizes.guestFrames, sizes.guestFrames * (frameRoom(config) + 64), 1, words);
    };
    // A slot's rings are its next guest's: to make them anew for each would leave the old ones to the collectors of all
    // threads that have seen them, who do not feel how large they are.
    const record = options.hasRecords ? ringIn(slot.record) : null;
    const source = options.hasSources ? ringIn(slot.source) : null;
    slot.record = record;
    slot.source = source;
    this.#reader = record ? createGuestRecordReader(machine, slot.agent, record) : null;
    this.#source = source ? new FrameProducer(source) : null;
    this.data = {
      segment: slot.segment.id,
      messages: this.#channel.messages,
      number: this.number,
      statistics: this.statisticsBuffer,
      vcpuPause: this.vcpuPause,
      layout: this.layout,
      packetFilter: packetFilterFor(config, vm),
      endpointPage: layoutGuest(this.layout).end,
      ...(record ? { record } : {}),
      ...(source ? { source } : {}),
      ...(sizes.limits.guestBudget ? { budget: sizes.limits.guestBudget } : {}),
      ...(vm.answer ? { responder: responderFor(vm) } : {}),
      ...(options.program === undefined ? {} : { program: options.program }),
    };
  }

  get channel(): ChannelControl {
    return this.#channel;
  }

  /** Its channel as it was saved, on the memory it was saved from. */
  reopenChannel(saved: SavedChannel): void {
    this.#channel = this.#makeChannel(saved, this.#channel.messages);
  }

  takeReceived(take: (frame: ReceivedFrame) => void): number {
    const frames = this.#reader?.read() ?? [];
    for (const { number: delivery, bytes, tci } of frames) {
      take({ delivery, bytes, offset: 0, length: bytes.length, tci });
    }
    return frames.length;
  }

  /** Longest frame of its channel, without tags. */
  get maxFrameBytes(): number {
    return layoutGuest(this.layout).maxFrameBytes;
  }

  /** Why the frame was not put into its source; null if it was. Throws for bytes that are not there. */
  send(bytes: Uint8Array, offset: number, length: number, tci: number): string | null {
    const end = offset + length;
    if (
      !(
        Number.isInteger(offset) &&
        Number.isInteger(length) &&
        offset >= 0 &&
        length >= 0 &&
        end <= bytes.length
      )
    )
      throw new RangeError(`sendFrom: bytes ${offset} to ${end - 1} of ${bytes.length}`);
    const refusal = refusalOfFrame(bytes, offset, length, tci, this.maxFrameBytes);
    if (refusal !== null) return refusal;
    const source = this.#source;
    if (source === null) return 'the host was made without sources';
    const at = source.reserve(length);
    if (at < 0) return 'its source is full';
    source.u8.set(bytes.subarray(offset, offset + length), at);
    source.commit(at, length, tci);
    source.publish();
    this.#machine.board.wake(this.#machine.agent(this.slot.agent));
    return null;
  }

  view(): VmView {
    return {
      name: this.vm.name,
      port: this.port,
      memoryBytes: this.slot.segment.byteLength,
      isPaused: this.isSuspended,
      isMoving: this.isMoving,
      statistics: this.statistics(),
    };
  }

  statistics(): Readonly<Record<string, number>> {
    return readGuestStatistics(this.statisticsBuffer);
  }

  #makeChannel(saved?: SavedChannel, messages?: SharedArrayBuffer): ChannelControl {
    const { channel, slot } = this.#options;
    const { hi, lo } = this.mac;
    return createChannelControl(this.#machine, {
      channel,
      segment: slot.segment.id,
      guestAgent: this.#machine.agent(slot.agent),
      macAddress: [...Uint8Array.of(hi >>> 8, hi, lo >>> 24, lo >>> 16, lo >>> 8, lo)],
      maxFrameBytes: this.maxFrameBytes,
      receiveSections: this.layout.receiveSections as number,
      ...(saved ? { saved } : {}),
      ...(messages ? { messages } : {}),
    });
  }
}

/** As Linux' driver sets it; and promiscuous where frames for other addresses reach its port, as bridges have it. */
function packetFilterFor(config: HostConfig, vm: VmConfig): number {
  const usual = NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_ALL_MULTICAST | NDIS_PACKET_TYPE_BROADCAST;
  const isEager = vm.allowMacSpoofing || config.switch.floodUnknownUnicast;
  return isEager ? usual | NDIS_PACKET_TYPE_PROMISCUOUS : usual;
}

function responderFor(vm: VmConfig): NonNullable<GuestAgentData['responder']> {
  return {
    ipv4: vm.addresses.filter((address) => address.includes('.')),
    ipv6: vm.addresses.filter((address) => address.includes(':')),
    // A VM that was given no address answers for those that others use for it, as a replay needs.
    answer: vm.addresses.length === 0 ? 'any' : 'configured',
  };
}
