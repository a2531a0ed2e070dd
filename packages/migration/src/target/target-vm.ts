/**
 * A VM that arrives: its memory and its port are kept for it, and at the end it is made one of this host's. Until then
 * everything can be undone without a trace.
 */
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
  statusName,
} from '@vmq/abi';
import { GUEST_STATISTICS } from '@vmq/guest';
import type { Guest, PartitionSlot, VmLife } from '@vmq/host';
import { refusalOfSavedChannel, type SavedChannel } from '@vmq/netvsc';
import type { SwitchResult } from '@vmq/vswitch';
import type { VmDescription } from '../stream/description.ts';
import type { PageSet, VmState } from '../stream/messages.ts';
import { announcementFrames } from './announcement.ts';
import { memoryCrc, writePages } from './page-writer.ts';

const OK: SwitchResult = { status: NDIS_STATUS_SUCCESS };
const refuse = (status: number, reason: string): SwitchResult => ({ status, reason });
const failed = ({ status }: SwitchResult): boolean => status !== NDIS_STATUS_SUCCESS;

export class TargetVm {
  readonly #life: VmLife;
  #description: VmDescription | null = null;
  #state: VmState | null = null;
  #slot: PartitionSlot | null = null;
  #port = 0;
  #guest: Guest | null = null;
  #isConnected = false;

  constructor(life: VmLife) {
    this.#life = life;
  }

