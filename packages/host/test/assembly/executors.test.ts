/** The same traffic under both executors: what each VM gets is the same, byte for byte. */
import { readFileSync } from 'node:fs';
import { readCapture } from '@vmq/capture';
import { describe, expect, it } from 'vitest';
import type { HostConfigInput } from '../../src/index.ts';
import { replay } from './replay.test-support.ts';

const CAPTURE = new URL('../../../../captures/vlan.pcapng', import.meta.url);

const packets = readCapture(readFileSync(CAPTURE)).packets.map(({ data }) => data);
/** Two hosts of each VLAN of the capture, and an untagged one. */
const config: HostConfigInput = {
  vms: [
    { name: 'a100', mac: '00-15-5D-0D-00-01', vlan: 100 },
    { name: 'a200', mac: '00-15-5D-0D-00-02', vlan: 200 },
    { name: 'untagged', mac: '00-15-5D-0D-00-04' },
  ],
};

describe('executors', () => {
  it.each([1, 2, 4])(
    'give every VM the same frames: deterministic, and threads with %i processors',
    async (processors) => {
      const alone = await replay({ ...config, processors }, packets);
      const parallel = await replay({ ...config, processors, executor: 'threads' }, packets);
      expect(alone.conservation).toBe(true);
      expect(parallel.conservation).toBe(true);
      expect(parallel.frames).toEqual(alone.frames);
      expect(Object.values(alone.frames).flat().length).toBeGreaterThan(100);
      expect({ ...parallel, order: 0, frames: 0, lengths: 0 }).toEqual({
        ...alone,
        order: 0,
        frames: 0,
        lengths: 0,
      });
      // RX-11: whatever the interleaving of queues, each queue keeps arrival order.
      for (const stamps of [...Object.values(alone.order), ...Object.values(parallel.order)]) {
        expect(stamps).toEqual([...stamps].sort((x, y) => x - y));
      }
    },
  );

  it('give every VM the same frames with agents that share threads, and with a fair schedule', async () => {
    const alone = await replay(config, packets);
    const shared = await replay({ ...config, processors: 2, executor: 'threads' }, packets, {
      placement: [
        ['nic', 'processor:0', 'vm:a100'],
        ['processor:1', 'vm:a200'],
      ],
    });
    const fair = await replay({ ...config, schedule: 'round-robin' }, packets);
    for (const other of [shared, fair]) {
      expect(other.conservation).toBe(true);
      expect(other.frames).toEqual(alone.frames);
    }
  });

  it.each([
    { receiveEngines: 2, processors: 2 },
    { receiveEngines: 4, processors: 4 },
    { receiveEngines: 2, processors: 3 },
  ])(
    'give every VM the same frames with $receiveEngines receive engines',
    async ({ receiveEngines, processors }) => {
      const alone = await replay({ ...config, processors }, packets);
      const engines: HostConfigInput = { ...config, processors, nic: { receiveEngines } };
      const parallel = await replay({ ...engines, executor: 'threads' }, packets);
      const together = await replay({ ...engines, executor: 'threads' }, packets, {
        placement: 'per-processor',
      });
      const inTurns = await replay({ ...engines, seed: 3 }, packets);
      const strip = (result: typeof alone): object => ({ ...result, order: 0, frames: 0, lengths: 0 });
      for (const other of [parallel, together, inTurns]) {
        expect(other.conservation).toBe(true);
        expect(other.frames).toEqual(alone.frames);
        expect(strip(other)).toEqual(strip(alone));
        for (const stamps of Object.values(other.order))
          expect(stamps).toEqual([...stamps].sort((x, y) => x - y));
      }
    },
  );

  it('take the same steps for the same seed, and other steps for another', async () => {
    const [first, again, other] = [
      await replay({ ...config, seed: 7 }, packets),
      await replay({ ...config, seed: 7 }, packets),
      await replay({ ...config, seed: 8 }, packets),
    ];
    expect(again).toEqual(first);
    expect(other.frames).toEqual(first.frames);
  });
});
