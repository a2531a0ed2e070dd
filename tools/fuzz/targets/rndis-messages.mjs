// One RNDIS message in a send section: data through the frame parser, control through the host's answers. Fast, so that
// all their fields meet each other; and the memory is one that changes under the host's eyes: every word may be read once.
import { edge, mutate, noise, putU32 } from '../bytes.mjs';

const SECTION = 2112;
const BASE = 4096;
const MOST_FRAME = 1514;

const NOTHING = { frameOffset: 0, frameLength: 0, tci: 0 };

/** A guest's memory as words: reading a word gives it once, and a second time something else. */
function twiceDifferent(words, log) {
  return new Proxy(words, {
    get(target, key) {
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

const bytesOf = (words) => {
  const bytes = new Uint8Array(words.length * 4);
  words.forEach((word, i) => {
    putU32(bytes, i * 4, word, true);
  });
  return bytes;
};

export const rndisMessages = {
  name: 'rndis-messages',
  about: 'RNDIS data and control messages in a send section that may change while it is read',
  modules: {
    parser: 'vmbus/rndis-frame-parser',
    control: 'vmbus/rndis-control',
    violations: 'vmbus/violations',
  },
  perSession: 20_000,
  open({ parser, control, violations }, _random, note) {
    const arenas = [0x00, 0xff].map((canary) => new Uint8Array(new SharedArrayBuffer(3 * BASE)).fill(canary));
    const memories = arenas.map(({ buffer }) => new Int32Array(buffer));
    const parsers = memories.map(() => new parser.RndisFrameParser(MOST_FRAME));
    const corpus = [
      bytesOf([1, 124, 56, 60, 0, 0, 0, 0, 0, 0, 0, ...new Array(20).fill(9)]),
      bytesOf([1, 124, 56, 60, 0, 0, 0, 36, 16, 0, 0, 16, 6, 12, 0x641, 0, ...new Array(15).fill(9)]),
      bytesOf([
        1,
        124,
        80,
        36,
        0,
        0,
        0,
        36,
        36,
        0,
        0,
        20,
        5,
        12,
        1,
        2,
        16,
        6,
        12,
        0x641,
        ...new Array(11).fill(9),
      ]),
    ];
    const controls = [
      [2, 24, 1, 1, 0, 0x4000],
      [3, 12, 1],
      [4, 28, 2, 0x01010101, 0, 20, 0],
      [4, 28, 2, 0x0001010e, 0, 20, 0],
      [5, 32, 3, 0x0001010e, 4, 20, 0, 15],
      [5, 40, 4, 0x01010103, 12, 20, 0, 0x5e0001, 0xfb00, 0x5e0001],
      [5, 56, 6, 0xfc01020c, 28, 20, 0, 0x1c0380, 1, 0, 0, 0, 0, 0],
      [4, 184, 7, 0xfc01020d, 156, 20, 0, 0x9c03a7, ...new Array(38).fill(0)],
      [5, 620, 8, 0x00010204, 592, 20, 0, ...new Array(148).fill(0x01010101)],
      [6, 12, 0],
      [8, 12, 5],
      [0x80000008, 16, 5, 0],
    ].map(bytesOf);
    const image = {
      macAddress: [0, 1, 2, 3, 4, 5],
      maxFrameBytes: MOST_FRAME,
      linkSpeed: 1e10,
      send: { sectionSize: SECTION },
    };
    return {
      one(random) {
        const isControl = random.once(4);
        const valid = random.pick(isControl ? controls : corpus);
        let bytes = random.once(8) ? noise(random, 200) : mutate(random, valid, random.pick(corpus), SECTION);
        if (bytes.length % 4 !== 0) bytes = bytes.subarray(0, bytes.length & ~3);
        note(bytes);
        const size = random.once(4) ? Math.min(edge(random), SECTION) : Math.min(SECTION, valid.length);
        if (isControl) return this.control(bytes, size);
        const results = arenas.map((arena, i) => {
          arena.set(bytes, BASE);
          const fault = parsers[i].parse(memories[i], BASE, size);
          const { frameOffset, frameLength, tci } = fault === 0 ? parsers[i] : NOTHING;
          return { fault, frameOffset, frameLength, tci };
        });
        if (random.once(16)) {
          const hostile = new parser.RndisFrameParser(MOST_FRAME);
          const words = twiceDifferent(memories[0], new Set());
          if (hostile.parse(words, BASE, size) !== results[0].fault)
            throw new Error('the parser is not of one mind');
        }
        const shown = Math.max(bytes.length, 0);
        for (const [i, arena] of arenas.entries()) arena.fill(i === 0 ? 0 : 0xff, BASE, BASE + shown);
        // What lies behind the message differs, and may be read only as far as the guest says its message goes.
        const { fault, frameOffset, frameLength, tci } = results[0];
        if (size <= bytes.length && JSON.stringify(results[0]) !== JSON.stringify(results[1]))
          throw new Error('bytes behind the message changed the result');
        if (fault !== 0) {
          const name = violations.VMBUS_VIOLATIONS[fault];
          if (name === undefined) throw new Error(`violation ${fault} has no name`);
          return `refused: ${name}`;
        }
        if (
          frameOffset < BASE + 44 ||
          frameOffset + frameLength > BASE + size ||
          frameLength < 14 ||
          frameLength > MOST_FRAME
        )
          throw new Error(`a frame of ${frameLength} bytes at ${frameOffset - BASE} of ${size}`);
        if (!(tci >= 0 && tci <= 0xffff)) throw new Error(`TCI ${tci}`);
        return tci === 0 ? 'frame' : 'frame with a tag';
      },
      control(bytes, size) {
        const message = control.createControlMessage();
        const kept = Math.min(size, control.MAX_CONTROL_BYTES);
        for (let i = 0; i < kept; i++) message.bytes[i] = i < bytes.length ? bytes[i] : 0x77;
        message.sent = size;
        const reply = new Int32Array(control.MAX_REPLY_BYTES / 4).fill(0x5a5a5a5a);
        const settings = {
          packetFilter: 3,
          setPacketFilter: (filter) => {
            if ((filter & ~0x2f) !== 0) throw new Error(`packet filter ${filter}`);
          },
          isReady: (size & 1) === 0,
          setReady: () => {},
          multicastList: () => new Uint8Array(6 * 32).fill(1),
          setMulticastList: (list) => {
            if (list.length % 6 !== 0 || list.length > 6 * 32)
              throw new Error(`a list of ${list.length} bytes`);
          },
          framesToGuest: 2 ** 40,
          framesFromGuest: 5,
        };
        const length = control.answerRndisControl(message, image, settings, reply);
        if (length === control.RNDIS_NO_REQUEST) return 'refused: rndis.type';
        if (length === control.RNDIS_MALFORMED) return 'refused: rndis.message-length';
        if (!(length >= 0 && length <= control.MAX_REPLY_BYTES) || (length > 0 && reply[1] !== length))
          throw new Error(`a reply of ${length} bytes`);
        return length === 0 ? 'no reply' : reply[3] === 0 ? 'reply' : 'reply: a status';
      },
    };
  },
};
