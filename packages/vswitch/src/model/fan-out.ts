/**
 * Which frames of a batch go to which port: one list per port, in arrival order, so that a port's channel is
 * locked and signalled once per batch however the frames were mixed.
 *
 *   touched   port 3 ─> frame 0 ─> frame 2 ─> frame 5
 *             port 7 ─> frame 2
 */
export class FanOut {
  /** Ports with a list, in the order in which they got their first frame. */
  readonly touched: Int32Array;
  touchedCount = 0;
  /** First entry of each port's list, -1 = none. */
  readonly first: Int32Array;
  readonly lengthOf: Int32Array;
  /** Next entry, -1 = last; and the frame an entry stands for. */
  readonly next: Int32Array;
  readonly frame: Int32Array;
  readonly #last: Int32Array;
  readonly #maxPorts: number;
  #used = 0;

  /** `entries`: room for so many pairs of frame and port; at least twice `maxPorts`. */
  constructor(maxPorts: number, entries: number = Math.max(4096, 2 * maxPorts)) {
    this.touched = new Int32Array(maxPorts);
    this.first = new Int32Array(maxPorts).fill(-1);
    this.lengthOf = new Int32Array(maxPorts);
    this.next = new Int32Array(entries);
    this.frame = new Int32Array(entries);
    this.#last = new Int32Array(maxPorts);
    this.#maxPorts = maxPorts;
  }

  /** Pairs of frame and port it can hold. */
  get capacity(): number {
    return this.next.length;
  }

  /** True while one more frame can go to every port. */
  get hasRoom(): boolean {
    return this.#used + this.#maxPorts <= this.next.length;
  }

  add(port: number, frame: number): void {
    const entry = this.#used++;
    this.frame[entry] = frame;
    this.next[entry] = -1;
    if (this.first[port] === -1) {
      this.first[port] = entry;
      this.lengthOf[port] = 1;
      this.touched[this.touchedCount++] = port;
    } else {
      this.next[this.#last[port]] = entry;
      this.lengthOf[port] = this.lengthOf[port] + 1;
    }
    this.#last[port] = entry;
  }

  clear(): void {
    for (let i = 0; i < this.touchedCount; i++) this.first[this.touched[i]] = -1;
    this.touchedCount = 0;
    this.#used = 0;
  }
}
