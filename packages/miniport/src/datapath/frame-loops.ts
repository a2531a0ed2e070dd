/**
 * What the driver does once per frame: the loop that describes completed frames to NDIS, and the one that gives buffers
 * back to the device.
 *
 *   describe   completion k, buffer in slot k ──> NBL, NB, MDL (or two)
 *   post       NBLs come back: their buffers ──> descriptors, in the order they came
 *
 * Made once for a processor and all queues it serves, as functions of their own; see `short-way.ts` of @vmq/nic for why, and
 * for the `| 0`. No call in either loop. What an NBL keeps from the last time it was used is compared before it is
 * written: to store a reference costs more than to find it there already.
 */
import { ieee8021QFromTci, type Mdl, type NetBufferList } from '@vmq/ddi';

import { COMPLETION_BYTES, DESCRIPTOR_BYTES, RXC_VLAN } from '@vmq/nic';
import { STATE_SLOTS } from '../model/queue-image.ts';
import { COMPLETION_MASK } from './completion-guard.ts';
import {
  COMPLETIONS_AT,
  DESCRIPTORS_AT,
  FIRST_BYTES,
  FIRST_SEGMENT,
  LEAST_COMPLETION,
  MOST_COMPLETION,
  NBL_FILTERING_INFO,
  NBL_TAG,
  type QueueBuffers,
  REST_BYTES,
  REST_SEGMENT,
  RING_MASK,
} from './queue-buffers.ts';

/** log2 of the words of a descriptor, and of a completion. */
const DESCRIPTOR_SHIFT = Math.log2(DESCRIPTOR_BYTES >> 2);
const COMPLETION_SHIFT = Math.log2(COMPLETION_BYTES >> 2);

export interface FrameLoops {
  /**
   * Describes the frames of the `count` completions from `from` on in the NBLs of `chain`, one each. Negative as soon as
   * one completion cannot be believed (`completion-guard.ts`).
   */
  describe(buffers: QueueBuffers, chain: NetBufferList, count: number, from: number): number;
  /**
   * Posts the buffers of the leading NBLs of `chain` that are the queue's, from `position` on, and empties the completions
   * that will answer them; returns the position behind them.
   */
  post(buffers: QueueBuffers, chain: NetBufferList, position: number): number;
  /** The last NBL described or posted. */
  readonly last: NetBufferList | null;
  /** The first NBL that the last {@link post} left. */
  readonly next: NetBufferList | null;
}

/** `host` is host memory, where the rings lie. */
export function createFrameLoops(host: Int32Array): FrameLoops {
  const loops = {
    describe,
    post,
    last: null as NetBufferList | null,
    next: null as NetBufferList | null,
  };
  return loops;

  function describe(buffers: QueueBuffers, chain: NetBufferList, count: number, from: number): number {
    const { state, places, sharedMemory, isSplit, firstSegment, restSegment, numbers } = buffers;
    const mask = numbers[RING_MASK];
    const completions = numbers[COMPLETIONS_AT];
    const firstBytes = numbers[FIRST_BYTES];
    const restBytes = numbers[REST_BYTES];
    const tag = numbers[NBL_TAG];
    const filteringInfo = numbers[NBL_FILTERING_INFO];
    const least = numbers[LEAST_COMPLETION];
    const most = numbers[MOST_COMPLETION];
    let doubt = 0;
    let at = from | 0;
    const end = (at + count) | 0;
    let last = chain;
    for (let nbl = chain; at !== end; nbl = nbl.next as NetBufferList) {
      const slot = at & mask;
      const completion = (completions + (slot << COMPLETION_SHIFT)) | 0;
      const word0 = host[completion];
      const word1 = host[(completion + 1) | 0];
      const buffer = state[(STATE_SLOTS + slot) | 0];
      const length = word0 & 0xffff;
      const first = Math.min(length, firstBytes);
      nbl.filteringInfo = filteringInfo;
      nbl.ieee8021QInfo = (word0 & RXC_VLAN) !== 0 ? ieee8021QFromTci(word1 & 0xffff) : 0;
      nbl.filterSlot = word1 >> 16;
      nbl.hashValue = host[(completion + 2) | 0];
      nbl.stamp = host[(completion + 3) | 0];
      nbl.originatorReserved = tag | buffer;
      const netBuffer = nbl.firstNetBuffer;
      netBuffer.dataOffset = 0;
      netBuffer.dataLength = length;
      netBuffer.sharedMemoryInfo = sharedMemory[buffer];
      const mdl = netBuffer.mdl;
      // More than the buffer holds is doubted, and then nobody sees the MDL.
      mdl.byteOffset = places[buffer << 1];
      mdl.byteCount = first;
      if (mdl.segment !== firstSegment) mdl.segment = firstSegment;
      if (isSplit === true) {
        // Made with the NBL; see `data-path.ts`.
        const rest = nbl.miniportReserved as Mdl;
        const behind = (length - first) | 0;
        rest.byteOffset = places[((buffer << 1) + 1) | 0];
        rest.byteCount = Math.min(behind, restBytes);
        if (rest.segment !== restSegment) rest.segment = restSegment;
        if (mdl.next !== rest) mdl.next = rest;
      } else if (mdl.next !== null) mdl.next = null;
      const checked = word0 & COMPLETION_MASK;
      doubt |= (checked - least) | (most - checked);
      last = nbl;
      at = (at + 1) | 0;
    }
    loops.last = last;
    return doubt;
  }

  function post(buffers: QueueBuffers, chain: NetBufferList, position: number): number {
    const { state, places, isSplit, numbers } = buffers;
    const mask = numbers[RING_MASK];
    const descriptors = numbers[DESCRIPTORS_AT];
    const completions = numbers[COMPLETIONS_AT];
    const firstBytes = numbers[FIRST_BYTES];
    const firstSegment = numbers[FIRST_SEGMENT];
    const restSegment = numbers[REST_SEGMENT];
    const tag = numbers[NBL_TAG];
    let posted = position | 0;
    let last = chain;
    let nbl: NetBufferList | null = chain;
    for (; nbl !== null; nbl = nbl.next) {
      const owner = nbl.originatorReserved;
      if ((owner & ~0xffff) !== tag) break;
      const buffer = owner & 0xffff;
      const slot = posted & mask;
      const descriptor = (descriptors + (slot << DESCRIPTOR_SHIFT)) | 0;
      const first = places[buffer << 1];
      if (isSplit === true) {
        host[descriptor] = (places[((buffer << 1) + 1) | 0] - firstBytes) | 0;
        host[(descriptor + 1) | 0] = restSegment;
        host[(descriptor + 2) | 0] = first;
        host[(descriptor + 3) | 0] = firstSegment;
      } else {
        host[descriptor] = first;
        host[(descriptor + 1) | 0] = firstSegment;
      }
      host[(completions + (slot << COMPLETION_SHIFT)) | 0] = 0;
      state[(STATE_SLOTS + slot) | 0] = buffer;
      posted = (posted + 1) | 0;
      last = nbl;
    }
    loops.last = last;
    loops.next = nbl;
    return posted;
  }
}
