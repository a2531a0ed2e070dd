/**
 * The source's end of a migration (MIG-06): a conversation that yields bytes for the destination and is given the reply to
 * them, so that it does not matter how the bytes travel and who waits for the reply.
 *
 *   source                      bytes                           destination
 *   ───────────────────────────────────────────────────────────────────────────────────────
 *   VM runs                     hello ──────────────────────>   validation port: veto ends it (MIG-07)
 *                               prepare ────────────────────>   operational port, memory
 *                               pages, round by round ──────>   memory
 *   VM stops, all it holds returns (MIG-01)
 *   channel saved               state ──────────────────────>   judged whole, or it ends here
 *   NIC disconnect: filters, queue (MIG-02); NIC delete; port teardown, delete
 *                               create-nic, connect-nic ────>   NIC create, connect: queue or none (MIG-04)
 *                               restore ────────────────────>   channel restored (MIG-03)       ── no way back
 *                               resume ─────────────────────>   VM runs
 *   memory wiped for the next   announce ───────────────────>   announcement to the network
 *
 * Every step up to the restored channel knows how to undo itself. A frame that is on its way when
 * the VM stops is delivered into its memory and moves with it, or ends in a counter of the host it was on.
 */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_REQUEST_ABORTED, NDIS_STATUS_SUCCESS, statusName } from '@vmq/abi';
import { type Host, vmLifeOf } from '@vmq/host';
import { PAGE_SIZE } from '@vmq/machine';
import type { SwitchResult } from '@vmq/vswitch';
import type { MigrationOptions, MigrationResult, MigrationStep } from '../report/report.ts';
import type { MigrationCommand, MigrationReply } from '../stream/commands.ts';
import { MigrationEncoder, type PageSet } from '../stream/messages.ts';
import { refusalToMove, SourceVm } from './source-vm.ts';
import { MigrationTally } from './tally.ts';

const OK: SwitchResult = { status: NDIS_STATUS_SUCCESS };
const failed = ({ status }: SwitchResult): boolean => status !== NDIS_STATUS_SUCCESS;

/** Yields a message; is given the reply, or null if the link has ended and none will come. */
export type Conversation<T> = Generator<Uint8Array, T, MigrationReply | null>;

/** A step that is taken on this host, and how it is undone; neither does anything if it fails. */
interface PlannedStep {
  readonly step: MigrationStep;
  take(): SwitchResult;
  undo?(): SwitchResult;
}

/** What the caller knows of the destination. */
export interface DestinationNote {
  /** What it is called until it has said its name. */
  readonly destination?: string;
  /** Why no VM of this host can go there. */
  readonly refusal?: string | null;
}

/**
 * Moves a running VM of `host` to whoever answers. If the message cannot be sent, throw that into the conversation: the VM
 * goes on here, and the error comes out again.
 *
 * Throws for a VM that `host` does not have.
 */
export function* moveOut(
  host: Host,
  name: string,
  options: MigrationOptions = {},
  { destination = '', refusal = null }: DestinationNote = {},
): Conversation<MigrationResult> {
  const life = vmLifeOf(host);
  const guest = life.find(name);
  if (guest === undefined)
    throw new Error(`no VM '${name}' on ${host.config.name}; there are ${life.names.join(', ')}`);
  const tally = new MigrationTally(name, host, destination);
  const reason = refusal ?? refusalToMove(life, guest);
  if (reason !== null) return { status: NDIS_STATUS_FAILURE, reason, report: tally.report() };
  const vm = new SourceVm(life, guest);
  guest.isMoving = true;
  try {
    return yield* new SourceSession(vm, tally, options).run();
  } finally {
    guest.isMoving = false;
  }
}

class SourceSession {
  readonly #vm: SourceVm;
  readonly #tally: MigrationTally;
  readonly #options: MigrationOptions;
  readonly #encoder = new MigrationEncoder();
  /** Steps that were taken, and how those on this host are undone. */
  readonly #taken: { readonly step: MigrationStep; readonly undo?: () => SwitchResult }[] = [];
  #failure: { readonly step: MigrationStep; readonly result: SwitchResult } | null = null;

  constructor(vm: SourceVm, tally: MigrationTally, options: MigrationOptions) {
    this.#vm = vm;
    this.#tally = tally;
    this.#options = options;
    tally.queueBefore(vm.queueId);
    tally.memoryPages = vm.description.memoryBytes / PAGE_SIZE;
  }

