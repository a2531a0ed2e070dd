/**
 * Faults into a running host, all from one seeded stream: through registers, host memory, the device's agent, the
 * executor, the wire, and what NDIS and the shared-memory manager let stand in between. While there is none, nothing
 * of this is in anybody's way.
 */
import { NDIS_STATUS_ADAPTER_NOT_READY, NDIS_STATUS_FAILURE, NDIS_STATUS_RESOURCES } from '@vmq/abi';
import type { Random } from '@vmq/machine';
import { type CompletionDamage, NIC_AGENT } from '@vmq/nic';
import { DeviceFaultInjection, type QueueInService } from './device-fault-injection.ts';
import type { FaultHost, FaultWire } from './fault-host.ts';
import {
  FAULT_NAMES,
  FAULTS,
  type FaultDescription,
  type FaultName,
  type FaultParameters,
} from './fault-names.ts';
import { FaultyWire, type WireFault } from './faulty-wire.ts';
import { MemoryFaults } from './memory-faults.ts';
import { passTime } from './pass-time.ts';
import { RequestFaults } from './request-faults.ts';

/** What became of a request for a fault. */
export interface Injection {
  readonly accepted: boolean;
  /** What was done, or why nothing was. */
  readonly why: string;
}

export interface FaultInjector {
  /** Lets something go wrong. Not accepted where the host has nothing it could happen to at present. */
  inject(name: FaultName, parameters?: FaultParameters): Injection;
  /**
   * Ends every fault that lasts; what is permanent stays. The stack then needs time to notice: two checks for hang
   * are enough ({@link RECOVERY}).
   */
  heal(): void;
  /** Lets `nanoseconds` of the machine's time go by: agents run, NDIS's timers and checks for hang too. */
  passTime(nanoseconds: number): void;
  /** The host's wire with what goes wrong on it. Send through this instead of `host.wire`; see {@link FaultyWire}. */
  readonly wire: FaultWire & { readonly dropped: number };
  /** Accepted injections by name. */
  readonly counts: Readonly<Record<FaultName, number>>;
  /** Names of faults that still last. */
  readonly lasting: readonly FaultName[];
}

/** Nanoseconds after {@link FaultInjector.heal} within which traffic flows again: two checks for hang, and a reset. */
export const RECOVERY = 5_000_000_000;

/** Interrupt vectors of a processor. */
const VECTORS = 256;

const FAILURES = [NDIS_STATUS_FAILURE, NDIS_STATUS_RESOURCES, NDIS_STATUS_ADAPTER_NOT_READY];

/** Faults for `host`, drawn from `random` (fork one for it). One injector per host. */
export function createFaultInjector(host: FaultHost, random: Random): FaultInjector {
  return new HostFaults(host, random);
}

type Filled = FaultParameters & { readonly count: number; readonly nanoseconds: number };

class HostFaults implements FaultInjector {
  readonly wire: FaultyWire;
  readonly counts: Record<FaultName, number>;
  readonly #host: FaultHost;
  readonly #random: Random;
  readonly #device: DeviceFaultInjection;
  readonly #memory: MemoryFaults;
  readonly #requests: RequestFaults;
  /** Faults of the device that last, with what ends the timed ones before their time. */
  readonly #lasting = new Map<FaultName, () => void>();
  #isRemoved = false;

  constructor(host: FaultHost, random: Random) {
    this.#host = host;
    this.#random = random;
    this.#device = new DeviceFaultInjection(host);
    this.#memory = new MemoryFaults(host);
    this.#requests = new RequestFaults(host);
    this.wire = new FaultyWire(host.wire, random.fork('wire'));
    this.counts = Object.fromEntries(FAULT_NAMES.map((name) => [name, 0])) as Record<FaultName, number>;
  }

  inject(name: FaultName, parameters: FaultParameters = {}): Injection {
    const { defaults }: FaultDescription = FAULTS[name];
    const why = this.#do(name, { count: 1, nanoseconds: 0, ...defaults, ...parameters });
    const accepted = typeof why === 'string';
    if (accepted) this.counts[name]++;
    return { accepted, why: accepted ? why : why.not };
  }

