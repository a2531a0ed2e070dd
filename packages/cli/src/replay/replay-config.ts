/** The configuration of a replay: from a file or from the capture itself, then the command line's overrides. */
import type { CapturedPacket } from '@vmq/capture';
import { checkHostConfig, type HostConfig } from '@vmq/host';
import { readConfig } from '../config/read-config.ts';
import { CaptureFile, type PassOptions } from '../input/capture-file.ts';
import { CaptureInput } from '../input/capture-input.ts';
import type { Progress } from '../input/progress.ts';
import { CannotRun } from '../process/exit-code.ts';
import { type Interrupted, neverInterrupted, StoppedByUser } from '../process/interruption.ts';
import { ADDRESSES_TRACKED, MOST_VMS, VmDiscovery } from './discover-vms.ts';
import { refusePacket } from './frame-intake.ts';

/** What the command line says about the host. */
export interface HostOverrides {
  /** Path of a YAML configuration; without it the VMs are found in the capture. */
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

/**
 * Throws {@link CannotRun} when file or configuration cannot be used, {@link StoppedByUser} when it was interrupted.
 * A pipe is read to its end unless there is a configuration; {@link CaptureInput} lets it be read again.
 */
export async function replayConfig(
  file: string | CaptureInput,
  overrides: HostOverrides,
  progress?: Progress,
  interrupted: Interrupted = neverInterrupted,
): Promise<ReplayConfig> {
  if (overrides.config !== undefined) {
    const { config, notes } = readConfig(overrides.config);
    return { config: override(config, overrides), notes };
  }
  const notes: string[] = [];
  const input = typeof file === 'string' ? new CaptureInput(file) : file;
  const { name } = input;
  let discovery: VmDiscovery;
  try {
    discovery = await discover(input, { progress, interrupted });
  } finally {
    if (typeof file === 'string') input.close();
  }
  const vms = discovery.choose(overrides.vms ?? MOST_VMS);
  if (overrides.vms === undefined && discovery.found > MOST_VMS) {
    notes.push(
      `${discovery.found} VMs in ${name}: the ${MOST_VMS} with most frames are taken (choose with --vms or --config)`,
    );
  }
  if (overrides.vms !== undefined && vms.length < overrides.vms) {
    notes.push(`${name} has only ${vms.length} VMs for --vms ${overrides.vms} (name others with --config)`);
  }
  if (discovery.evidence === 'conversations' && discovery.peers > 0) {
    notes.push(
      `${name} does not say which addresses are VMs: it is a guess that ${discovery.found} are and ${discovery.peers} are peers on the wire (name the VMs with --config)`,
    );
  }
  if (discovery.untracked > 0) {
    notes.push(
      `more than ${ADDRESSES_TRACKED} addresses in ${name}: ${discovery.untracked} frames of later ones were not counted`,
    );
  }
  const result = checkHostConfig({
    vms: vms.map(({ name, mac, vlan }) => ({ name, mac, vlan })),
  });
  if (!result.ok) {
    throw new CannotRun(result.problems.map(({ path, message }) => `${name}: ${path}: ${message}`));
  }
  return { config: override(result.config, overrides), notes };
}

/** The configuration with the command line's wishes, which must agree with it: fewer processors may be too few. */
function override(config: HostConfig, overrides: HostOverrides): HostConfig {
  const { vmq, processors, seed, answer } = overrides;
  const result = checkHostConfig({
    ...config,
    ...(vmq === undefined ? {} : { vmq }),
    ...(processors === undefined ? {} : { processors, executor: 'threads' as const }),
    ...(seed === undefined ? {} : { seed }),
    ...(answer === undefined ? {} : { vms: config.vms.map((vm) => ({ ...vm, answer })) }),
  });
  if (result.ok) return result.config;
  const file = overrides.config ?? 'options';
  const options = processors === undefined ? '' : ` with --processors ${processors}`;
  throw new CannotRun(result.problems.map(({ path, message }) => `${file}${options}: ${path}: ${message}`));
}

/** First pass over the capture. What is wrong with its later part is reported by the second. */
async function discover(input: CaptureInput, options: PassOptions): Promise<VmDiscovery> {
  options.progress?.begin('looking for VMs', input.size);
  const file = await CaptureFile.open(input, true, options.interrupted);
  try {
    const discovery = new VmDiscovery();
    const take = (packet: CapturedPacket): boolean => {
      if (refusePacket(packet) === null) discovery.see(packet, packet.frameLength);
      return true;
    };
    if ((await file.eachPacket(take, options)) === 'interrupted') throw stopped(file, input, discovery);
    return discovery;
  } finally {
    file.close();
  }
}

function stopped(file: CaptureFile, input: CaptureInput, discovery: VmDiscovery): StoppedByUser {
  const of = input.size > 0 ? ` of ${input.size}` : '';
  return new StoppedByUser([
    `stopped in the first pass, which looks for VMs: ${file.frames} frames, ${file.bytesRead}${of} bytes read, nothing replayed`,
    `${discovery.found} VMs so far`,
  ]);
}
