/** A capture's way through a host: every frame of the file arrives from the wire. */

import type { CapturedPacket } from '@vmq/capture';
import { createHost, type Host, type HostConfig, type HostReport } from '@vmq/host';
import { TRACE_DELIVERIES } from '@vmq/machine';
import { CannotRun } from '../exit-code.ts';
import { CaptureFile, faultText } from '../input/capture-file.ts';
import { CaptureInput } from '../input/capture-input.ts';
import { type Interrupted, neverInterrupted } from '../interruption.ts';
import { OutputDirectory, type OutputFile } from '../output/output-directory.ts';
import type { VmOutput } from '../output/vm-output.ts';
import { noteLength, noteTime, refusePacket, type SkipReason } from './frame-intake.ts';
import { type Problem, ProblemLog } from './problem-log.ts';
import type { Progress } from './progress.ts';
import { WindowWriter } from './window-writer.ts';
import { WireFeed } from './wire-feed.ts';

const NO_OUTPUTS: ReadonlyMap<string, VmOutput> = new Map();
/** Trace records kept per agent when every delivery of a window is wanted. */
const TRACE_RECORDS = 32_768;

export interface ReplayOptions {
  /** Path of a pcap or pcapng file or of a pipe, `-` for standard input, or one that is open already. */
  readonly file: string | CaptureInput;
  readonly config: HostConfig;
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
  /** Packets that were not put on the wire, by reason; only reasons that occurred. */
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
  const { config, interrupted = neverInterrupted } = options;
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
    host = makeHost(config, directory ? { record: true, traceRecords: TRACE_RECORDS } : {});
    const feed = feedFor(host, directory?.outputs ?? NO_OUTPUTS, problems);
    const wasInterrupted = await feedAll(file, feed, problems, input.size, options);
    feed.settle();
    // An interrupted one is not to keep the user waiting for the disk.
    const files = directory?.commit(!wasInterrupted) ?? [];
    noteFailures(files, problems);
    return {
      report: host.inspect(),
      input: inputReport(file, problems),
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
export function makeHost(config: HostConfig, options: { record?: boolean; traceRecords?: number }): Host {
  try {
    return createHost(config, options);
  } catch (error) {
    throw new CannotRun(
      `the host refuses this configuration: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function feedFor(host: Host, outputs: ReadonlyMap<string, VmOutput>, problems: ProblemLog): WireFeed {
  if (outputs.size === 0) return new WireFeed(host, host.window, () => {});
  host.trace.setLevel(TRACE_DELIVERIES);
  host.publish();
  const writer = new WindowWriter(host, outputs, problems);
  // One processor may write all records: a flooded frame has one for each VM, and each VM may answer.
  const traceable = Math.floor(host.trace.capacity / (2 * (outputs.size + 1)));
  return new WireFeed(host, Math.min(host.window, traceable), (feed) => writer.write(feed));
}

/** True if it was interrupted. */
async function feedAll(
  file: CaptureFile,
  feed: WireFeed,
  problems: ProblemLog,
  size: number,
  options: ReplayOptions,
): Promise<boolean> {
  const { progress, interrupted = neverInterrupted } = options;
  const maxFrame = largestFrame(options.config);
  progress?.begin('replaying', size);
  const take = (packet: CapturedPacket): boolean => {
    offerPacket(packet, feed, problems, maxFrame);
    return true;
  };
  if ((await file.eachPacket(take, { interrupted, progress })) === 'interrupted') return true;
  const { fault } = file;
  if (fault !== null) problems.add(fault.code, file.frames + 1, fault.fileOffset, () => faultText(fault));
  return false;
}

/** Puts one packet on the wire, or reports why not; true if it is on the wire. */
export function offerPacket(
  packet: CapturedPacket,
  feed: WireFeed,
  problems: ProblemLog,
  maxFrame: number,
): boolean {
  const refusal = refusePacket(packet);
  if (refusal !== null) {
    problems.add(refusal.kind, packet.index + 1, packet.fileOffset, () => refusal.message);
    return false;
  }
  // Without a frame check sequence, which the NIC's port would take off.
  const length = packet.frameLength;
  if (!feed.offer(packet, length)) {
    const message = `expected a frame that fits the wire, found ${length} bytes`;
    problems.add('too-long', packet.index + 1, packet.fileOffset, () => message);
    return false;
  }
  noteLength(problems, packet, length, maxFrame);
  noteTime(problems, packet);
  return true;
}

/** Largest frame the configured NIC takes, without tag and FCS. */
export function largestFrame(config: HostConfig): number {
  return config.nic.jumboPacket;
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

const SKIPS: readonly SkipReason[] = ['snapped', 'link-type', 'damaged', 'too-long'];

function inputReport(file: CaptureFile, problems: ProblemLog): InputReport {
  const skipped: Partial<Record<SkipReason, number>> = {};
  for (const reason of SKIPS) {
    const count = problems.count(reason);
    if (count > 0) skipped[reason] = count;
  }
  return { frames: file.frames, bytes: file.bytesRead, skipped, problems: problems.list() };
}
