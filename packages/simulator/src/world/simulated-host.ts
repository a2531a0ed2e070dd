import { checkHostConfig, createHost, type Host, type HostConfigInput } from '@vmq/host';
import type { Agent, AgentContext, DeterministicExecutor } from '@vmq/machine';
import { type NdisAdapter, refusalLine } from '@vmq/ndis';
import { createNicAgent, type NicAgentData } from '@vmq/nic';
import { DeviceAudit } from '../audit/device-audit.ts';
import { DropAudit } from '../audit/drop-audit.ts';
import { ExposedFrames } from '../audit/exposed-frames.ts';
import { FreePages } from '../audit/free-pages.ts';
import { HostLedger } from '../audit/host-ledger.ts';
import { checkNothingLeft } from '../audit/leak-audit.ts';
import { NblWatch } from '../audit/nbl-watch.ts';
import { PageAudit } from '../audit/page-audit.ts';
import { fail } from '../audit/simulation-failure.ts';
import { StateAudit } from '../audit/state-audit.ts';
import { SWITCH_WATCH, SwitchWatch } from '../audit/switch-watch.ts';
import type { TraceHash } from '../audit/trace-hash.ts';
import { checkVmMemory } from '../audit/vm-memory-audit.ts';
import type { FaultWire } from '../faults/fault-host.ts';
import type { FaultName } from '../faults/fault-names.ts';
import type { HostileAttack } from '../hostile/behaviour.ts';
import { createHostileGuestAgent } from '../hostile/hostile-guest-agent.ts';
import { type SimulationConfig, smallSizes } from '../steps/simulation-config.ts';
import { AdapterControl } from './adapter-control.ts';
import { createHoldingFilter, HOLDING_FILTER, holdingFilter } from './holding-filter.ts';
import { HostFaults } from './host-faults.ts';
import { SecondProtocol } from './second-protocol.ts';

/** Turns after which a host that still has something to do will never be at rest. */
const MOST_TURNS = 200_000;
/** Virtual nanoseconds that a step may take: less than what anybody waits before giving up. */
const LONGEST_STEP = 1e9;

/** Of what world it is, and who watches. */
interface Observed {
  readonly traceRecords: number;
  readonly world: Omit<SimulationConfig, 'hosts'>;
  /** Counts rare branches by name; null: nobody does. */
  readonly marks: Map<string, number> | null;
}

export class SimulatedHost {
  readonly index: number;
  readonly host: Host;
  readonly watch: NblWatch;
  readonly ledger: HostLedger;
  readonly protocol: SecondProtocol;
  readonly pages: PageAudit;
  readonly states: StateAudit;
  /** What steps do to its adapter. */
  readonly control: AdapterControl;
  readonly faults: HostFaults;
  readonly #freePages: FreePages;
  readonly #device: DeviceAudit;
  readonly #drops: DropAudit;
  readonly #executor: DeterministicExecutor;
  readonly #hash: TraceHash;
  /** With what VMs of that name boot. */
  readonly #programs: Map<string, HostileAttack> = new Map();
  /** Frames that were put on its wire; those that a fault repeats come on top. */
  onWire = 0;
  #isCalled = false;
  /** Frames that were taken off its wire during a control call. */
  readonly #early: Uint8Array[] = [];
  /** The machine's time when it was last looked at. */
  #checkedAt = 0;
  /** The first promise that a driver broke, in words. */
  #violation = '';

