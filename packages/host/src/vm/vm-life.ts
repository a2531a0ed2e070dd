/**
 * The VMs of one host, from start to end (SW-21), while the host comes up and while it runs:
 *
 *   add      slot ─> agent ─> channel ─> port create ─> NIC create ─> connect
 *   remove   pause ─> NIC disconnect ─> NIC delete ─> channel ─> port teardown ─> port delete ─> slot
 *
 * A migration does the same steps in an order of its own; they are here for it one by one.
 */
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_RESOURCE_CONFLICT,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import {
  type GuestMessage,
  isVcpuPaused,
  pauseVcpu,
  refusalOfGuestMessage,
  resumeVcpu,
  type VirtualMachineMessage,
} from '@vmq/guest';
import type { Executor, Machine, MemorySegment } from '@vmq/machine';
import type { SwitchResult, VirtualSwitch } from '@vmq/vswitch';
import { formatMacAddress, parseMacAddress } from '@vmq/wire';
import { type HostConfig, mostVms, type VmConfig } from '../config/config.ts';
import { guestMemoryBytes, type HostSizes } from '../config/sizing.ts';
import { DepartedVms } from './departed-vms.ts';
import { GuestTimeouts, whyNotOpen } from './guest-timeouts.ts';
import { Guest, type MovedGuest } from './guests.ts';
import type { ReceivedFrame } from './host.ts';
import { type PartitionSlot, PartitionSlots } from './partition-slots.ts';
import { type AdmitPort, portPropertiesOf, VmPorts } from './vm-ports.ts';

export interface VmLifeOptions {
  readonly config: HostConfig;
  readonly machine: Machine;
  readonly executor: Executor;
  readonly virtualSwitch: VirtualSwitch;
  readonly sizes: HostSizes;
  /** Each VM keeps a record of what it receives; sends what it is given. */
  readonly hasRecords: boolean;
  readonly hasSources: boolean;
  /** Makes the memory of new slots known to the NIC's DMA domain; takes effect with the next publication. */
  readonly reach: (segments: readonly MemorySegment[]) => void;
  readonly admitPort?: AdmitPort | undefined;
  readonly guestProgram?: ((vm: VmConfig) => unknown) | undefined;
}

const MOST_CHANNEL = 0x7fff_ffff;
const OK: SwitchResult = { status: NDIS_STATUS_SUCCESS };
const refuse = (status: number, reason: string): SwitchResult => ({ status, reason });
const failed = ({ status }: SwitchResult): boolean => status !== NDIS_STATUS_SUCCESS;

export class VmLife {
  readonly config: HostConfig;
  readonly machine: Machine;
  readonly executor: Executor;
  readonly virtualSwitch: VirtualSwitch;
  readonly ports: VmPorts;
  readonly #options: VmLifeOptions;
  readonly #slots: PartitionSlots;
  readonly #timeouts: GuestTimeouts;
  readonly #guests = new Map<string, Guest>();
  readonly #departed = new DepartedVms();
  #lastChannel: number;

  constructor(options: VmLifeOptions) {
    this.#options = options;
    this.config = options.config;
    this.machine = options.machine;
    this.executor = options.executor;
    this.virtualSwitch = options.virtualSwitch;
    this.ports = new VmPorts(options.virtualSwitch, options.admitPort);
    this.#slots = new PartitionSlots(options.machine);
    this.#lastChannel = options.machine.counters.numbers % MOST_CHANNEL;
    this.#timeouts = new GuestTimeouts(options.machine, options.executor, () => [...this.#guests.values()]);
  }

