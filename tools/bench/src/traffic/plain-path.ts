// The yardstick's `data` mode, word for word, in JavaScript: classify, take a posted buffer, copy, complete; consume,
// repost. One memory, one function made once for each side, so that V8 has every array's address and length as
// constants; no NBLs, no layers, no second memory, no rights, no tag taken out, nobody who receives.
//
//   trace ──key──> table ──> queue ──posted──> buffer <──copy── trace
//                                    completion ──> read, buffer touched, posted again
//
// So it tells how much of the distance to C is the language, and how much is what our path does besides.
import { createRandom, FRAMES, IMIX, macOf, UNKNOWN_EVERY, vlanOf } from './trace.ts';

// V8 folds a module's own constants but looks an imported binding up at each use.
const LAST_FRAME = FRAMES - 1;
const RING = 256;
const BUFFER_BYTES = 2112;
const TABLE_SLOTS = 1024;
/** Words of a queue's row: posted head and tail, completion head and tail. */
const ROW_SHIFT = 4;

export interface PlainPathParameters {
  readonly size: string;
  readonly vms: number;
}

export interface PlainPath {
  /** Takes `count` frames of the trace, from frame `first`. */
  device(first: number, count: number): void;
  /** Reads every completion, touches its frame, and posts the buffer again. */
  host(): void;
  /** What is wrong after the trace went through so many times: who got how much, and each queue's newest frame. */
  check(traces: number): string[];
}

/** One memory, and where everything begins in it: the trace in bytes, the rest in words. */
interface Layout {
  readonly queues: number;
  readonly stride: number;
  readonly posted: number;
  readonly completions: number;
  readonly table: number;
  readonly rows: number;
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly u64: BigUint64Array;
  /** Of each frame of the trace, and the queue that gets it. */
  readonly lengths: Int32Array;
  readonly receiver: Int32Array;
}

interface Consumed {
  readonly frames: Float64Array;
  readonly bytes: Float64Array;
  sum: number;
}

/** Frames of a trace for `vms` VMs in one memory, with rings and buffers for a queue each, and one for all others. */
export function createPlainPath(parameters: PlainPathParameters): PlainPath {
  const layout = createLayout(parameters);
  writeTable(layout, parameters.vms);
  writeTrace(layout, parameters);
  const { queues } = layout;
  const consumed: Consumed = { frames: new Float64Array(queues), bytes: new Float64Array(queues), sum: 0 };
  return {
    device: createDevice(layout),
    host: createHost(layout, consumed),
    check: (traces) => check(layout, consumed, traces),
  };
}

function createLayout({ size, vms }: PlainPathParameters): Layout {
  const queues = vms + 1;
  const longest = size === 'imix' ? Math.max(...IMIX) : Number(size);
  const stride = (longest + 63) & ~63;
  // A copy goes on to the end of its last 64 bytes, as the buffers have room for.
  const buffers = FRAMES * stride + BUFFER_BYTES;
  const posted = (buffers + queues * RING * BUFFER_BYTES) >> 2;
  const completions = posted + queues * RING;
  const table = completions + queues * RING * 4;
  const rows = table + TABLE_SLOTS * 4;
  const memory = new SharedArrayBuffer((rows + (queues << ROW_SHIFT)) * 4);
  const i32 = new Int32Array(memory);
  for (let queue = 0; queue < queues; queue++) {
    i32[rows + (queue << ROW_SHIFT) + 1] = RING;
    for (let i = 0; i < RING; i++)
      i32[posted + queue * RING + i] = buffers + (queue * RING + i) * BUFFER_BYTES;
  }
  return {
    queues,
    stride,
    posted,
    completions,
    table,
    rows,
    u8: new Uint8Array(memory),
    i32,
    u64: new BigUint64Array(memory),
    lengths: new Int32Array(FRAMES),
    receiver: new Int32Array(FRAMES),
  };
}

function createDevice({
  stride,
  posted,
  completions,
  table,
  rows,
  i32,
  u64,
  lengths,
}: Layout): PlainPath['device'] {
  // Loops and all are functions of their own: in a loop that has another in it V8 finds out too late which context it is
  // in, and takes nothing in it as constant.
  function find(low: number, high: number): number {
    let slot = (table + (hash(low, high) << 2)) | 0;
    while (i32[slot] !== low || i32[(slot + 1) | 0] !== high) {
      if (i32[(slot + 2) | 0] === 0) return 0;
      slot = (slot + 4) | 0;
    }
    return i32[(slot + 2) | 0];
  }

  function copyRest(to: number, from: number, elements: number): void {
    for (let i = 0; i < elements; i = (i + 8) | 0) copy64((to + i) | 0, (from + i) | 0);
  }

  function copy64(to: number, from: number): void {
    u64[to] = u64[from];
    u64[(to + 1) | 0] = u64[(from + 1) | 0];
    u64[(to + 2) | 0] = u64[(from + 2) | 0];
    u64[(to + 3) | 0] = u64[(from + 3) | 0];
    u64[(to + 4) | 0] = u64[(from + 4) | 0];
    u64[(to + 5) | 0] = u64[(from + 5) | 0];
    u64[(to + 6) | 0] = u64[(from + 6) | 0];
    u64[(to + 7) | 0] = u64[(from + 7) | 0];
  }

  function device(first: number, count: number): void {
    for (let i = 0; i < count; i = (i + 1) | 0) {
      const frame = (first + i) & LAST_FRAME;
      const at = Math.imul(frame, stride) >> 2;
      const length = lengths[frame];
      const low = i32[at];
      const third = i32[(at + 3) | 0];
      const tagged = (((third & 0xffff) ^ 0x0081) - 1) >> 31;
      const high = (i32[(at + 1) | 0] & 0xffff) | (third & 0xff0f0000 & tagged);
      const queue = find(low, high);
      const row = (rows + (queue << ROW_SHIFT)) | 0;
      const head = i32[row];
      if (head === i32[(row + 1) | 0]) continue;
      i32[row] = (head + 1) | 0;
      const buffer = i32[(posted + ((queue * RING + (head & (RING - 1))) | 0)) | 0];
      copy64(buffer >> 3, at >> 1);
      if (length > 64) copyRest((buffer >> 3) + 8, (at >> 1) + 8, ((length - 1) >> 6) << 3);
      const done = i32[(row + 2) | 0];
      i32[(row + 2) | 0] = (done + 1) | 0;
      const completion = (completions + (((queue * RING + (done & (RING - 1))) | 0) << 2)) | 0;
      i32[completion] = buffer;
      i32[(completion + 1) | 0] = length;
      i32[(completion + 2) | 0] = high >>> 16;
      i32[(completion + 3) | 0] = done;
    }
  }

  return device;
}

