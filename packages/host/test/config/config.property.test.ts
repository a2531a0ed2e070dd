// Properties of the check: what it takes comes out the same from a second check, and its list of keys is complete.
import { fc, test } from '@fast-check/vitest';
import { describe, expect, it } from 'vitest';
import { KEYWORDS } from '../../src/config/adapter-keywords.ts';
import { checkHostConfig } from '../../src/config/check-config.ts';
import { HOST_CONFIG_KEYS, type HostConfigInput, vmqProcessorsOf } from '../../src/config/config.ts';
import { editDistance, meantName } from '../../src/config/spelling.ts';

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

/** Only what was said: `undefined` members go. */
type Said<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };
const said = <T extends object>(members: T): Said<T> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Said<T>;

const keywords = fc
  .dictionary(
    fc.constantFrom(...KEYWORDS.map(({ name }) => name)),
    fc.constantFrom(0, 1, 2, 3, '1', 64, 1514),
  )
  .map((one) => ({ ...one }));

const configs: fc.Arbitrary<HostConfigInput> = fc
  .record({
    processors: optional(fc.integer({ min: 1, max: 64 })),
    vmq: optional(fc.boolean()),
    ndisVersion: optional(fc.constantFrom('6.20' as const, '6.30' as const)),
    seed: optional(fc.nat()),
    nic: fc
      .record({
        profile: optional(fc.constantFrom('vmq-nic', 'netvmini', 'i350', '82599')),
        keywords,
        baseProcessorNumber: optional(fc.integer({ min: 0, max: 70 })),
        maxProcessors: optional(fc.integer({ min: 0, max: 8 })),
        maxProcessorNumber: optional(fc.integer({ min: 0, max: 64 })),
      })
      .map(said),
    switch: fc.record({ vmqProcessors: optional(fc.array(fc.nat(9), { maxLength: 4 })) }).map(said),
    vms: fc.constantFrom([], [{ name: 'a', mac: '00155D000001' }]),
  })
  .map(said);

describe('a configuration that is taken', () => {
  test.prop([configs], { numRuns: 300 })('is taken again, and is then the same', (input) => {
    const once = checkHostConfig(input);
    fc.pre(once.ok);
    if (!once.ok) return;
    const twice = checkHostConfig(structuredClone(once.config));
    expect(twice.ok && twice.config).toEqual(once.config);
  });

  test.prop([configs], { numRuns: 300 })('leaves VM queues processors that exist, each once', (input) => {
    const checked = checkHostConfig(input);
    fc.pre(checked.ok);
    if (!checked.ok) return;
    const set = vmqProcessorsOf(checked.config);
    expect(set.length).toBeGreaterThan(0);
    expect(new Set(set).size).toBe(set.length);
    const { processors, nic } = checked.config;
    for (const processor of set) {
      expect(processor).toBeLessThan(processors);
      expect(processor).toBeGreaterThanOrEqual(nic.baseProcessorNumber);
    }
    if (nic.maxProcessors !== undefined) expect(set.length).toBeLessThanOrEqual(nic.maxProcessors);
  });
});

/** Paths of a value's leaves, with `[]` for indices; a record of keywords and a list of numbers are leaves. */
function pathsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value) && typeof value[0] !== 'number')
    return [...new Set(value.flatMap((one) => pathsOf(one, `${path}[]`)))];
  if (typeof value !== 'object' || value === null || Array.isArray(value) || path === 'nic.keywords')
    return [path];
  return Object.entries(value).flatMap(([key, inner]) =>
    pathsOf(inner, path === '' ? key : `${path}.${key}`),
  );
}

it('the list of keys has every key of a configuration, and each of its texts is one', () => {
  const checked = checkHostConfig({
    nic: { maxProcessors: 1, maxProcessorNumber: 1 },
    switch: { vmqProcessors: [0] },
    vms: [{ name: 'a', mac: '00155D000001', addresses: ['10.0.0.1'] }],
    maxVms: 2,
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  expect(pathsOf(checked.config).sort()).toEqual(Object.keys(HOST_CONFIG_KEYS).sort());
  const valueAt = (path: string): unknown =>
    path
      .replaceAll('[]', '.0')
      .split('.')
      .reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], checked.config);
  for (const [path, kind] of Object.entries(HOST_CONFIG_KEYS))
    expect([path, typeof valueAt(path) === 'string']).toEqual([path, kind === 'text']);
});

describe('nearest names', () => {
  test.prop([fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 })])(
    'distance is one of letters',
    (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      expect(editDistance(a, b)).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      expect(editDistance(`${a}x`, `${b}x`)).toBeLessThanOrEqual(editDistance(a, b) + 0);
    },
  );

  test.prop([fc.string({ minLength: 4, maxLength: 12 }), fc.nat(), fc.constantFrom('cut', 'swap', 'put')])(
    'one slip is a distance of one at most',
    (name, where, slip) => {
      const at = where % (name.length - 1);
      const wrong =
        slip === 'cut'
          ? name.slice(0, at) + name.slice(at + 1)
          : slip === 'put'
            ? `${name.slice(0, at)}x${name.slice(at)}`
            : name.slice(0, at) + name[at + 1] + name[at] + name.slice(at + 2);
      expect(editDistance(wrong, name)).toBeLessThanOrEqual(1);
    },
  );

  it('a known name is meant by itself, and nothing by nothing', () => {
    for (const path of Object.keys(HOST_CONFIG_KEYS))
      expect(meantName(path, Object.keys(HOST_CONFIG_KEYS))).toBe(path);
    expect(meantName('', ['vms'])).toBeNull();
    expect(meantName('vms', [])).toBeNull();
    expect(meantName('colour', ['vms', 'nic'])).toBeNull();
  });
});
