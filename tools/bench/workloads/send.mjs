// VMs that send: guest memory -> channel -> host memory -> checks of the switch -> the wire, or another VM's memory.
//   node send.mjs '{"to":"wire","size":"64","vms":8,"ms":500}'
// Each VM has a program that puts prepared frames into its send buffer, as fast as the channel takes them.
import { vmLifeOf } from '../../../packages/host/dist/vm-life.js';
import { FrameProducer } from '../../../packages/machine/dist/index.js';
import { PreparedRing, prepareRing } from '../prepared-ring.mjs';
import { measure, warmUp } from '../stopwatch.mjs';
import { createRandom, macOf } from '../trace.mjs';
import { createBenchHost } from '../traffic.mjs';

const parameters = JSON.parse(process.argv[2] ?? '{}');
const { to = 'wire', size = '64', vms = 8, ms = 500, warmUpMs = 500, ndisVersion = '6.20' } = parameters;
/** Frames of each VM's source ring, and of a round. */
const SLOTS = 256;
const ROUND = 64;
const length = Number(size);
const room = (length + 63) & ~63;
const vlan = (vm) => (vm & 1 ? 100 : 0);

const host = createBenchHost({
  size,
  vms,
  vlan,
  config: { ndisVersion },
  options: {
    sources: true,
    sizes: { guestFrames: SLOTS, transmitWire: { slots: 1024, dataBytes: 1024 * 2048 } },
  },
});
const problems = [];
const random = createRandom();
const life = vmLifeOf(host);
const sources = Array.from({ length: vms }, (_, vm) => {
  const guest = life.find(`vm${vm}`);
  const producer = new FrameProducer(guest.data.source);
  if (producer.slots !== SLOTS) throw new Error(`vm${vm}'s source has ${producer.slots} slots, not ${SLOTS}`);
  // To the next VM of the same VLAN, or to an address that only the wire can know.
  const destination = to === 'wire' ? [2, 0, 0, 1, 0, vm] : macOf((vm + 2) % vms);
  for (let i = 0; i < SLOTS; i++) {
    const at = producer.dataStart + i * room;
    for (let j = 14; j < length; j++) producer.u8[at + j] = random();
    producer.u8.set([...destination, ...macOf(vm), 8, 0], at);
    producer.commitReference(at, length, 0);
  }
  prepareRing(producer);
  const agent = host.machine.agent(guest.place.agent);
  return { producer, ring: new PreparedRing(producer.words, () => host.machine.board.wake(agent)) };
});

let arrived = 0;
const count = (_bytes, _offset, taken) => {
  arrived += taken >= length ? 1 : 0;
};
const round = (take = count) => {
  for (const { ring } of sources) ring.offer(ROUND);
  host.runUntilIdle();
  // The wire's far end makes room; some VM may have waited for it.
  while (host.wire.receive(take) > 0) host.runUntilIdle();
};
const offered = () => sources.reduce((sum, { ring }) => sum + ring.offered, 0);

warmUp(round, warmUpMs);
arrived = 0;
const before = { offered: offered(), report: host.inspect() };
const time = measure(round, ms);
const frames = offered() - before.offered;
const after = host.inspect();
const waiting = sources.reduce((sum, { ring }) => sum + ring.waiting, 0);
if (waiting !== 0) problems.push(`${waiting} frames have not been taken from the VMs`);
if (!after.conservation) problems.push(`the ledger does not close: ${after.ledger.inFlight} in flight`);
const fromGuests = after.ledger.receivedFromGuests - before.report.ledger.receivedFromGuests;
if (fromGuests !== frames) problems.push(`the switch took ${fromGuests} of ${frames} frames`);
const end = to === 'wire' ? 'transmitted' : 'delivered';
const ended = after.ledger.ends[end] - before.report.ledger.ends[end];
if (ended !== frames)
  problems.push(`${ended} of ${frames} frames ${end}: ${JSON.stringify(after.ledger.ends.dropped)}`);
if (to === 'wire' && arrived !== frames) problems.push(`${arrived} of ${frames} frames at the far end`);
problems.push(...checkBytes());

console.log(JSON.stringify({ frames, ...time, mpps: frames / time.wallMs / 1000, problems }));
await host.stop();

/** Frames never seen before must come out whole: on the wire in each VM's order, or in the right VM's memory. */
function checkBytes() {
  const wrong = [];
  const sent = sources.map(({ producer, ring }) =>
    Array.from({ length: ROUND }, (_, k) => {
      const at = producer.dataStart + ((ring.offered + k) % SLOTS) * room;
      for (let j = 14; j < length; j++) producer.u8[at + j] = random();
      return Buffer.from(producer.u8.slice(at, at + length));
    }),
  );
  const next = new Int32Array(vms);
  round((bytes, offset, taken) => {
    const frame = Buffer.from(bytes.slice(offset, offset + taken));
    const vm = frame[11];
    const tagged = vlan(vm) !== 0;
    const tag = frame.subarray(12, 16).toString('hex');
    if (tagged && tag !== '81000064') wrong.push(`a frame of vm${vm} has ${tag} for a tag`);
    const bare = tagged ? Buffer.concat([frame.subarray(0, 12), frame.subarray(16)]) : frame;
    if (!bare.equals(sent[vm]?.[next[vm]++]))
      wrong.push(`a frame of vm${vm} came out changed, or out of order`);
  });
  if (to === 'wire') {
    if (next.some((frames) => frames !== ROUND))
      wrong.push(`of ${ROUND} frames of each VM came ${next.join(', ')}`);
    return [...new Set(wrong)];
  }
  const memoryOf = (vm) => Buffer.from(life.find(`vm${vm}`).place.segment.u8);
  const memories = Array.from({ length: vms }, (_, vm) => memoryOf(vm));
  for (let vm = 0; vm < vms; vm++) {
    // One of each VM: its own memory has it in the send buffer, its receiver's in the receive buffer.
    const holders = memories.flatMap((memory, at) => (memory.includes(sent[vm].at(-1)) ? [at] : []));
    const expected = [vm, (vm + 2) % vms].sort((a, b) => a - b);
    if (holders.join() !== expected.join())
      wrong.push(`vm${vm}'s frame lies in the memory of vm${holders.join(', vm')}`);
  }
  return wrong;
}
