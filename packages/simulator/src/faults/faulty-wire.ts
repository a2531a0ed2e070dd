/**
 * A cable on which frames get lost, overtake each other, come twice, or have a bit flipped, on their way to the NIC.
 * What a fault does to a frame is drawn from the stream; what is on the wire in the end is what the NIC gets.
 */
import type { Random } from '@vmq/machine';
import type { FaultWire } from './fault-host.ts';

export type WireFault = 'wire-drop' | 'wire-reorder' | 'wire-duplicate' | 'wire-flip';

/** Bytes in front of which no bit is flipped: addresses and tag decide whose a frame is, and no FCS guards them. */
const FIRST_FLIPPED_BYTE = 18;

export class FaultyWire implements FaultWire {
  readonly #wire: FaultWire;
  readonly #random: Random;
  readonly #left: Record<WireFault, number> = {
    'wire-drop': 0,
    'wire-reorder': 0,
    'wire-duplicate': 0,
    'wire-flip': 0,
  };
  /** A frame that the next one is to overtake. */
  #held: Uint8Array | null = null;
  /** Frames that never arrived. */
  dropped = 0;

  constructor(wire: FaultWire, random: Random) {
    this.#wire = wire;
    this.#random = random;
  }

  begin(fault: WireFault, count: number): void {
    this.#left[fault] += count;
  }

  get lasting(): readonly WireFault[] {
    return (Object.keys(this.#left) as WireFault[]).filter((fault) => this.#left[fault] > 0);
  }

  heal(): void {
    for (const fault of this.lasting) this.#left[fault] = 0;
    this.#letGo();
    this.#wire.flush();
  }

  /**
   * The stamp of the frame, or 0 if the wire is full. A frame that is lost, or that waits to be overtaken, was sent as
   * well: its answer is -1.
   */
  send(bytes: Uint8Array, offset: number, length: number): number {
    if (this.#take('wire-drop')) {
      this.dropped++;
      return -1;
    }
    const frame = bytes.slice(offset, offset + length);
    if (length > FIRST_FLIPPED_BYTE && this.#take('wire-flip')) {
      const at = FIRST_FLIPPED_BYTE + this.#random.below(length - FIRST_FLIPPED_BYTE);
      frame[at] = frame[at] ^ (1 << this.#random.below(8));
    }
    if (this.#held === null && this.#take('wire-reorder')) {
      this.#held = frame;
      return -1;
    }
    const stamp = this.#wire.send(frame, 0, length);
    if (stamp === 0) return 0;
    this.#letGo();
    if (this.#take('wire-duplicate')) this.#wire.send(frame, 0, length);
    return stamp;
  }

  /** What waits to be overtaken goes with the burst it is in. */
  flush(): void {
    this.#letGo();
    this.#wire.flush();
  }

  receive(take: (bytes: Uint8Array, offset: number, length: number) => void): number {
    return this.#wire.receive(take);
  }

  #letGo(): void {
    const held = this.#held;
    this.#held = null;
    // A wire that is full loses it.
    if (held !== null && this.#wire.send(held, 0, held.length) === 0) this.dropped++;
  }

  #take(fault: WireFault): boolean {
    if (this.#left[fault] === 0) return false;
    this.#left[fault]--;
    return true;
  }
}