function createHost(
  { queues, posted, completions, rows, i32 }: Layout,
  consumed: Consumed,
): PlainPath['host'] {
  return () => {
    for (let queue = 0; queue < queues; queue++) {
      const row = (rows + (queue << ROW_SHIFT)) | 0;
      const end = i32[(row + 2) | 0];
      let next = i32[(row + 3) | 0];
      if (next === end) continue;
      let tail = i32[(row + 1) | 0];
      let bytes = 0;
      let sum = consumed.sum | 0;
      consumed.frames[queue] += (end - next) | 0;
      for (; next !== end; next = (next + 1) | 0, tail = (tail + 1) | 0) {
        const completion = (completions + (((queue * RING + (next & (RING - 1))) | 0) << 2)) | 0;
        const buffer = i32[completion];
        sum = (sum + i32[buffer >> 2]) | 0;
        sum = (sum + i32[((buffer >> 2) + 1) | 0]) | 0;
        bytes = (bytes + i32[(completion + 1) | 0]) | 0;
        i32[(posted + ((queue * RING + (tail & (RING - 1))) | 0)) | 0] = buffer;
      }
      i32[(row + 1) | 0] = tail;
      i32[(row + 3) | 0] = end;
      consumed.bytes[queue] += bytes;
      consumed.sum = sum;
    }
  };
}

function check(layout: Layout, consumed: Consumed, traces: number): string[] {
  const { queues, stride, completions, rows, u8, i32, lengths, receiver } = layout;
  const problems: string[] = [];
  const frames = new Float64Array(queues);
  const bytes = new Float64Array(queues);
  for (let frame = 0; frame < FRAMES; frame++) {
    frames[receiver[frame]] += traces;
    bytes[receiver[frame]] += traces * lengths[frame];
  }
  for (let queue = 0; queue < queues; queue++) {
    if (consumed.frames[queue] !== frames[queue] || consumed.bytes[queue] !== bytes[queue])
      problems.push(`queue ${queue}: ${consumed.frames[queue]} frames instead of ${frames[queue]}`);
    const done = i32[rows + (queue << ROW_SHIFT) + 2];
    const buffer = i32[completions + ((queue * RING + ((done - 1) & (RING - 1))) << 2)];
    const at = receiver.lastIndexOf(queue) * stride;
    for (let i = 0; i < lengths[at / stride]; i++)
      if (u8[buffer + i] !== u8[at + i]) {
        problems.push(`queue ${queue}: byte ${i} of its last frame is another`);
        break;
      }
  }
  return problems;
}

/** A slot for each VM: its key and its queue. */
function writeTable(layout: Layout, vms: number): void {
  const { i32, table } = layout;
  for (let vm = 0; vm < vms; vm++) {
    writeHead(layout, 0, vm);
    const low = i32[0];
    const high = (i32[1] & 0xffff) | (vlanOf(vm) === 0 ? 0 : i32[3] & 0xff0f0000);
    let slot = hash(low, high);
    while (i32[table + slot * 4 + 2] !== 0) slot++;
    i32.set([low, high, vm + 1], table + slot * 4);
  }
}

function writeTrace(layout: Layout, { size, vms }: PlainPathParameters): void {
  const { u8, lengths, receiver, stride } = layout;
  const random = createRandom();
  for (let frame = 0; frame < FRAMES; frame++) {
    const vm = random() % vms;
    const at = frame * stride;
    lengths[frame] = size === 'imix' ? IMIX[random() % IMIX.length] : Number(size);
    for (let i = 12; i < lengths[frame]; i++) u8[at + i] = random();
    writeHead(layout, at, vm);
    const isUnknown = random() % UNKNOWN_EVERY === 0;
    if (isUnknown) u8[at + 5] = 0xee;
    receiver[frame] = isUnknown ? 0 : vm + 1;
  }
}

function writeHead({ u8 }: Layout, at: number, vm: number): void {
  const vlan = vlanOf(vm);
  u8.set(macOf(vm), at);
  u8.set([2, 0, 0, 0, 0, 0], at + 6);
  u8.set(vlan === 0 ? [8, 0] : [0x81, 0, vlan >> 8, vlan & 255], at + 12);
}

function hash(low: number, high: number): number {
  const mixed = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) & (TABLE_SLOTS - 1);
}
