import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { checkHostConfig, createHost } from '../../src/index.ts';

it('a host and what it is made of print as their reports, and printing changes nothing', () => {
  const checked = checkHostConfig({ vms: [{ name: 'web', mac: '00-15-5D-00-00-01' }] });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const host = createHost(checked.config);
  const before = JSON.stringify(host.inspect());
  const reports: [object, unknown][] = [
    [host, host.inspect()],
    [host.adapter, host.adapter.inspect()],
    [host.virtualSwitch, host.virtualSwitch.inspect()],
    [host.sharedMemory, host.sharedMemory.inspect()],
    [host.machine.ledger, host.machine.ledger.report()],
  ];
  for (const [object, report] of reports) expect(inspect(object)).toBe(inspect(report));
  expect(inspect(host.ndis.refusals)).toBe('nothing refused, no rule broken');
  expect(JSON.stringify(host.inspect())).toBe(before);
});
