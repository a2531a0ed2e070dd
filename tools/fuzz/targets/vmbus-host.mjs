// An open channel whose guest writes whatever it likes: ring bytes, both indexes, packets of every kind with anything in
// them, RNDIS messages, completions of messages sent and never sent, channel messages; and the host delivers meanwhile.
//
// Two machines get the same, with other bytes in what the host must not read; they must do the same.
import { edge } from '../bytes.mjs';
import { digest } from '../guard.mjs';
import { checkSections, makeChannel, openChannel } from './vmbus-bench.mjs';

const GOOD_FRAME = [1, 124, 56, 60, 0, 0, 0, 0, 0, 0, 0];
const TAGGED_FRAME = [1, 124, 56, 60, 0, 0, 0, 36, 16, 0, 0, 16, 6, 12, 0x0641];
const CONTROLS = [
  [2, 24, 1, 1, 0, 0x4000],
  [3, 12, 1],
  [4, 28, 2, 0x01010101, 0, 20, 0],
  [4, 28, 2, 0x00010106, 0, 20, 0],
  [5, 32, 3, 0x0001010e, 4, 20, 0, 15],
  [6, 12, 4],
  [8, 12, 5],
];

/** Stands for the page of the first send sections. */
const SEND_PAGE = 'send';

export const vmbusHost = {
  name: 'vmbus-host',
  about: 'the host side of an open channel: ring, indexes, NVSP, RNDIS, completions, channel messages',
  modules: {
    machine: 'machine/index',
    vmbus: 'vmbus/index',
    ring: 'vmbus/ring',
    state: 'vmbus/channel-state',
    slots: 'vmbus/message-slots',
  },
  perSession: 2000,
  open(modules, random, note) {
    const { vmbus, ring, state: words, slots } = modules;
    const violations = new Set(vmbus.VMBUS_VIOLATIONS);
    const pair = random.pick([
      [0x00, 0xff],
      [0x5a, 0x01],
    ]);
    const makeSide = (canary) => {
      const channel = makeChannel(modules, canary);
      const side = { channel, control: channel.control(), messages: null };
      side.guest = channel.guest(side.control);
      side.open = () => {
        // Only the driver's pages: rings and buffers keep the garbage that is in them.
        channel.segment.u8.fill(0, 4096, channel.layout.rings);
        openChannel(side.control, side.guest);
        side.host = vmbus.createChannelHost({ machine: channel.board, trace: null }, side.control.image());
        side.image = side.control.image();
        // Where a ninth section would be, one of the two has a frame that must never be taken.
        const ninth = (side.image.send.offset + 8 * side.image.send.sectionSize) >>> 2;
        if (canary === pair[1]) channel.segment.i32.set(GOOD_FRAME, ninth);
        side.toHost = new ring.RingWords(channel.segment, side.image.toHost);
        side.toGuest = new ring.RingWords(channel.segment, side.image.toGuest);
        side.messages = new slots.MessageSlots(side.control.messages, 'guest');
      };
      side.reopen = () => {
        side.control.close(() => {});
        side.guest = channel.guest(side.control);
        side.open();
      };
      channel.paint();
      side.open();
      return side;
    };
    const sides = pair.map(makeSide);

    /** What one buffer does, as words: the same for both sides. */
    const plan = (random) => {
      const some = (count) => Array.from({ length: count }, () => edge(random));
      const spoil = (list) => {
        const copy = [...list];
        const changes = random.once(2) ? 0 : 1 + random.below(3);
        for (let n = 0; n < changes; n++) copy[random.below(copy.length)] = edge(random);
        return copy;
      };
      const kind = random.below(16);
      const where = random.next();
      if (kind === 0 && random.once(2)) {
        // A message that claims to go on behind its section, and a frame that lies there.
        const far = random.below(24) * 1024;
        const rndis = [1, far + 200, far, 60, 0, 0, 0, 0, 0, 0, 0];
        const nvsp = [107, 0, random.below(8), far + 200];
        return { do: 'send', rndis, nvsp, header: spoiledHeader(random) };
      }
      if (kind < 5) {
        const rndis = spoil(random.once(2) ? GOOD_FRAME : TAGGED_FRAME);
        return {
          do: 'send',
          rndis,
          nvsp: spoil([107, 0, random.below(8), 124]),
          header: spoiledHeader(random),
        };
      }
      if (kind < 7) {
        const rndis = spoil(random.pick(CONTROLS));
        const size = random.once(3) ? edge(random) : rndis.length * 4;
        return {
          do: 'send',
          rndis,
          nvsp: spoil([107, 1, random.below(8), size]),
          header: spoiledHeader(random),
        };
      }
      if (kind === 7) {
        // A message in the guest's pages: those of its sections, or some that are none.
        const isControl = random.once(2);
        const rndis = spoil(isControl ? random.pick(CONTROLS) : random.once(2) ? GOOD_FRAME : TAGGED_FRAME);
        const first = random.below(200);
        const page = () =>
          random.once(12) ? [1000 + random.below(1 << 20), 0] : [SEND_PAGE, random.once(40) ? 1 : 0];
        const size = random.once(4) ? edge(random) : isControl ? rndis.length * 4 : 124;
        const parts = random.once(2)
          ? [[size, 0]]
          : [
              [first, 0],
              [size - first, first],
            ];
        const ranges = parts.flatMap(([bytes, offset]) => {
          const from = random.once(12) ? edge(random) : offset;
          const pages = Math.min(4, Math.max(1, Math.ceil(((from >>> 0) + (bytes >>> 0)) / 4096)));
          return [bytes, from, ...Array.from({ length: pages }, page).flat()];
        });
        const head = [0, random.once(12) ? edge(random) : parts.length, ...ranges];
        const header = spoiledHeader(random, 9);
        if (!random.once(12)) header.offset8 = 2 + head.length / 2;
        if (!random.once(12)) header.length8 = 6 + head.length / 2;
        const section = random.once(6) ? edge(random) : -1;
        return { do: 'pages', rndis, head, nvsp: [107, isControl ? 1 : 0, section, 44], header };
      }
      if (kind < 9)
        return { do: 'complete', header: spoiledHeader(random, 11), nvsp: spoil([108, 1]), where };
      if (kind === 9) return { do: 'send', rndis: [], nvsp: some(8), header: spoiledHeader(random) };
      if (kind === 10)
        return {
          do: 'scribble',
          at: where,
          words: some(1 + random.below(24)),
          index: random.below(4096) & ~7,
        };
      if (kind === 11)
        return {
          do: 'index',
          which: where & 7,
          value: random.once(2) ? random.below(4096) & ~7 : edge(random),
        };
      if (kind === 12)
        return {
          do: 'message',
          kind: random.once(2) ? random.pick([5, 7, 8, 11, 13]) : edge(random),
          args: some(4),
        };
      if (kind === 13) return { do: 'read', words: random.below(1024) };
      return {
        do: 'deliver',
        lengths: Array.from({ length: 1 + random.below(6) }, () => 14 + random.below(1501)),
      };
    };

    const spoiledHeader = (random, type = 6) => ({
      type: random.once(16) ? edge(random) & 0xffff : type,
      offset8: random.once(12) ? edge(random) & 0xffff : 2,
      length8: random.once(12) ? edge(random) & 0xffff : 6,
      flags: random.below(4),
      low: random.once(3) ? edge(random) | 0 : random.below(32),
      high: random.once(3) ? edge(random) | 0 : random.below(40),
    });

    const write = (side, { type, offset8, length8, flags, low, high }, payload, count = 8) => {
      const { toHost } = side;
      const start = toHost.loadHeader(ring.RING_WRITE_INDEX);
      if (!toHost.isIndex(start)) return;
      toHost.seek(start);
      toHost.put(type | (offset8 << 16));
      toHost.put(length8 | (flags << 16));
      toHost.put(low);
      toHost.put(high);
      for (let i = 0; i < count; i++) toHost.put(payload[i] ?? 0);
      toHost.endPacket(start);
      toHost.storeHeader(ring.RING_WRITE_INDEX, toHost.position);
    };

    const act = (side, step) => {
      const { host, channel, image } = side;
      const { i32 } = channel.segment;
      switch (step.do) {
        case 'send': {
          const section = step.nvsp[2] % 8;
          const at = (image.send.offset + section * image.send.sectionSize) >>> 2;
          step.rndis.forEach((word, i) => {
            i32[at + i] = word;
          });
          write(side, step.header, step.nvsp);
          break;
        }
        case 'pages': {
          step.rndis.forEach((word, i) => {
            i32[(image.send.offset >>> 2) + i] = word;
          });
          const head = step.head.map((word) => (word === SEND_PAGE ? image.send.offset / 4096 : word));
          write(side, step.header, [...head, ...step.nvsp], head.length + 8);
          break;
        }
        case 'complete': {
          // Half of them are for a message that is really out.
          const view = new words.ChannelState(image.state, image.stateSections);
          const header = { ...step.header };
          const section = step.where % 32;
          if ((step.where & 0x100) !== 0) {
            header.low = section;
            header.high = view.words[view.serials + section];
          }
          write(side, header, step.nvsp);
          break;
        }
        case 'scribble': {
          const data = (image.toHost.offset + 4096) >>> 2;
          step.words.forEach((word, i) => {
            i32[data + ((step.at + i) & 1023)] = word;
          });
          side.toHost.storeHeader(ring.RING_WRITE_INDEX, step.index);
          break;
        }
        case 'index': {
          const target = (step.which & 1) === 0 ? side.toHost : side.toGuest;
          target.storeHeader(step.which >> 1, step.value);
          break;
        }
        case 'message':
          side.messages.take();
          side.messages.post(step.kind, ...step.args);
          side.control.poll();
          side.messages.take();
          break;
        case 'read':
          // The guest reads on, more or less.
          side.toGuest.storeHeader(ring.RING_READ_INDEX, side.toGuest.loadHeader(ring.RING_WRITE_INDEX));
          break;
        default:
          if (!host.beginBatch(step.lengths.length)) break;
          for (const length of step.lengths) {
            const at = host.reserveSection();
            if (at < 0) break;
            if (
              at < image.receive.offset ||
              at + 1514 > image.receive.offset + 32 * image.receive.sectionSize
            )
              throw new Error(`a section at ${at}`);
            channel.segment.u8[at] = length;
            host.commitFrame(length, length & 1);
          }
          host.endBatch();
      }
      let polls = 0;
      while (host.poll(channel.handler, 16))
        if (++polls > 64) throw new Error('more packets than the ring has room for');
    };

    let turn = 0;
    return {
      one(random) {
        const step = plan(random);
        note(JSON.stringify(step));
        const results = sides.map((side) => {
          side.channel.sent = [];
          act(side, step);
          const {
            phase,
            violations: found,
            framesFromGuest,
            freeSections,
            packetFilter,
          } = side.control.report();
          for (const name of Object.keys(found))
            if (!violations.has(name)) throw new Error(`a violation ${name}`);
          const total = Object.values(found).reduce((sum, count) => sum + count, 0);
          return {
            phase,
            found,
            framesFromGuest,
            freeSections,
            packetFilter,
            total,
            sent: side.channel.sent,
          };
        });
        if (digest(results[0]) !== digest(results[1]))
          throw new Error(`bytes the host must not read changed what it does: ${JSON.stringify(results)}`);
        const { phase, total, sent } = results[0];
        const thorough = (++turn & 15) === 0;
        for (const side of sides) {
          if (thorough) {
            side.channel.checkCanaries();
            if (phase === 'open') checkSections(side.image.state, words.ChannelState, 32, words);
          }
          if (phase !== 'open') side.reopen();
        }
        const more = total - this.total;
        this.total = total;
        if (phase !== 'open') return `channel ${phase}`;
        return more > 0 ? 'refused' : sent.length > 0 ? 'frame taken' : 'taken';
      },
      total: 0,
      close() {
        for (const { channel } of sides) channel.checkCanaries();
      },
    };
  },
};
