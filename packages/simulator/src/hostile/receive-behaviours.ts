/** Guests that abuse the way of frames to them: completions, sections, their own receive buffer. */
import type { HostileBehaviour } from './behaviour.ts';
import { type HostMessage, PACKET_BYTES } from './guest-reach.ts';
import { behave, forEver, inBouts, sendGoodFrame } from './programs.ts';

export const RECEIVE_BEHAVIOURS: readonly HostileBehaviour[] = [
  {
    name: 'completion-of-nothing',
    does: 'completes messages that it was never sent, by section ids in and out of range',
    countedAs: ['receive.transaction'],
    channel: 'open',
    begins: 'running',
    program: (guest) =>
      inBouts(guest, (bout) => {
        const id = [guest.random.below(512), 511, 512, -1, 1 << 30, -(2 ** 31)][bout % 6];
        guest.complete(id, bout % 4 === 3 ? 0 : 0x7000_0000 | guest.random.below(1 << 20));
      }),
  },
  {
    name: 'completion-twice',
    does: 'completes the messages it is sent, and each of them again, at once or later',
    countedAs: ['receive.transaction'],
    channel: 'open',
    begins: 'running',
    *program(guest) {
      const done: HostMessage[] = [];
      for (let again = 0; again < 20; ) {
        for (const message of guest.read()) {
          guest.complete(message.low, message.high);
          if (done.push(message) <= 10) {
            guest.complete(message.low, message.high);
            again++;
          }
        }
        guest.signal();
        yield false;
        const late = done.length > 10 ? done.shift() : undefined;
        if (late === undefined) continue;
        guest.complete(late.low, late.high);
        again++;
      }
      yield* behave(guest);
    },
  },
  {
    name: 'completion-flood',
    does: 'fills its ring with completions of nothing for as long as it lives',
    countedAs: ['receive.transaction'],
    channel: 'broken',
    begins: 'running',
    isTireless: true,
    program: (guest) =>
      forEver(guest, () => {
        for (let n = 0; n < 200 && guest.toHost.room > PACKET_BYTES; n++) {
          guest.complete(guest.random.below(1024), guest.random.next() | 0);
        }
      }),
  },
  {
    name: 'never-completes',
    does: 'reads what it is sent and completes nothing of it',
    countedAs: null,
    channel: 'open',
    begins: 'running',
    *program(guest) {
      for (;;) {
        guest.read();
        guest.signal();
        yield false;
      }
    },
  },
  {
    name: 'never-reads',
    does: 'does not read its ring any more',
    countedAs: null,
    channel: 'open',
    begins: 'running',
    *program() {
      for (;;) yield false;
    },
  },
  {
    name: 'answers-never-read',
    does: 'sends and sends, and reads none of the answers',
    countedAs: null,
    channel: 'open',
    begins: 'running',
    isTireless: true,
    *program(guest) {
      let sent = 0;
      yield* forEver(guest, () => {
        for (let n = 0; n < 16 && guest.toHost.room > 2 * PACKET_BYTES; n++) sendGoodFrame(guest, sent++, 0);
      });
    },
  },
  {
    name: 'control-flood',
    does: 'asks for so many values that the answers take all of its receive sections, and completes none',
    countedAs: null,
    channel: 'open',
    begins: 'running',
    isTireless: true,
    program: (guest) =>
      forEver(guest, () => {
        guest.header(0, [4, 28, 1, 0x0101_0101, 0, 20, 0]);
        guest.read();
        for (let n = 0; n < 64 && guest.toHost.room > 2 * PACKET_BYTES; n++) guest.send(1, 0, 28);
      }),
  },
  {
    name: 'receive-buffer-rewritten',
    does: 'writes over its whole receive buffer while frames arrive there and after, before it hands them back',
    countedAs: null,
    channel: 'open',
    begins: 'running',
    isTireless: true,
    *program(guest) {
      const { memory, layout, random } = guest;
      yield* forEver(guest, () => {
        for (const { low, high, sections } of guest.read()) {
          // Header and all of what it was sent, before it hands it back.
          for (const section of sections) {
            const at = layout.receive + section;
            memory.u8.fill(random.below(256), at, at + 192);
          }
          if (guest.toHost.room >= PACKET_BYTES) guest.complete(low, high);
        }
        for (let n = 0; n < 500; n++) guest.scribble(layout.receive, layout.receiveLength, random.next() | 0);
        const at = layout.receive + 2112 * random.below(16);
        memory.u8.fill(random.below(256), at, at + 2112);
      });
    },
  },
];
