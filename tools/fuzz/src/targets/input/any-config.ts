// Configurations as programs give them: the structure of a valid one with other values, other types, keys too many and
// too few, in any place.
import { edge } from '../../bytes.ts';
import type { Chance } from '../../target.ts';

/** A configuration that is taken as it stands. */
export const VALID_CONFIG = {
  name: 'host',
  seed: 3,
  executor: 'deterministic',
  processors: 2,
  vmq: true,
  ndisVersion: '6.30',
  nic: {
    profile: 'netvmini',
    jumboPacket: 1514,
    keywords: { '*RssOrVmqPreference': 1, '*JumboPacket': '1514' },
    receiveBuffers: 64,
  },
  switch: { name: 'external', floodUnknownUnicast: false },
  vms: [
    {
      name: 'a',
      mac: '00-15-5D-00-00-01',
      vlan: 100,
      vmqWeight: 50,
      addresses: ['10.0.0.1', 'fe80::1'],
      answer: true,
    },
    { name: 'b', mac: '00:15:5d:00:00:02', allowMacSpoofing: true },
  ],
  maxVms: 4,
};

const STRINGS = [
  '',
  'a',
  'b',
  '6.20',
  'threads',
  'vmq-nic',
  'netvmini',
  'i350',
  '82599',
  '__proto__',
  'constructor',
  'toString',
  '00-15-5D-00-00-01',
  '01-00-5E-00-00-01',
  'ff-ff-ff-ff-ff-ff',
  '0',
  '-1',
  '1e9',
  'NaN',
  '10.0.0.256',
  '::',
  ':::',
  'x'.repeat(100),
  '\u0000',
  '\ud800',
  'vms[0].mac',
];

/** A value of any kind, nested a little. */
export function anything(random: Chance, depth = 0): unknown {
  switch (random.below(depth > 2 ? 8 : 10)) {
    case 0:
      return edge(random);
    case 1:
      return random.pick([
        -1,
        0.5,
        -0,
        1e300,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        2 ** 53,
        60,
        64,
        1514,
        4094,
        4095,
        65,
      ]);
    case 2:
    case 3:
      return random.pick(STRINGS);
    case 4:
      return random.once(2);
    case 5:
      return null;
    case 6:
      return random.pick([
        undefined,
        10n,
        new Date(0),
        /x/,
        () => 1,
        new Map([[1, 2]]),
        new Uint8Array(3),
        Symbol.iterator,
      ]);
    case 7:
      return random.pick([[], {}]);
    case 8:
      return Array.from({ length: random.below(4) }, () => anything(random, depth + 1));
    default:
      return anyObject(random, depth);
  }
}

function anyObject(random: Chance, depth: number): object {
  const made: Nested = {};
  for (let n = random.below(4); n > 0; n--) {
    const key = random.once(2) ? random.pick(STRINGS) : random.pick(Object.keys(VALID_CONFIG));
    define(made, key, anything(random, depth + 1));
  }
  return made;
}

/** Also `__proto__` becomes a property of its own. */
function define(object: Nested, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

/** A deep copy of {@link VALID_CONFIG} with `changes` things wrong. */
export function changedConfig(random: Chance, changes: number): object {
  const copy: Nested = structuredClone(VALID_CONFIG);
  for (let n = 0; n < changes; n++) changeOne(random, copy);
  return copy;
}

function changeOne(random: Chance, copy: Nested): void {
  for (let at = copy; ; ) {
    const keys = Object.keys(at);
    if (keys.length === 0) return;
    const key = random.pick(keys);
    const inner = at[key];
    if (isNested(inner) && !random.once(4) && Object.keys(inner).length > 0) {
      at = inner;
      continue;
    }
    const how = random.below(8);
    if (how === 0) delete at[key];
    else if (how === 1) define(at, random.pick(STRINGS), anything(random));
    else at[key] = anything(random);
    return;
  }
}

/** An object or a list, by its keys. */
type Nested = Record<string, unknown>;

const isNested = (value: unknown): value is Nested =>
  typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
