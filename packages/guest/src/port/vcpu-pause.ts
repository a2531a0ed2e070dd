/**
 * The pause of a virtual machine's processor: one word, through which the host has it stand still at once,
 * wherever everybody else is: in the middle of an indication, a DPC, an OID request.
 *
 *   -1     it runs                n > 0  it takes or sends n frames more         0  it stands still
 *
 * The guest looks at it before its turn and before each frame; so it stops between two frames of one batch, with what
 * it has done in its memory and shown to the host, and with what it has not done still before it. Pausing
 * only writes the word: whoever needs to know that the guest has come to rest publishes afterwards. So the guest looks
 * by plain loads.
 */

/** The word of a processor that runs, for `GuestAgentData.vcpuPause`. */
export function createVcpuPause(): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(8);
  resumeVcpu(buffer);
  return buffer;
}

/** Lets the guest handle `frames` frames more, and no more. */
export function pauseVcpu(buffer: SharedArrayBuffer, frames: number = 0): void {
  Atomics.store(new Int32Array(buffer), 0, frames);
}

/** Lets the guest run. Wake its agent afterwards. */
export function resumeVcpu(buffer: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(buffer), 0, -1);
}

/** True if the guest stands still, or does so as soon as it looks. */
export function isVcpuPaused(buffer: SharedArrayBuffer): boolean {
  return Atomics.load(new Int32Array(buffer), 0) === 0;
}

/** The guest's side. */
export class VcpuPause {
  readonly #word: Int32Array;

  /** Without a buffer: one that nobody pauses. */
  constructor(buffer: SharedArrayBuffer = createVcpuPause()) {
    this.#word = new Int32Array(buffer);
  }

  get isOn(): boolean {
    return this.#word[0] === 0;
  }

  /** Nobody has paused it: any number of frames may be taken. */
  get runs(): boolean {
    return this.#word[0] < 0;
  }

  /** A frame has been taken or sent. */
  spend(): void {
    const left = this.#word[0];
    // Not if the host has paused or resumed it meanwhile.
    if (left > 0) Atomics.compareExchange(this.#word, 0, left, left - 1);
  }
}
