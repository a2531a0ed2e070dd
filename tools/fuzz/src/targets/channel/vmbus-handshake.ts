// The opening of a channel by a guest that follows the handshake for a while and then does something else: GPADLs and
// OPENCHANNEL with any numbers, NVSP messages in any order, ring indexes; and what is open in the end must be sound.
import type { ChannelControl, ChannelGuest, ChannelImage, ChannelReport, GuestLayout } from '@vmq/netvsc';
import { MessageSlots } from '../../../../../packages/vmbus/dist/control/message-slots.js';
import { RING_WRITE_INDEX, RingWords } from '../../../../../packages/vmbus/dist/ring/ring.js';
import { edge } from '../../bytes.ts';
import { digest } from '../../guard.ts';
import type { Chance, Instance, Note, Target } from '../../target.ts';
import { ChannelBench, checkSections } from './channel-bench.ts';

const PAGE = 4096;
/** Channel messages of the handshake. */
const KINDS = [5, 7, 8, 11, 13];

/** What the guest does next. */
type GuestStep =
  | { readonly do: 'follow' }
  | { readonly do: 'message'; readonly kind: number; readonly args: readonly number[] }
  | { readonly do: 'nvsp'; readonly words: readonly number[] }
  | { readonly do: 'index'; readonly ring: number; readonly which: number; readonly value: number };

/** Something else than it should. */
function senseless(random: Chance, layout: GuestLayout): GuestStep {
  const kind = random.below(5);
  const part = random.pick([
    [layout.rings, layout.ringsLength],
    [layout.receive, layout.receiveLength],
    [layout.send, layout.sendLength],
  ]);
  const number = (): number => (random.once(2) ? edge(random) : random.below(4));
  switch (kind) {
    case 0: {
      const pages = random.once(2) ? part : [random.below(64) * PAGE, random.below(64) * PAGE];
      const args = random.once(3) ? [number(), edge(random), edge(random)] : [1 + random.below(4), ...pages];
      return { do: 'message', kind: 8, args };
    }
    case 1: {
      const anywhere = (): number => (random.once(2) ? random.below(32) * PAGE : edge(random));
      const downstream = random.once(2) ? layout.downstream : anywhere();
      return { do: 'message', kind: 5, args: [1 + random.below(4), downstream] };
    }
    case 2: {
      const message = random.once(2) ? random.pick(KINDS) : edge(random);
      return { do: 'message', kind: message, args: [number(), number()] };
    }
    case 3: {
      const type = random.once(4) ? edge(random) : random.pick([1, 100, 101, 104, 107, 125]);
      return { do: 'nvsp', words: [type, number(), number(), number()] };
    }
    default: {
      const [ring, which] = [random.below(2), random.below(4)];
      const value = random.once(2) ? random.below(4096) & ~7 : edge(random);
      return { do: 'index', ring, which, value };
    }
  }
}

/** What the host shows after a step; of an open channel also where everything lies. */
interface Shown extends Pick<ChannelReport, 'violations' | 'phase' | 'freeSections'> {
  readonly places: Pick<ChannelImage, 'toGuest' | 'toHost' | 'receive' | 'send'> | null;
}

/** One of two machines that get the same. */
class Side {
  readonly bench: ChannelBench;
  #control: ChannelControl;
  #guest: ChannelGuest;
  #messages: MessageSlots;

  constructor(canary: number) {
    this.bench = new ChannelBench(canary);
    this.bench.paint();
    this.#control = this.bench.control();
    this.#guest = this.bench.guest(this.#control);
    this.#messages = new MessageSlots(this.#control.messages, 'guest');
  }

  /** A channel begun anew. All of the guest's memory is cleared: a GPADL may name any page of its own. */
  begin(): void {
    this.bench.segment.u8.fill(0);
    this.#control = this.bench.control();
    this.#guest = this.bench.guest(this.#control);
    this.#messages = new MessageSlots(this.#control.messages, 'guest');
    this.#control.offer();
  }

  close(): void {
    this.#control.close(() => {});
  }

