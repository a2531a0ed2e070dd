// What was computed is checked: every counter against the trace, and bytes in the VMs' own memory.
import { createRandom, macOf, vlanOf } from './trace.mjs';
import { expectedDeliveries } from './traffic.mjs';

/** Where the counters stand, to be compared later. */
export function takeReadings(host, source) {
  const report = host.inspect();
  return { offered: source.offered, report };
}

/** Compares what happened since `before` with what the trace says must have happened; returns what is wrong. */
export function checkCounters(host, source, trace, before) {
  const problems = [];
  const after = host.inspect();
  const frames = source.offered - before.offered;
  const received = after.ledger.receivedFromWire - before.report.ledger.receivedFromWire;
  if (received !== frames) problems.push(`received ${received} of ${frames} frames`);
  if (!after.conservation) problems.push(`the ledger does not close: ${after.ledger.inFlight} in flight`);
  const expected = expectedDeliveries(trace, before.offered, source.offered);
  for (let vm = 0; vm < trace.vms; vm++) {
    const name = `vm${vm}`;
    const at = (report) => report.ports.find((port) => port.VmName === name).framesDelivered;
    const delivered = at(after) - at(before.report);
    if (delivered !== expected[vm]) problems.push(`${name} got ${delivered}, expected ${expected[vm]}`);
  }
  const dropped = (report) => Object.values(report.ledger.ends.dropped).reduce((sum, n) => sum + n, 0);
  const lost = dropped(after) - dropped(before.report);
  if (lost !== expected[trace.vms])
    problems.push(
      `${lost} dropped, expected ${expected[trace.vms]}: ${JSON.stringify(after.ledger.ends.dropped)}`,
    );
  return problems;
}

const MARKS = 64;

/**
 * Sends frames with contents never seen before, over the trace's own places on the wire, and looks for them in the
 * memory of the VMs: each must stand, whole and without its tag, in its VM's segment, and nowhere in another's. Ends
 * the trace: some of its frames have other contents now.
 */
export function checkMemory(host, source, trace) {
  const { producer } = host.wire;
  const random = createRandom(0x1234567);
  const problems = [];
  const marks = [];
  for (let k = 0; k < MARKS; k++) {
    const i = (source.offered + k) % trace.offsets.length;
    const at = trace.offsets[i];
    const length = trace.lengths[i];
    const vm = trace.receiver[i];
    const own = producer.u8.slice(at, at + 6).join() === macOf(vm).join();
    const tagged = producer.u8[at + 12] === 0x81 && producer.u8[at + 13] === 0;
    for (let j = tagged ? 18 : 14; j < length; j++) producer.u8[at + j] = random();
    const frame = producer.u8.slice(at, at + length);
    if (own && vm >= 0 && tagged === vlanOf(vm) > 0)
      marks.push({
        vm,
        bytes: tagged ? Buffer.concat([frame.slice(0, 12), frame.slice(16)]) : Buffer.from(frame),
      });
  }
  source.offer(MARKS);
  host.runUntilIdle();
  // Copied, as Buffer's search does not take shared memory for what it is everywhere.
  const memories = host.machine.memory.segments.map(({ id, u8 }) => ({ id, bytes: Buffer.from(u8) }));
  const home = new Map();
  for (const { vm, bytes } of marks) {
    const places = memories.filter(({ id }) => id !== 0).filter((memory) => memory.bytes.includes(bytes));
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