  constructor(
    index: number,
    config: HostConfigInput,
    frames: number,
    hash: TraceHash,
    { traceRecords, world, marks }: Observed,
  ) {
    const { exposed = false, extensions = false, filters = 0 } = world;
    this.index = index;
    this.#hash = hash;
    const switchWatch = extensions && config.ndisVersion !== '6.20' ? new SwitchWatch() : null;
    const exposure = exposed ? new ExposedFrames() : null;
    this.watch = new NblWatch(frames, {
      goesUp(chain) {
        exposure?.expose(chain, switchWatch !== null);
        switchWatch?.noteIndication(chain);
      },
      comesBack: (chain) => exposure?.restore(chain),
    });
    const checked = checkHostConfig(config);
    const filterDrivers = Array.from({ length: filters }, (_, i) =>
      holdingFilter(`filter${i}`, config.seed ?? 1),
    );
    if (!checked.ok) throw new Error(`simulation: ${JSON.stringify(checked.problems)}`);
    this.host = createHost(checked.config, {
      record: true,
      sources: true,
      traceRecords,
      ...(marks === null ? {} : { onMark: (mark) => marks.set(mark, (marks.get(mark) ?? 0) + 1) }),
      sizes: smallSizes(config, world),
      ...(world.counters ? { counters: world.counters } : {}),
      dataPaths: {
        ...this.watch.dataPaths(),
        agents: {
          guest: createHostileGuestAgent,
          nic: (context, data: NicAgentData) => this.#plugIn(context, data),
        },
        switchExtensions: switchWatch?.factories ?? {},
        filters: { [HOLDING_FILTER]: createHoldingFilter },
      },
      filterDrivers,
      switchExtensions: switchWatch ? [SWITCH_WATCH] : [],
      guestProgram: ({ name }) => this.#programs.get(name),
    });
    const { adapter, machine, executor } = this.host;
    if (executor.kind !== 'deterministic') throw new Error('simulation: needs the deterministic executor');
    this.#executor = executor as DeterministicExecutor;
    this.#checkedAt = machine.clock.now();
    this.ledger = new HostLedger(checked.config.name, machine);
    this.#freePages = new FreePages(this.host);
    this.#device = new DeviceAudit(this.host);
    this.#drops = new DropAudit(checked.config.name, machine);
    this.pages = new PageAudit(this.host, this.watch);
    this.states = new StateAudit(checked.config.name, adapter);
    this.host.ndis.refusals.subscribe((record) => {
      // What the second protocol leaves behind when it closes is its own affair (LIFE-09).
      if (record.kind === 'violation' && record.rule !== 'LIFE-09' && this.#violation === '')
        this.#violation = refusalLine(record);
    });
    this.protocol = new SecondProtocol(hash);
    this.protocol.bind(adapter);
    this.faults = new HostFaults(this.host, filterDrivers);
    this.control = new AdapterControl(this.host, {
      hash,
      watch: this.watch,
      protocol: this.protocol,
      states: this.states,
      drops: this.#drops,
      wasFaulty: () => this.wasFaulty,
      pullCard: () => this.inject('surprise-removal'),
    });
  }

  /** The NIC, and the far end of its cable, which does not keep it waiting while a control call waits for it. */
  #plugIn(context: AgentContext, data: NicAgentData): Agent {
    const nic = createNicAgent(context, data);
    return {
      step: () => {
        const more = nic.step();
        return (this.#isCalled && this.#takeEarly()) || more;
      },
      refresh: (messages) => nic.refresh(messages),
    };
  }

  /** From now on the far end of the wire takes frames as they come. */
  beginCall(): void {
    this.#isCalled = true;
  }

  /** From now on it takes them when {@link receive} is called. */
  endCall(): void {
    this.#isCalled = false;
  }

  /** True if there were frames; {@link receive} hands them on. */
  #takeEarly(): boolean {
    const keep = (bytes: Uint8Array, offset: number, length: number): void => {
      this.#early.push(bytes.slice(offset, offset + length));
    };
    return this.wire.receive(keep) > 0;
  }

  /** Frames it has put on its wire since the last time, in order; returns how many. */
  receive(take: (bytes: Uint8Array, offset: number, length: number) => void): number {
    const early = this.#early.splice(0);
    for (const bytes of early) take(bytes, 0, bytes.length);
    return early.length + this.wire.receive(take);
  }

  get name(): string {
    return this.host.config.name;
  }

  get turnsTaken(): number {
    return this.#executor.turns;
  }

  run(turns: number): void {
    const executor = this.#executor;
    for (let i = 0; i < turns && executor.step(); i++);
    this.host.ndis.poll();
  }

  /** Runs until nothing is left to do; true if there was anything. */
  runToRest(): boolean {
    const executor = this.#executor;
    let turns = 0;
    while (executor.step()) {
      if (++turns > MOST_TURNS) fail('the host lives', `${this.name} does not come to rest`);
    }
    this.host.ndis.poll();
    return turns > 0;
  }

  /** The VM of that name will boot this instead of a guest's driver. */
  bootsWith(name: string, behaviour: string): void {
    this.#programs.set(name, { op: 'attack', behaviour, seed: this.#programs.size });
  }

