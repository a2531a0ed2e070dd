/** Captures for tests, byte by byte and apart from @vmq/capture, so that the two cannot be wrong together. */

/** Little-endian pcap with microseconds. */
export function pcapHeader(linkType = 1, snapLength = 262_144): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(snapLength, 16);
  header.writeUInt32LE(linkType, 20);
  return header;
}

export function pcapRecord(
  bytes: Uint8Array,
  originalLength = bytes.length,
  seconds = 1,
  micros = 0,
): Buffer {
  const record = Buffer.alloc(16 + bytes.length);
  record.writeUInt32LE(seconds, 0);
  record.writeUInt32LE(micros, 4);
  record.writeUInt32LE(bytes.length, 8);
  record.writeUInt32LE(originalLength, 12);
  record.set(bytes, 16);
  return record;
}

export function pcap(...frames: readonly Uint8Array[]): Buffer {
  return Buffer.concat([
    pcapHeader(),
    ...frames.map((frame, i) => pcapRecord(frame, frame.length, 1 + i, i)),
  ]);
}

export interface FrameParts {
  readonly destination: string;
  readonly source?: string;
  /** 802.1Q VLAN id; no tag without it. */
  readonly vlan?: number;
  readonly priority?: number;
  readonly length?: number;
  /** First byte of the payload, to tell frames apart. */
  readonly mark?: number;
}

export const VM1 = '00155d0a0001';
export const VM2 = '00155d0a0002';
export const PEER = '02005e0a0021';
export const BROADCAST = 'ffffffffffff';

/** An Ethernet frame of `length` bytes in all, EtherType 0x88b5 (local experiments). */
export function frame(parts: FrameParts): Buffer {
  const { destination, source = PEER, vlan, priority = 0, length = 60, mark = 0 } = parts;
  const tag = vlan === undefined ? '' : `8100${((priority << 13) | vlan).toString(16).padStart(4, '0')}`;
  const bytes = Buffer.alloc(length, 0x5a);
  const header = Buffer.from(`${destination}${source}${tag}88b5`, 'hex');
  header.copy(bytes);
  if (length > header.length) bytes[header.length] = mark;
  return bytes;
}

/** ICMP echo request, 192.0.2.1 > 192.0.2.2. */
export function echoRequest(destination: string, source: string): Buffer {
  const bytes = frame({ destination, source });
  bytes.write('0800', 12, 'hex');
  bytes.write('4500001c000000004001', 14, 'hex');
  bytes.write('0000c0000201c0000202', 24, 'hex');
  bytes.writeUInt16BE(ipChecksum(bytes.subarray(14, 34)), 24);
  bytes.write('0800f7ff00000000', 34, 'hex');
  return bytes;
}

function ipChecksum(header: Buffer): number {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += header.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
