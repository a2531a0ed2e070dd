/**
 * Life goes on: when all that was broken is healed and all that was stopped goes on, whatever is asked for succeeds.
 *
 *   hostile VMs removed, faults healed, adapters Running in D0, the world at rest
 *     ──> on each host   a queue's life from allocation to its end; a VM that comes and goes
 *         for each VM    a frame to it and one from it, and an answer if it is one that answers
 *         between hosts  a VM moves
 *
 * Invariants alone are content with a host that refuses everything.
 */
import { NDIS_STATUS_SUCCESS, statusName } from '@vmq/abi';
import type { Host } from '@vmq/host';
import { migrateVm } from '@vmq/migration';
import { type Body, macHeaderTest, oidRequestOf, type RequestKind } from '@vmq/reference-model';
import { fail } from '../audit/simulation-failure.ts';
import { vmMac } from '../steps/simulation-config.ts';
import type { MarkedTraffic } from './marked-traffic.ts';
import type { Population } from './population.ts';
import { SECOND_PROTOCOL } from './second-protocol.ts';
import type { SimulatedHost } from './simulated-host.ts';
import type { SimulatedVm } from './simulated-vm.ts';

type Result = ReturnType<Host['removeVm']>;

/** What it needs of its world. */
export interface LivenessSetting {
  readonly hosts: readonly SimulatedHost[];
  readonly population: Population;
  readonly traffic: MarkedTraffic;
  /** Everything runs until nothing is left to do. */
  runToRest(): void;
  /** A frame to a VM and one from it, with nothing in their way. */
  probe(vm: SimulatedVm): void;
}

/** No VM has this number. */
const NOBODYS_NUMBER = 0xf8;

export class Liveness {
  readonly #setting: LivenessSetting;
  /** How often it was looked for: whose turn it is. */
  #rounds = 0;

  constructor(setting: LivenessSetting) {
    this.#setting = setting;
  }

  /** With the world at rest, nobody hostile in it, nothing broken. */
  check(): void {
    const { hosts, population } = this.#setting;
    this.#rounds++;
    const up = hosts.filter((host) => host.control.isUp);
    for (const host of up) {
      this.#clearUp(host);
      this.#queueLife(host);
      this.#vmLife(host);
    }
    for (const vm of population.vms) this.#traffic(vm);
    const [from, to] = [up[this.#rounds % up.length], up[(this.#rounds + 1) % up.length]];
    if (from !== undefined && to !== undefined && from !== to) this.#move(from, to);
  }

  /** VMs whose adapter kept buffers in their memory, when they were removed while things went wrong, can go now. */
  #clearUp(host: SimulatedHost): void {
    const here = this.#setting.population.vms.filter((vm) => vm.host === host.index).map(({ name }) => name);
    for (const name of host.host.vmNames) {
      if (!here.includes(name)) this.#succeeds(host, `${name} is removed again`, host.host.removeVm(name));
    }
  }

  /** The second protocol gets a queue, a filter on it, and gives both back, if there is one left. */
  #queueLife(host: SimulatedHost): void {
    const { adapter, config } = host.host;
    if (!host.protocol.isBound) host.control.rebind();
    const { queues, filters, currentCapabilities: caps } = adapter.inspect();
    this.#asks(host, 'query', { oid: 'query current capabilities' });
    if (!config.vmq || caps === null) return;
    if (queues.filter(({ queueId }) => queueId !== 0).length >= caps.NumQueues) return;
    if (filters.length >= caps.MaxMacHeaderFilters) return;
    const settings = {
      perQueueIndication: true,
      splitRequired: false,
      affinity: 1,
      group: 0,
      suggestedBuffers: 32,
      queueName: 'alive',
    };
    const own = {
      vmQueueType: true,
      queueId: 0,
      lookaheadSize: 0,
      portId: 0,
      qosSqId: null,
      vmName: 'alive',
    };
    const before = new Set(queues.map(({ queueId }) => queueId));
    this.#asks(host, 'method', { oid: 'allocate queue', ...own, ...settings });
    const queueId = adapter.inspect().queues.find((queue) => !before.has(queue.queueId))?.queueId ?? 0;
    this.#asks(host, 'method', { oid: 'complete allocation', queueIds: [queueId], geometry: 'fine' });
    const test = macHeaderTest('destination', { mac: vmMac(NOBODYS_NUMBER), untaggedOrZero: true });
    const filter = { vmQueueType: true, filterId: 0, idBits: 0, tests: [test], geometry: 'fine' as const };
    this.#asks(host, 'method', { oid: 'set filter', queueId, ...filter });
    const state = adapter.inspect().queues.find((queue) => queue.queueId === queueId)?.state;
    if (state !== 'Running') this.#stuck(host, `queue ${queueId} with memory and a filter is ${state}`);
    const filterId = adapter.inspect().filters.find((one) => one.queueId === queueId)?.filterId ?? 0;
    this.#asks(host, 'set', { oid: 'clear filter', queueId, filterId });
    this.#asks(host, 'set', { oid: 'free queue', queueId });
    if (adapter.inspect().queues.some((queue) => queue.queueId === queueId))
      this.#stuck(host, `queue ${queueId} of ${SECOND_PROTOCOL} is still there when it is free`);
  }

