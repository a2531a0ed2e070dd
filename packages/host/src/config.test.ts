import { describe, expect, it } from 'vitest';
import { type ConfigProblem, checkHostConfig } from './index.ts';

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
      nic: { profile: 'vmq-nic', jumboPacket: 1514, keywords: {}, receiveBuffers: 256, receiveEngines: 1 },
      switch: { name: 'external', floodUnknownUnicast: false },
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
    ['something else altogether', 'host', '', /object/],
  ])('refuses %s, with the path of the key', (_, input, path, message) => {
    const problems = problemsOf(input);
    expect(problems.map((problem) => problem.path)).toContain(path);
    expect(problems.find((problem) => problem.path === path)?.message).toMatch(message);
  });

  it('reports everything that is wrong, not the first thing', () => {
    expect(problemsOf({ processors: 0, vms: [{ name: '' }] }).map(({ path }) => path)).toEqual(
      expect.arrayContaining(['processors', 'vms[0].name', 'vms[0].mac']),
    );
  });
});
