import { describe, expect, it } from 'vitest';
import { CannotRun } from '../exit-code.ts';
import { parseConfig, readConfig } from './read-config.ts';

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
    const config = parseConfig(GOOD, 'host.yaml');
    expect(config.vms.map(({ name, vlan }) => [name, vlan])).toEqual([
      ['web', 100],
      ['db', 0],
    ]);
    expect(config.vmq).toBe(true);
    expect(config.nic.jumboPacket).toBe(1514);
  });

  it('takes a byte-order mark and JSON', () => {
    expect(parseConfig(`\uFEFF${GOOD}`, 'host.yaml').vms).toHaveLength(2);
    expect(parseConfig('{"vms": []}', 'host.json').vms).toEqual([]);
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
    expect(lines).toHaveLength(3);
    expect(lines).toContain('host.yaml:7: vms[1].colour: unknown key');
    expect(lines).toContain('host.yaml:8: nick: unknown key');
    expect(lines.find((line) => line.startsWith('host.yaml:6: vms[1].mac: '))).toMatch(
      /also the mac of vms\[0\] \(web\)/,
    );
  });

  it('names the line of what stands around a missing key', () => {
    expect(linesOf('vmq: true\nvms:\n  - name: web\n')[0]).toMatch(/^host\.yaml:3: vms\[0\]\.mac: /);
  });

  it('says where the YAML itself is broken', () => {
    expect(linesOf('vms:\n  - name: [web\n')[0]).toMatch(/^host\.yaml:\d+:\d+: /);
    expect(linesOf('vmq: true\nvmq: false\n')[0]).toMatch(/^host\.yaml:2:1: .*unique/);
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
