/**
 * What is left of VMs that have gone: frames that they received and nobody has taken yet, and what their drivers counted.
 * Nothing else of them is kept, and of the last {@link KEPT} lives only: a host whose VMs come and go for years does not grow.
 */
import type { Guest } from './guests.ts';
import type { ReceivedFrame } from './host.ts';

/** Lives that are remembered; as many as a host can have VMs. */
const KEPT = 64;

interface Departed {
  readonly name: string;
  readonly statistics: Readonly<Record<string, number>>;
  /** Copies, for the VM's memory and its record are another's by now. */
  frames: ReceivedFrame[];
}

export class DepartedVms {
  /** Oldest first. */
  readonly #lives: Departed[] = [];

  /** The guest has received its last frame here. */
  add(guest: Guest): void {
    const frames: ReceivedFrame[] = [];
    guest.takeReceived((frame) => {
      const bytes = frame.bytes.slice(frame.offset, frame.offset + frame.length);
      frames.push({ ...frame, bytes, offset: 0 });
    });
    this.#lives.push({ name: guest.vm.name, statistics: guest.statistics(), frames });
    if (this.#lives.length > KEPT) this.#lives.shift();
  }

  has(name: string): boolean {
    return this.#lives.some((life) => life.name === name);
  }

  /** Of the last life of that name. */
  statistics(name: string): Readonly<Record<string, number>> | undefined {
    return this.#lives.filter((life) => life.name === name).at(-1)?.statistics;
  }

  /** Frames of all lives of that name that are remembered, in the order in which they were received. */
  takeReceived(name: string, take: (frame: ReceivedFrame) => void): number {
    let count = 0;
    for (const life of this.#lives) {
      if (life.name !== name) continue;
      count += life.frames.length;
      const { frames } = life;
      life.frames = [];
      for (const frame of frames) take(frame);
    }
    return count;
  }
}
