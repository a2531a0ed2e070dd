/** A host of a simulated world, small, and with everything on it that watches it. */
import { NDIS_DEVICE_POWER_STATE, NDIS_STATUS_SUCCESS, statusName } from '@vmq/abi';
import { setRequest } from '@vmq/ddi';
import { checkHostConfig, createHost, type Host, type HostConfigInput } from '@vmq/host';
import { type Agent, type AgentContext, createRandom, type DeterministicExecutor } from '@vmq/machine';
import { OID_VMQ_MINIPORT_VM_QUEUES } from '@vmq/miniport';
import { type NdisAdapter, refusalLine } from '@vmq/ndis';
import { createNicAgent, type NicAgentData } from '@vmq/nic';
import { oidRequestOf } from '@vmq/reference-model';
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
import { createFaultInjector, type FaultInjector, RECOVERY } from '../faults/fault-injector.ts';
import type { FaultName } from '../faults/fault-names.ts';
import type { HostileAttack } from '../hostile/behaviour.ts';
import { createHostileGuestAgent } from '../hostile/hostile-guest-agent.ts';
import { type OidScene, type OidStep, requestOfStep } from '../steps/oid-step.ts';
import { type SimulationConfig, smallSizes, vmMac } from '../steps/simulation-config.ts';
import { createHoldingFilter, HOLDING_FILTER, type HoldingDriver, holdingFilter } from './holding-filter.ts';
import { SECOND_PROTOCOL, SecondProtocol } from './second-protocol.ts';

/** Turns after which a host that still has something to do will never be at rest. */
const PATIENCE = 200_000;
/** Virtual nanoseconds that a step may take: less than what anybody waits before giving up. */
const LONGEST_STEP = 1e9;
const { NdisDeviceStateD0: D0, NdisDeviceStateD3: D3 } = NDIS_DEVICE_POWER_STATE;

/** Of what world it is, and who watches. */
interface Observed {
  readonly traceRecords: number;
  readonly world: Omit<SimulationConfig, 'hosts'>;
  /** Counts rare branches by name; null: nobody does. */
  readonly marks: Map<string, number> | null;
}

/** No adapter has so many. */
const ALL_QUEUES = 255;

