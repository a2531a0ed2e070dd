import fc from 'fast-check';
import { expect, test } from 'vitest';
import { explainClassification } from '../../src/filter/explain.ts';
import { RXC_INEXACT, RXC_NO_FILTER, RXC_VLAN } from '../../src/registers/descriptors.ts';
import { NIC_PROFILES } from '../../src/registers/profiles.ts';
import {
  FLTVLAN_ANY,
  FLTVLAN_EXACT,
  FLTVLAN_UNTAGGED_OR_ZERO,
  MCHI_VALID,
  MULTICAST_STRIDE,
  RCTL_AAM,
  RCTL_BAM,
  RCTL_MPE,
  RCTL_UPE,
  REG,
} from '../../src/registers/register-constants.ts';
import { Bench, type BenchQueue, frameTo, macOf, type Received } from '../bench.test-support.ts';

const STATION = [0x02, 0x56, 0x4d, 0x51, 0x00, 0x01];
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const GROUP = [0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb];

/** A device with queues 0 to 3 enabled. */
function device(): { bench: Bench; queues: BenchQueue[]; where: (frame: Uint8Array) => number } {
  const bench = new Bench();
  const queues = [0, 1, 2, 3].map((n) => bench.queue(n, 64));
  for (const queue of queues) queue.enable();
  const take = (): Received[] => queues.flatMap((queue) => queue.take());
  return {
    bench,
    queues,
    /** Queue a frame goes to, or -1. */
    where(frame) {
      bench.send(frame);
      const got = take();
      expect(got.length).toBeLessThan(2);
      return got[0]?.queue ?? -1;
    },
  };
}

test('FLT-09 FLT-10 the MAC is compared as six bytes in network order', () => {
  const { bench, where } = device();
  bench.filter(0, [0x02, 0x11, 0x22, 0x33, 0x44, 0x55], FLTVLAN_ANY, 0, 1);
  bench.configure();
  expect(where(frameTo([0x02, 0x11, 0x22, 0x33, 0x44, 0x55], 64))).toBe(1);
  for (let i = 0; i < 6; i++) {
    const other = [0x02, 0x11, 0x22, 0x33, 0x44, 0x55];
    other[i] = other[i] ^ 0x04;
    expect(where(frameTo(other, 64))).toBe(-1);
  }
  expect(where(frameTo([0x33, 0x22, 0x11, 0x02, 0x55, 0x44], 64))).toBe(-1);
});

test('FLT-11 MAC and VLAN must both pass', () => {
  const { bench, where } = device();
  bench.filter(0, macOf(1), FLTVLAN_EXACT, 100, 1);
  bench.configure();
  expect(where(frameTo(macOf(1), 64, 100))).toBe(1);
  expect(where(frameTo(macOf(2), 64, 100))).toBe(-1);
  expect(where(frameTo(macOf(1), 64, 101))).toBe(-1);
});

test('FLT-12 any passing filter of a queue assigns the frame to it', () => {
  const { bench, where } = device();
  bench.filter(0, macOf(1), FLTVLAN_EXACT, 10, 2);
  bench.filter(1, macOf(1), FLTVLAN_EXACT, 20, 2);
  bench.filter(9, macOf(7), FLTVLAN_ANY, 0, 2);
  bench.configure();
  expect(where(frameTo(macOf(1), 64, 10))).toBe(2);
  expect(where(frameTo(macOf(1), 64, 20))).toBe(2);
  expect(where(frameTo(macOf(7), 64))).toBe(2);
});

