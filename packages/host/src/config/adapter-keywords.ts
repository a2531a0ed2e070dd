/**
 * The adapter's registry keywords (standardized INF keywords) as a configuration says them: which there are, what each
 * does, and what becomes of one that nothing here reads.
 *
 * Those with a key of their own in the configuration are other names for it. None is taken and forgotten: it has an
 * effect, or it is refused with the one that was probably meant.
 */
import type { z } from 'zod';
import type { HostConfig } from './config.ts';
import { shown } from './config-problems.ts';
import { meantName, nearestOf } from './spelling.ts';

/** A key of the configuration that a keyword is another name for. */
export type KeywordTarget =
  | 'vmq'
  | 'jumboPacket'
  | 'receiveBuffers'
  | 'baseProcessorNumber'
  | 'maxProcessors'
  | 'maxProcessorNumber';

interface Keyword {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  /** Its own key, of the configuration (`vmq`) or of `nic`; without one it goes to the adapter as it is. */
  readonly target?: KeywordTarget;
  /** Why only these values. */
  readonly because?: string;
}

/** Most processors of a group, as Windows counts them. */
const GROUP_PROCESSORS = 64;
const ONE_GROUP = 'there is one processor group';

/** Every keyword with an effect. Sources: the pages on standardized INF keywords for VMQ, for RSS, and of network devices. */
export const KEYWORDS: readonly Keyword[] = [
  { name: '*VMQ', least: 0, most: 1, target: 'vmq' },
  { name: '*RssOrVmqPreference', least: 0, most: 1 },
  { name: '*RSS', least: 0, most: 1 },
  { name: '*VMQVlanFiltering', least: 0, most: 1 },
  { name: '*VMQLookaheadSplit', least: 0, most: 1 },
  { name: '*JumboPacket', least: 60, most: 16_000, target: 'jumboPacket' },
  { name: '*ReceiveBuffers', least: 32, most: 1024, target: 'receiveBuffers' },
  { name: '*InterruptModeration', least: 0, most: 1 },
  { name: '*RssBaseProcNumber', least: 0, most: GROUP_PROCESSORS - 1, target: 'baseProcessorNumber' },
  { name: '*MaxRssProcessors', least: 1, most: GROUP_PROCESSORS, target: 'maxProcessors' },
  { name: '*RssMaxProcNumber', least: 0, most: GROUP_PROCESSORS - 1, target: 'maxProcessorNumber' },
  { name: '*RssBaseProcGroup', least: 0, most: 0, because: ONE_GROUP },
  { name: '*RssMaxProcGroup', least: 0, most: 0, because: ONE_GROUP },
];

const NAMES: readonly string[] = KEYWORDS.map(({ name }) => name);
const BY_NAME: ReadonlyMap<string, Keyword> = new Map(KEYWORDS.map((keyword) => [keyword.name, keyword]));

/** Keywords of what is not modelled, so that who knows them is told so. */
const FOREIGN: readonly (readonly [pattern: RegExp, of: string])[] = [
  [/^\*?TenGigVmqEnabled$/i, 'it is a setting of the switch: switch.tenGigVmqEnabled'],
  [/^\*?BelowTenGigVmqEnabled$/i, 'it is a setting of the switch: switch.belowTenGigVmqEnabled'],
  [/^\*RssOnHostVPorts$|^\*NumVmmq/i, 'belongs to VMMQ, which is not modelled'],
  [/^\*Sriov|^\*NumVFs$/i, 'belongs to SR-IOV, which this hardware does not have'],
  [/^\*(?:RSSProfile|NumRSSQueues)$/i, 'belongs to RSS, which is not modelled'],
  [/^\*NumaNodeId$/i, 'is about NUMA nodes, of which there is one'],
  [/^\*SpeedDuplex$|^\*FlowControl$/i, 'is about the link, which is as its profile says'],
  [/^\*PriorityVLANTag$/i, 'is always 3 here: tags are taken off and put in, with priority and VLAN'],
  [/Offload|^\*Lso|^\*Rsc|^\*Uso|^\*IPsec/i, 'is about an offload that the adapter does not have'],
  [/^\*(?:TransmitBuffers|HeaderDataSplit|QOS|PacketDirect|NetworkDirect)/i, 'is not modelled'],
];

