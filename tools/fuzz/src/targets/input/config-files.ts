// YAML files as the command line reads them: a valid one damaged as text, and any structure written as YAML.
import { parseConfig } from '../../../../../packages/cli/dist/config/read-config.js';
import { CannotRun } from '../../../../../packages/cli/dist/process/exit-code.js';
import { mutate, noise } from '../../bytes.ts';
import type { Chance, Target } from '../../target.ts';
import { anything, changedConfig } from './any-config.ts';
import { checkResult } from './host-config.ts';

const VALID = `# a host
name: lab
processors: 2
nic: { profile: netvmini, jumboPacket: 1514 }
switch:
  floodUnknownUnicast: no
vms:
  - name: web
    mac: 00-15-5D-00-00-01
    vlan: 100
    addresses: [10.0.0.1, "fe80::1"]
  - &b
    name: 'db'
    mac: 00:15:5d:00:00:02
`;
const SMALL = `seed: 1
vms: [{name: a, mac: 00-15-5D-00-00-01, vlan: 5}]
`;
const MORE = `%YAML 1.1
---
a: &a [*a, !!set {x}, !!omap [y: 1], !!binary aGk=, 2001-12-14t21:59:43.10-05:00, 0x1F, 0o17, .inf, .nan, ~]
<<: *b
? [complex, key]
: |
  block
  text
? {a: b}
: >-
  folded
...
---
{ "json": [1, 2.5e10, null, true], 'quo''te': "esc\\u0041\\x41" }
`;
/** What opens something in YAML; many of them nest it deeply. */
const OPENERS = ['[', '{', '- ', '? ', '{a: ', '[{', '&a ', '!!map ', '"', '|\n ', '\n '];

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const corpus = [SMALL, SMALL, VALID, MORE].map((text) => encoder.encode(text));

function textOf(random: Chance): string {
  const how = random.below(8);
  if (how === 0) return decoder.decode(noise(random, 120));
  if (how === 1) {
    const value = random.once(2) ? anything(random) : changedConfig(random, random.below(4));
    try {
      return JSON.stringify(value) ?? '';
    } catch {
      return String(typeof value);
    }
  }
  if (how === 2) {
    const open = random.pick(OPENERS);
    return `${random.once(2) ? VALID : ''}x: ${open.repeat(1 + random.below(random.once(64) ? 2000 : 20))}`;
  }
  return decoder.decode(mutate(random, random.pick(corpus), random.pick(corpus), 700));
}

function judge(error: unknown): string {
  if (!(error instanceof CannotRun)) throw error;
  const { lines } = error;
  if (lines.length === 0 || lines.some((line) => !/^host\.yaml(:\d+(:\d+)?)?: ./.test(line)))
    throw new Error(`a message without a place: ${JSON.stringify(lines)}`);
  if (/expected a configuration|expected keys/.test(lines[0])) return 'refused: no configuration';
  return /:\d+:\d+: /.test(lines[0]) ? 'refused: no YAML' : 'refused: not of a host';
}

export const configFiles: Target = {
  name: 'config-files',
  about: 'YAML configuration files of the command line',
  perSession: 1000,
  open(_random, note) {
    // Most of these buffers are refused by an exception, whose stack nobody looks at.
    Error.stackTraceLimit = 2;
    return {
      one(random) {
        const text = textOf(random);
        note(text);
        try {
          const { config } = parseConfig(text, 'host.yaml');
          return checkResult({ ok: true, config, notes: [] });
        } catch (error) {
          return judge(error);
        }
      },
    };
  },
};
