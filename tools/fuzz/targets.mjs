// Every parser that faces a boundary; docs/fuzzing.md says what each is given.
import { abiDecoders } from './targets/abi-decoders.mjs';
import { captures } from './targets/captures.mjs';
import { commandLine } from './targets/command-line.mjs';
import { configFiles } from './targets/config-files.mjs';
import { hostConfig } from './targets/host-config.mjs';
import { migrationStream } from './targets/migration-stream.mjs';
import { nicCompletions } from './targets/nic-completions.mjs';
import { nicDriver } from './targets/nic-driver.mjs';
import { oidRequests } from './targets/oid-requests.mjs';
import { rndisMessages } from './targets/rndis-messages.mjs';
import { savedChannel } from './targets/saved-channel.mjs';
import { vmbusGuest } from './targets/vmbus-guest.mjs';
import { vmbusHandshake } from './targets/vmbus-handshake.mjs';
import { vmbusHost } from './targets/vmbus-host.mjs';
import { wireViews } from './targets/wire-views.mjs';

export const TARGETS = [
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
