// Which processors VM queues are on: the adapter's keywords and the switch's list decide, at the NIC, in NDIS's report, at
// the switch, and for what the VMs send.
import { describe, expect, it } from 'vitest';
import { createHost } from '../../src/assembly/create-host.ts';
import { placementPerProcessor } from '../../src/assembly/placement.ts';
import { checkHostConfig } from '../../src/config/check-config.ts';
import { type HostConfigInput, vmqProcessorsOf } from '../../src/config/config.ts';
import type { Host } from '../../src/vm/host.ts';

const macOf = (vm: number): number[] => [0x00, 0x15, 0x5d, 0, 0, vm + 1];
const OUTSIDE = [0x02, 0, 0, 0, 0, 9];

function vmsOf(count: number) {
  return Array.from({ length: count }, (_, vm) => ({
    name: `vm${vm}`,
    mac: macOf(vm)
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('-'),
  }));
}

function frame(to: readonly number[], from: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(60);
  bytes.set([...to, ...from, 0x08, 0x00]);
  return bytes;
}

async function running<T>(input: HostConfigInput, use: (host: Host) => T): Promise<T> {
  const checked = checkHostConfig(input);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const host = createHost(checked.config, { sources: true });
  try {
    return use(host);
  } finally {
    await host.stop();
  }
}

/** A frame to and from each VM; where its queue is, by the reports of NDIS and of the switch. */
function tryAll(host: Host, vms: number) {
  for (let vm = 0; vm < vms; vm++) {
    host.wire.send(frame(macOf(vm), OUTSIDE), 0, 60);
    host.sendFrom(`vm${vm}`, frame(OUTSIDE, macOf(vm)), 0, 60);
  }
  host.wire.flush();
  host.runUntilIdle();
  const { ledger, queues, ports } = host.inspect();
  expect(ledger.ends).toEqual({ delivered: vms, transmitted: vms, dropped: {} });
  return {
    queues: queues.filter(({ QueueID }) => QueueID !== 0).map(({ Processor }) => Processor),
    defaultQueue: queues.find(({ QueueID }) => QueueID === 0)?.Processor,
    ports: ports.map(({ Processor }) => Processor),
    masks: queues
      .filter(({ QueueID }) => QueueID !== 0)
      .map(({ ProcessorAffinityMask }) => ProcessorAffinityMask),
  };
}

describe('VM queues and processors', () => {
  it.each([
    [{ keywords: { '*RssBaseProcNumber': 2, '*MaxRssProcessors': 2 } }, [2, 3, 2, 3]],
    [{ baseProcessorNumber: 6 }, [6, 7, 6, 7]],
    [{ keywords: { '*RssBaseProcNumber': '4', '*RssMaxProcNumber': '4' } }, [4, 4, 4, 4]],
    [{ maxProcessors: 3 }, [0, 1, 2, 0]],
    [{ maxProcessorNumber: 1 }, [0, 1, 0, 1]],
  ])('are where the adapter’s settings say: %j', async (nic, processors) => {
    const found = await running({ processors: 8, nic, vms: vmsOf(4) }, (host) => tryAll(host, 4));
    expect(found.queues).toEqual(processors);
    expect(found.ports).toEqual(processors);
    expect(found.defaultQueue).toBe(Math.min(...processors));
    expect(found.masks).toEqual(
      processors.map((processor) => `0x${(1 << processor).toString(16).toUpperCase()}`),
    );
  });

  it('are on the switch’s processors in its order, within what the adapter leaves', async () => {
    const input = {
      processors: 8,
      nic: { baseProcessorNumber: 2 },
      switch: { vmqProcessors: [7, 3, 5] },
      vms: vmsOf(4),
    };
    expect((await running(input, (host) => tryAll(host, 4))).queues).toEqual([7, 3, 5, 7]);
  });

  it('and VMs without a queue stay off the processors before the base', async () => {
    const input = { processors: 4, vmq: false, nic: { baseProcessorNumber: 2 }, vms: vmsOf(3) };
    expect((await running(input, (host) => tryAll(host, 3))).ports).toEqual([2, 3, 2]);
  });

  it('are on no processor for which the NIC has no transmit queue, so every VM can send', async () => {
    // netvmini: 8 VM queues and the default queue, as many transmit queues.
    const input = { processors: 16, nic: { profile: 'netvmini' }, vms: vmsOf(12) };
    const found = await running(input, (host) => tryAll(host, 12));
    expect(found.queues).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(Math.max(...found.ports)).toBe(8);
  });

  it('and threads are placed with the processors that their queues are on', () => {
    const checked = checkHostConfig({ processors: 4, nic: { baseProcessorNumber: 2 }, vms: vmsOf(3) });
    if (!checked.ok) throw new Error('refused');
    expect(vmqProcessorsOf(checked.config)).toEqual([2, 3]);
    expect(placementPerProcessor(checked.config, [2, 3])).toEqual([
      ['nic', 'processor:0'],
      ['processor:1'],
      ['processor:2', 'vm:vm0', 'vm:vm2'],
      ['processor:3', 'vm:vm1'],
    ]);
  });
});
