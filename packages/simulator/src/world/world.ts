/**
 * A simulated world: up to four hosts, their wires joined by a hub, the VMs on them, and everybody who watches.
 *
 *   step ──> one thing is done ──> some turns of agents ──> frames from the wires and the VMs ──> invariants
 *
 * Work is left under way between steps: how many turns agents get is part of the step.
 */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import type { TraceLevel } from '@vmq/machine';
import { migrateVm } from '@vmq/migration';
import { checkSections } from '../audit/leak-audit.ts';
import { fail } from '../audit/simulation-failure.ts';
import type { Tolerance } from '../audit/tolerance.ts';
import { TraceHash } from '../audit/trace-hash.ts';
import type { FaultName } from '../faults/fault-names.ts';
import { portChoice, type SimulationConfig } from '../steps/simulation-config.ts';
import type { SimulationStep } from '../steps/simulation-step.ts';
import { Hub } from './hub.ts';
import { Liveness } from './liveness.ts';
import { MarkedTraffic, STRANGERS_ADDRESS } from './marked-traffic.ts';
import { Population } from './population.ts';
import { SimulatedHost } from './simulated-host.ts';
import type { SimulatedVm } from './simulated-vm.ts';

/** Words of a VM's memory that are searched after each step: all of it every few hundred steps. */
const SCAN_WORDS = 128;
/** Rounds of runs and frames over the hub after which a world should be at rest. */
const ROUNDS = 500;

export class World {
  readonly hash: TraceHash = new TraceHash();
  readonly hosts: SimulatedHost[] = [];
  readonly #tolerance: Tolerance = { flips: false, repeats: false, damage: false };
  readonly #population: Population = new Population(this.hash, this.#tolerance);
  readonly #traffic: MarkedTraffic;
  readonly #hub: Hub = new Hub(this.hosts, this.#population, this.hash);
  readonly #liveness: Liveness;
  #nextScan = 0;
  #steps = 0;

