/**
 * Writes what each VM received in one window, in the order that the frames have in the capture.
 *
 * The trace says which frame each delivery was: one DELIVERY record names the frame's stamp, queue, processor and
 * filter and the number of the delivery at its port, which the received frame carries too. The stamp of a frame from
 * the wire says which one it was there. For one that a guest sent it takes three steps:
 *
 *   feed: j-th frame given to the VM ─ SENT: its number on the channel ─ FROM_GUEST, the n-th of the port: its stamp
 *
 * Queues run in parallel and promise no order between them, so the deliveries of a window are sorted. A guest's answers
 * have no place in the capture and follow, as they were delivered, with the time of the window's last frame.
 */
import { GUEST_TRACE } from '@vmq/guest';
import type { Host, QueueReport } from '@vmq/host';
import type { TraceRecord } from '@vmq/machine';
import { VSWITCH_TRACE } from '@vmq/vswitch';
import { tciPriority } from '@vmq/wire';
import type { VmOutput } from '../output/vm-output.ts';
import { deliveryComment } from './delivery-comment.ts';
import type { FrameFeed } from './frame-feed.ts';
import { storableSeconds } from './frame-intake.ts';
import type { ProblemLog } from './problem-log.ts';

/** A received frame, copied to the arena until its place in the order is known. */
interface GuestFrame {
  readonly sender: string;
  /** -1 for an answer. */
  readonly index: number;
}

interface Received {
  readonly record: TraceRecord | undefined;
  /** Index in the window, -1 for a guest's answer. */
  readonly index: number;
  /** The VM that sent it, '' for a frame from the wire. */
  readonly sender: string;
  readonly at: number;
  readonly length: number;
  readonly priority: number;
}

const FIRST_ARENA_LENGTH = 1 << 16;
/** Agents of VMs are named so. */
const VM_AGENT = 'vm:';
const UNTRACED: readonly string[] = ['no trace record of this delivery'];

export class WindowWriter {
  readonly #host: Host;
  readonly #problems: ProblemLog;
  /** By VM name. */
  readonly #outputs: ReadonlyMap<string, VmOutput>;
  /** Port of each VM. */
  readonly #portOf = new Map<string, number>();
  /** Frames taken from each VM's guest, ever. */
  readonly #taken = new Map<string, number>();
  /** VM and index in the window of each frame of a guest, by stamp. */
  readonly #fromGuests = new Map<number, GuestFrame>();
  readonly #vmOf = new Map<number, string>();
  readonly #queues: readonly QueueReport[];
  readonly #comments = new Map<string, readonly string[]>();
  #arena: Uint8Array = new Uint8Array(FIRST_ARENA_LENGTH);

  constructor(host: Host, outputs: ReadonlyMap<string, VmOutput>, problems: ProblemLog) {
    this.#host = host;
    this.#outputs = outputs;
    this.#problems = problems;
    const report = host.inspect();
    this.#queues = report.queues;
    for (const port of report.ports) {
      this.#portOf.set(port.VmName, port.PortId);
      this.#vmOf.set(port.PortId, port.VmName);
    }
  }

  write(feed: FrameFeed): void {
    const records = this.#host.trace.drain();
    this.#noteGuestFrames(records, feed);
    const byPort = new Map<number, Map<number, TraceRecord>>();
    for (const record of records) {
      if (record.kind !== VSWITCH_TRACE.DELIVERY) continue;
      let deliveries = byPort.get(record.a);
      if (deliveries === undefined) {
        deliveries = new Map();
        byPort.set(record.a, deliveries);
      }
      deliveries.set(record.e >>> 0, record);
    }
    for (const [name, output] of this.#outputs) {
      this.#writeVm(name, output, feed, byPort.get(this.#portOf.get(name) ?? -1));
    }
  }

  /** Finds out which stamps the switch has given to which frames of guests. */
  #noteGuestFrames(records: readonly TraceRecord[], feed: FrameFeed): void {
    this.#fromGuests.clear();
    const { agentNames } = this.#host.machine;
    /** Index in the window by the frame's number on its VM's channel. */
    const numbers = new Map<string, Map<number, number>>();
    for (const { kind, agent, a } of records) {
      if (kind !== GUEST_TRACE.SENT) continue;
      const vm = (agentNames[agent] ?? '').slice(VM_AGENT.length);
      const known = numbers.get(vm) ?? new Map<number, number>();
      numbers.set(vm, known.set(a, feed.sentBy(vm)[known.size] ?? -1));
    }
    for (const { kind, stamp, a } of records) {
      if (kind !== VSWITCH_TRACE.FROM_GUEST) continue;
      const sender = this.#vmOf.get(a) ?? '';
      const number = ((this.#taken.get(sender) ?? 0) + 1) | 0;
      this.#taken.set(sender, number);
      this.#fromGuests.set(stamp, { sender, index: numbers.get(sender)?.get(number) ?? -1 });
    }
  }

  #writeVm(
    name: string,
    output: VmOutput,
    feed: FrameFeed,
    deliveries: ReadonlyMap<number, TraceRecord> | undefined,
  ): void {
    const frames: Received[] = [];
    let used = 0;
    this.#host.takeReceived(name, (frame) => {
      const record = deliveries?.get(frame.delivery >>> 0);
      if (record === undefined) {
        this.#problems.add('trace', 0, 0, () => `no trace record of delivery ${frame.delivery} to ${name}`);
      }
      this.#reserve(used + frame.length);
      this.#arena.set(frame.bytes.subarray(frame.offset, frame.offset + frame.length), used);
      const { sender, index } = this.#originOf(record, feed);
      const priority = tciPriority(frame.tci);
      frames.push({ record, index, sender, at: used, length: frame.length, priority });
      used += frame.length;
    });
    frames.sort((x, y) => order(x) - order(y));
    for (const frame of frames) this.#writeFrame(output, feed, frame);
  }

  #originOf(record: TraceRecord | undefined, feed: FrameFeed): GuestFrame {
    if (record === undefined) return { sender: '', index: -1 };
    return this.#fromGuests.get(record.stamp) ?? { sender: '', index: feed.indexOf(record.stamp) };
  }

  #writeFrame(output: VmOutput, feed: FrameFeed, frame: Received): void {
    const at = frame.index >= 0 ? frame.index : feed.count - 1;
    output.write({
      bytes: this.#arena,
      offset: frame.at,
      length: frame.length,
      seconds: storableSeconds(feed.seconds[at]),
      nanoseconds: feed.nanoseconds[at],
      queue: frame.record?.b ?? 0,
      comments: this.#commentsFor(frame),
    });
  }

  /** A replay has few different comments and many packets. */
  #commentsFor(frame: Received): readonly string[] {
    const { record, sender } = frame;
    if (record === undefined) return UNTRACED;
    const key = `${record.b} ${record.c} ${record.d} ${frame.priority} ${sender}`;
    let comments = this.#comments.get(key);
    if (comments === undefined) {
      const delivery = { queueId: record.b, filterSlot: record.c, processor: record.d };
      comments = [deliveryComment(delivery, this.#queues, sender, frame.priority)];
      this.#comments.set(key, comments);
    }
    return comments;
  }

  #reserve(length: number): void {
    if (length <= this.#arena.length) return;
    const larger = new Uint8Array(Math.max(length, this.#arena.length * 2));
    larger.set(this.#arena);
    this.#arena = larger;
  }
}

/** Guests' answers last; the sort is stable, so they keep their order. */
function order(frame: Received): number {
  return frame.index < 0 ? Number.MAX_SAFE_INTEGER : frame.index;
}
