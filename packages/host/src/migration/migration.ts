/**
 * Live migration of a VM between two hosts of this process (MIG-06).
 *
 *   source                      transfer                        destination
 *   ───────────────────────────────────────────────────────────────────────────────────────
 *   VM runs                     hello ──────────────────────>   validation port: veto ends it (MIG-07)
 *                                                               operational port, place
 *                               pages, round by round ──────>   memory
 *   VM stops, all it holds returns (MIG-01)
 *   channel saved               state ──────────────────────>   judged whole, or it ends here
 *   NIC disconnect: filters, queue (MIG-02); NIC delete; port teardown, delete
 *                                                               NIC create, connect: queue or none (MIG-04)
 *                                                               channel restored (MIG-03), VM runs
 *   place wiped for the next                                    announcement to the network
 *
 * Every step up to the restored channel knows how to undo itself. A frame that is on its way when
 * the VM stops is delivered into its memory and moves with it, or ends in a counter of the host it was on.
 */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_REQUEST_ABORTED, NDIS_STATUS_SUCCESS, statusName } from '@vmq/abi';
import { PAGE_SIZE } from '@vmq/machine';
import type { SwitchResult } from '@vmq/vswitch';
import type { Host } from '../vm/host.ts';
import { vmLifeOf } from '../vm/vm-life.ts';
import { announcementFrames } from './migration-announcement.ts';
import type { MigrationOptions, MigrationResult, MigrationStep } from './migration-report.ts';
import { MigrationSource, refusalToMove } from './migration-source.ts';
import { MigrationEncoder, type PageSet } from './migration-stream.ts';
import { MigrationTally } from './migration-tally.ts';
import { MigrationTarget } from './migration-target.ts';

const OK: SwitchResult = { status: NDIS_STATUS_SUCCESS };
const failed = ({ status }: SwitchResult): boolean => status !== NDIS_STATUS_SUCCESS;

/** A step, and how it is undone; neither does anything if it fails. */
interface PlannedStep {
  readonly step: MigrationStep;
  take(): SwitchResult;
  undo?(): SwitchResult;
}

/**
 * Moves a running VM of `source` to `destination`. NDIS_STATUS_SUCCESS: it runs there. Otherwise it runs where it
 * was, as before, and `reason` says what went wrong; if its queue was given to another VM meanwhile, it may go on
 * without one. Throws for a VM that `source` does not have. What `onProgress` or `link` throws is thrown on, after the
 * VM has gone on: where it was or, if its channel had been restored, where it is.
 */
export function migrateVm(
  source: Host,
  destination: Host,
  name: string,
  options: MigrationOptions = {},
): MigrationResult {
  const life = vmLifeOf(source);
  const guest = life.find(name);
  if (guest === undefined)
    throw new Error(`no VM '${name}' on ${source.config.name}; there are ${life.names.join(', ')}`);
  const tally = new MigrationTally(name, source, destination);
  const refusal = source === destination ? 'source and destination are one host' : refusalToMove(life, guest);
  if (refusal !== null) return { status: NDIS_STATUS_FAILURE, reason: refusal, report: tally.report() };
  const parts = {
    from: new MigrationSource(life, guest),
    to: new MigrationTarget(vmLifeOf(destination)),
  };
  guest.isMoving = true;
  try {
    return new Migration(parts, tally, options).run();
  } finally {
    guest.isMoving = false;
  }
}

class Migration {
  readonly #from: MigrationSource;
  readonly #to: MigrationTarget;
  readonly #tally: MigrationTally;
  readonly #options: MigrationOptions;
  readonly #encoder = new MigrationEncoder();
  readonly #taken: PlannedStep[] = [];
  #failure: { readonly step: MigrationStep; readonly result: SwitchResult } | null = null;

  constructor(
    { from, to }: { readonly from: MigrationSource; readonly to: MigrationTarget },
    tally: MigrationTally,
    options: MigrationOptions,
  ) {
    this.#from = from;
    this.#to = to;
    this.#tally = tally;
    this.#options = options;
    tally.queueBefore(from.queueId);
    tally.memoryPages = from.description.memoryBytes / PAGE_SIZE;
  }

  run(): MigrationResult {
    if (this.#moves()) {
      this.#restored();
      return { ...OK, report: this.#tally.report() };
    }
    const { step, result } = this.#failure ?? { step: 'validation-port' as const, result: OK };
    const reasons = [result.reason ?? statusName(result.status), ...this.#undo()];
    return {
      status: result.status,
      reason: reasons.join('; '),
      failedStep: step,
      report: this.#tally.report(),
    };
  }

  /** Every step that can be undone. */
  #moves(): boolean {
    try {
      return this.#all(this.#preparation()) && this.#copy() && this.#all(this.#move()) && this.#restore();
    } catch (error) {
      this.#undo();
      throw error;
    }
  }

  #preparation(): PlannedStep[] {
    const to = this.#to;
    return [
      {
        step: 'validation-port',
        take: () => {
          this.#send(this.#encoder.hello(this.#from.description));
          const arrived = to.expect('hello');
          return failed(arrived) ? arrived : to.validate();
        },
      },
      {
        step: 'operational-port',
        take: () => to.prepare(),
        undo: () => {
          to.abandon();
          return OK;
        },
      },
    ];
  }

