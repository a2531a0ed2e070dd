#!/usr/bin/env node
/** The entry point of the `vmq` command. */
import process from 'node:process';
import pc from 'picocolors';
import { runCli } from './cli.ts';

let interrupted = false;
process.once('SIGINT', () => {
  interrupted = true;
});
// A reader that has seen enough (`vmq … | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const code = await runCli(
  process.argv.slice(2),
  {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    outColours: process.stdout.isTTY === true && pc.isColorSupported,
    errIsTerminal: process.stderr.isTTY === true,
  },
  () => interrupted,
);
// Worker threads of a host that failed to come up would keep the process alive. First, what was printed must be out.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