  /** The VM, once it has been settled. */
  get guest(): Guest {
    if (this.#guest === null) throw new Error('migration: the VM is not here yet');
    return this.#guest;
  }

  /** What the VM is. */
  describe(description: VmDescription): SwitchResult {
    if (this.#description !== null)
      return refuse(NDIS_STATUS_INVALID_PARAMETER, 'the transfer has a second hello');
    this.#description = description;
    return OK;
  }

  /** Pages of its memory, while it runs at the source. */
  write(pages: PageSet): SwitchResult {
    if (this.#slot === null)
      return refuse(NDIS_STATUS_INVALID_PARAMETER, 'the transfer has memory before there is a slot for it');
    return writePages(this.#slot.segment, pages)
      ? OK
      : refuse(NDIS_STATUS_INVALID_PARAMETER, 'the transfer has pages beyond the end of the memory');
  }

  /** All that is left of it; it stands still. Taken if it makes, with all that came before, a VM that can go on here. */
  complete(state: VmState): SwitchResult {
    const written = this.write(state.pages);
    if (failed(written)) return written;
    const judged = this.#judge(state);
    if (!failed(judged)) this.#state = state;
    return judged;
  }

  /** MIG-07: whether this host takes the VM; the port that finds out is gone again when it returns. */
  validate(): SwitchResult {
    const { vm, layout, port } = this.#described();
    const life = this.#life;
    const refusal = life.refusalOf(vm);
    if (refusal) return refusal;
    const { jumboPacket } = life.config.nic;
    if (layout.maxFrameBytes > jumboPacket) {
      const reason = `the VM has frames of ${layout.maxFrameBytes} bytes, the adapter of ${jumboPacket}`;
      return refuse(NDIS_STATUS_INVALID_PARAMETER, reason);
    }
    const created = life.ports.create(vm.name, port, true);
    return failed(created) ? created : this.#deletePort(created.port);
  }

  /** The VM's port and its partition slot. */
  prepare(): SwitchResult {
    const { vm, port, memoryBytes } = this.#described();
    const created = this.#life.ports.create(vm.name, port);
    if (failed(created)) return created;
    this.#port = created.port;
    const slot = this.#life.takeSlot(vm.name, memoryBytes);
    if (typeof slot === 'string') {
      this.abandon();
      return refuse(NDIS_STATUS_RESOURCES, slot);
    }
    this.#slot = slot;
    this.#life.prepare(slot);
    return OK;
  }

  /** Undoes whatever was done. Returns what could not be undone. */
  abandon(): string[] {
    const undone = [
      ...(this.#isConnected ? [['disconnect NIC', this.#disconnectNic()] as const] : []),
      ...(this.#guest === null ? [] : [['delete NIC', this.#deleteNic()] as const]),
      ...(this.#port === 0 ? [] : [['delete port', this.#deletePort(this.#port)] as const]),
    ];
    if (this.#slot !== null) this.#life.returnSlot(this.#slot);
    this.#port = 0;
    this.#slot = null;
    return undone.flatMap(([step, result]) =>
      failed(result) ? [`undoing ${step}: ${statusName(result.status)}: ${result.reason ?? ''}`] : [],
    );
  }

  createNic(): SwitchResult {
    const { vm, number, layout } = this.#described();
    const state = this.#stated();
    const { statistics, isSuspended } = state;
    const moved = { number, layout, channel: this.#channel(state), statistics, isSuspended };
    const refusal = this.#life.refusalOf(vm);
    if (refusal) return refusal;
    const guest = this.#life.settle(vm, this.#reserved(), moved);
    guest.port = this.#port;
    guest.isMoving = true;
    const result = this.#life.ports.createNic(guest);
    if (failed(result)) this.#life.unsettle(guest);
    else this.#guest = guest;
    return result;
  }

  #deleteNic(): SwitchResult {
    const result = this.#life.virtualSwitch.deleteNic(this.#port);
    this.#life.unsettle(this.guest);
    this.#guest = null;
    return result;
  }

  connectNic(): SwitchResult {
    const result = this.#life.virtualSwitch.connectNic(this.#port);
    this.#isConnected = !failed(result);
    return result;
  }

  #disconnectNic(): SwitchResult {
    this.#isConnected = false;
    return this.#life.virtualSwitch.disconnectNic(this.#port);
  }

  /** The switch takes up the channel where the source's left it. */
  restore(): SwitchResult {
    return this.#life.virtualSwitch.attachChannel(this.#port, this.guest.channel);
  }

  /** The VM is here, and runs unless somebody has paused it. */
  resume(): SwitchResult {
    this.#life.boot(this.guest);
    this.guest.isMoving = false;
    return OK;
  }

  #judge(state: VmState): SwitchResult {
    const { memoryBytes } = this.#described();
    const slot = this.#reserved();
    const crc = memoryCrc(slot.segment);
    if (crc !== state.memoryCrc)
      return refuse(
        NDIS_STATUS_FAILURE,
        `its memory has CRC ${crc.toString(16)}, not ${state.memoryCrc.toString(16)}`,
      );
    if (state.statistics.length !== GUEST_STATISTICS.length)
      return refuse(
        NDIS_STATUS_INVALID_PARAMETER,
        `${state.statistics.length} statistics, expected ${GUEST_STATISTICS.length}`,
      );
    const wrong = refusalOfSavedChannel(this.#channel(state), memoryBytes);
    return wrong === null ? OK : refuse(NDIS_STATUS_INVALID_PARAMETER, `its channel: ${wrong}`);
  }

  #deletePort(port: number): SwitchResult {
    const { virtualSwitch } = this.#life;
    const tornDown = virtualSwitch.teardownPort(port);
    return failed(tornDown) ? tornDown : virtualSwitch.deletePort(port);
  }

  /** The network is told where the VM is. */
  announce(): SwitchResult {
    const { port, vm } = this.guest;
    return this.#life.virtualSwitch.sendFor(port, announcementFrames(vm));
  }

  /** The VM's queue, 0 = the default queue; then why. */
  get queue(): { readonly queueId: number; readonly withoutQueue: string } {
    const port = this.#guest === null ? undefined : this.#life.ports.inspect(this.#guest.port);
    return { queueId: port?.queueId ?? 0, withoutQueue: port?.withoutQueue ?? '' };
  }

  #channel({ channel, channelState }: VmState): SavedChannel {
    return { ...channel, state: channelState };
  }

  #described(): VmDescription {
    if (this.#description === null) throw new Error('migration: no hello yet');
    return this.#description;
  }

  #stated(): VmState {
    if (this.#state === null) throw new Error('migration: no state yet');
    return this.#state;
  }

  #reserved(): PartitionSlot {
    if (this.#slot === null) throw new Error('migration: no slot yet');
    return this.#slot;
  }
}
