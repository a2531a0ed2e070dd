/** The OID request of a step: drawn from the seed, and made into bytes once it is known what there is to ask about. */
import type { Random } from '@vmq/machine';
import {
  type FieldTest,
  type Geometry,
  macHeaderTest,
  type OidWord,
  packetFilter,
  type Request,
  type RequestKind,
} from '@vmq/reference-model';
import { STRANGE_ADDRESS, VLANS, vmMac } from './simulation-config.ts';

const WORDS: readonly OidWord[] = [
  'allocate queue',
  'allocate queue',
  'allocate queue',
  'complete allocation',
  'complete allocation',
  'complete allocation',
  'set filter',
  'set filter',
  'set filter',
  'set filter',
  'clear filter',
  'clear filter',
  'clear filter',
  'free queue',
  'free queue',
  'free queue',
  'set queue parameters',
  'query queue parameters',
  'enumerate queues',
  'enumerate filters',
  'query filter',
  'move filter',
  'query current capabilities',
  'query global parameters',
  'set packet filter',
  'set multicast list',
];

const KINDS: Readonly<Record<OidWord, RequestKind>> = {
  'allocate queue': 'method',
  'complete allocation': 'method',
  'query queue parameters': 'method',
  'set queue parameters': 'set',
  'free queue': 'set',
  'enumerate queues': 'query',
  'set filter': 'method',
  'clear filter': 'set',
  'enumerate filters': 'method',
  'query filter': 'method',
  'move filter': 'set',
  'query current capabilities': 'query',
  'query global parameters': 'query',
  'set packet filter': 'set',
  'set multicast list': 'set',
};
/** Every request that a step can make. */
export const OID_WORDS: readonly OidWord[] = Object.keys(KINDS) as OidWord[];
const ALL_KINDS: readonly RequestKind[] = ['query', 'statistics', 'set', 'method'];
const GEOMETRIES: readonly Geometry[] = ['past the end', 'inside the header', 'undersized elements'];

export interface OidStep {
  readonly oid: OidWord;
  /** By the second protocol, or by user mode. */
  readonly by: 'protocol' | 'user';
  /** The nth of the asker's own; 0: the default queue or filter 0; 14: somebody else's; 15: one that is not there. */
  readonly queue: number;
  readonly filter: number;
  readonly vm: number;
  readonly vlan: number;
  /** 0: well-formed. */
  readonly spoil: number;
  readonly detail: number;
}

export function randomOid(random: Random): OidStep {
  const pick = (): number =>
    random.below(6) === 0 ? ([0, 14, 15][random.below(3)] ?? 0) : 1 + random.below(3);
  const byUser = random.below(8) === 0;
  return {
    oid: byUser ? 'enumerate queues' : WORDS[random.below(WORDS.length)],
    by: byUser ? 'user' : 'protocol',
    queue: pick(),
    filter: pick(),
    vm: random.below(64),
    vlan: random.below(6),
    spoil: random.below(5) === 0 ? 1 + random.below(12) : 0,
    detail: random.below(256),
  };
}

/** What there is to ask about, as ids. */
export interface OidScene {
  readonly ownQueues: readonly number[];
  readonly otherQueues: readonly number[];
  readonly ownFilters: readonly { readonly filterId: number; readonly queueId: number }[];
  readonly otherFilters: readonly { readonly filterId: number; readonly queueId: number }[];
  /** VM numbers. */
  readonly vms: readonly number[];
}

const NOT_AN_ID = 4711;

export function requestOfStep(step: OidStep, scene: OidScene): Request {
  const { oid, spoil, detail } = step;
  const kind = step.by === 'user' ? 'statistics' : spoil === 1 ? ALL_KINDS[detail & 3] : KINDS[oid];
  return {
    caller: step.by === 'user' ? 'user' : 'B',
    kind,
    body: bodyOf(step, scene),
    input: spoil === 2 && oid !== 'set multicast list' ? 'short' : 'whole',
    output: spoil === 3 ? 'short' : 'whole',
    room: spoil === 4 ? detail : null,
  };
}

