/** A world and its steps from a file: whether they are what they should be. */
import { checkHostConfig } from '@vmq/host';
import type { SimulationConfig } from './simulation-config.ts';
import type { SimulationStep } from './simulation-step.ts';

/** More than any world has. */
const MOST_FILTERS = 8;

const KINDS: Readonly<Record<SimulationStep['do'], true>> = {
  wire: true,
  ask: true,
  guest: true,
  run: true,
  rest: true,
  live: true,
  oid: true,
  add: true,
  remove: true,
  migrate: true,
  port: true,
  capabilities: true,
  pause: true,
  power: true,
  reset: true,
  'remove adapter': true,
  rebind: true,
  fault: true,
  heal: true,
  hold: true,
  hostile: true,
};

/** Members of a world that are tables of whole numbers, and what each may say. */
const TABLES: Readonly<Record<'limits' | 'channel' | 'counters', readonly string[]>> = {
  limits: [
    'nicBatch',
    'transmitRingEntries',
    'indicationBudget',
    'channelBudget',
    'guestBudget',
    'macTableEntries',
  ],
  channel: ['sendSections', 'ringBytes'],
  counters: ['words', 'stamps', 'numbers', 'nanoseconds'],
};

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The world, or what is wrong with it: a text that begins with the path of the member. */
export function checkWorld(value: unknown): SimulationConfig | string {
  if (!isRecord(value)) return 'config: expected a world with hosts';
  const { hosts, exposed = false, extensions = false, filters = 0 } = value;
  if (!Array.isArray(hosts) || hosts.length === 0) return 'config.hosts: expected at least one host';
  for (const [i, host] of hosts.entries()) {
    const checked = checkHostConfig(host);
    const [problem] = checked.ok ? [] : checked.problems;
    if (problem) return `config.hosts[${i}].${problem.path}: ${problem.message}`;
  }
  for (const [name, flag] of Object.entries({ exposed, extensions })) {
    if (typeof flag !== 'boolean') return `config.${name}: expected true or false`;
  }
  if (!Number.isInteger(filters) || (filters as number) < 0 || (filters as number) > MOST_FILTERS)
    return `config.filters: expected a whole number up to ${MOST_FILTERS}`;
  const tables: Record<string, unknown> = {};
  for (const [name, keys] of Object.entries(TABLES)) {
    const table = value[name];
    if (table === undefined) continue;
    if (!isRecord(table)) return `config.${name}: expected a table of ${keys.join(', ')}`;
    for (const [key, number] of Object.entries(table)) {
      if (!keys.includes(key)) return `config.${name}.${key}: expected one of ${keys.join(', ')}`;
      if (!Number.isInteger(number)) return `config.${name}.${key}: expected a whole number`;
    }
    tables[name] = table;
  }
  return {
    hosts,
    ...(exposed === true ? { exposed } : {}),
    ...(extensions === true ? { extensions } : {}),
    ...(filters === 0 ? {} : { filters }),
    ...tables,
  } as SimulationConfig;
}

/** The steps, or what is wrong with them. */
export function checkSteps(value: unknown): readonly SimulationStep[] | string {
  if (!Array.isArray(value)) return 'steps: expected a list';
  for (const [i, step] of value.entries()) {
    if (!isRecord(step) || typeof step['do'] !== 'string') return `steps[${i}]: expected a step`;
    if (!Object.hasOwn(KINDS, step['do']))
      return `steps[${i}].do: expected one of ${Object.keys(KINDS).join(', ')}; found ${JSON.stringify(step['do'])}`;
  }
  return value as readonly SimulationStep[];
}
