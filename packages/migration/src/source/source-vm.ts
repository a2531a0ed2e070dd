/**
 * A VM that leaves: tells what it is, finds the pages to send, stops it and lets it go, or has it
 * go on as before.
 */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { Guest, VmLife } from '@vmq/host';
import type { SavedChannel } from '@vmq/netvsc';
import type { PortProperties, SwitchResult } from '@vmq/vswitch';
import { parseMacAddress } from '@vmq/wire';
import type { StopPoint } from '../report/report.ts';
import { completeLayout, type VmDescription } from '../stream/description.ts';
import type { PageSet, VmState } from '../stream/messages.ts';
import { PageTracker } from './page-tracker.ts';

const OK: SwitchResult = { status: NDIS_STATUS_SUCCESS };
const failed = ({ status }: SwitchResult): boolean => status !== NDIS_STATUS_SUCCESS;

/** A VM that has less traffic than {@link StopPoint} asks for is stopped all the same. */
const MOST_TURNS_TO_STOP = 4096;

export class SourceVm {
  readonly guest: Guest;
  readonly description: VmDescription;
  /** Queue of the VM when the migration began. */
  readonly queueId: number;
  readonly #life: VmLife;
  readonly #pages: PageTracker;
  readonly #properties: PortProperties;
  #saved: SavedChannel | null = null;
  #framesDelivered = 0;
  #messagesCarried = 0;
  /** Its queue had buffers in its memory and was given back before the stop. */
  #gaveQueueBack = false;

  /** Tells the source's machine of a rare branch. */
  readonly reach: (mark: string) => void;

  /** The VM must be connected and its channel open; see {@link refusalToMove}. */
  constructor(life: VmLife, guest: Guest) {
    const port = life.ports.inspect(guest.port);
    if (port === undefined) throw new Error(`migration: VM '${guest.vm.name}' has no port`);
    this.guest = guest;
    this.#life = life;
    this.reach = life.reach;
    this.#pages = new PageTracker(guest.slot.segment);
    this.#properties = port.properties;
    this.queueId = port.queueId;
    this.description = {
      // An administrator may have changed the address since it was configured.
      vm: parseMacAddress(port.macAddress) === null ? guest.vm : { ...guest.vm, mac: port.macAddress },
      number: guest.number,
      memoryBytes: guest.slot.segment.byteLength,
      layout: completeLayout(guest.layout),
      port: port.properties,
    };
  }

  get framesDelivered(): number {
    return this.#framesDelivered;
  }

  get messagesCarried(): number {
    return this.#messagesCarried;
  }

  takeDirtyPages(): PageSet {
    return this.#pages.takeDirty();
  }

  /** Lets the machine run for a while. */
  run(turns: number): void {
    let left = turns;
    this.#life.executor.runUntil(() => left-- <= 0);
  }

  /** Lets the VM come to the point where it is to stop, and stand still there: between any two frames. */
  runTo({ turns = 0, frames = 0 }: StopPoint): void {
    if (turns > 0) this.run(turns);
    if (frames === 0) return;
    const stands = this.#life.pauseAfter(this.guest, frames);
    let left = MOST_TURNS_TO_STOP;
    this.#life.executor.runUntil(() => stands() || left-- <= 0);
  }

  /** The VM stands still. MIG-01: whatever the switch holds of it goes back to the adapter. */
  stop(): SwitchResult {
    this.#life.pause(this.guest);
    const { channel } = this.guest;
    if (!channel.poll()) {
      this.#life.resume(this.guest);
      return { status: NDIS_STATUS_FAILURE, reason: `its channel is ${channel.phase}` };
    }
    if (channel.report().loanedSections === 0) return OK;
    // 6.20: buffers of its queue lie in its memory, and NBLs with them at the VM. The queue goes first; what the VM
    // has of them it keeps.
    this.#gaveQueueBack = true;
    const released = this.#life.virtualSwitch.setPort(this.guest.port, { vmqWeight: 0 });
    const { loanedSections } = channel.report();
    // A card that has been pulled gives memory back only when its adapter is halted (LIFE-17).
    const reason = `an adapter that is being removed still has ${loanedSections} sections of its memory`;
    const result =
      failed(released) || loanedSections === 0 ? released : { status: NDIS_STATUS_FAILURE, reason };
    if (failed(result)) this.goOn();
    return result;
  }

