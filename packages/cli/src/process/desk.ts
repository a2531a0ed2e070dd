/**
 * The main thread of `vmq`: it has the terminal and the signals, and nothing else to do.
 *
 * Its own loop never waits, so a signal always gets through. The command is told by a shared flag, and has a second to
 * come to a point where it can report what it did; whatever it is doing then is ended.
 */
import { constants } from 'node:os';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import pc from 'picocolors';
import { shownText } from '../text/shown-text.ts';
import { EXIT_BAD_IN_PART, EXIT_GOOD, EXIT_INTERNAL, EXIT_INTERRUPTED } from './exit-code.ts';
import type { CommandData, CommandMessage } from './messages.ts';
import { writeOut } from './write-out.ts';

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** How long a command that is to stop may take to report; a second for the user, less what it takes to end. */
const REPORT_MS = Number(process.env['VMQ_STOP_MS'] ?? 900);
/** How long a thread may take to end; one that waits in the system never does. */
const END_MS = 50;

export function runDesk(threadUrl: URL): void {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const data: CommandData = {
    args: process.argv.slice(2),
    stop,
    outColours: process.stdout.isTTY === true && pc.isColorSupported,
    errIsTerminal: process.stderr.isTTY === true,
    outColumns: process.stdout.isTTY ? process.stdout.columns : undefined,
  };
  const thread = new Worker(threadUrl, { workerData: data });
  let out = '';
  let signal: NodeJS.Signals | null = null;
  /** Its end has begun, in one way or another. */
  let isOver = false;
  const giveUp = (): void => {
    if (isOver) return;
    isOver = true;
    say(`stopped; what was at hand did not come to an end\n`);
    void endThread(thread, signal as NodeJS.Signals);
  };
  const onSignal = (name: NodeJS.Signals): void => {
    if (signal !== null) {
      giveUp();
      return;
    }
    signal = name;
    Atomics.store(stop, 0, 1);
    setTimeout(giveUp, REPORT_MS);
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  // A reader of standard error that has gone is no reason to fail.
  process.stderr.on('error', () => {});

  const finish = (code: number): void => {
    if (isOver) return;
    isOver = true;
    // From here on the system's way with signals will do: nothing is left but to print, and a print may wait.
    for (const name of SIGNALS) process.off(name, onSignal);
    void writeOut(out).then((failure) => {
      if (failure !== null) say(`standard output: ${failure}\n`);
      const whole = failure === null || code !== EXIT_GOOD ? code : EXIT_BAD_IN_PART;
      process.exit(whole === EXIT_INTERRUPTED && signal !== null ? codeOf(signal) : whole);
    });
  };
  thread.on('message', (message: CommandMessage) => {
    // Results come at a command's end; progress is to be seen at once.
    if (message.kind === 'out') out += message.text;
    else if (message.kind === 'err') process.stderr.write(message.text);
    else finish(message.code);
  });
  thread.on('error', (error) => {
    say(`internal error: ${error.stack ?? error.message}\n`);
    finish(EXIT_INTERNAL);
  });
  thread.on('exit', () => {
    if (!isOver) say('internal error: the thread of the command ended without a word\n');
    finish(EXIT_INTERNAL);
  });
}

function say(text: string): void {
  process.stderr.write(shownText(text));
}

function codeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

async function endThread(thread: Worker, signal: NodeJS.Signals): Promise<void> {
  const waits = setTimeout(() => {
    // It waits in the system, and so would the end of this process; a signal waits for nobody.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }, END_MS);
  await thread.terminate();
  clearTimeout(waits);
  process.exit(codeOf(signal));
}