function bodyOf(step: OidStep, scene: OidScene): Request['body'] {
  const { oid, spoil, detail } = step;
  const settings = {
    perQueueIndication: spoil !== 5,
    splitRequired: spoil === 6,
    affinity: spoil === 7 ? ([0, 4, 0x100][detail % 3] ?? 0) : 1 + (detail & 1),
    group: spoil === 8 ? 1 : 0,
    suggestedBuffers: [0, 32, 64, 100][detail & 3],
    queueName: 'simulated',
  };
  const geometry: Geometry = spoil === 9 ? GEOMETRIES[detail % 3] : 'fine';
  switch (oid) {
    case 'allocate queue':
      return {
        oid,
        ...settings,
        vmQueueType: spoil !== 10,
        lookaheadSize: spoil === 6 ? 128 : 0,
        queueId: detail,
        portId: detail,
        qosSqId: spoil === 11 ? detail : null,
        vmName: 'second protocol',
      };
    case 'complete allocation':
      return { oid, queueIds: [queueOf(step, scene)], geometry };
    case 'set queue parameters':
      return {
        oid,
        queueId: queueOf(step, scene),
        changes: {
          flags: (detail & 1) !== 0,
          affinity: (detail & 2) !== 0,
          buffers: (detail & 4) !== 0,
          name: (detail & 8) !== 0,
        },
        ...settings,
      };
    case 'query queue parameters':
    case 'free queue':
    case 'enumerate filters':
      return { oid, queueId: queueOf(step, scene) };
    case 'set filter':
      return {
        oid,
        queueId: queueOf(step, scene),
        vmQueueType: spoil !== 10,
        filterId: spoil === 11 ? detail : 0,
        idBits: spoil === 12 ? 4 : 0,
        tests: fieldTests(step),
        geometry,
      };
    case 'clear filter': {
      const { filterId, queueId } = filterOf(step, scene);
      return { oid, filterId, queueId: spoil === 10 ? queueId + 1 : queueId };
    }
    case 'query filter':
    case 'move filter':
      return { oid, filterId: filterOf(step, scene).filterId };
    case 'set packet filter':
      // What the switch wants is not this protocol's to take away.
      return { oid, accepts: packetFilter(detail & 31) };
    case 'set multicast list':
      return { oid, addresses: detail & 1 ? ['01-00-5E-00-00-01'] : [] };
    default:
      return { oid };
  }
}

function fieldTests({ vm, vlan, spoil, detail }: OidStep): readonly FieldTest[] {
  // Frames on its queues are its own: not those of VMs, to which they would not come any more.
  const mac = detail < 128 ? STRANGE_ADDRESS : vmMac(0xf0 + (vm & 7));
  const address = macHeaderTest('destination', {
    mac: spoil === 5 ? '01-00-5E-00-00-01' : mac,
    untaggedOrZero: vlan === 0,
  });
  if (spoil === 6) return [];
  if (spoil === 7) return [address, address];
  return vlan < 2 ? [address] : [address, macHeaderTest('vlan', { vlan: VLANS[vlan - 2] })];
}

function queueOf({ queue }: OidStep, { ownQueues, otherQueues }: OidScene): number {
  if (queue === 0) return 0;
  if (queue === 14) return otherQueues[0] ?? NOT_AN_ID;
  return queue === 15 || ownQueues.length === 0 ? NOT_AN_ID : ownQueues[(queue - 1) % ownQueues.length];
}

function filterOf(
  { filter }: OidStep,
  { ownFilters, otherFilters }: OidScene,
): { readonly filterId: number; readonly queueId: number } {
  const missing = { filterId: NOT_AN_ID, queueId: 1 };
  if (filter === 0) return { filterId: 0, queueId: 0 };
  if (filter === 14) return otherFilters[0] ?? missing;
  if (filter === 15 || ownFilters.length === 0) return missing;
  return ownFilters[(filter - 1) % ownFilters.length] as { filterId: number; queueId: number };
}