  #asks(host: SimulatedHost, kind: RequestKind, body: Body): void {
    const { config } = host.host;
    const request = oidRequestOf(
      { caller: 'B', kind, body, input: 'whole', output: 'whole', room: null },
      config.ndisVersion === '6.20' ? 620 : 630,
    );
    let status = host.protocol.submit(request);
    if (status === null) {
      this.#setting.runToRest();
      status = host.protocol.lastCompleted;
    }
    if (status !== NDIS_STATUS_SUCCESS)
      this.#stuck(host, `${body.oid}: ${statusName(status)}; ${host.control.lastRefusal}`);
  }

  /** A VM comes and goes, if there is room for one more. */
  #vmLife(host: SimulatedHost): void {
    const { population } = this.#setting;
    if (population.numbersOn(host.index).length >= (host.host.config.maxVms ?? 0)) return;
    const next = population.next(this.#rounds & 1);
    if (next === null) return;
    this.#succeeds(host, 'a VM comes', host.host.addVm(next.config));
    const vm = population.settle(next.number, host, next.config);
    this.#traffic(vm);
    this.#succeeds(host, 'a VM goes', host.host.removeVm(vm.name));
    host.host.takeReceived(vm.name, vm.took);
    population.remove(vm);
    this.#setting.runToRest();
  }

  #traffic(vm: SimulatedVm): void {
    const { hosts, traffic, runToRest, probe } = this.#setting;
    const host = hosts[vm.host];
    if (!host.control.isUp) return;
    probe(vm);
    if (!vm.answers || host.wasFaulty) return;
    const before = vm.answered;
    traffic.ask('arp', host, vm);
    traffic.ask('echo', host, vm);
    runToRest();
    if (vm.answered !== before + 2)
      this.#stuck(host, `${vm.name} was asked twice and answered ${vm.answered - before} times`);
  }

  /** A VM of `from` moves to `to`, if there is one and room for it. */
  #move(from: SimulatedHost, to: SimulatedHost): void {
    const { population, runToRest, probe } = this.#setting;
    const vm = population.vms.find(({ host }) => host === from.index);
    if (vm === undefined || population.numbersOn(to.index).length >= (to.host.config.maxVms ?? 0)) return;
    this.#succeeds(to, `${vm.name} comes from ${from.name}`, migrateVm(from.host, to.host, vm.name));
    from.host.takeReceived(vm.name, vm.took);
    vm.moved(to.index, to.host.config.switch.floodUnknownUnicast);
    runToRest();
    probe(vm);
  }

  #succeeds(host: SimulatedHost, what: string, { status, reason }: Result): void {
    if (status !== NDIS_STATUS_SUCCESS) this.#stuck(host, `${what}: ${statusName(status)}: ${reason}`);
  }

  #stuck(host: SimulatedHost, text: string): never {
    return fail('life goes on', `${host.name}: ${text}`);
  }
}
