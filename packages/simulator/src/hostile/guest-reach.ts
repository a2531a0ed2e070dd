/**
 * All that a guest can reach, and so all that a hostile one has: its own partition's memory, the signal of its channel,
 * and the hypercalls. Nothing here checks anything.
 */
import { createRandom, type Machine, type MemorySegment, type Random } from '@vmq/machine';
import type { GuestLayout } from '@vmq/netvsc';
import { MessageSlots } from '@vmq/vmbus';
import { GuestRing } from './guest-ring.ts';

/** Packet types. */
export const INBAND = 6;
export const TRANSFER_PAGES = 7;
export const COMPLETION = 11;
/** NVSP messages. */
export const SEND_RNDIS_PKT = 107;
export const SEND_RNDIS_PKT_COMPLETE = 108;
/** Kinds of SEND_RNDIS_PKT. @public (both are written down) */
export const DATA = 0;
export const CONTROL = 1;
/** Bytes of a packet with an NVSP message, trailer included. */
export const PACKET_BYTES = 56;
/** Words of the driver's page (vmbus/guest-driver-page): the size of its send sections, its MAC address. */
const DRIVER_SEND_SIZE = 4;
const DRIVER_MAC = 6;

/** What a packet says of itself, where that is not what it is. */
export interface PacketClaims {
  readonly dataOffset8?: number;
  readonly length8?: number;
  readonly flags?: number;
  /** Transaction id. */
  readonly low?: number;
  readonly high?: number;
}

/** A message of the host: its transaction id, NVSP kind, and the byte offsets of its sections. */
export interface HostMessage {
  readonly low: number;
  readonly high: number;
  readonly kind: number;
  readonly sections: readonly number[];
}

export interface GuestReachOptions {
  readonly machine: Machine;
  readonly segment: number;
  readonly messages: SharedArrayBuffer;
  readonly layout: GuestLayout;
  readonly seed: number;
}

export class GuestReach {
  readonly memory: MemorySegment;
  readonly layout: GuestLayout;
  readonly random: Random;
  /** Guest to host, and host to guest. */
  readonly toHost: GuestRing;
  readonly toGuest: GuestRing;
  /** Hypercalls: `post` asks, `take` gets what the host has said. */
  readonly hypercalls: MessageSlots;
  /** Bytes of a send section. */
  sectionBytes: number;
  readonly #machine: Machine;

  constructor({ machine, segment, messages, layout, seed }: GuestReachOptions) {
    this.#machine = machine;
    this.memory = machine.memory.segment(segment);
    this.layout = layout;
    this.random = createRandom(seed);
    this.toHost = new GuestRing(this.memory, layout.rings, layout.ringBytes);
    this.toGuest = new GuestRing(this.memory, layout.rings + layout.downstream, layout.ringBytes);
    this.hypercalls = new MessageSlots(messages, 'guest');
    this.sectionBytes = this.#driverWord(DRIVER_SEND_SIZE);
  }

