/** Two VM queues on two processors, serviced at the same time by two threads. */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { FilterDriver } from '@vmq/ddi';
import { expect, test } from 'vitest';
import { checkHostConfig, createHost } from '../../src/index.ts';

const succeed = (): number => NDIS_STATUS_SUCCESS;

test('INT-09: while one processor indicates a queue’s frames, another does so with its own queue’s', async () => {
  const words = new SharedArrayBuffer(8);
  const filter: FilterDriver = {
    name: 'rendezvous',
    majorNdisVersion: 6,
    minorNdisVersion: 30,
    attach: succeed,
    detach() {},
    pause: succeed,
    restart: succeed,
    dataPathFactory: 'rendezvous',
    // One thread serving both queues would never meet itself: then the executor loses its patience.
    dataPathImage: () => ({ words, parties: 2 }),
  };
  const checked = checkHostConfig({
    executor: 'threads',
    processors: 2,
    vms: [
      { name: 'web', mac: '00-15-5D-00-00-01' },
      { name: 'db', mac: '00-15-5D-00-00-02' },
    ],
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const host = createHost(checked.config, {
    filterDrivers: [filter],
    workerEntry: new URL('../fixtures/rendezvous.mjs', import.meta.url),
  });
  const processors = host
    .inspect()
    .queues.slice(1)
    .map(({ Processor }) => Processor);
  expect(new Set(processors).size).toBe(2);
  for (const last of [1, 2]) {
    const bytes = new Uint8Array(64);
    bytes.set([0, 0x15, 0x5d, 0, 0, last, 2, 0, 0, 0, 0, 9, 8, 0]);
    expect(host.wire.send(bytes, 0, 64)).toBeGreaterThan(0);
  }
  host.wire.flush();
  host.runUntilIdle();
  const { ledger } = host.inspect();
  await host.stop();
  // Both were in the middle of their indication at once.
  expect([...new Int32Array(words)]).toEqual([2, 2]);
  expect(ledger).toMatchObject({ received: 2, ends: { delivered: 2 }, inFlight: 0 });
});
