// Configurations as programs give them: the structure of a valid one with other values, other types, keys too many and
// too few, in any place.
import { edge } from '../bytes.mjs';

const VALID = {
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
export function anything(random, depth = 0) {
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
    default: {
      const made = {};
      for (let n = random.below(4); n > 0; n--) {
        const key = random.once(2) ? random.pick(STRINGS) : random.pick(Object.keys(VALID));
        Object.defineProperty(made, key, {
          value: anything(random, depth + 1),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
      return made;
    }
  }
}

/** A deep copy of `VALID` with `changes` things wrong. */
export function changedConfig(random, changes) {
  const copy = structuredClone(VALID);
  for (let n = 0; n < changes; n++) {
    let at = copy;
    for (;;) {
      const keys = Object.keys(at);
      if (keys.length === 0) break;
      const key = random.pick(keys);
      const inner = at[key];
      if (
        typeof inner === 'object' &&
        inner !== null &&
        !ArrayBuffer.isView(inner) &&
        !random.once(4) &&
        Object.keys(inner).length > 0
      ) {
        at = inner;
        continue;
      }
      const how = random.below(8);
      if (how === 0) delete at[key];
      else if (how === 1) {
        const name = random.pick(STRINGS);
        Object.defineProperty(at, name, {
          value: anything(random),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      } else at[key] = anything(random);
      break;
    }
  }
  return copy;
}

const show = (value) => {
  try {
    return (
      JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner)) ?? String(value)
    );
  } catch {
    return String(value);
  }
};

/** Throws for a result that is neither a whole configuration nor named problems. */
export function checkResult(result, profiles) {
  if (!result.ok) {
    if (result.problems.length === 0) throw new Error('refused without a problem');
    for (const { path, message } of result.problems)
      if (typeof path !== 'string' || typeof message !== 'string' || message === '')
        throw new Error(`a problem without a name: ${JSON.stringify({ path, message })}`);
    const [key] = /^[a-zA-Z]*/.exec(result.problems[0].path);
    return Object.hasOwn(VALID, key) ? `refused: ${key}` : 'refused: another key, or no keys at all';
  }
  const { config } = result;
  const inRange = (value, low, high) => Number.isInteger(value) && value >= low && value <= high;
  const good =
    inRange(config.processors, 1, 64) &&
    inRange(config.nic.jumboPacket, 60, 16_000) &&
    inRange(config.nic.receiveBuffers, 32, 1024) &&
    Object.hasOwn(profiles, config.nic.profile) &&
    config.vms.length <= 64 &&
    config.vms.every(({ vlan, vmqWeight }) => inRange(vlan, 0, 4094) && inRange(vmqWeight, 0, 100)) &&
    new Set(config.vms.map(({ name }) => name)).size === config.vms.length;
  if (!good) throw new Error(`taken, but it is no configuration: ${show(config)}`);
  return 'taken';
}

export const hostConfig = {
  name: 'host-config',
  about: 'configurations given to checkHostConfig; some of those it takes are brought up as hosts',
  modules: { config: 'host/check-config', host: 'host/create-host', nic: 'nic/index' },
  perSession: 5000,
  open({ config, host, nic }, _random, note) {
    let hosts = 0;
    return {
      one(random) {
        const input = random.once(8) ? anything(random) : changedConfig(random, random.below(4));
        note(show(input));
        const before = show(input);
        const result = config.checkHostConfig(input);
        if (show(input) !== before) throw new Error('the input was changed');
        if (Object.keys(Object.prototype).length !== 0) throw new Error('Object.prototype was changed');
        const outcome = checkResult(result, nic.NIC_PROFILES);
        const vm = config.checkVmConfig(Array.isArray(input?.vms) ? input.vms[0] : input);
        if (!vm.ok && vm.problems.length === 0) throw new Error('a VM refused without a problem');
        // What was taken must come up; seldom, for a host takes as long as a thousand checks.
        if (result.ok && hosts < 3 && random.once(200) && result.config.executor === 'deterministic') {
          hosts++;
          return bringUp(result.config);
        }
        return outcome;
      },
    };

    async function bringUp(checked) {
      const made = host.createHost(checked, {});
      const frame = new Uint8Array(60);
      frame.set([0x00, 0x15, 0x5d, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0]);
      made.wire.send(frame, 0, 60);
      made.wire.flush();
      made.runUntilIdle();
      const { ledger } = made.inspect();
      if (ledger.received !== 1 || ledger.inFlight !== 0)
        throw new Error(`the ledger: ${JSON.stringify(ledger)}`);
      await made.stop();
      return 'brought up';
    }
  },
};
