/** A capture through a host, and what each VM had of it. */
import { TRACE_DELIVERIES } from '@vmq/machine';
import { VSWITCH_TRACE } from '@vmq/vswitch';
import { checkHostConfig, createHost, type HostConfigInput, type HostOptions } from '../../src/index.ts';

/** What a host made of a capture. */
export interface Replayed {
  /** Frames of each VM in wire order, as hex. */
  readonly frames: Readonly<Record<string, string[]>>;
  /** For each VM and queue: the stamps in the order the VM got the frames. */
  readonly order: Readonly<Record<string, number[]>>;
  /** … and their lengths. */
  readonly lengths: Readonly<Record<string, number[]>>;
  readonly delivered: number;
  readonly copies: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly conservation: boolean;
  /** Bytes the switch copied into VMs' memory. */
  readonly copiedBytes: number;
}

/** Puts packets on the wire of a host of its own, a window at a time. */
export async function replay(
  input: HostConfigInput,
  packets: readonly Uint8Array[],
  options: HostOptions = {},
): Promise<Replayed> {
  const checked = checkHostConfig(input);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const host = createHost(checked.config, { ...options, record: true });
  host.trace.setLevel(TRACE_DELIVERIES);
  host.publish();
  const ports = host.inspect().ports;
  const frames: Record<string, string[]> = {};
  const order: Record<string, number[]> = {};
  const lengths: Record<string, number[]> = {};
  for (let from = 0; from < packets.length; from += host.window) {
    for (const packet of packets.slice(from, from + host.window)) {
      if (host.wire.send(packet, 0, packet.length) === 0) throw new Error('the wire is full');
    }
    host.wire.flush();
    host.runUntilIdle();
    const records = host.trace.drain().filter(({ kind }) => kind === VSWITCH_TRACE.DELIVERY);
    for (const { VmName, PortId } of ports) {
      const mine = new Map(records.filter(({ a }) => a === PortId).map((record) => [record.e, record]));
      const window: { stamp: number; hex: string }[] = [];
      host.takeReceived(VmName, ({ delivery, bytes, offset, length, tci }) => {
        const record = mine.get(delivery);
        if (record === undefined) throw new Error(`${VmName}: no trace record of delivery ${delivery}`);
        const hex = Buffer.from(bytes.subarray(offset, offset + length)).toString('hex');
        window.push({ stamp: record.stamp, hex: `${hex} tci ${tci}` });
        const queue = `${VmName} queue ${record.b}`;
        order[queue] ??= [];
        order[queue].push(record.stamp);
        lengths[queue] ??= [];
        lengths[queue].push(length);
      });
      window.sort((x, y) => x.stamp - y.stamp);
      frames[VmName] ??= [];
      frames[VmName].push(...window.map(({ hex }) => hex));
    }
  }
  const { ledger, conservation } = host.inspect();
  const counters = host.virtualSwitch.inspect().ports.map((port) => port.counters);
  await host.stop();
  return {
    frames,
    order,
    lengths,
    delivered: ledger.ends.delivered,
    copies: ledger.copies,
    dropped: ledger.ends.dropped,
    conservation,
    copiedBytes: counters.reduce((sum, { bytesCopied }) => sum + bytesCopied, 0),
  };
}
