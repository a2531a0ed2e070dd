/** The configuration of a replay: from a file or from the capture itself, then the command line's overrides. */
import { checkHostConfig, type HostConfig } from '@vmq/host';
import { readConfig } from '../config/read-config.ts';
import { CannotRun } from '../exit-code.ts';
import { CaptureFile } from './capture-file.ts';
import { ADDRESSES_TRACKED, MOST_VMS, VmDiscovery } from './discover-vms.ts';
import { refusePacket, wireLength } from './frame-intake.ts';
import type { Progress } from './progress.ts';
import { firstPacket } from './replay-capture.ts';

/** What the command line says about the host. */
export interface HostOverrides {
  /** Path of a YAML configuration; without it the capture's addresses become the VMs. */
  readonly config?: string;
  /** Number of VMs to take from the capture. */
  readonly vms?: number;
  readonly vmq?: boolean;
  /** Selects the threads executor. */
  readonly processors?: number;
  readonly seed?: number;
  /** Guests reply to ARP, neighbour solicitations and echo requests. */
  readonly answer?: boolean;
}

export interface ReplayConfig {
  readonly config: HostConfig;
  /** What the user should know about the choice of VMs. */
  readonly notes: readonly string[];
}

/** Throws {@link CannotRun} when file or configuration cannot be used. */
export async function replayConfig(
  file: string,
  overrides: HostOverrides,
  progress?: Progress,
): Promise<ReplayConfig> {
  if (overrides.config !== undefined) {
    return { config: override(readConfig(overrides.config), overrides), notes: [] };
  }
  const notes: string[] = [];
  const discovery = await discover(file, progress);
  const vms = discovery.choose(overrides.vms ?? MOST_VMS);
  if (overrides.vms === undefined && discovery.found > MOST_VMS) {
    notes.push(
      `${discovery.found} unicast destinations in ${file}: the ${MOST_VMS} with most frames are VMs (choose with --vms or --config)`,
    );
  }
  if (overrides.vms !== undefined && vms.length < overrides.vms) {
    notes.push(`${file} has only ${vms.length} unicast destinations for --vms ${overrides.vms}`);
  }
  if (discovery.untracked > 0) {
    notes.push(
      `more than ${ADDRESSES_TRACKED} unicast destinations in ${file}: ${discovery.untracked} frames to later ones were not counted`,
    );
  }
  const result = checkHostConfig({
    vms: vms.map(({ name, mac, vlan }) => ({ name, mac, vlan })),
  });
  if (!result.ok) {
    throw new CannotRun(result.problems.map(({ path, message }) => `${file}: ${path}: ${message}`));
  }
  return { config: override(result.config, overrides), notes };
}

function override(config: HostConfig, overrides: HostOverrides): HostConfig {
  const { vmq, processors, seed, answer } = overrides;
  return {
    ...config,
    ...(vmq === undefined ? {} : { vmq }),
    ...(processors === undefined ? {} : { processors, executor: 'threads' as const }),
    ...(seed === undefined ? {} : { seed }),
    ...(answer === undefined ? {} : { vms: config.vms.map((vm) => ({ ...vm, answer })) }),
  };
}

/** First pass over the capture. What is wrong with its later part is reported by the second. */
async function discover(path: string, progress?: Progress): Promise<VmDiscovery> {
  const file = new CaptureFile(path);
  try {
    if (!file.seekable) {
      throw new CannotRun(
        `${path}: expected a file, found a pipe, which cannot be read twice to find its VMs; name them with --config`,
      );
    }
    const discovery = new VmDiscovery();
    progress?.begin('looking for VMs', file.size);
    for (let packet = firstPacket(file); packet !== null; packet = file.next()) {
      if (refusePacket(packet) === null) discovery.see(packet, wireLength(file, packet));
      if ((packet.index & 0xfff) === 0 && progress?.at(file.frames, file.bytesRead)) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    return discovery;
  } finally {
    file.close();
  }
}
