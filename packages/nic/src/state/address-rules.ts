/**
 * What the address filter says of a frame that no filter entry takes. Index = code in completions, in the ring of dropped
 * frames and in the trace; 0 = an entry took the frame, or nobody came to ask.
 */
import { DROP_BROADCAST, DROP_MULTICAST, DROP_NO_MATCH } from './drop-reasons.ts';

export const ADDRESS_RULES = [
  'not asked',
  'station address (AAM)',
  'unicast promiscuous (UPE)',
  'unicast, not accepted',
  'broadcast (BAM)',
  'broadcast, not accepted',
  'multicast list',
  'all multicast (MPE)',
  'multicast, not accepted',
] as const;
export type AddressRule = (typeof ADDRESS_RULES)[number];

export const RULE_STATION = 1;
export const RULE_ANY_UNICAST = 2;
export const RULE_UNICAST_REFUSED = 3;
export const RULE_BROADCAST = 4;
export const RULE_BROADCAST_REFUSED = 5;
export const RULE_MULTICAST_LIST = 6;
export const RULE_ANY_MULTICAST = 7;
export const RULE_MULTICAST_REFUSED = 8;

/** Drop code of each rule that refuses; -1 for a rule that accepts. */
export const RULE_DROPS: readonly number[] = [
  -1,
  -1,
  -1,
  DROP_NO_MATCH,
  -1,
  DROP_BROADCAST,
  -1,
  -1,
  DROP_MULTICAST,
];

/** True for a rule that accepts only because the port is promiscuous. */
export function isInexactRule(rule: number): boolean {
  return rule === RULE_ANY_UNICAST || rule === RULE_ANY_MULTICAST;
}