test('FLT-13 FLT-37 an unmatched frame reaches queue 0 only if RCTL accepts it', () => {
  const { bench, where } = device();
  bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1);
  bench.registers.write32(REG.RCTL, 0);
  bench.configure();
  expect(where(frameTo(STATION, 64))).toBe(-1);
  expect(where(frameTo(BROADCAST, 64))).toBe(-1);
  expect(where(frameTo(GROUP, 64))).toBe(-1);
  expect(where(frameTo(macOf(9), 64))).toBe(-1);
  expect(where(frameTo(macOf(1), 64))).toBe(1); // a VM-queue match needs neither
  bench.registers.write32(REG.RCTL, RCTL_AAM | RCTL_BAM);
  bench.configure();
  expect(where(frameTo(STATION, 64))).toBe(0);
  expect(where(frameTo(STATION, 64, 55))).toBe(0); // whatever the VLAN
  expect(where(frameTo(BROADCAST, 64))).toBe(0);
  expect(where(frameTo(GROUP, 64))).toBe(-1);
  expect(where(frameTo(macOf(9), 64))).toBe(-1);
  const at = REG.MCLO + 31 * MULTICAST_STRIDE;
  bench.registers.write32(at, 0x01005e00);
  bench.registers.write32(at + 4, MCHI_VALID | 0x00fb);
  bench.configure();
  expect(where(frameTo(GROUP, 64))).toBe(0);
  expect(where(frameTo([0x01, 0x00, 0x5e, 0x00, 0x00, 0xfc], 64))).toBe(-1);
  bench.registers.write32(REG.RCTL, RCTL_UPE | RCTL_MPE);
  bench.configure();
  expect(where(frameTo(macOf(9), 64))).toBe(0);
  expect(where(frameTo([0x33, 0x33, 0, 0, 0, 1], 64))).toBe(0);
  expect(where(frameTo(BROADCAST, 64))).toBe(-1);
  expect(bench.machine.ledger.report().ends.dropped).toEqual({
    'nic.no-match': 3,
    'nic.broadcast-not-accepted': 2,
    'nic.multicast-not-accepted': 3,
  });
});

test('promiscuous acceptance is marked, exact acceptance is not', () => {
  const { bench, queues } = device();
  bench.registers.write32(REG.RCTL, RCTL_UPE | RCTL_AAM);
  bench.configure();
  bench.send(frameTo(macOf(9), 64), frameTo(STATION, 64));
  const got = queues[0].take();
  expect(got.map(({ status }) => (status & RXC_INEXACT) !== 0)).toEqual([true, false]);
  expect(got.map(({ slot }) => slot)).toEqual([RXC_NO_FILTER, RXC_NO_FILTER]);
});

test('FLT-14 several matches: ascending queues, queue 0 last, the first alone', () => {
  const { bench, queues } = device();
  bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 0);
  bench.filter(1, macOf(1), FLTVLAN_ANY, 0, 3);
  bench.filter(2, macOf(1), FLTVLAN_EXACT, 5, 2);
  bench.filter(3, macOf(1), FLTVLAN_EXACT, 5, 2);
  bench.configure();
  bench.send(frameTo(macOf(1), 64, 5), frameTo(macOf(1), 64, 6));
  expect(queues.map((queue) => queue.take().map(({ slot }) => slot))).toEqual([[], [], [2], [1]]);
});

test('FLT-15 untagged-or-zero: untagged and VLAN 0 pass, no other VLAN', () => {
  const { bench, where } = device();
  bench.filter(0, macOf(1), FLTVLAN_UNTAGGED_OR_ZERO, 0, 1);
  bench.configure();
  expect(where(frameTo(macOf(1), 64))).toBe(1);
  expect(where(frameTo(macOf(1), 64, 0))).toBe(1);
  expect(where(frameTo(macOf(1), 64, 0xe000))).toBe(1); // priority 7, VLAN 0
  for (const vid of [1, 2, 100, 4094, 4095]) expect(where(frameTo(macOf(1), 64, vid))).toBe(-1);
});

test('FLT-16 MAC plus VLAN n: untagged, VLAN 0 and other VLANs do not match; priority and CFI do not matter', () => {
  const { bench, where } = device();
  bench.filter(0, macOf(1), FLTVLAN_EXACT, 0x123, 1);
  bench.configure();
  expect(where(frameTo(macOf(1), 64, 0x123))).toBe(1);
  expect(where(frameTo(macOf(1), 64, 0xf123))).toBe(1);
  expect(where(frameTo(macOf(1), 64))).toBe(-1);
  expect(where(frameTo(macOf(1), 64, 0))).toBe(-1);
  expect(where(frameTo(macOf(1), 64, 0x124))).toBe(-1);
  expect(where(frameTo(macOf(1), 64, 0x023))).toBe(-1);
});

