// The adapter's keywords in a configuration: each has an effect, or is refused with the one that was meant.
import { describe, expect, it } from 'vitest';
import { KEYWORDS } from '../../src/config/adapter-keywords.ts';
import { checkHostConfig } from '../../src/config/check-config.ts';

const check = (keywords: Record<string, unknown>, more: object = {}) =>
  checkHostConfig({ processors: 64, nic: { keywords }, ...more });

function refusalOf(keywords: Record<string, unknown>): string {
  const result = check(keywords);
  if (result.ok) return '';
  expect(result.problems.map(({ path }) => path)).toEqual([`nic.keywords.${Object.keys(keywords)[0]}`]);
  return result.problems[0]?.message ?? '';
}

describe.each(KEYWORDS.map((keyword) => [keyword.name, keyword] as const))('%s', (name, { least, most }) => {
  it('is taken with each end of its range, as a number and in digits', () => {
    const highest = name === '*JumboPacket' ? 9216 : most;
    for (const value of [least, highest]) {
      const [number, digits] = [check({ [name]: value }), check({ [name]: String(value) })];
      expect(number.ok ? '' : number.problems).toBe('');
      expect(digits).toEqual(number);
    }
  });

  it.each([least - 1, most + 1, 'off', true, null, 0.5, '', ' 1', '0x1', [], {}])(
    'is refused as %j',
    (value) => {
      expect(refusalOf({ [name]: value })).toMatch(/^expected .*, found /);
    },
  );

  it('is suggested for its misspellings', () => {
    const bare = name.slice(1);
    const typos = [bare, name.toLowerCase(), name.toUpperCase(), `${name}s`, `*${bare.slice(0, -1)}`]
      .concat(bare.length > 4 ? [`*${bare[1]}${bare[0]}${bare.slice(2)}`, `*${bare.slice(1)}`] : [])
      .filter((typo) => !KEYWORDS.some((keyword) => keyword.name === typo));
    for (const typo of typos)
      expect([typo, refusalOf({ [typo]: least })]).toEqual([typo, `unknown keyword; did you mean ${name}?`]);
  });
});

describe('keywords', () => {
  it.each([
    ['*RssOnHostVPorts', /VMMQ, which is not modelled; the nearest that has one is \*/],
    ['*SRIOV', /SR-IOV/],
    ['*NumaNodeId', /NUMA/],
    ['*PriorityVLANTag', /always 3/],
    ['TenGigVmqEnabled', /setting of the switch: switch\.tenGigVmqEnabled/],
    ['*BelowTenGigVmqEnabled', /switch\.belowTenGigVmqEnabled/],
    ['*TCPChecksumOffloadIPv4', /offload/],
    ['MaxVMQueueDepth', /unknown keyword; did you mean \*VMQ/],
    ['*WakeOnPattern', /unknown keyword; the nearest known one is \*/],
    ['toString', /unknown keyword/],
  ])('%s of something else is refused, with what it is of', (name, message) => {
    expect(refusalOf({ [name]: 1 })).toMatch(message);
  });

  it('that are other names for keys become those keys', () => {
    const result = check({
      '*VMQ': '0',
      '*JumboPacket': 9014,
      '*ReceiveBuffers': 64,
      '*RssBaseProcNumber': 2,
      '*MaxRssProcessors': '3',
      '*RssMaxProcNumber': 7,
      '*VMQVlanFiltering': '0',
    });
    expect(result.ok && result.config).toMatchObject({
      vmq: false,
      nic: {
        jumboPacket: 9014,
        receiveBuffers: 64,
        baseProcessorNumber: 2,
        maxProcessors: 3,
        maxProcessorNumber: 7,
        keywords: { '*VMQVlanFiltering': 0 },
      },
    });
    expect(refusalOf({ '*ReceiveBuffers': 100 })).toBe('expected a power of two, found 100');
  });

  it.each([
    [{ '*RSS': 1 }, {}, ['nic.keywords.*RSS']],
    [{ '*RSS': 1, '*RssOrVmqPreference': 0 }, {}, []],
    [{ '*RssOrVmqPreference': 0, '*VMQ': 1 }, {}, ['nic.keywords.*VMQ']],
    [{ '*RssOrVmqPreference': 0 }, { vmq: true }, ['vmq']],
    [{ '*VMQVlanFiltering': 1 }, { vmq: false }, ['nic.keywords.*VMQVlanFiltering']],
    [{ '*VMQLookaheadSplit': 1 }, {}, ['nic.keywords.*VMQLookaheadSplit']],
    [{ '*VMQLookaheadSplit': 1 }, { ndisVersion: '6.20' }, []],
  ])('that come to nothing are said: %j %j', (keywords, more, paths) => {
    const result = check(keywords, more);
    expect(result.ok && result.notes.map(({ path }) => path)).toEqual(paths);
    expect(result.ok && result.notes.every(({ message }) => message.startsWith('has no effect: '))).toBe(
      true,
    );
  });
});