  /** Undoes {@link stop}. */
  goOn(): SwitchResult {
    const { vmqWeight } = this.#properties;
    const result = this.#gaveQueueBack
      ? this.#life.virtualSwitch.setPort(this.guest.port, { vmqWeight })
      : OK;
    this.#life.resume(this.guest);
    return result;
  }

  /**
   * Nobody writes to the VM's memory any more: all that it is, as it will be on the other side. Null if its channel has
   * been broken since {@link stop}: by what the guest had left in its ring.
   */
  save(): VmState | null {
    const { guest } = this;
    const { framesToGuest, outstandingMessages } = guest.channel.report();
    const saved = guest.channel.save(() => this.#life.executor.publish());
    if (saved === null) return null;
    this.#saved = saved;
    this.#framesDelivered = framesToGuest;
    this.#messagesCarried = outstandingMessages;
    const { state: channelState, ...channel } = saved;
    const pages = this.#pages.takeDirty();
    const statistics = Float64Array.from(new Float64Array(guest.statisticsBuffer));
    const { isSuspended } = guest;
    return { memoryCrc: this.#pages.crc, channel, isSuspended, channelState, statistics, pages };
  }

  /** Undoes {@link save}; the NIC is connected. */
  reopen(): SwitchResult {
    if (this.#saved === null) return OK;
    this.guest.reopenChannel(this.#saved);
    this.#saved = null;
    return this.#life.virtualSwitch.attachChannel(this.guest.port, this.guest.channel);
  }

  disconnectNic(): SwitchResult {
    return this.#life.virtualSwitch.disconnectNic(this.guest.port);
  }

  connectNic(): SwitchResult {
    return this.#life.virtualSwitch.connectNic(this.guest.port);
  }

  deleteNic(): SwitchResult {
    return this.#life.virtualSwitch.deleteNic(this.guest.port);
  }

  createNic(): SwitchResult {
    const mac = parseMacAddress(this.description.vm.mac);
    return this.#life.ports.createNic(this.guest, mac === null ? {} : { mac });
  }

  teardownPort(): SwitchResult {
    return this.#life.virtualSwitch.teardownPort(this.guest.port);
  }

  deletePort(): SwitchResult {
    return this.#life.virtualSwitch.deletePort(this.guest.port);
  }

  /** A port like the one that was torn down, in its place unless somebody refers to that one. */
  createPort(): SwitchResult {
    this.deletePort();
    const created = this.#life.ports.recreate(this.guest.vm.name, this.#properties);
    if (!failed(created)) this.guest.port = created.port;
    return created;
  }

  /**
   * Nobody knows whether the VM runs at the destination: it stays here, standing still and without a port, until
   * `removeVm`.
   */
  keepStopped(): void {
    this.guest.isSuspended = true;
    this.guest.port = 0;
  }

  /** The VM runs elsewhere: nothing of it is left here. */
  depart(portLeft: boolean): void {
    this.#life.depart(this.guest, portLeft);
  }
}

/** Why a VM cannot be moved now, or null. */
export function refusalToMove(life: VmLife, guest: Guest): string | null {
  const state = life.ports.inspect(guest.port)?.state;
  if (guest.isMoving) return `VM '${guest.vm.name}' is moving already`;
  if (state !== 'connected') return `the port of VM '${guest.vm.name}' is ${state ?? 'gone'}`;
  return guest.channel.poll() ? null : `the channel of VM '${guest.vm.name}' is ${guest.channel.phase}`;
}
