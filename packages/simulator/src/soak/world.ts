/**
 * Two hosts, their VMs and their traffic, between which VMs go to and fro. A trial is one attempt to move one VM:
 *
 *   load begins ─ a random while ─ migrateVm, load going on ─ a random while ─ load ends ─ rest ─ accounts
 */

import { createHost, type Host, type HostConfig, type PortRequest } from '@vmq/host';
import { createRandom, type Random } from '@vmq/machine';
import {
  type MigrationOptions,
  type MigrationProgress,
  type MigrationResult,
  migrateVm,
} from '@vmq/migration';
import { Accounts, type Participant, type Wrong } from './accounts.ts';
import { Fabric } from './fabric.ts';
import { markedFrame, STATION } from './marked-frames.ts';
import { Misfortune, type MisfortuneKind, SoakError } from './misfortune.ts';
import { kindOf, pick, populate } from './population.ts';
import { UnderWay } from './under-way.ts';

/** Of the cable between the hosts over which VMs move. */
const NANOSECONDS_PER_BYTE = 0.8;
const LINK_LATENCY = 2000;
/** Frames that may wait before the hosts; then the station sends none. */
const MOST_WAITING = 512;
/** The station's frames to the VM that moves, of all. */
const SHARE_OF_MOVER = 0.5;

export interface WorldOptions {
  readonly seed: number;
  /** Bytes of each frame, without FCS and tag. */
  readonly length: number;
  /** Frames that the station sends per virtual second. */
  readonly framesPerSecond: number;
  /** Default deterministic. Under threads a seed says what is tried, and chance what comes of it. */
  readonly executor?: HostConfig['executor'];
}

export interface Trial {
  readonly vm: string;
  readonly misfortune: MisfortuneKind;
  /** It was called off, and the VM runs where it was. */
  readonly failed: boolean;
  readonly wasPaused: boolean;
  readonly result: MigrationResult | null;
  /** Frames on their way to the VM, and those of them that were lost. */
  readonly sent: number;
  readonly lost: number;
  readonly frames: number;
  readonly drops: Readonly<Record<string, number>>;
  readonly reordered: number;
  readonly wrongs: readonly Wrong[];
}

export class World {
  readonly kinds: readonly [string, string];
  readonly #random: Random;
  readonly #options: WorldOptions;
  readonly #hosts: readonly [Host, Host];
  readonly #fabric: Fabric;
  readonly #accounts: Accounts;
  readonly #underWay: UnderWay;
  readonly #movers: readonly Participant[];
  readonly #everyone: readonly Participant[];
  readonly #homes: Map<string, 0 | 1>;
  /** VMs that are on each host, or have been. */
  readonly #known: readonly [Set<string>, Set<string>] = [new Set(), new Set()];
  #misfortune: Misfortune | null = null;
  /** Whom the load is for now, null: no load. */
  #mover: Participant | null = null;
  #credit = 0;
  #lastNow = 0;
  #passes = 0;
  #reordered = 0;
  #drops = new Map<string, number>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = createRandom(options.seed);
    const { configs, movers, crowd, homes } = populate(
      this.#random.fork('population'),
      options.executor ?? 'deterministic',
    );
    this.kinds = [kindOf(configs[0]), kindOf(configs[1])];
    const admitPort = (request: PortRequest) => this.#misfortune?.admit(request);
    const make = (config: (typeof configs)[0]): Host => createHost(config, { record: true, admitPort });
    this.#hosts = [make(configs[0]), make(configs[1])];
    this.#movers = movers;
    this.#everyone = [...movers, ...crowd];
    this.#homes = new Map(homes);
    this.#accounts = new Accounts(options.length, this.#everyone);
    const underWay = new UnderWay(Math.min(...this.#hosts.map(({ window }) => window)) / 2);
    this.#underWay = underWay;
    this.#fabric = new Fabric(this.#hosts, {
      arrived: (bytes) => this.#accounts.took(null, bytes, 0, bytes.length),
      passed: () => this.#passed(),
      take: () => this.#take(),
      mayGo: (bytes) => underWay.mayGo(bytes),
      goes: (bytes) => underWay.goes(bytes),
    });
    this.#fabric.learn(STATION, 'station');
    for (const vm of this.#everyone) {
      const home = homes.get(vm.name) as 0 | 1;
      this.#known[home].add(vm.name);
      this.#fabric.learn(vm.address, this.#hosts[home]);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.stop()));
  }

