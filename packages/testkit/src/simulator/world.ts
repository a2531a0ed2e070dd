/**
 * A simulated world: up to four hosts, their wires joined by a hub, the VMs on them, and everybody who watches.
 *
 *   step ──> one thing is done ──> some turns of agents ──> frames from the wires and the VMs ──> invariants
 *
 * Work is left under way between steps: how many turns agents get is part of the step.
 */
import { NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { migrateVm } from '@vmq/host';
import type { TraceLevel } from '@vmq/machine';
import type { FaultName } from '../faults/fault-names.ts';
import {
  ASTRAY,
  EVERYBODY,
  FrameWriter,
  isFromOutside,
  isMark,
  MARK_AT,
  MARKED_TYPE,
  markOf,
  NOBODY,
  OUTSIDE,
  sourceOf,
  vlanOfMark,
  wordAt,
} from './frame-marks.ts';
import type { Arrivals } from './nbl-watch.ts';
import { SimulatedHost } from './simulated-host.ts';
import { SimulatedVm } from './simulated-vm.ts';
import { MOST_VM_NUMBERS, type SimulationConfig, VLANS, vmConfig, vmMac } from './simulation-config.ts';
import { fail } from './simulation-failure.ts';
import type { SimulationStep, Target } from './simulation-step.ts';
import type { Tolerance } from './tolerance.ts';
import { TraceHash } from './trace-hash.ts';

/** Words of a VM's memory that are searched after each step: all of it every few hundred steps. */
const SCAN_WORDS = 128;
/** Rounds of runs and frames over the hub after which a world should be at rest. */
const ROUNDS = 500;
const MAX_FRAME = 1514;
const HEADER = 14;
/** Bytes of a frame that is to arrive for certain. */
const PROBE = 100;

const STRANGERS_NAME = '02-00-00-00-00-01';
const address = (text: string): Uint8Array =>
  Uint8Array.from(text.split('-'), (pair) => Number.parseInt(pair, 16));
const BROADCAST = address('FF-FF-FF-FF-FF-FF');
const MULTICAST = address('01-00-5E-00-00-01');
const UNKNOWN = address('00-15-5D-00-02-01');
const STATION = address('02-56-4D-51-00-01');
const STRANGER = address(STRANGERS_NAME);

export class World {
  readonly hash: TraceHash = new TraceHash();
  readonly hosts: SimulatedHost[] = [];
  /** Those that are somewhere. */
  readonly vms: SimulatedVm[] = [];
  /** All there ever were, by number. */
  readonly #everybody: SimulatedVm[] = [];
  /** Those that were ever hostile. */
  readonly #hostiles: SimulatedVm[] = [];
  readonly #arrivals: Arrivals[] = [];
  readonly #mostFrames: number;
  readonly #addresses: Uint8Array[] = [];
  /** Addresses that frames come from. */
  readonly #speakers: Set<string> = new Set([STRANGERS_NAME]);
  readonly #tolerance: Tolerance = { flips: false, repeats: false, damage: false };
  readonly #writer = new FrameWriter();
  #frames = 0;
  #vmNumbers = 0;
  /** Frames that hosts have put on their wires. */
  #transmittedFrames = 0;
  /** Which host's frames the hub is handing on. */
  #transmitter = 0;
  #nextScan = 0;
  #steps = 0;

  /** `mostFrames`: frames that it can tell apart; those beyond are not sent. */
  constructor(
    config: SimulationConfig,
    mostFrames: number,
    trace: { readonly records: number; readonly level: TraceLevel },
  ) {
    this.#mostFrames = mostFrames;
    config.hosts.forEach((hostConfig, index) => {
      const made = new SimulatedHost(index, hostConfig, mostFrames, this.hash, trace.records, config);
      this.hosts.push(made);
      this.#arrivals.push(made.watch.arrivals);
      // Published whether it changes anything or not: a traced world is to go the way of one that is not.
      made.host.trace.setLevel(trace.level);
      made.host.publish();
      for (const { vlan, allowMacSpoofing } of made.host.config.vms) {
        this.#settle(++this.#vmNumbers, index, VLANS.indexOf(vlan), allowMacSpoofing);
      }
    });
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
      case 'run':
        return this.#host(step.host);
      case 'rest':
        this.rest();
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
      case 'heal': {
        const host = this.#host(step.host);
        host.heal();
        this.#looked(host);
        return host;
      }
      default: {
        const host = this.#host(step.host);
        if (step.do === 'oid') host.oid(step.oid, this.#numbersOn(host.index));
        else if (step.do === 'pause') host.togglePause();
        else if (step.do === 'power') host.togglePower();
        else if (step.do === 'reset') host.reset();
        else if (step.do === 'rebind') host.rebind();
        else host.removeAdapter();
        this.#looked(host);
        return host;
      }
    }
  }

  #wire(step: Extract<SimulationStep, { do: 'wire' }>): SimulatedHost {
    const host = this.#host(step.host);
    const { wire } = host;
    const vm = this.vms.length === 0 ? null : (this.vms[step.vm % this.vms.length] as SimulatedVm);
    const [to, audience, vlan] = this.#aim(step.target, vm, vm?.vlan ?? 0);
    const isAstray = step.target === 'wrong vlan' && vm !== null;
    const mark = isAstray ? markOf(ASTRAY, vm.number, vlan) : markOf(OUTSIDE, audience, vlan);
    if (isAstray) vm.goesAstray(vlan);
    const tci = (VLANS[vlan] as number) | (step.priority << 13);
    for (let i = 0; i < step.count && this.#frames < this.#mostFrames; i++) {
      this.#writer.write(step.length, to, STRANGER, mark, this.#frames);
      const length = tci === 0 ? step.length : this.#writer.insertTag(step.length, tci);
      if (wire.send(this.#writer.bytes, 0, length) === 0) break;
      this.#frames++;
      host.onWire++;
    }
    wire.flush();
    return host;
  }

  #guest(step: Extract<SimulationStep, { do: 'guest' }>): SimulatedHost | null {
    const from = this.#vm(step.from);
    if (from === null) return null;
    const host = this.hosts[from.host] as SimulatedHost;
    const vm = this.#vm(step.vm) as SimulatedVm;
    const asked = step.vlan === 0 ? from.vlan : step.vlan;
    const [to, audience] = this.#aim(step.target === 'wrong vlan' ? 'vm' : step.target, vm, from.vlan);
    const spoofed = step.spoof ? vm : from;
    const source = this.#addressOf(spoofed.number);
    // What may not be sent is for nobody.
    const isForNobody = spoofed !== from && !from.isCurious;
    const mark = markOf(from.number, isForNobody ? NOBODY : audience, asked);
    // A good driver sends no frame without a header: its host would charge it with that.
    const length = Math.max(HEADER, Math.min(step.length, MAX_FRAME));
    const tci = step.vlan === 0 ? 0 : (VLANS[asked] as number);
    for (let i = 0; i < step.count && this.#frames < this.#mostFrames; i++) {
      this.#writer.write(length, to, source, mark, this.#frames);
      if (!host.host.sendFrom(from.name, this.#writer.bytes, 0, length, tci)) break;
      this.#frames++;
    }
    return host;
  }

  /** Destination address, audience and number of the VLAN of a frame. */
  #aim(target: Target, vm: SimulatedVm | null, vlan: number): readonly [Uint8Array, number, number] {
    switch (target) {
      case 'broadcast':
        return [BROADCAST, EVERYBODY, vlan];
      case 'multicast':
        return [MULTICAST, EVERYBODY, vlan];
      case 'unknown':
        return [UNKNOWN, NOBODY, vlan];
      case 'station':
        return [STATION, NOBODY, vlan];
      default: {
        if (vm === null) return [UNKNOWN, NOBODY, vlan];
        const to = this.#addressOf(vm.number);
        return target === 'vm' ? [to, vm.number, vlan] : [to, NOBODY, (vlan + 1) & 3];
      }
    }
  }

  #add(step: Extract<SimulationStep, { do: 'add' }>): SimulatedHost {
    const host = this.#host(step.host);
    if (this.#vmNumbers >= MOST_VM_NUMBERS) return host;
    const number = ++this.#vmNumbers;
    const vm = vmConfig(number, step.vm);
    if (step.program !== '') host.bootsWith(vm.name, step.program);
    const { status } = host.host.addVm(vm);
    this.hash.add(status);
    if (status === NDIS_STATUS_SUCCESS) {
      const made = this.#settle(
        number,
        host.index,
        VLANS.indexOf(vm.vlan ?? 0),
        vm.allowMacSpoofing === true,
      );
      if (step.program !== '') this.#turnsHostile(made);
    }
    this.#looked(host);
    return host;
  }

  #hostile(step: Extract<SimulationStep, { do: 'hostile' }>): SimulatedHost | null {
    const vm = this.#vm(step.vm);
    if (vm === null) return null;
    const host = this.hosts[vm.host] as SimulatedHost;
    this.#turnsHostile(vm);
    host.attack(vm.name, step.behaviour, step.seed);
    return host;
  }

  #fault(host: SimulatedHost, name: FaultName): SimulatedHost {
    const tolerance = this.#tolerance;
    tolerance.flips ||= name === 'wire-flip';
    tolerance.repeats ||= name === 'wire-duplicate';
    tolerance.damage ||= name === 'completion-corrupted';
    host.inject(name);
    this.#looked(host);
    return host;
  }

  #turnsHostile(vm: SimulatedVm): void {
    if (!vm.isHostile) this.#hostiles.push(vm);
    vm.isHostile = true;
  }

  #remove(choice: number): SimulatedHost | null {
    const vm = this.#vm(choice);
    if (vm === null) return null;
    const host = this.hosts[vm.host] as SimulatedHost;
    const { status } = host.host.removeVm(vm.name);
    this.hash.add(status);
    host.host.takeReceived(vm.name, vm.took);
    vm.host = -1;
    this.vms.splice(this.vms.indexOf(vm), 1);
    this.#looked(host);
    return host;
  }

  #migrate(step: Extract<SimulationStep, { do: 'migrate' }>): SimulatedHost | null {
    const vm = this.#vm(step.vm);
    const to = this.#host(step.to);
    if (vm === null || to.index === vm.host) return null;
    const from = this.hosts[vm.host] as SimulatedHost;
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
    this.#looked(from);
    this.#after(from, 0);
    this.#looked(to);
    return to;
  }

  #port(choice: number, change: number): SimulatedHost | null {
    const vm = this.#vm(choice);
    if (vm === null) return null;
    const host = this.hosts[vm.host] as SimulatedHost;
    const { vlan = 0, vmqWeight = 100, allowMacSpoofing = false } = vmConfig(vm.number, change);
    const { virtualSwitch } = host.host;
    const port = virtualSwitch.inspect().ports.find(({ vmName }) => vmName === vm.name);
    if (port === undefined) return fail('legal states', `${host.name}: ${vm.name} has no port`);
    const { status } = virtualSwitch.setPort(port.port, {
      vlan: { mode: 'access', vlan },
      vmqWeight,
      allowMacSpoofing,
    });
    this.hash.add(status);
    if (status === NDIS_STATUS_SUCCESS) vm.changed(VLANS.indexOf(vlan), allowMacSpoofing, this.#frames);
    this.#looked(host);
    return host;
  }

  #settle(number: number, host: number, vlan: number, allowMacSpoofing: boolean): SimulatedVm {
    const { floodUnknownUnicast } = (this.hosts[host] as SimulatedHost).host.config.switch;
    const isCurious = allowMacSpoofing || floodUnknownUnicast;
    const surroundings = {
      everybody: this.#everybody,
      hostiles: this.#hostiles,
      arrivals: this.#arrivals,
      hash: this.hash,
      tolerance: this.#tolerance,
    };
    const vm = new SimulatedVm(number, host, vlan, isCurious, surroundings);
    this.vms.push(vm);
    this.#everybody[number] = vm;
    this.#speakers.add(vmMac(number));
    return vm;
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
    this.#transmitter = host.index;
    let frames = host.receive(this.#transmitted);
    for (const vm of this.vms) if (vm.host === host.index) frames += host.host.takeReceived(vm.name, vm.took);
    return frames > 0;
  }

  /** Looks at one VM's memory, some words at a time. */
  #search(): void {
    if (this.vms.length === 0) return;
    this.#nextScan = (this.#nextScan + 1) % this.vms.length;
    const vm = this.vms[this.#nextScan] as SimulatedVm;
    vm.scan((this.hosts[vm.host] as SimulatedHost).host.guestMemory(vm.name).i32, SCAN_WORDS);
  }

  /** A frame that a host's NIC put on the wire: it is whole, its tag is its sender's VLAN; the other hosts get it. */
  readonly #transmitted = (bytes: Uint8Array, offset: number, length: number): void => {
    this.hash.add(length);
    this.#transmittedFrames++;
    const tagged = bytes[offset + 12] === 0x81 && bytes[offset + 13] === 0;
    const tci = tagged ? ((bytes[offset + 14] as number) << 8) | (bytes[offset + 15] as number) : 0;
    const skip = tagged ? 4 : 0;
    const type = ((bytes[offset + 12 + skip] as number) << 8) | (bytes[offset + 13 + skip] as number);
    if (type === MARKED_TYPE && length >= skip + MARK_AT + 4) {
      const mark = wordAt(bytes, offset + skip + MARK_AT);
      this.hash.add(mark);
      if (!isMark(mark)) {
        if (length > 60 + skip && this.#hostiles.length === 0)
          fail('frames unchanged', 'a frame on the wire has no mark');
      } else {
        const vlan = 1 << Math.max(0, VLANS.indexOf(tci & 0xfff));
        const isTainted = this.#hostiles.some((vm) => vm.couldSend(mark, vlan));
        if (isFromOutside(mark) && !isTainted)
          fail('no bytes of others', 'a frame from the wire went back to it');
        const vlans = this.#everybody[sourceOf(mark)]?.vlansOf(mark) ?? 0;
        if ((vlans & vlan) === 0 && !isTainted)
          fail(
            'no bytes of others',
            `a frame of VLAN ${VLANS[vlanOfMark(mark)]} left with tag ${tci & 0xfff}`,
          );
      }
    }
    for (const other of this.hosts) {
      if (other.index === this.#transmitter) continue;
      if (other.wire.send(bytes, offset, length) === 0) continue;
      other.onWire++;
      other.wire.flush();
    }
  };

  #looked(host: SimulatedHost): void {
    host.look();
  }

  /** A frame to a VM and one from it, with nothing in their way. */
  #probe(): void {
    const vm = this.vms[this.#steps % Math.max(1, this.vms.length)];
    const host = vm === undefined ? undefined : this.hosts[vm.host];
    if (vm === undefined || host === undefined || !host.isUp) return;
    const received = vm.received;
    const transmitted = this.#transmittedFrames;
    // What was damaged in a ring is found when a frame comes upon it, and that frame is lost.
    for (let left = host.wasFaulty ? 4 : 1; left > 0 && vm.received === received; left--) {
      if (this.#frames + 2 > this.#mostFrames) return;
      this.#sendProbes(vm, host);
      this.#runToRest();
      if (vm.received === received && left > 1) host.giveTime();
    }
    const drops = (): string => JSON.stringify(host.host.machine.ledger.report().ends.dropped);
    if (vm.received === received) fail('frames arrive', `a frame for ${vm.name} did not arrive: ${drops()}`);
    if (this.#transmittedFrames === transmitted)
      fail('frames arrive', `a frame of ${vm.name} did not leave: ${drops()}`);
  }

  #sendProbes(vm: SimulatedVm, host: SimulatedHost): void {
    const to = this.#addressOf(vm.number);
    this.#writer.write(PROBE, to, STRANGER, markOf(OUTSIDE, vm.number, vm.vlan), this.#frames++);
    const length = vm.tci === 0 ? PROBE : this.#writer.insertTag(PROBE, vm.tci);
    if (host.wire.send(this.#writer.bytes, 0, length) === 0)
      fail('frames arrive', `${host.name}: its wire is full, at rest`);
    host.onWire++;
    host.wire.flush();
    this.#writer.write(PROBE, UNKNOWN, to, markOf(vm.number, NOBODY, vm.vlan), this.#frames++);
    if (!host.host.sendFrom(vm.name, this.#writer.bytes, 0, PROBE, 0))
      fail('frames arrive', `${vm.name} cannot send, at rest`);
  }

  /** Lets everything run until nothing is left to do, then looks at everything. */
  rest(): void {
    // Some of them never rest, and keep what they were lent.
    for (const vm of [...this.vms]) if (vm.isHostile) this.#remove(this.vms.indexOf(vm));
    for (const host of this.hosts) host.recover();
    this.#runToRest();
    this.#probe();
    const good = new Set(this.vms.map(({ name }) => name));
    for (const host of this.hosts) {
      host.ledger.check(host.onWire);
      host.checkAtRest();
      host.checkSections(good);
      this.#learnedWasSaid(host);
      this.hash.add(host.ledger.received);
      this.hash.add(host.turnsTaken);
    }
    for (const vm of this.vms) {
      vm.scanAll((this.hosts[vm.host] as SimulatedHost).host.guestMemory(vm.name).i32);
    }
  }

  /** Nobody here speaks from another address than the stranger's and the VMs', unless a hostile VM may spoof. */
  #learnedWasSaid({ name, host }: SimulatedHost): void {
    const { flips, damage } = this.#tolerance;
    if (flips || damage || this.#hostiles.some(({ isCurious }) => isCurious)) return;
    for (const { macAddress, port } of host.virtualSwitch.inspect().learned) {
      if (!this.#speakers.has(macAddress))
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

  /** The newest `count` trace records in words. */
  traceTail(count: number): string[] {
    return this.hosts.flatMap(({ name, host }) =>
      host.trace
        .drain()
        .slice(-count)
        .map((record) => `${name} ${host.machine.agentNames[record.agent] ?? ''}: ${host.describe(record)}`),
    );
  }

  // --- small numbers --------------------------------------------------------------------------------------

  #host(choice: number): SimulatedHost {
    return this.hosts[choice % this.hosts.length] as SimulatedHost;
  }

  #vm(choice: number): SimulatedVm | null {
    return this.vms.length === 0 ? null : (this.vms[choice % this.vms.length] as SimulatedVm);
  }

  #numbersOn(host: number): number[] {
    return this.vms.filter((vm) => vm.host === host).map(({ number }) => number);
  }

  #addressOf(number: number): Uint8Array {
    const known = this.#addresses[number] ?? address(vmMac(number));
    this.#addresses[number] = known;
    return known;
  }
}
