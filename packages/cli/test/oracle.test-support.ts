/**
 * What a replay must give, worked out without the stack: a small reader of both formats and the delivery rule of an
 * access-port switch. Shares no code with what it judges.
 */
import { readFileSync } from 'node:fs';

export interface OraclePacket {
  readonly bytes: Buffer;
  readonly originalLength: number;
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  readonly comments: readonly string[];
  readonly queue: number | null;
  readonly flags: number | null;
}

export interface OracleVm {
  readonly name: string;
  /** Twelve hex digits, lower case. */
  readonly mac: string;
  readonly vlan: number;
}

export function readPackets(path: string): OraclePacket[] {
  const file = readFileSync(path);
  return file.readUInt32BE(0) === 0x0a0d0d0a ? readPcapng(file) : readPcap(file);
}

function readPcap(file: Buffer): OraclePacket[] {
  const magic = file.readUInt32BE(0);
  const big = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
  const u32 = (at: number) => (big ? file.readUInt32BE(at) : file.readUInt32LE(at));
  const nano = u32(0) === 0xa1b23c4d;
  const packets: OraclePacket[] = [];
  for (let at = 24; at < file.length; at += 16 + u32(at + 8)) {
    packets.push({
      bytes: file.subarray(at + 16, at + 16 + u32(at + 8)),
      originalLength: u32(at + 12),
      time: BigInt(u32(at)) * 1_000_000_000n + BigInt(u32(at + 4)) * (nano ? 1n : 1000n),
      comments: [],
      queue: null,
      flags: null,
    });
  }
  return packets;
}

/** Little-endian files with one section, as the committed captures and the outputs are. */
function readPcapng(file: Buffer): OraclePacket[] {
  const packets: OraclePacket[] = [];
  const perTick: bigint[] = [];
  for (let at = 0; at < file.length; at += file.readUInt32LE(at + 4)) {
    const type = file.readUInt32LE(at);
    const end = at + file.readUInt32LE(at + 4) - 4;
    if (type === 1) {
      let resolution = 6;
      eachOption(file, at + 16, end, (code, value) => {
        if (code === 9) resolution = value.readUInt8(0);
      });
      perTick.push(10n ** BigInt(9 - resolution));
    }
    if (type !== 6) continue;
    const captured = file.readUInt32LE(at + 20);
    const ticks = (BigInt(file.readUInt32LE(at + 12)) << 32n) | BigInt(file.readUInt32LE(at + 16));
    const comments: string[] = [];
    let queue: number | null = null;
    let flags: number | null = null;
    eachOption(file, at + 28 + ((captured + 3) & ~3), end, (code, value) => {
      if (code === 1) comments.push(value.toString('utf8'));
      if (code === 2) flags = value.readUInt32LE(0);
      if (code === 6) queue = value.readUInt32LE(0);
    });
    packets.push({
      bytes: file.subarray(at + 28, at + 28 + captured),
      originalLength: file.readUInt32LE(at + 24),
      time: ticks * perTick[file.readUInt32LE(at + 8)],
      comments,
      queue,
      flags,
    });
  }
  return packets;
}

function eachOption(
  file: Buffer,
  from: number,
  end: number,
  take: (code: number, value: Buffer) => void,
): void {
  for (let at = from; at + 4 <= end; ) {
    const code = file.readUInt16LE(at);
    const length = file.readUInt16LE(at + 2);
    if (code === 0) return;
    take(code, file.subarray(at + 4, at + 4 + length));
    at += 4 + ((length + 3) & ~3);
  }
}

const vlanOf = (bytes: Buffer): number =>
  bytes.length >= 18 && bytes.readUInt16BE(12) === 0x8100 ? bytes.readUInt16BE(14) & 0xfff : 0;

const withoutTag = (bytes: Buffer): Buffer =>
  bytes.length >= 18 && bytes.readUInt16BE(12) === 0x8100
    ? Buffer.concat([bytes.subarray(0, 12), bytes.subarray(16)])
    : bytes;

const sourceOf = (bytes: Buffer): string => bytes.subarray(6, 12).toString('hex');
const destinationOf = (bytes: Buffer): string => bytes.subarray(0, 6).toString('hex');
const isGroup = (bytes: Buffer): boolean => (bytes[0] & 1) !== 0;

