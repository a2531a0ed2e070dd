/** Which files a frame enters: by coverage, of the sources. docs/architecture.md is held against it by a test of its own. */
import * as host from '@vmq/host';
import * as nic from '@vmq/nic';
import { afterEach, describe, expect, it } from 'vitest';
import {
  behindPackage,
  enteredBy,
  enteredByTurn,
  inAll,
  sourceFileOf,
  upToPackage,
} from '../src/entered-files.ts';
import { entryOrder } from '../src/entry-order.ts';
import { bringUp, type FrameOptions, receivedFrame, sentFrame } from '../src/frame-host.ts';

const hosts: host.Host[] = [];
function hostWith(options: FrameOptions = {}): host.Host {
  const made = bringUp({ host, nic }, options);
  hosts.push(made);
  return made;
}
afterEach(async () => {
  for (const made of hosts.splice(0)) await made.stop();
});

const files = (turns: ReturnType<typeof enteredByTurn>): string[] => inAll(turns).map(({ file }) => file);

describe('files that a frame enters', () => {
  it('begin at the NIC and end in the guest; behind it only memory goes back', () => {
    const turns = enteredByTurn(receivedFrame(hostWith()));
    const way = upToPackage(turns, 'guest');
    const packagesOf = (turn: number): Set<string> =>
      new Set(way[turn].map(({ file }) => file.split('/')[1]));
    expect([...packagesOf(0)]).toContain('nic');
    expect([...packagesOf(way.length - 1)]).toContain('guest');
    expect(way.length + behindPackage(turns, 'guest').length).toBe(turns.length);
    for (const file of files(turns)) expect(file).toMatch(/^packages\/[\w-]+\/src\/.*\.ts$/);
  });

  it('are the same for the next frame', () => {
    const made = hostWith({ ndisVersion: '6.30' });
    expect(files(enteredByTurn(receivedFrame(made)))).toEqual(files(enteredByTurn(receivedFrame(made))));
  });

  it('are entered in an order that a debugger sees: the NIC, then the driver, the switch, the guest', async () => {
    const made = hostWith();
    const order = await entryOrder(receivedFrame(made));
    expect([...order].sort()).toEqual(files(enteredByTurn(receivedFrame(made))).sort());
    const firstOf = (name: string): number => order.findIndex((file) => file.startsWith(`packages/${name}/`));
    const firsts = ['nic', 'miniport', 'vswitch', 'guest'].map(firstOf);
    expect(firsts).toEqual([...firsts].sort((x, y) => x - y));
    expect(firsts[0]).toBeGreaterThanOrEqual(0);
  });

  it('are none when nothing comes', () => {
    const run = receivedFrame(hostWith());
    expect(enteredByTurn({ ...run, begin: () => {} })).toEqual([]);
  });

  it('of one that a VM sends begin in the guest', () => {
    const [first] = enteredByTurn(sentFrame(hostWith()));
    expect(first.some(({ file }) => file.startsWith('packages/guest/'))).toBe(true);
  });
});

it('files that an action enters: those of the call, not of the machine at rest', () => {
  const made = hostWith();
  const entered = enteredBy(
    () => made.runUntilIdle(),
    () => made.inspect(),
  ).map(({ file }) => file);
  expect(entered.some((file) => file.startsWith('packages/host/'))).toBe(true);
  // A report reads what guests have counted; no guest has a turn for it.
  expect(entered.some((file) => file.startsWith('packages/guest/src/agent/'))).toBe(false);
});

it.each([
  ['file:///x/packages/nic/dist/receive/loop.js', 'packages/nic/src/receive/loop.ts'],
  ['/x/packages/nic/src/receive/loop.ts', 'packages/nic/src/receive/loop.ts'],
  ['/x/packages/nic/test/receive/loop.test.ts', null],
  ['node:internal/modules', null],
])('%s is %s', (url, file) => {
  expect(sourceFileOf(url)).toBe(file);
});
