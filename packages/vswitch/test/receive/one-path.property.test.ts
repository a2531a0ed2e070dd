/** Watching and letting pass change nothing: the same frames with and without a trace and extensions end alike, byte for byte. */
import { NDIS_RECEIVE_FLAGS_SINGLE_QUEUE } from '@vmq/abi';
import { TRACE_ALL, TRACE_OFF } from '@vmq/machine';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  SWITCH_END_REASONS,
  type SwitchExtension,
  type SwitchExtensionDataPathFactories,
  VSWITCH_TRACE,
} from '../../src/index.ts';
import { BROADCAST, createBench, frame, tagged } from '../switch-bench.test-support.ts';

const MACS = ['01', '02', '03'].map((last) => `02-00-00-00-00-${last}`);
const STATIONS = ['F1', 'F2', 'F3'].map((last) => `02-00-00-00-00-${last}`);
const OTHERS = ['01-80-C2-00-00-0E', '01-00-5E-00-00-01', '00-00-00-00-00-00', BROADCAST];
const QUEUE = 5;

const oneFrame = fc.record({
  destination: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...MACS) },
    { weight: 1, arbitrary: fc.constantFrom(...STATIONS, ...OTHERS) },
  ),
  source: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...STATIONS) },
    { weight: 1, arbitrary: fc.constantFrom(...MACS, ...OTHERS) },
  ),
  tci: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.constantFrom(0x6000, 7, 0x2007, 9)),
  length: fc.oneof(fc.integer({ min: 14, max: 1514 }), fc.integer({ min: 1, max: 13 }), fc.constant(1600)),
  isControl: fc.boolean(),
  shift: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 7 })),
  cut: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 100 })),
});
const batch = fc.record({
  from: fc.constantFrom('wire', 'queue', 'guest'),
  frames: fc.array(oneFrame, { minLength: 1, maxLength: 20 }),
});
type Batch = typeof batch extends fc.Arbitrary<infer T> ? T : never;
interface Prepared {
  readonly from: Batch['from'];
  readonly frames: readonly { bytes: number[]; tci: number; shift: number; cut: number }[];
}

/** Bytes of each frame, made once, so that every run gets the same. */
const prepare = (batches: readonly Batch[]): Prepared[] =>
  batches.map(({ from, frames }) => ({
    from,
    frames: frames.map(({ destination, source, tci, length, isControl, shift, cut }) => {
      const sender = from === 'guest' && length % 3 !== 0 ? (MACS[0] as string) : source;
      const bytes = frame(destination, sender, length).slice(0, length);
      if (isControl && length % 5 === 0) bytes.splice(12, 2, 0x88, 0x08);
      const inData = from === 'guest' && tci !== 0 && length % 2 === 0 && length > 14;
      return inData ? { bytes: tagged(bytes, tci), tci: 0, shift, cut } : { bytes, tci, shift, cut };
    }),
  }));

const EXTENSIONS: readonly SwitchExtension[] = (['capturing', 'filtering', 'forwarding'] as const).map(
  (type) => ({ name: type, type, dataPathFactory: type === 'filtering' ? 'counting' : 'idle' }),
);

function run(batches: readonly Prepared[], isTraced: boolean, isExtended: boolean): object {
  const counted = { frames: 0, bytes: 0, deliveries: 0 };
  const extensionPaths: SwitchExtensionDataPathFactories = {
    idle: () => ({ ingress() {}, egress() {}, egressComplete() {}, ingressComplete() {} }),
    counting: () => ({
      ingress(frames) {
        for (let k = 0; k < frames.count; k++) counted.bytes += frames.length[frames.index[k] as number] ?? 0;
        counted.frames += frames.count;
      },
      egress(frames) {
        counted.deliveries += frames.deliveries;
      },
    }),
  };
  const bench = createBench({ extensions: isExtended ? EXTENSIONS : [], extensionPaths });
  const vlans = [{ mode: 'access', vlan: 0 } as const, { mode: 'access', vlan: 7 } as const];
  bench.addVm({ name: 'a', mac: MACS[0] as string, receiveSections: 24 });
  bench.addVm({ name: 'b', mac: MACS[1] as string, properties: { vlan: vlans[1], preservePriority: true } });
  bench.addVm({
    name: 'c',
    mac: MACS[2] as string,
    properties: { vlan: { mode: 'trunk', native: 0, vlans: [7] }, allowMacSpoofing: true },
  });
  const state = bench.sw.dataImage().state;
  const ports = state.ports.map((port) => (port.port === 1 ? { ...port, queueId: QUEUE } : port));
  bench.trays[0]?.path?.receiveMessage({ ...state, ports });
  bench.trace.setLevel(isTraced ? TRACE_ALL : TRACE_OFF);
  bench.executor.publish();
  let drops = 0;
  let deliveries = 0;
  const reasons: Record<string, number> = {};
  for (const { from, frames } of batches) {
    if (from === 'guest')
      bench.vms[0]?.send(...frames.filter(({ bytes }) => bytes.length >= 14 && bytes.length <= 1514));
    else {
      const queueId = from === 'queue' ? QUEUE : 0;
      const flags = from === 'queue' ? NDIS_RECEIVE_FLAGS_SINGLE_QUEUE : 0;
      bench.receive(
        frames.map((one) => ({ ...one, queueId })),
        flags,
      );
    }
    bench.settle();
    for (const { kind, a } of bench.trace.drain()) {
      if (kind === VSWITCH_TRACE.DELIVERY) deliveries++;
      if (kind !== VSWITCH_TRACE.DROP) continue;
      const name = (SWITCH_END_REASONS[a] as string).slice('dropped.'.length);
      reasons[name] = (reasons[name] ?? 0) + 1;
      drops++;
    }
  }
  const ledger = bench.machine.ledger.report();
  const dropped = Object.values(ledger.ends.dropped).reduce((sum, n) => sum + n, 0);
  if (isTraced) {
    // Every frame that ended here has one record of it, and stands in that one counter.
    expect(bench.trace.lost).toBe(0);
    expect(reasons).toEqual(ledger.ends.dropped);
    expect([drops, deliveries]).toEqual([dropped, ledger.ends.delivered + ledger.copies]);
  }
  expect(bench.pool.available).toBe(512);
  return {
    // Guests' memory: rings, sections, headers. The host's own scratch and pools are nobody's result.
    memory: bench.machine.memory.segments.slice(1).map(({ u8 }) => Buffer.from(u8).toString('base64')),
    received: bench.vms.map(({ received }) => received),
    sent: bench.sent,
    returned: bench.trays[0]?.returned,
    ledger,
    ports: bench.sw.inspect().ports,
    learned: bench.sw.inspect().learned,
  };
}

test('SW-26 whether traced or not, with extensions that let all pass or without: the same memory, rings and counters, and a record for each end', () => {
  fc.assert(
    fc.property(fc.array(batch, { minLength: 1, maxLength: 5 }), (batches) => {
      const prepared = prepare(batches);
      const plain = run(prepared, false, false);
      expect(run(prepared, true, false)).toEqual(plain);
      expect(run(prepared, false, true)).toEqual(plain);
      expect(run(prepared, true, true)).toEqual(plain);
    }),
    { numRuns: 40 },
  );
});