  /** One attempt to move one of the VMs that move, to the other host. */
  trial(): Trial {
    const random = this.#random;
    const mover = pick(random, this.#movers);
    const home = this.#homes.get(mover.name) as 0 | 1;
    const [source, destination] = home === 0 ? this.#hosts : [this.#hosts[1], this.#hosts[0]];
    const misfortune = new Misfortune(random);
    const wasPaused = random.below(6) === 0;
    const filteredBefore = this.#fabric.filtered;
    this.#underWay.begin(mover);
    this.#startSenders(mover);
    this.#load(mover);
    this.#fabric.run(random.below(200_000));
    if (wasPaused) source.pauseVm(mover.name);
    this.#turns(source, random.below(64));
    const { result, failed } = this.#migrate(source, destination, mover, misfortune);
    const at = failed ? home : ((1 - home) as 0 | 1);
    this.#homes.set(mover.name, at);
    this.#known[at].add(mover.name);
    if (random.below(2) === 0) this.#fabric.run(random.below(100_000));
    if (wasPaused) this.#hosts[at].resumeVm(mover.name);
    this.#fabric.run(random.below(200_000));
    this.#mover = null;
    this.#fabric.settle();
    return {
      vm: mover.name,
      misfortune: misfortune.kind,
      failed,
      wasPaused,
      result,
      ...this.#close(mover, at, this.#fabric.filtered - filteredBefore),
    };
  }

  #migrate(
    source: Host,
    destination: Host,
    mover: Participant,
    misfortune: Misfortune,
  ): { result: MigrationResult | null; failed: boolean } {
    this.#misfortune = misfortune;
    const end = misfortune.begin(source, destination);
    const unexpected = (what: string): void => {
      this.#accounts.wrongs.push({ kind: 'unexpected', text: `${mover.name}: ${what}` });
    };
    let result: MigrationResult | null = null;
    try {
      result = migrateVm(source, destination, mover.name, this.#migrationOptions(misfortune));
    } catch (error) {
      if (!(error instanceof SoakError)) throw error;
    } finally {
      end();
      this.#misfortune = null;
    }
    const failed = source.vmNames.includes(mover.name);
    if (result !== null && (result.failedStep !== undefined) !== failed)
      unexpected('is not where the result says');
    if (failed !== misfortune.isFatal)
      unexpected(`${misfortune.kind}, yet it ${failed ? `failed: ${result?.reason}` : 'moved'}`);
    if (result !== null && !closes(result)) unexpected(`its frames: ${JSON.stringify(result.report.frames)}`);
    return { result, failed };
  }

  #migrationOptions(misfortune: Misfortune): MigrationOptions {
    const random = this.#random;
    return {
      maxRounds: random.below(6),
      enoughPages: random.below(64) - 1,
      turnsPerRound: 1 + random.below(400),
      stopPoint: { turns: random.below(100), frames: random.below(3) === 0 ? 0 : random.below(100) },
      onProgress: ({ step }: MigrationProgress) => {
        this.#passed();
        this.#fabric.feed();
        return misfortune.after(step);
      },
      link: (bytes) => {
        this.#fabric.run(LINK_LATENCY + bytes.length * NANOSECONDS_PER_BYTE);
        return misfortune.carry(bytes);
      },
    };
  }

  // --- traffic ---------------------------------------------------------------------------------------------