export class SimulatedHost {
  readonly index: number;
  readonly host: Host;
  readonly watch: NblWatch;
  readonly ledger: HostLedger;
  readonly protocol: SecondProtocol;
  readonly pages: PageAudit;
  readonly states: StateAudit;
  readonly #freePages: FreePages;
  readonly #device: DeviceAudit;
  readonly #drops: DropAudit;
  readonly #executor: DeterministicExecutor;
  readonly #hash: TraceHash;
  /** With what VMs of that name boot. */
  readonly #programs: Map<string, HostileAttack> = new Map();
  /** Frames that were put on its wire; those that a fault repeats come on top. */
  onWire = 0;
  #faults: FaultInjector | null = null;
  #isCalled = false;
  /** Frames that were taken off its wire during a control call. */
  readonly #early: Uint8Array[] = [];
  /** The machine's time when it was last looked at. */
  #checkedAt = 0;
  /** Something has gone wrong since all was well for certain. */
  #needsRecovery = false;
  #isLow = false;
  readonly #filters: readonly HoldingDriver[];
  /** Ends a hold before its time. */
  #cancelHold: (() => void) | null = null;
  /** Somebody held on to NBLs since the last step. */
  #wasHeld = false;
  /** The first promise that a driver broke, in words. */
  #violation = '';
  isRemoved = false;
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
    this.#filters = Array.from({ length: filters }, (_, i) => holdingFilter(`filter${i}`, config.seed ?? 1));
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
      filterDrivers: this.#filters,
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
      if (++turns > PATIENCE) fail('the host lives', `${this.name} does not come to rest`);
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
    return this.#faults?.wire ?? this.host.wire;
  }

  /** Something has ever gone wrong. */
  get wasFaulty(): boolean {
    return this.#faults !== null;
  }

  inject(name: FaultName): void {
    // Rings of an adapter that was removed by PnP alone are free memory by now.
    if (this.isRemoved) return;
    this.#faults ??= createFaultInjector(this.host, createRandom(this.host.config.seed).fork('faults'));
    this.watch.isUnordered = true;
    this.onWire = Number.POSITIVE_INFINITY;
    const { accepted } = this.#faults.inject(name);
    this.#hash.add(accepted ? 1 : 0);
    if (accepted && name === 'surprise-removal') this.isRemoved = true;
    if (accepted) this.#needsRecovery = true;
  }

  heal(): void {
    this.#faults?.heal();
  }

  /** Filter modules keep all that comes back, for so long. */
  hold(milliseconds: number): void {
    if (this.#filters.length === 0 || this.#cancelHold !== null) return;
    for (const filter of this.#filters) filter.holdAll(true);
    const cancel = this.host.ndis.setTimer(milliseconds * 1e6, () => this.letGo());
    this.#cancelHold = cancel;
    this.#wasHeld = true;
  }

  letGo(): void {
    this.#cancelHold?.();
    this.#cancelHold = null;
    for (const filter of this.#filters) filter.holdAll(false);
  }

  /** Lets so much time go by as the stack needs to notice. */
  giveTime(): void {
    this.#faults?.passTime(RECOVERY);
  }

  /** Heals, and gives the stack the time it needs to notice. */
  recover(): void {
    if (this.#cancelHold !== null) this.letGo();
    if (this.#needsRecovery && this.#faults !== null) {
      this.#faults.heal();
      this.giveTime();
      this.#needsRecovery = false;
    }
    // A removal that had to wait for somebody is asked for once more.
    if (this.isRemoved && this.host.adapter.state !== 'Halted')
      this.#status(this.host.adapter.surpriseRemove());
  }

  // --- what steps do to the adapter -----------------------------------------------------------------------

  togglePause(): void {
    const { adapter } = this.host;
    if (adapter.state === 'Running') this.#status(adapter.pause());
    else if (adapter.state === 'Paused') this.#status(adapter.restart());
    this.watch.restartOrder();
  }

  /** Powers the adapter down, or up; or puts another card where one was pulled. */
  togglePower(): void {
    if (this.isRemoved) {
      this.#replaceAdapter();
      return;
    }
    const status = this.host.adapter.setPower(this.#isLow ? D0 : D3);
    this.#status(status);
    this.#isLow = this.host.adapter.powerState !== D0;
    this.watch.restartOrder();
  }

  /** As a vendor's management application does: `queues` of the VM queues, as far as there are so many. */
  setQueues(queues: number): void {
    const { adapter } = this.host;
    const most = adapter.inspect().hardwareCapabilities?.NumQueues ?? 0;
    const bytes = Uint8Array.of(Math.min(queues, most), 0, 0, 0);
    this.#status(adapter.userModeRequest(setRequest(OID_VMQ_MINIPORT_VM_QUEUES, bytes)));
  }

  reset(): void {
    this.#status(this.host.adapter.reset());
    this.watch.restartOrder();
  }

  removeAdapter(): void {
    if (this.isRemoved) return;
    // Where things go wrong the card is really pulled: one that hung and comes back would go on receiving.
    if (this.#faults === null) this.#status(this.host.adapter.surpriseRemove());
    else this.inject('surprise-removal');
    this.isRemoved = true;
  }

  #replaceAdapter(): void {
    const { host } = this;
    // One that went in the midst of faults stays away.
    if (this.#faults !== null || host.adapter.state !== 'Halted') return;
    const { status, reason } = host.replaceAdapter();
    this.#status(status);
    if (status !== NDIS_STATUS_SUCCESS) fail('the host lives', `${this.name}: no other adapter: ${reason}`);
    this.isRemoved = false;
    this.#isLow = false;
    // The old card was still in its slot when its adapter had been removed, and might reach nothing.
    this.#drops.excuse();
    this.states.replace(host.adapter);
    this.protocol.bind(host.adapter);
    this.watch.restartOrder();
  }

  /** Whatever stopped it on purpose is undone: another card, power, a restart. */
  comeUp(): void {
    if (this.isRemoved) this.#replaceAdapter();
    if (this.#isLow && !this.isRemoved) this.togglePower();
    if (this.host.adapter.state === 'Paused') this.togglePause();
    if (!this.isRemoved) this.setQueues(ALL_QUEUES);
    if (!this.isUp && !this.isRemoved)
      fail('life goes on', `${this.name}: the adapter is ${this.host.adapter.state}; ${this.lastRefusal}`);
  }

  /** The last thing that NDIS refused, in words. */
  get lastRefusal(): string {
    const { last } = this.host.ndis.refusals;
    return last === null ? 'nothing was refused' : refusalLine(last);
  }

  rebind(): void {
    if (this.protocol.isBound) this.protocol.close();
    else this.protocol.bind(this.host.adapter);
  }

  oid(step: OidStep, vms: readonly number[]): void {
    const { adapter, config } = this.host;
    const request = requestOfStep(step, this.#scene(vms));
    const bytes = oidRequestOf(request, config.ndisVersion === '6.20' ? 620 : 630);
    if (step.by === 'user') this.#status(adapter.userModeRequest(bytes));
    else this.protocol.submit(bytes);
  }

  /** Somebody besides the switch has a VM queue with a filter for that VM's address: such frames are its own (RX-22). */
  isTakenByOther(vm: number): boolean {
    const { filters, bindings } = this.host.adapter.inspect();
    const own = bindings.find(({ protocol }) => protocol === this.host.config.switch.name)?.number ?? -1;
    return filters.some(({ owner, queueId, mac }) => owner !== own && queueId !== 0 && mac === vmMac(vm));
  }

  #scene(vms: readonly number[]): OidScene {
    const { queues, filters, bindings } = this.host.adapter.inspect();
    const own = bindings.find(({ protocol }) => protocol === SECOND_PROTOCOL)?.number ?? -1;
    const ids = (mine: boolean): number[] =>
      queues
        .filter(({ queueId, owner }) => queueId !== 0 && (owner === own) === mine)
        .map(({ queueId }) => queueId);
    return {
      ownQueues: ids(true),
      otherQueues: ids(false),
      ownFilters: filters.filter(({ owner }) => owner === own),
      otherFilters: filters.filter(({ owner }) => owner !== own),
      vms,
    };
  }

  #status(status: number): void {
    this.#hash.add(status);
    if (statusName(status).startsWith('0x'))
      fail('requests complete once', `unknown status ${statusName(status)}`);
  }

  // --- after all is done ----------------------------------------------------------------------------------

  /** Between two steps, whatever is under way. */
  look(): ReturnType<NdisAdapter['inspect']> {
    const report = this.states.check();
    const { outstanding, sharedMemory } = report;
    this.pages.check(sharedMemory);
    checkVmMemory(this.name, this.isRemoved, report);
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
    const wasHeld = this.#wasHeld;
    this.#wasHeld = this.#cancelHold !== null;
    if (taken > LONGEST_STEP && this.#faults === null && !wasHeld)
      fail(
        'the host lives',
        `${this.name}: one step took ${Math.round(taken / 1e6)} ms of the machine's time`,
      );
  }

  /** Frames have nothing in their way: the adapter runs. */
  get isUp(): boolean {
    return this.host.adapter.state === 'Running' && !this.#isLow;
  }

  /** With the machine at rest: nothing is under way. */
  checkAtRest(): void {
    const { ledger, watch, name, host } = this;
    const report = this.look();
    const { state, pendingOids } = report;
    this.#freePages.check();
    // An adapter that was removed by PnP alone is still in its slot, and may reach nothing.
    if (this.#faults === null && !this.isRemoved) this.#drops.check();
    if (state === 'Running' && !this.#isLow) this.#device.check(report, this.#faults !== null);
    if (watch.receives !== 0)
      fail('one owner of each NBL', `${name}: ${watch.receives} NBLs were never returned`);
    if (watch.sends !== 0) fail('one owner of each NBL', `${name}: ${watch.sends} sends never ended`);
    if (ledger.inFlight !== 0)
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
    if (this.#isLow && !this.isRemoved) this.togglePower();
    if (this.protocol.isBound) this.protocol.close();
    if (adapter.state === 'Running') adapter.pause();
    this.runToRest();
    if (adapter.state === 'Paused') adapter.halt();
    this.runToRest();
    checkNothingLeft(this.host);
    this.pages.check(adapter.inspect().sharedMemory);
  }
}
