import { describe, expect, it } from 'vitest';
import { parseConfig, readConfig } from '../src/config/read-config.ts';
import { CannotRun } from '../src/process/exit-code.ts';

function linesOf(text: string): readonly string[] {
  try {
    parseConfig(text, 'host.yaml');
  } catch (error) {
    if (error instanceof CannotRun) return error.lines;
    throw error;
  }
  return [];
}

const GOOD = `vms:
  - name: web
    mac: 00-15-5D-00-00-01
    vlan: 100
  - name: db
    mac: 00:15:5d:00:00:02
`;

describe('configuration file', () => {
  it('fills in what is left out', () => {
    const { config } = parseConfig(GOOD, 'host.yaml');
    expect(config.vms.map(({ name, vlan }) => [name, vlan])).toEqual([
      ['web', 100],
      ['db', 0],
    ]);
    expect(config.vmq).toBe(true);
    expect(config.nic.jumboPacket).toBe(1514);
  });

  it('takes a byte-order mark and JSON', () => {
    expect(parseConfig(`\uFEFF${GOOD}`, 'host.yaml').config.vms).toHaveLength(2);
    expect(parseConfig('{"vms": []}', 'host.json').config.vms).toEqual([]);
  });

  it.each(['', '\n', '# nothing but a comment\n', '---\n', '\uFEFF', 'null'])(
    'refuses an empty file: %j',
    (text) => {
      expect(linesOf(text)).toEqual([
        'host.yaml: expected a configuration with at least vms:, found an empty file',
      ]);
    },
  );

  it('names line and key path of what is wrong, all at once', () => {
    const bad = `${GOOD.replace('00:15:5d:00:00:02', '00-15-5d-00-00-01')}    colour: red\nnick:\n  profile: x\n`;
    const lines = linesOf(bad);
    expect(lines).toEqual([
      expect.stringMatching(/^host\.yaml:6: vms\[1\]\.mac: .*also the mac of vms\[0\] \(web\)/),
      'host.yaml:7: vms[1].colour: unknown key; there are name, mac, vlan, vmqWeight, allowMacSpoofing, addresses, answer',
      'host.yaml:8: nick: unknown key; did you mean nic?',
    ]);
  });

  it('names the line of what stands around a missing key', () => {
    expect(linesOf('vmq: true\nvms:\n  - name: web\n')[0]).toMatch(/^host\.yaml:3: vms\[0\]\.mac: /);
  });

  it('says where the YAML itself is broken', () => {
    expect(linesOf('vms:\n  - name: [web\n')[0]).toMatch(/^host\.yaml:\d+:\d+: /);
    expect(linesOf('vmq: true\nvmq: false\n')[0]).toMatch(/^host\.yaml:2:1: .*unique/);
  });

  it.each([
    ['00155D005301', '00-15-5D-00-53-01'],
    ['001550005301', '00-15-50-00-53-01'],
    ['00155E100001', '00-15-5E-10-00-01'],
    ['000155003011', '00-01-55-00-30-11'],
    ['0x155D005301', null],
    ['0o1550005301', null],
    ['0015.5d00.5301', '00-15-5D-00-53-01'],
    ['00:15:5d:00:53:01', '00-15-5D-00-53-01'],
    ['10:20:30:40:50:58', '10-20-30-40-50-58'],
    ['"001550005301"', '00-15-50-00-53-01'],
  ])('takes an address as it is written: mac: %s', (written, taken) => {
    for (const head of ['', '%YAML 1.1\n---\n']) {
      const text = `${head}vms:\n  - name: web\n    mac: ${written}\n`;
      if (taken !== null) expect(parseConfig(text, 'host.yaml').config.vms[0]?.mac).toBe(taken);
      else
        expect(linesOf(text)).toEqual([expect.stringContaining(`vms[0].mac: expected a MAC address like`)]);
      if (taken === null) expect(linesOf(text)[0]).toContain(`found "${written}"`);
    }
  });

  it('takes what looks like a number as text where a text belongs', () => {
    const text =
      'name: 007\nndisVersion: 6.20\nvms: [{ name: 1e3, mac: 001550005301, addresses: [::1] }, { name: true, mac: 0015.5000.5302 }]\n';
    const { config } = parseConfig(text, 'host.yaml');
    expect(config).toMatchObject({ name: '007', ndisVersion: '6.20' });
    expect(config.vms.map(({ name }) => name)).toEqual(['1e3', 'true']);
    expect(linesOf('name:\n')).toEqual(['host.yaml:1: name: expected text, found null']);
  });

  it('says in the order of lines what is wrong, in JSON too', () => {
    const wrong = {
      processors: 0,
      vms: [{ name: 'a', mac: '00-00-00-00-00-00', vlan: 4095 }],
      nic: { keywords: { VMQ: 0 }, profil: 'i350' },
      seed: -1,
      vmss: [],
    };
    expect(linesOf(JSON.stringify(wrong, null, 1))).toEqual([
      expect.stringMatching(/^host\.yaml:2: processors: /),
      expect.stringMatching(/^host\.yaml:6: vms\[0\]\.mac: .*nobody's/),
      expect.stringMatching(/^host\.yaml:7: vms\[0\]\.vlan: /),
      expect.stringMatching(/^host\.yaml:12: nic\.keywords\.VMQ: unknown keyword; did you mean \*VMQ\?/),
      expect.stringMatching(/^host\.yaml:14: nic\.profil: unknown key; did you mean profile\?/),
      expect.stringMatching(/^host\.yaml:16: seed: /),
      expect.stringMatching(/^host\.yaml:17: vmss: unknown key; did you mean vms\?/),
    ]);
  });

  it('says by line what has no effect', () => {
    const text = 'vms: []\nnic:\n  keywords:\n    "*RSS": 1\n';
    expect(parseConfig(text, 'host.yaml').notes).toEqual([
      'host.yaml:4: nic.keywords.*RSS: has no effect: *RssOrVmqPreference is 1, so the adapter reads no keyword of RSS',
    ]);
  });

  it('refuses a list and an alias bomb', () => {
    expect(linesOf('- a\n')[0]).toMatch(/expected keys/);
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefgh'].map((key, i) => `${key}: &${key} [${Array(9).fill(`*${'abcdefg'[i]}`).join(',')}]`).join('\n')}\n`;
    expect(linesOf(bomb)[0]).toMatch(/^host\.yaml: .*alias/i);
  });

  it('says why a file cannot be read', () => {
    expect(() => readConfig('/nonexistent/host.yaml')).toThrow('/nonexistent/host.yaml: ENOENT');
  });
});
