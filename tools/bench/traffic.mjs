// A host to send the trace to, and the trace on its wire.
import { checkHostConfig, createHost } from '../../packages/host/dist/index.js';
import { PreparedRing, prepareRing } from './prepared-ring.mjs';
import { createRandom, FRAMES, IMIX, macOf, macText, UNKNOWN_EVERY, vlanOf } from './trace.mjs';

/** Bytes from one prepared frame to the next. */
const strideOf = (size) => (size === 'imix' ? 1536 : (Number(size) + SHIFT + 63) & ~63);

/** Bytes by which a frame with a tag begins behind a 64-byte boundary, as the wire port of a host puts it. */
const SHIFT = 4;

/**
 * A host with `vms` VMs of the trace, and room for the trace on its wire. The yardstick copies the frames that are for
 * nobody too: here VM 0 allows MAC spoofing and so takes unknown addresses of its VLAN (none) over the default queue
 * and the switch's software lookup; those of other VLANs are looked up and dropped with a counter.
 */
export function createBenchHost({ size, vms, config = {}, options = {}, vlan = vlanOf, slots = FRAMES }) {
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
  return createHost(checked.config, {
    wire: { slots, dataBytes: FRAMES * strideOf(size) },
    ...options,
  });
}

/** Writes the trace into the wire's data area and the entries of its ring. `unknownEvery` 0: no frame is for nobody. */
export function prepareTrace(host, { size, vms, unknownEvery = UNKNOWN_EVERY, vlan: vlanFor = vlanOf }) {
  const { producer } = host.wire;
  const random = createRandom();
  const stride = strideOf(size);
  const lengths = new Int32Array(FRAMES);
  const offsets = new Int32Array(FRAMES);
  /** The VM that gets the frame, -1 for nobody. */
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
    offsets[i] = at;
    lengths[i] = length;
    receiver[i] = !unknown ? vm : vlan === 0 ? 0 : -1;
  }
  // The ring may be a part of the trace, or the trace several times over.
  for (let i = 0; i < producer.slots; i++)
    producer.commitReference(offsets[i % FRAMES], lengths[i % FRAMES], 0);
  prepareRing(producer);
  return { size, vms, offsets, lengths, receiver, stride };
}

/** The prepared trace of `host`, to be offered round and round. */
export function createTraceSource(host) {
  const nic = host.machine.agent('nic');
  return new PreparedRing(host.wire.producer.words, () => host.machine.board.wake(nic));
}

/** How many of the frames `from` … `to` - 1 of the endless trace each VM gets; the last element: nobody. */
export function expectedDeliveries({ receiver, vms }, from, to) {
  const whole = new Float64Array(vms + 1);
  for (let i = 0; i < FRAMES; i++) whole[receiver[i] < 0 ? vms : receiver[i]]++;
  const upTo = (n) => {
    const counts = whole.map((count) => count * Math.floor(n / FRAMES));
    for (let i = 0; i < n % FRAMES; i++) counts[receiver[i] < 0 ? vms : receiver[i]]++;
    return counts;
  };
  const before = upTo(from);
  return upTo(to).map((count, i) => count - before[i]);
}

/** The fraction of all deliveries that each VM gets. */
export function expectedShares(trace) {
  const counts = expectedDeliveries(trace, 0, FRAMES).subarray(0, trace.vms);
  const sum = counts.reduce((total, count) => total + count, 0);
  return counts.map((count) => count / sum);
}
