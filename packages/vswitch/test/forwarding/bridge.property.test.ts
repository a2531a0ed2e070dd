import { TRACE_DELIVERIES } from '@vmq/machine';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  explainSwitching,
  type PortVlan,
  SWITCH_END_REASONS,
  type SwitchExtension,
  type SwitchExtensionDataPathFactories,
  VSWITCH_TRACE,
} from '../../src/index.ts';
import { BROADCAST, createBench, frame, tagged } from '../switch-bench.test-support.ts';
import { type Place, ReferenceBridge, type ReferencePort } from './reference-bridge.test-support.ts';

const VLANS = [0, 1, 5, 33, 4094];
const vlanId = fc.constantFrom(...VLANS.slice(1));
const portVlan: fc.Arbitrary<PortVlan> = fc.oneof(
  fc.record({ mode: fc.constant('access' as const), vlan: fc.constantFrom(...VLANS) }),
  fc.record({
    mode: fc.constant('trunk' as const),
    native: fc.constantFrom(...VLANS),
    vlans: fc.uniqueArray(vlanId, { maxLength: 3 }),
    prune: fc.uniqueArray(vlanId, { maxLength: 1 }),
  }),
);
const port = fc.record({
  vlan: portVlan,
  spoofing: fc.boolean(),
  connected: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
});
/** Ports have the first MACs; the rest are of stations outside, of guests in guests, or of groups. */
const MACS = [
  ...['01', '02', '03', '04', 'F1', 'F2', 'A1', 'A2'].map((last) => `02-00-00-00-00-${last}`),
  BROADCAST,
  '01-00-5E-00-00-FB',
  '01-80-C2-00-00-00',
  '01-80-C2-00-00-0F',
  '01-80-C2-00-00-10',
  '00-00-00-00-00-00',
];
const mac = fc.constantFrom(...MACS);
const event = fc.record({
  /** -1 = the wire, else which port. */
  from: fc.integer({ min: -1, max: 3 }),
  destination: mac,
  source: fc.oneof(mac, fc.constant('own')),
  vid: fc.constantFrom(...VLANS),
  inData: fc.boolean(),
  length: fc.integer({ min: 60, max: 1514 }),
  type: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0x88b5) },
    { arbitrary: fc.constant(0x8808), weight: 1 },
  ),
});

/** Three extensions that look at everything and let everything pass. */
const LOOKERS: readonly SwitchExtension[] = (['capturing', 'filtering', 'forwarding'] as const).map(
  (type) => ({
    name: type,
    type,
    dataPathFactory: 'looker',
  }),
);
const lookers: SwitchExtensionDataPathFactories = {
  looker: () => ({ ingress() {}, egress() {}, egressComplete() {}, ingressComplete() {} }),
};

