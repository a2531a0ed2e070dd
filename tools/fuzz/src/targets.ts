// Every parser that faces a boundary; docs/fuzzing.md says what each is given.
import type { Target } from './target.ts';
import { abiDecoders } from './targets/abi-decoders.ts';
import { captures } from './targets/captures.ts';
import { commandLine } from './targets/command-line.ts';
import { configFiles } from './targets/config-files.ts';
import { hostConfig } from './targets/host-config.ts';
import { migrationStream } from './targets/migration-stream.ts';
import { nicCompletions } from './targets/nic-completions.ts';
import { nicDriver } from './targets/nic-driver.ts';
import { oidRequests } from './targets/oid-requests.ts';
import { rndisMessages } from './targets/rndis-messages.ts';
import { savedChannel } from './targets/saved-channel.ts';
import { vmbusGuest } from './targets/vmbus-guest.ts';
import { vmbusHandshake } from './targets/vmbus-handshake.ts';
import { vmbusHost } from './targets/vmbus-host.ts';
import { wireViews } from './targets/wire-views.ts';

export const TARGETS: readonly Target[] = [
  abiDecoders,
  oidRequests,
  vmbusHost,
  vmbusHandshake,
  rndisMessages,
  vmbusGuest,
  nicDriver,
  nicCompletions,
  migrationStream,
  savedChannel,
  captures,
  hostConfig,
  configFiles,
  commandLine,
  wireViews,
];

/** The target of this name; throws, naming all, if there is none. */
export function targetOf(name: string): Target {
  const target = TARGETS.find((candidate) => candidate.name === name);
  if (target === undefined)
    throw new Error(`no fuzz target ${name}; there are ${TARGETS.map((one) => one.name).join(', ')}`);
  return target;
}
