import { describe, expect, it } from 'vitest';
import { type ConfigProblem, checkHostConfig } from '../../src/index.ts';

function problemsOf(input: unknown): readonly ConfigProblem[] {
  const result = checkHostConfig(input);
  return result.ok ? [] : result.problems;
}

const VM = { name: 'web', mac: '00-15-5D-00-00-01' };

describe('checkHostConfig', () => {
  it('fills in every default', () => {
    const result = checkHostConfig({});
    expect(result.ok && result.config).toEqual({
      name: 'host',
      seed: 1,
      schedule: 'random',
      executor: 'deterministic',
      processors: 4,
      vmq: true,
      ndisVersion: '6.30',
      nic: {
        profile: 'vmq-nic',
        jumboPacket: 1514,
        keywords: {},
        receiveBuffers: 256,
        receiveEngines: 1,
        baseProcessorNumber: 0,
      },
      switch: {
        name: 'external',
        floodUnknownUnicast: false,
        tenGigVmqEnabled: 1,
        belowTenGigVmqEnabled: 1,
      },
      vms: [],
    });
    const withVm = checkHostConfig({ vms: [VM] });
    expect(withVm.ok && withVm.config.vms[0]).toEqual({
      ...VM,
      vlan: 0,
      vmqWeight: 100,
      allowMacSpoofing: false,
      addresses: [],
      answer: false,
    });
  });

  it.each([
    ['an unknown key', { processor: 2 }, 'processor', /unknown key/],
    ['an unknown key of a VM', { vms: [{ ...VM, vlna: 1 }] }, 'vms[0].vlna', /unknown key/],
    [
      'a MAC that is none',
      { vms: [{ ...VM, mac: '00-15-5D' }] },
      'vms[0].mac',
      /expected a MAC address.*00-15-5D/,
    ],
    ['a group MAC', { vms: [{ ...VM, mac: '01-00-5E-00-00-01' }] }, 'vms[0].mac', /group address/],
    [
      'a MAC twice, written differently',
      { vms: [VM, { name: 'b', mac: '00:15:5d:00:00:01' }] },
      'vms[1].mac',
      /also the mac of vms\[0\] \(web\)/,
    ],
    [
      'a name twice',
      { vms: [VM, { ...VM, mac: '00-15-5D-00-00-02' }] },
      'vms[1].name',
      /also the name of vms\[0\]/,
    ],
    ['a VLAN that is none', { vms: [{ ...VM, vlan: 4095 }] }, 'vms[0].vlan', /4094/],
    [
      'an address that is none',
      { vms: [{ ...VM, addresses: ['10.0.0'] }] },
      'vms[0].addresses[0]',
      /IPv4 or IPv6.*10\.0\.0/,
    ],
    [
      'a ring that is no power of two',
      { nic: { receiveBuffers: 100 } },
      'nic.receiveBuffers',
      /power of two/,
    ],
    [
      'more receive engines than processors',
      { processors: 2, nic: { receiveEngines: 3 } },
      'nic.receiveEngines',
      /no more than there are processors/,
    ],
    ['less room than VMs', { vms: [VM], maxVms: 0 }, 'maxVms', /no fewer/],
    ['a NIC nobody knows', { nic: { profile: 'x540' } }, 'nic.profile', /vmq-nic/],
    ['something else altogether', 'host', '', /expected keys, found "host"/],
    ['the address of nobody', { vms: [{ ...VM, mac: '000000000000' }] }, 'vms[0].mac', /00.*nobody's/],
    ['broadcast', { vms: [{ ...VM, mac: 'ffff.ffff.ffff' }] }, 'vms[0].mac', /group address/],
    ['a seed below the range', { seed: -1 }, 'seed', /from 0 to 4294967295, found -1/],
    ['a seed beyond the range', { seed: 2 ** 32 }, 'seed', /from 0 to 4294967295, found 4294967296/],
    ['a flag in words', { vmq: 'off' }, 'vmq', /expected true or false, found "off"; did you mean false/],
    [
      'a misspelt choice',
      { executor: 'thread' },
      'executor',
      /deterministic or threads.*did you mean threads/,
    ],
    ['a version nobody has', { ndisVersion: '6.40' }, 'ndisVersion', /6\.20 or 6\.30, found "6\.40"/],
    [
      'a processor that is not there',
      { nic: { baseProcessorNumber: 4 } },
      'nic.baseProcessorNumber',
      /0 to 3.*found 4/,
    ],
    [
      'an end before the beginning',
      { nic: { keywords: { '*RssBaseProcNumber': '2', '*RssMaxProcNumber': 1 } } },
      'nic.keywords.*RssMaxProcNumber',
      /no less than the base processor, which is 2/,
    ],
    [
      'a VMQ processor before the base',
      { nic: { keywords: { '*RssBaseProcNumber': 2 } }, switch: { vmqProcessors: [3, 1] } },
      'switch.vmqProcessors[1]',
      /1 contradicts nic\.keywords\.\*RssBaseProcNumber, .*leave 2, 3/,
    ],
    [
      'VMQ processors beyond the most',
      { nic: { maxProcessors: 1 }, switch: { vmqProcessors: [0, 1] } },
      'switch.vmqProcessors[1]',
      /contradicts nic\.maxProcessors/,
    ],
    [
      'a VMQ processor without a transmit queue',
      { processors: 16, nic: { profile: 'netvmini' }, switch: { vmqProcessors: [9] } },
      'switch.vmqProcessors[0]',
      /contradicts nic\.profile \(netvmini\), which leave 0, .* 8/,
    ],
    ['a VMQ processor twice', { switch: { vmqProcessors: [1, 1] } }, 'switch.vmqProcessors[1]', /twice/],
    [
      'a setting that is none',
      { switch: { tenGigVmqEnabled: 3 } },
      'switch.tenGigVmqEnabled',
      /0 \(the host's default\), 1 \(on\) or 2 \(off\), found 3/,
    ],
    ['no VMQ processor', { switch: { vmqProcessors: [] } }, 'switch.vmqProcessors', /at least 1/],
    [
      'a VMQ processor that is not there',
      { switch: { vmqProcessors: [4] } },
      'switch.vmqProcessors[0]',
      /0 to 3/,
    ],
    [
      'a key and a keyword that differ',
      { vmq: true, nic: { keywords: { '*VMQ': 0 } } },
      'nic.keywords.*VMQ',
      /0 contradicts vmq: true/,
    ],
    [
      'a frame length said twice',
      { nic: { jumboPacket: 1514, keywords: { '*JumboPacket': '9014' } } },
      'nic.keywords.*JumboPacket',
      /9014 contradicts nic\.jumboPacket: 1514/,
    ],
  ])('refuses %s, with the path of the key', (_, input, path, message) => {
    const problems = problemsOf(input);
    expect(problems.map((problem) => problem.path)).toContain(path);
    expect(problems.find((problem) => problem.path === path)?.message).toMatch(message);
  });

  it.each([
    [{ processor: 2 }, 'did you mean processors?'],
    [{ nick: {} }, 'did you mean nic?'],
    [{ jumboPacket: 9000 }, 'did you mean nic.jumboPacket?'],
    [{ nic: { jumbopacket: 9000 } }, 'did you mean jumboPacket?'],
    [{ nic: { vmqProcessors: [1] } }, 'did you mean switch.vmqProcessors?'],
    [{ nic: { receive_buffers: 64 } }, 'did you mean receiveBuffers?'],
    [{ vms: [{ ...VM, vlanId: 1 }] }, 'did you mean vlan?'],
    [{ vms: [{ ...VM, macAddress: 'x' }] }, 'did you mean mac?'],
    [{ vms: [{ ...VM, weight: 1 }] }, 'did you mean vmqWeight?'],
    [{ colour: 'red' }, 'there are name, seed, '],
  ])('suggests the nearest key for %j', (input, hint) => {
    expect(problemsOf(input).map(({ message }) => message)).toContainEqual(expect.stringContaining(hint));
  });

  it('names the parts of a path, also where a key has dots in it', () => {
    expect(problemsOf({ vms: [{ ...VM, 'a.b[0]': 1 }] })[0]?.keys).toEqual(['vms', 0, 'a.b[0]']);
  });

  it.each(['00155D005301', '0015.5d00.5301', '00:15:5d:00:53:01', '00-15-5d-00-53-01'])(
    'takes an address as %s, and has it as Windows prints it',
    (mac) => {
      const result = checkHostConfig({ vms: [{ name: 'web', mac }] });
      expect(result.ok && result.config.vms[0]?.mac).toBe('00-15-5D-00-53-01');
    },
  );

  it.each([
    [6.2, '6.20'],
    ['6.20', '6.20'],
    [6.3, '6.30'],
    ['6.3', '6.30'],
  ])('takes NDIS version %j', (ndisVersion, taken) => {
    const result = checkHostConfig({ ndisVersion });
    expect(result.ok && result.config.ndisVersion).toBe(taken);
  });

  it('reports everything that is wrong, not the first thing', () => {
    expect(problemsOf({ processors: 0, vms: [{ name: '' }] }).map(({ path }) => path)).toEqual(
      expect.arrayContaining(['processors', 'vms[0].name', 'vms[0].mac']),
    );
  });
});
