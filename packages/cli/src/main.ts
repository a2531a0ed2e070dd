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

process.exitCode = await runCli(
  process.argv.slice(2),
  {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    outColours: process.stdout.isTTY === true && pc.isColorSupported,
    errIsTerminal: process.stderr.isTTY === true,
  },
  () => interrupted,
);
