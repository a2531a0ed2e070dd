import { createMachine } from '@vmq/machine';
import { describe, expect, test } from 'vitest';
import { createMessageSlots, MessageSlots } from '../src/index.ts';

/** Both sides of a pair of slots, and the processors that the guest's signals go to. */
function createSides(start?: number) {
  const machine = createMachine({ hostMemoryBytes: 1 << 16, processors: 3, agents: [], dropReasons: [] });
  const image = createMessageSlots(start);
  /** Vectors that are pending on a processor; they are taken. */
  const raised = (processor: number): number[] =>
    Array.from({ length: 8 }, (_, group) => machine.board.takeVectors(processor, group)).flatMap(
      (bits, group) =>
        Array.from({ length: 32 }, (_, bit) => (group << 5) | bit).filter(
          (vector) => ((bits >>> vector) & 1) === 1,
        ),
    );
  return {
    machine,
    host: new MessageSlots(image, 'host'),
    guest: new MessageSlots(image, 'guest'),
    raised,
  };
}

describe('message slots', () => {
  test.each([0, 7, 0x7fff_ffff, -1])('a message each way at a time, from sequence %i on', (start) => {
    const { host, guest } = createSides(start);
    for (const [from, to] of [
      [host, guest],
      [guest, host],
      [host, guest],
    ] as const) {
      expect([to.waiting(), to.take(), from.canPost]).toEqual([0, 0, true]);
      expect(from.post(5, 1, -2, 3)).toBe(true);
      // The other slot is not touched, and neither is a message that has not been taken.
      expect([from.waiting(), to.canPost]).toEqual([0, true]);
      expect([from.canPost, from.post(6)]).toEqual([false, false]);
      expect([to.waiting(), to.waiting(), to.take()]).toEqual([5, 5, 5]);
      expect([...to.arguments]).toEqual([1, -2, 3, 0, 0, 0, 0, 0]);
    }
  });

  test.each([
    [0, 0],
    [0, 255],
    [2, 0],
    [1, 40],
  ])(
    'a signal of the guest raises the vector it was told: of processor %i number %i',
    (processor, vector) => {
      const { machine, host, guest, raised } = createSides();
      guest.signalHost(machine.interrupts);
      host.setSignalTarget(processor, vector);
      guest.signalHost(machine.interrupts);
      expect([0, 1, 2].map(raised)).toEqual([0, 1, 2].map((index) => (index === processor ? [vector] : [])));
      // Where nobody listens, or a processor that there is not, a signal is lost and harms nobody.
      for (const [other, none] of [
        [0, -1],
        [3, 40],
      ] as const) {
        host.setSignalTarget(other, none);
        guest.signalHost(machine.interrupts);
      }
      expect([0, 1, 2].flatMap(raised)).toEqual([]);
    },
  );
});
