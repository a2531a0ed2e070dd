/** A host with three VMs, something that goes wrong with it, and the questions every fault must leave with a yes. */
import { checkHostConfig, createHost, type Host, type HostConfigInput } from '@vmq/host';
import { createRandom } from '@vmq/machine';
import { expect } from 'vitest';
import { createFaultInjector, type FaultInjector, RECOVERY } from '../../src/faults/fault-injector.ts';
import type { FaultName, FaultParameters } from '../../src/faults/fault-names.ts';

export const VMS = [
  { name: 'web', mac: '00-15-5D-00-00-01', vlan: 0 },
  { name: 'db', mac: '00-15-5D-00-00-02', vlan: 100 },
  { name: 'mail', mac: '00-15-5D-00-00-03', vlan: 0 },
] as const;

const OUTSIDE = [2, 0, 0, 0, 0, 9];
const SEQUENCE_AT = 14;

export interface BenchOptions {
  readonly seed?: number;
  readonly config?: Partial<HostConfigInput>;
}

type ByVm = Record<string, number[]> & Record<(typeof VMS)[number]['name'], number[]>;

export class FaultBench {
  readonly host: Host;
  readonly faults: FaultInjector;
  readonly #sizes: readonly number[];
  #sequence = 0;
  /** Sequence numbers sent to each VM, and received by it. */
  readonly sent: ByVm = { web: [], db: [], mail: [] };
  readonly received: ByVm = { web: [], db: [], mail: [] };
  /** Frames that came out of the NIC, by sequence number. */
  readonly out: number[] = [];

  constructor(options: BenchOptions = {}) {
    const { seed = 1, config } = options;
    const checked = checkHostConfig({
      processors: 2,
      seed,
      nic: { receiveBuffers: 32, ...config?.nic },
      vms: VMS.map((vm) => ({ ...vm })),
      ...config,
    });
    if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
    this.host = createHost(checked.config, { record: true, sources: true });
    this.faults = createFaultInjector(this.host, createRandom(seed).fork('faults'));
    this.#sizes = [60, 64, 590, 1514];
  }

  inject(name: FaultName, parameters?: FaultParameters): void {
    const { accepted, why } = this.faults.inject(name, parameters);
    expect([name, accepted, why]).toEqual([name, true, why]);
  }

  get dropped(): Readonly<Record<string, number>> {
    return this.host.inspect().ledger.ends.dropped;
  }

  /** Puts `count` frames for a VM on the wire; what finds no place there is not sent. */
  send(name: string, count: number): void {
    const vm = VMS.find((one) => one.name === name) as (typeof VMS)[number];
    for (let i = 0; i < count; i++) {
      const sequence = ++this.#sequence;
      const bytes = this.#frame(addressOf(vm.mac), OUTSIDE, sequence, vm.vlan);
      if (this.faults.wire.send(bytes, 0, bytes.length) !== 0) this.sent[name].push(sequence);
    }
    this.faults.wire.flush();
  }

  sendToAll(count: number): void {
    for (const { name } of VMS) if (this.host.vmNames.includes(name)) this.send(name, count);
  }

