/**
 * A small protocol driver: its data path writes down every NBL it gets, keeps those whose frame says so, and
 * returns them when and in the order it is told.
 *
 *   record (shared)   word 0: records written, by all processors | 8 words a record, in a ring
 *      +0 frame number  +1 queue id  +2 processor  +3 indication flags  +4 802.1Q info   +5 faults
 *      +6 bytes << 8 | MDLs  +7 bytes of the first MDL   +8 1: only to look at (RESOURCES)
 */
import {
  NDIS_RECEIVE_FLAGS_RESOURCES,
  NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID,
  NDIS_RECEIVE_FLAGS_SINGLE_QUEUE,
} from '@vmq/abi';
import {
  type Binding,
  type Mdl,
  type NetBufferList,
  type OidRequest,
  type ProcessorServices,
  type ProtocolDataPathFactory,
  type ProtocolDriver,
  queueIdOf,
  type SendSink,
  type StatusIndication,
} from '@vmq/ddi';
import type { AgentContext } from '@vmq/machine';
import type { Indicated } from '../reference/vocabulary.ts';
import { HOLD_AT, isIntact, NUMBER_AT } from './test-frame.ts';

export const RECORDING_DATA_PATH = 'recording-protocol';

const WORDS = 9;
const RECORDS = 1024;
const HEAD = 8;

/** What the control path tells the data paths. */
export type RecordingMessage =
  | { readonly op: 'return'; readonly numbers: readonly number[]; readonly oneByOne: boolean }
  /** LIFE-07: give everything back, keep nothing more. */
  | { readonly op: 'pause' }
  | { readonly op: 'restart' };

interface RecordingImage {
  readonly record: SharedArrayBuffer;
}

/** Bits of a record's faults, and what they say. */
const FAULTS = [
  'RX-04: FilterId is not 0',
  'RX-08: not one SharedMemoryInfo for each MDL, or flags in it',
  'RX-12: NumberOfNetBufferLists is not the chain length',
  'RX-12: more than one NB in the NBL',
  'RX-03: SINGLE_QUEUE with several queues in the call',
  'FLT-20: the bytes are not the frame without its tag',
] as const;

/** The frame's bytes, gathered, and the number of MDLs they lie in. */
function frameOf(nbl: NetBufferList): { bytes: Uint8Array; mdls: number } {
  const { mdl: first, dataOffset, dataLength } = nbl.firstNetBuffer;
  const bytes = new Uint8Array(dataLength);
  let skip = dataOffset;
  let filled = 0;
  let mdls = 0;
  for (let mdl: Mdl | null = first; mdl !== null; mdl = mdl.next) {
    mdls++;
    const start = mdl.byteOffset + skip;
    const length = Math.min(mdl.byteCount - skip, dataLength - filled);
    bytes.set(mdl.segment.u8.subarray(start, start + length), filled);
    filled += length;
    skip = 0;
  }
  return { bytes, mdls };
}

class RecordingDataPath {
  readonly #words: Int32Array;
  readonly #processor: number;
  readonly #downcalls: SendSink;
  readonly #held = new Map<number, NetBufferList>();
  #keeps = true;

  constructor(processor: ProcessorServices, image: RecordingImage, downcalls: SendSink) {
    this.#words = new Int32Array(image.record);
    this.#processor = processor.index;
    this.#downcalls = downcalls;
  }

  receiveNetBufferLists(chain: NetBufferList, _port: number, count: number, flags: number): void {
    let length = 0;
    let queues = 0;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      length++;
      queues |= queueIdOf(nbl) ^ queueIdOf(chain);
    }
    const ofChain =
      (length === count ? 0 : 4) | ((flags & NDIS_RECEIVE_FLAGS_SINGLE_QUEUE) !== 0 && queues !== 0 ? 16 : 0);
    const isLent = (flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0;
    let back: NetBufferList | null = null;
    for (let nbl: NetBufferList | null = chain; nbl !== null; ) {
      const next: NetBufferList | null = nbl.next;
      if (!this.#take(nbl, flags, ofChain) && !isLent) {
        nbl.next = back;
        back = nbl;
      }
      nbl = next;
    }
    if (back !== null) this.#downcalls.returnNetBufferLists(back, 0);
  }

