/** What a hostile guest is said to do to its rings it does: or a host that lives through it proves nothing. */
import { createMachine } from '@vmq/machine';
import { layoutGuest } from '@vmq/netvsc';
import { createMessageSlots } from '@vmq/vmbus';
import { expect, test } from 'vitest';
import { GuestReach } from '../../src/hostile/guest-reach.ts';
import { HOSTILE_BEHAVIOURS } from '../../src/hostile/hostile-guests.ts';

const HEADER_WORDS = 4;

/** The header words of both rings before each turn of a behaviour, and after it. */
function headersOf(name: string, turns: number): number[][] {
  const machine = createMachine({ hostMemoryBytes: 1 << 16, processors: 1, agents: [], dropReasons: [] });
  const layout = layoutGuest({});
  const segment = machine.memory.addSegment('vm:a', layout.end);
  const messages = createMessageSlots();
  const guest = new GuestReach({ machine, segment: segment.id, messages, layout, seed: 3 });
  const behaviour = HOSTILE_BEHAVIOURS.find((one) => one.name === name);
  if (behaviour === undefined) throw new Error(`no behaviour ${name}`);
  const program = behaviour.program(guest);
  const words = (): number[] =>
    [layout.rings, layout.rings + layout.downstream].flatMap((at) => [
      ...segment.i32.slice(at >> 2, (at >> 2) + HEADER_WORDS),
    ]);
  const seen = [words()];
  for (let turn = 0; turn < turns; turn++) {
    expect(program.next()).toEqual({ done: false, value: true });
    seen.push(words());
  }
  return seen;
}

test('indexes-race writes every word of both headers, and others each turn', () => {
  const seen = headersOf('indexes-race', 20);
  const changes = Array.from(
    { length: 2 * HEADER_WORDS },
    (_, word) => new Set(seen.map((header) => header[word])).size,
  );
  // The interrupt mask has three values, the others are as good as never the same.
  expect(changes).toEqual([21, 21, 3, 21, 21, 21, 3, 21]);
});
