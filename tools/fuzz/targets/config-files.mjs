// YAML files as the command line reads them: a valid one damaged as text, and any structure written as YAML.
import { mutate, noise } from '../bytes.mjs';
import { anything, changedConfig, checkResult } from './host-config.mjs';

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

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const configFiles = {
  name: 'config-files',
  about: 'YAML configuration files of the command line',
  modules: { read: 'cli/config/read-config', exit: 'cli/process/exit-code', nic: 'nic/index' },
  perSession: 1000,
  open({ read, exit, nic }, _random, note) {
    // Most of these buffers are refused by an exception, whose stack nobody looks at.
    Error.stackTraceLimit = 2;
    const corpus = [SMALL, SMALL, VALID, MORE].map((text) => encoder.encode(text));
    return {
      one(random) {
        let text;
        const how = random.below(8);
        if (how === 0) text = decoder.decode(noise(random, 120));
        else if (how === 1) {
          const value = random.once(2) ? anything(random) : changedConfig(random, random.below(4));
          try {
            text = JSON.stringify(value) ?? '';
          } catch {
            text = String(typeof value);
          }
        } else if (how === 2) {
          const open = random.pick(['[', '{', '- ', '? ', '{a: ', '[{', '&a ', '!!map ', '"', '|\n ', '\n ']);
          text = `${random.once(2) ? VALID : ''}x: ${open.repeat(1 + random.below(random.once(64) ? 2000 : 20))}`;
        } else {
          const bytes = mutate(random, random.pick(corpus), random.pick(corpus), 700);
          text = decoder.decode(bytes);
        }
        note(text);
        try {
          const { config } = read.parseConfig(text, 'host.yaml');
          return checkResult({ ok: true, config }, nic.NIC_PROFILES);
        } catch (error) {
          if (!(error instanceof exit.CannotRun)) throw error;
          if (
            error.lines.length === 0 ||
            error.lines.some((line) => !/^host\.yaml(:\d+(:\d+)?)?: ./.test(line))
          )
            throw new Error(`a message without a place: ${JSON.stringify(error.lines)}`);
          return /expected a configuration|expected keys/.test(error.lines[0])
            ? 'refused: no configuration'
            : /:\d+:\d+: /.test(error.lines[0])
              ? 'refused: no YAML'
              : 'refused: not of a host';
        }
      },
    };
  },
};
