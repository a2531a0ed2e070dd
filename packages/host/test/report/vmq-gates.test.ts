// Whether VM queues are on is what is, not what was asked for: each gate alone closes them, and the report names it.
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { setRequest } from '@vmq/ddi';
import { OID_VMQ_MINIPORT_VM_QUEUES } from '@vmq/miniport';
import { describe, expect, it } from 'vitest';
import { checkHostConfig, createHost, type Host, type HostConfigInput } from '../../src/index.ts';

const VMS = [1, 2].map((number) => ({ name: `vm${number}`, mac: `00-15-5D-00-00-0${number}` }));

async function running(input: HostConfigInput, use: (host: Host) => void): Promise<void> {
  const checked = checkHostConfig({ processors: 2, vms: VMS, ...input });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const host = createHost(checked.config);
  try {
    use(host);
  } finally {
    await host.stop();
  }
}

/** What the report says, which must be what the VMs have. */
function state(host: Host) {
  const { vmq, vmqRequested, vmqGates, queues, ports } = host.inspect();
  expect(vmq).toBe(host.virtualSwitch.inspect().vmq.queues);
  expect(vmq).toBe(vmqGates.every(({ isOpen }) => isOpen));
  expect(queues.length > 1).toBe(vmq);
  expect(ports.every(({ noQueueReason }) => (noQueueReason === undefined) === vmq)).toBe(true);
  return { vmq, vmqRequested, closed: vmqGates.filter(({ isOpen }) => !isOpen).map(({ gate }) => gate) };
}

const BEHIND = ['current capabilities', 'switch'];

describe('the report of VM queues', () => {
  it.each<[string, HostConfigInput, boolean, string[]]>([
    ['on', {}, true, []],
    ['on, of NDIS 6.20', { ndisVersion: '6.20' }, true, []],
    ['not asked for', { vmq: false }, false, ['*VMQ', ...BEHIND]],
    ['not asked for by keyword', { nic: { keywords: { '*VMQ': 0 } } }, false, ['*VMQ', ...BEHIND]],
    [
      'asked for while RSS is preferred',
      { vmq: true, nic: { keywords: { '*RssOrVmqPreference': 0, '*RSS': 1 } } },
      true,
      ['*RssOrVmqPreference', ...BEHIND],
    ],
    [
      'switched off for its speed of 1 Gbit/s',
      { nic: { profile: 'i350' }, switch: { belowTenGigVmqEnabled: 2 } },
      true,
      ['switch'],
    ],
    [
      'switched off for 10 Gbit/s, which it has not',
      { nic: { profile: 'i350' }, switch: { tenGigVmqEnabled: 2 } },
      true,
      [],
    ],
    ['switched off for its speed of 10 Gbit/s', { switch: { tenGigVmqEnabled: 2 } }, true, ['switch']],
    ['by default of NDIS 6.20', { ndisVersion: '6.20', switch: { tenGigVmqEnabled: 0 } }, true, ['switch']],
    ['by default of NDIS 6.30', { switch: { tenGigVmqEnabled: 0 } }, true, []],
  ])('CAP-33 %s', (_, input, requested, closed) =>
    running(input, (host) => {
      expect(state(host)).toEqual({ vmq: closed.length === 0, vmqRequested: requested, closed });
    }),
  );

  it('withdrawn by the adapter while it runs, and back', () =>
    running({}, (host) => {
      const setQueues = (queues: number): void => {
        const bytes = new Uint8Array(4);
        bytes[0] = queues;
        const request = setRequest(OID_VMQ_MINIPORT_VM_QUEUES, bytes);
        expect(host.adapter.userModeRequest(request)).toBe(NDIS_STATUS_SUCCESS);
        host.runUntilIdle();
      };
      setQueues(0);
      expect(state(host)).toEqual({ vmq: false, vmqRequested: true, closed: BEHIND });
      setQueues(1);
      expect(host.inspect().vmq).toBe(true);
      setQueues(2);
      expect(state(host)).toEqual({ vmq: true, vmqRequested: true, closed: [] });
    }));

  it('with the adapter removed', () =>
    running({}, (host) => {
      host.adapter.surpriseRemove();
      const { vmq, vmqRequested, vmqGates } = host.inspect();
      expect({ vmq, vmqRequested }).toEqual({ vmq: false, vmqRequested: true });
      expect(vmqGates.find(({ gate }) => gate === 'adapter')).toMatchObject({
        isOpen: false,
        found: 'Halted, and the switch is not bound to it',
      });
    }));

  it('says of each gate what was found, and where it is set or read', () =>
    running({ nic: { profile: 'netvmini' } }, (host) => {
      expect(host.inspect().vmqGates.map(({ gate, found }) => [gate, found])).toEqual([
        ['*RssOrVmqPreference', '1: VMQ'],
        ['*VMQ', '1: on'],
        ['hardware', '8 VM queues'],
        ['adapter', 'Running'],
        ['current capabilities', '8 VM queues'],
        ['switch', '2 of 8 VM queues in use'],
      ]);
      expect(host.inspect().vmqGates.every(({ source }) => source !== '')).toBe(true);
    }));
});
