// One RNDIS message in a send section: data through the frame parser, control through the host's answers. Fast, so that
// all their fields meet each other; and the memory is one that changes under the host's eyes: every word may be read once.

import { VMBUS_VIOLATIONS } from '../../../../../packages/netvsc/dist/channel/violations.js';
import {
  answerRndisControl,
  createControlMessage,
  MAX_CONTROL_BYTES,
  MAX_REPLY_BYTES,
  RNDIS_MALFORMED,
  RNDIS_NO_REQUEST,
} from '../../../../../packages/netvsc/dist/protocol/rndis-control.js';
import { RndisFrameParser } from '../../../../../packages/netvsc/dist/protocol/rndis-frame-parser.js';
import { edge, mutate, noise, putU32 } from '../../bytes.ts';
import type { Chance, Instance, Note, Target } from '../../target.ts';

const SECTION = 2112;
const BASE = 4096;
const MOST_FRAME = 1514;

/** What the parser said of a message; a message with a fault has no frame. */
interface Parsed {
  readonly fault: number;
  readonly frameOffset: number;
  readonly frameLength: number;
  readonly tci: number;
}

/** A guest's memory as words: reading a word gives it once, and a second time something else. */
function twiceDifferent(words: Int32Array, log: Set<number>): Int32Array {
  return new Proxy(words, {
    get(target, key): unknown {
      if (typeof key === 'string' && /^\d+$/.test(key)) {
        const at = Number(key);
        if (log.has(at)) throw new Error(`word ${at} of the guest's memory was read twice`);
        log.add(at);
        return target[at];
      }
      return Reflect.get(target, key);
    },
  });
}

function bytesOf(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  words.forEach((word, i) => {
    putU32(bytes, i * 4, word, true);
  });
  return bytes;
}

const repeated = (count: number, word: number): number[] => new Array<number>(count).fill(word);

const CORPUS: readonly Uint8Array[] = [
  [1, 124, 56, 60, 0, 0, 0, 0, 0, 0, 0, ...repeated(20, 9)],
  [1, 124, 56, 60, 0, 0, 0, 36, 16, 0, 0, 16, 6, 12, 0x641, 0, ...repeated(15, 9)],
  [1, 124, 80, 36, 0, 0, 0, 36, 36, 0, 0, 20, 5, 12, 1, 2, 16, 6, 12, 0x641, ...repeated(11, 9)],
].map(bytesOf);

const CONTROLS: readonly Uint8Array[] = [
  [2, 24, 1, 1, 0, 0x4000],
  [3, 12, 1],
  [4, 28, 2, 0x01010101, 0, 20, 0],
  [4, 28, 2, 0x0001010e, 0, 20, 0],
  [5, 32, 3, 0x0001010e, 4, 20, 0, 15],
  [5, 40, 4, 0x01010103, 12, 20, 0, 0x5e0001, 0xfb00, 0x5e0001],
  [5, 56, 6, 0xfc01020c, 28, 20, 0, 0x1c0380, 1, 0, 0, 0, 0, 0],
  [4, 184, 7, 0xfc01020d, 156, 20, 0, 0x9c03a7, ...repeated(38, 0)],
  [5, 620, 8, 0x00010204, 592, 20, 0, ...repeated(148, 0x01010101)],
  [6, 12, 0],
  [8, 12, 5],
  [0x80000008, 16, 5, 0],
].map(bytesOf);

type Image = Parameters<typeof answerRndisControl>[1];
type Settings = Parameters<typeof answerRndisControl>[2];

/** As much of a channel as an answer asks for. */
const IMAGE = {
  macAddress: [0, 1, 2, 3, 4, 5],
  maxFrameBytes: MOST_FRAME,
  linkSpeed: 1e10,
  send: { offset: 0, sectionCount: 1, sectionSize: SECTION },
} satisfies Partial<Image> as unknown as Image;

function settingsOf(isReady: boolean): Settings {
  return {
    packetFilter: 3,
    setPacketFilter: (filter) => {
      if ((filter & ~0x2f) !== 0) throw new Error(`packet filter ${filter}`);
    },
    isReady,
    setReady: () => {},
    multicastList: () => new Uint8Array(6 * 32).fill(1),
    setMulticastList: (list) => {
      if (list.length % 6 !== 0 || list.length > 6 * 32) throw new Error(`a list of ${list.length} bytes`);
    },
    framesToGuest: 2 ** 40,
    framesFromGuest: 5,
  };
}

