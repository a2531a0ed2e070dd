/**
 * The destination's part of a migration: takes the transferred bytes, keeps a place and a port for the VM, and makes
 * the VM one of its own at the end. Until then everything can be undone without a trace.
 */
import {
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_INVALID_PARAMETER,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import { GUEST_STATISTICS } from '@vmq/guest';
import { refusalOfSavedChannel, type SavedChannel } from '@vmq/netvsc';
import type { SwitchResult } from '@vmq/vswitch';
import type { Guest } from '../vm/guests.ts';
import type { VmLife } from '../vm/vm-life.ts';
import type { VmPlace } from '../vm/vm-places.ts';
import { MigrationDecoder } from './migration-decoder.ts';
import type { VmDescription } from './migration-description.ts';
import { memoryCrc, writePages } from './migration-memory.ts';
import type { MigrationMessage, PageSet, VmState } from './migration-stream.ts';

const OK: SwitchResult = { status: NDIS_STATUS_SUCCESS };
const refuse = (status: number, reason: string): SwitchResult => ({ status, reason });
const failed = ({ status }: SwitchResult): boolean => status !== NDIS_STATUS_SUCCESS;

export class MigrationTarget {
  readonly #life: VmLife;
  readonly #decoder = new MigrationDecoder();
  #description: VmDescription | null = null;
  #state: VmState | null = null;
  #place: VmPlace | null = null;
  #port = 0;
  #guest: Guest | null = null;

  constructor(life: VmLife) {
    this.#life = life;
  }

  /** The VM, once it has been settled. */
  get guest(): Guest {
    if (this.#guest === null) throw new Error('migration: the VM is not here yet');
    return this.#guest;
  }

  /** Takes bytes of the transfer. INVALID_PARAMETER for what is none, or is none of this VM. */
  take(bytes: Uint8Array): SwitchResult {
    for (const message of this.#decoder.push(bytes)) {
      const result = this.#message(message);
      if (failed(result)) return result;
    }
    const { refusal } = this.#decoder;
    if (refusal === null) return OK;
    const { name, reason, sequence } = refusal;
    return refuse(NDIS_STATUS_INVALID_PARAMETER, `message ${sequence} of the transfer: ${name}: ${reason}`);
  }

  /** The sender has sent a whole message: is it here? */
  expect(kind: 'hello' | 'state'): SwitchResult {
    this.#decoder.end();
    const result = this.take(new Uint8Array(0));
    if (failed(result)) return result;
    const has = kind === 'hello' ? this.#description !== null : this.#state !== null;
    return has ? OK : refuse(NDIS_STATUS_INVALID_PARAMETER, `the transfer has no ${kind}`);
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

  /** The VM's port and its place. */
  prepare(): SwitchResult {
    const { vm, port, memoryBytes } = this.#described();
    const created = this.#life.ports.create(vm.name, port);
    if (failed(created)) return created;
    this.#port = created.port;
    const place = this.#life.takePlace(vm.name, memoryBytes);
    if (typeof place === 'string') {
      this.abandon();
      return refuse(NDIS_STATUS_RESOURCES, place);
    }
    this.#place = place;
    this.#life.prepare(place);
    return OK;
  }

  /** Undoes {@link prepare}. */
  abandon(): void {
    if (this.#port !== 0) this.#deletePort(this.#port);
    if (this.#place !== null) this.#life.givePlace(this.#place);
    this.#port = 0;
    this.#place = null;
  }

  /** Whether all that came makes a VM that can go on here. */
  judge(): SwitchResult {
    const { memoryBytes } = this.#described();
    const state = this.#stated();
    const place = this.#placed();
    const crc = memoryCrc(place.segment);
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

  createNic(): SwitchResult {
    const { vm, number, layout } = this.#described();
    const state = this.#stated();
    const { statistics, isSuspended } = state;
    const moved = { number, layout, channel: this.#channel(state), statistics, isSuspended };
    const refusal = this.#life.refusalOf(vm);
    if (refusal) return refusal;
    const guest = this.#life.settle(vm, this.#placed(), moved);
    guest.port = this.#port;
    guest.isMoving = true;
    const result = this.#life.ports.createNic(guest);
    if (failed(result)) this.#life.unsettle(guest);
    else this.#guest = guest;
    return result;
  }

  deleteNic(): SwitchResult {
    const result = this.#life.virtualSwitch.deleteNic(this.#port);
    this.#life.unsettle(this.guest);
    this.#guest = null;
    return result;
  }

  connectNic(): SwitchResult {
    return this.#life.virtualSwitch.connectNic(this.#port);
  }

  disconnectNic(): SwitchResult {
    return this.#life.virtualSwitch.disconnectNic(this.#port);
  }

  /** The switch takes up the channel where the source's left it. */
  restore(): SwitchResult {
    return this.#life.virtualSwitch.attachChannel(this.#port, this.guest.channel);
  }

  /** The VM is here, and runs unless somebody has paused it. */
  resume(): void {
    this.#life.boot(this.guest);
    this.guest.isMoving = false;
  }

  #message(message: MigrationMessage): SwitchResult {
    if (message.kind === 'hello') {
      if (this.#description !== null)
        return refuse(NDIS_STATUS_INVALID_PARAMETER, 'the transfer has a second hello');
      this.#description = message.description;
      return OK;
    }
    if (message.kind === 'pages') return this.#write(message.pages);
    this.#state = message.state;
    return this.#write(message.state.pages);
  }

  #write(pages: PageSet): SwitchResult {
    if (this.#place === null)
      return refuse(NDIS_STATUS_INVALID_PARAMETER, 'the transfer has memory before its hello');
    return writePages(this.#place.segment, pages)
      ? OK
      : refuse(NDIS_STATUS_INVALID_PARAMETER, 'the transfer has pages beyond the end of the memory');
  }

  #deletePort(port: number): SwitchResult {
    const { virtualSwitch } = this.#life;
    const tornDown = virtualSwitch.teardownPort(port);
    return failed(tornDown) ? tornDown : virtualSwitch.deletePort(port);
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

  #placed(): VmPlace {
    if (this.#place === null) throw new Error('migration: no place yet');
    return this.#place;
  }
}
