/** The `vmq` command line: arguments in, exit code out. */
import { MAX_SEED } from '@vmq/machine';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type ReplayFlags, replayCommand } from './commands/replay-command.ts';
import { type SimulateFlags, simulateCommand } from './commands/simulate-command.ts';
import { type WhyFlags, whyCommand } from './commands/why-command.ts';
import { CannotRun, EXIT_COULD_NOT_RUN, EXIT_GOOD, EXIT_INTERNAL, EXIT_INTERRUPTED } from './exit-code.ts';
import { type Interrupted, neverInterrupted, StoppedByUser } from './interruption.ts';
import { MOST_VMS } from './replay/discover-vms.ts';
import type { Terminal } from './terminal.ts';

/** Runs one command; `args` are those after `vmq`. Never throws. */
export async function runCli(
  args: readonly string[],
  terminal: Terminal,
  interrupted: Interrupted = neverInterrupted,
): Promise<number> {
  let code: number = EXIT_GOOD;
  const program = new Command('vmq')
    .description('Replay a capture through the whole Virtual Machine Queue stack, and explain every frame.')
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .exitOverride()
    .showHelpAfterError('(see vmq --help)');

  const replay = program
    .command('replay')
    .description('put every frame of a pcap or pcapng file on the wire and report where each ended')
    .argument('<file>', 'pcap or pcapng file');
  addHostOptions(replay)
    .addOption(
      new Option(
        '--processors <n>',
        'processors, each a thread of its own (default: 4 in one thread)',
      ).argParser(integer(1, 64)),
    )
    .option('--out <dir>', 'write one pcapng per VM there')
    .option('--json', 'report as JSON')
    .option('--progress', 'show progress even if standard error is no terminal')
    .action(async (file: string, flags: RawFlags & ReplayFlags) => {
      code = await replayCommand(file, cooked(flags), terminal, interrupted);
    });

  const why = program
    .command('why')
    .description('explain what happened to one frame of a capture')
    .argument('<file>', 'pcap or pcapng file')
    .argument(
      '<frame>',
      'number of the frame, from 1, as tshark counts',
      integer(1, Number.MAX_SAFE_INTEGER),
    );
  addHostOptions(why)
    .option('--json', 'explain as JSON')
    .action(async (file: string, frame: number, flags: RawFlags & WhyFlags) => {
      code = await whyCommand(file, frame, cooked(flags), terminal, interrupted);
    });

  program
    .command('simulate')
    .description('run whole hosts on random configurations, traffic, requests and migrations, and check them')
    .addOption(new Option('--seed <n>', 'the first seed (default: 1)').argParser(integer(0, MAX_SEED)))
    .addOption(
      new Option('--seeds <n>', 'how many seeds, one after the other (default: 1)').argParser(
        integer(1, 1_000_000),
      ),
    )
    .addOption(new Option('--steps <n>', 'steps of each (default: 2000)').argParser(integer(1, 1_000_000)))
    .addOption(
      new Option(
        '--faults <list>',
        "what goes wrong, by name and with commas between; 'all' = everything",
      ).argParser((text: string) => text.split(',')),
    )
    .addOption(
      new Option('--replay <file>', 'repeat the failure of a file').conflicts([
        'seed',
        'seeds',
        'steps',
        'faults',
      ]),
    )
    .option('--json', 'report as JSON')
    .action(async (flags: SimulateFlags) => {
      code = await simulateCommand(flags, terminal, interrupted);
    });

  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_GOOD : EXIT_COULD_NOT_RUN;
    if (error instanceof CannotRun) {
      for (const line of error.lines) terminal.err(`${line}\n`);
      return EXIT_COULD_NOT_RUN;
    }
    if (error instanceof StoppedByUser) {
      for (const line of error.lines) terminal.err(`${line}\n`);
      return EXIT_INTERRUPTED;
    }
    terminal.err(
      `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    return EXIT_INTERNAL;
  }
}

/** As commander gives them, before `on` and `off` are booleans. */
interface RawFlags {
  readonly vmq?: 'on' | 'off' | boolean;
}

function cooked<T extends RawFlags>(flags: T): Omit<T, 'vmq'> & { readonly vmq?: boolean } {
  const { vmq, ...rest } = flags;
  return vmq === undefined ? rest : { ...rest, vmq: vmq === 'on' };
}

function addHostOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--vms <n>', 'the unicast destinations with most frames become VMs (default: all)')
        .argParser(integer(1, MOST_VMS))
        .conflicts('config'),
    )
    .option('--config <host.yaml>', 'the VMs and everything else of the host')
    .addOption(new Option('--vmq <on|off>', 'VM queues').choices(['on', 'off']))
    .addOption(new Option('--seed <n>', 'seed of the deterministic executor').argParser(integer(0, MAX_SEED)))
    .option('--answer', 'guests reply to ARP, neighbour solicitations and echo requests');
}

function integer(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= low && value <= high)) {
      throw new InvalidArgumentError(`Expected an integer from ${low} to ${high}, found '${text}'.`);
    }
    return value;
  };
}
