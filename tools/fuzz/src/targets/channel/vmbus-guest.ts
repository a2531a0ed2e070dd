// The guest's side: what stands in the host-to-guest ring, in the receive sections, in the message slots and in the
// driver's own page, as after a transfer from a host that lies. The guest trusts its host with its data, but it must come
// back from every poll, hand up nothing outside its memory, and touch nobody else's.
import type { ChannelControl, ChannelGuest, ChannelImage, HostFrameHandler } from '@vmq/netvsc';
import { MessageSlots } from '../../../../../packages/vmbus/dist/control/message-slots.js';
import { RING_WRITE_INDEX, RingWords } from '../../../../../packages/vmbus/dist/ring/ring.js';
import { edge } from '../../bytes.ts';
import type { Chance, Instance, Note, Target } from '../../target.ts';
import { ChannelBench, openChannel } from './channel-bench.ts';

const CANARY = 0x5a;
/** More than the ring has room for. */
const MOST_FRAMES = 4096;

/** What the host does wrong next. */
type HostStep =
  /** Words of a packet, and an RNDIS message in a receive section. */
  | {
      readonly do: 'packet';
      readonly words: readonly number[];
      readonly rndis: readonly number[];
      readonly section: number;
    }
  | {
      readonly do: 'scribble';
      readonly at: number;
      readonly words: readonly number[];
      readonly index: number;
    }
  | { readonly do: 'index'; readonly which: number; readonly ring: number; readonly value: number }
  | { readonly do: 'message'; readonly kind: number; readonly args: readonly number[] }
  /** A word of the driver's page, as after a migration. */
  | { readonly do: 'driver'; readonly at: number; readonly value: number }
  | { readonly do: 'send'; readonly length: number };

function hostStep(random: Chance): HostStep {
  const some = (count: number): number[] => Array.from({ length: count }, () => edge(random));
  const kind = random.below(10);
  if (kind < 5) return packet(random);
  switch (kind) {
    case 5: {
      const at = random.next();
      const words = some(1 + random.below(32));
      return { do: 'scribble', at, words, index: random.below(4096) & ~7 };
    }
    case 6:
      return { do: 'index', which: random.below(4), ring: random.below(2), value: edge(random) };
    case 7: {
      const message = random.once(2) ? random.pick([1, 2, 6, 10, 12]) : edge(random);
      return { do: 'message', kind: message, args: some(3) };
    }
    case 8: {
      const at = random.once(2) ? random.below(16) : random.below(1024);
      return { do: 'driver', at, value: edge(random) };
    }
    default:
      return { do: 'send', length: 14 + random.below(1600) };
  }
}

/** A transfer page packet with an RNDIS message, any word of which may be wrong. */
function packet(random: Chance): HostStep {
  const maybe = (value: number): number => (random.once(5) ? edge(random) : value);
  const ranges = random.below(4);
  const offset8 = 3 + ranges;
  const words = [
    maybe(random.pick([6, 7, 7, 7, 11])) | (maybe(offset8) << 16),
    maybe(offset8 + 4) & 0xffff,
    maybe(random.below(32)),
    maybe(random.pick([1, 0x53454e44])),
    0xcafe,
    maybe(ranges),
  ];
  for (let i = 0; i < ranges; i++) words.push(maybe(124), maybe(random.below(32) * 2112));
  words.push(maybe(random.pick([107, 108])), maybe(random.below(2)), maybe(-1), 0, 0, 0, 0, 0);
  const head = [maybe(1), maybe(124), maybe(56), maybe(60), 0, 0, 0, maybe(36), maybe(16)];
  const rndis = [...head, 0, 0, 16, 6, 12, 0x641];
  return { do: 'packet', words, rndis, section: random.below(32) };
}

/** A channel as it stands when it has been opened. */
interface Opened {
  readonly control: ChannelControl;
  readonly image: ChannelImage;
  readonly toGuest: RingWords;
  readonly messages: MessageSlots;
  guest: ChannelGuest;
}

