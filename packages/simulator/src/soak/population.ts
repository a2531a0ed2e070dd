/**
 * Two hosts of random kinds, and the VMs on them: some that move, and a crowd that stays and is to notice nothing.
 */

import { checkHostConfig, type HostConfig, type HostConfigInput, type VmConfigInput } from '@vmq/host';
import type { Random } from '@vmq/machine';
import { formatMacAddress } from '@vmq/wire';
import type { Participant } from './accounts.ts';

/** Queues besides the default one; `generic` is the profile `vmq-nic`. */
const PROFILES = ['vmq-nic', 'vmq-nic', 'netvmini', 'i350', '82599'] as const;
const VLANS = [0, 0, 100, 200] as const;
const WEIGHTS = [100, 100, 100, 50, 0] as const;
const MOST_MOVERS = 3;
/** More than netvmini and i350 have queues. */
const MOST_CROWD = 8;

export interface Population {
  readonly configs: readonly [HostConfig, HostConfig];
  readonly movers: readonly Participant[];
  readonly crowd: readonly Participant[];
  /** Which of the two hosts each VM starts on. */
  readonly homes: ReadonlyMap<string, 0 | 1>;
}

export function populate(random: Random, executor: HostConfig['executor']): Population {
  const movers: Participant[] = [];
  const crowd: Participant[] = [];
  const homes = new Map<string, 0 | 1>();
  const vms: [VmConfigInput[], VmConfigInput[]] = [[], []];
  const settle = (list: Participant[], name: string, home: 0 | 1): void => {
    const mark = movers.length + crowd.length + 1;
    const address = { hi: 0x0015, lo: 0x5d00_0000 + mark };
    const vlan = pick(random, VLANS);
    const on = vms[home];
    const vm = {
      name,
      mac: formatMacAddress(address.hi, address.lo),
      vlan,
      vmqWeight: pick(random, WEIGHTS),
    };
    on.push(vm);
    homes.set(name, home);
    // A host numbers its VMs from 1, and a VM keeps its number.
    list.push({ name, address, vlan, mark, senderMark: on.length });
  };
  const count = 1 + random.below(MOST_MOVERS);
  for (let n = 0; n < count; n++) settle(movers, `mover${n}`, random.below(2) as 0 | 1);
  for (const home of [0, 1] as const) {
    // Often nobody, sometimes so many that no queue is left.
    const others = random.below(3) === 0 ? MOST_CROWD : random.below(3);
    for (let n = 0; n < others; n++) settle(crowd, `${'ab'[home]}${n}`, home);
  }
  return {
    configs: [configOf(random, 'a', vms[0], executor), configOf(random, 'b', vms[1], executor)],
    movers,
    crowd,
    homes,
  };
}

function configOf(
  random: Random,
  name: string,
  vms: readonly VmConfigInput[],
  executor: HostConfig['executor'],
): HostConfig {
  const input: HostConfigInput = {
    name,
    seed: random.next(),
    executor,
    processors: 1 + random.below(4),
    vmq: random.below(7) !== 0,
    ndisVersion: random.below(3) === 0 ? '6.20' : '6.30',
    nic: { profile: pick(random, PROFILES), receiveBuffers: pick(random, [64, 128, 256]) },
    vms,
    maxVms: vms.length + MOST_MOVERS + 1,
  };
  const checked = checkHostConfig(input);
  if (!checked.ok) throw new Error(`soak: ${JSON.stringify(checked.problems)}`);
  return checked.config;
}

/** What a host is, in a line. */
export function kindOf({ ndisVersion, nic, processors, vmq }: HostConfig): string {
  return vmq
    ? `NDIS ${ndisVersion}, ${nic.profile}, ${processors} processors`
    : `no VMQ, NDIS ${ndisVersion}`;
}

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)];
}
