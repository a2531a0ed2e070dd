/** Two hosts on one physical switch, with a station beside them: what migrations are tested in. */
import { checkHostConfig, createHost, type Host, type HostConfigInput, type HostOptions } from '@vmq/host';

export const WEB: readonly number[] = [0x00, 0x15, 0x5d, 0, 0, 1];
export const DB: readonly number[] = [0x00, 0x15, 0x5d, 0, 0, 2];
export const STATION: readonly number[] = [2, 0, 0, 0, 0, 9];
/** EtherType of the tests' frames (IEEE 802 local experimental 2). */
const ETHERTYPE = [0x88, 0xb6];
/** Byte offset of a frame's number, untagged. */
const NUMBER = 14;

export function hostWith(input: HostConfigInput, options: HostOptions = {}): Host {
  const checked = checkHostConfig(input);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return createHost(checked.config, { record: true, ...options });
}

/** A frame with a number of its own, so that none can be taken for another. */
export function numbered(
  to: readonly number[],
  number: number,
  {
    length = 100,
    vlan = 0,
    from = STATION,
  }: { length?: number; vlan?: number; from?: readonly number[] } = {},
): Uint8Array {
  const bytes = Uint8Array.from({ length: length + (vlan === 0 ? 0 : 4) }, (_, i) => (i * 7 + number) & 255);
  bytes.set([...to, ...from], 0);
  const tag = vlan === 0 ? [] : [0x81, 0x00, vlan >> 8, vlan & 255];
  bytes.set([...tag, ...ETHERTYPE, number >>> 24, number >>> 16, number >>> 8, number], 12);
  return bytes;
}

/** The number of an untagged frame, -1 if it is none of {@link numbered}. */
export function numberOf(bytes: ArrayLike<number>): number {
  if (bytes[12] !== ETHERTYPE[0] || bytes[13] !== ETHERTYPE[1]) return -1;
  const at = (i: number): number => bytes[NUMBER + i];
  return (at(0) << 24) | (at(1) << 16) | (at(2) << 8) | at(3);
}

export class Lab {
  readonly a: Host;
  readonly b: Host;
  /** Frames that came to the station, in their order. */
  readonly station: Uint8Array[] = [];
  /** Where the physical switch has seen each address. */
  readonly learned: Map<string, Host | 'station'> = new Map();
  /** Frames each host has put on its wire. */
  readonly transmitted: Map<Host, Uint8Array[]> = new Map();

  constructor(a: Host, b: Host) {
    this.a = a;
    this.b = b;
    for (const host of [a, b]) this.transmitted.set(host, []);
  }

  /** From the station, or from elsewhere, into the physical switch. */
  send(...frames: readonly Uint8Array[]): void {
    for (const bytes of frames) this.#switch('station', bytes);
    for (const host of [this.a, this.b]) host.wire.flush();
  }

  /** Both hosts run until nothing is left to do, and the switch between them has carried everything. */
  settle(): void {
    for (let carried = 1; carried !== 0; ) {
      carried = 0;
      for (const host of [this.a, this.b]) {
        host.runUntilIdle();
        const out: Uint8Array[] = [];
        host.wire.receive((bytes, offset, length) => {
          out.push(bytes.slice(offset, offset + length));
        });
        carried += out.length;
        this.transmitted.get(host)?.push(...out);
        for (const bytes of out) this.#switch(host, bytes);
      }
      for (const host of [this.a, this.b]) host.wire.flush();
    }
  }

  /** Every frame has ended once, on both hosts. */
  conserved(): void {
    for (const host of [this.a, this.b]) {
      const { ledger, conservation } = host.inspect();
      if (!conservation)
        throw new Error(`frames in flight on ${host.config.name}: ${JSON.stringify(ledger)}`);
    }
  }

  /** Numbers of the frames that a VM has received on either host since the last call, host a's first. */
  received(name: string): number[] {
    return this.frames(name).map(numberOf);
  }

  frames(name: string): Uint8Array[] {
    const all: Uint8Array[] = [];
    for (const host of [this.a, this.b]) {
      try {
        host.takeReceived(name, ({ bytes, offset, length }) => {
          all.push(bytes.slice(offset, offset + length));
        });
      } catch {
        // It has never been on this host.
      }
    }
    return all;
  }

  async stop(): Promise<void> {
    await Promise.all([this.a.stop(), this.b.stop()]);
  }

  #switch(from: Host | 'station', bytes: Uint8Array): void {
    const text = (at: number): string => [...bytes.subarray(at, at + 6)].join('-');
    this.learned.set(text(6), from);
    const to = (bytes[0] & 1) === 0 ? this.learned.get(text(0)) : undefined;
    const targets = to === undefined ? [this.a, this.b, 'station' as const] : [to];
    for (const target of targets) {
      if (target === from) continue;
      if (target === 'station') this.station.push(bytes);
      else if (target.wire.send(bytes, 0, bytes.length) === 0) throw new Error('the wire is full');
    }
  }
}

/** What others see of a host: VMs, ports, queues and filters, without counters. */
export function shapeOf(host: Host): object {
  const { ports, queues } = host.inspect();
  return {
    vms: host.vmNames,
    ports: ports
      .map(({ PortId, VmName, QueueID, MacAddress }) => ({ PortId, VmName, QueueID, MacAddress }))
      .sort((x, y) => x.PortId - y.PortId),
    queues: queues.map(({ QueueID, State, NumFilters, VmFriendlyName, FilterList }) => ({
      QueueID,
      State,
      NumFilters,
      VmFriendlyName,
      filters: FilterList.map(({ MacAddress, VlanID }) => `${MacAddress} ${VlanID}`),
    })),
  };
}

/** Why the adapter of a host is not at rest, or null: nothing is in anybody's hands, and no rule was broken. */
export function unrestOf(host: Host): string | null {
  const { outstanding, pendingOids } = host.adapter.inspect();
  const refused = host.ndis.refusals.last;
  if (outstanding.receives !== 0 || outstanding.sends !== 0) return JSON.stringify(outstanding);
  return pendingOids.length !== 0 || refused !== null ? JSON.stringify({ pendingOids, refused }) : null;
}

export interface LabOptions {
  readonly a?: HostConfigInput;
  readonly b?: HostConfigInput;
  readonly optionsB?: HostOptions;
}

/** Host a with VMs web and db, host b with VM app; see the addresses above. */
export function createLab({ a = {}, b = {}, optionsB = {} }: LabOptions = {}): Lab {
  const one = hostWith({
    name: 'a',
    processors: 2,
    vms: [
      { name: 'web', mac: '00-15-5D-00-00-01' },
      { name: 'db', mac: '00-15-5D-00-00-02', vlan: 100 },
    ],
    ...a,
  });
  const two = hostWith(
    { name: 'b', processors: 2, seed: 5, vms: [{ name: 'app', mac: '00-15-5D-00-00-07', vlan: 100 }], ...b },
    optionsB,
  );
  return new Lab(one, two);
}
