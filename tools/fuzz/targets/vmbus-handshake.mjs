// The opening of a channel by a guest that follows the handshake for a while and then does something else: GPADLs and
// OPENCHANNEL with any numbers, NVSP messages in any order, ring indexes; and what is open in the end must be sound.
import { edge } from '../bytes.mjs';
import { digest } from '../guard.mjs';
import { checkSections, makeChannel } from './vmbus-bench.mjs';

const PAGE = 4096;
const KINDS = [5, 7, 8, 11, 13];

export const vmbusHandshake = {
  name: 'vmbus-handshake',
  about: 'channel messages, GPADLs and NVSP of a guest that opens a channel',
  modules: {
    machine: 'machine/index',
    vmbus: 'vmbus/index',
    ring: 'vmbus/ring',
    state: 'vmbus/channel-state',
    slots: 'vmbus/message-slots',
  },
  perSession: 2000,
  open(modules, _random, note) {
    const { ring, state: words, slots } = modules;
    const sides = [0x00, 0xff].map((canary) => {
      const channel = makeChannel(modules, canary);
      channel.paint();
      return { channel, control: null, guest: null, toHost: null };
    });
    /** Buffers until the channel is begun anew, and how seldom its guest does something else than it should. */
    let left = 0;
    let sense = 1;

    const begin = (side) => {
      const { channel } = side;
      // All of it: a GPADL may name any page of the guest's own.
      channel.segment.u8.fill(0);
      side.control = channel.control();
      side.guest = channel.guest(side.control);
      side.messages = new slots.MessageSlots(side.control.messages, 'guest');
      side.control.offer();
    };

    const plan = (random) => {
      if (!random.once(sense)) return { do: 'follow' };
      const kind = 3 + random.below(5);
      const { layout } = sides[0].channel;
      const part = random.pick([
        [layout.rings, layout.ringsLength],
        [layout.receive, layout.receiveLength],
        [layout.send, layout.sendLength],
      ]);
      const number = () => (random.once(2) ? edge(random) : random.below(4));
      if (kind === 3) {
        const pages = random.once(2) ? part : [random.below(64) * PAGE, random.below(64) * PAGE];
        const args = random.once(3)
          ? [number(), edge(random), edge(random)]
          : [1 + random.below(4), ...pages];
        return { do: 'message', kind: 8, args };
      }
      if (kind === 4) {
        const downstream = random.once(2)
          ? layout.downstream
          : random.once(2)
            ? random.below(32) * PAGE
            : edge(random);
        return { do: 'message', kind: 5, args: [1 + random.below(4), downstream] };
      }
      if (kind === 5)
        return {
          do: 'message',
          kind: random.once(2) ? random.pick(KINDS) : edge(random),
          args: [number(), number()],
        };
      if (kind === 6) {
        const type = random.once(4) ? edge(random) : random.pick([1, 100, 101, 104, 107, 125]);
        return { do: 'nvsp', words: [type, number(), number(), number()] };
      }
      return {
        do: 'index',
        ring: random.below(2),
        which: random.below(4),
        value: random.once(2) ? random.below(4096) & ~7 : edge(random),
      };
    };

    const act = (side, step) => {
      const { channel, control, messages } = side;
      const { layout, segment } = channel;
      switch (step.do) {
        case 'follow':
          side.guest.poll({ frame: () => true }, 16);
          break;
        case 'message':
          messages.take();
          messages.post(step.kind, ...step.args);
          break;
        default: {
          const place = {
            offset: layout.rings + (step.ring === 1 ? layout.downstream : 0),
            dataBytes: layout.ringBytes,
          };
          const words = new ring.RingWords(segment, place);
          if (step.do === 'index') {
            words.storeHeader(step.which, step.value);
            break;
          }
          const start = words.loadHeader(ring.RING_WRITE_INDEX);
          if (!words.isIndex(start)) break;
          words.seek(start);
          words.beginPacket(6, 16, 48, 1, 7, 0);
          for (let i = 0; i < 8; i++) words.put(step.words[i] ?? 0);
          words.endPacket(start);
          words.storeHeader(ring.RING_WRITE_INDEX, words.position);
        }
      }
      const open = control.poll();
      if (open !== (control.phase === 'open')) throw new Error(`poll said ${open} while ${control.phase}`);
      const { violations, phase, freeSections } = control.report();
      if (!open) return { violations, phase, freeSections, image: null };
      const { toGuest, toHost, receive, send, state, stateSections } = control.image();
      for (const { offset, dataBytes } of [toGuest, toHost])
        if (offset % PAGE !== 0 || !(dataBytes >= PAGE) || offset + PAGE + dataBytes > segment.byteLength)
          throw new Error(`a ring of ${dataBytes} bytes at ${offset}`);
      for (const { offset, sectionSize, sectionCount } of [receive, send])
        if (
          offset % PAGE !== 0 ||
          sectionCount < 1 ||
          offset + sectionSize * sectionCount > segment.byteLength
        )
          throw new Error(`${sectionCount} sections of ${sectionSize} bytes at ${offset}`);
      checkSections(state, words.ChannelState, stateSections, { FREE_SECTIONS: words.FREE_SECTIONS });
      return { violations, phase, freeSections, image: { toGuest, toHost, receive, send } };
    };

    return {
      one(random) {
        const step = plan(random);
        note(JSON.stringify(step));
        if (left-- <= 0) {
          left = 4 + random.below(40);
          sense = random.pick([1, 2, 4, 16, 32]);
          for (const side of sides) begin(side);
        }
        const results = sides.map((side) => act(side, step));
        if (digest(results[0]) !== digest(results[1]))
          throw new Error(`bytes the host must not read changed what it does: ${JSON.stringify(results)}`);
        const { phase, violations } = results[0];
        if (phase === 'open' || phase === 'broken' || phase === 'closing') {
          for (const { control } of sides) control.close(() => {});
          left = 0;
        }
        if (left === 0) {
          for (const { channel } of sides) {
            const { host } = channel.board.memory;
            for (const { u8, byteLength } of [host, channel.other])
              if (!Buffer.from(u8.buffer).equals(Buffer.alloc(byteLength, channel.canary)))
                throw new Error('memory outside the guest was written');
          }
        }
        const [name] = Object.keys(violations);
        return phase === 'open' ? 'open' : name === undefined ? phase : `refused: ${name}`;
      },
    };
  },
};