  heal(): void {
    this.#memory.heal();
    this.#requests.heal();
    this.wire.heal();
    for (const end of [...this.#lasting.values()]) end();
    this.#lasting.clear();
    if (!this.#isRemoved) this.#device.tell({ kind: 'none' });
    // Agents that are stalled go on when their time is over.
    this.#host.executor.publish();
  }

  passTime(nanoseconds: number): void {
    passTime(this.#host, nanoseconds);
  }

  get lasting(): readonly FaultName[] {
    const memory = this.#memory;
    const requests = this.#requests;
    const is: Partial<Record<FaultName, boolean>> = {
      'memory-refused': memory.isRefusing,
      'memory-slow': memory.isSlow,
      'provider-gone': memory.isProviderGone,
      'oid-slow': requests.isSlow,
      'oid-fails': requests.isFailing,
      'miniport-late': requests.isDelayingPauses,
      'surprise-removal': this.#isRemoved,
    };
    return FAULT_NAMES.filter(
      (name) => is[name] === true || this.#lasting.has(name) || this.wire.lasting.includes(name as WireFault),
    );
  }

  /** What was done, or why nothing was. */
  #do(name: FaultName, parameters: Filled): string | { readonly not: string } {
    const { count, nanoseconds } = parameters;
    switch (name) {
      case 'memory-refused':
        this.#memory.refuse(count);
        return `${count} allocations`;
      case 'memory-slow':
        this.#memory.slow(count, nanoseconds);
        return `${count} allocations, ${nanoseconds} ns each`;
      case 'provider-gone':
        if (this.#memory.isProviderGone) return { not: 'it has gone already' };
        this.#memory.removeProvider();
        return 'no more allocations';
      case 'oid-slow':
        this.#requests.slow(count, parameters.oid ?? null, nanoseconds);
        return `${count} requests, ${nanoseconds} ns each`;
      case 'oid-fails': {
        const status = parameters.status ?? (this.#oneOf(FAILURES) as number);
        this.#requests.fail(count, parameters.oid ?? null, status);
        return `${count} requests, status 0x${status.toString(16)}`;
      }
      case 'miniport-late':
        this.#requests.delayPauses(count, nanoseconds);
        return `${count} pauses, ${nanoseconds} ns each`;
      case 'processor-stall': {
        const processor = parameters.processor ?? this.#random.below(this.#host.machine.processorCount);
        this.#host.executor.stall(`processor:${processor}`, nanoseconds);
        return `processor ${processor}`;
      }
      case 'guest-stall': {
        const vm = this.#oneOf(this.#host.vmNames);
        if (vm === undefined) return { not: 'there is no VM' };
        this.#host.executor.stall(`vm:${vm}`, nanoseconds);
        return `VM ${vm}`;
      }
      case 'dma-late':
        this.#host.executor.stall(NIC_AGENT, nanoseconds);
        return `${nanoseconds} ns`;
      case 'interrupt-spurious':
        return this.#raise(count, parameters.processor);
      case 'wire-drop':
      case 'wire-reorder':
      case 'wire-duplicate':
      case 'wire-flip':
        this.wire.begin(name, count);
        return `${count} frames`;
      default:
        return this.#doToDevice(name, parameters);
    }
  }

  #doToDevice(name: FaultName, parameters: Filled): string | { readonly not: string } {
    const { count, nanoseconds } = parameters;
    const device = this.#device;
    if (this.#isRemoved) return { not: 'the card has been pulled' };
    if (name === 'surprise-removal') {
      this.#isRemoved = true;
      for (const end of [...this.#lasting.values()]) end();
      device.pull();
      this.#host.adapter.surpriseRemove();
      return `the adapter is ${this.#host.adapter.state}`;
    }
    if (!device.isPresent) return { not: 'the card is not on the bus' };
    switch (name) {
      case 'registers-all-ones':
        device.setPower(false);
        this.#until(name, nanoseconds, () => device.setPower(true));
        return `${nanoseconds} ns`;
      case 'link-flap':
        device.setLink(false);
        this.#until(name, nanoseconds, () => device.setLink(true));
        return `${nanoseconds} ns`;
      case 'nic-hang': {
        const isStubborn = this.#kind(name, parameters) === 'until healed';
        device.tell({ kind: 'hang', part: 'device', isStubborn });
        this.#lasting.set(name, () => {});
        return isStubborn ? 'until healed' : 'until it is reset';
      }
      case 'transmit-hang':
        device.tell({ kind: 'hang', part: 'transmit', isStubborn: false });
        this.#lasting.set(name, () => {});
        return 'until it is reset';
      default:
        return this.#doToQueue(name, parameters, count, nanoseconds);
    }
  }

  #doToQueue(
    name: FaultName,
    parameters: Filled,
    count: number,
    nanoseconds: number,
  ): string | { readonly not: string } {
    const device = this.#device;
    const queues = device.queues();
    const found =
      parameters.queue === undefined
        ? this.#oneOf(queues)
        : queues.find(({ queue }) => queue === parameters.queue);
    if (found === undefined) return { not: 'no such receive queue is in service' };
    const { queue } = found;
    switch (name) {
      case 'descriptor-corrupted':
        return this.#damageDescriptors(found, this.#kind(name, parameters), count);
      case 'completion-corrupted': {
        const kind = this.#kind(name, parameters);
        device.damageCompletions(kind as CompletionDamage, count, this.#random.next());
        return `${kind}, ${count} batches`;
      }
      case 'interrupt-lost':
        if (!device.loseInterrupt(queue)) return { not: `queue ${queue} is owed none` };
        return `queue ${queue}`;
      case 'interrupt-storm': {
        const entry = device.entryOf(queue);
        if (entry < 0) return { not: `the MSI-X entry of queue ${queue} is masked` };
        device.tell({ kind: 'storm', entry, count, nanoseconds });
        return `entry ${entry}, ${count} times`;
      }
      default:
        throw new Error(`fault injector: no fault '${name}'`);
    }
  }

  #damageDescriptors(queue: QueueInService, kind: string, count: number): string | { readonly not: string } {
    const damaged = this.#device.damageDescriptors(queue, kind, count, this.#random);
    return damaged === 0
      ? { not: `queue ${queue.queue} has no descriptor` }
      : `queue ${queue.queue}: ${kind}`;
  }

  /** Vectors that were handed out lie from 32 up; the others have no ISR. */
  #raise(count: number, processor: number | undefined): string {
    const { interrupts, processorCount } = this.#host.machine;
    const on = processor ?? this.#random.below(processorCount);
    for (let i = 0; i < count; i++) {
      const connected = this.#random.below(2) === 0;
      interrupts.raise(on, connected ? 32 + this.#random.below(4) : this.#random.below(VECTORS));
    }
    return `${count} on processor ${on}`;
  }

  /** Ends a fault of the device after `nanoseconds`, or when all are healed. */
  #until(name: FaultName, nanoseconds: number, end: () => void): void {
    this.#lasting.get(name)?.();
    const finish = (): void => {
      cancel();
      if (this.#lasting.get(name) === finish) this.#lasting.delete(name);
      if (!this.#isRemoved) end();
    };
    const cancel = this.#host.ndis.setTimer(nanoseconds, finish);
    this.#lasting.set(name, finish);
  }

  #kind(name: FaultName, parameters: FaultParameters): string {
    const { kinds }: FaultDescription = FAULTS[name];
    if (kinds === undefined) throw new Error(`fault injector: '${name}' has no kinds`);
    const { kind } = parameters;
    if (kind !== undefined && !kinds.includes(kind))
      throw new RangeError(`fault injector: '${name}' has the kinds ${kinds.join(', ')}, got ${kind}`);
    return kind ?? (this.#oneOf(kinds) as string);
  }

  #oneOf<T>(choices: readonly T[]): T | undefined {
    return choices.length === 0 ? undefined : choices[this.#random.below(choices.length)];
  }
}
