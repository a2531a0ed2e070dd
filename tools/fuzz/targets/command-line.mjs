// Arguments of the `vmq` command, valid and damaged, for files that do not exist: nothing runs, everything is judged.
import { edge, mutate } from '../bytes.mjs';

const LINES = [
  ['replay', 'no/such.pcap', '--vms', '4', '--vmq', 'on'],
  ['replay', 'no/such.pcap', '--config', 'no/host.yaml', '--out', 'no/such/out', '--json', '--progress'],
  ['replay', 'no/such.pcap', '--processors', '2', '--seed', '7', '--answer'],
  ['replay', 'no/such.pcap', '--outbound', 'skip', '--json'],
  ['why', 'no/such.pcap', '100', '--vms', '3', '--seed', '1'],
  ['why', 'no/such.pcap', '1', '--config', 'no/host.yaml', '--json'],
  ['--help'],
  ['help', 'replay'],
  ['replay', '--help'],
];
const WORDS = [
  ...new Set(LINES.flat()),
  '',
  '-',
  '--',
  '--vms=3',
  '--vms=-1',
  '--vms=1e9',
  '-h',
  '--version',
  '--unknown',
  '--no-vmq',
  '--vmq=maybe',
  '0',
  '-0',
  '9007199254740993',
  '0x10',
  '1.5',
  '\u0000',
  '\ud800',
  '/no/such/directory',
  '__proto__',
  'constructor',
];
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const commandLine = {
  name: 'command-line',
  about: 'arguments of the vmq command',
  modules: { cli: 'cli/cli', exit: 'cli/process/exit-code' },
  perSession: 1000,
  open({ cli, exit }, _random, note) {
    return {
      async one(random) {
        const args = [...random.pick(LINES)];
        for (let n = random.below(5); n > 0; n--) {
          const at = random.below(args.length + 1);
          const kind = random.below(5);
          if (kind === 0) args.splice(at, 1);
          else if (kind === 1) args.splice(at, 0, random.pick(WORDS));
          else if (kind === 2) args[at] = random.pick(WORDS);
          else if (kind === 3) args[at] = String(random.once(2) ? edge(random) : -edge(random));
          else if (args[at] !== undefined) {
            // Never a path that exists: what is damaged stays below a directory that does not.
            const damaged = decoder.decode(
              mutate(random, encoder.encode(args[at]), encoder.encode(random.pick(WORDS)), 80),
            );
            args[at] = damaged.startsWith('-') || /^\d/.test(damaged) ? damaged : `no/such/${damaged}`;
          }
        }
        note(JSON.stringify(args));
        let out = '';
        let err = '';
        const terminal = {
          out: (text) => {
            out += text;
          },
          err: (text) => {
            err += text;
          },
          outColours: false,
          errIsTerminal: false,
        };
        const code = await cli.runCli(args, terminal);
        if (code === exit.EXIT_GOOD) {
          if (/^\d+\.\d+\.\d+\n$/.test(out)) return 'version';
          if (!/Usage: vmq/.test(out + err)) throw new Error('it says it ran');
          return 'help';
        }
        if (code !== exit.EXIT_COULD_NOT_RUN) throw new Error(`exit code ${code}: ${err}`);
        if (err.trim() === '') throw new Error('refused without a word');
        if (args.includes('--json') && JSON.parse(out).error.messages.length === 0)
          throw new Error('no message');
        if (!args.includes('--json') && out !== '' && !out.startsWith('Usage'))
          throw new Error(`refused, but it printed ${out}`);
        const named = /error: |ENOENT|ENOTDIR|EISDIR|ENAMETOOLONG|without null bytes|expected |Usage: vmq/;
        if (!named.test(err)) throw new Error(`refused without a name: ${err}`);
        const what =
          /^error: ((unknown|too many|missing required|option)\b)/.exec(err)?.[1] ??
          /\bE[A-Z]{4,}\b/.exec(err)?.[0];
        return `refused: ${what ?? 'otherwise'}`;
      },
    };
  },
};