class GuestSide implements Instance {
  readonly #bench = new ChannelBench(CANARY);
  readonly #note: Note;
  readonly #handler: HostFrameHandler = {
    frame: (offset, length, tci) => this.#frame(offset, length, tci),
  };
  #channel: Opened;
  /** Frames that one poll has handed up. */
  #frames = 0;
  #turn = 0;

  constructor(note: Note) {
    this.#note = note;
    this.#bench.paint();
    this.#channel = this.#begin();
  }

  #begin(): Opened {
    const { segment, layout } = this.#bench;
    segment.u8.fill(0, layout.driver, layout.rings);
    const control = this.#bench.control();
    const guest = this.#bench.guest(control);
    openChannel(control, guest);
    const image = control.image();
    const toGuest = new RingWords(segment, image.toGuest);
    return { control, guest, image, toGuest, messages: new MessageSlots(control.messages, 'host') };
  }

  #frame(offset: number, length: number, tci: number): boolean {
    const { receive, receiveLength } = this.#bench.layout;
    if (!(offset >= receive && length >= 0 && offset + length <= receive + receiveLength))
      throw new Error(`a frame of ${length} bytes at ${offset}, the buffer is at ${receive}`);
    if (!(tci >= 0 && tci <= 0xffff)) throw new Error(`TCI ${tci}`);
    if (++this.#frames > MOST_FRAMES) throw new Error('more frames than the ring has room for');
    return true;
  }

  #writePacket({ words, rndis, section }: Extract<HostStep, { do: 'packet' }>): void {
    const { image, toGuest } = this.#channel;
    const at = (image.receive.offset + section * image.receive.sectionSize) >>> 2;
    this.#bench.segment.i32.set(rndis, at);
    const start = toGuest.loadHeader(RING_WRITE_INDEX);
    if (!toGuest.isIndex(start)) return;
    toGuest.seek(start);
    for (const word of words) toGuest.put(word);
    if (words.length % 2 === 1) toGuest.put(0);
    toGuest.endPacket(start);
    toGuest.storeHeader(RING_WRITE_INDEX, toGuest.position);
  }

  #act(step: HostStep): void {
    const channel = this.#channel;
    const { segment, layout } = this.#bench;
    const { i32 } = segment;
    switch (step.do) {
      case 'packet':
        this.#writePacket(step);
        break;
      case 'scribble': {
        const data = (channel.image.toGuest.offset + 4096) >>> 2;
        step.words.forEach((word, i) => {
          i32[data + ((step.at + i) & 1023)] = word;
        });
        channel.toGuest.storeHeader(RING_WRITE_INDEX, step.index);
        break;
      }
      case 'index': {
        const place = step.ring === 0 ? channel.image.toGuest : channel.image.toHost;
        new RingWords(segment, place).storeHeader(step.which, step.value);
        break;
      }
      case 'message':
        channel.messages.take();
        channel.messages.post(step.kind, ...step.args);
        break;
      case 'driver':
        i32[(layout.driver >>> 2) + step.at] = step.value;
        // As after a migration: the driver takes up what it finds.
        channel.guest = this.#bench.guest(channel.control);
        break;
      case 'send': {
        const at = channel.guest.reserveSend();
        if (at >= 0 && step.length <= Math.min(channel.guest.maxFrameBytes, 1514))
          channel.guest.commitSend(step.length, 0);
      }
    }
  }

  one(random: Chance): string {
    const step = hostStep(random);
    this.#note(JSON.stringify(step));
    if (!this.#channel.guest.isOpen) {
      this.#channel.control.close(() => {});
      this.#channel = this.#begin();
    }
    this.#act(step);
    this.#frames = 0;
    const { guest } = this.#channel;
    guest.poll(this.#handler, 64);
    if ((++this.#turn & 15) === 0) this.#bench.checkOthers();
    if (this.#frames > 0) return 'frames';
    return guest.isOpen ? 'open' : guest.hasFailed ? 'refused: failed' : 'refused: not open';
  }
}

export const vmbusGuest: Target = {
  name: 'vmbus-guest',
  about: 'the guest side of a channel: ring, transfer pages, sections, channel messages, driver page',
  perSession: 1000,
  open: (_random, note) => new GuestSide(note),
};
