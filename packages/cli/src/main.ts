#!/usr/bin/env node
/** The entry point of the `vmq` command, and of the thread that the command runs in. */
import { isMainThread } from 'node:worker_threads';

if (isMainThread) (await import('./process/desk.ts')).runDesk(new URL(import.meta.url));
else await (await import('./command-thread.ts')).runCommandThread();
