/**
 * One step of a simulation: plain data that means something in any world. Small numbers stand for "the third VM" and
 * find their meaning when the step is taken, so that any part of a list of steps can be run.
 */
import type { Random } from '@vmq/machine';
import type { FaultName } from '../faults/fault-names.ts';
import { HOSTILE_BEHAVIOURS } from '../hostile/behaviours.ts';
import { type OidStep, randomOid } from './oid-step.ts';
import { drawVm, VLANS } from './simulation-config.ts';
import { drawKind, type Swarm } from './swarm.ts';

/** Where a frame goes. */
export const TARGETS = [
  /** A VM's address in its own VLAN. */
  'vm',
  /** A VM's address in another VLAN. */
  'wrong vlan',
  'broadcast',
  'multicast',
  'unknown',
  /** The adapter's own address. */
  'station',
] as const;
export type Target = (typeof TARGETS)[number];

export type SimulationStep =
  /** `count` frames on the wire of a host, `length` bytes each without tag, then `turns` turns of agents. */
  | {
      readonly do: 'wire';
      readonly host: number;
      readonly target: Target;
      readonly vm: number;
      readonly length: number;
      readonly count: number;
      /** Priority of the tag, and CFI as bit 3; with VLAN 0 a nonzero one makes a priority tag. */
      readonly priority: number;
      /** TCI of a second tag behind the first, 0 = none. */
      readonly inner?: number;
      readonly turns: number;
    }
  /** Somebody on the wire asks a VM for its hardware address, or for an echo; those that answer do. */
  | {
      readonly do: 'ask';
      readonly host: number;
      readonly vm: number;
      readonly what: 'arp' | 'echo';
      readonly turns: number;
    }
  /** The same from a VM. `spoof`: from another VM's address. `vlan`: asks for this VLAN's tag, 0 = none. */
  | {
      readonly do: 'guest';
      readonly from: number;
      readonly target: Target;
      readonly vm: number;
      readonly length: number;
      readonly count: number;
      readonly spoof: boolean;
      readonly vlan: number;
      /** Priority of the tag, and CFI as bit 3; default 0. */
      readonly priority?: number;
      /** The tag lies in the frame's data instead of beside it; default false. */
      readonly isInside?: boolean;
      /** TCI of a second tag, in the frame's data, 0 = none. */
      readonly inner?: number;
      readonly turns: number;
    }
  | { readonly do: 'run'; readonly host: number; readonly turns: number }
  /** Everything runs until nothing is left to do, and all of it is looked at. */
  | { readonly do: 'rest' }
  /** All that was broken is healed and all that was stopped goes on; then whatever is asked for must succeed. */
  | { readonly do: 'live' }
  | { readonly do: 'oid'; readonly host: number; readonly oid: OidStep; readonly turns: number }
  /** `program`: hostile from the first moment, '' = none. */
  | {
      readonly do: 'add';
      readonly host: number;
      readonly vm: number;
      readonly program: string;
      readonly turns: number;
    }
  | { readonly do: 'remove'; readonly vm: number; readonly turns: number }
  /** `cancel`: after so many of its steps, 0 = never. */
  | {
      readonly do: 'migrate';
      readonly vm: number;
      readonly to: number;
      readonly rounds: number;
      readonly between: number;
      readonly cancel: number;
      readonly turns: number;
    }
  /** `vm` is what it becomes: VLAN, weight, spoofing. */
  | { readonly do: 'port'; readonly vm: number; readonly change: number; readonly turns: number }
  /**
   * Toggles: pauses a Running adapter, restarts a Paused one; powers it down, or up, or puts another where one was
   * removed.
   */
  | {
      readonly do: 'pause' | 'power' | 'reset' | 'remove adapter' | 'rebind';
      readonly host: number;
      readonly turns: number;
    }
  /** VM queues that the adapter's current set has from here on, where it can change: 0 withdraws the set. */
  | { readonly do: 'capabilities'; readonly host: number; readonly queues: number; readonly turns: number }
  | {
      readonly do: 'fault';
      readonly host: number;
      readonly fault: FaultName;
      readonly turns: number;
    }
  | { readonly do: 'heal'; readonly host: number; readonly turns: number }
  /** Filter modules keep all NBLs that come back, for so long of the machine's time. */
  | { readonly do: 'hold'; readonly host: number; readonly milliseconds: number; readonly turns: number }
  | {
      readonly do: 'hostile';
      readonly vm: number;
      readonly behaviour: string;
      readonly seed: number;
      readonly turns: number;
    };

export interface StepChoices {
  readonly faults: readonly FaultName[];
  /** Guests turn hostile: in any way, or in those of these names. */
  readonly hostile: boolean | readonly string[];
}

const RUNNING: readonly string[] = HOSTILE_BEHAVIOURS.filter(({ begins }) => begins === 'running').map(
  ({ name }) => name,
);
/** Where a device may hang, everybody waits for it in turns, of which a tireless guest takes millions. */
const RUNNING_RESTED: readonly string[] = HOSTILE_BEHAVIOURS.filter(
  ({ begins, isTireless }) => begins === 'running' && isTireless !== true,
).map(({ name }) => name);
const AT_BOOT: readonly string[] = HOSTILE_BEHAVIOURS.filter(({ begins }) => begins === 'boot').map(
  ({ name }) => name,
);

