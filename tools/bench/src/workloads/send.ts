// VMs that send: guest memory -> channel -> host memory -> checks of the switch -> the wire, or another VM's memory.
//   node send.js '{"to":"wire","size":"64","vms":8,"ms":500}'
// Each VM has a program that puts prepared frames into its send buffer, as fast as the channel takes them.
import { FrameProducer } from '@vmq/machine';
import { vmLifeOf } from '../../../../packages/host/dist/vm/vm-life.js';
import { parametersOf, printSample } from '../measuring/sample.ts';
import { measure, warmUp } from '../measuring/stopwatch.ts';
import { PreparedRing, prepareRing } from '../traffic/prepared-ring.ts';
import { createRandom, macOf } from '../traffic/trace.ts';
import { createBenchHost } from '../traffic/traffic.ts';

const { to, size, vms, ms, warmUpMs, ndisVersion } = parametersOf({
  to: 'wire' as 'wire' | 'vm',
  size: '64',
  vms: 8,
  ms: 500,
  warmUpMs: 500,
  ndisVersion: '6.20',
});
/** Frames of each VM's source ring, and of a round. */
const SLOTS = 256;
const ROUND = 64;
const length = Number(size);
const room = (length + 63) & ~63;
const vlan = (vm: number): number => (vm & 1 ? 100 : 0);

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
const random = createRandom();
const life = vmLifeOf(host);
function guestOf(vm: number): NonNullable<ReturnType<typeof life.find>> {
  const guest = life.find(`vm${vm}`);
  if (guest === undefined) throw new Error(`there is no vm${vm}`);
  return guest;
}

/** What a VM sends, round and round. */
interface Source {
  readonly producer: FrameProducer;
  readonly ring: PreparedRing;
}

function sourceOf(vm: number): Source {
  const guest = guestOf(vm);
  const { source } = guest.data;
  if (source === undefined) throw new Error(`vm${vm} has no source`);
  const producer = new FrameProducer(source);
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
  const agent = host.machine.agent(guest.slot.agent);
  return { producer, ring: new PreparedRing(producer.words, () => host.machine.board.wake(agent)) };
}
const sources = Array.from({ length: vms }, (_, vm) => sourceOf(vm));

let arrived = 0;
const count = (_bytes: Uint8Array, _offset: number, taken: number): void => {
  arrived += taken >= length ? 1 : 0;
};
const round = (take = count): void => {
  for (const { ring } of sources) ring.offer(ROUND);
  host.runUntilIdle();
  // The wire's far end makes room; some VM may have waited for it.
  while (host.wire.receive(take) > 0) host.runUntilIdle();
};
const offered = (): number => sources.reduce((sum, { ring }) => sum + ring.offered, 0);

warmUp(() => round(), warmUpMs);
arrived = 0;
const before = { offered: offered(), report: host.inspect() };
const time = measure(() => round(), ms);
const frames = offered() - before.offered;
printSample({
  frames,
  ...time,
  mpps: frames / time.wallMs / 1000,
  problems: [...checkCounts(), ...checkBytes()],
});
await host.stop();

/** Every frame was taken, and ended where it should. */
function checkCounts(): string[] {
  const wrong: string[] = [];
  const after = host.inspect();
  const waiting = sources.reduce((sum, { ring }) => sum + ring.waiting, 0);
  if (waiting !== 0) wrong.push(`${waiting} frames have not been taken from the VMs`);
  if (!after.conservation) wrong.push(`the ledger does not close: ${after.ledger.inFlight} in flight`);
  const fromGuests = after.ledger.receivedFromGuests - before.report.ledger.receivedFromGuests;
  if (fromGuests !== frames) wrong.push(`the switch took ${fromGuests} of ${frames} frames`);
  const end = to === 'wire' ? 'transmitted' : 'delivered';
  const ended = after.ledger.ends[end] - before.report.ledger.ends[end];
  if (ended !== frames)
    wrong.push(`${ended} of ${frames} frames ${end}: ${JSON.stringify(after.ledger.ends.dropped)}`);
  if (to === 'wire' && arrived !== frames) wrong.push(`${arrived} of ${frames} frames at the far end`);
  return wrong;
}

/** Frames never seen before must come out whole: on the wire in each VM's order, or in the right VM's memory. */
function checkBytes(): string[] {
  const wrong = new Set<string>();
  const sent = sources.map(newFrames);
  const next = new Int32Array(vms);
  round((bytes, offset, taken) => {
    const frame = Buffer.from(bytes.slice(offset, offset + taken));
    const vm = frame[11];
    const tagged = vlan(vm) !== 0;
    const tag = frame.subarray(12, 16).toString('hex');
    if (tagged && tag !== '81000064') wrong.add(`a frame of vm${vm} has ${tag} for a tag`);
    const bare = tagged ? Buffer.concat([frame.subarray(0, 12), frame.subarray(16)]) : frame;
    const expected: Buffer | undefined = sent[vm]?.[next[vm]++];
    if (expected === undefined || !bare.equals(expected))
      wrong.add(`a frame of vm${vm} came out changed, or out of order`);
  });
  if (to === 'wire') {
    if (next.some((seen) => seen !== ROUND))
      wrong.add(`of ${ROUND} frames of each VM came ${next.join(', ')}`);
  } else for (const text of misplaced(sent)) wrong.add(text);
  return [...wrong];
}

/** Other contents for the frames of the next round. */
function newFrames({ producer, ring }: Source): Buffer[] {
  return Array.from({ length: ROUND }, (_, k) => {
    const at = producer.dataStart + ((ring.offered + k) % SLOTS) * room;
    for (let j = 14; j < length; j++) producer.u8[at + j] = random();
    return Buffer.from(producer.u8.slice(at, at + length));
  });
}

/** One frame of each VM: its own memory has it in the send buffer, its receiver's in the receive buffer. */
function misplaced(sent: readonly (readonly Buffer[])[]): string[] {
  const memories = sent.map((_, vm) => Buffer.from(guestOf(vm).slot.segment.u8));
  return sent.flatMap((frames_, vm) => {
    const last = frames_[frames_.length - 1];
    const holders = memories.flatMap((memory, at) => (memory.includes(last) ? [at] : []));
    const expected = [vm, (vm + 2) % vms].sort((a, b) => a - b);
    return holders.join() === expected.join()
      ? []
      : [`vm${vm}'s frame lies in the memory of vm${holders.join(', vm')}`];
  });
}
