/**
 * What the miniport's control half tells its data halves: plain objects that survive a structured clone, with
 * addresses of rings and buffers, and one small SharedArrayBuffer per queue for what both halves look at.
 *
 * Queue state words (receive):
 *
 *   0 consumed      completions taken, free-running
 *   1 posted        descriptors given to the device, free-running
 *   2 outstanding   NBLs indicated and not returned
 *   3 indicated     frames indicated since the queue was made (wraps)
 *   16..            buffer that lies in each descriptor slot
 */
export const STATE_CONSUMED = 0;
export const STATE_POSTED = 1;
export const STATE_OUTSTANDING = 2;
export const STATE_INDICATED = 3;
export const STATE_SLOTS = 16;

/** A receive queue, as a data half needs it. Offsets are bytes; rings lie in host memory. */
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
  /** Segment of the receive buffers, and the byte offset of each. */
  readonly bufferSegment: number;
  readonly bufferOffsets: Int32Array;
  readonly bufferBytes: number;
  /** SharedMemoryHandle of the block and each buffer's offset in it (NET_BUFFER_SHARED_MEMORY). */
  readonly sharedMemoryHandle: number;
  readonly sharedMemoryOffsets: Int32Array;
  /** Vector of the processor's interrupt message. */
  readonly vector: number;
  readonly state: SharedArrayBuffer;
}

/** A processor's transmit queue. */
export interface TransmitQueueImage {
  readonly hardwareQueue: number;
  readonly ringEntries: number;
  readonly descriptorOffset: number;
  readonly statusOffset: number;
  readonly vector: number;
  /** Word 0: NBLs the miniport holds (accepted and not completed). */
  readonly state: SharedArrayBuffer;
}

/** What every processor's data half is made from. */
export interface MiniportImage {
  /** Segment of the device's registers. */
  readonly barSegment: number;
  /** Agent to wake when a doorbell rings. */
  readonly deviceAgent: number;
  /** Transmit queue of each processor; null where the adapter has none. */
  readonly transmit: readonly (TransmitQueueImage | null)[];
  /** Most frames indicated in one go from one queue: MaxNblsToIndicate of the DPC. */
  readonly indicationBudget: number;
}

/** Messages from the control half to a data half. */
export type MiniportMessage =
  /** Serve this queue from now on. */
  | { readonly op: 'serve'; readonly queue: ReceiveQueueImage }
  /** Indicate what the ring holds, then forget the queue. */
  | { readonly op: 'release'; readonly queueId: number }
  /** Indicate what the ring holds now (a filter was cleared). */
  | { readonly op: 'drain'; readonly queueId: number }
  /** The adapter is paused: indicate nothing until `run`. */
  | { readonly op: 'pause' }
  | { readonly op: 'run' };
