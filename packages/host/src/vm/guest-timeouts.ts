/**
 * How long the host waits for guests: for their channels to open, for them to come to rest.
 *
 * A guest owes nobody a handshake or an end: it may be busy for ever, or do nothing while others are. Time says little
 * about it, since a thread may be off its core and a machine without a clock has none. What is counted is turns: those
 * that the guest takes (restless), and those that others take while it takes none (asleep).
 */
import type { Executor, Machine } from '@vmq/machine';
import type { Guest } from './guests.ts';

/** Turns of its agent in which a guest must have opened its channel, or come to rest. A handshake takes some twenty. */
const MOST_TURNS = 20_000;
/** Turns of others during which a guest that was not woken has nothing to say; a thread may be off its core meanwhile. */
const TURNS_ASLEEP = 200_000;

export class GuestTimeouts {
  readonly #machine: Machine;
  readonly #executor: Executor;
  readonly #all: () => Guest[];

  /** `all`: the guests of the host at that moment. */
  constructor(machine: Machine, executor: Executor, all: () => Guest[]) {
    this.#machine = machine;
    this.#executor = executor;
    this.#all = all;
  }

  /** Waits until all these guests have opened their channels; false if one breaks it, or will not come to it. */
  openChannels(guests: readonly Guest[]): boolean {
    const waiting = guests.map((guest) => ({
      channel: guest.channel,
      isRestless: this.#restless(guest),
      isAsleep: this.#asleep(guest),
    }));
    const isLost = (): boolean =>
      waiting.some(
        ({ channel, isRestless, isAsleep }) =>
          !channel.isOpen && (channel.phase === 'broken' || isRestless() || isAsleep()),
      );
    const open = (): boolean => guests.map(({ channel }) => channel.poll()).every((isOpen) => isOpen);
    this.#executor.runUntil(() => open() || isLost());
    return open();
  }

  /** Lets everything run until nothing is left to do, but for guests that never rest. */
  rest(): void {
    const guests = this.#all().map((guest) => this.#restless(guest));
    this.#executor.runUntil(() => guests.some((isRestless) => isRestless()));
  }

  /** Says, from now on, whether the guest has taken more turns than anybody has reason to wait for. */
  #restless(guest: Guest): () => boolean {
    const { board } = this.#machine;
    const agent = this.#machine.agent(guest.slot.agent);
    const turns = board.turnsOf(agent);
    return () => ((board.turnsOf(agent) - turns) | 0) > MOST_TURNS;
  }

  /** Says, from now on, whether all guests together have taken more turns since this one's last than anybody waits for. */
  #asleep(guest: Guest): () => boolean {
    const { board } = this.#machine;
    const agents = this.#all().map(({ slot }) => this.#machine.agent(slot.agent));
    const own = this.#machine.agent(guest.slot.agent);
    const taken = (): number => agents.reduce((sum, agent) => (sum + board.turnsOf(agent)) | 0, 0);
    let last = board.turnsOf(own);
    let since = taken();
    return () => {
      const now = board.turnsOf(own);
      const all = taken();
      if (now === last) return ((all - since) | 0) > TURNS_ASLEEP && !board.looksPending(own);
      last = now;
      since = all;
      return false;
    };
  }
}

/** The VM's name, and what its guest did wrong if it did: for one whose channel did not open. */
export function whyNotOpen({ vm, channel }: Guest): string {
  const wrong = Object.entries(channel.report().violations).map(([name, count]) => `${name} ${count}`);
  return wrong.length === 0 ? vm.name : `${vm.name} (${wrong.join(', ')})`;
}