test('SW-09 SW-15 SW-16 SW-17 SW-18 SW-19 SW-22 SW-26 SW-27: every frame goes where the reference bridge and the explanation send it, its record says so, and it ends once, with extensions that let all pass and without', () => {
  fc.assert(
    fc.property(
      fc.array(port, { minLength: 1, maxLength: 4 }),
      fc.array(event, { minLength: 1, maxLength: 24 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      (ports, events, floodUnknownUnicast, processors, extended) => {
        const extensions = extended ? LOOKERS : [];
        const bench = createBench({
          processors,
          floodUnknownUnicast,
          extensions,
          extensionPaths: lookers,
        });
        const reference: ReferencePort[] = ports.map(({ vlan, spoofing, connected }, i) => {
          const address = MACS[i];
          const vm = bench.addVm({
            name: `vm${i}`,
            mac: address,
            properties: { vlan, allowMacSpoofing: spoofing },
            connect: false,
          });
          bench.sw.attachChannel(vm.port, vm.control);
          if (connected) bench.sw.connectNic(vm.port);
          const pruned: readonly number[] = vlan.mode === 'trunk' ? (vlan.prune ?? []) : [];
          const own = vlan.mode === 'trunk' ? [vlan.native, ...vlan.vlans] : [vlan.vlan];
          return {
            number: vm.port,
            mac: address,
            connected,
            spoofing,
            vlans: own.filter((id) => !pruned.includes(id)),
            untagged: vlan.mode === 'trunk' ? vlan.native : vlan.vlan,
            trunk: vlan.mode === 'trunk',
          };
        });
        const bridge = new ReferenceBridge(reference, floodUnknownUnicast);
        bench.trace.setLevel(TRACE_DELIVERIES);
        bench.executor.publish();
        const expected = new Map<Place, { bytes: readonly number[]; tci: number }[]>([['wire', []]]);
        for (const { number } of reference) expected.set(number, []);
        const drops: Record<string, number> = {};
        let fromWire = 0;
        let toWire = 0;
        for (const { from, destination, source, vid, inData, length, type } of events) {
          const sender = from < 0 ? undefined : bench.vms[from % bench.vms.length];
          const ownMac = reference.find(({ number }) => number === sender?.port)?.mac ?? MACS[4];
          const bytes = frame(destination, source === 'own' ? ownMac : source, length);
          bytes.splice(12, 2, type >> 8, type & 0xff);
          const sourceMac = source === 'own' ? ownMac : source;
          const explained = explainSwitching(bench.sw.inspect(), {
            destination,
            source: sourceMac,
            etherType: type,
            tci: vid,
            length,
            from: sender === undefined ? { queueId: 0 } : { port: sender.port },
          });
          const verdict = bridge.judge(sender?.port ?? 'wire', { destination, source: sourceMac, vid, type });
          for (const [place, tci] of verdict.to) expected.get(place)?.push({ bytes, tci });
          if (verdict.drop !== null) {
            drops[`vswitch.${verdict.drop}`] = (drops[`vswitch.${verdict.drop}`] ?? 0) + 1;
          }
          const drop = verdict.drop === null ? null : `vswitch.${verdict.drop}`;
          const explainedPlaces: Place[] = [
            ...explained.ports,
            ...(explained.toWire ? ['wire' as const] : []),
          ];
          expect({ drop: explained.drop, to: new Set(explainedPlaces) }).toEqual({
            drop,
            to: new Set(verdict.to.keys()),
          });
          if (verdict.to.has('wire')) toWire++;
          if (sender === undefined) {
            bench.receive([{ bytes, tci: vid }], 0, fromWire++ % processors);
          } else if (inData && vid !== 0 && length <= 1510) {
            sender.send({ bytes: tagged(bytes, vid), tci: 0 });
          } else sender.send({ bytes, tci: vid });
          bench.settle();
          const records = bench.trace.drain();
          const about = (kind: number): number[] =>
            records.flatMap((record) => (record.kind === kind ? [record.a] : []));
          const places = [...verdict.to.keys()].filter((place) => place !== 'wire');
          expect(about(VSWITCH_TRACE.DELIVERY).sort()).toEqual(places.sort());
          expect(about(VSWITCH_TRACE.DROP).map((reason) => SWITCH_END_REASONS[reason])).toEqual(
            drop === null ? [] : [`dropped.${drop}`],
          );
        }
        for (const vm of bench.vms) expect(vm.received).toEqual(expected.get(vm.port));
        const wire = expected.get('wire') ?? [];
        const order = (frames: readonly { bytes: readonly number[]; tci: number }[]): string[] =>
          frames.map(({ bytes, tci }) => `${tci} ${bytes.join()}`).sort();
        expect(order(bench.sent)).toEqual(order(wire));
        const { ends, copies, receivedFromGuests } = bench.machine.ledger.report();
        const deliveries = [...expected.values()].reduce((sum, list) => sum + list.length, 0) - wire.length;
        const dropped = Object.values(drops).reduce((sum, n) => sum + n, 0);
        expect(ends.dropped).toEqual(drops);
        // The NIC would count what leaves; everything else ends here, once.
        expect(ends.delivered + dropped + toWire).toBe(events.length);
        expect(ends.delivered + copies).toBe(deliveries);
        expect(receivedFromGuests).toBe(events.length - fromWire);
        expect(bench.pool.available).toBe(512);
        expect(bench.sw.inspect().outstandingSends).toBe(0);
      },
    ),
    { numRuns: 120 },
  );
});
