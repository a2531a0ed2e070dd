/**
 * What becomes of each packet of a capture, exactly one thing:
 *
 *   packet ──┬─ on the wire                         wire
 *            ├─ sent by a VM's guest                guests
 *            └─ left out, for one reason            skipped.<reason>
 */
import type { CapturedPacket } from '@vmq/capture';
import type { Host, VmConfig } from '@vmq/host';
import { formatMacAddress, readMacHi, readMacLo } from '@vmq/wire';
import { FROM_NOBODY, FROM_WIRE, FrameDirections, type OutboundPolicy } from './frame-direction.ts';
import type { FrameFeed } from './frame-feed.ts';
import { noteLength, noteTime, type Refusal, refusePacket, type SkipReason } from './frame-intake.ts';
import type { ProblemLog } from './problem-log.ts';

/** Packets that were left out though nothing is wrong with them. */
const NO_PROBLEM: ReadonlySet<SkipReason> = new Set(['outbound', 'no-sender']);

export interface IntakeOptions {
  readonly host: Host;
  readonly feed: FrameFeed;
  readonly problems: ProblemLog;
  readonly outbound: OutboundPolicy;
}

export class PacketIntake {
  /** Packets put on the wire. */
  wire = 0;
  /** Packets that VMs' guests have sent. */
  guests = 0;
  readonly #skipped = new Map<SkipReason, number>();
  readonly #vms: readonly VmConfig[];
  readonly #feed: FrameFeed;
  readonly #problems: ProblemLog;
  readonly #outbound: OutboundPolicy;
  readonly #directions: FrameDirections;
  readonly #largest: number;

  constructor(options: IntakeOptions) {
    const { config } = options.host;
    this.#vms = config.vms;
    this.#feed = options.feed;
    this.#problems = options.problems;
    this.#outbound = options.outbound;
    this.#directions = new FrameDirections(config.vms);
    this.#largest = config.nic.jumboPacket;
  }

  /** Reasons that occurred, and how many packets were left out for each. */
  get skipped(): Readonly<Partial<Record<SkipReason, number>>> {
    return Object.fromEntries(this.#skipped);
  }

  /** The VM whose guest sends the packet, or null for one that comes from the wire or from nobody. */
  senderOf(packet: CapturedPacket): VmConfig | null {
    if (this.#outbound !== 'send') return null;
    return this.#vms[this.#directions.of(packet, packet.frameLength)] ?? null;
  }

  /** Takes one packet in. Null if it is in the feed; else why not, reported and counted. */
  offer(packet: CapturedPacket): Refusal | null {
    const refusal = refusePacket(packet) ?? this.#take(packet);
    if (refusal !== null) {
      const { kind } = refusal;
      this.#skipped.set(kind, (this.#skipped.get(kind) ?? 0) + 1);
      if (!NO_PROBLEM.has(kind))
        this.#problems.add(kind, packet.index + 1, packet.fileOffset, () => refusal.message);
      return refusal;
    }
    noteTime(this.#problems, packet);
    return null;
  }

  #take(packet: CapturedPacket): Refusal | null {
    // Without a frame check sequence, which the NIC's port would take off.
    const length = packet.frameLength;
    const from = this.#outbound === 'wire' ? FROM_WIRE : this.#directions.of(packet, length);
    if (from === FROM_WIRE) {
      if (!this.#feed.receive(packet, length))
        return { kind: 'too-long', message: `expected a frame that fits the wire, found ${length} bytes` };
      noteLength(this.#problems, packet, length, this.#largest);
      this.wire++;
      return null;
    }
    if (this.#outbound === 'skip') return SKIPPED_OUTBOUND;
    if (from === FROM_NOBODY) return noSender(packet, length);
    if (!this.#feed.send(packet, length, this.#vms[from])) {
      const expected = `expected at most ${this.#largest} bytes in a frame of a VM (nic.jumboPacket)`;
      return { kind: 'too-long', message: `${expected}, found ${length}` };
    }
    this.guests++;
    return null;
  }
}

const SKIPPED_OUTBOUND: Refusal = {
  kind: 'outbound',
  message: 'a VM sent it; with --outbound send its guest does',
};

function noSender(packet: CapturedPacket, length: number): Refusal {
  const source = packet.offset + 6;
  const { bytes } = packet;
  const who =
    length < 14
      ? 'a source address'
      : `that any VM has ${formatMacAddress(readMacHi(bytes, source), readMacLo(bytes, source))}, its source address`;
  return { kind: 'no-sender', message: `expected ${who}: the capture says that the frame is outbound` };
}
