/** One VM's pcapng file. A failed write (a full disk) ends this file and leaves the replay running. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { createPcapngWriter, PACKET_INBOUND, type PcapngWriter } from '@vmq/capture';
import { systemMessage } from '../exit-code.ts';

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

export class VmOutput {
  readonly path: string;
  /** Why the file is incomplete, or null. */
  failure: string | null = null;
  packets = 0;
  #fd: number;
  readonly #writer: PcapngWriter;

  /** Throws Node's error if the file cannot be opened; an existing one is overwritten. */
  constructor(path: string, vm: { readonly name: string; readonly mac: string; readonly vlan: number }) {
    this.path = path;
    this.#fd = openSync(path, 'w');
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

  close(): void {
    if (this.#fd < 0) return;
    this.#writer.close();
    try {
      closeSync(this.#fd);
    } catch (error) {
      this.failure ??= systemMessage(error);
    }
    this.#fd = -1;
  }

  #write(bytes: Uint8Array): void {
    if (this.failure !== null) return;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    } catch (error) {
      this.failure = systemMessage(error);
    }
  }
}
