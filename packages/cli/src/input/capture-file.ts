/** One pass over a capture: one packet at a time, one chunk in memory, a turn for everybody else after each chunk. */
import {
  type CapturedPacket,
  type CaptureError,
  type CaptureReader,
  createCaptureReader,
} from '@vmq/capture';
import { CannotRun, systemMessage } from '../process/exit-code.ts';
import type { Interrupted } from '../process/interruption.ts';
import type { ByteSource } from './byte-source.ts';
import type { CaptureInput } from './capture-input.ts';
import type { Progress } from './progress.ts';

/** Packets between two questions whether to go on; a power of two. */
const ASK_EVERY = 256;

/** What ended the file too early. */
export interface CaptureFault {
  /** A code of `@vmq/capture`, or `read-error`. */
  readonly code: string;
  readonly fileOffset: number;
  readonly message: string;
}

/** How a pass ended: at the end of the file, because whoever takes packets had enough, or by the user. */
export type PassEnd = 'end' | 'enough' | 'interrupted';

export interface PassOptions {
  readonly interrupted: Interrupted;
  readonly progress?: Progress | undefined;
}

export class CaptureFile {
  readonly name: string;
  bytesRead = 0;
  fault: CaptureFault | null = null;
  readonly #source: ByteSource;
  readonly #reader: CaptureReader;
  /** Read and not given out yet; there was a packet before anything else was done. */
  #first: CapturedPacket | null = null;
  #ended = false;

  private constructor(name: string, source: ByteSource, onFlaw: (flaw: CaptureError) => void) {
    this.name = name;
    this.#source = source;
    this.#reader = createCaptureReader({ onFlaw });
  }

  /**
   * Reads up to the first packet. `keeps`: of a pipe, so that there can be another pass. Throws {@link CannotRun} for
   * what is no capture. `onFlaw` is told of each part of it that has to be passed over.
   */
  static async open(
    input: CaptureInput,
    keeps: boolean,
    interrupted: Interrupted,
    onFlaw: (flaw: CaptureError) => void = () => {},
  ): Promise<CaptureFile> {
    const file = new CaptureFile(input.name, input.pass(keeps), onFlaw);
    try {
      while (file.#first === null && !interrupted() && (await file.#fill(interrupted))) {
        file.#first = file.#reader.next();
      }
      if (file.#first === null && file.fault !== null)
        throw new CannotRun(`${file.name}: ${file.fault.message}`);
    } catch (error) {
      file.close();
      throw error;
    }
    return file;
  }

  /** Packets delivered so far: the frame number of the last one. */
  get frames(): number {
    return this.#reader.packetCount;
  }

  /**
   * Gives `take` one packet after the other, each valid during the call, until it returns false. At the end
   * {@link fault} says if it is a proper one.
   */
  async eachPacket(take: (packet: CapturedPacket) => boolean, options: PassOptions): Promise<PassEnd> {
    const { interrupted, progress } = options;
    let packet = this.#first ?? this.#reader.next();
    this.#first = null;
    for (;;) {
      for (; packet !== null; packet = this.#reader.next()) {
        if (!take(packet)) return 'enough';
        if ((packet.index & (ASK_EVERY - 1)) !== 0) continue;
        progress?.at(this.frames, this.bytesRead);
        if (interrupted()) return 'interrupted';
      }
      if (interrupted()) return 'interrupted';
      if (!(await this.#fill(interrupted))) return 'end';
      packet = this.#reader.next();
    }
  }

  close(): void {
    this.#source.close();
  }

  /** False if there is no more to come. */
  async #fill(interrupted: Interrupted): Promise<boolean> {
    if (this.#ended) return false;
    let chunk: Uint8Array | null = null;
    if (this.#reader.error === null) {
      try {
        chunk = await this.#source.read(interrupted);
      } catch (error) {
        if (error instanceof CannotRun) throw error;
        this.#ended = true;
        const message = `byte ${this.bytesRead}: ${systemMessage(error)}`;
        this.fault = { code: 'read-error', fileOffset: this.bytesRead, message };
        return false;
      }
    }
    if (chunk === null) {
      this.#ended = true;
      this.fault = this.#reader.end();
      return false;
    }
    this.bytesRead += chunk.length;
    // A reader that has failed has packets from before that, and says so at the end.
    this.#reader.push(chunk);
    return true;
  }
}

/** The fault's text without the place, for lines that name the place themselves. */
export function faultText(fault: CaptureFault): string {
  return fault.message.replace(/^byte \d+: /, '');
}
