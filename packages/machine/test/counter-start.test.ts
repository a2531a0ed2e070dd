import { describe, expect, it } from 'vitest';
import { createMachine } from '../src/executor/machine.ts';

const machineWith = (counters: object) =>
  createMachine({ hostMemoryBytes: 4096, processors: 1, agents: ['a'], dropReasons: [], counters });

describe('where counters begin', () => {
  it('is 0 unless it is said, and the same for every thread', () => {
    expect(machineWith({}).counters).toEqual({ words: 0, stamps: 0, numbers: 0, nanoseconds: 0 });
    const machine = machineWith({ words: -7, nanoseconds: 5 });
    expect(machine.image().counters).toEqual({ words: -7, stamps: 0, numbers: 0, nanoseconds: 5 });
    expect(machine.clock.now()).toBe(5);
    expect([machine.board.epoch, machine.board.turnsOf(1), machine.board.seenEpoch(1)]).toEqual([-7, -7, -7]);
    expect([machine.board.advanceEpoch(), machine.board.nextTraceSequence()]).toEqual([-6, -7]);
  });

  it.each([
    [{ words: 2 ** 31 }, /counters.words: 2147483648, need a whole number from -2147483648 to 2147483647/],
    [{ stamps: -1 }, /counters.stamps: -1/],
    [{ numbers: 2 ** 53 }, /counters.numbers: 9007199254740992/],
    [{ nanoseconds: 0.5 }, /counters.nanoseconds: 0.5/],
  ])('refuses %j', (counters, expected) => {
    expect(() => machineWith(counters)).toThrow(expected);
  });
});
