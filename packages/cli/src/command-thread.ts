/** The thread a command runs in: nothing it does, not even what never returns, keeps a signal waiting. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { runCli } from './cli.ts';
import type { CommandData, CommandMessage } from './process/messages.ts';

export async function runCommandThread(): Promise<void> {
  const { args, stop, outColours, errIsTerminal, outColumns } = workerData as CommandData;
  const post = (message: CommandMessage): void => (parentPort as MessagePort).postMessage(message);
  const code = await runCli(
    args,
    {
      out: (text) => post({ kind: 'out', text }),
      err: (text) => post({ kind: 'err', text }),
      outColours,
      errIsTerminal,
      outColumns,
    },
    () => Atomics.load(stop, 0) !== 0,
  );
  post({ kind: 'end', code });
}
