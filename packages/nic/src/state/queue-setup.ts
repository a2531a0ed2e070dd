/** Takes over queue registers at a configuration request, and refuses what cannot work. */
import { DMA_READ, DMA_WRITE, PAGE_SIZE } from '@vmq/machine';
import {
  COMPLETION_BYTES,
  DESCRIPTOR_BYTES,
  RXD_HEADER_OFFSET,
  RXD_PACKET_OFFSET,
} from '../registers/descriptors.ts';
import { RING_START } from '../registers/device-memory.ts';
import {
  QSTS_ERROR,
  REG,
  RX_QUEUE_STRIDE,
  RXBUF_HEADER_SHIFT,
  RXCTL_CSUMEN,
  RXCTL_ENABLE,
  RXCTL_HEADER_SHIFT,
  RXCTL_SPLIT,
  TX_QUEUE_STRIDE,
  TXCTL_ENABLE,
} from '../registers/register-constants.ts';
import {
  type DeviceState,
  Q_BYTES,
  Q_COMPLETIONS,
  Q_FIRST_BUFFER,
  Q_FIRST_BYTES,
  Q_FLAGS,
  Q_HEAD,
  Q_LIMIT,
  Q_LONGEST,
  Q_MASK,
  Q_PUBLISHED,
  Q_RING,
  Q_SHIFT,
  Q_SIGNALLED,
  Q_STATUS,
  Q_TAIL,
  Q_WHOLE,
} from './device-state.ts';

/** What a queue's registers ask for, and what became of it. */
export const QUEUE_UNCHANGED = 0;
export const QUEUE_STARTED = 1;
export const QUEUE_STOPPED = 2;

const MAX_RING = 32_768;

/** Word of a queue's register, from the queue's first word. */
const DESC_BASE = 0;
const DESC_SEGMENT = 1;
const DESC_LENGTH = 2;
const HEAD = 4;
const COMPLETION_BASE = 5;
const COMPLETION_SEGMENT = 6;
const STATUS_BASE = 7;
const CONTROL = 8;
const STATUS = 9;
const BUFFER = 10;
const ARM = 11;

function fitsRing(words: Int32Array, at: number): boolean {
  const length = words[at + DESC_LENGTH];
  return (
    length >= 2 &&
    length <= MAX_RING &&
    (length & (length - 1)) === 0 &&
    (words[at] & 15) === 0 &&
    words[at + DESC_SEGMENT] === 0
  );
}

/** Takes the rings over; false if what was checked a moment ago is not what stands in the registers now. */
function startQueue(state: DeviceState, queues: Int32Array, q: number, at: number): boolean {
  const { words } = state;
  const start = words[RING_START];
  queues[q + Q_HEAD] = start;
  queues[q + Q_LIMIT] = start;
  queues[q + Q_TAIL] = start;
  queues[q + Q_PUBLISHED] = start;
  queues[q + Q_SIGNALLED] = start;
  queues[q + Q_BYTES] = 0;
  queues[q + Q_MASK] = words[at + DESC_LENGTH] - 1;
  queues[q + Q_RING] = words[at + DESC_BASE] >> 2;
  queues[q + Q_STATUS] = words[at + STATUS_BASE] >> 2;
  words[at + HEAD] = start;
  const status = queues[q + Q_STATUS];
  if (!state.permits(0, status * 4, 4, DMA_WRITE)) return false;
  Atomics.store(state.segments[0].i32, status, start);
  return true;
}

function statusGranted(state: DeviceState, at: number): boolean {
  const status = state.words[at + STATUS_BASE];
  return (status & 3) === 0 && state.permits(0, status, 4, DMA_WRITE);
}

