/**
 * The brake of a virtual machine: one word, through which the host has its virtual processor stand still at once,
 * wherever everybody else is: in the middle of an indication, a DPC, an OID request.
 *
 *   -1     it runs                n > 0  it takes or sends n frames more         0  it stands still
 *
 * The guest looks at it before its turn and before each frame; so it stops between two frames of one batch, with what
 * it has done in its memory and shown to the host, and with what it has not done still before it. Pulling the brake
 * only writes the word: whoever needs to know that the guest has come to rest publishes afterwards. So the guest looks
 * by plain loads.
 */

/** A released brake, for `GuestAgentData.brake`. */
export function createGuestBrake(): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(8);
  releaseGuestBrake(buffer);
  return buffer;
}

/** Lets the guest handle `frames` frames more, and no more. */
export function pullGuestBrake(buffer: SharedArrayBuffer, frames: number = 0): void {
  Atomics.store(new Int32Array(buffer), 0, frames);
}

/** Lets the guest run. Wake its agent afterwards. */
export function releaseGuestBrake(buffer: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(buffer), 0, -1);
}

/** True if the guest stands still, or does so as soon as it looks. */
export function isGuestBraked(buffer: SharedArrayBuffer): boolean {
  return Atomics.load(new Int32Array(buffer), 0) === 0;
}

/** The guest's side. */
export class Brake {
  readonly #word: Int32Array;

  /** Without a buffer: one that nobody pulls. */
  constructor(buffer: SharedArrayBuffer = createGuestBrake()) {
    this.#word = new Int32Array(buffer);
  }

  get isOn(): boolean {
    return this.#word[0] === 0;
  }

  /** Nobody has pulled it: any number of frames may be taken. */
  get isReleased(): boolean {
    return this.#word[0] < 0;
  }

  /** A frame has been taken or sent. */
  spend(): void {
    const left = this.#word[0];
    // Not if the host has pulled or released it meanwhile.
    if (left > 0) Atomics.compareExchange(this.#word, 0, left, left - 1);
  }
}
