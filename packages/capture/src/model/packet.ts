/** Bits 0 and 1 of {@link PacketInput.flags}: which way the packet went, seen from the capturing interface. */
export const PACKET_DIRECTION_MASK = 0x3;
export const PACKET_INBOUND = 0x1;
export const PACKET_OUTBOUND = 0x2;

/** What a writer takes. A packet from a reader is one, so copying a capture needs no conversion. */
export interface PacketInput {
  /** Array that holds the packet; the packet starts at `offset`. */
  readonly bytes: Uint8Array;
  /** Default 0. */
  readonly offset?: number;
  /** Bytes to store. Default: all from `offset` to the end of `bytes`. */
  readonly capturedLength?: number;
  /** Length on the wire. Default: `capturedLength`. */
  readonly originalLength?: number;
  /** Whole seconds since 1970-01-01 00:00 UTC. */
  readonly seconds: number;
  /** 0 to 999 999 999. */
  readonly nanoseconds: number;
  /** pcapng: which interface, in order of `addInterface`. Default 0. */
  readonly interfaceId?: number;
  /** pcapng `opt_comment`, one option each. */
  readonly comments?: readonly string[];
  /** pcapng `epb_flags`; `null` for none. */
  readonly flags?: number | null;
  /** pcapng `epb_queue`: the receive queue of the interface; `null` for none. */
  readonly queue?: number | null;
  /** pcapng `epb_dropcount`: packets lost between this one and the one before; `null` for unknown. */
  readonly dropCount?: number | null;
}

/**
 * What a reader delivers.
 *
 * By default there is one object per reader, filled anew by each `next()`; `bytes` (and so `data`) stays as it is until
 * the next `push()`. With the option `copy` each packet is an object of its own with bytes of its own.
 */
export interface CapturedPacket extends PacketInput {
  /** 0 for the first packet of the file. */
  readonly index: number;
  /** Absolute byte offset of the packet's record (pcap) or block (pcapng). */
  readonly fileOffset: number;
  /** pcapng section the packet is in, from 0; interface ids start again in each. 0 for pcap. */
  readonly sectionIndex: number;
  readonly interfaceId: number;
  readonly linkType: number;
  /** False for a pcapng Simple Packet Block, which has no time; `seconds` and `nanoseconds` are then 0. */
  readonly hasTimestamp: boolean;
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly capturedLength: number;
  readonly originalLength: number;
  readonly comments: readonly string[];
  readonly flags: number | null;
  readonly queue: number | null;
  readonly dropCount: number | null;
  /**
   * Bytes of frame check sequence at the end of the packet as it was on the wire: what its own flags say, else what its
   * interface says; `null` where the file does not say.
   */
  readonly fcsLength: number | null;
  /** Captured bytes that belong to the frame itself: without those of the frame check sequence. */
  readonly frameLength: number;
  /** The packet as a view of its own. Makes an object: where that matters, use `bytes` and `offset`. */
  readonly data: Uint8Array;
}

const NO_COMMENTS: readonly string[] = [];

/** The reader's packet object; parsers fill it. */
export class PacketSlot implements CapturedPacket {
  index = 0;
  fileOffset = 0;
  sectionIndex = 0;
  interfaceId = 0;
  linkType = 0;
  hasTimestamp = true;
  seconds = 0;
  nanoseconds = 0;
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  capturedLength = 0;
  originalLength = 0;
  comments: readonly string[] = NO_COMMENTS;
  flags: number | null = null;
  queue: number | null = null;
  dropCount: number | null = null;
  fcsLength: number | null = null;

  get frameLength(): number {
    // What was cut off is missing at the end, so the first to go was the frame check sequence.
    const whole = Math.max(this.originalLength, this.capturedLength) - (this.fcsLength ?? 0);
    return Math.max(0, Math.min(this.capturedLength, whole));
  }

  get data(): Uint8Array {
    return this.bytes.subarray(this.offset, this.offset + this.capturedLength);
  }

  /** A packet's list is never changed once the packet is out: the next one starts another. */
  #comments: string[] | null = null;

  addComment(comment: string): void {
    if (this.#comments === null) {
      this.#comments = [comment];
      this.comments = this.#comments;
    } else this.#comments.push(comment);
  }

  clearOptions(): void {
    this.#comments = null;
    this.comments = NO_COMMENTS;
    this.flags = null;
    this.queue = null;
    this.dropCount = null;
  }

  copy(): PacketSlot {
    const twin = new PacketSlot();
    twin.index = this.index;
    twin.fileOffset = this.fileOffset;
    twin.sectionIndex = this.sectionIndex;
    twin.interfaceId = this.interfaceId;
    twin.linkType = this.linkType;
    twin.hasTimestamp = this.hasTimestamp;
    twin.seconds = this.seconds;
    twin.nanoseconds = this.nanoseconds;
    // Not `slice`: in a file that came as Node's Buffer it would make a view.
    twin.bytes = new Uint8Array(this.data);
    twin.capturedLength = this.capturedLength;
    twin.originalLength = this.originalLength;
    twin.comments = this.comments;
    twin.flags = this.flags;
    twin.queue = this.queue;
    twin.dropCount = this.dropCount;
    twin.fcsLength = this.fcsLength;
    return twin;
  }
}
