/**
 * Brings the frames of a capture into a host in windows that lose nothing: so many frames, each on the wire or into the
 * source of the VM that sends it, then everything runs to rest.
 *
 *   offer … offer │ flush, run until idle │ onWindow │ offer … offer │ …
 *
 * Frames from the wire keep their order, and so do those of each VM.
 */
import type { CapturedPacket } from '@vmq/capture';
import { type Host, stampDistance, type VmConfig } from '@vmq/host';
import { isFrameTooLong, MOST_TAG_BYTES } from '@vmq/machine';
import { isTagged, VLAN_TAG_LENGTH } from '@vmq/wire';

const ADDRESSES_LENGTH = 12;
const VLAN_MASK = 0xfff;
const NONE: readonly number[] = [];

export class FrameFeed {
  /** Frames of the current window. */
  count = 0;
  /** Stamp of the last frame ever put on the wire, 0 before. */
  lastStamp = 0;
  /** Of the `i`-th frame of the window. */
  readonly seconds: Float64Array;
  readonly nanoseconds: Uint32Array;
  readonly #host: Host;
  readonly #capacity: number;
  readonly #onWindow: (feed: FrameFeed) => void;
  /** Stamp of the window's first frame on the wire; the others follow without a gap. */
  #firstStamp = 1;
  /** Index in the window of the `k`-th frame on the wire. */
  readonly #onWire: Int32Array;
  #wireCount = 0;
  /** Indices in the window of the frames that a VM sends, in their order. */
  readonly #ofVms = new Map<string, number[]>();
  /** Longest frame that a guest sends, without tags. */
  readonly #largest: number;
  /** The frame as the guest sends it. */
  readonly #untagged: Uint8Array;

  constructor(host: Host, capacity: number, onWindow: (feed: FrameFeed) => void) {
    this.#host = host;
    this.#capacity = Math.max(1, capacity);
    this.#onWindow = onWindow;
    this.seconds = new Float64Array(this.#capacity);
    this.nanoseconds = new Uint32Array(this.#capacity);
    this.#onWire = new Int32Array(this.#capacity);
    this.#largest = host.config.nic.jumboPacket;
    this.#untagged = new Uint8Array(this.#largest + MOST_TAG_BYTES);
  }

  /** Puts one frame on the wire; false if the wire cannot take one of this length even when it is empty. */
  receive(packet: CapturedPacket, length: number): boolean {
    if (this.count === this.#capacity) this.settle();
    const { wire } = this.#host;
    let stamp = wire.send(packet.bytes, packet.offset, length);
    if (stamp === 0) {
      this.settle();
      stamp = wire.send(packet.bytes, packet.offset, length);
      if (stamp === 0) return false;
    }
    if (this.#wireCount === 0) this.#firstStamp = stamp;
    this.lastStamp = stamp;
    this.#onWire[this.#wireCount++] = this.#enter(packet);
    return true;
  }

  /**
   * Has the VM's guest send one frame of at least 14 bytes; false if it is longer than a guest can send. The capture has
   * the frame as it was on the wire: a tag of the VM's own VLAN is the switch's to add, its priority goes beside the frame.
   */
  send(packet: CapturedPacket, length: number, vm: VmConfig): boolean {
    const { bytes, offset } = packet;
    let tci = 0;
    let from = bytes;
    let at = offset;
    let size = length;
    if (isTagged(bytes, offset, length)) {
      if (isFrameTooLong(bytes, offset, length, this.#largest, false)) return false;
      size -= VLAN_TAG_LENGTH;
      tci = (bytes[offset + 14] << 8) | bytes[offset + 15];
      const vlan = tci & VLAN_MASK;
      // A tag of another VLAN stays: whether the port may use that one is the switch's to say.
      if (vlan === vm.vlan) tci &= ~VLAN_MASK;
      const behind = offset + ADDRESSES_LENGTH + VLAN_TAG_LENGTH;
      this.#untagged.set(bytes.subarray(offset, offset + ADDRESSES_LENGTH));
      this.#untagged.set(bytes.subarray(behind, offset + length), ADDRESSES_LENGTH);
      from = this.#untagged;
      at = 0;
    }
    if (isFrameTooLong(from, at, size, this.#largest, tci !== 0)) return false;
    if (this.count === this.#capacity) this.settle();
    if (!this.#host.sendFrom(vm.name, from, at, size, tci)) {
      this.settle();
      if (!this.#host.sendFrom(vm.name, from, at, size, tci)) return false;
    }
    let list = this.#ofVms.get(vm.name);
    if (list === undefined) {
      list = [];
      this.#ofVms.set(vm.name, list);
    }
    list.push(this.#enter(packet));
    return true;
  }

  /** Ends the window: everything sent comes to its end. */
  settle(): void {
    if (this.count === 0) return;
    const host = this.#host;
    host.wire.flush();
    host.runUntilIdle();
    // Frames that guests sent; nothing is at the cable's far end.
    while (host.wire.receive(ignore) > 0) host.runUntilIdle();
    this.#onWindow(this);
    this.count = 0;
    this.#wireCount = 0;
    for (const list of this.#ofVms.values()) list.length = 0;
  }

  /** Index in the window of the frame that came from the wire with this stamp, or -1. */
  indexOf(stamp: number): number {
    if (stamp <= 0) return -1;
    const k = stampDistance(this.#firstStamp, stamp);
    return k < this.#wireCount ? this.#onWire[k] : -1;
  }

  /** Indices in the window of the frames that this VM was given to send, in their order. */
  sentBy(vmName: string): readonly number[] {
    return this.#ofVms.get(vmName) ?? NONE;
  }

  #enter(packet: CapturedPacket): number {
    const i = this.count++;
    this.seconds[i] = packet.seconds;
    this.nanoseconds[i] = packet.nanoseconds;
    return i;
  }
}

const ignore = (): void => {};