  #driverWord(word: number): number {
    return this.memory.i32[(this.layout.driver >>> 2) + word];
  }

  /** The address the host has told the driver. */
  get mac(): Uint8Array {
    const at = this.layout.driver + DRIVER_MAC * 4;
    return this.memory.u8.slice(at, at + 6);
  }

  /** Interrupts the processor that looks after the channel. */
  signal(): void {
    this.hypercalls.signalHost(this.#machine.interrupts);
  }

  /** A word anywhere in a range of its memory, byte offsets. */
  scribble(from: number, bytes: number, value: number): void {
    this.memory.i32[(from + this.random.below(bytes)) >>> 2] = value;
  }

  // --- rings ----------------------------------------------------------------------------------------------

  /** Writes a packet and shows it to the host, whether it fits or not. */
  packet(type: number, payload: readonly number[], claims: PacketClaims = {}): void {
    const ring = this.toHost;
    const start = ring.writeIndex;
    const padded = payload.length + (payload.length & 1);
    const { dataOffset8 = 2, length8 = 2 + padded / 2, flags = 1, low = 0, high = 0 } = claims;
    const words = [type | (dataOffset8 << 16), (length8 & 0xffff) | (flags << 16), low, high, ...payload];
    if (padded !== payload.length) words.push(0);
    ring.writeIndex = ring.write(start, [...words, 0, start]);
  }

  /** SEND_RNDIS_PKT. */
  send(kind: number, section: number, size: number): void {
    this.packet(INBAND, [SEND_RNDIS_PKT, kind, section, size, 0, 0, 0, 0]);
  }

  complete(low: number, high: number): void {
    this.packet(COMPLETION, [SEND_RNDIS_PKT_COMPLETE, 1, 0, 0, 0, 0, 0, 0], { low, high, flags: 0 });
  }

  /**
   * Reads what the host has sent; answers to its own messages are passed over. With indexes that an attack has spoilt it
   * reads anything, but no more than the ring once around.
   */
  read(): HostMessage[] {
    const ring = this.toGuest;
    const messages: HostMessage[] = [];
    const { ringBytes } = this.layout;
    let read = ring.readIndex;
    for (let passed = 0; read !== ring.writeIndex && passed < ringBytes; ) {
      const type = ring.word(read) & 0xffff;
      const offset = (ring.word(read) >>> 16) << 3;
      const length = (ring.word(read + 4) & 0xffff) << 3;
      if (type === TRANSFER_PAGES) {
        const ranges = Math.min(ring.word(read + 20), ringBytes >>> 3);
        const sections = Array.from({ length: ranges }, (_, i) => ring.word(read + 24 + i * 8 + 4));
        const kind = ring.word(read + offset + 4);
        messages.push({ low: ring.word(read + 8), high: ring.word(read + 12), kind, sections });
      }
      read = ring.after(read, length + 8);
      passed += length + 8;
    }
    ring.readIndex = read;
    return messages;
  }

  /** Reads and completes, as a driver does. */
  serve(): void {
    for (const { low, high } of this.read()) {
      if (this.toHost.room < PACKET_BYTES) return;
      this.complete(low, high);
    }
  }

  // --- the send buffer ------------------------------------------------------------------------------------

  /** Byte offset of a send section in its memory. */
  section(index: number): number {
    return this.layout.send + index * this.sectionBytes;
  }

  /** Section `n`, around the end of the send buffer. */
  sectionNumber(n: number): number {
    return n % (this.lastSection + 1);
  }

  /** The last section there is, the 64th at most. */
  get lastSection(): number {
    return Math.min(64, Math.floor(this.layout.sendLength / this.sectionBytes)) - 1;
  }

  /** Words into a section from its start; the rest of the 64 bytes of header are zeroed. */
  header(section: number, words: readonly number[]): void {
    const at = this.section(section) >>> 2;
    for (let i = 0; i < 16; i++) this.memory.i32[at + i] = words[i] ?? 0;
  }

  /** A frame at its place in a section, with a type of its own and a number in every byte. */
  frame(section: number, length: number, destination: Uint8Array, source: Uint8Array, mark: number): void {
    const at = this.section(section) + 64;
    const { u8 } = this.memory;
    u8.fill(mark, at, at + length);
    u8.set(destination, at);
    u8.set(source, at + 6);
    u8.set([0x88, 0xb6], at + 12);
  }
}

/** Header words of a well-formed RNDIS_PACKET_MSG for a frame of `length` bytes at byte 64. */
export function goodHeader(length: number): number[] {
  return [1, 64 + length, 56, length, 0, 0, 0, 0, 0, 0, 0];
}

/** The same with an 802.1Q tag beside the frame. */
export function taggedHeader(length: number, vlan: number): number[] {
  return [1, 64 + length, 56, length, 0, 0, 0, 36, 16, 0, 0, 16, 6, 12, vlan << 4];
}
