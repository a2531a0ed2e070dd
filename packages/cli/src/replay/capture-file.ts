/** A capture file, read in chunks of 1 MiB: one packet at a time, one chunk in memory. */
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { type CapturedPacket, type CaptureReader, createCaptureReader } from '@vmq/capture';
import { CannotRun, systemMessage } from '../exit-code.ts';

const CHUNK_LENGTH = 1 << 20;

/** What ended the file too early. */
export interface CaptureFault {
  /** A code of `@vmq/capture`, or `read-error`. */
  readonly code: string;
  readonly fileOffset: number;
  readonly message: string;
}

export class CaptureFile {
  readonly path: string;
  /** Bytes; 0 for a pipe. */
  readonly size: number;
  /** A regular file: it can be read twice. */
  readonly seekable: boolean;
  /** Device and inode, to tell whether an output would overwrite it. */
  readonly identity: string;
  bytesRead = 0;
  fault: CaptureFault | null = null;
  readonly #fd: number;
  readonly #reader: CaptureReader = createCaptureReader();
  readonly #chunk: Uint8Array = new Uint8Array(CHUNK_LENGTH);
  #ended = false;

  /** Throws {@link CannotRun} if the file cannot be opened. */
  constructor(path: string) {
    let stats: Stats;
    try {
      this.#fd = openSync(path, 'r');
      stats = fstatSync(this.#fd);
    } catch (error) {
      throw new CannotRun(`${path}: ${systemMessage(error)}`);
    }
    if (stats.isDirectory()) {
      closeSync(this.#fd);
      throw new CannotRun(`${path}: expected a pcap or pcapng file, found a directory`);
    }
    this.path = path;
    this.seekable = stats.isFile();
    this.size = this.seekable ? stats.size : 0;
    this.identity = `${stats.dev}:${stats.ino}`;
  }

  /** Packets delivered so far: the frame number of the last one. */
  get frames(): number {
    return this.#reader.packetCount;
  }

  /** The next packet, valid until the next call; null at the end, and then {@link fault} says if it is a proper one. */
  next(): CapturedPacket | null {
    for (;;) {
      const packet = this.#reader.next();
      if (packet !== null) return packet;
      if (this.#ended || !this.#fill()) return null;
    }
  }

  /** Bytes of frame check sequence that this packet carries at its end. */
  checkSequenceLength(packet: CapturedPacket): number {
    return this.#reader.interfaces[packet.interfaceId]?.fcsLength ?? 0;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #fill(): boolean {
    let length = 0;
    if (this.#reader.error === null) {
      try {
        length = readSync(this.#fd, this.#chunk, 0, CHUNK_LENGTH, null);
      } catch (error) {
        this.#ended = true;
        const message = `byte ${this.bytesRead}: ${systemMessage(error)}`;
        this.fault = { code: 'read-error', fileOffset: this.bytesRead, message };
        return false;
      }
    }
    if (length === 0) {
      this.#ended = true;
      this.fault = this.#reader.end();
      return false;
    }
    this.bytesRead += length;
    return this.#reader.push(this.#chunk.subarray(0, length));
  }
}

/** The fault's text without the place, for lines that name the place themselves. */
export function faultText(fault: CaptureFault): string {
  return fault.message.replace(/^byte \d+: /, '');
}
