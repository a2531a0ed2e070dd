// The private state of a channel as another host sent it: judged before anything is built on it. What is taken must work:
// deliveries and polls on it stay inside the guest's memory and lose no section.
import {
  type ChannelControl,
  createChannelControl,
  createChannelHost,
  GuestFrameBatch,
  refusalOfSavedChannel,
  type SavedChannel,
} from '@vmq/netvsc';
import { edge } from '../../bytes.ts';
import type { Chance, Instance, Note, Target } from '../../target.ts';
import { ChannelBench, checkSections, FRAME_AT, openChannel } from './channel-bench.ts';

const CANARY = 0x5a;
/** Messages that are out when the channel is saved, by their frames. */
const OUTSTANDING = [1, 3, 2];
const MOST_POLLS = 64;
const KEYS = ['toGuest', 'toHost', 'receive', 'send', 'maxFrameBytes', 'stateSections'] as const;

class SavedChannels implements Instance {
  readonly #bench = new ChannelBench(CANARY);
  readonly #saved: SavedChannel;
  /** The guest's memory when the channel was saved. */
  readonly #memory: Uint8Array;
  readonly #note: Note;

  constructor(note: Note) {
    this.#note = note;
    this.#bench.paint();
    this.#saved = this.#save(this.#bench.control());
    this.#memory = this.#bench.segment.u8.slice();
  }

  #save(control: ChannelControl): SavedChannel {
    openChannel(control, this.#bench.guest(control));
    const host = createChannelHost({ machine: this.#bench.board, trace: null }, control.image());
    for (const count of OUTSTANDING) {
      host.beginBatch(count);
      for (let i = 0; i < count; i++) {
        host.commit(host.nextSection(), 60, 0);
      }
      host.endBatch();
    }
    const saved = control.save(() => {});
    if (saved === null) throw new Error('the channel was not saved');
    return saved;
  }

  /** A place or a number with something else in it. */
  #spoil(random: Chance, key: (typeof KEYS)[number]): unknown {
    const valid = this.#saved[key];
    if (typeof valid === 'number') return edge(random);
    const part = random.pick(Object.keys(valid));
    return { ...valid, [part]: random.once(2) ? random.below(64) * 4096 : edge(random) };
  }

  #changed(random: Chance): SavedChannel {
    let changed: SavedChannel = { ...this.#saved, state: this.#saved.state.slice(0) };
    const notes: string[] = [];
    for (let n = 1 + random.below(3); n > 0; n--) {
      const { state } = changed;
      if (random.once(3)) {
        const key = random.pick(KEYS);
        const value = this.#spoil(random, key);
        changed = { ...changed, [key]: value };
        notes.push(key, JSON.stringify(value));
      } else if (random.once(16))
        changed = { ...changed, state: state.slice(0, random.below(state.byteLength)) };
      else {
        const count = state.byteLength >>> 2;
        if (count === 0) continue;
        const at = random.once(2) ? random.below(Math.min(count, 120)) : random.below(count);
        const value = random.once(2) ? edge(random) | 0 : random.below(40) - 1;
        new Int32Array(state, 0, count)[at] = value;
        notes.push(`word ${at} = ${value}`);
      }
    }
    this.#note(notes.join(' '));
    return changed;
  }

  one(random: Chance): string {
    const changed = this.#changed(random);
    const refusal = refusalOfSavedChannel(changed, this.#bench.segment.byteLength);
    if (refusal === null) {
      this.#use(changed);
      return 'taken';
    }
    if (typeof refusal !== 'string' || refusal === '') throw new Error('a refusal without a reason');
    return `refused: ${refusal.replace(/-?\d+/g, 'N').slice(0, 60)}`;
  }

  /** Nothing is wrong with it: then it must work. */
  #use(saved: SavedChannel): void {
    const { segment, board, other } = this.#bench;
    segment.u8.set(this.#memory);
    const moved = createChannelControl(board, {
      channel: 2,
      macAddress: [0, 1, 2, 3, 4, 5],
      segment: segment.id,
      guestAgent: board.agent('vm:a'),
      saved,
    });
    const { receive, state, stateSections } = moved.image();
    const data = createChannelHost({ machine: board, trace: null }, moved.image());
    if (data.beginBatch(4)) {
      for (let i = 0; i < 4; i++) {
        const section = data.nextSection();
        if (section < 0) break;
        const at = data.frameOffset(section);
        if (at < receive.offset || at + 64 > receive.offset + receive.sectionSize * receive.sectionCount)
          throw new Error(`a section at ${at}`);
        data.commit(section, 60, 0);
      }
      data.endBatch();
    }
    const frames = new GuestFrameBatch(16);
    frames.buffers = new Int32Array(16).fill(FRAME_AT);
    const poll = (): boolean => {
      frames.count = 0;
      frames.bufferCount = 16;
      return data.poll(frames, 16);
    };
    for (let n = 0; poll(); n++) if (n > MOST_POLLS) throw new Error('it polls for ever');
    checkSections(state, stateSections, receive.sectionCount);
    if (!Buffer.from(other.buffer).equals(Buffer.alloc(other.byteLength, CANARY)))
      throw new Error('another VM was written');
  }
}

export const savedChannel: Target = {
  name: 'saved-channel',
  about: 'the saved state of a channel that comes with a migration',
  perSession: 5000,
  open: (_random, note) => new SavedChannels(note),
};
