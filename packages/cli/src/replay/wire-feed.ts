/**
 * Puts frames on a host's wire in windows that lose nothing: so many frames, then everything runs to rest.
 *
 *   offer … offer │ flush, run until idle │ onWindow │ offer … offer │ …
 */
import type { CapturedPacket } from '@vmq/capture';
import { type Host, stampDistance } from '@vmq/host';

export class WireFeed {
  /** Frames of the current window that are on the wire. */
  count = 0;
  /** Stamp of the window's first frame; the others follow without a gap. */
  firstStamp = 1;
  /** Stamp of the last frame ever sent, 0 before. */
  lastStamp = 0;
  /** Of the `i`-th frame of the window. */
  readonly seconds: Float64Array;
  readonly nanoseconds: Uint32Array;
  /** tshark's `frame.number`. */
  readonly frameNumbers: Float64Array;
  readonly #host: Host;
  readonly #capacity: number;
  readonly #onWindow: (feed: WireFeed) => void;

  constructor(host: Host, capacity: number, onWindow: (feed: WireFeed) => void) {
    this.#host = host;
    this.#capacity = Math.max(1, capacity);
    this.#onWindow = onWindow;
    this.seconds = new Float64Array(this.#capacity);
    this.nanoseconds = new Uint32Array(this.#capacity);
    this.frameNumbers = new Float64Array(this.#capacity);
  }

  /** Sends one frame; false if the wire cannot take one of this length even when it is empty. */
  offer(packet: CapturedPacket, length: number): boolean {
    if (this.count === this.#capacity) this.settle();
    const { wire } = this.#host;
    let stamp = wire.send(packet.bytes, packet.offset, length);
    if (stamp === 0) {
      this.settle();
      stamp = wire.send(packet.bytes, packet.offset, length);
      if (stamp === 0) return false;
    }
    if (this.count === 0) this.firstStamp = stamp;
    this.lastStamp = stamp;
    const i = this.count++;
    this.seconds[i] = packet.seconds;
    this.nanoseconds[i] = packet.nanoseconds;
    this.frameNumbers[i] = packet.index + 1;
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
  }

  /** Index in the window of the frame with this stamp, or -1 (a guest's frame). */
  indexOf(stamp: number): number {
    if (stamp <= 0) return -1;
    const i = stampDistance(this.firstStamp, stamp);
    return i < this.count ? i : -1;
  }
}

const ignore = (): void => {};
