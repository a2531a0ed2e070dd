/**
 * What the keys of a configuration say together: contradictions are refused, what comes to nothing is said, and what
 * may be written twice (as a key and as the adapter's keyword) becomes one.
 */
import { NIC_PROFILES } from '@vmq/nic';
import type { z } from 'zod';
import { type KeywordTarget, keywordOf, keywordValue, settleKeywords } from './adapter-keywords.ts';
import { type HostConfig, mostProcessors, processorsLeft } from './config.ts';
import { type ConfigProblem, problemAt } from './config-problems.ts';
import type { WrittenConfig } from './config-schema.ts';

type Keys = readonly (string | number)[];
type Wrong = (keys: Keys, message: string) => void;

/** Everything that does not agree, by the key that should change. What is wrong by itself is compared with nothing. */
export function checkAgreement(written: WrittenConfig, context: z.core.$RefinementCtx): void {
  const faulty = new Set(
    context.issues.filter(({ code }) => code !== 'unrecognized_keys').map(({ path }) => path?.[0]),
  );
  const wrong: Wrong = (path, message) => context.addIssue({ code: 'custom', path: [...path], message });
  for (const { keys, check } of AGREEMENTS) if (!keys.some((key) => faulty.has(key))) check(written, wrong);
}

const AGREEMENTS: readonly {
  /** Keys, each with all that is under it, that it looks at. */
  readonly keys: readonly (keyof WrittenConfig)[];
  readonly check: (written: WrittenConfig, wrong: Wrong) => void;
}[] = [
  { keys: ['maxVms', 'vms'], check: checkRoom },
  { keys: ['nic', 'processors'], check: checkEngines },
  { keys: ['nic', 'vmq'], check: checkTwice },
  { keys: ['nic'], check: checkLongestFrame },
  { keys: ['nic', 'processors', 'switch'], check: checkProcessors },
];

/** The configuration that was written, if nothing was wrong with it. */
export function settled(written: WrittenConfig): HostConfig {
  const { said, rest } = settleKeywords(written.nic.keywords);
  const { vmq, nic, ...others } = written;
  const { maxProcessors, maxProcessorNumber } = { ...nic, ...said };
  return {
    ...others,
    vmq: said.vmq === undefined ? (vmq ?? true) : said.vmq === 1,
    nic: {
      profile: nic.profile,
      jumboPacket: said.jumboPacket ?? nic.jumboPacket ?? 1514,
      receiveBuffers: said.receiveBuffers ?? nic.receiveBuffers ?? 256,
      receiveEngines: nic.receiveEngines,
      baseProcessorNumber: said.baseProcessorNumber ?? nic.baseProcessorNumber ?? 0,
      ...(maxProcessors === undefined ? {} : { maxProcessors }),
      ...(maxProcessorNumber === undefined ? {} : { maxProcessorNumber }),
      keywords: rest,
    },
  };
}

/** What was written and comes to nothing. */
export function idleSettings(written: WrittenConfig, { vmq }: HostConfig): ConfigProblem[] {
  const { keywords } = written.nic;
  const valueSaid = (name: string): number | null =>
    Object.hasOwn(keywords, name) ? keywordValue(keywords[name]) : null;
  const notes: ConfigProblem[] = [];
  const note = (name: string, message: string): void => {
    if (valueSaid(name) !== null) notes.push(problemAt(['nic', 'keywords', name], message));
  };
  const prefersRss = valueSaid('*RssOrVmqPreference') === 0;
  if (prefersRss) {
    const message = 'has no effect: *RssOrVmqPreference is 0, so the adapter reads no keyword of VMQ';
    if (written.vmq === true) notes.push(problemAt(['vmq'], message));
    for (const name of ['*VMQ', '*VMQVlanFiltering', '*VMQLookaheadSplit']) note(name, message);
  } else {
    note('*RSS', 'has no effect: *RssOrVmqPreference is 1, so the adapter reads no keyword of RSS');
    if (!vmq) note('*VMQVlanFiltering', 'has no effect: VM queues are off');
  }
  if (written.ndisVersion === '6.30')
    note('*VMQLookaheadSplit', 'has no effect: frames are split up to NDIS 6.20 (see ndisVersion) only');
  return notes;
}