  /** `mostFrames`: frames that it can tell apart; those beyond are not sent. */
  constructor(
    config: SimulationConfig,
    mostFrames: number,
    trace: { readonly records: number; readonly level: TraceLevel },
    marks: Map<string, number> | null = null,
  ) {
    const traffic = new MarkedTraffic(mostFrames);
    this.#traffic = traffic;
    this.#liveness = new Liveness({
      hosts: this.hosts,
      population: this.#population,
      traffic,
      runToRest: () => this.#runToRest(),
      probe: (vm) => this.#probe(vm),
    });
    config.hosts.forEach((hostConfig, index) => {
      const made = new SimulatedHost(index, hostConfig, mostFrames, this.hash, {
        traceRecords: trace.records,
        world: config,
        marks,
      });
      this.hosts.push(made);
      this.#population.arrivals.push(made.watch.arrivals);
      // Published whether it changes anything or not: a traced world is to go the way of one that is not.
      made.host.trace.setLevel(trace.level);
      made.host.publish();
      this.#population.settleAll(made);
    });
  }

  /** VMs that are somewhere. */
  get vms(): readonly SimulatedVm[] {
    return this.#population.vms;
  }

  // --- steps ----------------------------------------------------------------------------------------------

  take(step: SimulationStep): void {
    this.#steps++;
    for (const host of this.hosts) host.beginCall();
    const acted = this.#do(step);
    for (const host of this.hosts) host.endCall();
    if (acted !== null) this.#after(acted, 'turns' in step ? step.turns : 0);
    for (const host of this.hosts) host.checkTime();
    this.hash.add(this.#steps);
  }

  /** The host on which something was done, or null if all were looked at already. */
  #do(step: SimulationStep): SimulatedHost | null {
    switch (step.do) {
      case 'wire':
        return this.#wire(step);
      case 'guest':
        return this.#guest(step);
      case 'ask':
        return this.#ask(step);
      case 'run':
        return this.#host(step.host);
      case 'rest':
        this.rest();
        return null;
      case 'live':
        this.#live();
        return null;
      case 'add':
        return this.#add(step);
      case 'remove':
        return this.#remove(step.vm);
      case 'migrate':
        return this.#migrate(step);
      case 'port':
        return this.#port(step.vm, step.change);
      case 'hostile':
        return this.#hostile(step);
      case 'fault':
        return this.#fault(this.#host(step.host), step.fault);
      case 'hold': {
        const host = this.#host(step.host);
        host.faults.hold(step.milliseconds);
        return host;
      }
      case 'heal': {
        const host = this.#host(step.host);
        host.faults.heal();
        host.look();
        return host;
      }
      default: {
        const host = this.#host(step.host);
        if (step.do === 'oid') host.control.oid(step.oid, this.#population.numbersOn(host.index));
        else if (step.do === 'pause') host.control.togglePause();
        else if (step.do === 'power') host.control.togglePower();
        else if (step.do === 'reset') host.control.reset();
        else if (step.do === 'rebind') host.control.rebind();
        else if (step.do === 'capabilities') host.control.setQueues(step.queues);
        else host.control.removeAdapter();
        host.look();
        return host;
      }
    }
  }

  #wire(step: Extract<SimulationStep, { do: 'wire' }>): SimulatedHost {
    const host = this.#host(step.host);
    this.#traffic.fromWire(step, host, this.#population.choose(step.vm));
    return host;
  }

  /** Where the VM is or not: an ARP request goes to all. */
  #ask(step: Extract<SimulationStep, { do: 'ask' }>): SimulatedHost {
    const host = this.#host(step.host);
    const vm = this.#population.choose(step.vm);
    if (vm !== null) this.#traffic.ask(step.what, host, vm);
    return host;
  }

  #guest(step: Extract<SimulationStep, { do: 'guest' }>): SimulatedHost | null {
    const from = this.#population.choose(step.from);
    if (from === null) return null;
    const host = this.hosts[from.host];
    this.#traffic.fromVm(step, host, from, this.#population.choose(step.vm) as SimulatedVm);
    return host;
  }

  #add(step: Extract<SimulationStep, { do: 'add' }>): SimulatedHost {
    const host = this.#host(step.host);
    const next = this.#population.next(step.vm);
    if (next === null) return host;
    const { number, config } = next;
    if (step.program !== '') host.bootsWith(config.name, step.program);
    const { status } = host.host.addVm(config);
    this.hash.add(status);
    if (status === NDIS_STATUS_SUCCESS) {
      const made = this.#population.settle(number, host, config);
      if (step.program !== '') this.#population.turnsHostile(made);
    }
    host.look();
    return host;
  }

  #hostile(step: Extract<SimulationStep, { do: 'hostile' }>): SimulatedHost | null {
    const vm = this.#population.choose(step.vm);
    if (vm === null) return null;
    const host = this.hosts[vm.host];
    this.#population.turnsHostile(vm);
    host.attack(vm.name, step.behaviour, step.seed);
    return host;
  }

  #fault(host: SimulatedHost, name: FaultName): SimulatedHost {
    const tolerance = this.#tolerance;
    tolerance.flips ||= name === 'wire-flip';
    tolerance.repeats ||= name === 'wire-duplicate';
    tolerance.damage ||= name === 'completion-corrupted';
    host.inject(name);
    host.look();
    return host;
  }

  #remove(choice: number): SimulatedHost | null {
    const vm = this.#population.choose(choice);
    if (vm === null) return null;
    const host = this.hosts[vm.host];
    const { status } = host.host.removeVm(vm.name);
    this.hash.add(status);
    host.host.takeReceived(vm.name, vm.took);
    this.#population.remove(vm);
    host.look();
    return host;
  }

  #migrate(step: Extract<SimulationStep, { do: 'migrate' }>): SimulatedHost | null {
    const vm = this.#population.choose(step.vm);
    const to = this.#host(step.to);
    if (vm === null || to.index === vm.host) return null;
    const from = this.hosts[vm.host];
    let progress = 0;
    const { status } = migrateVm(from.host, to.host, vm.name, {
      maxRounds: step.rounds,
      turnsPerRound: step.between,
      onProgress: () => {
        from.look();
        to.look();
        return ++progress === step.cancel ? 'cancel' : undefined;
      },
    });
    this.hash.add(status);
    this.hash.add(progress);
    from.host.takeReceived(vm.name, vm.took);
    if (status === NDIS_STATUS_SUCCESS) vm.moved(to.index, to.host.config.switch.floodUnknownUnicast);
    from.look();
    this.#after(from, 0);
    to.look();
    return to;
  }

  #port(choice: number, change: number): SimulatedHost | null {
    const vm = this.#population.choose(choice);
    if (vm === null) return null;
    const host = this.hosts[vm.host];
    const { properties, vlan, members } = portChoice(vm.number, change);
    const { virtualSwitch } = host.host;
    const port = virtualSwitch.inspect().ports.find(({ vmName }) => vmName === vm.name);
    if (port === undefined) return fail('legal states', `${host.name}: ${vm.name} has no port`);
    const { status } = virtualSwitch.setPort(port.port, properties);
    this.hash.add(status);
    if (status === NDIS_STATUS_SUCCESS)
      vm.changed(vlan, members, properties.allowMacSpoofing === true, this.#traffic.frames);
    host.look();
    return host;
  }

  // --- after each step ------------------------------------------------------------------------------------

  #after(host: SimulatedHost, turns: number): void {
    host.run(turns);
    this.#collect(host);
    host.ledger.check(host.onWire);
    this.hash.add(host.ledger.received);
    this.hash.add(host.ledger.ended);
    this.hash.add(host.turnsTaken);
    this.#search();
  }

  /** What has come out of a host: on its wire, to its VMs. True if there is room that there was not. */
  #collect(host: SimulatedHost): boolean {
    let frames = this.#hub.take(host);
    for (const vm of this.vms) if (vm.host === host.index) frames += host.host.takeReceived(vm.name, vm.took);
    return frames > 0;
  }

  /** Looks at one VM's memory, some words at a time. */
  #search(): void {
    if (this.vms.length === 0) return;
    this.#nextScan = (this.#nextScan + 1) % this.vms.length;
    const vm = this.vms[this.#nextScan];
    vm.scan(this.hosts[vm.host].host.guestMemory(vm.name).i32, SCAN_WORDS);
  }

  /** A frame to a VM and one from it, with nothing in their way. */
  #probe(vm: SimulatedVm): void {
    const host = this.hosts[vm.host];
    const received = vm.received;
    const transmitted = this.#hub.frames;
    // What was damaged in a ring is found when a frame comes upon it, and that frame is lost.
    for (let left = host.wasFaulty ? 4 : 1; left > 0 && vm.received === received; left--) {
      if (!this.#traffic.hasRoomFor(2)) return;
      this.#traffic.probe(vm, host);
      this.#runToRest();
      if (vm.received === received && left > 1) host.faults.giveTime();
    }
    const drops = (): string => JSON.stringify(host.host.machine.ledger.report().ends.dropped);
    if (vm.received === received && !host.control.isTakenByOther(vm.number))
      fail('frames arrive', `a frame for ${vm.name} did not arrive: ${drops()}`);
    if (this.#hub.frames === transmitted)
      fail('frames arrive', `a frame of ${vm.name} did not leave: ${drops()}`);
  }

  /** Lets everything run until nothing is left to do, then looks at everything. */
  rest(): void {
    this.#recover();
    this.#runToRest();
    const probed = this.vms[this.#steps % Math.max(1, this.vms.length)];
    if (probed !== undefined && this.hosts[probed.host]?.control.isUp === true) this.#probe(probed);
    const good = new Set(this.vms.map(({ name }) => name));
    for (const host of this.hosts) {
      host.ledger.check(host.onWire);
      host.checkAtRest();
      checkSections(host.host, good);
      this.#learnedWasSaid(host);
      this.hash.add(host.ledger.received);
      this.hash.add(host.turnsTaken);
    }
    for (const vm of this.vms) {
      vm.scanAll(this.hosts[vm.host].host.guestMemory(vm.name).i32);
    }
  }

  /** Nobody is hostile any more, nothing broken. */
  #recover(): void {
    // Some of them never rest, and keep what they were loaned.
    for (const vm of [...this.vms]) if (vm.isHostile) this.#remove(this.vms.indexOf(vm));
    for (const host of this.hosts) host.recover();
  }

  #live(): void {
    this.#recover();
    this.#runToRest();
    for (const host of this.hosts) host.control.comeUp();
    this.rest();
    this.#liveness.check();
    for (const host of this.hosts) host.look();
  }

  /** Nobody here speaks from another address than the stranger's and the VMs', unless a hostile VM may spoof. */
  #learnedWasSaid({ name, host }: SimulatedHost): void {
    const { flips, damage } = this.#tolerance;
    if (flips || damage || this.#population.hostiles.some(({ isCurious }) => isCurious)) return;
    for (const { macAddress, port } of host.virtualSwitch.inspect().learned) {
      if (macAddress !== STRANGERS_ADDRESS && !this.#population.hasHad(macAddress))
        fail(
          'decisions in host memory',
          `${name} has learned ${macAddress} at port ${port}: no frame said so`,
        );
    }
  }

  #runToRest(): void {
    let rounds = 0;
    for (let busy = true; busy; rounds++) {
      if (rounds > ROUNDS) fail('the host lives', 'the world does not come to rest');
      busy = false;
      for (const host of this.hosts) {
        if (host.runToRest()) busy = true;
        if (this.#collect(host)) busy = true;
      }
    }
  }

  /** The end of the world: all at rest, all VMs removed, all adapters halted, nothing left. */
  tearDown(): void {
    this.rest();
    while (this.vms.length > 0) this.#remove(0);
    for (const host of this.hosts) host.tearDown();
  }

  /** Reasons for which frames were dropped are marks, too. */
  countDrops(marks: Map<string, number>): void {
    for (const { host } of this.hosts) {
      const { dropped } = host.machine.ledger.report().ends;
      for (const [reason, frames] of Object.entries(dropped))
        marks.set(`dropped.${reason}`, (marks.get(`dropped.${reason}`) ?? 0) + frames);
    }
  }

  /** The newest `count` trace records in words. */
  traceTail(count: number): string[] {
    return this.hosts.flatMap(({ name, host }) =>
      host.trace
        .drain()
        .slice(-count)
        .map((record) => `${name} ${host.machine.agentNames[record.agent] ?? ''}: ${host.describe(record)}`),
    );
  }

  #host(choice: number): SimulatedHost {
    return this.hosts[choice % this.hosts.length];
  }
}
