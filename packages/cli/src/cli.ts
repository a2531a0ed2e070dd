/** The `vmq` command line: arguments in, exit code out. */
import { MAX_SEED } from '@vmq/machine';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type ReplayFlags, replayCommand } from './commands/replay-command.ts';
import { type SimulateFlags, simulateCommand } from './commands/simulate-command.ts';
import { type WhyFlags, whyCommand } from './commands/why-command.ts';
import { REPLAY_HELP, SIMULATE_HELP, VERSION, VMQ_HELP, WHY_HELP } from './help.ts';
import { type CommandName, type FailureCode, JSON_VERSION, jsonText } from './json/envelope.ts';
import { outputSchema } from './json/output-schema.ts';
import {
  CannotRun,
  EXIT_COULD_NOT_RUN,
  EXIT_GOOD,
  EXIT_INTERNAL,
  EXIT_INTERRUPTED,
} from './process/exit-code.ts';
import { type Interrupted, neverInterrupted, StoppedByUser } from './process/interruption.ts';
import { MOST_VMS } from './replay/discover-vms.ts';
import { OUTBOUND_POLICIES } from './replay/frame-direction.ts';
import { Screen, type Terminal } from './text/terminal.ts';

/** Runs one command; `args` are those after `vmq`. Never throws. */
export async function runCli(
  args: readonly string[],
  terminal: Terminal,
  interrupted: Interrupted = neverInterrupted,
): Promise<number> {
  const screen = new Screen(terminal);
  const run: Run = { screen, interrupted, name: null, code: EXIT_GOOD };
  try {
    await programFor(run).parseAsync(args, { from: 'user' });
    return run.code;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_GOOD;
    return fail(failureOf(error), run, args.includes('--json'));
  }
}

const PROGRESS_HELP = 'show progress even if standard error is no terminal';

/** One run of a command. */
interface Run {
  readonly screen: Screen;
  readonly interrupted: Interrupted;
  /** The command that was named, null before. */
  name: CommandName | null;
  code: number;
}

interface Failure {
  readonly code: FailureCode;
  readonly exitCode: number;
  readonly messages: readonly string[];
  /** Commander says it itself. */
  readonly isSaid?: true;
}

function failureOf(error: unknown): Failure {
  if (error instanceof CommanderError) {
    const messages = [error.message.replace(/^error: /, '')];
    return { code: 'usage', exitCode: EXIT_COULD_NOT_RUN, messages, isSaid: true };
  }
  if (error instanceof CannotRun) return { code: 'cannot-run', exitCode: error.code, messages: error.lines };
  if (error instanceof StoppedByUser)
    return { code: 'interrupted', exitCode: EXIT_INTERRUPTED, messages: error.lines };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'internal', exitCode: EXIT_INTERNAL, messages: `internal error: ${text}`.split('\n') };
}

/** For people on standard error; for programs on standard output as well. */
function fail({ code, exitCode, messages, isSaid }: Failure, { screen, name }: Run, asJson: boolean): number {
  if (!isSaid) for (const line of messages) screen.errLine(line);
  if (asJson) {
    const error = { code, exitCode, messages };
    // Who reads a replay's queues without looking for an error first finds none.
    const nothing = name === 'replay' ? { host: {}, queues: [] as const } : {};
    screen.out(jsonText({ version: JSON_VERSION, command: name, error, ...nothing }));
  }
  return exitCode;
}

function programFor(run: Run): Command {
  const { screen } = run;
  const program = new Command('vmq')
    .description('Replay a capture through the whole Virtual Machine Queue stack, and explain every frame.')
    .version(VERSION, '-V, --version', 'print the version')
    .configureOutput({
      writeOut: (text) => screen.out(text),
      writeErr: (text) => screen.err(text),
      getOutHelpWidth: () => screen.columns,
      getErrHelpWidth: () => screen.columns,
    })
    .exitOverride()
    .showHelpAfterError('(see vmq --help)')
    .addHelpText('after', VMQ_HELP)
    .hook('preSubcommand', (_, command) => {
      if (command.name() !== 'schema') run.name = command.name() as CommandName;
    });
  addReplay(program, run);
  addWhy(program, run);
  addSimulate(program, run);
  program
    .command('schema')
    .description('print the JSON Schema of what --json prints')
    .action(() => screen.out(outputSchema()));
  return program;
}

function addReplay(program: Command, run: Run): void {
  const command = program
    .command('replay')
    .description('replay a pcap or pcapng file through a host and report where every frame ended')
    .argument('<file>', "pcap or pcapng file; '-' is standard input")
    .addHelpText('after', REPLAY_HELP);
  addHostOptions(command)
    .addOption(
      new Option(
        '--processors <n>',
        'processors, each a thread of its own (default: 4 in one thread)',
      ).argParser(integer(1, 64)),
    )
    .option('--out <dir>', 'write one pcapng per VM there, all at the end')
    .option('--json', 'report as JSON')
    .option('--progress', PROGRESS_HELP)
    .action(async (file: string, flags: RawFlags & ReplayFlags) => {
      run.code = await replayCommand(file, cooked(flags), run.screen, run.interrupted);
    });
}

function addWhy(program: Command, run: Run): void {
  const command = program
    .command('why')
    .description('explain what happened to one frame of a capture')
    .argument('<file>', "pcap or pcapng file; '-' is standard input")
    .argument('<frame>', 'number of the frame, from 1, as tshark counts', integer(1, Number.MAX_SAFE_INTEGER))
    .addHelpText('after', WHY_HELP);
  addHostOptions(command)
    .option('--json', 'explain as JSON')
    .option('--progress', PROGRESS_HELP)
    .action(async (file: string, frame: number, flags: RawFlags & WhyFlags) => {
      run.code = await whyCommand(file, frame, cooked(flags), run.screen, run.interrupted);
    });
}

function addSimulate(program: Command, run: Run): void {
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
      new Option(
        '--model',
        'also 500 random sequences of requests for each seed, held against the reference model',
      ),
    )
    .addOption(
      new Option('--replay <file>', 'repeat each failure of a file').conflicts([
        'model',
        'seed',
        'seeds',
        'steps',
        'faults',
      ]),
    )
    .option('--json', 'report as JSON')
    .option('--progress', PROGRESS_HELP)
    .addHelpText('after', SIMULATE_HELP)
    .action(async (flags: SimulateFlags) => {
      run.code = await simulateCommand(flags, run.screen, run.interrupted);
    });
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
      new Option('--vms <n>', 'the N VMs of the capture with most frames (default: all)')
        .argParser(integer(1, MOST_VMS))
        .conflicts('config'),
    )
    .option('--config <host.yaml>', 'the VMs and everything else of the host')
    .addOption(new Option('--vmq <on|off>', 'VM queues').choices(['on', 'off']))
    .addOption(new Option('--seed <n>', 'seed of the deterministic executor').argParser(integer(0, MAX_SEED)))
    .addOption(
      new Option('--outbound <how>', 'frames that a VM had sent (default: send)').choices(OUTBOUND_POLICIES),
    )
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