test('FLT-19 without a VLAN test the MAC alone decides', () => {
  const { bench, where } = device();
  bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1);
  bench.configure();
  for (const tci of [-1, 0, 1, 100, 4094, 0xffff]) expect(where(frameTo(macOf(1), 64, tci))).toBe(1);
});

test('FLT-20 a tag is removed from the data and reported, on VM queues and the default queue', () => {
  const { bench, queues } = device();
  bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1);
  bench.configure();
  for (const [mac, queue] of [
    [macOf(1), 1],
    [STATION, 0],
  ] as const) {
    const frame = frameTo(mac, 90, 0xb07b);
    bench.send(frame, frameTo(mac, 86));
    const [tagged, plain] = queues[queue].take();
    expect(tagged?.bytes).toEqual(Uint8Array.from([...frame.subarray(0, 12), ...frame.subarray(16)]));
    expect(tagged?.tci).toBe(0xb07b);
    expect((tagged?.status ?? 0) & RXC_VLAN).not.toBe(0);
    expect((plain?.status ?? 0) & RXC_VLAN).toBe(0);
    expect(plain?.tci).toBe(0);
    expect(plain?.bytes).toHaveLength(86);
  }
});

test('FLT-20 only the outer of two tags is removed, and 88a8 is no tag', () => {
  const { bench, queues } = device();
  bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1);
  bench.configure();
  const twice = frameTo(macOf(1), 70, 5);
  twice.set([0x81, 0x00, 0x00, 0x06], 16);
  const service = frameTo(macOf(1), 70);
  service.set([0x88, 0xa8], 12);
  bench.send(twice, service);
  const got = queues[1].take();
  expect(got[0]?.bytes.subarray(12, 16)).toEqual(Uint8Array.of(0x81, 0x00, 0x00, 0x06));
  expect(got[1]?.bytes).toEqual(service);
});

test('FLT-27 FLT-32 filters of a disabled queue are as if absent; clearing one leaves the rest', () => {
  const { bench, queues, where } = device();
  bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1);
  bench.filter(1, macOf(1), FLTVLAN_ANY, 0, 2);
  bench.filter(2, macOf(2), FLTVLAN_ANY, 0, 2);
  bench.filter(3, macOf(2), FLTVLAN_ANY, 0, 60); // never enabled
  bench.configure();
  expect(where(frameTo(macOf(1), 64))).toBe(1);
  queues[1].disable();
  bench.configure();
  expect(where(frameTo(macOf(1), 64))).toBe(2);
  bench.clearFilter(1);
  bench.configure();
  expect(where(frameTo(macOf(1), 64))).toBe(-1);
  expect(where(frameTo(macOf(2), 64))).toBe(2);
});

test('FLT-36 a filter on queue 0 makes the device accept that MAC to queue 0', () => {
  const { bench, where } = device();
  bench.registers.write32(REG.RCTL, 0);
  bench.filter(0, macOf(5), FLTVLAN_ANY, 0, 0);
  bench.configure();
  expect(where(frameTo(macOf(5), 64))).toBe(0);
  expect(where(frameTo(macOf(6), 64))).toBe(-1);
});

test('filter changes count from CFGACK on, not before, and not within a batch (FLT-31)', () => {
  const { bench, queues } = device();
  bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1);
  bench.configure();
  bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 2);
  bench.send(frameTo(macOf(1), 64)); // written, but not requested
  expect(queues.map((queue) => queue.take().length)).toEqual([0, 1, 0, 0]);
  for (let i = 0; i < 40; i++) bench.offer(frameTo(macOf(1), 64));
  bench.wire.publish();
  bench.registers.write32(REG.CFGREQ, 77);
  bench.executor.runUntilIdle();
  expect(bench.registers.read32(REG.CFGACK)).toBe(77);
  expect(queues.map((queue) => queue.take().length)).toEqual([0, 0, 40, 0]);
});

// --- the fast classifier against rules written down a second time --------------------------------------

interface Rule {
  slot: number;
  mac: number;
  mode: number;
  vid: number;
  queue: number;
}

