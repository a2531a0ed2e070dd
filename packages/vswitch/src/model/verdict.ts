/**
 * The verdict of the switch about one frame, in one word: where it goes and by which rule, or why it goes nowhere.
 *
 *   bits  0–7    0 = it goes there, else 1 + its reason (index of SWITCH_END_REASONS)
 *         8–15   rule that named the port
 *         16–31  port; EXTERNAL_PORT = the wire
 *
 * It stands in the frame's record (frame-batch.ts), which counters, trace and extensions read.
 */

/** No rule was asked: the frame ended before. */
export const RULE_NONE = 0;
/** It came on the port's VM queue, and is for the port's address and VLAN (SEC-07). */
export const RULE_OWN_QUEUE = 1;
/** The address is a port's own. */
export const RULE_ADDRESS = 2;
/** The address was learned behind the port. */
export const RULE_LEARNED = 3;
/** No table has the address: the wire, or nowhere. */
export const RULE_UNKNOWN = 4;
/** No table has the address: the ports that want such frames, in the destination list. */
export const RULE_UNKNOWN_FLOOD = 5;
/** A group address: the members of the VLAN, in the destination list. */
export const RULE_FLOOD = 6;

/** Bits of the reason. */
export const REASON_MASK = 0xff;
/** The frame goes to `port`. */
export function verdictTo(port: number, rule: number): number {
  return (port << 16) | (rule << 8);
}

/** The frame goes nowhere; `port` is the one that the rule named, 0 where none did. */
export function verdictDrop(reason: number, port: number, rule: number): number {
  return (port << 16) | (rule << 8) | (reason + 1);
}

export function portOf(verdict: number): number {
  return verdict >>> 16;
}

export function ruleOf(verdict: number): number {
  return (verdict >>> 8) & 0xff;
}

/** Index of SWITCH_END_REASONS, -1 = it goes on. */
export function reasonOf(verdict: number): number {
  return (verdict & REASON_MASK) - 1;
}

/** The same verdict, but the frame went nowhere for `reason`. */
export function withReason(verdict: number, reason: number): number {
  return (verdict & ~REASON_MASK) | (reason + 1);
}
