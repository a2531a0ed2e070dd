/**
 * A port's way to its guest on one processor: the channel, and of the channel's open batch how far it is filled.
 *
 *   closed ──first frame for the port: open──> entries, sections ──close──> one message, one signal, frames numbered
 *
 * A processor may have the outputs of many ports open; each is opened at most once in a batch of the switch.
 */
import type { MemorySegment } from '@vmq/machine';
import { type ChannelHost, ENTRY_LENGTH, ENTRY_LENGTH_MASK, ENTRY_SHIFT } from '@vmq/netvsc';
import { DROP_PORT_DISCONNECTED, DROP_VMBUS } from '../model/drop-reasons.ts';
import { wantsOwn } from './packet-filter.ts';

/** Free sections fetched for a port whose number of frames is not known beforehand. */
const USUAL_FRAMES = 32;

export class PortOutput {
  readonly port: number;
  readonly channel: ChannelHost | null;
  readonly guest: MemorySegment | null;
  /** The channel's batch has been begun, or refused: the port is on the list of those to close. */
  isTouched = false;
  /** Why no frame can be delivered, index of SWITCH_END_REASONS; -1 = it is open. */
  refusal = -1;
  /** Frames for the guest's own address pass its packet filter. */
  takesOwn = false;
  packetFilter = 0;
  /** Entries filled, of the channel's batch. */
  committed = 0;
  /** Free sections of the batch: the next one, and how many there are. */
  freeFirst = 0;
  freeEnd = 0;
  /** Frames for the port, bytes of those committed, and how many of the bytes were copied. */
  asked = 0;
  bytes = 0;
  copied = 0;
  /** After {@link close}: frames that the channel took, and the number of the first. */
  delivered = 0;
  firstNumber = 0;

  constructor(port: number, channel: ChannelHost | null, guest: MemorySegment | null) {
    this.port = port;
    this.channel = channel;
    this.guest = guest;
  }

  /** Begins the channel's batch with sections for about `frames` frames, -1 = nobody knows. */
  open(frames: number): void {
    const { channel } = this;
    this.isTouched = true;
    this.asked = this.bytes = this.copied = this.committed = this.delivered = 0;
    this.freeFirst = this.freeEnd = 0;
    if (channel === null) this.refusal = DROP_PORT_DISCONNECTED;
    else if (!channel.beginBatch(frames < 0 ? USUAL_FRAMES : frames))
      this.refusal = DROP_VMBUS + channel.refusal;
    else {
      this.refusal = -1;
      this.freeFirst = channel.freeFirst;
      this.freeEnd = channel.freeEnd;
      this.packetFilter = channel.packetFilter;
      this.takesOwn = wantsOwn(channel.packetFilter);
    }
  }

  /**
   * Fetches more free sections, when `committed` frames are in the batch and none is left at `freeFirst`. False if the guest has
   * none left (DROP_VMBUS + the channel's refusal).
   */
  refill(committed: number, freeFirst: number): boolean {
    const channel = this.channel as ChannelHost;
    channel.commitEntries(committed, freeFirst);
    const hasMore = channel.takeSections();
    this.freeFirst = channel.freeFirst;
    this.freeEnd = channel.freeEnd;
    return hasMore;
  }

  /**
   * Ends the channel's batch: its message is written and signalled, and the deliveries are numbered in `numbers[at]` under the
   * channel's lock. {@link delivered} of the {@link committed} frames are the guest's now; {@link bytes} are theirs.
   */
  close(numbers: Int32Array, at: number): void {
    this.isTouched = false;
    const { channel } = this;
    if (channel === null || this.refusal >= 0) return;
    channel.commitEntries(this.committed, this.freeFirst);
    this.delivered = channel.endBatch(numbers, at);
    this.firstNumber = (channel.firstNumber + 1) | 0;
    for (let k = this.delivered; k < this.committed; k++)
      this.bytes -= channel.entries[(k << ENTRY_SHIFT) + ENTRY_LENGTH] & ENTRY_LENGTH_MASK;
  }
}
