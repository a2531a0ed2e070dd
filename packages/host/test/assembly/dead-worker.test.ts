// A worker thread of a host is terminated, as the operating system or an operator might: whoever calls the host hears it.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { checkHostConfig, createHost } from '../../src/index.ts';

it.each([
  ['nic', /worker \d+ \(nic\) failed: the thread is gone without a word/],
  ['processor:1', /worker \d+ \(processor:1\) failed: the thread is gone without a word/],
  ['vm:web', /worker \d+ \(vm:web, vm:db\) failed: the thread is gone without a word/],
])('without the thread of %s every call says whose thread is gone', async (agent, gone) => {
  const checked = checkHostConfig({
    executor: 'threads',
    processors: 2,
    vms: [
      { name: 'web', mac: '00-15-5D-00-00-01' },
      { name: 'db', mac: '00-15-5D-00-00-02' },
    ],
    maxVms: 3,
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const threads: Worker[] = [];
  const note = (message: unknown): void => {
    threads.push((message as { worker: Worker }).worker);
  };
  subscribe('worker_threads', note);
  const host = createHost(checked.config);
  unsubscribe('worker_threads', note);
  host.runUntilIdle();
  const { board } = host.machine;
  void threads[board.workerOf(host.machine.agent(agent))]?.terminate();
  expect(() => {
    for (;;) host.publish();
  }).toThrow(gone);
  expect(() => host.runUntilIdle()).toThrow(gone);
  expect(() => host.addVm({ name: 'app', mac: '00-15-5D-00-00-03' })).toThrow(gone);
  expect(() => host.adapter.reset()).toThrow(gone);
  await expect(host.stop()).rejects.toThrow(gone);
});
