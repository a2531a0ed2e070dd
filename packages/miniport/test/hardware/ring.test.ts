import { createMachine, createVirtualClock } from '@vmq/machine';
import { attachNicRegisters, createNicBar, nicProfile, REG } from '@vmq/nic';
import { describe, expect, it } from 'vitest';
import { advance, distance, Ring } from '../../src/hardware/ring.ts';

const LAST = 0x7fff_ffff;
const STATUS = 4096;

function createRing(entries: number): { ring: Ring; host: Int32Array; setHead(head: number): void } {
  const machine = createMachine({
    hostMemoryBytes: 1 << 16,
    processors: 1,
    agents: ['nic'],
    dropReasons: [],
    clock: createVirtualClock(),
  });
  const bar = createNicBar(machine, { profile: nicProfile('netvmini') });
  const registers = attachNicRegisters(bar, () => {});
  const host = machine.memory.host.i32;
  return {
    ring: new Ring(host, registers, { entries, statusOffset: STATUS, headRegister: REG.RDH }),
    host,
    setHead: (head) => {
      bar.i32[REG.RDH >> 2] = head;
    },
  };
}

describe('a ring whose positions wrap', () => {
  it('counts on from the greatest int32 to the least', () => {
    expect(advance(LAST, 1)).toBe(-LAST - 1);
    expect(distance(LAST, -LAST)).toBe(2);
    expect(distance(-LAST, LAST)).toBe(-2);
  });

  it('has room for its entries, and allows the heads between what was taken back and what was posted', () => {
    const { ring, host } = createRing(8);
    for (const start of [0, 5, LAST - 2, -1]) {
      ring.restart(start);
      expect([ring.pending, ring.free, ring.looksEmpty, ring.head]).toEqual([0, 8, true, start]);
      ring.posted = advance(start, 6);
      expect([ring.pending, ring.free]).toEqual([6, 2]);
      for (let by = -3; by <= 9; by++) expect(ring.allows(advance(start, by))).toBe(by >= 0 && by <= 6);
      host[STATUS >> 2] = advance(start, 4);
      expect([ring.head, ring.looksEmpty]).toEqual([advance(start, 4), false]);
      ring.consumed = advance(start, 4);
      expect([ring.pending, ring.free, ring.looksEmpty]).toEqual([2, 6, true]);
    }
  });

  it('corrects a damaged head, unless the device has written another one meanwhile', () => {
    const { ring, setHead } = createRing(8);
    ring.restart(0);
    ring.posted = 6;
    setHead(3);
    expect(ring.deviceHead).toBe(3);
    expect(ring.correctHead(9, 3)).toBe(false);
    expect(ring.correctHead(0, 3)).toBe(true);
    expect(ring.head).toBe(3);
  });
});
