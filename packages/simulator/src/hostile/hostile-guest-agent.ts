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
import { type GuestLayoutOptions, layoutGuest } from '@vmq/netvsc';
import type { HostileAttack, HostileProgram } from './behaviour.ts';
import { hostileBehaviour } from './behaviours.ts';
import { GuestReach } from './guest-reach.ts';

/** What of `GuestAgentData` an attack needs. */
export interface HostileGuestData {
  readonly segment: number;
  readonly messages: SharedArrayBuffer;
  readonly layout?: GuestLayoutOptions;
  /** Word 0 is 0 while the hypervisor has the virtual processor stand still. */
  readonly vcpuPause?: SharedArrayBuffer;
  /** A {@link HostileAttack}: it begins by itself, with the boot or when the channel is open. */
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

/** Word of the driver's page that says how far its handshake is, and its value for an open channel. */
const DRIVER_STEP = 1;
const STEP_OPEN = 200;

const createGuestAgent = hostAgentFactories()['guest'] as AgentFactory<unknown>;

class HostileGuestAgent implements Agent {
  readonly #context: AgentContext;
  readonly #driver: Agent;
  #data: HostileGuestData | null;
  #program: HostileProgram | null = null;
  /** Begins when the driver has opened its channel. */
  #planned: HostileAttack | null = null;
  #driverRuns = true;
  #paused = false;

  constructor(context: AgentContext, data: HostileGuestData | null) {
    this.#context = context;
    this.#data = data;
    this.#driver = createGuestAgent(context, data);
    this.#begin(data?.program);
  }

  step(): boolean {
    if (this.#paused || this.#isVcpuPaused()) return false;
    let more = false;
    if (this.#driverRuns) {
      try {
        more = this.#driver.step();
      } catch (error) {
        // Its memory has been rewritten, by itself or on the host it comes from: its system has crashed, no more.
        if (!(error instanceof RangeError)) throw error;
        this.#driverRuns = false;
      }
    }
    if (this.#planned !== null && this.#isOpen()) this.#begin(this.#planned);
    if (this.#program === null) return more;
    const { done, value } = this.#turn(this.#program);
    if (done === true) this.#program = null;
    return more || value === true;
  }

  #isVcpuPaused(): boolean {
    const vcpuPause = this.#data?.vcpuPause;
    return vcpuPause !== undefined && Atomics.load(new Int32Array(vcpuPause), 0) === 0;
  }

  /** The driver has opened its channel. */
  #isOpen(): boolean {
    const data = this.#data;
    if (data === null) return false;
    const { i32 } = this.#context.machine.memory.segment(data.segment);
    return i32[(layoutGuest(data.layout).driver >>> 2) + DRIVER_STEP] === STEP_OPEN;
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
        this.#program = this.#planned = null;
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
    this.#planned = behaviour.begins === 'running' && !this.#isOpen() ? attack : null;
    if (this.#planned !== null) return;
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
