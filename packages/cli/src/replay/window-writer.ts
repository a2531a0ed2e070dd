/**
 * Writes what each VM received in one window, in the order in which the frames came from the wire.
 *
 * The trace says which frame each delivery was: one DELIVERY record names the frame's stamp, queue, processor and
 * filter and the number of the delivery at its port, which the received frame carries too. Queues run in parallel
 * and promise no order between them, so the deliveries of a window are sorted by stamp. Frames that other VMs
 * sent have no place in that order and follow, as they were delivered, with the time of the window's last frame.
 */
import type { Host, QueueReport } from '@vmq/host';
import type { TraceRecord } from '@vmq/machine';
import { VSWITCH_TRACE } from '@vmq/vswitch';
import { tciPriority } from '@vmq/wire';
import type { VmOutput } from '../output/vm-output.ts';
import { deliveryComment } from './delivery-comment.ts';
import { storableSeconds } from './frame-intake.ts';
import type { ProblemLog } from './problem-log.ts';
import type { WireFeed } from './wire-feed.ts';

/** A received frame, copied to the arena until its place in the order is known. */
interface Received {
  readonly record: TraceRecord | undefined;
  /** Index in the window, -1 for a guest's frame. */
  readonly index: number;
  readonly at: number;
  readonly length: number;
  readonly priority: number;
}

const FIRST_ARENA_LENGTH = 1 << 16;
const UNTRACED: readonly string[] = ['no trace record of this delivery'];

export class WindowWriter {
  readonly #host: Host;
  readonly #problems: ProblemLog;
  /** By VM name. */
  readonly #outputs: ReadonlyMap<string, VmOutput>;
  /** VM name of each port. */
  readonly #portOf = new Map<string, number>();
  readonly #queues: readonly QueueReport[];
  readonly #comments = new Map<string, readonly string[]>();
  #arena: Uint8Array = new Uint8Array(FIRST_ARENA_LENGTH);

  constructor(host: Host, outputs: ReadonlyMap<string, VmOutput>, problems: ProblemLog) {
    this.#host = host;
    this.#outputs = outputs;
    this.#problems = problems;
    const report = host.inspect();
    this.#queues = report.queues;
    for (const port of report.ports) this.#portOf.set(port.VmName, port.PortId);
  }

  write(feed: WireFeed): void {
    const byPort = new Map<number, Map<number, TraceRecord>>();
    for (const record of this.#host.trace.drain()) {
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

  #writeVm(
    name: string,
    output: VmOutput,
    feed: WireFeed,
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
      const index = record === undefined ? -1 : feed.indexOf(record.stamp);
      const priority = tciPriority(frame.tci);
      frames.push({ record, index, at: used, length: frame.length, priority });
      used += frame.length;
    });
    frames.sort((x, y) => order(x) - order(y));
    for (const frame of frames) this.#writeFrame(output, feed, frame);
  }

  #writeFrame(output: VmOutput, feed: WireFeed, frame: Received): void {
    const at = frame.index >= 0 ? frame.index : feed.count - 1;
    output.write({
      bytes: this.#arena,
      offset: frame.at,
      length: frame.length,
      seconds: storableSeconds(feed.seconds[at] as number),
      nanoseconds: feed.nanoseconds[at] as number,
      queue: frame.record?.b ?? 0,
      comments: this.#commentsFor(frame),
    });
  }

  /** A replay has few different comments and many packets. */
  #commentsFor(frame: Received): readonly string[] {
    const { record } = frame;
    if (record === undefined) return UNTRACED;
    const fromGuest = frame.index < 0;
    const key = `${record.b} ${record.c} ${record.d} ${fromGuest} ${frame.priority}`;
    let comments = this.#comments.get(key);
    if (comments === undefined) {
      const delivery = { queueId: record.b, filterSlot: record.c, processor: record.d };
      comments = [deliveryComment(delivery, this.#queues, fromGuest, frame.priority)];
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

/** Guests' frames last; the sort is stable, so they keep their order. */
function order(frame: Received): number {
  return frame.index < 0 ? Number.MAX_SAFE_INTEGER : frame.index;
}
