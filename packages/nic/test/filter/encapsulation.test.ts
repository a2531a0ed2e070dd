import { TRACE_ALL, TraceReader } from '@vmq/machine';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { explainClassification } from '../../src/filter/explain.ts';
import { NIC_PROFILES, nicProfile } from '../../src/registers/profiles.ts';
import {
  CAPF_NVGRE,
  FLTVLAN_ANY,
  FLTVLAN_EXACT,
  FLTVLAN_UNTAGGED_OR_ZERO,
  RCTL_AAM,
  RCTL_NVGRE,
  RCTL_UPE,
  REG,
} from '../../src/registers/register-constants.ts';
import { describeNicTrace, NIC_TRACE } from '../../src/state/trace-kinds.ts';
import { Bench, frameTo, macOf } from '../bench.test-support.ts';

const HOST = [0x02, 0x56, 0x4d, 0x51, 0x00, 0x01];

interface Shape {
  readonly outer?: readonly number[];
  readonly inner?: readonly number[];
  readonly vlan?: number;
  readonly version?: 4 | 6;
  readonly options?: number;
  readonly protocol?: number;
  readonly fragment?: number;
  readonly flags?: number;
  readonly type?: number;
  readonly innerBytes?: number;
  /** Bytes cut off at the end. */
  readonly cut?: number;
}

/** An NVGRE frame, or something that is nearly one. */
function nvgre(shape: Shape = {}): Uint8Array {
  const { outer = HOST, inner = macOf(1), vlan = -1, version = 4, options = 0, protocol = 47 } = shape;
  const { fragment = 0, flags = 0x2000, type = 0x6558, innerBytes = 60, cut = 0 } = shape;
  const payload = [
    ...[flags >> 8, flags & 255, type >> 8, type & 255, 0, 0x12, 0x34, 0],
    ...[...inner, 2, 0, 0, 0, 0, 9, 0x08, 0x00, ...new Array<number>(innerBytes).fill(7)].slice(
      0,
      innerBytes,
    ),
  ];
  const length4 = 20 + options + payload.length;
  const ip =
    version === 4
      ? [
          ...[0x40 | (5 + options / 4), 0, length4 >> 8, length4 & 255, 0, 1, fragment >> 8, fragment & 255],
          ...[64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, ...new Array<number>(options).fill(1)],
        ]
      : [
          ...[0x60, 0, 0, 0, payload.length >> 8, payload.length & 255, protocol, 64],
          ...new Array<number>(32).fill(0xfd),
        ];
  const tag = vlan < 0 ? [] : [0x81, 0x00, vlan >> 8, vlan & 255];
  const etherType = version === 4 ? [0x08, 0x00] : [0x86, 0xdd];
  const bytes = [...outer, 2, 0, 0, 0, 0, 8, ...tag, ...etherType, ...ip, ...payload];
  return Uint8Array.from(bytes.slice(0, bytes.length - cut));
}

/** Queues 0 to 3 enabled, RCTL as given. */
function device(rctl: number = RCTL_NVGRE, profile = nicProfile('vmq-nic')) {
  const bench = new Bench({ profile });
  const queues = [0, 1, 2, 3].map((n) => bench.queue(n, 64));
  for (const queue of queues) queue.enable();
  bench.registers.write32(REG.RCTL, rctl);
  const configure = (): void => bench.configure();
  const where = (frame: Uint8Array): number => {
    bench.send(frame);
    const got = queues.flatMap((queue) => queue.take());
    expect(got.length).toBeLessThan(2);
    if (got[0] !== undefined && (frame[12] ?? 0) !== 0x81) expect([...got[0].bytes]).toEqual([...frame]);
    const story = explainClassification(bench.bar, bench.profile, frame);
    expect(story.queue).toBe(got[0]?.queue ?? -1);
    return got[0]?.queue ?? -1;
  };
  return { bench, queues, configure, where };
}

test('OFF-06 FLT-38 an NVGRE frame goes by its inner destination, whatever the outer one is, and lies in memory whole', () => {
  const { bench, configure, where } = device();
  bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1);
  bench.filter(1, HOST, FLTVLAN_ANY, 0, 2);
  configure();
  expect(where(nvgre())).toBe(1);
  expect(where(nvgre({ version: 6 }))).toBe(1);
  expect(where(nvgre({ options: 12 }))).toBe(1);
  expect(where(nvgre({ inner: HOST, outer: macOf(1) }))).toBe(2);
  // The inner destination has no filter, and the outer destination's filter is not asked.
  expect(where(nvgre({ inner: macOf(7) }))).toBe(-1);
});