  *run(): Conversation<MigrationResult> {
    if (yield* this.#moves()) {
      yield* this.#restored();
      return { ...OK, report: this.#tally.report() };
    }
    const { step, result } = this.#failure ?? { step: 'validation-port' as const, result: OK };
    const left = this.#isInDoubt ? [] : yield* this.#undo();
    if (this.#isInDoubt) this.#vm.keepStopped();
    return {
      status: result.status,
      reason: [result.reason ?? statusName(result.status), ...left].join('; '),
      failedStep: step,
      report: this.#tally.report(),
    };
  }

  /** It was asked to restore the VM and has not answered: the VM may run there, so it must not run here. */
  #isInDoubt = false;

  /** Every step that can be undone. */
  *#moves(): Conversation<boolean> {
    try {
      return (
        (yield* this.#there('validation-port', this.#encoder.hello(this.#vm.description))) &&
        (yield* this.#command('operational-port', 'prepare')) &&
        (yield* this.#copy()) &&
        (yield* this.#stopAndSave()) &&
        (yield* this.#leave()) &&
        (yield* this.#command('destination-nic-create', 'create-nic')) &&
        (yield* this.#command('destination-nic-connect', 'connect-nic')) &&
        (yield* this.#restore())
      );
    } catch (error) {
      yield* this.#undo();
      throw error;
    }
  }

  /** Rounds of copying while the VM runs, until little is left or the rounds are used up. */
  *#copy(): Conversation<boolean> {
    const { maxRounds = 8, enoughPages = 8, turnsPerRound = 512 } = this.#options;
    for (let round = 1; round <= maxRounds; round++) {
      if (round > 1) this.#vm.run(turnsPerRound);
      const dirty = this.#vm.takeDirtyPages();
      if (!(yield* this.#there('copy', this.#pages(round, dirty)))) return false;
      if (dirty.numbers.length <= enoughPages) break;
    }
    this.#vm.runTo(this.#options.stopPoint ?? {});
    return true;
  }

  #pages(round: number, pages: PageSet): Uint8Array {
    const bytes = this.#encoder.pages(round, pages);
    this.#tally.round(pages.numbers.length, bytes.length);
    return bytes;
  }

  *#stopAndSave(): Conversation<boolean> {
    const vm = this.#vm;
    let isHeard = false;
    try {
      isHeard = yield* this.#look('stop');
    } finally {
      // At a stop point between two frames it stands still already.
      if (!isHeard) vm.goOn();
    }
    if (!isHeard) return false;
    this.#tally.stopped();
    if (!this.#here({ step: 'stop', take: () => vm.stop(), undo: () => vm.goOn() })) return false;
    return yield* this.#save();
  }

  /** The last message: everything that is left, while the VM stands still. */
  *#save(): Conversation<boolean> {
    const vm = this.#vm;
    const state = vm.save();
    if (state === null) {
      const reason = `its channel is ${vm.guest.channel.phase}`;
      this.#failure = { step: 'save', result: { status: NDIS_STATUS_FAILURE, reason } };
      return false;
    }
    this.#tally.saved(vm.framesDelivered, vm.messagesCarried, state.pages.numbers.length);
    this.#tally.isSuspended = state.isSuspended;
    const bytes = this.#encoder.state(state);
    this.#tally.stateBytes = bytes.length;
    let isThere = false;
    try {
      const result = yield* this.#ask(bytes);
      isThere = !failed(result);
      if (!isThere) this.#failure = { step: 'save', result };
    } finally {
      if (!isThere) vm.reopen();
    }
    return isThere && this.#took({ step: 'save', undo: () => vm.reopen() });
  }

  /** The VM's NIC and port go; what is left of it here is its memory. */
  *#leave(): Conversation<boolean> {
    const vm = this.#vm;
    const steps: PlannedStep[] = [
      { step: 'source-nic-disconnect', take: () => vm.disconnectNic(), undo: () => vm.connectNic() },
      { step: 'source-nic-delete', take: () => vm.deleteNic(), undo: () => vm.createNic() },
      { step: 'source-port-teardown', take: () => vm.teardownPort(), undo: () => vm.createPort() },
    ];
    if (!steps.every((step) => this.#here(step))) return false;
    // A port that is referred to stays behind, torn down; the VM goes all the same.
    this.#tally.portLeft = failed(vm.deletePort());
    if (!(yield* this.#look('source-port-delete'))) return false;
    this.#tally.gone();
    return this.#took({ step: 'source-port-delete' });
  }

  /**
   * From here on there is no way back: the destination's switch puts frames into the VM's memory there, and has
   * counted them as delivered.
   */
  *#restore(): Conversation<boolean> {
    const reply = yield this.#message(this.#encoder.command('restore'));
    this.#isInDoubt = reply === null;
    const result = this.#heard(reply);
    if (failed(result)) this.#failure = { step: 'restore', result };
    return !failed(result);
  }

  *#restored(): Conversation<void> {
    try {
      this.#done('restore');
    } finally {
      yield* this.#arrive();
    }
  }

  /** The VM's first turn at the destination. It is the destination's, whatever becomes of these messages. */
  *#arrive(): Conversation<void> {
    const reply = yield* this.#last('resume');
    this.#tally.resumed(reply ?? { queueId: 0, withoutQueue: 'the destination does not answer any more' });
    this.#vm.depart(this.#tally.portLeft);
    try {
      this.#done('resume');
    } finally {
      const announced = yield* this.#last('announce');
      if (announced !== null && !failed(announced)) this.#done('announce');
    }
  }

  /** The reply to a message without which the migration has succeeded all the same. */
  *#last(command: MigrationCommand): Conversation<MigrationReply | null> {
    try {
      const reply = yield this.#message(this.#encoder.command(command));
      this.#heard(reply);
      return reply;
    } catch {
      return null;
    }
  }

  // --- one step -------------------------------------------------------------------------------------------

  /** A step of the destination's. */
  *#there(step: MigrationStep, message: Uint8Array): Conversation<boolean> {
    const result = yield* this.#ask(message);
    if (!failed(result)) return this.#took({ step });
    this.#failure = { step, result };
    return false;
  }

  *#command(step: MigrationStep, command: MigrationCommand): Conversation<boolean> {
    return yield* this.#there(step, this.#encoder.command(command));
  }

  /** Has the destination say what its clock and its counters show. */
  *#look(step: MigrationStep): Conversation<boolean> {
    const result = yield* this.#ask(this.#encoder.command('look'));
    if (failed(result)) this.#failure = { step, result };
    return !failed(result);
  }

  #here({ step, take, undo }: PlannedStep): boolean {
    const result = take();
    if (!failed(result)) return this.#took({ step, ...(undo ? { undo } : {}) });
    this.#failure = { step, result };
    return false;
  }

  /** False if it was the last one that was wanted. */
  #took(taken: { readonly step: MigrationStep; readonly undo?: () => SwitchResult }): boolean {
    const { step } = taken;
    this.#taken.push(taken);
    if (this.#done(step) !== 'cancel') return true;
    const reason = `cancelled after ${step}`;
    this.#failure = { step, result: { status: NDIS_STATUS_REQUEST_ABORTED, reason } };
    return false;
  }

  #done(step: MigrationStep): 'cancel' | undefined {
    const progress = this.#tally.took(step);
    return this.#options.onProgress?.(progress);
  }

  *#ask(message: Uint8Array): Conversation<SwitchResult> {
    return this.#heard(yield this.#message(message));
  }

  #message(bytes: Uint8Array): Uint8Array {
    this.#tally.bytes += bytes.length;
    return bytes;
  }

  #heard(reply: MigrationReply | null): SwitchResult {
    if (reply === null) return { status: NDIS_STATUS_FAILURE, reason: 'the destination does not answer' };
    this.#tally.heard(reply);
    return reply;
  }

  /** Back to where it was: the destination as a whole, then this host, last step first. Returns what could not be undone. */
  *#undo(): Conversation<string[]> {
    const last = this.#taken.at(-1)?.step ?? 'nothing';
    this.#vm.reach(`host.migration-undone-after-${last}`);
    const reply = yield* this.#last('abort');
    const there = reply === null || !failed(reply) ? [] : [reply.reason ?? ''];
    const here = this.#taken.reverse().flatMap(({ step, undo }) => {
      const result = undo?.() ?? OK;
      return failed(result) ? [`undoing ${step}: ${statusName(result.status)}: ${result.reason ?? ''}`] : [];
    });
    return [...there, ...here];
  }
}