  #startSenders(mover: Participant): void {
    const random = this.#random;
    for (const vm of this.#everyone) {
      if (vm !== mover && random.below(4) !== 0) continue;
      const peers = this.#everyone.filter((other) => other !== vm && other.vlan === vm.vlan);
      const toMover = vm !== mover && vm.vlan === mover.vlan && random.below(2) === 0;
      const toPeer = peers.length > 0 && random.below(3) === 0;
      const to = toMover ? mover : toPeer ? pick(random, peers) : null;
      const address = to?.address ?? STATION;
      const hex = (address.hi * 0x1_0000_0000 + address.lo).toString(16).padStart(12, '0');
      const sender = {
        destination: hex.replace(/..(?!$)/g, '$&-'),
        count: 50 + random.below(400),
        length: this.#options.length,
        burst: 1 + random.below(32),
        interval: 1 + random.below(20),
      };
      this.#accounts.sends(vm, sender.count, to);
      const host = this.#hosts[this.#homes.get(vm.name) as 0 | 1];
      host.executor.post(`vm:${vm.name}`, { op: 'send', sender });
      host.executor.publish();
    }
  }

  #load(mover: Participant): void {
    this.#mover = mover;
    this.#credit = 0;
    this.#lastNow = this.#now();
  }

  #now(): number {
    return Math.max(...this.#hosts.map(({ machine }) => machine.clock.now()));
  }

  /** Time has passed: the station sends what is due, and what the VMs have received is looked at. */
  #passed(): void {
    if (this.#passes++ % 4 === 0) this.#take();
    const mover = this.#mover;
    if (mover === null) return;
    const now = this.#now();
    this.#credit += ((now - this.#lastNow) * this.#options.framesPerSecond) / 1e9;
    this.#lastNow = now;
    for (; this.#credit >= 1; this.#credit--) {
      if (this.#fabric.waiting >= MOST_WAITING) continue;
      const vm = this.#random.unit() < SHARE_OF_MOVER ? mover : pick(this.#random, this.#everyone);
      const number = this.#accounts.next(vm);
      this.#fabric.send(markedFrame(vm.address, vm.mark, number, this.#options.length, vm.vlan));
    }
  }

  #turns(host: Host, count: number): void {
    let left = count;
    host.executor.runUntil(() => left-- <= 0);
  }

  #take(): number {
    let count = 0;
    this.#hosts.forEach((host, i) => {
      const known = this.#known[i as 0 | 1];
      for (const vm of this.#everyone) {
        if (!known.has(vm.name) && !host.vmNames.includes(vm.name)) continue;
        count += host.takeReceived(vm.name, ({ bytes, offset, length }) => {
          this.#underWay.came(bytes, offset);
          this.#accounts.took(vm, bytes, offset, length);
        });
      }
    });
    return count;
  }

  // --- accounts --------------------------------------------------------------------------------------------

  #close(
    mover: Participant,
    at: 0 | 1,
    filtered: number,
  ): Pick<Trial, 'sent' | 'lost' | 'frames' | 'drops' | 'reordered' | 'wrongs'> {
    const { inbound, outbound } = this.#accounts.close();
    const wrongs = this.#accounts.wrongs.splice(0);
    const disturbed = (text: string): void => void wrongs.push({ kind: 'disturbed', text });
    let [sent, received, lost, frames] = [0, 0, 0, 0];
    for (const vm of this.#everyone) {
      const [here, own] = [inbound.get(vm.name), outbound.get(vm.name)];
      if (!here || !own) continue;
      frames += here.sent + own.sent;
      received += here.received + own.received;
      const missing = here.sent - here.received;
      if (vm === mover) {
        sent += here.sent;
        lost += missing;
      } else if (missing !== 0)
        disturbed(`${vm.name}, which did not move, lost ${missing} of ${here.sent} frames`);
      const missingOwn = own.sent - own.received;
      if (own.to === mover) {
        sent += own.sent;
        lost += missingOwn;
      } else if (missingOwn !== 0) disturbed(`${vm.name} sent ${own.sent} frames, ${missingOwn} were lost`);
    }
    const drops = this.#newDrops();
    const counted = Object.values(drops).reduce((sum, count) => sum + count, filtered);
    if (frames - received !== counted)
      wrongs.push({
        kind: 'unaccounted',
        text: `${frames - received} frames are missing, ${counted} are counted: ${JSON.stringify(drops)}`,
      });
    wrongs.push(...this.#unrest(mover, at).map((text): Wrong => ({ kind: 'unexpected', text })));
    const reordered = this.#accounts.reordered - this.#reordered;
    this.#reordered += reordered;
    return {
      sent,
      lost,
      frames,
      drops: filtered > 0 ? { ...drops, 'network.same-port': filtered } : drops,
      reordered,
      wrongs,
    };
  }

  /** Frames dropped since the last trial, by reason; all but announcements, which nobody has to want. */
  #newDrops(): Record<string, number> {
    const drops: Record<string, number> = {};
    for (const host of this.#hosts) {
      for (const [reason, count] of Object.entries(host.machine.ledger.report().ends.dropped)) {
        const key = `${host.config.name} ${reason}`;
        const more = count - (this.#drops.get(key) ?? 0);
        this.#drops.set(key, count);
        if (more > 0 && reason !== 'vswitch.no-member-port') drops[reason] = (drops[reason] ?? 0) + more;
      }
    }
    return drops;
  }

  /** What is not as it should be when nothing is under way. */
  #unrest(mover: Participant, at: 0 | 1): string[] {
    const wrongs: string[] = [];
    this.#hosts.forEach((host, i) => {
      const { name } = host.config;
      const { outstanding, pendingOids } = host.adapter.inspect();
      if (outstanding.receives + outstanding.sends + pendingOids.length > 0)
        wrongs.push(`${name}: not at rest: ${JSON.stringify({ outstanding, pendingOids })}`);
      const { inFlight } = host.machine.ledger.report();
      if (inFlight !== 0) wrongs.push(`${name}: ${inFlight} frames have no end`);
      if (host.vmNames.includes(mover.name) !== (i === at))
        wrongs.push(`${mover.name} is not where it should be`);
      const ports = host.inspect().ports.length;
      if (ports !== host.vmNames.length) wrongs.push(`${name}: ${ports} ports, ${host.vmNames.length} VMs`);
    });
    return wrongs;
  }
}

/** On both hosts, what came in while it lasted has ended or is still under way. */
function closes({ report: { frames } }: MigrationResult): boolean {
  return [frames.source, frames.destination].every((ends) => {
    const dropped = Object.values(ends.dropped).reduce((sum, count) => sum + count, 0);
    const received = ends.receivedFromWire + ends.receivedFromGuests;
    const { before, after } = ends.inFlight;
    return received - ends.delivered - ends.transmitted - dropped === after - before;
  });
}