  /** From here on the VM does what it likes. */
  attack(name: string, behaviour: string, seed: number): void {
    this.#executor.post(`vm:${name}`, { op: 'attack', behaviour, seed } satisfies HostileAttack);
    this.#executor.publish();
  }

  // --- what goes wrong ------------------------------------------------------------------------------------

  /** Its wire, with what goes wrong on it. */
  get wire(): FaultWire {
    return this.faults.wire;
  }

  /** Something has ever gone wrong. */
  get wasFaulty(): boolean {
    return this.faults.wasFaulty;
  }

  inject(name: FaultName): void {
    // Rings of an adapter that was removed by PnP alone are free memory by now.
    if (this.control.isRemoved) return;
    this.watch.isUnordered = true;
    this.onWire = Number.POSITIVE_INFINITY;
    const accepted = this.faults.inject(name);
    this.#hash.add(accepted ? 1 : 0);
    if (accepted && name === 'surprise-removal') this.control.isRemoved = true;
  }

  /** Heals, and gives the stack the time it needs to notice. */
  recover(): void {
    this.faults.recover();
    this.control.finishRemoval();
  }

  // --- after all is done ----------------------------------------------------------------------------------

  /** Between two steps, whatever is under way. */
  look(): ReturnType<NdisAdapter['inspect']> {
    const report = this.states.check();
    const { outstanding, sharedMemory } = report;
    this.pages.check(sharedMemory);
    checkVmMemory(this.name, this.control.isRemoved, report);
    const { receives, sends } = this.watch;
    if (outstanding.receives !== receives || outstanding.sends !== sends)
      fail(
        'one owner of each NBL',
        `${this.name}: NDIS counts ${outstanding.receives} received and ${outstanding.sends} sent NBLs, there are ${receives} and ${sends}`,
      );
    if (this.#violation !== '') fail('books agree', `${this.name}: ${this.#violation}`);
    return report;
  }

  /** After each step: nobody waited in vain. Where things go wrong that is what timeouts are for. */
  checkTime(): void {
    const now = this.host.machine.clock.now();
    const taken = now - this.#checkedAt;
    this.#checkedAt = now;
    const wasHeld = this.faults.takeHeld();
    if (taken > LONGEST_STEP && !this.wasFaulty && !wasHeld)
      fail(
        'the host lives',
        `${this.name}: one step took ${Math.round(taken / 1e6)} ms of the machine's time`,
      );
  }

  /** With the machine at rest: nothing is under way. */
  checkAtRest(): void {
    const { ledger, watch, name, host } = this;
    const report = this.look();
    const { state, pendingOids } = report;
    this.#freePages.check();
    // An adapter that was removed by PnP alone is still in its slot, and may reach nothing.
    if (!this.wasFaulty && !this.control.isRemoved) this.#drops.check();
    if (state === 'Running' && !this.control.isLow) this.#device.check(report, this.wasFaulty);
    if (watch.receives !== 0)
      fail('one owner of each NBL', `${name}: ${watch.receives} NBLs were never returned`);
    if (watch.sends !== 0) fail('one owner of each NBL', `${name}: ${watch.sends} sends never ended`);
    // A card that hung when it was put to sleep may write what it had before it hears of that: such frames are found at D0.
    const sleepsUnheard = this.control.isLow && this.wasFaulty;
    if (ledger.inFlight !== 0 && !sleepsUnheard)
      fail(
        'ledger closes',
        `${name}: at rest (adapter ${state}), ${ledger.inFlight} frames have not ended: ${JSON.stringify(host.machine.ledger.report())}`,
      );
    if (pendingOids.length > 0 || this.protocol.pending > 0)
      fail('requests complete once', `${name}: ${pendingOids.length} requests are pending at rest`);
  }

  /** Takes the host down, when its VMs have gone; nothing may be left. */
  tearDown(): void {
    const { adapter } = this.host;
    if (this.control.isLow && !this.control.isRemoved) this.control.togglePower();
    if (this.protocol.isBound) this.protocol.close();
    if (adapter.state === 'Running') adapter.pause();
    this.runToRest();
    if (adapter.state === 'Paused') adapter.halt();
    this.runToRest();
    checkNothingLeft(this.host);
    const { inFlight } = this.host.machine.ledger.report();
    if (inFlight !== 0)
      fail('ledger closes', `${this.host.config.name}: halted, ${inFlight} frames have not ended`);
    this.pages.check(adapter.inspect().sharedMemory);
  }
}
