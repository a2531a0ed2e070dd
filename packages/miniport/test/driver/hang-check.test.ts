/** What this driver says when it is asked for hangs: work that must wait is none, work that does not move is one. */
import { NDIS_STATUS_RESET_START, statusName } from '@vmq/abi';
import { describe, expect, it } from 'vitest';
import { type Bench, createBench, frame, SendMemory } from '../bench.test-support.ts';

const SECOND = 1e9;
const SUCCESS = 'NDIS_STATUS_SUCCESS';

/** Time goes by: NDIS asks every two seconds. */
function pass(bench: Bench, seconds: number): void {
  for (let tenth = 0; tenth < seconds * 10; tenth++) {
    bench.executor.runFor(SECOND / 10);
    bench.ndis.poll();
  }
}

function resets(bench: Bench): number {
  return bench.events.filter((event) => event === `indicate ${statusName(NDIS_STATUS_RESET_START)}`).length;
}

function send(bench: Bench, count: number): void {
  const memory = new SendMemory(bench);
  bench.on(0, (path) =>
    path.send(Array.from({ length: count }, (_, sequence) => memory.frame(frame(9, { sequence })))),
  );
  bench.settle();
}

function statuses(bench: Bench): string[] {
  return bench.completions.flatMap((completion) => [...completion.statuses]);
}

describe('check for hang', () => {
  it('an adapter that has nothing to send is left alone, before its first frame and after its last', () => {
    const bench = createBench();
    pass(bench, 9);
    send(bench, 5);
    pass(bench, 9);
    expect(statuses(bench)).toEqual(new Array(5).fill(SUCCESS));
    expect(resets(bench)).toBe(0);
  });

  it('descriptors that wait for room on the wire are left alone, and sent when there is some', () => {
    const bench = createBench({ wireSlots: 4, miniport: { transmitRingEntries: 8 } });
    send(bench, 12);
    pass(bench, 9);
    expect([statuses(bench).length, resets(bench)]).toEqual([4, 0]);
    for (let round = 0; round < 4; round++) {
      bench.sent();
      bench.settle();
    }
    expect(statuses(bench)).toEqual(new Array(12).fill(SUCCESS));
  });

  it('a device that stands still is reset, and works again when it comes back', () => {
    const bench = createBench();
    bench.hang = true;
    pass(bench, 9);
    expect(resets(bench)).toBeGreaterThan(0);
    bench.hang = false;
    pass(bench, 9);
    const before = resets(bench);
    send(bench, 3);
    pass(bench, 9);
    expect(statuses(bench)).toEqual(new Array(3).fill(SUCCESS));
    expect(resets(bench)).toBe(before);
  });
});