/** Latches receive queue `queue`. */
export function latchReceiveQueue(state: DeviceState, queue: number): number {
  const { words, rxq } = state;
  const q = queue << Q_SHIFT;
  const at = (REG.RDBASE + queue * RX_QUEUE_STRIDE) >> 2;
  const control = words[at + CONTROL];
  const wasEnabled = rxq[q + Q_FLAGS] !== 0;
  if ((control & RXCTL_ENABLE) === 0) return stop(words, rxq, q, at);
  const split = (control & RXCTL_SPLIT) !== 0;
  const header = control >>> RXCTL_HEADER_SHIFT;
  const { lookaheadMin, lookaheadMax, receiveChecksum } = state.profile;
  let sound = !split || (header > 0 && header >= lookaheadMin && header <= lookaheadMax);
  if (!wasEnabled) {
    const length = words[at + DESC_LENGTH];
    const completions = words[at + COMPLETION_BASE];
    sound &&=
      fitsRing(words, at) &&
      completions % COMPLETION_BYTES === 0 &&
      words[at + COMPLETION_SEGMENT] === 0 &&
      state.permits(0, words[at], length * DESCRIPTOR_BYTES, DMA_READ) &&
      state.permits(0, completions, length * COMPLETION_BYTES, DMA_WRITE) &&
      statusGranted(state, at);
  }
  if (!sound) return refuse(words, rxq, q, at);
  if (!wasEnabled) {
    if (!startQueue(state, rxq, q, at)) return refuse(words, rxq, q, at);
    rxq[q + Q_COMPLETIONS] = words[at + COMPLETION_BASE] >> 2;
  }
  rxq[q + Q_FLAGS] = receiveChecksum ? control : control & ~RXCTL_CSUMEN;
  const packetBytes = words[at + BUFFER] & 0xffff;
  const headerBytes = words[at + BUFFER] >>> RXBUF_HEADER_SHIFT;
  // A header that does not fit the header buffer fits as long as the whole frame does.
  rxq[q + Q_LONGEST] = split && header > headerBytes ? Math.min(headerBytes, packetBytes) : packetBytes;
  rxq[q + Q_FIRST_BUFFER] = split ? RXD_HEADER_OFFSET : RXD_PACKET_OFFSET;
  rxq[q + Q_FIRST_BYTES] = split ? header : packetBytes;
  rxq[q + Q_WHOLE] = Math.min(rxq[q + Q_FIRST_BYTES], rxq[q + Q_LONGEST], PAGE_SIZE);
  return wasEnabled ? QUEUE_UNCHANGED : QUEUE_STARTED;
}

/** Latches transmit queue `queue`. */
export function latchTransmitQueue(state: DeviceState, queue: number): number {
  const { words, txq } = state;
  const q = queue << Q_SHIFT;
  const at = (REG.TDBASE + queue * TX_QUEUE_STRIDE) >> 2;
  const control = words[at + CONTROL];
  if ((control & TXCTL_ENABLE) === 0) return stop(words, txq, q, at);
  if (txq[q + Q_FLAGS] !== 0) return QUEUE_UNCHANGED;
  const bytes = words[at + DESC_LENGTH] * DESCRIPTOR_BYTES;
  const sound =
    fitsRing(words, at) && state.permits(0, words[at], bytes, DMA_READ) && statusGranted(state, at);
  if (!sound) return refuse(words, txq, q, at);
  if (!startQueue(state, txq, q, at)) return refuse(words, txq, q, at);
  txq[q + Q_FLAGS] = control;
  return QUEUE_STARTED;
}

function stop(words: Int32Array, queues: Int32Array, q: number, at: number): number {
  if (queues[q + Q_FLAGS] === 0) {
    words[at + STATUS] = 0; // also takes an earlier refusal away
    return QUEUE_UNCHANGED;
  }
  queues[q + Q_FLAGS] = 0;
  words[at + ARM] = 0;
  return QUEUE_STOPPED;
}

function refuse(words: Int32Array, queues: Int32Array, q: number, at: number): number {
  queues[q + Q_FLAGS] = 0;
  words[at + STATUS] = QSTS_ERROR;
  return QUEUE_UNCHANGED;
}
