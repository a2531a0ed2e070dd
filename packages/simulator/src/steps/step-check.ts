/** Steps of a failure file, checked: a step that nobody can take is the mistake of who wrote it, not a failure. */
import { type ConfigProblem, meantName } from '@vmq/host';
import { MAX_SEED } from '@vmq/machine';
import { FAULT_NAMES } from '../faults/fault-names.ts';
import { HOSTILE_BEHAVIOURS } from '../hostile/behaviours.ts';
import { isRecord, shown } from './check-world.ts';
import { OID_WORDS, type OidStep } from './oid-step.ts';
import { type SimulationStep, TARGETS } from './simulation-step.ts';

type Keys = ConfigProblem['keys'];
type Problem = Pick<ConfigProblem, 'keys' | 'message'>;
/** What is wrong with a value, or null. */
type Check = (value: unknown) => string | null;
/** Every member of a step but `do`; those that may be left out too. */
type Members<T> = { readonly [Key in Exclude<keyof T, 'do'>]-?: Check };

const whole =
  (most: number, least = 0): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? null
      : `expected a whole number from ${least} to ${most}, found ${shown(value)}`;
const flag: Check = (value) =>
  typeof value === 'boolean' ? null : `expected true or false, found ${shown(value)}`;
/** A member that need not be there. */
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined ? null : check(value);
const oneOf =
  (names: readonly string[]): Check =>
  (value) => {
    if (names.some((name) => name === value)) return null;
    const meant = typeof value === 'string' ? meantName(value, names) : null;
    const hint = meant === null ? '' : `; did you mean ${meant}?`;
    return `expected one of ${names.filter((name) => name !== '').join(', ')}; found ${shown(value)}${hint}`;
  };

/** Stands for one of those that there are: any number will do. */
const any = whole(MAX_SEED);
const turns = whole(1_000_000);
/** As many as a wire or a source ever takes at a time, and lengths of Ethernet, runts and jumbo frames among them. */
const count = whole(4096);
const length = whole(9216, 13);
const priority = whole(15);
const tci = whole(0xffff);
const behaviours = HOSTILE_BEHAVIOURS.map(({ name }) => name);
const onHost = { host: any, turns };

const OID_STEP: Members<OidStep> = {
  oid: oneOf(OID_WORDS),
  by: oneOf(['protocol', 'user']),
  queue: any,
  filter: any,
  vm: any,
  vlan: any,
  spoil: any,
  detail: any,
};

const STEPS: {
  readonly [Do in SimulationStep['do']]: Members<Extract<SimulationStep, { readonly do: Do }>>;
} = {
  wire: { ...onHost, target: oneOf(TARGETS), vm: any, length, count, priority, inner: optional(tci) },
  ask: { ...onHost, vm: any, what: oneOf(['arp', 'echo']) },
  guest: {
    from: any,
    target: oneOf(TARGETS),
    vm: any,
    length,
    count,
    spoof: flag,
    vlan: any,
    priority: optional(priority),
    isInside: optional(flag),
    inner: optional(tci),
    turns,
  },
  run: onHost,
  rest: {},
  live: {},
  oid: { ...onHost, oid: (value) => (isRecord(value) ? null : `expected a request, found ${shown(value)}`) },
  add: { ...onHost, vm: any, program: oneOf(['', ...behaviours]) },
  remove: { vm: any, turns },
  migrate: { vm: any, to: any, rounds: whole(64), between: turns, cancel: any, turns },
  port: { vm: any, change: any, turns },
  pause: onHost,
  power: onHost,
  reset: onHost,
  'remove adapter': onHost,
  rebind: onHost,
  capabilities: { ...onHost, queues: any },
  fault: { ...onHost, fault: oneOf(FAULT_NAMES) },
  heal: onHost,
  hold: { ...onHost, milliseconds: whole(600_000) },
  hostile: { vm: any, behaviour: oneOf(behaviours), seed: any, turns },
};

/** What is wrong with the step that stands at `keys`; nothing if it can be taken. */
export function stepProblems(step: unknown, keys: Keys): Problem[] {
  if (!isRecord(step)) return [{ keys, message: `expected a step, found ${shown(step)}` }];
  const wrong = oneOf(Object.keys(STEPS))(step['do']);
  if (wrong !== null) return [{ keys: [...keys, 'do'], message: `unknown step: ${wrong}` }];
  const { do: kind, ...members } = step;
  const problems = memberProblems(members, STEPS[kind as SimulationStep['do']], keys);
  const { oid } = members;
  return kind === 'oid' && isRecord(oid)
    ? [...problems, ...memberProblems(oid, OID_STEP, [...keys, 'oid'])]
    : problems;
}

function memberProblems(
  members: Readonly<Record<string, unknown>>,
  checks: Readonly<Record<string, Check>>,
  keys: Keys,
): Problem[] {
  const names = Object.keys(checks);
  const unknown = Object.keys(members)
    .filter((name) => !names.includes(name))
    .map((name) => {
      const meant = meantName(name, names);
      const hint = meant === null ? `there are ${names.join(', ')}` : `did you mean ${meant}?`;
      return { keys: [...keys, name], message: `unknown key; ${hint}` };
    });
  const wrong = names.flatMap((name) => {
    const message = checks[name]?.(members[name]) ?? null;
    return message === null ? [] : [{ keys: [...keys, name], message }];
  });
  return [...unknown, ...wrong];
}