  #ring(downstream: boolean): RingWords {
    const { segment, layout } = this.bench;
    const offset = layout.rings + (downstream ? layout.downstream : 0);
    return new RingWords(segment, { offset, dataBytes: layout.ringBytes });
  }

  #sendNvsp(nvsp: readonly number[]): void {
    const words = this.#ring(false);
    const start = words.loadHeader(RING_WRITE_INDEX);
    if (!words.isIndex(start)) return;
    words.seek(start);
    words.beginPacket(6, 16, 48, 1, 7, 0);
    for (let i = 0; i < 8; i++) words.put(nvsp[i] ?? 0);
    words.endPacket(start);
    words.storeHeader(RING_WRITE_INDEX, words.position);
  }

  act(step: GuestStep): Shown {
    switch (step.do) {
      case 'follow':
        this.#guest.poll({ frame: () => true }, 16);
        break;
      case 'message':
        this.#messages.take();
        this.#messages.post(step.kind, ...step.args);
        break;
      case 'index':
        this.#ring(step.ring === 1).storeHeader(step.which, step.value);
        break;
      case 'nvsp':
        this.#sendNvsp(step.words);
    }
    const open = this.#control.poll();
    const { violations, phase, freeSections } = this.#control.report();
    if (open !== (phase === 'open')) throw new Error(`poll said ${open} while ${phase}`);
    return { violations, phase, freeSections, places: open ? this.#soundPlaces() : null };
  }

  /** Where rings and buffers of an open channel lie: all inside the guest's memory, no section lost. */
  #soundPlaces(): Shown['places'] {
    const { byteLength } = this.bench.segment;
    const { toGuest, toHost, receive, send, state, stateSections } = this.#control.image();
    for (const { offset, dataBytes } of [toGuest, toHost])
      if (offset % PAGE !== 0 || !(dataBytes >= PAGE) || offset + PAGE + dataBytes > byteLength)
        throw new Error(`a ring of ${dataBytes} bytes at ${offset}`);
    for (const { offset, sectionSize, sectionCount } of [receive, send])
      if (offset % PAGE !== 0 || sectionCount < 1 || offset + sectionSize * sectionCount > byteLength)
        throw new Error(`${sectionCount} sections of ${sectionSize} bytes at ${offset}`);
    checkSections(state, stateSections);
    return { toGuest, toHost, receive, send };
  }
}

class Handshakes implements Instance {
  readonly #sides = [new Side(0x00), new Side(0xff)];
  readonly #note: Note;
  /** Buffers until the channel is begun anew. */
  #left = 0;
  /** How seldom the guest does something else than it should: once in so many steps. */
  #sense = 1;

  constructor(note: Note) {
    this.#note = note;
  }

  one(random: Chance): string {
    const [{ bench }] = this.#sides;
    const step: GuestStep = random.once(this.#sense) ? senseless(random, bench.layout) : { do: 'follow' };
    this.#note(JSON.stringify(step));
    if (this.#left-- <= 0) {
      this.#left = 4 + random.below(40);
      this.#sense = random.pick([1, 2, 4, 16, 32]);
      for (const side of this.#sides) side.begin();
    }
    const [first, second] = this.#sides.map((side) => side.act(step));
    if (digest(first) !== digest(second))
      throw new Error(
        `bytes the host must not read changed what it does: ${JSON.stringify([first, second])}`,
      );
    const { phase, violations } = first;
    if (phase === 'open' || phase === 'broken' || phase === 'closing') {
      for (const side of this.#sides) side.close();
      this.#left = 0;
    }
    if (this.#left === 0) for (const side of this.#sides) side.bench.checkOthers();
    const name = Object.keys(violations).at(0);
    return phase === 'open' ? 'open' : name === undefined ? phase : `refused: ${name}`;
  }
}

export const vmbusHandshake: Target = {
  name: 'vmbus-handshake',
  about: 'channel messages, GPADLs and NVSP of a guest that opens a channel',
  perSession: 2000,
  open: (_random, note) => new Handshakes(note),
};