/** FLT-11..16, FLT-19, FLT-36, FLT-37 as prose, over small numbers instead of bytes. */
function reference(
  rules: readonly Rule[],
  enabled: readonly boolean[],
  upe: boolean,
  frame: { mac: number; tci: number },
): { queue: number; slot: number } {
  const vid = frame.tci < 0 ? 0 : frame.tci % 4096;
  for (const queue of [1, 2, 3, 0]) {
    if (!enabled[queue]) continue;
    const matching = rules.filter((rule) => {
      if (rule.queue !== queue || rule.mac !== frame.mac || rule.mode === 3) return false;
      if (rule.mode === 0) return true;
      return rule.mode === 1 ? rule.vid === vid : vid === 0;
    });
    const best = Math.min(...matching.map(({ slot }) => slot));
    if (matching.length > 0) return { queue, slot: best };
  }
  return { queue: upe && enabled[0] ? 0 : -1, slot: RXC_NO_FILTER };
}

const MACS = [1, 2, 3, 0x101, 0x201].map(macOf);
const VIDS = [0, 1, 2, 256, 4095];

test('property: hash table, explanation and reference agree on any table and frame', () => {
  const { bench, queues } = device();
  const ruleOf = fc.record({
    mac: fc.nat(MACS.length - 1),
    mode: fc.nat(3),
    vid: fc.constantFrom(...VIDS),
    queue: fc.nat(3),
  });
  const frameOf = fc.record({
    mac: fc.nat(MACS.length - 1),
    tci: fc.oneof(fc.constant(-1), fc.constantFrom(...VIDS), fc.constantFrom(...VIDS.map((v) => v | 0xa000))),
  });
  const scenario = fc.record({
    rules: fc.array(ruleOf, { maxLength: 24 }),
    enabled: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean()),
    upe: fc.boolean(),
    frames: fc.array(frameOf, { minLength: 1, maxLength: 30 }),
  });
  fc.assert(
    fc.property(scenario, ({ rules, enabled, upe, frames }) => {
      const table = rules.map((rule, slot) => ({ ...rule, slot }));
      for (let slot = 0; slot < 24; slot++) bench.clearFilter(slot);
      for (const { slot, mac, mode, vid, queue } of table) bench.filter(slot, MACS[mac], mode, vid, queue);
      bench.registers.write32(REG.RCTL, upe ? RCTL_UPE : 0);
      for (const queue of queues) queue.disable();
      bench.configure();
      queues.forEach((queue, n) => {
        if (enabled[n]) queue.enable();
      });
      bench.configure();
      for (const { mac, tci } of frames) {
        const bytes = frameTo(MACS[mac], 64, tci);
        const expected = reference(table, enabled, upe, { mac, tci });
        bench.send(bytes);
        const got = queues.flatMap((queue) => (queue.waiting > 0 ? queue.take() : []));
        const [first] = got;
        expect(got.length).toBe(expected.queue < 0 ? 0 : 1);
        expect({ queue: first?.queue ?? -1, slot: first?.slot ?? RXC_NO_FILTER }).toEqual(expected);
        const story = explainClassification(bench.bar, bench.profile, bytes);
        // The explanation ends at the queue; whether queue 0 is enabled is the next question.
        if (expected.queue >= 0)
          expect([story.queue, story.slot < 0 ? RXC_NO_FILTER : story.slot]).toEqual([
            expected.queue,
            expected.slot,
          ]);
        else expect(story.queue === -1 || !enabled[story.queue]).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

test('a full table of every profile finds each of its filters', () => {
  for (const profile of Object.values(NIC_PROFILES)) {
    const bench = new Bench({ profile });
    const queue = bench.queue(1, 64);
    queue.enable();
    for (let slot = 0; slot < profile.filters; slot++)
      bench.filter(slot, macOf(slot * 3), FLTVLAN_EXACT, slot + 1, 1);
    bench.configure();
    for (let slot = 0; slot < profile.filters; slot++) {
      bench.send(frameTo(macOf(slot * 3), 60, slot + 1), frameTo(macOf(slot * 3), 60, slot + 2));
      expect(queue.take().map((got) => got.slot)).toEqual([slot]);
    }
  }
});
