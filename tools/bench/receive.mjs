// One case of the benchmark, in a process of its own: the whole receive path as users run it.
//   node receive.mjs SIZE VMS MILLISECONDS [on|off]
// The trace is the yardstick's: 4096 prepared frames, half of the VMs tagged, 1 frame in 32 for nobody.
import { checkHostConfig, createHost } from '../../packages/host/dist/index.js';

const [size = '64', vmCount = '8', milliseconds = '500', vmq = 'on'] = process.argv.slice(2);
const FRAMES = 4096;
const BATCH = Number(process.env.BATCH ?? 64);
const vms = Number(vmCount);
const imix = size === 'imix';
const IMIX = [64, 64, 64, 64, 64, 64, 64, 590, 590, 590, 590, 1514];

let state = 0x2545f491;
const random = () => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
};
const macOf = (vm) => {
  const hash = Math.imul(vm + 1, 2654435761) >>> 0;
  return [0x02, 0x15, 0x5d, hash >>> 24, (hash >>> 16) & 255, vm];
};
const vlanOf = (vm) => (vm & 1 ? 100 + vm : 0);

const checked = checkHostConfig({
  processors: 1,
  vmq: vmq === 'on',
  vms: Array.from({ length: vms }, (_, vm) => ({
    name: `vm${vm}`,
    mac: macOf(vm)
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('-'),
    vlan: vlanOf(vm),
    // The yardstick copies frames for nobody too. Here one VM takes them: a port that allows MAC spoofing gets
    // unknown unicast, so they cross the default queue and the software lookup.
    allowMacSpoofing: vm === 0,
  })),
});
if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
const stride = ((imix ? 1514 : Number(size)) + 67) & ~63;
const host = createHost(checked.config, { wire: { slots: 256, dataBytes: FRAMES * stride } });

const { producer } = host.wire;
// Frames for nobody carry the VLAN of the VM they miss; the one VM that takes unknown addresses is untagged.
let reachable = 0;
const offsets = new Int32Array(FRAMES);
const lengths = new Int32Array(FRAMES);
for (let i = 0; i < FRAMES; i++) {
  const vm = random() % vms;
  const length = imix ? IMIX[random() % IMIX.length] : Number(size);
  const at = producer.dataStart + i * stride;
  for (let j = 12; j < length; j++) producer.u8[at + j] = random();
  producer.u8.set(macOf(vm), at);
  const forNobody = (random() & 31) === 0;
  if (forNobody) producer.u8[at + 5] = 0xee;
  if (!forNobody || vlanOf(vm) === 0) reachable++;
  producer.u8.set([2, 0, 0, 0, 0, i & 255], at + 6);
  const vlan = vlanOf(vm);
  producer.u8.set(vlan ? [0x81, 0, vlan >> 8, vlan & 255] : [8, 0], at + 12);
  offsets[i] = at;
  lengths[i] = length;
}

const run = (forMs) => {
  const started = process.hrtime.bigint();
  const end = started + BigInt(forMs) * 1_000_000n;
  let frames = 0;
  let position = 0;
  for (;;) {
    for (let round = 0; round < 64; round++) {
      for (let i = 0; i < BATCH; i++) {
        producer.commitReference(offsets[position], lengths[position], 0);
        position = (position + 1) & (FRAMES - 1);
      }
      host.wire.flush();
      host.runUntilIdle();
      frames += BATCH;
    }
    const now = process.hrtime.bigint();
    if (now >= end) return { frames, seconds: Number(now - started) / 1e9 };
  }
};
run(Math.max(300, Number(milliseconds)));
const before = host.inspect();
const { frames, seconds } = run(Number(milliseconds));
const after = host.inspect();
const received = after.ledger.received - before.ledger.received;
const delivered = after.ledger.ends.delivered - before.ledger.ends.delivered;
const problems = [];
if (received !== frames) problems.push(`received ${received} of ${frames}`);
if (!after.conservation) problems.push('ledger does not close');
const expected = (frames / FRAMES) * reachable;
if (Math.abs(delivered - expected) > FRAMES) problems.push(`delivered ${delivered}, expected ${expected}`);
console.log(
  JSON.stringify({
    size,
    vms,
    mpps: frames / seconds / 1e6,
    ns: (seconds * 1e9) / frames,
    delivered: delivered / frames,
    problems,
  }),
);
await host.stop();
