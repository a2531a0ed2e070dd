/** Random and damaged bytes on both sides of a channel; and the ones that once did harm (docs/fuzzing.md). */

import { RING_WRITE_INDEX, RingWords } from '@vmq/vmbus';
import { describe, expect, test } from 'vitest';
import { fuzzShort } from '../../../tools/fuzz/src/short.ts';
import { refusalOfSavedChannel } from '../src/control/saved-channel.ts';
import { DELIVERY_LOCK, POLL_LOCK } from '../src/state/channel-state.ts';
import { type Bench, createBench, frame } from './test-bench.test-support.ts';

describe('20 000 buffers: no crash, no hang, no byte outside, every refusal named', () => {
  test.each([
    ['vmbus-host', 'frame taken'],
    ['vmbus-handshake', 'open'],
    ['rndis-messages', 'frame with a tag'],
    ['vmbus-guest', 'frames'],
    ['saved-channel', 'taken'],
  ])('%s', async (target, good) => {
    const { outcomes } = await fuzzShort(target);
    // What is right gets through, too.
    expect(outcomes[good]).toBeGreaterThan(100);
  });
});

describe('a host that makes no sense costs the guest its channel and no more', () => {
  const atWork = (): { bench: Bench; ring: RingWords; start: number } => {
    const bench = createBench();
    const host = bench.open();
    bench.pollAll(host);
    const ring = new RingWords(bench.segment, bench.control.image().toGuest);
    return { bench, ring, start: ring.loadHeader(RING_WRITE_INDEX) };
  };
  const failed = ({ bench }: { bench: Bench }): void => {
    expect(bench.guest().poll({ frame: () => true }, 16)).toBe(false);
    expect(bench.guest().hasFailed).toBe(true);
    // And the channel can be offered again.
    bench.control.close(() => bench.executor.publish());
    bench.machine.board.wake(bench.machine.agent('vm:a'));
    bench.executor.runUntilIdle();
    const again = bench.open();
    expect(bench.deliver(again, [frame(1, 60)])).toBe(1);
    bench.executor.runUntilIdle();
    expect(bench.received.at(-1)).toEqual(frame(1, 60));
  };

  test('a write index that no packet ends at: the guest went round for ever (vmbus-guest, seed 1, session 0)', () => {
    const a = atWork();
    a.ring.storeHeader(RING_WRITE_INDEX, a.start + 4);
    failed(a);
  });

  test('a packet longer than what was written', () => {
    const a = atWork();
    a.ring.seek(a.start);
    for (const word of [7 | (3 << 16), 0xffff, 0, 1, 0xcafe, 0]) a.ring.put(word);
    a.ring.storeHeader(RING_WRITE_INDEX, a.ring.position);
    failed(a);
  });

  test.each([
    ['more ranges than the packet has room for', 1000, 0, 60, () => 56],
    ['a section outside the receive buffer', 1, 0x7fff_0000, 60, () => 56],
    ['a frame that runs out of the receive buffer', 1, 0, 0x7fff_ffff, () => 56],
    ['a frame of negative length', 1, 0, -1, () => 56],
    // vmbus-guest, seed 1, session 26: differences to the ends of the buffer wrapped round to positive numbers.
    ['a frame behind the buffer whose end is past 2^31', 1, 0, 0x7fff_ffff, () => 0x14_0000],
    ['a frame that begins at 2^31', 1, 0, 0x7fff_ffff, (receive: number) => 0x8000_0000 - 8 - receive],
  ])('%s', (_, ranges, section, length, dataOffset) => {
    const a = atWork();
    const { receive } = a.bench.control.image();
    a.bench.segment.i32.set([1, 64 + length, dataOffset(receive.offset), length], receive.offset >>> 2);
    a.ring.seek(a.start);
    for (const word of [7 | (4 << 16), 8, 3, 1, 0xcafe, ranges, 124, section, 107, 0, 0, 0, 0, 0, 0, 0])
      a.ring.put(word);
    a.ring.endPacket(a.start);
    a.ring.storeHeader(RING_WRITE_INDEX, a.ring.position);
    failed(a);
  });
});

test('a saved channel with a lock that is held: its new host waited for ever (saved-channel, seed 1, session 0)', () => {
  const bench = createBench();
  const host = bench.open();
  bench.pollAll(host);
  const saved = bench.control.save(() => bench.executor.publish());
  if (saved === null) throw new Error('nothing was saved');
  expect(refusalOfSavedChannel(saved, bench.segment.byteLength)).toBeNull();
  for (const lock of [DELIVERY_LOCK, POLL_LOCK]) {
    const state = saved.state.slice(0);
    new Int32Array(state, 0, 32)[lock] = 1;
    expect(refusalOfSavedChannel({ ...saved, state }, bench.segment.byteLength)).toBe(
      'one of its locks is held',
    );
  }
});
