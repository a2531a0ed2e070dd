/** What a hostile behaviour is, and how a guest is told to begin with one. */
import type { GuestReach } from './guest-reach.ts';

/**
 * What a hostile guest does, turn by turn: `yield true` ends a turn and asks for another, `yield false` ends it until
 * the guest is woken. A program that returns leaves a guest that does nothing any more.
 */
export type HostileProgram = Generator<boolean, void, void>;

export interface HostileBehaviour {
  /** In kebab-case, e.g. `completion-twice`. */
  readonly name: string;
  /** What the guest does, in one line. */
  readonly does: string;
  /**
   * Names under which a host counts it: of VMBUS_VIOLATIONS, or of the ledger (`dropped.vswitch.mac-spoofing`). At least
   * one of them occurs, and no violation beyond them. Null: it harms nobody but itself, and nothing is counted.
   */
  readonly countedAs: readonly string[] | null;
  /**
   * What becomes of its channel: `open` it stays, `broken` by a violation or too many, `closing` as asked for, `refused`
   * when it never opened, `any` where it depends on who was faster.
   */
  readonly channel: 'open' | 'broken' | 'closing' | 'refused' | 'any';
  /** `running`: an open channel is taken over from the guest's driver. `boot`: instead of the driver's handshake. */
  readonly begins: 'running' | 'boot';
  /** The guest's driver runs on beside it. Default false: the program does all there is to do. */
  readonly besideDriver?: boolean;
  /** It never rests, so neither does the machine: wait for something to happen, not for idleness. */
  readonly isTireless?: boolean;
  readonly program: (guest: GuestReach) => HostileProgram;
}

/**
 * Posted to a VM's agent, or given as its `program` before it boots. One that begins while `running` waits for the
 * driver to open the channel; one of a `boot` is for a program alone.
 */
export interface HostileAttack {
  readonly op: 'attack';
  /** Name of a behaviour. */
  readonly behaviour: string;
  /** Of the behaviour's random choices. */
  readonly seed: number;
}
