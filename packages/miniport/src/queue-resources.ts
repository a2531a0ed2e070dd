/**
 * Rings and buffers of a hardware queue: taken from shared memory through NDIS, carved up, written to the
 * device's registers, and given back.
 *
 *   one contiguous block, usage Other      descriptors | completions | status block
 *   one block (may be scattered), Receive  buffers, a stride apart, none across two elements
 */
import {
  MM_ANY_NODE_OK,
  NDIS_SHARED_MEMORY_USAGE,
  NDIS_STATUS_RESOURCES,
  NDIS_STATUS_SUCCESS,
} from '@vmq/abi';
import type { InterruptMessage, MiniportAdapter, SharedMemoryAllocation } from '@vmq/ndis';
import { DESCRIPTOR_BYTES, REG, RX_QUEUE_STRIDE, TX_QUEUE_STRIDE } from '@vmq/nic';
import type { Device } from './device.ts';
import { type ReceiveQueueImage, STATE_SLOTS, type TransmitQueueImage } from './queue-image.ts';

const STATUS_BLOCK_BYTES = 64;

/** A receive queue's memory and the image its data half serves it by. */
export interface ReceiveQueueResources {
  readonly image: ReceiveQueueImage;
  readonly allocationHandles: readonly number[];
}

export interface TransmitQueueResources {
  readonly image: TransmitQueueImage;
  readonly allocationHandles: readonly number[];
}

type Outcome<T> = { readonly status: number; readonly resources?: T };

/**
 * Takes memory for a receive queue and programs it, not yet enabled. Returns NDIS_STATUS_SUCCESS with the
 * resources, or the status of the allocation that failed, with nothing kept.
 */
export function buildReceiveQueue(
  adapter: MiniportAdapter,
  device: Device,
  queueId: number,
  message: InterruptMessage,
  ringEntries: number,
  bufferBytes: number,
): Outcome<ReceiveQueueResources> {
  const rings = allocate(
    adapter,
    queueId,
    'Other',
    2 * ringEntries * DESCRIPTOR_BYTES + STATUS_BLOCK_BYTES,
    true,
  );
  if (rings.status !== NDIS_STATUS_SUCCESS) return { status: rings.status };
  const giveUp = (status: number, ...handles: number[]): Outcome<ReceiveQueueResources> => {
    for (const handle of [rings.allocationHandle, ...handles]) adapter.freeSharedMemory(handle);
    return { status };
  };
  // 64 bytes between buffers, so that their headers do not all fall into the same cache sets.
  const stride = bufferBytes + 64;
  const buffers = allocate(adapter, queueId, 'Receive', ringEntries * stride, false);
  if (buffers.status !== NDIS_STATUS_SUCCESS) return giveUp(buffers.status);
  const { offsets, blockOffsets } = carve(buffers, stride, ringEntries);
  if (offsets.length === 0) return giveUp(NDIS_STATUS_RESOURCES, buffers.allocationHandle);

  const base = rings.elements[0]?.offset ?? 0;
  const state = new SharedArrayBuffer((STATE_SLOTS + ringEntries) * 4);
  const image: ReceiveQueueImage = {
    queueId,
    hardwareQueue: queueId,
    ringEntries,
    descriptorOffset: base,
    completionOffset: base + ringEntries * DESCRIPTOR_BYTES,
    statusOffset: base + 2 * ringEntries * DESCRIPTOR_BYTES,
    bufferSegment: buffers.elements[0]?.segment ?? 0,
    bufferOffsets: offsets,
    bufferBytes,
    sharedMemoryHandle: buffers.sharedMemoryHandle,
    sharedMemoryOffsets: blockOffsets,
    vector: message.vector,
    state,
  };
  const at = queueId * RX_QUEUE_STRIDE;
  const write = (register: number, value: number): void => device.registers.write32(register + at, value);
  write(REG.RDBASE, image.descriptorOffset);
  write(REG.RDSEG, 0);
  write(REG.RDLEN, ringEntries);
  write(REG.RCBASE, image.completionOffset);
  write(REG.RCSEG, 0);
  write(REG.RSBASE, image.statusOffset);
  write(REG.RXBUF, bufferBytes);
  return {
    status: NDIS_STATUS_SUCCESS,
    resources: { image, allocationHandles: [rings.allocationHandle, buffers.allocationHandle] },
  };
}

/** Takes memory for a processor's transmit queue and programs it, not yet enabled. */
export function buildTransmitQueue(
  adapter: MiniportAdapter,
  device: Device,
  hardwareQueue: number,
  message: InterruptMessage,
  ringEntries: number,
): Outcome<TransmitQueueResources> {
  const rings = allocate(adapter, 0, 'Other', ringEntries * DESCRIPTOR_BYTES + STATUS_BLOCK_BYTES, true);
  if (rings.status !== NDIS_STATUS_SUCCESS) return { status: rings.status };
  const base = rings.elements[0]?.offset ?? 0;
  const image: TransmitQueueImage = {
    hardwareQueue,
    ringEntries,
    descriptorOffset: base,
    statusOffset: base + ringEntries * DESCRIPTOR_BYTES,
    vector: message.vector,
    state: new SharedArrayBuffer(64),
  };
  const at = hardwareQueue * TX_QUEUE_STRIDE;
  const write = (register: number, value: number): void => device.registers.write32(register + at, value);
  write(REG.TDBASE, image.descriptorOffset);
  write(REG.TDSEG, 0);
  write(REG.TDLEN, ringEntries);
  write(REG.TSBASE, image.statusOffset);
  return { status: NDIS_STATUS_SUCCESS, resources: { image, allocationHandles: [rings.allocationHandle] } };
}

function allocate(
  adapter: MiniportAdapter,
  queueId: number,
  usage: 'Other' | 'Receive',
  length: number,
  contiguous: boolean,
): SharedMemoryAllocation {
  return adapter.allocateSharedMemory({
    contiguous,
    queueId,
    vportId: 0,
    usage: NDIS_SHARED_MEMORY_USAGE[`NdisSharedMemoryUsage${usage}`],
    length,
    preferredNode: MM_ANY_NODE_OK,
    maximumElements: contiguous ? 1 : 256,
  });
}

/** Buffers of `stride` bytes inside the elements of a block, at most `count`; none straddles two elements. */
function carve(
  block: SharedMemoryAllocation,
  stride: number,
  count: number,
): { offsets: Int32Array; blockOffsets: Int32Array } {
  const offsets: number[] = [];
  const blockOffsets: number[] = [];
  let start = 0;
  for (const { offset, length } of block.elements) {
    for (let at = 0; at + stride <= length && offsets.length < count; at += stride) {
      offsets.push(offset + at);
      blockOffsets.push(start + at);
    }
    start += length;
  }
  return { offsets: Int32Array.from(offsets), blockOffsets: Int32Array.from(blockOffsets) };
}
