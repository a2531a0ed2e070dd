/** The VMs of a simulated world: those that are somewhere, all there ever were, and who of them turned hostile. */
import type { VmConfigInput } from '@vmq/host';
import type { Arrivals } from '../audit/nbl-watch.ts';
import type { Tolerance } from '../audit/tolerance.ts';
import type { TraceHash } from '../audit/trace-hash.ts';
import { MOST_VM_NUMBERS, VLANS, vmConfig, vmMac } from '../steps/simulation-config.ts';
import type { SimulatedHost } from './simulated-host.ts';
import { SimulatedVm, type VmSurroundings } from './simulated-vm.ts';

export class Population {
  /** Those that are somewhere. */
  readonly vms: SimulatedVm[] = [];
  /** All there ever were, by number. */
  readonly everybody: SimulatedVm[] = [];
  /** Those that were ever hostile. */
  readonly hostiles: SimulatedVm[] = [];
  /** What NICs have received, by host. */
  readonly arrivals: Arrivals[] = [];
  /** Their addresses. */
  readonly #addresses: Set<string> = new Set();
  readonly #surroundings: VmSurroundings;
  #numbers = 0;

  constructor(hash: TraceHash, tolerance: Tolerance) {
    const { everybody, hostiles, arrivals } = this;
    this.#surroundings = { everybody, hostiles, arrivals, hash, tolerance };
  }

  /** One more VM by the number `choice`, as yet nowhere; null if there have been too many. */
  next(choice: number): { readonly number: number; readonly config: VmConfigInput } | null {
    if (this.#numbers >= MOST_VM_NUMBERS) return null;
    const number = ++this.#numbers;
    return { number, config: vmConfig(number, choice) };
  }

  /** The VMs that `host` was made with. */
  settleAll(host: SimulatedHost): void {
    for (const vm of host.host.config.vms) this.settle(++this.#numbers, host, vm);
  }

  settle(number: number, { index, host }: SimulatedHost, vm: VmConfigInput): SimulatedVm {
    const isCurious = vm.allowMacSpoofing === true || host.config.switch.floodUnknownUnicast;
    const manners = { isCurious, answers: vm.answer === true };
    const made = new SimulatedVm(number, index, VLANS.indexOf(vm.vlan ?? 0), manners, this.#surroundings);
    this.vms.push(made);
    this.everybody[number] = made;
    this.#addresses.add(vmMac(number));
    return made;
  }

  /** `vm` is nowhere from now on. */
  remove(vm: SimulatedVm): void {
    vm.host = -1;
    this.vms.splice(this.vms.indexOf(vm), 1);
  }

  turnsHostile(vm: SimulatedVm): void {
    if (!vm.isHostile) this.hostiles.push(vm);
    vm.isHostile = true;
  }

  /** A VM by any number; null if there is none. */
  choose(choice: number): SimulatedVm | null {
    return this.vms.length === 0 ? null : this.vms[choice % this.vms.length];
  }

  numbersOn(host: number): number[] {
    return this.vms.filter((vm) => vm.host === host).map(({ number }) => number);
  }

  /** True for the address of a VM that is or was somewhere. */
  hasHad(macAddress: string): boolean {
    return this.#addresses.has(macAddress);
  }
}
