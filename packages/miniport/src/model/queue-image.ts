/**
 * What the miniport's control path tells its data paths: plain objects that survive a structured clone, with
 * addresses of rings and buffers, and one small SharedArrayBuffer per queue for what both look at.
 *
 * State words of a receive queue with n ring entries:
 *
 *   0 consumed      completions taken, free-running     ┐ written when the queue leaves a processor, read by the
 *   1 posted        descriptors given to the device     │ next one to serve it
 *   2 collected     buffers taken in from the returns   ┘
 *   3 primed        1 once the first processor has posted the buffers; 2 when the device has forgotten them
 *   4 outstanding   NBLs indicated and not returned, on whatever processor; atomic
 *   5 home          processor << 8 | vector that serves it now, or -1
 *   6 returned      buffers that came back elsewhere than at home, free-running; atomic
 *   7 damaged       completions and completion heads that could not be believed, free-running; atomic
 *   16 .. 15+n      buffer that lies in each descriptor slot
 *   16+n .. 15+2n   the returns: buffer + 1, or 0; see `remote-returns.ts`
 */
export const STATE_CONSUMED = 0;
export const STATE_POSTED = 1;
export const STATE_COLLECTED = 2;
export const STATE_PRIMED = 3;
/** Values of {@link STATE_PRIMED}. */
export const PRIMED = 1;
export const FORGOTTEN = 2;
export const STATE_OUTSTANDING = 4;
export const STATE_HOME = 5;
export const STATE_RETURNED = 6;
export const STATE_DAMAGED = 7;
export const STATE_SLOTS = 16;

/** Nobody serves the queue. */
export const NO_HOME = -1;

/** A receive queue, as a data path needs it. Offsets are bytes; rings lie in host memory. */
export interface ReceiveQueueImage {
  readonly queueId: number;
  /** Descriptors and completions in the ring; a power of two. */
  readonly ringEntries: number;
  readonly descriptorOffset: number;
  readonly completionOffset: number;
  /** Status block: word 0 is the completion head that the device writes back. */
  readonly statusOffset: number;
  /** Hardware queue number: which doorbells to ring. */
  readonly hardwareQueue: number;
  /** Packet buffers; on a split queue the post-lookahead buffers. */
  readonly buffers: BufferBlock;
  /** Lookahead buffers of a split queue, as many as `buffers`; null without a split. */
  readonly lookahead: BufferBlock | null;
  /** Vector of the serving processor's interrupt message. */
  readonly vector: number;
  readonly state: SharedArrayBuffer;
}

/** A block of shared memory, cut into buffers. */
export interface BufferBlock {
  readonly segment: number;
  /** Byte offset of each buffer in the segment. */
  readonly offsets: Int32Array;
  readonly bufferBytes: number;
  /** SharedMemoryHandle of the block and each buffer's offset in it (NET_BUFFER_SHARED_MEMORY). */
  readonly sharedMemoryHandle: number;
  readonly sharedMemoryOffsets: Int32Array;
}

/** State word of a transmit queue: NBLs that the miniport accepted and has not completed. */
export const TRANSMIT_HELD = 0;

/** A processor's transmit queue. */
export interface TransmitQueueImage {
  readonly hardwareQueue: number;
  readonly ringEntries: number;
  readonly descriptorOffset: number;
  readonly statusOffset: number;
  readonly vector: number;
  /** {@link TRANSMIT_HELD}. */
  readonly state: SharedArrayBuffer;
}

/** What every processor's data path is made from. */
export interface MiniportImage {
  /** Segment of the device's registers; also the adapter's number in SourceHandle (RX-12). */
  readonly barSegment: number;
  /** Agent to wake when a doorbell rings. */
  readonly deviceAgent: number;
  /** Transmit queue of each processor; null where the adapter has none. */
  readonly transmit: readonly (TransmitQueueImage | null)[];
  /** Most frames a DPC indicates: MaxNblsToIndicate (RX-19). */
  readonly indicationBudget: number;
}

/** The card has been pulled, is being reset, or is in low power. */
export type WhyNoSends = 'removed' | 'reset' | 'low power';

/** Messages from the control path to a data path. */
export type MiniportMessage =
  /** Serve this queue from now on. */
  | { readonly op: 'serve'; readonly queue: ReceiveQueueImage }
  /** Indicate nothing of this queue any more; NBLs that are out may still come back. */
  | { readonly op: 'release'; readonly queueId: number }
  /** The queue has ended: what its ring holds is counted as lost. */
  | { readonly op: 'end'; readonly queue: ReceiveQueueImage }
  /** Indicate what the ring holds now (a filter was cleared, the adapter pauses). */
  | { readonly op: 'drain'; readonly queueId: number }
  /** Look at the rings: an interrupt or a write-back may have been lost. */
  | { readonly op: 'poll' }
  /** The adapter is paused: indicate nothing until `run`. */
  | { readonly op: 'pause' }
  | { readonly op: 'run' }
  /** Accept no sends any more; with `abandon`, complete also what was accepted and will not be sent. */
  | { readonly op: 'stop sends'; readonly why: WhyNoSends; readonly abandon: boolean }
  /** The device begins anew with an empty transmit ring. */
  | { readonly op: 'resume sends' }
  /** The adapter halts: let go of vectors and memory. */
  | { readonly op: 'stop' };
