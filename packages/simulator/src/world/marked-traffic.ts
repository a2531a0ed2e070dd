/** The frames of a simulated world, each marked with who may see it (`frame-marks.ts`): onto wires, and out of VMs. */
import { ASTRAY, EVERYBODY, FrameWriter, markOf, NOBODY, OUTSIDE } from '../audit/frame-marks.ts';
import { fail } from '../audit/simulation-failure.ts';
import { STRANGE_ADDRESS, VLANS, vmMac } from '../steps/simulation-config.ts';
import type { SimulationStep, Target } from '../steps/simulation-step.ts';
import { Questions } from './questions.ts';
import type { SimulatedHost } from './simulated-host.ts';
import type { SimulatedVm } from './simulated-vm.ts';

const MAX_FRAME = 1514;
const HEADER = 14;
/** Bytes of a frame that is to arrive for certain. */
const PROBE = 100;

/** Where frames on wires come from, but for those of VMs on other hosts. */
export const STRANGERS_ADDRESS = '02-00-00-00-00-01';

const address = (text: string): Uint8Array =>
  Uint8Array.from(text.split('-'), (pair) => Number.parseInt(pair, 16));
const BROADCAST = address('FF-FF-FF-FF-FF-FF');
const MULTICAST = address('01-00-5E-00-00-01');
const UNKNOWN = address(STRANGE_ADDRESS);
const STATION = address('02-56-4D-51-00-01');
const STRANGER = address(STRANGERS_ADDRESS);

/** Priority and, as bit 3, CFI: where they stand in a TCI. */
const priorityBits = (priority: number): number => ((priority & 7) << 13) | ((priority & 8) << 9);

export class MarkedTraffic {
  /** Frames there have been; the sequence number of the next. */
  frames = 0;
  readonly #mostFrames: number;
  /** Of VMs, by number. */
  readonly #addresses: Uint8Array[] = [];
  readonly #writer = new FrameWriter();
  readonly #questions = new Questions(STRANGER);

  /** `mostFrames`: frames that the world can tell apart; those beyond are not sent. */
  constructor(mostFrames: number) {
    this.#mostFrames = mostFrames;
  }

  /** True if `count` more can be told apart. */
  hasRoomFor(count: number): boolean {
    return this.frames + count <= this.#mostFrames;
  }

  /** Frames of the stranger on a host's wire, for `vm` where the step's target is one. */
  fromWire(step: Extract<SimulationStep, { do: 'wire' }>, host: SimulatedHost, vm: SimulatedVm | null): void {
    const [to, audience, vlan] = this.#aim(step.target, vm, vm?.vlan ?? 0);
    // A trunk may be in that VLAN, too.
    const isAstray = step.target === 'wrong vlan' && vm !== null && !vm.isIn(vlan);
    const meant = step.target === 'wrong vlan' && vm !== null ? vm.number : audience;
    const mark = isAstray ? markOf(ASTRAY, vm.number, vlan) : markOf(OUTSIDE, meant, vlan);
    if (isAstray) vm.goesAstray(vlan);
    const tci = VLANS[vlan] | priorityBits(step.priority);
    // Without a tag in front of it a second one would be the first: the frame would be of its VLAN.
    const inner = tci === 0 ? 0 : (step.inner ?? 0);
    for (let i = 0; i < step.count && this.hasRoomFor(1); i++) {
      this.#writer.write(step.length, to, STRANGER, mark, this.frames);
      let length = step.length;
      if (inner !== 0) length = this.#writer.insertTag(length, inner);
      if (tci !== 0) length = this.#writer.insertTag(length, tci);
      if (host.wire.send(this.#writer.bytes, 0, length) === 0) break;
      this.frames++;
      host.onWire++;
    }
    host.wire.flush();
  }

  /** Frames that `from` sends on its host, for `vm` or as if it were `vm`. */
  fromVm(
    step: Extract<SimulationStep, { do: 'guest' }>,
    { host }: SimulatedHost,
    from: SimulatedVm,
    vm: SimulatedVm,
  ): void {
    const asked = step.vlan === 0 ? from.vlan : step.vlan;
    const [to, audience] = this.#aim(step.target === 'wrong vlan' ? 'vm' : step.target, vm, from.vlan);
    const spoofed = step.spoof ? vm : from;
    const source = this.#addressOf(spoofed.number);
    // What may not be sent is for nobody.
    const isForNobody = spoofed !== from && !from.isCurious;
    const mark = markOf(from.number, isForNobody ? NOBODY : audience, asked);
    // A good driver sends no frame without a header: its host would charge it with that.
    const length = Math.max(HEADER, Math.min(step.length, MAX_FRAME));
    const { priority = 0, isInside = false, inner = 0 } = step;
    const tci = (step.vlan === 0 ? 0 : VLANS[asked]) | priorityBits(priority);
    const tags = (tci !== 0 && isInside ? [tci] : []).concat(tci !== 0 && inner !== 0 ? [inner] : []);
    const bytes = Math.min(length, MAX_FRAME - 4 * tags.length);
    for (let i = 0; i < step.count && this.hasRoomFor(1); i++) {
      this.#writer.write(bytes, to, source, mark, this.frames);
      let whole = bytes;
      for (const tag of [...tags].reverse()) whole = this.#writer.insertTag(whole, tag);
      if (!host.sendFrom(from.name, this.#writer.bytes, 0, whole, isInside ? 0 : tci)) break;
      this.frames++;
    }
  }

  /** A question to `vm`, in its VLAN. */
  ask(what: 'arp' | 'echo', host: SimulatedHost, vm: SimulatedVm): void {
    const length = what === 'arp' ? this.#questions.arp(vm.number) : this.#questions.echo(vm.number);
    if (host.wire.send(this.#questions.bytes, 0, this.#questions.tagged(length, vm.tci)) === 0) return;
    host.onWire++;
    host.wire.flush();
  }

  /** Two frames at rest: one to `vm`, and one from it that every switch sends on to the wire. */
  probe(vm: SimulatedVm, host: SimulatedHost): void {
    const to = this.#addressOf(vm.number);
    this.#writer.write(PROBE, to, STRANGER, markOf(OUTSIDE, vm.number, vm.vlan), this.frames++);
    const length = vm.tci === 0 ? PROBE : this.#writer.insertTag(PROBE, vm.tci);
    if (host.wire.send(this.#writer.bytes, 0, length) === 0)
      fail('frames arrive', `${host.name}: its wire is full, at rest`);
    host.onWire++;
    host.wire.flush();
    this.#writer.write(PROBE, UNKNOWN, to, markOf(vm.number, NOBODY, vm.vlan), this.frames++);
    if (!host.host.sendFrom(vm.name, this.#writer.bytes, 0, PROBE, 0))
      fail('frames arrive', `${vm.name} cannot send, at rest`);
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

  #addressOf(number: number): Uint8Array {
    const known = this.#addresses[number] ?? address(vmMac(number));
    this.#addresses[number] = known;
    return known;
  }
}
