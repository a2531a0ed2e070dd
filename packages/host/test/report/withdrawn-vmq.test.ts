/**
 * VM queues taken out of use and put back while frames flow, as a vendor's management application does it: every VM is
 * served all the time, and every frame ends in one counter.
 */
import { NDIS_STATUS_INVALID_DATA, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { queryRequest, setRequest } from '@vmq/ddi';
import { OID_VMQ_MINIPORT_VM_QUEUES } from '@vmq/miniport';
import { describe, expect, it } from 'vitest';
import { checkHostConfig, createHost, type Host, type HostConfigInput } from '../../src/index.ts';

const VMS = [1, 2, 3].map((number) => ({
  name: `vm${number}`,
  mac: `00-15-5D-00-00-0${number}`,
  vlan: number === 3 ? 100 : 0,
  vmqWeight: 100 - number,
}));

function hostOf(change: HostConfigInput = {}): Host {
  const checked = checkHostConfig({ vms: VMS, processors: 2, ...change });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return createHost(checked.config, { record: true });
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

const setQueues = (host: Host, queues: number): number =>
  host.adapter.userModeRequest(setRequest(OID_VMQ_MINIPORT_VM_QUEUES, word(queues)));

const queuesInUse = (host: Host): number => host.virtualSwitch.inspect().vmq.inUse;

/** Puts a frame for each VM on the wire, marked with a number of its own. */
class Traffic {
  readonly sent: number[] = [];
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  send(rounds: number): void {
    for (let i = 0; i < rounds; i++) {
      for (const number of [1, 2, 3]) {
        const tag = number === 3 ? [0x81, 0x00, 0, 100] : [];
        const mark = this.sent.length;
        const frame = Uint8Array.of(
          ...[0, 0x15, 0x5d, 0, 0, number, 2, 0, 0, 0, 0, 9, ...tag, 0x88, 0xb5],
          ...[mark >> 8, mark & 255],
          ...new Uint8Array(46),
        );
        expect(this.#host.wire.send(frame, 0, frame.length)).toBeGreaterThan(0);
        this.sent.push(number);
      }
    }
    this.#host.wire.flush();
  }

  /** Marks of the frames that each VM has, in ascending order. */
  received(): number[] {
    const marks: number[] = [];
    for (const { name } of VMS)
      this.#host.takeReceived(name, ({ bytes, offset }) => {
        marks.push((bytes[offset + 14] << 8) | bytes[offset + 15]);
      });
    return marks.sort((a, b) => a - b);
  }
}

describe.each([['deterministic'], ['threads']] as const)('CAP-32: on the %s executor', (executor) => {
  it('no frame is lost while VM queues go, come back, shrink and grow', async () => {
    const host = hostOf({ executor });
    const traffic = new Traffic(host);
    expect(queuesInUse(host)).toBe(3);
    for (const [queues, inUse] of [
      [0, 0],
      [8, 3],
      [1, 1],
      [2, 2],
      [0, 0],
      [1, 1],
      [3, 3],
    ] as const) {
      // Half of them are on their way when the set changes.
      traffic.send(4);
      expect(setQueues(host, queues)).toBe(NDIS_STATUS_SUCCESS);
      expect(queuesInUse(host)).toBe(inUse);
      traffic.send(4);
      host.runUntilIdle();
    }
    expect(traffic.received()).toEqual(traffic.sent.map((_, mark) => mark));
    const { ledger, conservation } = host.inspect();
    expect([conservation, ledger.ends.delivered, ledger.ends.dropped]).toEqual([
      true,
      traffic.sent.length,
      {},
    ]);
    await host.stop();
  });
});

it('CAP-31 CAP-32: the adapter is paused meanwhile: queues are given back all the same', async () => {
  const host = hostOf();
  expect(host.adapter.pause()).toBe(NDIS_STATUS_SUCCESS);
  expect(setQueues(host, 0)).toBe(NDIS_STATUS_SUCCESS);
  expect(host.adapter.inspect().queues.map(({ queueId }) => queueId)).toEqual([0]);
  expect(host.adapter.restart()).toBe(NDIS_STATUS_SUCCESS);
  const traffic = new Traffic(host);
  traffic.send(1);
  host.runUntilIdle();
  expect(traffic.received()).toEqual([0, 1, 2]);
  await host.stop();
});

it('CAP-31: the application asks how many there are, and for no more than there can be', async () => {
  const host = hostOf();
  const query = queryRequest(OID_VMQ_MINIPORT_VM_QUEUES, 4);
  expect(host.adapter.userModeRequest(query)).toBe(NDIS_STATUS_SUCCESS);
  const most = host.adapter.inspect().hardwareCapabilities?.NumQueues ?? 0;
  expect(new DataView(query.informationBuffer.buffer).getUint32(0, true)).toBe(most);
  expect(setQueues(host, most + 1)).toBe(NDIS_STATUS_INVALID_DATA);
  expect(host.adapter.inspect().currentCapabilities?.NumQueues).toBe(most);
  await host.stop();
});

it('CAP-18: a miniport of NDIS 6.20, which has no such indication, changes nothing', async () => {
  const host = hostOf({ ndisVersion: '6.20' });
  expect(setQueues(host, 0)).toBe(NDIS_STATUS_NOT_SUPPORTED);
  expect(queuesInUse(host)).toBe(3);
  await host.stop();
});
