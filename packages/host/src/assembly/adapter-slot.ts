/**
 * The slot of the network adapter: the card, its cable, what it may reach, and the adapter that NDIS has on it.
 *
 *   cable (rx, tx) ── card ── DMA domain ── host memory
 *                       │
 *                    miniport ── NDIS adapter; another one after the card was pulled and one was put in
 */
import { NDIS_DEVICE_POWER_STATE, NDIS_STATUS_FAILURE, NDIS_STATUS_SUCCESS, statusName } from '@vmq/abi';
import type { MiniportDriver } from '@vmq/ddi';
import {
  createDmaDomain,
  createFrameRing,
  type DmaDomain,
  type FrameRingImage,
  HOST_SEGMENT,
  type MemorySegment,
  PAGE_SIZE,
} from '@vmq/machine';
import { type Ndis, type NdisAdapter, refusalLine } from '@vmq/ndis';
import type { NicMessage } from '@vmq/nic';
import type { SwitchResult } from '@vmq/vswitch';
import type { HostSizes } from '../config/sizing.ts';
import type { NicPart, PluggedNic } from '../parts/adapter-part.ts';
import type { MachineRoom } from './machine-room.ts';

export interface AdapterSlotOptions {
  /** The adapter's name. */
  readonly name: string;
  readonly nic: NicPart;
  readonly agents: readonly string[];
  readonly sizes: HostSizes;
}

/** What an adapter is brought up with, each time. */
export interface AdapterSoftware {
  readonly ndis: Ndis;
  readonly driver: MiniportDriver;
  readonly keywords: Readonly<Record<string, string | number>>;
}

export class AdapterSlot {
  readonly name: string;
  readonly domain: DmaDomain;
  readonly rx: FrameRingImage;
  readonly tx: FrameRingImage;
  readonly card: PluggedNic;
  readonly #room: MachineRoom;
  readonly #nic: NicPart;
  readonly #agents: readonly string[];
  readonly #wake: (engine?: number) => void;
  #software: AdapterSoftware | null = null;
  #adapter: NdisAdapter | null = null;

  /** Puts the card in and starts its agents; it may reach nothing yet. */
  constructor(room: MachineRoom, { name, nic, agents, sizes }: AdapterSlotOptions) {
    const { machine, executor } = room;
    this.name = name;
    this.#room = room;
    this.#nic = nic;
    this.#agents = agents;
    const device = machine.agent(this.#device);
    this.#wake = (engine = 0) => machine.board.wake(device + engine);
    this.domain = createDmaDomain(name, machine.memory);
    // An empty grant makes the table of host memory, which the device then holds on to.
    this.domain.setRights(HOST_SEGMENT, 0, PAGE_SIZE, 0);
    const { receiveWire, transmitWire } = sizes;
    const start = machine.counters.words;
    this.rx = createFrameRing(receiveWire.slots, receiveWire.dataBytes, agents.length, start);
    this.tx = createFrameRing(transmitWire.slots, transmitWire.dataBytes, 1, start);
    this.card = nic.plugIn({
      machine,
      agents,
      rx: this.rx,
      tx: this.tx,
      dma: this.domain.image(),
      wake: this.#wake,
      batch: sizes.limits.nicBatch,
    });
    for (const agent of this.card.agents) executor.start([agent]);
  }

  /** The adapter; another one after {@link replace}. */
  get adapter(): NdisAdapter {
    if (this.#adapter === null) throw new Error(`${this.name} has not been brought up`);
    return this.#adapter;
  }

  /** Loads the driver: the adapter is Running then, or the result says why it is not. */
  bringUp(software: AdapterSoftware): SwitchResult {
    this.#software = software;
    const { ndis, driver, keywords } = software;
    const added = ndis.addAdapter({ name: this.name, driver, resources: this.#resources(), keywords });
    if (added.adapter === null) return this.#failed('initialization', added.status);
    ndis.bindProtocols(added.adapter);
    const status = added.adapter.restart();
    if (status !== NDIS_STATUS_SUCCESS) return this.#failed('restart', status);
    this.#adapter = added.adapter;
    return { status };
  }

  /** Puts another card of the same kind where one was. */
  replace(): SwitchResult {
    const { state } = this.adapter;
    if (state !== 'Halted')
      return { status: NDIS_STATUS_FAILURE, reason: `${this.name} is ${state}, not Halted` };
    this.#tell({ op: 'insert' });
    return this.bringUp(this.#software as AdapterSoftware);
  }

  /** Tables for more memory, empty, so that parts of it can be granted to the card later. */
  reach(segments: readonly MemorySegment[]): void {
    for (const { id } of segments)
      if (this.domain.table(id) === null) this.domain.setRights(id, 0, PAGE_SIZE, 0);
    const message: NicMessage = { op: 'dma', image: this.domain.image() };
    for (const agent of this.#agents) this.#room.executor.post(agent, message);
  }

  get #device(): string {
    const [device] = this.#agents;
    if (device === undefined) throw new RangeError(`${this.#nic.model}: a card needs an agent`);
    return device;
  }

  #tell(message: NicMessage): void {
    this.#room.executor.post(this.#device, message);
    this.#room.executor.publish();
  }

  #resources(): Parameters<Ndis['addAdapter']>[0]['resources'] {
    const { machine } = this.#room;
    return {
      bar: this.card.bar,
      deviceAgent: machine.agent(this.#device),
      wakeDevice: this.#wake,
      reach: machine.reach,
      msixTableEntries: this.#nic.msixTableEntries,
      msixTableOffset: this.card.msixTableOffset,
      write32: (offset, value) => this.card.write32(offset, value),
      setDevicePower: (state) =>
        this.#tell({ op: 'power', on: state === NDIS_DEVICE_POWER_STATE.NdisDeviceStateD0 }),
      dmaDomain: this.domain,
    };
  }

  /** Status by name, and the last thing NDIS refused or a driver did: not what pages only ask of it. */
  #failed(step: string, status: number): SwitchResult {
    const { ndis } = this.#software as AdapterSoftware;
    const last = ndis.refusals.entries.filter(({ page }) => page === '').at(-1);
    const why = last === undefined ? statusName(status) : `${statusName(status)}; ${refusalLine(last)}`;
    return { status, reason: `${this.name}: ${step} failed: ${why}` };
  }
}
