/**
 * The agent of a VM that may turn hostile: the guest of this repository, until it is told to attack.
 *
 *   boot without program ─> an ordinary guest ──attack──> the program of a behaviour, instead of the driver or beside it
 *   boot with a program  ─────────────────────────────>   the same from the start
 *
 * Whatever it does with its memory, a virtual processor that crashes stops; and `pause` and `halt` are the hypervisor's
 * and are obeyed.
 */
import { hostAgentFactories } from '@vmq/host';
import type { Agent, AgentContext, AgentFactory } from '@vmq/machine';
import { type GuestLayoutOptions, layoutGuest } from '@vmq/vmbus';
import type { HostileAttack, HostileProgram } from './behaviour.ts';
import { hostileBehaviour } from './behaviours.ts';
import { GuestReach } from './guest-reach.ts';

/** What of `GuestAgentData` an attack needs. */
export interface HostileGuestData {
  readonly segment: number;
  readonly messages: SharedArrayBuffer;
  readonly layout?: GuestLayoutOptions;
  readonly program?: unknown;
}

/** Makes such an agent; a factory to use in place of the guest's, by the name `guest`. */
export function createHostileGuestAgent(context: AgentContext, data: HostileGuestData | null): Agent {
  return new HostileGuestAgent(context, data);
}

/** The hypervisor's messages that matter here; all but attacks are the ordinary guest's too. */
type Message =
  | { readonly op: 'pause' | 'resume' | 'halt' | 'send' | 'respond' | 'close' }
  | { readonly op: 'boot'; readonly data: HostileGuestData }
  | HostileAttack;

const createGuestAgent = hostAgentFactories()['guest'] as AgentFactory<unknown>;

class HostileGuestAgent implements Agent {
  readonly #context: AgentContext;
  readonly #driver: Agent;
  #data: HostileGuestData | null;
  #program: HostileProgram | null = null;
  #driverRuns = true;
  #paused = false;

  constructor(context: AgentContext, data: HostileGuestData | null) {
    this.#context = context;
    this.#data = data;
    this.#driver = createGuestAgent(context, data);
    this.#begin(data?.program);
  }

  step(): boolean {
    if (this.#paused) return false;
    let more = false;
    if (this.#driverRuns) {
      try {
        more = this.#driver.step();
      } catch (error) {
        // It has rewritten its own driver's memory: its operating system has crashed, and nothing else.
        if (this.#program === null) throw error;
        this.#driverRuns = false;
      }
    }
    if (this.#program === null) return more;
    const { done, value } = this.#turn(this.#program);
    if (done === true) this.#program = null;
    return more || value === true;
  }

  /** A program that reaches beyond its memory has crashed: what it goes by was rewritten by itself, or one before. */
  #turn(program: HostileProgram): IteratorResult<boolean, void> {
    try {
      return program.next();
    } catch (error) {
      if (error instanceof RangeError) return { done: true, value: undefined };
      throw error;
    }
  }

  refresh(messages: readonly unknown[]): void {
    for (const message of messages as readonly Message[]) {
      if (message.op === 'attack') {
        this.#begin(message);
        continue;
      }
      this.#driver.refresh([message]);
      if (message.op === 'pause') this.#paused = true;
      else if (message.op === 'resume') this.#paused = false;
      else if (message.op === 'boot' || message.op === 'halt') {
        this.#paused = false;
        this.#program = null;
        this.#driverRuns = true;
        this.#data = message.op === 'boot' ? message.data : null;
        this.#begin(this.#data?.program);
      }
    }
    this.#driver.refresh([]);
  }

  #begin(attack: unknown): void {
    const data = this.#data;
    if (data === null || !isAttack(attack)) return;
    const behaviour = hostileBehaviour(attack.behaviour);
    const { segment, messages } = data;
    this.#driverRuns = behaviour.besideDriver === true;
    this.#program = behaviour.program(
      new GuestReach({
        machine: this.#context.machine,
        segment,
        messages,
        layout: layoutGuest(data.layout),
        seed: attack.seed,
      }),
    );
    this.#context.machine.board.wake(this.#context.agent);
  }
}

function isAttack(message: unknown): message is HostileAttack {
  return typeof message === 'object' && message !== null && (message as HostileAttack).op === 'attack';
}