/** The VM that had sent the frame, 'wire', or 'nobody' for an outbound one of an address that is no VM's. */
export function senderOf(
  { bytes, flags }: OraclePacket,
  vms: readonly OracleVm[],
): OracleVm | 'wire' | 'nobody' {
  const direction = (flags ?? 0) & 3;
  if (direction === 1) return 'wire';
  return vms.find(({ mac }) => mac === sourceOf(bytes)) ?? (direction === 2 ? 'nobody' : 'wire');
}

/** A frame as a VM must see it. */
export interface ExpectedFrame {
  readonly bytes: Buffer;
  readonly time: bigint;
  /** Name of the VM that sends it, '' for one from the wire. */
  readonly from: string;
}

/** The frames `vm` gets, in order, if VMs send those that they had sent. */
export function expectedFrom(
  vm: OracleVm,
  packets: readonly OraclePacket[],
  vms: readonly OracleVm[],
): ExpectedFrame[] {
  return packets.flatMap((packet) => {
    const sender = senderOf(packet, vms);
    if (sender === 'nobody' || sender === vm) return [];
    const from = sender === 'wire' ? '' : sender.name;
    return expectedFor(vm, [packet]).map((frame) => ({ ...frame, from }));
  });
}

/** Frames of VMs that leave the host: those that are not for one VM of the sender's VLAN alone. */
export function expectedOnWire(packets: readonly OraclePacket[], vms: readonly OracleVm[]): number {
  return packets.filter((packet) => {
    const sender = senderOf(packet, vms);
    if (typeof sender === 'string') return false;
    const { bytes } = packet;
    return (
      isGroup(bytes) || !vms.some(({ mac, vlan }) => mac === destinationOf(bytes) && vlan === sender.vlan)
    );
  }).length;
}

/** The frames `vm` gets, in order, as the bytes and times it must see, if all come from the wire. */
export function expectedFor(
  vm: OracleVm,
  packets: readonly OraclePacket[],
  maxFrame = 1514,
): { bytes: Buffer; time: bigint }[] {
  return packets
    .filter(({ bytes, originalLength }) => {
      if (bytes.length !== originalLength || bytes.length < 14) return false;
      if (withoutTag(bytes).length > maxFrame || vlanOf(bytes) !== vm.vlan) return false;
      return isGroup(bytes) || destinationOf(bytes) === vm.mac;
    })
    .map(({ bytes, time }) => ({ bytes: withoutTag(bytes), time }));
}

/**
 * The VMs a replay finds by itself, by first appearance, each in its most frequent VLAN. With directions: addresses that
 * send outbound frames, or get inbound ones and send none; without any: those of Hyper-V's range.
 */
export function expectedVms(packets: readonly OraclePacket[], count = 64): OracleVm[] {
  const seen = new Map<string, { frames: number; vlans: number[]; says: Set<string> }>();
  const note = (mac: string, vlan: number, what: string): void => {
    if ((Number.parseInt(mac.slice(0, 2), 16) & 1) !== 0) return;
    const entry = seen.get(mac) ?? { frames: 0, vlans: [], says: new Set() };
    seen.set(mac, entry);
    entry.frames++;
    entry.vlans[vlan] = (entry.vlans[vlan] ?? 0) + 1;
    entry.says.add(what);
  };
  const directed = packets.some(({ flags }) => ((flags ?? 0) & 3) !== 0);
  for (const { bytes, originalLength, flags } of packets) {
    if (bytes.length !== originalLength || bytes.length < 14) continue;
    const direction = ['?', 'in', 'out', '?'][(flags ?? 0) & 3];
    note(destinationOf(bytes), vlanOf(bytes), `${direction} to`);
    note(sourceOf(bytes), vlanOf(bytes), `${direction} from`);
  }
  const all = [...seen].filter(([mac, { says }]) =>
    directed ? says.has('out from') || (says.has('in to') && !says.has('in from')) : mac.startsWith('00155d'),
  );
  const most = new Set([...all].sort(([, x], [, y]) => y.frames - x.frames).slice(0, count));
  return all
    .filter((entry) => most.has(entry))
    .map(([mac, { vlans }], i) => {
      const best = Math.max(...vlans.filter((frames) => frames !== undefined));
      return { name: `vm${i + 1}`, mac, vlan: vlans.indexOf(best) };
    });
}
