/**
 * Marked frames, and the search for them: every byte of a frame's payload says for whom it is, so that a single byte
 * that lies where it should not is seen, and whose it was.
 *
 *   mark 0xa0 + n   unicast from the wire to VM n        0xc0 + n   what VM n sends
 *        0xb0 + n   broadcast in the VLAN of VM n        0xdX       for nobody here
 *
 *   section   | 64 header | 14 addresses | payload: own marks only | zero, or what an earlier frame of this VM left |
 */
import type { MemorySegment } from '@vmq/machine';
import { layoutGuest } from '@vmq/netvsc';
import { sizesOf } from '../../src/config/sizing.ts';
import {
  checkHostConfig,
  createHost,
  type Host,
  type HostConfigInput,
  type HostOptions,
} from '../../src/index.ts';

/** db and mail share a VLAN; mail has no queue of its own. */
export const VMS = [
  { name: 'web', mac: [0x00, 0x15, 0x5d, 0, 0, 1], vlan: 0, vmqWeight: 100 },
  { name: 'db', mac: [0x00, 0x15, 0x5d, 0, 0, 2], vlan: 100, vmqWeight: 100 },
  { name: 'mail', mac: [0x00, 0x15, 0x5d, 0, 0, 3], vlan: 100, vmqWeight: 0 },
  { name: 'app', mac: [0x00, 0x15, 0x5d, 0, 0, 4], vlan: 200, vmqWeight: 100 },
] as const;
export type Vm = (typeof VMS)[number];

export const STATION = [2, 0, 0, 0, 0, 9] as const;
export const BROADCAST = [255, 255, 255, 255, 255, 255] as const;
const ADDRESSES = 14;

export const unicastMark = (vm: Vm): number => 0xa0 + VMS.indexOf(vm);
export const broadcastMark = (vlan: number): number => 0xb0 + VMS.findIndex((vm) => vm.vlan === vlan);
export const sentMark = (vm: Vm): number => 0xc0 + VMS.indexOf(vm);
export const STRAY_MARK = 0xd7;
const isMark = (byte: number): boolean => byte >= 0xa0 && byte <= 0xdf;

/** A frame whose payload is nothing but `mark`. */
export function marked(
  to: readonly number[],
  from: readonly number[],
  mark: number,
  length: number,
  vlan: number = 0,
): Uint8Array {
  const tag = vlan === 0 ? [] : [0x81, 0x00, vlan >> 8, vlan & 255];
  const bytes = new Uint8Array(length + tag.length).fill(mark);
  bytes.set([...to, ...from, ...tag, 0x88, 0xb6], 0);
  return bytes;
}

export function hostOf(input: HostConfigInput, options: HostOptions = {}): Host {
  const vms = VMS.map(({ name, mac, vlan, vmqWeight }) => ({ name, mac: macText(mac), vlan, vmqWeight }));
  const checked = checkHostConfig({ processors: 2, nic: { receiveBuffers: 32 }, vms, ...input });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return createHost(checked.config, { record: true, ...options });
}

export const macText = (mac: readonly number[]): string =>
  mac.map((byte) => byte.toString(16).padStart(2, '0')).join('-');

export const memoryOf = (host: Host, name: string): MemorySegment => host.guestMemory(name);

/** Puts frames on the wire, in windows, and lets the host come to rest after each. */
export function deliver(host: Host, frames: readonly Uint8Array[]): void {
  for (let i = 0; i < frames.length; i += host.window) {
    for (const bytes of frames.slice(i, i + host.window)) host.wire.send(bytes, 0, bytes.length);
    host.wire.flush();
    host.runUntilIdle();
  }
}

/** What a VM has received, as its driver saw it. */
export function received(host: Host, name: string): Uint8Array[] {
  const frames: Uint8Array[] = [];
  host.takeReceived(name, ({ bytes, offset, length }) => frames.push(bytes.slice(offset, offset + length)));
  return frames;
}

/** Marks that may lie in the memory of a VM. */
export function marksAllowed(vm: Vm): Set<number> {
  const peers = VMS.filter(({ vlan }) => vlan === vm.vlan);
  return new Set([unicastMark(vm), broadcastMark(vm.vlan), ...peers.map(sentMark)]);
}

/** Where the sections of a VM's receive buffer lie in its memory. */
export function receiveSections(host: Host): { start: number; size: number; count: number } {
  const { receive, receiveLength } = layoutGuest(sizesOf(host.config).guest);
  const size = Math.max(2112, (host.config.nic.jumboPacket + 64 + 63) & ~63);
  return { start: receive, size, count: Math.floor(receiveLength / size) };
}

/**
 * What lies in the memory of `vm` and must not: foreign bytes where frames lie in its receive buffer, one by one, and
 * runs of four anywhere else.
 */
export function findForeign(host: Host, vm: Vm): string[] {
  const { u8 } = memoryOf(host, vm.name);
  const allowed = marksAllowed(vm);
  const sections = receiveSections(host);
  const found: string[] = [];
  const foreign = (byte: number): boolean => isMark(byte) && !allowed.has(byte);
  for (let section = 0; section < sections.count; section++) {
    const start = sections.start + section * sections.size;
    for (let at = start + 64 + ADDRESSES; at < start + sections.size; at++) {
      if (foreign(u8[at])) found.push(`section ${section} +${at - start}: ${u8[at]?.toString(16)}`);
    }
  }
  const word = new Uint8Array(4);
  const whole = Buffer.from(u8.buffer, u8.byteOffset, u8.byteLength);
  for (let mark = 0xa0; mark <= 0xdf; mark++) {
    if (allowed.has(mark)) continue;
    const at = whole.indexOf(word.fill(mark));
    if (at >= 0) found.push(`byte ${at}: a run of ${mark.toString(16)}`);
  }
  return found;
}
