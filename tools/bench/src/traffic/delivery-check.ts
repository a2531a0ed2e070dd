// What was computed is checked: every counter against the trace, and bytes in the VMs' own memory.
import type { Host } from '@vmq/host';
import type { PreparedRing } from './prepared-ring.ts';
import { createRandom, macOf, vlanOf } from './trace.ts';
import { expectedDeliveries, type Trace } from './traffic.ts';

type Report = ReturnType<Host['inspect']>;

/** Where the counters stand. */
export interface Readings {
  readonly offered: number;
  readonly report: Report;
}

export const takeReadings = (host: Host, source: PreparedRing): Readings => ({
  offered: source.offered,
  report: host.inspect(),
});

const droppedIn = ({ ledger }: Report): number =>
  Object.values(ledger.ends.dropped).reduce((sum, n) => sum + n, 0);

/** Frames that a VM's port has delivered. */
export function deliveredTo(report: Report, name: string): number {
  const port = report.ports.find(({ VmName }) => VmName === name);
  if (port === undefined) throw new Error(`${name} has no port`);
  return port.framesDelivered;
}

/** VMs that have a queue of their own. */
export const vmsWithQueue = ({ ports }: Report): number =>
  ports.filter(({ VmName, QueueID }) => VmName !== '' && QueueID !== 0).length;

/** Compares what happened since `before` with what the trace says must have happened; returns what is wrong. */
export function checkCounters(host: Host, source: PreparedRing, trace: Trace, before: Readings): string[] {
  const problems: string[] = [];
  const after = host.inspect();
  const frames = source.offered - before.offered;
  const received = after.ledger.receivedFromWire - before.report.ledger.receivedFromWire;
  if (received !== frames) problems.push(`received ${received} of ${frames} frames`);
  if (!after.conservation) problems.push(`the ledger does not close: ${after.ledger.inFlight} in flight`);
  const expected = expectedDeliveries(trace, before.offered, source.offered);
  for (let vm = 0; vm < trace.vms; vm++) {
    const name = `vm${vm}`;
    const delivered = deliveredTo(after, name) - deliveredTo(before.report, name);
    if (delivered !== expected[vm]) problems.push(`${name} got ${delivered}, expected ${expected[vm]}`);
  }
  const lost = droppedIn(after) - droppedIn(before.report);
  if (lost !== expected[trace.vms])
    problems.push(
      `${lost} dropped, expected ${expected[trace.vms]}: ${JSON.stringify(after.ledger.ends.dropped)}`,
    );
  return problems;
}

const MARKS = 64;

/** A frame with contents never seen before, as it must stand in its VM's memory. */
interface Mark {
  readonly vm: number;
  readonly bytes: Buffer;
}

/** Writes such frames over the trace's next places on the wire. */
function writeMarks(host: Host, source: PreparedRing, trace: Trace): Mark[] {
  const { producer } = host.wire;
  const random = createRandom(0x1234567);
  const marks: Mark[] = [];
  for (let k = 0; k < MARKS; k++) {
    const i = (source.offered + k) % trace.offsets.length;
    const at = trace.offsets[i];
    const length = trace.lengths[i];
    const vm = trace.receiver[i];
    const own = producer.u8.slice(at, at + 6).join() === macOf(vm).join();
    const tagged = producer.u8[at + 12] === 0x81 && producer.u8[at + 13] === 0;
    for (let j = tagged ? 18 : 14; j < length; j++) producer.u8[at + j] = random();
    const frame = producer.u8.slice(at, at + length);
    const bare = tagged ? Buffer.concat([frame.slice(0, 12), frame.slice(16)]) : Buffer.from(frame);
    if (own && vm >= 0 && tagged === vlanOf(vm) > 0) marks.push({ vm, bytes: bare });
  }
  return marks;
}

/**
 * Sends frames with contents never seen before, over the trace's own places on the wire, and looks for them in the
 * memory of the VMs: each must stand, whole and without its tag, in its VM's segment, and nowhere in another's. Ends
 * the trace: some of its frames have other contents now.
 */
export function checkMemory(host: Host, source: PreparedRing, trace: Trace): string[] {
  const problems: string[] = [];
  const marks = writeMarks(host, source, trace);
  source.offer(MARKS);
  host.runUntilIdle();
  // Copied, as Buffer's search does not take shared memory for what it is everywhere.
  const memories = host.machine.memory.segments.map(({ id, u8 }) => ({ id, bytes: Buffer.from(u8) }));
  const home = new Map<number, number>();
  for (const { vm, bytes } of marks) {
    const places = memories.filter((memory) => memory.id !== 0 && memory.bytes.includes(bytes));
    if (places.length !== 1) {
      problems.push(`a frame of vm${vm} lies in ${places.length} VMs' memory`);
      continue;
    }
    const known = home.get(vm);
    if (known !== undefined && known !== places[0].id) problems.push(`vm${vm}'s frames lie in two segments`);
    home.set(vm, places[0].id);
  }
  if (new Set(home.values()).size !== home.size) problems.push('two VMs got their frames in one segment');
  if (marks.length === 0) problems.push('no frame could be checked');
  return problems;
}
