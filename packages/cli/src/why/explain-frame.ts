/** Runs a replay up to one frame and records everything that happens to that one. */
import type { CapturedPacket } from '@vmq/capture';
import type { Host, HostConfig, HostReport } from '@vmq/host';
import { TRACE_ALL, TRACE_OFF, type TraceRecord } from '@vmq/machine';
import { type SwitchTest, VSWITCH_TRACE } from '@vmq/vswitch';
import { summarize } from '@vmq/wire';
import { CaptureFile, type PassOptions } from '../input/capture-file.ts';
import { CaptureInput } from '../input/capture-input.ts';
import { CannotRun } from '../process/exit-code.ts';
import { neverInterrupted, StoppedByUser } from '../process/interruption.ts';
import type { OutboundPolicy } from '../replay/frame-direction.ts';
import { FrameFeed } from '../replay/frame-feed.ts';
import { PacketIntake } from '../replay/packet-intake.ts';
import { ProblemLog } from '../replay/problem-log.ts';
import { makeHost } from '../replay/replay-capture.ts';
import { dropAdvice } from './drop-advice.ts';
import { prove } from './proof.ts';

/** One thing that happened to the frame, or because of it. */
export interface WhyStep {
  /** Who saw it: `nic`, `processor:1`, `vm:web` … */
  readonly agent: string;
  readonly text: string;
  /** False where it concerns a frame that a guest sent in answer. */
  readonly sameFrame: boolean;
}

export interface WhyDelivery {
  readonly vm: string;
  readonly queueId: number;
  readonly filterSlot: number;
  readonly processor: number;
}

/** What `vmq why --json` says, behind its version. */
export interface WhyJson {
  readonly frame: number;
  readonly fileOffset: number;
  /** Bytes on the wire. */
  readonly length: number;
  readonly summary: string;
  /** The VM whose guest sent it; null for a frame from the wire, and for one that was left out. */
  readonly sender: string | null;
  /** The NIC's number of the frame; 0 if it did not come from the wire. */
  readonly stamp: number;
  readonly steps: readonly WhyStep[];
  readonly deliveries: readonly WhyDelivery[];
  /** Each test the switch makes of the frame, made anew by its state before; empty if the frame did not get there. */
  readonly switchTests: readonly SwitchTest[];
  /** The switch's rule that chose where it goes, or `none`. */
  readonly switchRule: string;
  /** Where a layer's record and its tests, made anew, disagree: faults of the stack. */
  readonly faults: readonly string[];
  /**
   * The counter in which the frame ended: `delivered`, `transmitted`, or `dropped.<place>.<reason>`;
   * `skipped.<reason>` if it was left out; `unaccounted` if none moved, which is a fault of the stack.
   */
  readonly end: string;
  /** Deliveries beyond the one in which it ended: of a frame that went to the wire, all. */
  readonly copies: number;
  /** What would have let a dropped frame pass, where that is obvious. */
  readonly advice: string | null;
}

export interface WhyOptions extends PassOptions {
  /** As of the replay. Default `send`. */
  readonly outbound?: OutboundPolicy;
}

/**
 * Explains frame `number` (from 1, tshark's `frame.number`). Throws {@link CannotRun} if there is none, and
 * {@link StoppedByUser} when it was interrupted on the way to it.
 */
export async function explainFrame(
  capture: string | CaptureInput,
  number: number,
  config: HostConfig,
  options: WhyOptions = { interrupted: neverInterrupted },
): Promise<WhyJson> {
  const input = typeof capture === 'string' ? new CaptureInput(capture) : capture;
  let file: CaptureFile | undefined;
  let host: Host | undefined;
  try {
    file = await CaptureFile.open(input, false, options.interrupted);
    const { outbound = 'send' } = options;
    const sources = outbound === 'send';
    host = makeHost({ ...config, executor: 'deterministic' }, { traceRecords: 1 << 14, sources });
    const feed = new FrameFeed(host, host.window, () => {});
    const intake = new PacketIntake({ host, feed, problems: new ProblemLog(), outbound });
    options.progress?.begin(`on the way to frame ${number}`, input.size);
    const packet = await replayUpTo(file, number, intake, options);
    options.progress?.clear();
    feed.settle();
    return explain(packet, host, feed, intake);
  } finally {
    options.progress?.clear();
    file?.close();
    if (typeof capture === 'string') input.close();
    await host?.stop();
  }
}