function answerControl(bytes: Uint8Array, size: number): string {
  const message = createControlMessage();
  const kept = Math.min(size, MAX_CONTROL_BYTES);
  for (let i = 0; i < kept; i++) message.bytes[i] = i < bytes.length ? bytes[i] : 0x77;
  message.sent = size;
  const reply = new Int32Array(MAX_REPLY_BYTES / 4).fill(0x5a5a5a5a);
  const length = answerRndisControl(message, IMAGE, settingsOf((size & 1) === 0), reply);
  if (length === RNDIS_NO_REQUEST) return 'refused: rndis.type';
  if (length === RNDIS_MALFORMED) return 'refused: rndis.message-length';
  if (!(length >= 0 && length <= MAX_REPLY_BYTES) || (length > 0 && reply[1] !== length))
    throw new Error(`a reply of ${length} bytes`);
  return length === 0 ? 'no reply' : reply[3] === 0 ? 'reply' : 'reply: a status';
}

function judge({ fault, frameOffset, frameLength, tci }: Parsed, size: number): string {
  if (fault !== 0) {
    const name: string | undefined = VMBUS_VIOLATIONS[fault];
    if (name === undefined) throw new Error(`violation ${fault} has no name`);
    return `refused: ${name}`;
  }
  const isInside = frameOffset >= BASE + 44 && frameOffset + frameLength <= BASE + size;
  if (!isInside || frameLength < 14 || frameLength > MOST_FRAME)
    throw new Error(`a frame of ${frameLength} bytes at ${frameOffset - BASE} of ${size}`);
  if (!(tci >= 0 && tci <= 0xffff)) throw new Error(`TCI ${tci}`);
  return tci === 0 ? 'frame' : 'frame with a tag';
}

/** A guest's memory with its own bytes around the message, and a parser that looks at it. */
class Section {
  readonly #canary: number;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #parser = new RndisFrameParser(MOST_FRAME);

  constructor(canary: number) {
    const memory = new SharedArrayBuffer(3 * BASE);
    this.#canary = canary;
    this.#bytes = new Uint8Array(memory).fill(canary);
    this.#words = new Int32Array(memory);
  }

  parse(bytes: Uint8Array, size: number): Parsed {
    this.#bytes.set(bytes, BASE);
    const fault = this.#parser.parse(this.#words, BASE, size);
    if (fault !== 0) return { fault, frameOffset: 0, frameLength: 0, tci: 0 };
    const { frameOffset, frameLength, tci } = this.#parser;
    return { fault, frameOffset, frameLength, tci };
  }

  /** The same message once more, every word of which may be read once. */
  faultOfOneRead(size: number): number {
    return new RndisFrameParser(MOST_FRAME).parse(twiceDifferent(this.#words, new Set()), BASE, size);
  }

  clear(length: number): void {
    this.#bytes.fill(this.#canary, BASE, BASE + length);
  }
}

class Messages implements Instance {
  readonly #sections = [new Section(0x00), new Section(0xff)];
  readonly #note: Note;

  constructor(note: Note) {
    this.#note = note;
  }

  one(random: Chance): string {
    const isControl = random.once(4);
    const valid = random.pick(isControl ? CONTROLS : CORPUS);
    let bytes = random.once(8) ? noise(random, 200) : mutate(random, valid, random.pick(CORPUS), SECTION);
    if (bytes.length % 4 !== 0) bytes = bytes.subarray(0, bytes.length & ~3);
    this.#note(bytes);
    const size = random.once(4) ? Math.min(edge(random), SECTION) : Math.min(SECTION, valid.length);
    if (isControl) return answerControl(bytes, size);
    const [first, second] = this.#sections.map((section) => section.parse(bytes, size));
    if (random.once(16) && this.#sections[0].faultOfOneRead(size) !== first.fault)
      throw new Error('the parser is not of one mind');
    for (const section of this.#sections) section.clear(bytes.length);
    // What lies behind the message differs, and may be read only as far as the guest says its message goes.
    if (size <= bytes.length && JSON.stringify(first) !== JSON.stringify(second))
      throw new Error('bytes behind the message changed the result');
    return judge(first, size);
  }
}

export const rndisMessages: Target = {
  name: 'rndis-messages',
  about: 'RNDIS data and control messages in a send section that may change while it is read',
  perSession: 20_000,
  open: (_random, note) => new Messages(note),
};
