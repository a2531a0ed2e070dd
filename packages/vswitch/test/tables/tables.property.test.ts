import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLearnedMacTable, LearnedMacTable } from '../../src/tables/learned-mac-table.ts';
import { hashKey, keyA, keyB, macHiOf, macLoOf, vlanOf } from '../../src/tables/mac-key.ts';
import { PortMacTable } from '../../src/tables/port-mac-table.ts';
import { ProcessorAssignment } from '../../src/vmq/processor-assignment.ts';

const macHi = fc.integer({ min: 0, max: 0xffff });
const macLo = fc.integer({ min: 0, max: 0xffff_ffff });
const vlan = fc.integer({ min: 0, max: 4094 });
/** Few enough keys that operations meet. */
const smallKey = fc.tuple(fc.constantFrom(1, 2, -3, 0x7fffffff), fc.integer({ min: 0, max: 5 }));

test('a key holds its MAC and VLAN, and its words are the frame’s own', () => {
  fc.assert(
    fc.property(macHi, macLo, vlan, (hi, lo, id) => {
      const a = keyA(hi, lo);
      const b = keyB(lo, id);
      expect([macHiOf(a), macLoOf(a, b), vlanOf(b)]).toEqual([hi, lo, id]);
      const bytes = Uint8Array.of(hi >>> 8, hi, lo >>> 24, lo >>> 16, lo >>> 8, lo, 0, 0);
      const words = new Int32Array(bytes.buffer);
      expect([words[0], (words[1] ?? 0) & 0xffff]).toEqual([a, b & 0xffff]);
    }),
  );
});

test('neighbouring MACs and VLANs spread over the slots', () => {
  const slots = new Set<number>();
  for (let i = 0; i < 256; i++)
    slots.add(hashKey(keyA(0x0015, 0x5d000000 + i), keyB(0x5d000000 + i, 7)) & 1023);
  // 256 balls into 1024 slots fill 226 of them on average.
  expect(slots.size).toBeGreaterThan(190);
});

test('SW-16: the address of all zeros is never learned, in whatever VLAN', () => {
  const table = new LearnedMacTable(createLearnedMacTable(6));
  for (const id of [0, 1, 4094]) expect(table.learn(keyA(0, 0), keyB(0, id), 2, 1)).toBe(false);
  expect(table.learn(keyA(0, 1), keyB(1, 0), 2, 1)).toBe(true);
  expect(table.list()).toHaveLength(1);
});

test('SW-16: the learned table answers as a map does, until it is full, and two views of it agree', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(smallKey, fc.integer({ min: 0, max: 3 })), { maxLength: 60 }), (steps) => {
      const image = createLearnedMacTable(6);
      const views = [new LearnedMacTable(image), new LearnedMacTable(image)] as const;
      const model = new Map<string, number>();
      let refused = 0;
      steps.forEach(([[a, b], port], i) => {
        const view = views[i % 2 === 0 ? 0 : 1];
        const key = `${a} ${b}`;
        const known = model.get(key);
        const room = known !== undefined || model.size < image.slots / 2;
        expect(view.learn(a, b, port, i)).toBe(room && known !== port);
        if (room) model.set(key, port);
        else refused++;
      });
      for (const [key, port] of model) {
        const [a = 0, b = 0] = key.split(' ').map(Number);
        for (const view of views) expect(view.lookup(a, b)).toBe(port);
      }
      expect(views[0].lookup(12345, 1)).toBe(-1);
      expect([views[1].size, views[1].refused]).toEqual([model.size, refused]);
      expect(views[0].list().length).toBe(model.size);
    }),
  );
});

test('the ports’ address table answers as a map does; the first port with an address keeps it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(smallKey, fc.integer({ min: 1, max: 9 })), { maxLength: 40 }),
      (entries) => {
        const table = new PortMacTable();
        for (let round = 0; round < 2; round++) {
          table.reset(entries.length);
          const model = new Map<string, number>();
          for (const [[a, b], port] of entries) {
            table.add(a, b, port);
            if (!model.has(`${a} ${b}`)) model.set(`${a} ${b}`, port);
          }
          expect(table.size).toBe(model.size);
          for (const [[a, b]] of entries) expect(table.lookup(a, b)).toBe(model.get(`${a} ${b}`));
          expect(table.lookup(99, 99)).toBe(-1);
        }
      },
    ),
  );
});

test('processors are loaded evenly: never more than one queue apart without preferences', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 63 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.boolean(), { maxLength: 40 }),
      (processors, steps) => {
        const assignment = new ProcessorAssignment(processors);
        for (const _ of steps) assignment.take(null);
        const loads = processors.map((processor) => assignment.loadOf(processor));
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
        expect(loads.reduce((sum, load) => sum + load, 0)).toBe(steps.length);
      },
    ),
  );
});
