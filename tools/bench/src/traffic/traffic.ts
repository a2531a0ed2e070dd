// A host to send the trace to, and the trace on its wire.
import { checkHostConfig, createHost, type Host, type HostOptions } from '@vmq/host';
import { deterministic } from './deterministic.ts';
import { type Features, optionsOf, switchOn } from './features.ts';
import { PreparedRing, prepareRing } from './prepared-ring.ts';
import { createRandom, FRAMES, IMIX, macOf, macText, UNKNOWN_EVERY, vlanOf } from './trace.ts';

/** Bytes by which a frame with a tag begins behind a 64-byte boundary, as the wire port of a host puts it. */
const SHIFT = 4;

/** Bytes from one prepared frame to the next. */
const strideOf = (size: string): number => (size === 'imix' ? 1536 : (Number(size) + SHIFT + 63) & ~63);

export interface BenchHostParameters {
  /** Of the frames: bytes, or `imix`. */
  readonly size: string;
  readonly vms: number;
  readonly config?: object;
  readonly options?: HostOptions;
  readonly vlan?: (vm: number) => number;
  /** Of the wire's ring. */
  readonly slots?: number;
  /** What is switched on beside the plain case. */
  readonly features?: Features;
}

/**
 * A host with `vms` VMs of the trace, and room for the trace on its wire. The yardstick copies the frames that are for
 * nobody too: here VM 0 allows MAC spoofing and so takes unknown addresses of its VLAN (none) over the default queue
 * and the switch's software lookup; those of other VLANs are looked up and dropped with a counter.
 */
export function createBenchHost({
  size,
  vms,
  config = {},
  options = {},
  vlan = vlanOf,
  slots = FRAMES,
  features = {},
}: BenchHostParameters): Host {
  const checked = checkHostConfig({
    processors: 1,
    ...config,
    vms: Array.from({ length: vms }, (_, vm) => ({
      name: `vm${vm}`,
      mac: macText(macOf(vm)),
      vlan: vlan(vm),
      allowMacSpoofing: vm === 0,
    })),
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const host = createHost(checked.config, {
    wire: { slots, dataBytes: FRAMES * strideOf(size) },
    ...optionsOf(features),
    ...options,
  });
  switchOn(host, features, vms);
  return host;
}

export interface TraceParameters {
  readonly size: string;
  readonly vms: number;
  /** One in so many frames is for nobody; 0: none. */
  readonly unknownEvery?: number;
  readonly vlan?: (vm: number) => number;
  /** Frames are UDP over IPv4 with right checksums instead of random bytes. */
  readonly udp?: boolean;
}

/** The trace as it lies on the wire. */
export interface Trace {
  readonly vms: number;
  readonly offsets: Int32Array;
  readonly lengths: Int32Array;
  /** The VM that gets the frame, -1 for nobody. */
  readonly receiver: Int32Array;
}

/** Writes the trace into the wire's data area and the entries of its ring. */
export function prepareTrace(
  host: Host,
  { size, vms, unknownEvery = UNKNOWN_EVERY, vlan: vlanFor = vlanOf, udp = false }: TraceParameters,
): Trace {
  const { producer } = host.wire;
  const random = createRandom();
  const stride = strideOf(size);
  const lengths = new Int32Array(FRAMES);
  const offsets = new Int32Array(FRAMES);
  const receiver = new Int32Array(FRAMES);
  for (let i = 0; i < FRAMES; i++) {
    const vm = random() % vms;
    const length = size === 'imix' ? IMIX[random() % IMIX.length] : Number(size);
    const vlan = vlanFor(vm);
    const at = producer.dataStart + i * stride + (vlan ? SHIFT : 0);
    for (let j = 12; j < length; j++) producer.u8[at + j] = random();
    producer.u8.set(macOf(vm), at);
    const chance = random();
    const unknown = unknownEvery > 0 && chance % unknownEvery === 0;
    if (unknown) producer.u8[at + 5] = 0xee;
    producer.u8.set([2, 0, 0, 0, 0, i & 255], at + 6);
    producer.u8.set(vlan ? [0x81, 0, vlan >> 8, vlan & 255] : [8, 0], at + 12);
    if (udp) writeUdp(producer.u8, vlan ? at + 16 : at + 12, at + length);
    offsets[i] = at;
    lengths[i] = length;
    receiver[i] = !unknown ? vm : vlan === 0 ? 0 : -1;
  }
  // The ring may be a part of the trace, or the trace several times over.
  for (let i = 0; i < producer.slots; i++)
    producer.commitReference(offsets[i % FRAMES], lengths[i % FRAMES], 0);
  prepareRing(producer);
  return { vms, offsets, lengths, receiver };
}

/** From the EtherType at `at` on: a UDP datagram over IPv4 up to `end`, whose bytes stay, with right checksums. */
function writeUdp(u8: Uint8Array, at: number, end: number): void {
  const ip = at + 2;
  const udp = ip + 20;
  const total = end - ip;
  u8.set([8, 0, 0x45, 0, total >> 8, total & 255, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], at);
  putWord(u8, ip + 10, ~sum(u8, ip, udp, 0));
  u8.set([0, 1, 0, 2, (total - 20) >> 8, (total - 20) & 255, 0, 0], udp);
  putWord(u8, udp + 6, ~sum(u8, ip + 12, end, 17 + total - 20) || 0xffff);
}

function putWord(u8: Uint8Array, at: number, word: number): void {
  u8[at] = word >> 8;
  u8[at + 1] = word;
}

/** The Internet checksum's sum of the bytes from `at` to `end`. */
function sum(u8: Uint8Array, at: number, end: number, before: number): number {
  let words = before;
  for (let i = at; i < end; i += 2) words += (u8[i] << 8) | (i + 1 < end ? u8[i + 1] : 0);
  while (words > 0xffff) words = (words & 0xffff) + (words >>> 16);
  return words;
}

/** The prepared trace of `host`, to be offered round and round. */
export function createTraceSource(host: Host): PreparedRing {
  const nic = host.machine.agent('nic');
  return new PreparedRing(host.wire.producer.words, () => host.machine.board.wake(nic));
}

/** Turns of agents so far. */
export const turnsOf = (host: Host): number => deterministic(host.executor).turns;

/** How many of the frames `from` … `to` - 1 of the endless trace each VM gets; the last element: nobody. */
export function expectedDeliveries({ receiver, vms }: Trace, from: number, to: number): Float64Array {
  const whole = new Float64Array(vms + 1);
  for (let i = 0; i < FRAMES; i++) whole[receiver[i] < 0 ? vms : receiver[i]]++;
  const upTo = (n: number): Float64Array => {
    const counts = whole.map((count) => count * Math.floor(n / FRAMES));
    for (let i = 0; i < n % FRAMES; i++) counts[receiver[i] < 0 ? vms : receiver[i]]++;
    return counts;
  };
  const before = upTo(from);
  return upTo(to).map((count, i) => count - before[i]);
}

/** The fraction of all deliveries that each VM gets. */
export function expectedShares(trace: Trace): Float64Array {
  const counts = expectedDeliveries(trace, 0, FRAMES).subarray(0, trace.vms);
  const all = counts.reduce((total, count) => total + count, 0);
  return counts.map((count) => count / all);
}
