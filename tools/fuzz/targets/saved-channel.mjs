// The private state of a channel as another host sent it: judged before anything is built on it. What is taken must work:
// deliveries and polls on it stay inside the guest's memory and lose no section.
import { edge } from '../bytes.mjs';
import { checkSections, FRAME_AT, makeChannel, openChannel } from './vmbus-bench.mjs';

export const savedChannel = {
  name: 'saved-channel',
  about: 'the saved state of a channel that comes with a migration',
  modules: { machine: 'machine/index', vmbus: 'vmbus/index', state: 'vmbus/channel-state' },
  perSession: 5000,
  open(modules, _random, note) {
    const { vmbus, state: words } = modules;
    const channel = makeChannel(modules, 0x5a);
    channel.paint();
    const control = channel.control();
    const guest = channel.guest(control);
    openChannel(control, guest);
    const host = vmbus.createChannelHost({ machine: channel.board, trace: null }, control.image());
    // Some messages are out when it is saved.
    for (const count of [1, 3, 2]) {
      host.beginBatch(count);
      for (let i = 0; i < count; i++) {
        host.reserveSection();
        host.commitFrame(60, 0);
      }
      host.endBatch();
    }
    const saved = control.save(() => {});
    const memory = channel.segment.u8.slice();
    const memoryBytes = channel.segment.byteLength;
    const spoilPlace = (random, place) => ({
      ...place,
      [random.pick(Object.keys(place))]: random.once(2) ? random.below(64) * 4096 : edge(random),
    });
    return {
      one(random) {
        let changed = { ...saved, state: saved.state.slice(0) };
        const notes = [];
        for (let n = 1 + random.below(3); n > 0; n--) {
          if (random.once(3)) {
            const key = random.pick([
              'toGuest',
              'toHost',
              'receive',
              'send',
              'maxFrameBytes',
              'stateSections',
            ]);
            const value = typeof saved[key] === 'number' ? edge(random) : spoilPlace(random, saved[key]);
            changed = { ...changed, [key]: value };
            notes.push(key, JSON.stringify(value));
          } else if (random.once(16))
            changed.state = changed.state.slice(0, random.below(changed.state.byteLength));
          else {
            const count = changed.state.byteLength >>> 2;
            if (count === 0) continue;
            const at = random.once(2) ? random.below(Math.min(count, 120)) : random.below(count);
            const value = random.once(2) ? edge(random) | 0 : random.below(40) - 1;
            new Int32Array(changed.state, 0, count)[at] = value;
            notes.push(`word ${at} = ${value}`);
          }
        }
        note(notes.join(' '));
        const refusal = vmbus.refusalOfSavedChannel(changed, memoryBytes);
        if (refusal !== null) {
          if (typeof refusal !== 'string' || refusal === '') throw new Error('a refusal without a reason');
          return `refused: ${refusal.replace(/-?\d+/g, 'N').slice(0, 60)}`;
        }
        // Nothing is wrong with it: then it must work.
        channel.segment.u8.set(memory);
        const moved = vmbus.createChannelControl(channel.board, {
          channel: 2,
          macAddress: [0, 1, 2, 3, 4, 5],
          segment: channel.segment.id,
          guestAgent: channel.board.agent('vm:a'),
          saved: changed,
        });
        const image = moved.image();
        const data = vmbus.createChannelHost({ machine: channel.board, trace: null }, image);
        channel.sent = [];
        if (data.beginBatch(4)) {
          for (let i = 0; i < 4; i++) {
            const at = data.reserveSection();
            if (at < 0) break;
            if (
              at < image.receive.offset ||
              at + 64 > image.receive.offset + image.receive.sectionSize * image.receive.sectionCount
            )
              throw new Error(`a section at ${at}`);
            data.commitFrame(60, 0);
          }
          data.endBatch();
        }
        for (let n = 0; data.poll({ frameBuffer: () => FRAME_AT, frameReady: () => {} }, 16); n++)
          if (n > 64) throw new Error('it polls for ever');
        checkSections(
          image.state,
          words.ChannelState,
          image.stateSections,
          words,
          image.receive.sectionCount,
        );
        const { other } = channel;
        if (!Buffer.from(other.buffer).equals(Buffer.alloc(other.byteLength, 0x5a)))
          throw new Error('another VM was written');
        return 'taken';
      },
    };
  },
};