/** Replays all packets before `number`, and returns that one. */
async function replayUpTo(
  file: CaptureFile,
  number: number,
  intake: PacketIntake,
  options: PassOptions,
): Promise<CapturedPacket> {
  let found: CapturedPacket | null = null;
  const take = (packet: CapturedPacket): boolean => {
    if (packet.index + 1 < number) {
      intake.offer(packet);
      return true;
    }
    found = packet;
    return false;
  };
  const end = await file.eachPacket(take, options);
  if (found !== null) return found;
  if (end === 'interrupted') {
    throw new StoppedByUser(
      `stopped on the way to frame ${number}: ${file.frames} frames replayed, nothing explained`,
    );
  }
  throw new CannotRun(missingFrame(file, number));
}

function missingFrame(file: CaptureFile, number: number): string {
  const reason = file.fault === null ? '' : `; ${file.fault.message}`;
  return `${file.name}: expected a frame ${number}, found ${file.frames} frames${reason}`;
}

/** Explains `packet`, which is the next to go into `host`; nothing else is under way there. */
export function explain(packet: CapturedPacket, host: Host, feed: FrameFeed, intake: PacketIntake): WhyJson {
  const length = packet.frameLength;
  const about = {
    frame: packet.index + 1,
    fileOffset: packet.fileOffset,
    length,
    summary: summarize(packet.bytes, packet.offset, length),
  };
  const before = host.inspect();
  const switchBefore = host.virtualSwitch.inspect();
  // Nothing else is under way, so records without a stamp (interrupts, messages) belong to this frame's story too.
  host.trace.setLevel(TRACE_ALL);
  host.publish();
  host.trace.drain();
  const sender = intake.senderOf(packet);
  const refusal = intake.offer(packet);
  if (refusal !== null) {
    return { ...about, ...LEFT_OUT, end: `skipped.${refusal.kind}`, advice: refusal.message };
  }
  feed.settle();
  const records = host.trace.drain();
  host.trace.setLevel(TRACE_OFF);
  const after = host.inspect();
  const stamp = sender === null ? feed.lastStamp : stampOfSent(records);
  const deliveries = deliveriesOf(after, records, stamp);
  const forWire = records.some((record) => record.kind === VSWITCH_TRACE.SEND && record.stamp === stamp);
  const end = deliveries.length > 0 && !forWire ? 'delivered' : endOf(before, after);
  const proof = prove(switchBefore, packet, records, stamp);
  return {
    ...about,
    sender: sender?.name ?? null,
    stamp: sender === null ? stamp : 0,
    steps: records.map((record) => step(host, record, stamp)),
    deliveries,
    switchTests: proof.tests,
    switchRule: proof.rule,
    faults: end === 'unaccounted' ? [...proof.faults, NO_COUNTER] : proof.faults,
    end,
    copies: Math.max(0, deliveries.length - (end === 'delivered' ? 1 : 0)),
    advice: dropAdvice(end, packet, host.config, sender),
  };
}

const NO_COUNTER = 'FAULT: no counter moved for this frame';

const LEFT_OUT = {
  sender: null,
  stamp: 0,
  steps: [],
  deliveries: [],
  switchTests: [],
  switchRule: 'none',
  faults: [],
  copies: 0,
} as const;

/** The switch's stamp of the frame that a guest sent: nobody else had anything to send before it. */
function stampOfSent(records: readonly TraceRecord[]): number {
  return records.find(({ kind }) => kind === VSWITCH_TRACE.FROM_GUEST)?.stamp ?? 0;
}

function step(host: Host, record: TraceRecord, stamp: number): WhyStep {
  return {
    agent: host.machine.agentNames[record.agent] ?? String(record.agent),
    text: host.describe(record),
    sameFrame: record.stamp === stamp || record.stamp === 0,
  };
}

function deliveriesOf(report: HostReport, records: readonly TraceRecord[], stamp: number): WhyDelivery[] {
  return records
    .filter((record) => record.kind === VSWITCH_TRACE.DELIVERY && record.stamp === stamp)
    .map((record) => ({
      vm: report.ports.find((port) => port.PortId === record.a)?.VmName ?? `port ${record.a}`,
      queueId: record.b,
      filterSlot: record.c,
      processor: record.d,
    }));
}

/** Which ledger counter moved for a frame that was delivered to nobody, and so made no guest answer. */
function endOf(before: HostReport, after: HostReport): string {
  const drops = Object.entries(after.ledger.ends.dropped);
  const grown = drops.find(([reason, frames]) => frames > (before.ledger.ends.dropped[reason] ?? 0));
  if (grown !== undefined) return `dropped.${grown[0]}`;
  return after.ledger.ends.transmitted > before.ledger.ends.transmitted ? 'transmitted' : 'unaccounted';
}