  /** Has a VM send `count` frames to the outside; returns their numbers. */
  sendOut(name: string, count: number): number[] {
    const vm = VMS.find((one) => one.name === name) as (typeof VMS)[number];
    const numbers: number[] = [];
    for (let i = 0; i < count; i++) {
      const bytes = this.#frame(OUTSIDE, addressOf(vm.mac), ++this.#sequence, 0);
      if (this.host.sendFrom(name, bytes, 0, bytes.length)) numbers.push(this.#sequence);
    }
    return numbers;
  }

  /** Lets everything come to rest, and takes what has arrived. */
  run(): void {
    this.host.runUntilIdle();
    this.take();
  }

  /** Lets `seconds` go by. */
  pass(seconds: number): void {
    this.faults.passTime(seconds * 1e9);
    this.run();
  }

  take(): void {
    for (const { name } of VMS) {
      if (!this.host.vmNames.includes(name)) continue;
      this.host.takeReceived(name, ({ bytes, offset, length }) => {
        this.received[name].push(readFrame(bytes, offset, length));
      });
    }
    this.faults.wire.receive((bytes, offset, length) => {
      const tagged = bytes[offset + 12] === 0x81 && bytes[offset + 13] === 0;
      const view = new DataView(bytes.buffer, bytes.byteOffset + offset, length);
      const type = view.getUint16(tagged ? 16 : 12);
      if (type === 0x88b5) this.out.push(view.getUint32(SEQUENCE_AT + (tagged ? 4 : 0)));
    });
  }

  /** Heals, lets the stack notice, and asks whether everybody gets what is sent to him, and is heard. */
  recover(): void {
    this.faults.heal();
    // What lies damaged in a ring is found when a frame comes upon it.
    this.sendToAll(1);
    this.pass(RECOVERY / 1e9);
    this.expectFlow();
    this.expectClosed();
  }

  expectFlow(names: readonly string[] = this.host.vmNames): void {
    this.run();
    for (const name of names) {
      const before = this.received[name].length;
      this.send(name, 8);
      this.run();
      const wanted = this.sent[name].slice(-8);
      expect([name, this.received[name].slice(before)]).toEqual([name, wanted]);
      const numbers = this.sendOut(name, 4);
      this.run();
      expect([name, this.out.slice(-4)]).toEqual([name, numbers]);
    }
  }

  /** At rest every frame has ended once, nobody holds an NBL, no request is pending. */
  expectClosed(): void {
    const { ledger } = this.host.inspect();
    expect(ledger.inFlight).toBe(0);
    const { outstanding, pendingOids } = this.host.adapter.inspect();
    expect(outstanding).toEqual({ receives: 0, sends: 0 });
    expect(pendingOids).toEqual([]);
  }

  /** What a VM has received is what was sent to it, in order and once, with gaps perhaps. */
  expectOrder(): void {
    for (const { name } of VMS) {
      const got = this.received[name];
      const sent = new Set(this.sent[name]);
      expect(got.filter((sequence) => !sent.has(sequence))).toEqual([]);
      expect(got).toEqual([...new Set(got)].sort((one, other) => one - other));
    }
  }

  /** Takes all down; nothing may be left. */
  async tearDown(): Promise<void> {
    const { host } = this;
    const { adapter, sharedMemory } = host;
    for (const name of [...host.vmNames]) host.removeVm(name);
    this.run();
    if (adapter.state === 'Running') adapter.pause();
    this.run();
    if (adapter.state === 'Paused') adapter.halt();
    expect(adapter.state).toBe('Halted');
    this.expectClosed();
    const { queues, filters, msixEntries } = adapter.inspect();
    expect({ queues, filters, msixEntries }).toEqual({ queues: [], filters: [], msixEntries: [] });
    const kept = new Set(host.virtualSwitch.sendBlocks.map(({ handle }) => handle));
    expect(sharedMemory.blocks().filter(({ handle }) => !kept.has(handle))).toEqual([]);
    await host.stop();
  }

  #frame(to: readonly number[], from: readonly number[], sequence: number, vlan: number): Uint8Array {
    const length = this.#sizes[sequence % this.#sizes.length];
    const plain = new Uint8Array(length);
    plain.set(to, 0);
    plain.set(from, 6);
    plain.set([0x88, 0xb5], 12);
    for (let i = SEQUENCE_AT + 4; i < length; i++) plain[i] = (sequence + i) & 255;
    new DataView(plain.buffer).setUint32(SEQUENCE_AT, sequence);
    if (vlan === 0) return plain;
    const tagged = new Uint8Array(length + 4);
    tagged.set(plain.subarray(0, 12), 0);
    tagged.set([0x81, 0x00, vlan >> 8, vlan & 255], 12);
    tagged.set(plain.subarray(12), 16);
    return tagged;
  }
}

const addressOf = (mac: string): number[] => mac.split('-').map((pair) => Number.parseInt(pair, 16));

/** The sequence number of a frame, or -1 if its bytes are not those it was sent with. */
function readFrame(bytes: Uint8Array, offset: number, length: number): number {
  const sequence = new DataView(bytes.buffer, bytes.byteOffset + offset, length).getUint32(SEQUENCE_AT);
  for (let i = SEQUENCE_AT + 4; i < length; i++) if (bytes[offset + i] !== ((sequence + i) & 255)) return -1;
  return sequence;
}
