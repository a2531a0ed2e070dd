/**
 * One VM's pcapng file. It is written beside its place and put there at the end, so that what was there before stays
 * whole until then, whatever happens. A failed write (a full disk) ends this file and leaves the replay running.
 */
import { closeSync, fsyncSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { createPcapngWriter, PACKET_INBOUND, type PcapngWriter } from '@vmq/capture';
import { systemMessage } from '../process/exit-code.ts';

/** One packet to write. */
export interface VmPacket {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly length: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly queue: number;
  readonly comments: readonly string[];
}

export interface OutputVm {
  readonly name: string;
  readonly mac: string;
  readonly vlan: number;
}

export class VmOutput {
  /** Where it comes to be. */
  readonly path: string;
  readonly vm: string;
  /** Why there is no file, or null. */
  failure: string | null = null;
  packets = 0;
  bytes = 0;
  readonly #part: string;
  #fd: number;
  readonly #writer: PcapngWriter;

  /** Throws Node's error if `part`, which must not exist, cannot be made. */
  constructor(path: string, part: string, vm: OutputVm) {
    this.path = path;
    this.vm = vm.name;
    this.#part = part;
    this.#fd = openSync(part, 'wx');
    this.#writer = createPcapngWriter({
      sink: { write: (bytes) => this.#write(bytes) },
      userApplication: 'vmq replay',
    });
    const place = vm.vlan === 0 ? 'untagged' : `VLAN ${vm.vlan}`;
    this.#writer.addInterface({ name: vm.name, description: `${vm.mac}, ${place}` });
  }

  write(packet: VmPacket): void {
    if (this.failure !== null) return;
    this.#writer.writePacket({
      bytes: packet.bytes,
      offset: packet.offset,
      capturedLength: packet.length,
      seconds: packet.seconds,
      nanoseconds: packet.nanoseconds,
      flags: PACKET_INBOUND,
      queue: packet.queue,
      comments: packet.comments,
    });
    this.packets++;
  }

  /** Writes what is left. `durable`: so that even a power failure leaves it whole. */
  finish(durable: boolean): void {
    if (this.#fd < 0) return;
    this.#writer.close();
    if (this.failure !== null) return;
    this.#try(() => {
      if (durable) fsyncSync(this.#fd);
      closeSync(this.#fd);
      this.#fd = -1;
    });
  }

  /** Puts the finished file in its place. */
  place(): void {
    if (this.failure === null) this.#try(() => renameSync(this.#part, this.path));
  }

  /** No file comes of it. */
  abandon(reason: string): void {
    this.failure ??= reason;
    try {
      if (this.#fd >= 0) closeSync(this.#fd);
      this.#fd = -1;
      unlinkSync(this.#part);
    } catch {
      // It is in its place, or gone already; the next run looks for what is left.
    }
  }

  #write(bytes: Uint8Array): void {
    if (this.failure !== null) return;
    this.#try(() => {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
      this.bytes += bytes.length;
    });
  }

  /** What fails gives its room back at once: others may need it. */
  #try(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.abandon(systemMessage(error));
    }
  }
}