test('OFF-06 without an inner Ethernet header the outer destination is tested', () => {
  const { bench, configure, where } = device();
  bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1);
  bench.filter(1, HOST, FLTVLAN_ANY, 0, 2);
  configure();
  expect(where(frameTo(macOf(1), 64))).toBe(1);
  const others: Shape[] = [
    { protocol: 17 },
    { type: 0x0800 },
    { flags: 0x3000 },
    { flags: 0xa000 },
    { flags: 0x2001 },
    { flags: 0 },
    { fragment: 0x2000 },
    { fragment: 0x0010 },
    { innerBytes: 13 },
    { cut: 1 },
    { version: 6, protocol: 0 },
    { version: 6, cut: 1 },
  ];
  for (const shape of others) expect([shape, where(nvgre(shape))]).toEqual([shape, 2]);
  // An inner header and nothing behind it is one.
  expect(where(nvgre({ innerBytes: 14 }))).toBe(1);
});

test('OFF-06 the VLAN is the outer tag’s, and the address filter asks about the outer destination', () => {
  const { bench, configure, where } = device(RCTL_NVGRE | RCTL_AAM);
  bench.filter(0, macOf(1), FLTVLAN_EXACT, 100, 1);
  bench.filter(1, macOf(1), FLTVLAN_UNTAGGED_OR_ZERO, 0, 2);
  configure();
  expect(where(nvgre({ vlan: 100 }))).toBe(1);
  expect(where(nvgre())).toBe(2);
  expect(where(nvgre({ vlan: 101 }))).toBe(0); // for the station: its own address is outside
  expect(where(nvgre({ vlan: 101, outer: macOf(5) }))).toBe(-1);
  expect(where(nvgre({ vlan: 101, outer: macOf(5), inner: HOST }))).toBe(-1);
});

test('OFF-06 off, or on a device that cannot do it, the outer destination alone decides', () => {
  const netvmini = nicProfile('netvmini');
  for (const { bench, configure, where } of [device(0), device(RCTL_NVGRE, netvmini)]) {
    bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1);
    bench.filter(1, HOST, FLTVLAN_ANY, 0, 2);
    configure();
    expect(where(nvgre())).toBe(2);
    expect(where(nvgre({ outer: macOf(1), inner: HOST }))).toBe(1);
  }
  for (const profile of Object.values(NIC_PROFILES)) {
    const { registers } = new Bench({ profile });
    expect((registers.read32(REG.CAPF) & CAPF_NVGRE) !== 0).toBe(profile.nvgre === true);
  }
});

test('property: receive loop and explanation agree on frames that are nearly NVGRE', () => {
  const { bench, configure, where } = device(RCTL_NVGRE | RCTL_UPE);
  bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1);
  bench.filter(1, macOf(2), FLTVLAN_EXACT, 5, 2);
  bench.filter(2, HOST, FLTVLAN_ANY, 0, 3);
  configure();
  const mac = fc.constantFrom(macOf(1), macOf(2), macOf(3), HOST);
  const shapeOf = fc.record({
    outer: mac,
    inner: mac,
    vlan: fc.constantFrom(-1, 0, 5),
    version: fc.constantFrom(4 as const, 6 as const),
    options: fc.constantFrom(0, 4, 40),
    protocol: fc.constantFrom(47, 47, 47, 6),
    fragment: fc.constantFrom(0, 0, 0x4000, 0x2000, 1),
    flags: fc.constantFrom(0x2000, 0x2000, 0x3000, 0),
    type: fc.constantFrom(0x6558, 0x6558, 0x0800),
    innerBytes: fc.integer({ min: 0, max: 40 }),
    cut: fc.constantFrom(0, 0, 1, 30),
  });
  fc.assert(
    fc.property(shapeOf, fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 2 }), (shape, dents) => {
      const bytes = nvgre(shape);
      for (const [at, value] of dents) if (at >= 12 && at < bytes.length) bytes[at] = value;
      where(bytes);
    }),
    { numRuns: 400 },
  );
});

test('OFF-06 the trace tells which destination was tested', () => {
  const { bench, queues, configure } = device();
  bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1);
  configure();
  const reader = new TraceReader(bench.machine.traceImage);
  reader.setLevel(TRACE_ALL);
  bench.executor.publish();
  bench.send(nvgre(), frameTo(macOf(1), 64));
  expect(queues[1].take().length).toBe(2);
  const lines = reader
    .drain()
    .filter(({ kind }) => kind === NIC_TRACE.INNER_FRAME)
    .map(describeNicTrace);
  expect(lines).toEqual([
    'NVGRE: filters test the inner destination 02-15-5D-00-00-01',
    'NVGRE: no frame inside, filters test the outer destination',
  ]);
});
