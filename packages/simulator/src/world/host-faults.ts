/** What goes wrong on one host of a simulated world, and how it ends. */
import type { Host } from '@vmq/host';
import { createRandom } from '@vmq/machine';
import type { FaultWire } from '../faults/fault-host.ts';
import { createFaultInjector, type FaultInjector, RECOVERY } from '../faults/fault-injector.ts';
import type { FaultName } from '../faults/fault-names.ts';
import type { HoldingDriver } from './holding-filter.ts';

export class HostFaults {
  readonly #host: Host;
  readonly #filters: readonly HoldingDriver[];
  #injector: FaultInjector | null = null;
  /** Something has gone wrong since all was well for certain. */
  #needsRecovery = false;
  /** Ends a hold before its time. */
  #cancelHold: (() => void) | null = null;
  /** Somebody held on to NBLs since the last step. */
  #wasHeld = false;

  /** `filters`: the modules that can hold on to NBLs. */
  constructor(host: Host, filters: readonly HoldingDriver[]) {
    this.#host = host;
    this.#filters = filters;
  }

  /** The host's wire, with what goes wrong on it. */
  get wire(): FaultWire {
    return this.#injector?.wire ?? this.#host.wire;
  }

  /** Something has ever gone wrong. */
  get wasFaulty(): boolean {
    return this.#injector !== null;
  }

  /** True if it goes wrong from here on. */
  inject(name: FaultName): boolean {
    const { config } = this.#host;
    this.#injector ??= createFaultInjector(this.#host, createRandom(config.seed).fork('faults'));
    const { accepted } = this.#injector.inject(name);
    if (accepted) this.#needsRecovery = true;
    return accepted;
  }

  heal(): void {
    this.#injector?.heal();
  }

  /** Filter modules keep all that comes back, for so long. */
  hold(milliseconds: number): void {
    if (this.#filters.length === 0 || this.#cancelHold !== null) return;
    for (const filter of this.#filters) filter.holdAll(true);
    this.#cancelHold = this.#host.ndis.setTimer(milliseconds * 1e6, () => this.letGo());
    this.#wasHeld = true;
  }

  letGo(): void {
    this.#cancelHold?.();
    this.#cancelHold = null;
    for (const filter of this.#filters) filter.holdAll(false);
  }

  /** True if NBLs were held since it was asked last. */
  takeHeld(): boolean {
    const wasHeld = this.#wasHeld;
    this.#wasHeld = this.#cancelHold !== null;
    return wasHeld;
  }

  /** Lets so much time go by as the stack needs to notice. */
  giveTime(): void {
    this.#injector?.passTime(RECOVERY);
  }

  /** Heals, and gives the stack the time it needs to notice. */
  recover(): void {
    if (this.#cancelHold !== null) this.letGo();
    if (!this.#needsRecovery) return;
    this.heal();
    this.giveTime();
    this.#needsRecovery = false;
  }
}
