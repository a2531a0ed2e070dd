// The traffic of the benchmark: the yardstick's trace, and a host to send it to.
//
// 4096 prepared frames with random contents, for VMs chosen at random. Every second VM is in a VLAN of its own, and
// its frames are tagged; 1 frame in 32 is for an address that no VM has. IMIX: 7 × 64, 4 × 590, 1 × 1514 bytes.
import { checkHostConfig, createHost } from '../../packages/host/dist/index.js';

export const FRAMES = 4096;
const IMIX = [64, 64, 64, 64, 64, 64, 64, 590, 590, 590, 590, 1514];
/** Word of a frame ring's header that shows how many frames the producer has given; see machine/frame-ring. */
const TAIL_WORD = 16;

/** The yardstick's generator (xorshift32), so that both sides see the same sequence. */
export function createRandom(seed = 0x2545f491) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

export function macOf(vm) {
  const hash = Math.imul(vm + 1, 2654435761) >>> 0;
  return [0x02, 0x15, 0x5d, hash >>> 24, (hash >>> 16) & 255, vm];
}

export const macText = (bytes) => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('-');

export const vlanOf = (vm) => (vm & 1 ? 100 + vm : 0);

/** Bytes from one prepared frame to the next. */
const strideOf = (size) => (size === 'imix' ? 1536 : (Number(size) + 63) & ~63);

/**
 * A host with `vms` VMs of the trace, and room for the trace on its wire. The yardstick copies the frames that are for
 * nobody too: here VM 0 allows MAC spoofing and so takes unknown addresses of its VLAN (none) over the default queue
 * and the switch's software lookup; those of other VLANs are looked up and dropped with a counter.
 */
export function createBenchHost({ size, vms, config = {}, options = {}, vlan = vlanOf }) {
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
    wire: { slots: FRAMES, dataBytes: FRAMES * strideOf(size) },
    ...options,
  });
}

/**
 * Writes the trace into the wire's data area and every entry of its ring, once: from then on, offering n frames is
 * moving the ring's tail by n. The generator takes no part of the measured time then, as in the yardstick.
 */
export function prepareTrace(host, { size, vms }) {
  const { producer } = host.wire;
  if (producer.slots !== FRAMES) throw new Error(`the wire has ${producer.slots} slots, need ${FRAMES}`);
  const random = createRandom();
  const stride = strideOf(size);
  const lengths = new Int32Array(FRAMES);
  const offsets = new Int32Array(FRAMES);
  /** The VM that gets the frame, -1 for nobody. */
  const receiver = new Int32Array(FRAMES);
  for (let i = 0; i < FRAMES; i++) {
    const vm = random() % vms;
    const length = size === 'imix' ? IMIX[random() % IMIX.length] : Number(size);
    const at = producer.dataStart + i * stride;
    for (let j = 12; j < length; j++) producer.u8[at + j] = random();
    producer.u8.set(macOf(vm), at);
    const unknown = (random() & 31) === 0;
    if (unknown) producer.u8[at + 5] = 0xee;
    producer.u8.set([2, 0, 0, 0, 0, i & 255], at + 6);
    const vlan = vlanOf(vm);
    producer.u8.set(vlan ? [0x81, 0, vlan >> 8, vlan & 255] : [8, 0], at + 12);
    offsets[i] = at;
    lengths[i] = length;
    receiver[i] = !unknown ? vm : vlan === 0 ? 0 : -1;
  }
  for (let i = 0; i < FRAMES; i++) producer.commitReference(offsets[i], lengths[i], 0);
  return { size, vms, offsets, lengths, receiver, stride };
}

/** Offers frames of a prepared trace, in its order, round and round. */
export class TraceSource {
  /** Frames offered so far. */
  offered = 0;
  #tail = 0;
  #words;
  #wake;

  constructor(host) {
    const { producer } = host.wire;
    this.#words = producer.words;
    const nic = host.machine.agent('nic');
    this.#wake = () => host.machine.board.wake(nic);
    // The layout of the ring is another package's: make sure that the tail is where it is thought to be.
    if (this.#words[TAIL_WORD] !== 0) throw new Error('the wire has been used before');
    producer.publish();
    if (Atomics.exchange(this.#words, TAIL_WORD, 0) !== FRAMES)
      throw new Error(`word ${TAIL_WORD} of a frame ring's header is not its tail any more`);
  }

  /** Puts the next `count` frames on the wire, at most as many as the ring has room for. */
  offer(count) {
    this.#tail = (this.#tail + count) | 0;
    Atomics.store(this.#words, TAIL_WORD, this.#tail);
    this.#wake();
    this.offered += count;
  }

  /** Frames on the wire that the NIC has not taken yet. */
  get waiting() {
    return (this.#tail - Atomics.load(this.#words, 0)) | 0;
  }
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
