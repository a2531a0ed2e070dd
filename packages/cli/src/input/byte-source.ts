/** Where a capture's bytes come from: a regular file, or a pipe. Neither ever blocks the thread for long. */
import { read } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import type { Interrupted } from '../process/interruption.ts';

const CHUNK_LENGTH = 1 << 20;
/** How often one who waits for a pipe asks whether to go on waiting. */
const ASK_MS = 100;
const NOTHING: Uint8Array = new Uint8Array(0);

export interface ByteSource {
  /** The next bytes, valid until the next call; none of them if interrupted while waiting; null at the end. */
  read(interrupted: Interrupted): Promise<Uint8Array | null>;
  close(): void;
}

const readAt = promisify(read);

/** A regular file from its first byte, in chunks of 1 MiB. */
export class FileSource implements ByteSource {
  readonly #fd: number;
  readonly #chunk: Uint8Array = new Uint8Array(CHUNK_LENGTH);
  #position = 0;

  /** The descriptor stays the caller's. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  async read(): Promise<Uint8Array | null> {
    const { bytesRead } = await readAt(this.#fd, this.#chunk, 0, CHUNK_LENGTH, this.#position);
    if (bytesRead === 0) return null;
    this.#position += bytesRead;
    return this.#chunk.subarray(0, bytesRead);
  }

  close(): void {}
}

/**
 * A pipe, a FIFO or a socket, by the event loop: a read that waits in the system could not be interrupted, and would
 * hold up even the end of the process.
 */
export class PipeSource implements ByteSource {
  readonly #socket: Socket;
  #ended = false;
  #error: Error | null = null;
  #wake: () => void = () => {};

  /** Takes the descriptor over. */
  constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: true, writable: false });
    this.#socket.on('readable', () => this.#wake());
    this.#socket.on('end', () => {
      this.#ended = true;
      this.#wake();
    });
    this.#socket.on('error', (error) => {
      this.#error = error;
      this.#wake();
    });
  }

  async read(interrupted: Interrupted): Promise<Uint8Array | null> {
    for (;;) {
      const chunk: unknown = this.#socket.read();
      if (chunk instanceof Uint8Array) return chunk;
      if (this.#error !== null) throw this.#error;
      if (this.#ended) return null;
      if (interrupted()) return NOTHING;
      await this.#somethingOrAWhile();
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #somethingOrAWhile(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ASK_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