  get names(): string[] {
    return [...this.#guests.keys()];
  }

  find(name: string): Guest | undefined {
    return this.#guests.get(name);
  }

  /** Frames that the VM has received here, before it left and since it came back. Throws if it was never here. */
  takeReceived(name: string, take: (frame: ReceivedFrame) => void): number {
    const guest = this.#guests.get(name);
    if (guest === undefined && !this.#departed.has(name)) throw this.#unknown(name);
    return this.#departed.takeReceived(name, take) + (guest?.takeReceived(take) ?? 0);
  }

  /** Why the last {@link sendFrom} sent nothing; null if it did. */
  sendRefusal: string | null = null;

  /** Throws if the VM is not here. */
  sendFrom(name: string, bytes: Uint8Array, offset: number, length: number, tci: number): boolean {
    const refusal = this.here(name).send(bytes, offset, length, tci);
    this.sendRefusal = refusal === null ? null : `${name}: ${refusal}`;
    return refusal === null;
  }

  /** Has a program of the VM's guest do something: INVALID_PARAMETER for what it cannot do, or for an unknown VM. */
  tell(name: string, message: GuestMessage): SwitchResult {
    const guest = this.#guests.get(name);
    const refusal =
      guest === undefined
        ? `no VM '${name}'; there are ${this.names.join(', ')}`
        : refusalOfGuestMessage(message, guest.maxFrameBytes);
    if (guest === undefined || refusal !== null)
      return { status: NDIS_STATUS_INVALID_PARAMETER, reason: refusal ?? '' };
    this.executor.post(guest.slot.agent, message);
    this.executor.publish();
    return { status: NDIS_STATUS_SUCCESS };
  }

  /** The VM of that name that is here now; throws if there is none. */
  here(name: string): Guest {
    const guest = this.#guests.get(name);
    if (guest === undefined) throw this.#unknown(name);
    return guest;
  }

  /** Of the VM of that name that is here, or of the last one that was. Throws if there was none. */
  statistics(name: string): Readonly<Record<string, number>> {
    const statistics = this.#guests.get(name)?.statistics() ?? this.#departed.statistics(name);
    if (statistics === undefined) throw this.#unknown(name);
    return statistics;
  }

  #unknown(name: string): Error {
    return new Error(`no VM '${name}'; there are ${this.names.join(', ')}`);
  }

  /** Why the VM cannot come here, or null. */
  refusalOf(vm: VmConfig): SwitchResult | null {
    const all = [...this.#guests.values()];
    if (all.length >= mostVms(this.config))
      return refuse(NDIS_STATUS_RESOURCES, `there are ${all.length} VMs and may be no more (maxVms)`);
    if (this.#guests.has(vm.name))
      return refuse(NDIS_STATUS_RESOURCE_CONFLICT, `there is a VM '${vm.name}' already`);
    const mac = macText(vm.mac);
    const twin = all.find((other) => macText(other.vm.mac) === mac);
    return twin === undefined
      ? null
      : refuse(NDIS_STATUS_RESOURCE_CONFLICT, `${mac} is the address of VM '${twin.vm.name}'`);
  }

  /** Starts VMs together: one worker thread for those that are new to the machine, queues by weight (SW-04). */
  add(vms: readonly VmConfig[]): SwitchResult {
    const guests: Guest[] = [];
    const undo = (result: SwitchResult): SwitchResult => {
      for (const guest of guests.reverse()) {
        this.ports.unplug(guest.port);
        this.#end(guest);
      }
      return result;
    };
    for (const vm of vms) {
      const refusal = this.refusalOf(vm);
      if (refusal) return undo(refusal);
      const slot = this.takeSlot(vm.name, guestMemoryBytes(this.#options.sizes.guest));
      if (typeof slot === 'string') return undo(refuse(NDIS_STATUS_RESOURCES, slot));
      guests.push(this.settle(vm, slot));
    }
    this.#options.reach(guests.map(({ slot }) => slot.segment));
    this.#start(guests);
    for (const { channel } of guests) channel.offer();
    if (!this.#timeouts.openChannels(guests)) {
      const closed = guests.filter(({ channel }) => !channel.isOpen).map(whyNotOpen);
      return undo(refuse(NDIS_STATUS_FAILURE, `VMs did not open their channel: ${closed.join(', ')}`));
    }
    for (const guest of guests) {
      const { vm, channel } = guest;
      const { port, ...created } = this.ports.create(vm.name, portPropertiesOf(vm));
      guest.port = port;
      const nic = failed(created) ? created : this.ports.createNic(guest, { channel });
      if (failed(nic)) return undo(nic);
    }
    const connected = this.virtualSwitch.connectNics(guests.map(({ port }) => port));
    return failed(connected) ? undo(connected) : OK;
  }

  /** Ends a VM. If its port is still referred to, says so; called again when it is not, deletes the port. */
  remove(name: string): SwitchResult {
    const guest = this.#guests.get(name);
    if (guest === undefined) {
      const gone = refuse(NDIS_STATUS_INVALID_PARAMETER, `there is no VM '${name}'`);
      return this.ports.deleteReferenced(name) ?? gone;
    }
    if (guest.isMoving) return refuse(NDIS_STATUS_FAILURE, `VM '${name}' is moving to another host`);
    this.pause(guest);
    // It may have been unplugged by an earlier try, and its port's number be another one's by now.
    const deleted = guest.port === 0 ? OK : this.ports.unplug(guest.port);
    this.virtualSwitch.freeKeptQueues();
    const { loanedSections } = guest.channel.report();
    if (loanedSections !== 0) {
      if (!failed(deleted)) guest.port = 0;
      this.#options.machine.reach('host.vm-kept-by-its-adapter');
      return refuse(NDIS_STATUS_FAILURE, `an adapter still has ${loanedSections} sections of VM '${name}'`);
    }
    this.depart(guest, failed(deleted));
    return deleted;
  }

  get reach(): (mark: string) => void {
    return this.#options.machine.reach;
  }

  /** Lets everything run until nothing is left to do, but for guests that never rest. */
  rest(): void {
    this.#timeouts.rest();
  }

  // --- the steps, as a migration takes them ---------------------------------------------------------------

  /** Memory and agent for a VM that is to come; or why there are none. */
  takeSlot(vmName: string, bytes: number): PartitionSlot | string {
    return this.#slots.take(vmName, bytes);
  }

  /** Gives back a slot in which no guest has been started. */
  returnSlot(slot: PartitionSlot): void {
    this.#slots.release(slot);
  }

  /** Has an agent ready in a slot, with nothing running on it yet. */
  prepare(slot: PartitionSlot): void {
    this.#options.reach([slot.segment]);
    const { agent, segment } = slot;
    if (slot.isStarted) this.#options.machine.reach('host.slot-used-again');
    if (slot.isStarted) this.executor.confine(agent, [segment.id]);
    else this.executor.start([{ name: agent, factory: 'guest', data: null, segments: [segment.id] }]);
    slot.isStarted = true;
    this.executor.publish();
  }

  /** Makes the VM one of this host's; its guest does not run yet. */
  settle(vm: VmConfig, slot: PartitionSlot, moved?: MovedGuest): Guest {
    const { config, sizes, hasRecords, hasSources, guestProgram } = this.#options;
    const channel = this.#nextChannel();
    const program = guestProgram?.(vm);
    const options = {
      config,
      sizes,
      vm,
      slot,
      channel,
      hasRecords,
      hasSources,
      ...(program === undefined ? {} : { program }),
      ...(moved ? { moved } : {}),
    };
    const guest = new Guest(this.machine, options);
    this.#guests.set(vm.name, guest);
    return guest;
  }

  /** 1 … 2^31 - 1, for it travels in words, and then from 1 again; none that a VM here has. */
  #nextChannel(): number {
    const taken = new Set([...this.#guests.values()].map(({ channel }) => channel.channel));
    do this.#lastChannel = (this.#lastChannel % MOST_CHANNEL) + 1;
    while (taken.has(this.#lastChannel));
    return this.#lastChannel;
  }

  /** Undoes {@link settle}. */
  unsettle(guest: Guest): void {
    this.#guests.delete(guest.vm.name);
  }

  /** Starts a guest on its prepared slot. */
  boot(guest: Guest): void {
    this.#tell(guest, { op: 'boot', data: guest.data });
  }

  /** Stops the guest at once, between two frames; afterwards it touches nothing. */
  pause(guest: Guest): void {
    pauseVcpu(guest.vcpuPause);
    this.#tell(guest, { op: 'pause' });
  }

  /** Undoes {@link pause}; a VM that somebody has suspended goes on standing still. */
  resume(guest: Guest): void {
    if (!guest.isSuspended) resumeVcpu(guest.vcpuPause);
    this.#tell(guest, { op: 'resume' });
  }

  /** Lets the guest handle so many frames more; true when it has, and stands still. */
  pauseAfter(guest: Guest, frames: number): () => boolean {
    if (!guest.isSuspended) pauseVcpu(guest.vcpuPause, frames);
    return () => isVcpuPaused(guest.vcpuPause);
  }

  /**
   * Has the VM's virtual processor stand still, or go on: a word in shared memory, so it may be called at any instant.
   * While the VM is moving its vcpuPause is the migration's, which looks afterwards what is wanted.
   */
  suspend(name: string, suspended: boolean): SwitchResult {
    const guest = this.#guests.get(name);
    if (guest === undefined) return refuse(NDIS_STATUS_INVALID_PARAMETER, `there is no VM '${name}'`);
    if (!guest.channel.isOpen && guest.isMoving)
      return refuse(NDIS_STATUS_FAILURE, `VM '${name}' is between two hosts`);
    guest.isSuspended = suspended;
    if (suspended) pauseVcpu(guest.vcpuPause);
    else if (!guest.isMoving) {
      resumeVcpu(guest.vcpuPause);
      this.machine.board.wake(this.machine.agent(guest.slot.agent));
    }
    return OK;
  }

  /** The VM has left: its memory is the next one's, its port is gone but for those who refer to it. */
  depart(guest: Guest, portLeft: boolean): void {
    const { name } = guest.vm;
    if (portLeft) this.ports.keepReferenced(name, guest.port);
    this.#end(guest);
    this.#departed.add(guest);
  }

  // --- inside ---------------------------------------------------------------------------------------------

  #tell(guest: Guest, message: VirtualMachineMessage): void {
    this.executor.post(guest.slot.agent, message);
    this.executor.publish();
  }

  #start(guests: readonly Guest[]): void {
    const fresh = guests.filter(({ slot }) => !slot.isStarted);
    for (const { slot, data } of guests) {
      if (!slot.isStarted) continue;
      this.executor.confine(slot.agent, [slot.segment.id]);
      this.executor.post(slot.agent, { op: 'boot', data } satisfies VirtualMachineMessage);
    }
    if (fresh.length > 0) {
      // One call is one worker thread: the guests share it.
      this.executor.start(
        fresh.map(({ slot, data }) => ({
          name: slot.agent,
          factory: 'guest',
          data,
          segments: [slot.segment.id],
        })),
      );
      for (const { slot } of fresh) slot.isStarted = true;
    }
    this.executor.publish();
  }

  /** Nothing of the VM runs from here on, and its slot is free. */
  #end(guest: Guest): void {
    if (guest.channel.phase !== 'closed') guest.channel.close(() => this.executor.publish());
    if (guest.slot.isStarted) this.#tell(guest, { op: 'halt' });
    this.#guests.delete(guest.vm.name);
    this.#slots.release(guest.slot);
  }
}

/** The one way of writing an address. */
function macText(text: string): string {
  const mac = parseMacAddress(text);
  return mac === null ? text : formatMacAddress(mac.hi, mac.lo);
}

const lives = new WeakMap<object, VmLife>();

/** Keeps the VMs of a host for those operations on it that are not the host's own. */
export function setVmLife(host: object, life: VmLife): void {
  lives.set(host, life);
}

export function vmLifeOf(host: object): VmLife {
  const found = lives.get(host);
  if (found === undefined) throw new Error('expected a host that createHost made');
  return found;
}
