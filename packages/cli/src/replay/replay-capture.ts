/** A capture's way through a host: frames arrive from the wire, or the VM sends them that had sent them. */

import type { CapturedPacket } from '@vmq/capture';
import { createHost, type Host, type HostConfig, type HostOptions, type HostReport } from '@vmq/host';
import { TRACE_DELIVERIES } from '@vmq/machine';
import { CaptureFile, faultText } from '../input/capture-file.ts';
import { CaptureInput } from '../input/capture-input.ts';
import type { Progress } from '../input/progress.ts';
import { OutputDirectory, type OutputFile } from '../output/output-directory.ts';
import type { VmOutput } from '../output/vm-output.ts';
import { CannotRun } from '../process/exit-code.ts';
import { type Interrupted, neverInterrupted } from '../process/interruption.ts';
import type { OutboundPolicy } from './frame-direction.ts';
import { FrameFeed } from './frame-feed.ts';
import type { SkipReason } from './frame-intake.ts';
import { PacketIntake } from './packet-intake.ts';
import { type Problem, ProblemLog } from './problem-log.ts';
import { WindowWriter } from './window-writer.ts';

const NO_OUTPUTS: ReadonlyMap<string, VmOutput> = new Map();
/** Trace records kept per agent when every delivery of a window is wanted. */
const TRACE_RECORDS = 32_768;

export interface ReplayOptions {
  /** Path of a pcap or pcapng file or of a pipe, `-` for standard input, or one that is open already. */
  readonly file: string | CaptureInput;
  readonly config: HostConfig;
  /** What becomes of the frames that VMs sent when the capture was taken. Default `send`. */
  readonly outbound?: OutboundPolicy;
  /**
   * Directory for one pcapng per VM; none are written without it. They are put in their places at the end, also of a
   * replay that was interrupted; until then what was there before stays.
   */
  readonly outDirectory?: string;
  readonly progress?: Progress;
  /** Asked every few hundred frames; true ends the replay after the frames on the wire. */
  readonly interrupted?: Interrupted;
}

/** What was read, and what was wrong with it. */
export interface InputReport {
  /** Packets found in the file. */
  readonly frames: number;
  /** Bytes of the file that were read. */
  readonly bytes: number;
  /** Packets put on the wire. */
  readonly wire: number;
  /** Packets that VMs' guests have sent. */
  readonly guests: number;
  /** Packets that were left out, by reason; only reasons that occurred. With the two above: all of them. */
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
  readonly problems: readonly Problem[];
}

export interface ReplayResult {
  readonly report: HostReport;
  readonly input: InputReport;
  /** What became of each file of `outDirectory`. */
  readonly files: readonly OutputFile[];
  /** Paths of those that were written. */
  readonly outputs: readonly string[];
  readonly interrupted: boolean;
}

/**
 * Replays `file` through a new host. Throws {@link CannotRun} when nothing could be processed; anything that goes
 * wrong later is in the result.
 */
export async function replayCapture(options: ReplayOptions): Promise<ReplayResult> {
  const { config, interrupted = neverInterrupted, outbound = 'send' } = options;
  const problems = new ProblemLog();
  const input = typeof options.file === 'string' ? new CaptureInput(options.file) : options.file;
  let file: CaptureFile | undefined;
  let host: Host | undefined;
  let directory: OutputDirectory | undefined;
  try {
    file = await CaptureFile.open(input, false, interrupted, (flaw) =>
      problems.add(flaw.code, 0, flaw.fileOffset, () => faultText(flaw)),
    );
    if (options.outDirectory !== undefined)
      directory = new OutputDirectory(options.outDirectory, config.vms, input.identity);
    host = makeHost(config, {
      sources: outbound === 'send',
      ...(directory ? { record: true, traceRecords: TRACE_RECORDS } : {}),
    });
    const feed = feedFor(host, directory?.outputs ?? NO_OUTPUTS, problems);
    const intake = new PacketIntake({ host, feed, problems, outbound });
    const wasInterrupted = await feedAll(file, intake, problems, input.size, options);
    feed.settle();
    // An interrupted one is not to keep the user waiting for the disk.
    const files = directory?.commit(!wasInterrupted) ?? [];
    noteFailures(files, problems);
    return {
      report: host.inspect(),
      input: inputReport(file, intake, problems),
      files,
      outputs: files.filter(({ failure }) => failure === null).map(({ path }) => path),
      interrupted: wasInterrupted,
    };
  } finally {
    options.progress?.clear();
    directory?.abandon();
    file?.close();
    if (typeof options.file === 'string') input.close();
    await host?.stop();
  }
}

/** A host; what it refuses of a configuration that is well-formed is the user's to mend. */
export function makeHost(config: HostConfig, options: HostOptions): Host {
  try {
    return createHost(config, options);
  } catch (error) {
    throw new CannotRun(
      `the host refuses this configuration: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function feedFor(host: Host, outputs: ReadonlyMap<string, VmOutput>, problems: ProblemLog): FrameFeed {
  if (outputs.size === 0) return new FrameFeed(host, host.window, () => {});
  host.trace.setLevel(TRACE_DELIVERIES);
  host.publish();
  const writer = new WindowWriter(host, outputs, problems);
  // One processor may write all records: a flooded frame has one for each VM, its own if a VM sent it, and each VM may answer.
  const traceable = Math.floor(host.trace.capacity / (2 * (outputs.size + 1)));
  return new FrameFeed(host, Math.min(host.window, traceable), (feed) => writer.write(feed));
}

/** True if it was interrupted. */
async function feedAll(
  file: CaptureFile,
  intake: PacketIntake,
  problems: ProblemLog,
  size: number,
  options: ReplayOptions,
): Promise<boolean> {
  const { progress, interrupted = neverInterrupted } = options;
  progress?.begin('replaying', size);
  const take = (packet: CapturedPacket): boolean => {
    intake.offer(packet);
    return true;
  };
  if ((await file.eachPacket(take, { interrupted, progress })) === 'interrupted') return true;
  const { fault } = file;
  if (fault !== null) problems.add(fault.code, file.frames + 1, fault.fileOffset, () => faultText(fault));
  return false;
}

function noteFailures(files: readonly OutputFile[], problems: ProblemLog): void {
  for (const { path, failure } of files) {
    if (failure === null) continue;
    problems.add(
      'output',
      0,
      0,
      () => `${path} was not written, and what was there is there still: ${failure}`,
    );
  }
}

function inputReport(file: CaptureFile, intake: PacketIntake, problems: ProblemLog): InputReport {
  const { wire, guests, skipped } = intake;
  return { frames: file.frames, bytes: file.bytesRead, wire, guests, skipped, problems: problems.list() };
}