  /** True if the NBL is kept. */
  #take(nbl: NetBufferList, flags: number, ofChain: number): boolean {
    const { next, sharedMemoryInfo } = nbl.firstNetBuffer;
    const { bytes, mdls } = frameOf(nbl);
    const byte = (i: number): number => bytes[NUMBER_AT + i] ?? 0;
    const number = (byte(0) << 24) | (byte(1) << 16) | (byte(2) << 8) | byte(3);
    let infos = 0;
    let flagged = 0;
    for (let info = sharedMemoryInfo; info !== null; info = info.next) {
      infos++;
      flagged |= info.sharedMemoryFlags;
    }
    let faults = ofChain;
    if ((nbl.filteringInfo & 0xffff) !== 0) faults |= 1;
    if ((flags & NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID) !== 0) {
      if (infos !== mdls || flagged !== 0) faults |= 2;
    } else if (queueIdOf(nbl) !== 0) faults |= 2;
    if (next !== null) faults |= 8;
    if (!isIntact(bytes, number)) faults |= 32;
    const words = this.#words;
    const slot = HEAD + (Atomics.add(words, 0, 1) & (RECORDS - 1)) * WORDS;
    words[slot] = number;
    words[slot + 1] = queueIdOf(nbl);
    words[slot + 2] = this.#processor;
    words[slot + 3] = flags;
    words[slot + 4] = nbl.ieee8021QInfo;
    words[slot + 5] = faults;
    words[slot + 6] = (bytes.length << 8) | mdls;
    words[slot + 7] = nbl.firstNetBuffer.mdl.byteCount;
    const isLent = (flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0;
    words[slot + 8] = isLent ? 1 : 0;
    if (isLent || !this.#keeps || bytes[HOLD_AT] !== 1) return false;
    nbl.next = null;
    this.#held.set(number, nbl);
    return true;
  }

  receiveMessage(message: unknown): void {
    const told = message as RecordingMessage;
    switch (told.op) {
      case 'return':
        this.#giveBack(told.numbers, told.oneByOne);
        break;
      case 'pause':
        this.#keeps = false;
        this.#giveBack([...this.#held.keys()], false);
        break;
      case 'restart':
        this.#keeps = true;
        break;
    }
  }

  /** RX-15: in any order, one by one or as one chain. */
  #giveBack(numbers: readonly number[], oneByOne: boolean): void {
    let head: NetBufferList | null = null;
    let last: NetBufferList | null = null as NetBufferList | null;
    for (const number of numbers) {
      const nbl = this.#held.get(number);
      if (nbl === undefined) continue; // another processor's
      this.#held.delete(number);
      nbl.next = null;
      if (oneByOne) this.#downcalls.returnNetBufferLists(nbl, 0);
      else {
        if (last === null) head = nbl;
        else last.next = nbl;
        last = nbl;
      }
    }
    if (head !== null) this.#downcalls.returnNetBufferLists(head, 0);
  }

  sendNetBufferListsComplete(): void {
    // It sends nothing.
  }

  refresh(): void {
    // Everything comes by message.
  }
}

export const createRecordingDataPath: ProtocolDataPathFactory = (
  _context: AgentContext,
  processor: ProcessorServices,
  image: unknown,
  downcalls: SendSink,
) => new RecordingDataPath(processor, image as RecordingImage, downcalls);

/** What a protocol's control path hears. */
export interface ProtocolListener {
  completed(request: OidRequest, status: number): void;
  indicated(indication: StatusIndication): void;
}

export interface RecordingProtocol extends ProtocolDriver {
  binding: Binding | null;
  /** What was indicated since the last call. */
  takeFrames(): Indicated[];
}

export function createRecordingProtocol(name: 'A' | 'B', listener: ProtocolListener): RecordingProtocol {
  const record = new SharedArrayBuffer((HEAD + RECORDS * WORDS) * 4);
  const words = new Int32Array(record);
  let read = 0;
  const tell = (binding: Binding, message: RecordingMessage): void => {
    binding.post('all', message);
    binding.publish();
  };
  return {
    name,
    binding: null,
    dataPathFactory: RECORDING_DATA_PATH,
    dataPathImage: (): RecordingImage => ({ record }),
    bindAdapter(binding) {
      this.binding = binding;
      return 0;
    },
    unbindAdapter() {
      this.binding = null;
    },
    oidRequestComplete: (_binding, request, status) => listener.completed(request, status),
    status: (_binding, indication) => listener.indicated(indication),
    pause: (binding) => tell(binding, { op: 'pause' }),
    restart: (binding) => tell(binding, { op: 'restart' }),
    takeFrames() {
      const written = Atomics.load(words, 0);
      if (((written - read) | 0) > RECORDS) throw new Error('more frames than the record holds');
      const frames: Indicated[] = [];
      for (; read !== written; read = (read + 1) | 0) {
        const slot = HEAD + (read & (RECORDS - 1)) * WORDS;
        const word = (i: number): number => words[slot + i];
        const info = word(4);
        frames.push({
          number: word(0),
          queueId: word(1),
          processor: word(2),
          singleQueue: (word(3) & NDIS_RECEIVE_FLAGS_SINGLE_QUEUE) !== 0,
          tag: info === 0 ? null : `${info & 7} ${(info >> 3) & 1} ${info >>> 4}`,
          length: word(6) >>> 8,
          mdls: word(6) & 0xff,
          firstMdlBytes: word(7),
          to: name,
          isLent: word(8) === 1,
          faults: FAULTS.filter((_, bit) => (word(5) & (1 << bit)) !== 0),
        });
      }
      return frames;
    },
  };
}