/** Reports what is wrong with each keyword, by its name. */
export function checkKeywords(
  keywords: Readonly<Record<string, unknown>>,
  context: z.core.$RefinementCtx,
): void {
  for (const [name, value] of Object.entries(keywords)) {
    const message = refusalOf(name, value);
    if (message !== null) context.addIssue({ code: 'custom', path: [name], message });
  }
}

function refusalOf(name: string, value: unknown): string | null {
  const keyword = BY_NAME.get(name);
  if (keyword === undefined) return unknownKeyword(name);
  const { least, most, because } = keyword;
  const number = keywordValue(value);
  if (number === null || number < least || number > most) {
    const expected = most === 1 ? '0 (off) or 1 (on)' : least === most ? `${least}` : `${least} to ${most}`;
    return `expected ${expected}, found ${shown(value)}${because === undefined ? '' : `; ${because}`}`;
  }
  if (keyword.target === 'receiveBuffers' && (number & (number - 1)) !== 0)
    return `expected a power of two, found ${shown(value)}`;
  return null;
}

function unknownKeyword(name: string): string {
  const foreign = FOREIGN.find(([pattern]) => pattern.test(name));
  if (foreign !== undefined)
    return `has no effect: ${foreign[1]}; the nearest that has one is ${nearestOf(name, NAMES)}`;
  const meant = meantName(name, NAMES);
  return meant === null
    ? `unknown keyword; the nearest known one is ${nearestOf(name, NAMES)}, all: ${NAMES.join(', ')}`
    : `unknown keyword; did you mean ${meant}?`;
}

/** The number that a keyword says, as the registry has it: a number, or its digits; null for anything else. */
export function keywordValue(value: unknown): number | null {
  const digits = typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
  return /^\d{1,9}$/.test(digits) ? Number(digits) : null;
}

/** What checked keywords say of keys of their own, and the rest of them as numbers. */
export function settleKeywords(keywords: Readonly<Record<string, unknown>>): {
  readonly said: Readonly<Partial<Record<KeywordTarget, number>>>;
  readonly rest: Readonly<Record<string, number>>;
} {
  const said: Partial<Record<KeywordTarget, number>> = {};
  const rest: Record<string, number> = {};
  for (const { name, target } of KEYWORDS) {
    const value = Object.hasOwn(keywords, name) ? keywordValue(keywords[name]) : null;
    if (value === null) continue;
    if (target === undefined) rest[name] = value;
    else said[target] = value;
  }
  return { said, rest };
}

/** Name of the keyword that is another name for a key. */
export function keywordOf(target: KeywordTarget): string {
  return (KEYWORDS.find((keyword) => keyword.target === target) as Keyword).name;
}

/** The keywords that an adapter of this configuration finds: all that were said, and what an INF file sets. */
export function adapterKeywords({
  vmq,
  ndisVersion,
  nic,
}: HostConfig): Readonly<Record<string, string | number>> {
  const { maxProcessors, maxProcessorNumber } = nic;
  return {
    '*RssOrVmqPreference': 1,
    '*VMQ': vmq ? 1 : 0,
    '*VMQVlanFiltering': 1,
    ...(ndisVersion === '6.20' ? { '*VMQLookaheadSplit': 1 } : {}),
    '*JumboPacket': nic.jumboPacket,
    '*ReceiveBuffers': nic.receiveBuffers,
    '*RssBaseProcNumber': nic.baseProcessorNumber,
    ...(maxProcessors === undefined ? {} : { '*MaxRssProcessors': maxProcessors }),
    ...(maxProcessorNumber === undefined ? {} : { '*RssMaxProcNumber': maxProcessorNumber }),
    ...nic.keywords,
  };
}
