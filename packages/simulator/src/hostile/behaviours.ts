/** All of them, in one list. */
import type { HostileBehaviour } from './behaviour.ts';
import { HANDSHAKE_BEHAVIOURS } from './handshake-behaviours.ts';
import { NETWORK_BEHAVIOURS } from './network-behaviours.ts';
import { PACKET_BEHAVIOURS } from './packet-behaviours.ts';
import { RACING_BEHAVIOURS } from './racing-behaviours.ts';
import { RECEIVE_BEHAVIOURS } from './receive-behaviours.ts';
import { RING_BEHAVIOURS } from './ring-behaviours.ts';
import { RNDIS_BEHAVIOURS } from './rndis-behaviours.ts';

/** What a hostile guest can do here, by name. */
export const HOSTILE_BEHAVIOURS: readonly HostileBehaviour[] = [
  ...RING_BEHAVIOURS,
  ...PACKET_BEHAVIOURS,
  ...RNDIS_BEHAVIOURS,
  ...RECEIVE_BEHAVIOURS,
  ...RACING_BEHAVIOURS,
  ...NETWORK_BEHAVIOURS,
  ...HANDSHAKE_BEHAVIOURS,
];

/** Throws for a name that is in no list. */
export function hostileBehaviour(name: string): HostileBehaviour {
  const found = HOSTILE_BEHAVIOURS.find((behaviour) => behaviour.name === name);
  if (found !== undefined) return found;
  const names = HOSTILE_BEHAVIOURS.map((behaviour) => behaviour.name).join(', ');
  throw new Error(`no hostile behaviour '${name}'; there are ${names}`);
}