  /** Rounds of copying while the VM runs, until little is left or the rounds are used up. */
  #copy(): boolean {
    const { maxRounds = 8, enoughPages = 8, turnsPerRound = 512 } = this.#options;
    for (let round = 1; round <= maxRounds; round++) {
      if (round > 1) this.#from.run(turnsPerRound);
      const dirty = this.#from.takeDirtyPages();
      if (!this.#take({ step: 'copy', take: () => this.#sendPages(round, dirty) })) return false;
      if (dirty.numbers.length <= enoughPages) break;
    }
    this.#from.runTo(this.#options.stopPoint ?? {});
    return true;
  }

  #move(): PlannedStep[] {
    const from = this.#from;
    const to = this.#to;
    const tally = this.#tally;
    return [
      {
        step: 'stop',
        take: () => {
          tally.stopped();
          return from.stop();
        },
        undo: () => from.goOn(),
      },
      { step: 'save', take: () => this.#save(), undo: () => from.reopen() },
      { step: 'source-nic-disconnect', take: () => from.disconnectNic(), undo: () => from.connectNic() },
      { step: 'source-nic-delete', take: () => from.deleteNic(), undo: () => from.createNic() },
      { step: 'source-port-teardown', take: () => from.teardownPort(), undo: () => from.createPort() },
      {
        step: 'source-port-delete',
        take: () => {
          // A port that is referred to stays behind, torn down; the VM goes all the same.
          tally.portLeft = failed(from.deletePort());
          tally.gone();
          return OK;
        },
      },
      { step: 'destination-nic-create', take: () => to.createNic(), undo: () => to.deleteNic() },
      { step: 'destination-nic-connect', take: () => to.connectNic(), undo: () => to.disconnectNic() },
    ];
  }

  /**
   * From here on there is no way back: the destination's switch puts frames into the VM's memory there, and has
   * counted them as delivered.
   */
  #restore(): boolean {
    const result = this.#to.restore();
    if (failed(result)) this.#failure = { step: 'restore', result };
    return !failed(result);
  }

  #restored(): void {
    try {
      this.#done('restore');
    } finally {
      this.#arrive();
    }
  }

  /** The VM's first turn at the destination. */
  #arrive(): void {
    const { guest } = this.#to;
    this.#to.resume();
    this.#tally.resumed(vmLifeOf(this.#tally.destination).ports.inspect(guest.port));
    this.#from.depart(this.#tally.portLeft);
    try {
      this.#done('resume');
    } finally {
      this.#announce();
    }
  }

  #announce(): void {
    const { guest } = this.#to;
    const announced = this.#tally.destination.virtualSwitch.sendFor(guest.port, announcementFrames(guest.vm));
    if (!failed(announced)) this.#done('announce');
  }

  /** The last message: everything that is left, while the VM stands still. */
  #save(): SwitchResult {
    const from = this.#from;
    const state = from.save();
    if (state === null)
      return { status: NDIS_STATUS_FAILURE, reason: `its channel is ${from.guest.channel.phase}` };
    this.#tally.saved(from.framesDelivered, from.messagesCarried, state.pages.numbers.length);
    this.#tally.isSuspended = state.isSuspended;
    const bytes = this.#encoder.state(state);
    this.#tally.stateBytes = bytes.length;
    let result: SwitchResult = { status: NDIS_STATUS_FAILURE };
    try {
      result = this.#send(bytes);
      if (!failed(result)) result = this.#to.expect('state');
      if (!failed(result)) result = this.#to.judge();
    } finally {
      if (failed(result)) from.reopen();
    }
    return result;
  }

  #sendPages(round: number, pages: PageSet): SwitchResult {
    const bytes = this.#encoder.pages(round, pages);
    this.#tally.round(pages.numbers.length, bytes.length);
    return this.#send(bytes);
  }

  #send(bytes: Uint8Array): SwitchResult {
    this.#tally.bytes += bytes.length;
    return this.#to.take(this.#options.link?.(bytes) ?? bytes);
  }

  #all(steps: readonly PlannedStep[]): boolean {
    return steps.every((planned) => this.#take(planned));
  }

  #take(planned: PlannedStep): boolean {
    const { step } = planned;
    const result = planned.take();
    if (failed(result)) {
      this.#failure = { step, result };
      return false;
    }
    this.#taken.push(planned);
    if (this.#done(step) !== 'cancel') return true;
    const reason = `cancelled after ${step}`;
    this.#failure = { step, result: { status: NDIS_STATUS_REQUEST_ABORTED, reason } };
    return false;
  }

  #done(step: MigrationStep): 'cancel' | undefined {
    return this.#options.onProgress?.(this.#tally.took(step));
  }

  /** Back to where it was, last step first. Returns what could not be undone. */
  #undo(): string[] {
    const last = this.#taken.at(-1)?.step ?? 'nothing';
    this.#from.reach(`host.migration-undone-after-${last}`);
    return this.#taken.reverse().flatMap(({ step, undo }) => {
      const result = undo?.() ?? OK;
      return failed(result) ? [`undoing ${step}: ${statusName(result.status)}: ${result.reason ?? ''}`] : [];
    });
  }
}
