// Every parser that faces a boundary; docs/fuzzing.md says what each is given.
import type { Target } from './target.ts';
import { migrationStream } from './targets/channel/migration-stream.ts';
import { rndisMessages } from './targets/channel/rndis-messages.ts';
import { savedChannel } from './targets/channel/saved-channel.ts';
import { vmbusGuest } from './targets/channel/vmbus-guest.ts';
import { vmbusHandshake } from './targets/channel/vmbus-handshake.ts';
import { vmbusHost } from './targets/channel/vmbus-host.ts';
import { nicCompletions } from './targets/device/nic-completions.ts';
import { nicDriver } from './targets/device/nic-driver.ts';
import { captures } from './targets/input/captures.ts';
import { commandLine } from './targets/input/command-line.ts';
import { configFiles } from './targets/input/config-files.ts';
import { hostConfig } from './targets/input/host-config.ts';
import { abiDecoders } from './targets/ndis/abi-decoders.ts';
import { oidRequests } from './targets/ndis/oid-requests.ts';
import { wireViews } from './targets/wire/wire-views.ts';

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
