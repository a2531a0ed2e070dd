/**
 * The destination's end of a migration: bytes of the source go in, bytes of replies come out, and nothing else passes
 * between the hosts.
 *
 *   waiting ──hello──> validated ──prepare──> prepared ──pages…, state──> complete ──create-nic, connect-nic──>
 *   connected ──restore──> restored ──resume──> arrived
 *
 * Whatever is refused, and the end of the bytes, undoes everything up to `connected`; from `restored` on the VM is this
 * host's and goes on here.
 */
import { NDIS_STATUS_FAILURE, NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import { type Host, vmLifeOf } from '@vmq/host';
import type { SwitchResult } from '@vmq/vswitch';
import { momentOf } from '../report/moment.ts';
import type { MigrationCommand } from '../stream/commands.ts';
import { MigrationDecoder } from '../stream/decoder.ts';
import { MigrationEncoder, type MigrationMessage } from '../stream/messages.ts';
import { TargetVm } from './target-vm.ts';

/** Characters of a reason that travel. */
const MOST_REASON = 4096;

const ABORTED = 'the source has given up';

const OK: SwitchResult = { status: NDIS_STATUS_SUCCESS };
const refuse = (status: number, reason: string): SwitchResult => ({ status, reason });
const failed = ({ status }: SwitchResult): boolean => status !== NDIS_STATUS_SUCCESS;

type Stage =
  | 'waiting'
  | 'validated'
  | 'prepared'
  | 'complete'
  | 'nic-created'
  | 'connected'
  | 'restored'
  | 'arrived'
  | 'undone';

/** The stage in which a command is taken, and the one that it leads to. */
const STAGES: Readonly<Record<Exclude<MigrationCommand, 'look' | 'abort'>, readonly [Stage, Stage]>> = {
  prepare: ['validated', 'prepared'],
  'create-nic': ['complete', 'nic-created'],
  'connect-nic': ['nic-created', 'connected'],
  restore: ['connected', 'restored'],
  resume: ['restored', 'arrived'],
  announce: ['arrived', 'arrived'],
};

/** What became of a VM that wanted to come. */
export interface ArrivalResult extends SwitchResult {
  /** Empty if none said what it is. */
  readonly vmName: string;
}

export class TargetSession {
  readonly #host: Host;
  readonly #vm: TargetVm;
  readonly #decoder = new MigrationDecoder();
  readonly #encoder = new MigrationEncoder();
  #stage: Stage = 'waiting';
  #messages = 0;
  #vmName = '';
  #failure: SwitchResult = refuse(NDIS_STATUS_FAILURE, 'the transfer has not ended');

  constructor(host: Host) {
    this.#host = host;
    this.#vm = new TargetVm(vmLifeOf(host));
  }

  get result(): ArrivalResult {
    return { ...(this.#stage === 'arrived' ? OK : this.#failure), vmName: this.#vmName };
  }

  /** Takes bytes of the transfer, in whatever pieces they come; returns the replies to what is whole. */
  receive(bytes: Uint8Array): Uint8Array {
    const replies = this.#decoder.push(bytes).map((message) => this.#answer(message));
    if (this.#decoder.refusal !== null && !this.#isOver) replies.push(this.#refuseStream());
    return joined(replies);
  }

  /** No more bytes will come: what is not finished is undone, and that is the last reply. */
  end(): Uint8Array {
    if (this.#isOver) return new Uint8Array(0);
    if (this.#stage === 'restored') {
      this.#finish('arrived', this.#vm.resume());
      return new Uint8Array(0);
    }
    this.#decoder.end();
    if (this.#decoder.refusal !== null) return this.#refuseStream();
    return this.#reply(
      this.#undo(
        refuse(NDIS_STATUS_INVALID_PARAMETER, `the transfer ended after ${this.#messages} messages`),
      ),
    );
  }

  get #isOver(): boolean {
    return this.#stage === 'arrived' || this.#stage === 'undone';
  }

  #refuseStream(): Uint8Array {
    const { name, reason, sequence } = this.#decoder.refusal ?? { name: '', reason: '', sequence: 0 };
    const why = `message ${sequence} of the transfer: ${name}: ${reason}`;
    return this.#reply(this.#undo(refuse(NDIS_STATUS_INVALID_PARAMETER, why)));
  }

  #answer(message: MigrationMessage): Uint8Array {
    this.#messages++;
    const isAbort = message.kind === 'command' && message.command === 'abort';
    const result = this.#stage === 'undone' && !isAbort ? this.#failure : this.#take(message);
    return this.#reply(failed(result) && !this.#isOver ? this.#undo(result) : result);
  }

  #take(message: MigrationMessage): SwitchResult {
    switch (message.kind) {
      case 'hello': {
        const described = this.#vm.describe(message.description);
        this.#vmName = message.description.vm.name;
        return failed(described) ? described : this.#finish('validated', this.#vm.validate());
      }
      case 'pages':
        return this.#vm.write(message.pages);
      case 'state':
        return this.#stage === 'prepared'
          ? this.#finish('complete', this.#vm.complete(message.state))
          : refuse(NDIS_STATUS_INVALID_PARAMETER, `the transfer has a state, and is ${this.#stage}`);
      case 'command':
        return this.#command(message.command);
      case 'reply':
        return refuse(NDIS_STATUS_INVALID_PARAMETER, 'the transfer has a reply');
    }
  }

  #command(command: MigrationCommand): SwitchResult {
    if (command === 'look') return OK;
    if (command === 'abort') {
      if (this.#isOver) return OK;
      this.#undo(refuse(NDIS_STATUS_FAILURE, ABORTED));
      const { reason = '' } = this.#failure;
      return reason === ABORTED ? OK : refuse(NDIS_STATUS_FAILURE, reason.slice(ABORTED.length + 2));
    }
    const [from, to] = STAGES[command];
    if (this.#stage !== from)
      return refuse(
        NDIS_STATUS_INVALID_PARAMETER,
        `${command}: the transfer is ${this.#stage}, expected ${from}`,
      );
    const vm = this.#vm;
    switch (command) {
      case 'prepare':
        return this.#finish(to, vm.prepare());
      case 'create-nic':
        return this.#finish(to, vm.createNic());
      case 'connect-nic':
        return this.#finish(to, vm.connectNic());
      case 'restore':
        return this.#finish(to, vm.restore());
      case 'resume':
        return this.#finish(to, vm.resume());
      case 'announce':
        return vm.announce();
    }
  }

  #finish(stage: Stage, result: SwitchResult): SwitchResult {
    if (!failed(result)) this.#stage = stage;
    return result;
  }

  /** Back to what this host was before; or on, if the VM is its own already. */
  #undo(why: SwitchResult): SwitchResult {
    if (this.#stage === 'restored') {
      this.#finish('arrived', this.#vm.resume());
      return why;
    }
    this.#stage = 'undone';
    const left = this.#vm.abandon();
    this.#failure = { ...why, reason: [why.reason ?? '', ...left].filter((text) => text !== '').join('; ') };
    return this.#failure;
  }

  #reply({ status, reason }: SwitchResult): Uint8Array {
    return this.#encoder.reply({
      status,
      ...(reason === undefined ? {} : { reason: reason.slice(0, MOST_REASON) }),
      host: this.#host.config.name,
      moment: momentOf(this.#host),
      ...this.#vm.queue,
    });
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
