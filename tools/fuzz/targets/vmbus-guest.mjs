// The guest's side: what stands in the host-to-guest ring, in the receive sections, in the message slots and in the
// driver's own page, as after a transfer from a host that lies. The guest trusts its host with its data, but it must come
// back from every poll, hand up nothing outside its memory, and touch nobody else's.
import { edge } from '../bytes.mjs';
import { makeChannel, openChannel } from './vmbus-bench.mjs';

export const vmbusGuest = {
  name: 'vmbus-guest',
  about: 'the guest side of a channel: ring, transfer pages, sections, channel messages, driver page',
  modules: {
    machine: 'machine/index',
    vmbus: 'vmbus/index',
    ring: 'vmbus/ring',
    slots: 'vmbus/message-slots',
  },
  perSession: 1000,
  open(modules, _random, note) {
    const { vmbus, ring, slots } = modules;
    const channel = makeChannel(modules, 0x5a);
    const { segment, layout } = channel;
    let control = null;
    let guest = null;
    let toGuest = null;
    let image = null;
    let messages = null;
    let frames = 0;
    const handler = {
      frame(offset, length, tci) {
        if (
          !(
            offset >= layout.receive &&
            length >= 0 &&
            offset + length <= layout.receive + layout.receiveLength
          )
        )
          throw new Error(`a frame of ${length} bytes at ${offset}, the buffer is at ${layout.receive}`);
        if (!(tci >= 0 && tci <= 0xffff)) throw new Error(`TCI ${tci}`);
        if (++frames > 4096) throw new Error('more frames than the ring has room for');
        return true;
      },
    };
    const begin = () => {
      segment.u8.fill(0, layout.driver, layout.rings);
      control = channel.control();
      guest = channel.guest(control);
      openChannel(control, guest);
      image = control.image();
      toGuest = new ring.RingWords(segment, image.toGuest);
      messages = new slots.MessageSlots(control.messages, 'host');
    };
    channel.paint();
    begin();

    const plan = (random) => {
      const some = (count) => Array.from({ length: count }, () => edge(random));
      const maybe = (value) => (random.once(5) ? edge(random) : value);
      const kind = random.below(10);
      if (kind < 5) {
        const ranges = random.below(4);
        const offset8 = 3 + ranges;
        const length8 = offset8 + 4;
        const words = [
          maybe(random.pick([6, 7, 7, 7, 11])) | (maybe(offset8) << 16),
          maybe(length8) & 0xffff,
          maybe(random.below(32)),
          maybe(random.pick([1, 0x53454e44])),
          0xcafe,
          maybe(ranges),
        ];
        for (let i = 0; i < ranges; i++) words.push(maybe(124), maybe(random.below(32) * 2112));
        words.push(maybe(random.pick([107, 108])), maybe(random.below(2)), maybe(-1), 0, 0, 0, 0, 0);
        const rndis = [
          maybe(1),
          maybe(124),
          maybe(56),
          maybe(60),
          0,
          0,
          0,
          maybe(36),
          maybe(16),
          0,
          0,
          16,
          6,
          12,
          0x641,
        ];
        return { do: 'packet', words, rndis, section: random.below(32) };
      }
      if (kind === 5)
        return {
          do: 'scribble',
          at: random.next(),
          words: some(1 + random.below(32)),
          index: random.below(4096) & ~7,
        };
      if (kind === 6)
        return { do: 'index', which: random.below(4), ring: random.below(2), value: edge(random) };
      if (kind === 7)
        return {
          do: 'message',
          kind: random.once(2) ? random.pick([1, 2, 6, 10, 12]) : edge(random),
          args: some(3),
        };
      if (kind === 8)
        return {
          do: 'driver',
          at: random.once(2) ? random.below(16) : random.below(1024),
          value: edge(random),
        };
      return { do: 'send', length: 14 + random.below(1600) };
    };

    const act = (step) => {
      const { i32 } = segment;
      switch (step.do) {
        case 'packet': {
          const at = (image.receive.offset + step.section * image.receive.sectionSize) >>> 2;
          step.rndis.forEach((word, i) => {
            i32[at + i] = word;
          });
          const start = toGuest.loadHeader(ring.RING_WRITE_INDEX);
          if (!toGuest.isIndex(start)) break;
          toGuest.seek(start);
          for (const word of step.words) toGuest.put(word);
          if (step.words.length % 2 === 1) toGuest.put(0);
          toGuest.endPacket(start);
          toGuest.storeHeader(ring.RING_WRITE_INDEX, toGuest.position);
          break;
        }
        case 'scribble': {
          const data = (image.toGuest.offset + 4096) >>> 2;
          step.words.forEach((word, i) => {
            i32[data + ((step.at + i) & 1023)] = word;
          });
          toGuest.storeHeader(ring.RING_WRITE_INDEX, step.index);
          break;
        }
        case 'index': {
          const place = step.ring === 0 ? image.toGuest : image.toHost;
          new ring.RingWords(segment, place).storeHeader(step.which, step.value);
          break;
        }
        case 'message':
          messages.take();
          messages.post(step.kind, ...step.args);
          break;
        case 'driver':
          i32[(layout.driver >>> 2) + step.at] = step.value;
          // As after a migration: the driver takes up what it finds.
          guest = channel.guest(control);
          break;
        default: {
          const at = guest.reserveSend();
          if (at >= 0 && step.length <= Math.min(guest.maxFrameBytes, 1514)) guest.commitSend(step.length, 0);
        }
      }
      frames = 0;
      guest.poll(handler, 64);
    };

    let turn = 0;
    return {
      one(random) {
        const step = plan(random);
        note(JSON.stringify(step));
        turn++;
        if (!guest.isOpen) {
          control.close(() => {});
          begin();
        }
        act(step);
        if ((turn & 15) === 0) {
          const { host } = channel.board.memory;
          for (const { u8, byteLength } of [host, channel.other])
            if (!Buffer.from(u8.buffer).equals(Buffer.alloc(byteLength, channel.canary)))
              throw new Error('memory outside the guest was written');
        }
        void vmbus;
        return frames > 0
          ? 'frames'
          : guest.isOpen
            ? 'open'
            : guest.hasFailed
              ? 'refused: failed'
              : 'refused: not open';
      },
    };
  },
};
