/**
 * What somebody on the wire may ask a VM that answers: an ARP request to all, and an ICMP echo request to its address. Bytes
 * are written here and not with `@vmq/wire`, by which guests read them.
 */
import { vmAddress, vmMac } from '../steps/simulation-config.ts';

const ETHERNET = 14;
/** The shortest frame of a wire. */
const LEAST = 60;
const ECHO_PAYLOAD = 32;
/** 10.0.0.254 */
const ASKER = [10, 0, 0, 254];

export const ARP_TYPE = 0x0806;
export const IPV4_TYPE = 0x0800;

export class Questions {
  readonly bytes: Uint8Array = new Uint8Array(128);
  readonly #from: Uint8Array;

  /** `from`: six bytes, the asker's address. */
  constructor(from: Uint8Array) {
    this.#from = from;
  }

  /** Who has VM `number`'s address? Returns the frame's length. */
  arp(number: number): number {
    this.#begin([255, 255, 255, 255, 255, 255], ARP_TYPE);
    const { bytes } = this;
    bytes.set([0, 1, 8, 0, 6, 4, 0, 1], ETHERNET);
    bytes.set(this.#from, ETHERNET + 8);
    bytes.set(ASKER, ETHERNET + 14);
    bytes.set(ipv4(number), ETHERNET + 24);
    return LEAST;
  }

  /** Is VM `number` there? */
  echo(number: number): number {
    this.#begin(hardware(number), IPV4_TYPE);
    const { bytes } = this;
    const total = 20 + 8 + ECHO_PAYLOAD;
    bytes.set([0x45, 0, 0, total, 0, 1, 0, 0, 64, 1, 0, 0, ...ASKER, ...ipv4(number)], ETHERNET);
    this.#sum(ETHERNET, 20, ETHERNET + 10);
    const icmp = ETHERNET + 20;
    bytes.set([8, 0, 0, 0, 0, 7, 0, 9], icmp);
    for (let i = 0; i < ECHO_PAYLOAD; i++) bytes[icmp + 8 + i] = i;
    this.#sum(icmp, 8 + ECHO_PAYLOAD, icmp + 2);
    return ETHERNET + total;
  }

  /** The same frame with a tag, unless `tci` is 0; its new length. */
  tagged(length: number, tci: number): number {
    if (tci === 0) return length;
    this.bytes.copyWithin(16, 12, length);
    this.bytes.set([0x81, 0, tci >> 8, tci & 0xff], 12);
    return length + 4;
  }

  #begin(to: readonly number[], type: number): void {
    this.bytes.fill(0);
    this.bytes.set(to, 0);
    this.bytes.set(this.#from, 6);
    this.bytes.set([type >> 8, type & 0xff], 12);
  }

  /** The internet checksum of an even number of bytes, to where it belongs. */
  #sum(from: number, length: number, to: number): void {
    let sum = 0;
    for (let at = from; at < from + length; at += 2) sum += (this.bytes[at] << 8) | this.bytes[at + 1];
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    this.bytes[to] = ~sum >> 8;
    this.bytes[to + 1] = ~sum;
  }
}

/** True for an answer to one of these questions: an ARP reply, or an echo reply, behind a header without a tag. */
export function isAnswer(bytes: Uint8Array, offset: number, type: number): boolean {
  const at = offset + ETHERNET;
  if (type === ARP_TYPE) return bytes[at + 7] === 2;
  return type === IPV4_TYPE && bytes[at + 9] === 1 && bytes[at + 20] === 0;
}

const ipv4 = (number: number): number[] => vmAddress(number).split('.').map(Number);
const hardware = (number: number): number[] =>
  vmMac(number)
    .split('-')
    .map((pair) => Number.parseInt(pair, 16));