/** Where something was said: its key, unless a keyword said it. */
function keysOf({ nic }: WrittenConfig, target: KeywordTarget): Keys {
  const keyword = keywordOf(target);
  if (Object.hasOwn(nic.keywords, keyword)) return ['nic', 'keywords', keyword];
  return target === 'vmq' ? ['vmq'] : ['nic', target];
}

function checkRoom({ maxVms, vms }: WrittenConfig, wrong: Wrong): void {
  if (maxVms !== undefined && maxVms < vms.length)
    wrong(['maxVms'], `expected no fewer than there are VMs, which is ${vms.length}; found ${maxVms}`);
}

function checkEngines({ nic, processors }: WrittenConfig, wrong: Wrong): void {
  const { receiveEngines } = nic;
  if (receiveEngines > processors) {
    const message = `expected no more than there are processors, which is ${processors}; found ${receiveEngines}`;
    wrong(['nic', 'receiveEngines'], message);
  }
}

/** A key and its keyword must say the same. */
function checkTwice(written: WrittenConfig, wrong: Wrong): void {
  const { said } = settleKeywords(written.nic.keywords);
  for (const [target, value] of Object.entries(said) as [KeywordTarget, number][]) {
    const own = target === 'vmq' ? written.vmq : written.nic[target];
    if (own === undefined || Number(own) === value) continue;
    const key = target === 'vmq' ? 'vmq' : `nic.${target}`;
    wrong(keysOf(written, target), `${value} contradicts ${key}: ${own}`);
  }
}

/** The adapter would not come up with a frame its device cannot hold; here the key can be named. */
function checkLongestFrame(written: WrittenConfig, wrong: Wrong): void {
  const { nic } = written;
  const profile = Object.hasOwn(NIC_PROFILES, nic.profile) ? NIC_PROFILES[nic.profile] : undefined;
  const bytes = settleKeywords(nic.keywords).said.jumboPacket ?? nic.jumboPacket;
  if (profile === undefined || bytes === undefined) return; // said already, or the default, which all hold
  if (bytes >= 60 && bytes <= profile.maxFrameBytes) return;
  wrong(
    keysOf(written, 'jumboPacket'),
    `expected a frame length from 60 to ${profile.maxFrameBytes}, which ${nic.profile} can hold; found ${bytes}`,
  );
}

/** Processors must exist, and what the adapter says of them must leave those that the switch is given. */
function checkProcessors(written: WrittenConfig, wrong: Wrong): void {
  const { processors, nic } = written;
  const { said } = settleKeywords(nic.keywords);
  const base = said.baseProcessorNumber ?? nic.baseProcessorNumber ?? 0;
  const last = said.maxProcessorNumber ?? nic.maxProcessorNumber ?? processors - 1;
  const exist = `there are 0 to ${processors - 1} (processors: ${processors})`;
  if (base >= processors) {
    wrong(keysOf(written, 'baseProcessorNumber'), `expected a processor, of which ${exist}; found ${base}`);
    return;
  }
  if (last < base) {
    const message = `expected no less than the base processor, which is ${base}; found ${last}`;
    wrong(keysOf(written, 'maxProcessorNumber'), message);
    return;
  }
  const most = mostProcessors(nic.profile, said.maxProcessors ?? nic.maxProcessors);
  const left = processorsLeft(processors, { base, last, most });
  const given = written.switch.vmqProcessors ?? [];
  given.forEach((processor, i) => {
    const keys = ['switch', 'vmqProcessors', i];
    if (processor >= processors) wrong(keys, `expected a processor, of which ${exist}; found ${processor}`);
    else if (given.indexOf(processor) !== i) wrong(keys, `${processor} is in the list twice`);
    else if (!left.includes(processor)) {
      const limits = PROCESSOR_KEYS.filter((target) => (said[target] ?? nic[target]) !== undefined);
      const where = [
        ...limits.map((target) => keysOf(written, target).join('.')),
        `nic.profile (${nic.profile})`,
      ].join(', ');
      wrong(keys, `${processor} contradicts ${where}, which leave ${left.join(', ')}`);
    }
  });
}

const PROCESSOR_KEYS = ['baseProcessorNumber', 'maxProcessors', 'maxProcessorNumber'] as const;
