/**
 * Rings and buffers of a hardware queue: taken from shared memory through NDIS, carved up, written to the
 * device's registers, and given back.
 *
 *   one contiguous block, usage Other      descriptors | completions | status block
 *   one block (may be scattered), Receive  buffers, a stride apart, none across two elements
 *
 *   split queue (6.20), instead of Receive
 *   ReceiveLookahead        header buffers
 *   ReceivePostLookahead    packet buffers, each as long as a frame: room for the header in front (SHM-14), and
 *                           the gap before that, for what else a protocol puts in front of a frame
 */
import {
  MM_ANY_NODE_OK,
  NDIS_SHARED_MEMORY_USAGE,
  NDIS_STATUS_FAILURE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import type { InterruptMessage, MiniportAdapter, SharedMemoryAllocation } from '@vmq/ddi';

import {
  COMPLETION_BYTES,
  DESCRIPTOR_BYTES,
  REG,
  RX_QUEUE_STRIDE,
  RXBUF_HEADER_SHIFT,
  TX_QUEUE_STRIDE,
} from '@vmq/nic';
import {
  type BufferBlock,
  NO_HOME,
  type ReceiveQueueImage,
  STATE_HOME,
  STATE_SLOTS,
  type TransmitQueueImage,
} from '../model/queue-image.ts';
import type { Device } from './device.ts';

const STATUS_BLOCK_BYTES = 64;
/** Between buffers, so that their headers do not all fall into the same cache sets. */
const GAP_BYTES = 64;
const MOST_ELEMENTS = 256;

const {
  NdisSharedMemoryUsageOther: OTHER,
  NdisSharedMemoryUsageReceive: RECEIVE,
  NdisSharedMemoryUsageReceiveLookahead: LOOKAHEAD,
  NdisSharedMemoryUsageReceivePostLookahead: POST_LOOKAHEAD,
} = NDIS_SHARED_MEMORY_USAGE;

/** A queue's memory and the image its data path serves it by. */
export interface QueueResources<Image> {
  readonly image: Image;
  /** The rings' first. */
  readonly allocationHandles: readonly number[];
}

/** A status, and resources if it is SUCCESS. */
export interface Outcome<Image> {
  readonly status: number;
  readonly resources?: QueueResources<Image>;
}

export interface ReceiveQueueShape {
  readonly queueId: number;
  readonly ringEntries: number;
  readonly bufferBytes: number;
  /** Bytes of a frame that go to the lookahead buffer; 0 without a split. */
  readonly lookaheadBytes: number;
}

/**
 * Takes memory for a receive queue and programs it, not yet enabled. RESOURCES with nothing kept if there is not
 * enough memory, FAILURE if what there is cannot be used.
 */
export function buildReceiveQueue(
  adapter: MiniportAdapter,
  device: Device,
  message: InterruptMessage,
  shape: ReceiveQueueShape,
): Outcome<ReceiveQueueImage> {
  const { queueId, ringEntries, bufferBytes, lookaheadBytes } = shape;
  const taken: number[] = [];
  const giveUp = (status: number): Outcome<ReceiveQueueImage> => {
    freeMemory(adapter, taken);
    return { status };
  };
  const ringBytes = ringEntries * (COMPLETION_BYTES + DESCRIPTOR_BYTES) + STATUS_BLOCK_BYTES;
  const rings = allocate(adapter, queueId, OTHER, ringBytes, true);
  if (rings === null) return giveUp(NDIS_STATUS_RESOURCES);
  taken.push(rings.allocationHandle);
  const base = rings.elements[0];
  if (base === undefined || base.segment !== 0) return giveUp(NDIS_STATUS_FAILURE);

  const isSplit = lookaheadBytes !== 0;
  const usage = isSplit ? POST_LOOKAHEAD : RECEIVE;
  const buffers = allocateBuffers(adapter, { queueId, usage, bufferBytes, count: ringEntries }, taken);
  if (buffers === null) return giveUp(NDIS_STATUS_RESOURCES);
  // As many lookahead buffers as there are others, or the split cannot be kept for every frame (RX-10).
  const { length } = buffers.offsets;
  const lookahead = isSplit
    ? allocateBuffers(
        adapter,
        { queueId, usage: LOOKAHEAD, bufferBytes: lookaheadBytes, count: length },
        taken,
      )
    : null;
  if (isSplit && lookahead?.offsets.length !== length) return giveUp(NDIS_STATUS_RESOURCES);

  const state = new SharedArrayBuffer((STATE_SLOTS + 2 * ringEntries) * 4);
  new Int32Array(state)[STATE_HOME] = NO_HOME;
  const image: ReceiveQueueImage = {
    queueId,
    hardwareQueue: queueId,
    ringEntries,
    completionOffset: base.offset,
    descriptorOffset: base.offset + ringEntries * COMPLETION_BYTES,
    statusOffset: base.offset + ringEntries * (COMPLETION_BYTES + DESCRIPTOR_BYTES),
    buffers,
    lookahead,
    vector: message.vector,
    state,
  };
  programReceiveQueue(device, image);
  return { status: NDIS_STATUS_SUCCESS, resources: { image, allocationHandles: taken } };
}

/** Writes a receive queue's registers; it is not enabled. */
export function programReceiveQueue(device: Device, image: ReceiveQueueImage): void {
  const at = image.hardwareQueue * RX_QUEUE_STRIDE;
  const write = (register: number, value: number): void => device.registers.write32(register + at, value);
  write(REG.RDBASE, image.descriptorOffset);
  write(REG.RDSEG, 0);
  write(REG.RDLEN, image.ringEntries);
  write(REG.RCBASE, image.completionOffset);
  write(REG.RCSEG, 0);
  write(REG.RSBASE, image.statusOffset);
  const headerBytes = image.lookahead?.bufferBytes ?? 0;
  write(REG.RXBUF, image.buffers.bufferBytes | (headerBytes << RXBUF_HEADER_SHIFT));
}

/** Takes memory for a processor's transmit queue and programs it, not yet enabled: SUCCESS, RESOURCES, FAILURE. */
export function buildTransmitQueue(
  adapter: MiniportAdapter,
  device: Device,
  hardwareQueue: number,
  message: InterruptMessage,
  ringEntries: number,
): Outcome<TransmitQueueImage> {
  const rings = allocate(adapter, 0, OTHER, ringEntries * DESCRIPTOR_BYTES + STATUS_BLOCK_BYTES, true);
  if (rings === null) return { status: NDIS_STATUS_RESOURCES };
  const base = rings.elements[0];
  if (base === undefined || base.segment !== 0) {
    freeMemory(adapter, [rings.allocationHandle]);
    return { status: NDIS_STATUS_FAILURE };
  }
  const image: TransmitQueueImage = {
    hardwareQueue,
    ringEntries,
    descriptorOffset: base.offset,
    statusOffset: base.offset + ringEntries * DESCRIPTOR_BYTES,
    vector: message.vector,
    state: new SharedArrayBuffer(64),
  };
  programTransmitQueue(device, image);
  return { status: NDIS_STATUS_SUCCESS, resources: { image, allocationHandles: [rings.allocationHandle] } };
}

/** Writes a transmit queue's registers; it is not enabled. */
export function programTransmitQueue(device: Device, image: TransmitQueueImage): void {
  const at = image.hardwareQueue * TX_QUEUE_STRIDE;
  const write = (register: number, value: number): void => device.registers.write32(register + at, value);
  write(REG.TDBASE, image.descriptorOffset);
  write(REG.TDSEG, 0);
  write(REG.TDLEN, image.ringEntries);
  write(REG.TSBASE, image.statusOffset);
}

export function freeMemory(adapter: MiniportAdapter, allocationHandles: readonly number[]): void {
  for (const handle of allocationHandles) adapter.freeSharedMemory(handle);
}

interface BufferShape {
  readonly queueId: number;
  /** NDIS_SHARED_MEMORY_USAGE. */
  readonly usage: number;
  readonly bufferBytes: number;
  readonly count: number;
}

/**
 * Up to `count` buffers from a block that may be scattered, or, if its elements are too small or too many, from
 * one that is not. Adds the block's handle to `taken`; null if there is no memory.
 */
function allocateBuffers(
  adapter: MiniportAdapter,
  { queueId, usage, bufferBytes, count }: BufferShape,
  taken: number[],
): BufferBlock | null {
  const headroom = usage === POST_LOOKAHEAD ? GAP_BYTES : 0;
  const stride = strideFor(bufferBytes);
  for (const contiguous of [false, true]) {
    const block = allocate(adapter, queueId, usage, count * stride, contiguous);
    if (block === null) continue;
    const buffers = carve(block, bufferBytes, headroom, stride, count);
    // Half of what was asked for is legal (QUE-11); less means elements that hardly hold a buffer.
    if (buffers.offsets.length * 2 >= count) {
      taken.push(block.allocationHandle);
      return buffers;
    }
    adapter.freeSharedMemory(block.allocationHandle);
  }
  return null;
}

function allocate(
  adapter: MiniportAdapter,
  queueId: number,
  usage: number,
  length: number,
  contiguous: boolean,
): SharedMemoryAllocation | null {
  const allocation = adapter.allocateSharedMemory({
    contiguous,
    queueId,
    vportId: 0,
    usage: usage as Parameters<MiniportAdapter['allocateSharedMemory']>[0]['usage'],
    length,
    preferredNode: MM_ANY_NODE_OK,
    maximumElements: contiguous ? 1 : MOST_ELEMENTS,
  });
  return allocation.status === NDIS_STATUS_SUCCESS ? allocation : null;
}

/** Bytes from one buffer to the next: never a power of two, for the gap's reason. */
function strideFor(bufferBytes: number): number {
  const stride = bufferBytes + GAP_BYTES;
  return (stride & (stride - 1)) === 0 ? stride + GAP_BYTES : stride;
}

/** Buffers of one segment inside the elements of a block, at most `count`; none straddles two elements. */
function carve(
  block: SharedMemoryAllocation,
  bufferBytes: number,
  headroom: number,
  stride: number,
  count: number,
): BufferBlock {
  const offsets: number[] = [];
  const sharedMemoryOffsets: number[] = [];
  const segment = block.elements[0]?.segment ?? 0;
  let start = 0;
  for (const element of block.elements) {
    if (element.segment === segment) {
      for (let at = 0; at + stride <= element.length && offsets.length < count; at += stride) {
        offsets.push(element.offset + at + headroom);
        sharedMemoryOffsets.push(start + at + headroom);
      }
    }
    start += element.length;
  }
  return {
    segment,
    offsets: Int32Array.from(offsets),
    bufferBytes,
    sharedMemoryHandle: block.sharedMemoryHandle,
    sharedMemoryOffsets: Int32Array.from(sharedMemoryOffsets),
  };
}