const LENGTHS: readonly number[] = [60, 60, 64, 64, 100, 128, 129, 300, 590, 1000, 1514, 1514];
/** Lengths that are out of range or at its edge. */
const ODD_LENGTHS: readonly number[] = [13, 14, 17, 31, 59, 61, 1513, 1515, 1518, 1600];

export function randomStep(random: Random, choices: StepChoices, swarm: Swarm): SimulationStep {
  const kind = drawKind(swarm, random);
  const [few, many] = swarm.turns;
  const turns = random.below(4) === 0 ? random.below(many) : random.below(few);
  const host = random.below(12);
  if (kind === 'wire') {
    return {
      do: 'wire',
      host,
      target: drawTarget(random),
      vm: random.below(64),
      length: drawLength(random),
      count: drawCount(random, swarm),
      priority: random.below(swarm.oddTags) === 0 ? 1 + random.below(15) : 0,
      ...drawInner(random, swarm),
      turns,
    };
  }
  if (kind === 'guest') {
    return {
      do: 'guest',
      from: random.below(64),
      target: drawTarget(random),
      vm: random.below(64),
      length: drawLength(random),
      count: drawCount(random, swarm),
      spoof: random.below(16) === 0,
      vlan: random.below(16) === 0 ? random.below(4) : 0,
      ...(random.below(swarm.oddTags) === 0
        ? { priority: random.below(16), isInside: random.below(2) === 0, ...drawInner(random, swarm) }
        : {}),
      turns,
    };
  }
  if (kind === 'run') return { do: 'run', host, turns: 1 + random.below(16) };
  return rareStep(kind, random, choices, host, turns);
}

function drawCount(random: Random, { burstEvery, longestBurst }: Swarm): number {
  return random.below(burstEvery) === 0 ? 1 + random.below(longestBurst) : 1;
}

/** A tag behind the tag, of a VLAN that exists or of any. */
function drawInner(random: Random, { oddTags }: Swarm): { readonly inner?: number } {
  if (random.below(oddTags) !== 0) return {};
  const vlan = random.below(2) === 0 ? VLANS[random.below(4)] : random.below(4095);
  return { inner: vlan | (random.below(16) << 12) };
}

function rareStep(
  kind: SimulationStep['do'],
  random: Random,
  choices: StepChoices,
  host: number,
  turns: number,
): SimulationStep {
  const vm = random.below(64);
  switch (kind) {
    case 'rest':
    case 'live':
      return { do: kind };
    case 'ask':
      return { do: 'ask', host, vm, what: random.below(2) === 0 ? 'arp' : 'echo', turns };
    case 'oid':
      return { do: 'oid', host, oid: randomOid(random), turns };
    case 'add': {
      const programs = allowed(AT_BOOT, choices);
      const program = programs.length > 0 && random.below(20) === 0 ? pick(random, programs) : '';
      return { do: 'add', host, vm: drawVm(random), program, turns };
    }
    case 'remove':
      return { do: 'remove', vm, turns };
    case 'migrate':
      return {
        do: 'migrate',
        vm,
        to: host,
        rounds: 1 + random.below(3),
        between: random.below(64),
        cancel: random.below(3) === 0 ? 1 + random.below(14) : 0,
        turns,
      };
    case 'port':
      return { do: 'port', vm, change: drawVm(random), turns };
    case 'fault':
      if (choices.faults.length === 0) return { do: 'run', host, turns };
      return { do: 'fault', host, fault: pick(random, choices.faults), turns };
    case 'heal':
      return choices.faults.length === 0 ? { do: 'run', host, turns } : { do: 'heal', host, turns };
    case 'hold':
      return { do: 'hold', host, milliseconds: [1, 100, 3000, 5000, 9000][random.below(5)], turns };
    case 'hostile': {
      const behaviours = allowed(choices.faults.length === 0 ? RUNNING : RUNNING_RESTED, choices);
      if (behaviours.length === 0) return { do: 'run', host, turns };
      return { do: 'hostile', vm, behaviour: pick(random, behaviours), seed: random.next(), turns };
    }
    case 'capabilities':
      // All of them again more often than not, or most of a world would go by without VM queues.
      return { do: 'capabilities', host, queues: random.below(2) === 0 ? random.below(4) : 255, turns };
    case 'pause':
      // Pulling the card ends the adapter for good, so it is the rarest of all.
      return { do: random.below(24) === 0 ? 'remove adapter' : 'pause', host, turns };
    default:
      return { do: kind as 'power' | 'reset' | 'rebind', host, turns };
  }
}

function allowed(names: readonly string[], { hostile }: StepChoices): readonly string[] {
  if (typeof hostile === 'boolean') return hostile ? names : [];
  return names.filter((name) => hostile.includes(name));
}

function drawTarget(random: Random): Target {
  const roll = random.below(32);
  if (roll < 22) return 'vm';
  if (roll < 26) return 'broadcast';
  return TARGETS[[1, 3, 4, 4, 5, 1][roll - 26]];
}

function drawLength(random: Random): number {
  const lengths = random.below(20) === 0 ? ODD_LENGTHS : LENGTHS;
  return lengths[random.below(lengths.length)];
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)];
}
