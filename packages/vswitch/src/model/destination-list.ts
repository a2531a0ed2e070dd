/**
 * Where the flooded frames of a batch go: pairs of frame and port, those of a frame in a row. A frame with one
 * destination has it in its record and no pair here.
 *
 *   pair   frame   port   result: place in the channel's batch, or -1 - reason
 *     0      3       1      0
 *     1      3       2     -1 - no section
 *     2      9       1      4
 */
export class DestinationList {
  count = 0;
  frame: Int32Array;
  port: Int32Array;
  result: Int32Array;

  constructor(pairs: number = 1024) {
    this.frame = new Int32Array(pairs);
    this.port = new Int32Array(pairs);
    this.result = new Int32Array(pairs);
  }

  add(frame: number, port: number): void {
    if (this.count === this.frame.length) this.#grow();
    const pair = this.count++;
    this.frame[pair] = frame;
    this.port[pair] = port;
    this.result[pair] = 0;
  }

  /** At most one batch's frames times the switch's ports; grows to what one flood needed. */
  #grow(): void {
    const larger = (old: Int32Array): Int32Array => {
      const made = new Int32Array(old.length * 2);
      made.set(old);
      return made;
    };
    this.frame = larger(this.frame);
    this.port = larger(this.port);
    this.result = larger(this.result);
  }
}
