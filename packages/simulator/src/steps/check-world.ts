/** The world of a failure file, checked: its hosts as configurations are, and what else it says. */
import { type ConfigProblem, checkHostConfig, type HostConfig } from '@vmq/host';
import { MOST_HOSTS, MOST_VM_NUMBERS, type SimulationConfig, VLANS } from './simulation-config.ts';

/** What is wrong, by the parts of its path. */
export type Problem = Pick<ConfigProblem, 'keys' | 'message'>;

/** More than any world has. */
const MOST_FILTERS = 8;

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
const FLAGS = ['exposed', 'extensions'] as const;

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value in a message. */
export function shown(value: unknown): string {
  return value === undefined ? 'nothing' : (JSON.stringify(value) ?? typeof value).slice(0, 80);
}

/** All that is wrong with the member `config` of a failure. */
export function worldProblems(world: unknown): Problem[] {
  if (!isRecord(world))
    return [{ keys: ['config'], message: `expected a world with hosts, found ${shown(world)}` }];
  const known = ['hosts', 'filters', ...FLAGS, ...Object.keys(TABLES)];
  const problems: Problem[] = Object.keys(world)
    .filter((name) => !known.includes(name))
    .map((name) => ({ keys: ['config', name], message: `unknown key; there are ${known.join(', ')}` }));
  const wrong = (keys: ConfigProblem['keys'], message: string): void =>
    void problems.push({ keys: ['config', ...keys], message });
  const { hosts, filters = 0 } = world;
  if (!Array.isArray(hosts) || hosts.length === 0) wrong(['hosts'], 'expected at least one host');
  else if (hosts.length > MOST_HOSTS) wrong(['hosts'], `expected at most ${MOST_HOSTS} hosts`);
  else
    for (const [i, host] of hosts.entries())
      for (const { keys, message } of hostProblems(host)) wrong(['hosts', i, ...keys], message);
  for (const name of FLAGS) {
    const value = world[name] ?? false;
    if (typeof value !== 'boolean') wrong([name], `expected true or false, found ${shown(value)}`);
  }
  if (!Number.isInteger(filters) || (filters as number) < 0 || (filters as number) > MOST_FILTERS)
    wrong(['filters'], `expected a whole number up to ${MOST_FILTERS}, found ${shown(filters)}`);
  for (const [name, keys] of Object.entries(TABLES))
    for (const { keys: path, message } of tableProblems(world[name], keys)) wrong([name, ...path], message);
  return problems;
}

/** A host, as a configuration and by what a world knows. */
function hostProblems(host: unknown): readonly Problem[] {
  const checked = checkHostConfig(host);
  return checked.ok ? strangers(checked.config) : checked.problems;
}

/** What a host may have and a world has not. */
function strangers({ executor, vms }: HostConfig): Problem[] {
  const problems: Problem[] = [];
  if (executor !== 'deterministic')
    problems.push({ keys: ['executor'], message: `expected deterministic, found ${executor}` });
  vms.forEach(({ name, vlan }, i) => {
    const number = /^vm([1-9]\d{0,2})$/.exec(name)?.[1];
    if (number === undefined || Number(number) > MOST_VM_NUMBERS) {
      const message = `expected vm and a number up to ${MOST_VM_NUMBERS}, found ${shown(name)}`;
      problems.push({ keys: ['vms', i, 'name'], message });
    }
    if (!VLANS.includes(vlan))
      problems.push({
        keys: ['vms', i, 'vlan'],
        message: `expected one of ${VLANS.join(', ')}; found ${vlan}`,
      });
  });
  return problems;
}

function tableProblems(table: unknown, keys: readonly string[]): Problem[] {
  if (table === undefined) return [];
  const expected = `expected one of ${keys.join(', ')}`;
  if (!isRecord(table)) return [{ keys: [], message: `expected a table of ${keys.join(', ')}` }];
  return Object.entries(table).flatMap(([key, number]) => {
    if (!keys.includes(key)) return [{ keys: [key], message: expected }];
    if (Number.isInteger(number)) return [];
    return [{ keys: [key], message: `expected a whole number, found ${shown(number)}` }];
  });
}

/** What of a checked world was not left at its default. */
export function worldOf({
  hosts,
  exposed,
  extensions,
  filters,
  ...tables
}: SimulationConfig): SimulationConfig {
  return {
    hosts,
    ...(exposed === true ? { exposed } : {}),
    ...(extensions === true ? { extensions } : {}),
    ...(filters === undefined || filters === 0 ? {} : { filters }),
    ...tables,
  };
}
