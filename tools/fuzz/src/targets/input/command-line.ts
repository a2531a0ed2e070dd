// Arguments of the `vmq` command, valid and damaged, for files that do not exist: nothing runs, everything is judged.
import { runCli } from '../../../../../packages/cli/dist/cli.js';
import { EXIT_COULD_NOT_RUN, EXIT_GOOD } from '../../../../../packages/cli/dist/process/exit-code.js';
import { edge, mutate } from '../../bytes.ts';
import type { Chance, Target } from '../../target.ts';

const LINES: readonly (readonly string[])[] = [
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
const WORDS: readonly string[] = [
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
/** What the words of a refusal must have in them: the program's own, or the system's. */
const NAMED = /error: |ENOENT|ENOTDIR|EISDIR|ENAMETOOLONG|without null bytes|expected |Usage: vmq/;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A valid line with up to four words wrong. */
function damagedLine(random: Chance): string[] {
  const args = [...random.pick(LINES)];
  for (let n = random.below(5); n > 0; n--) {
    const at = random.below(args.length + 1);
    const kind = random.below(5);
    if (kind === 0) args.splice(at, 1);
    else if (kind === 1) args.splice(at, 0, random.pick(WORDS));
    else if (kind === 2) args[at] = random.pick(WORDS);
    else if (kind === 3) args[at] = String(random.once(2) ? edge(random) : -edge(random));
    else if (at < args.length) args[at] = damagedWord(random, args[at]);
  }
  return args;
}

/** Never a path that exists: what is damaged stays below a directory that does not. */
function damagedWord(random: Chance, word: string): string {
  const bytes = mutate(random, encoder.encode(word), encoder.encode(random.pick(WORDS)), 80);
  const damaged = decoder.decode(bytes);
  return damaged.startsWith('-') || /^\d/.test(damaged) ? damaged : `no/such/${damaged}`;
}

/** What the command did with a line: its name. Throws if it ran, or refused without saying why. */
function judge(args: readonly string[], code: number, out: string, err: string): string {
  if (code === EXIT_GOOD) {
    if (/^\d+\.\d+\.\d+\n$/.test(out)) return 'version';
    if (!/Usage: vmq/.test(out + err)) throw new Error('it says it ran');
    return 'help';
  }
  if (code !== EXIT_COULD_NOT_RUN) throw new Error(`exit code ${code}: ${err}`);
  if (err.trim() === '') throw new Error('refused without a word');
  if (args.includes('--json')) {
    const { error } = JSON.parse(out) as { error: { messages: readonly string[] } };
    if (error.messages.length === 0) throw new Error('no message');
  } else if (out !== '' && !out.startsWith('Usage')) throw new Error(`refused, but it printed ${out}`);
  if (!NAMED.test(err)) throw new Error(`refused without a name: ${err}`);
  const what =
    /^error: ((unknown|too many|missing required|option)\b)/.exec(err)?.[1] ??
    /\bE[A-Z]{4,}\b/.exec(err)?.[0];
  return `refused: ${what ?? 'otherwise'}`;
}

export const commandLine: Target = {
  name: 'command-line',
  about: 'arguments of the vmq command',
  perSession: 1000,
  open: (_random, note) => ({
    async one(random) {
      const args = damagedLine(random);
      note(JSON.stringify(args));
      let out = '';
      let err = '';
      const code = await runCli(args, {
        out: (text) => {
          out += text;
        },
        err: (text) => {
          err += text;
        },
        outColours: false,
        errIsTerminal: false,
      });
      return judge(args, code, out, err);
    },
  }),
};
