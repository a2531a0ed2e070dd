/** What `--help` says behind the options: examples that can be pasted, and exit codes. */
import { createRequire } from 'node:module';

/** Of this package, as its manifest says. */
export const VERSION: string = (createRequire(import.meta.url)('../package.json') as { version: string })
  .version;

const EXIT_CODES = `
Exit codes:
  0    everything was processed, and nothing was wrong
  1    nothing could be processed: bad arguments, configuration, input, output
  2    it ran, but part of the input was bad or an output is not complete
  3    a fault of vmq itself; please report it with file and seed
  130  stopped by Ctrl-C; what was done until then is reported
`;

function help(examples: readonly (readonly [command: string, does: string])[], more = ''): string {
  const lines = examples.map(([command, does]) => `  vmq ${command}\n      ${does}`);
  return `\nExamples:\n${lines.join('\n')}\n${more}${EXIT_CODES}`;
}

export const VMQ_HELP: string = help([
  ['replay lan.pcapng', 'its VMs are found, and send again what they had sent'],
  ['why lan.pcapng 500', 'what happened to frame 500, test by test'],
  ['simulate --seeds 5', 'five random worlds, checked after every step'],
  ['help replay', 'options and examples of one command'],
]);

export const REPLAY_HELP: string = help([
  ['replay lan.pcapng --vms 4', 'the four VMs with most frames'],
  ['replay lan.pcapng --config host.yaml --out results', 'VMs from a file; one capture for each VM'],
  ['replay lan.pcapng --vmq off --json', 'everything by the default queue; the report for programs'],
  ['replay lan.pcapng --outbound skip', 'only what came in from the wire'],
  ['replay - < lan.pcapng', 'from standard input'],
]);

export const WHY_HELP: string = help([
  ['why lan.pcapng 500', 'the frame that tshark calls 500'],
  ['why lan.pcapng 500 --config host.yaml --json', 'the same for programs, with VMs from a file'],
]);

export const SIMULATE_HELP: string = help([
  ['simulate --seed 7 --seeds 20 --steps 200', 'seeds 7 to 26'],
  ['simulate --seeds 5 --faults all --json > report.json', 'everything goes wrong now and then'],
  ['simulate --replay report.json', 'every failure of the report, once more'],
]);
