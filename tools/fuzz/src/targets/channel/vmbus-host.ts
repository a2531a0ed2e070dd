// An open channel whose guest writes whatever it likes: ring bytes, both indexes, packets of every kind with anything in
// them, RNDIS messages, completions of messages sent and never sent, channel messages; and the host delivers meanwhile.
//
// Two machines get the same, with other bytes in what the host must not read; they must do the same.
import {
  type ChannelControl,
  type ChannelGuest,
  type ChannelHost,
  type ChannelImage,
  type ChannelReport,
  createChannelHost,
  VMBUS_VIOLATIONS,
} from '@vmq/netvsc';
import { ChannelState } from '../../../../../packages/netvsc/dist/state/channel-state.js';
import { MessageSlots } from '../../../../../packages/vmbus/dist/control/message-slots.js';
import {
  RING_READ_INDEX,
  RING_WRITE_INDEX,
  RingWords,
} from '../../../../../packages/vmbus/dist/ring/ring.js';
import { digest } from '../../guard.ts';
import type { Chance, Instance, Note, Target } from '../../target.ts';
import { ChannelBench, checkSections, openChannel } from './channel-bench.ts';
import { GOOD_FRAME, type GuestStep, guestStep, type PacketHeader, SEND_PAGE } from './vmbus-host-steps.ts';

const CANARIES: readonly (readonly [number, number])[] = [
  [0x00, 0xff],
  [0x5a, 0x01],
];
const RECEIVE_SECTIONS = 32;
/** More packets than the ring has room for. */
const MOST_POLLS = 64;
const VIOLATIONS: ReadonlySet<string> = new Set(VMBUS_VIOLATIONS);

type StepOf<Do extends GuestStep['do']> = Extract<GuestStep, { readonly do: Do }>;

/** What the host shows after a step. */
interface Shown
  extends Pick<ChannelReport, 'phase' | 'violations' | 'framesFromGuest' | 'freeSections' | 'packetFilter'> {
  /** Violations of all kinds. */
  readonly total: number;
  /** Length, tag and bytes of the frames it took. */
  readonly sent: readonly number[];
}

/** An open channel, and what the guest needs to write into it. */
interface Opened {
  readonly host: ChannelHost;
  readonly image: ChannelImage;
  readonly toHost: RingWords;
  readonly toGuest: RingWords;
  readonly messages: MessageSlots;
}

/** One of two machines that get the same. */
class Side {
  readonly #bench: ChannelBench;
  readonly #control: ChannelControl;
  /** Has a frame where a ninth section would be, which must never be taken. */
  readonly #hasNinth: boolean;
  #guest: ChannelGuest;
  #channel: Opened;

  constructor(canary: number, hasNinth: boolean) {
    this.#bench = new ChannelBench(canary);
    this.#hasNinth = hasNinth;
    this.#control = this.#bench.control();
    this.#guest = this.#bench.guest(this.#control);
    this.#bench.paint();
    this.#channel = this.#open();
  }

  #open(): Opened {
    const { segment, layout, board } = this.#bench;
    // Only the driver's pages: rings and buffers keep the garbage that is in them.
    segment.u8.fill(0, 4096, layout.rings);
    openChannel(this.#control, this.#guest);
    const image = this.#control.image();
    if (this.#hasNinth)
      segment.i32.set(
        GOOD_FRAME,
        (image.send.offset + image.send.sectionCount * image.send.sectionSize) >>> 2,
      );
    return {
      host: createChannelHost({ machine: board, trace: null }, image),
      image,
      toHost: new RingWords(segment, image.toHost),
      toGuest: new RingWords(segment, image.toGuest),
      messages: new MessageSlots(this.#control.messages, 'guest'),
    };
  }

  reopen(): void {
    this.#control.close(() => {});
    this.#guest = this.#bench.guest(this.#control);
    this.#channel = this.#open();
  }

  checkCanaries(): void {
    this.#bench.checkCanaries();
  }

  checkSections(): void {
    checkSections(this.#channel.image.state, RECEIVE_SECTIONS);
  }

  act(step: GuestStep): Shown {
    this.#bench.sent = [];
    this.#do(step);
    let polls = 0;
    while (this.#bench.poll(this.#channel.host))
      if (++polls > MOST_POLLS) throw new Error('more packets than the ring has room for');
    const { phase, violations, framesFromGuest, freeSections, packetFilter } = this.#control.report();
    const unknown = Object.keys(violations).find((name) => !VIOLATIONS.has(name));
    if (unknown !== undefined) throw new Error(`a violation ${unknown}`);
    const total = Object.values(violations).reduce((sum, count) => sum + count, 0);
    return { phase, violations, framesFromGuest, freeSections, packetFilter, total, sent: this.#bench.sent };
  }

  #do(step: GuestStep): void {
    const { toHost, toGuest, messages } = this.#channel;
    switch (step.do) {
      case 'send':
        this.#send(step);
        break;
      case 'pages':
        this.#sendPages(step);
        break;
      case 'complete':
        this.#complete(step);
        break;
      case 'scribble':
        this.#scribble(step);
        break;
      case 'index':
        ((step.which & 1) === 0 ? toHost : toGuest).storeHeader(step.which >> 1, step.value);
        break;
      case 'message':
        messages.take();
        messages.post(step.kind, ...step.args);
        this.#control.poll();
        messages.take();
        break;
      case 'read':
        // The guest reads on, more or less.
        toGuest.storeHeader(RING_READ_INDEX, toGuest.loadHeader(RING_WRITE_INDEX));
        break;
      case 'deliver':
        this.#deliver(step.lengths);
    }
  }

  #write(header: PacketHeader, payload: readonly number[], count = 8): void {
    const { toHost } = this.#channel;
    const start = toHost.loadHeader(RING_WRITE_INDEX);
    if (!toHost.isIndex(start)) return;
    toHost.seek(start);
    toHost.put(header.type | (header.offset8 << 16));
    toHost.put(header.length8 | (header.flags << 16));
    toHost.put(header.low);
    toHost.put(header.high);
    for (let i = 0; i < count; i++) toHost.put(payload[i] ?? 0);
    toHost.endPacket(start);
    toHost.storeHeader(RING_WRITE_INDEX, toHost.position);
  }

  #send({ rndis, nvsp, header }: StepOf<'send'>): void {
    const { send } = this.#channel.image;
    this.#bench.segment.i32.set(rndis, (send.offset + (nvsp[2] % 8) * send.sectionSize) >>> 2);
    this.#write(header, nvsp);
  }

  #sendPages({ rndis, head, nvsp, header }: StepOf<'pages'>): void {
    const { send } = this.#channel.image;
    this.#bench.segment.i32.set(rndis, send.offset >>> 2);
    const pages = head.map((word) => (word === SEND_PAGE ? send.offset / 4096 : word));
    this.#write(header, [...pages, ...nvsp], pages.length + 8);
  }

  /** Half of the completions are for a message that is really out. */
  #complete({ header, nvsp, where }: StepOf<'complete'>): void {
    const { state, stateSections } = this.#channel.image;
    const view = new ChannelState(state, stateSections);
    const section = where % RECEIVE_SECTIONS;
    const isOut = (where & 0x100) !== 0;
    this.#write(isOut ? { ...header, low: section, high: view.words[view.serials + section] } : header, nvsp);
  }

  #scribble({ at, words, index }: StepOf<'scribble'>): void {
    const { image, toHost } = this.#channel;
    const data = (image.toHost.offset + 4096) >>> 2;
    words.forEach((word, i) => {
      this.#bench.segment.i32[data + ((at + i) & 1023)] = word;
    });
    toHost.storeHeader(RING_WRITE_INDEX, index);
  }

  #deliver(lengths: readonly number[]): void {
    const { host, image } = this.#channel;
    const { offset, sectionSize } = image.receive;
    if (!host.beginBatch(lengths.length)) return;
    for (const length of lengths) {
      const section = host.nextSection();
      if (section < 0) break;
      const at = host.frameOffset(section);
      if (at < offset || at + 1514 > offset + RECEIVE_SECTIONS * sectionSize)
        throw new Error(`a section at ${at}`);
      this.#bench.segment.u8[at] = length;
      host.commit(section, length, length & 1);
    }
    host.endBatch();
  }
}

class HostSide implements Instance {
  readonly #sides: readonly Side[];
  readonly #note: Note;
  #turn = 0;
  /** Violations so far. */
  #total = 0;

  constructor(random: Chance, note: Note) {
    const [first, second] = random.pick(CANARIES);
    this.#sides = [new Side(first, false), new Side(second, true)];
    this.#note = note;
  }

  one(random: Chance): string {
    const step = guestStep(random);
    this.#note(JSON.stringify(step));
    const [first, second] = this.#sides.map((side) => side.act(step));
    if (digest(first) !== digest(second))
      throw new Error(
        `bytes the host must not read changed what it does: ${JSON.stringify([first, second])}`,
      );
    const { phase, total, sent } = first;
    const thorough = (++this.#turn & 15) === 0;
    for (const side of this.#sides) {
      if (thorough) side.checkCanaries();
      if (thorough && phase === 'open') side.checkSections();
      if (phase !== 'open') side.reopen();
    }
    const more = total - this.#total;
    this.#total = total;
    if (phase !== 'open') return `channel ${phase}`;
    return more > 0 ? 'refused' : sent.length > 0 ? 'frame taken' : 'taken';
  }

  close(): void {
    for (const side of this.#sides) side.checkCanaries();
  }
}

export const vmbusHost: Target = {
  name: 'vmbus-host',
  about: 'the host side of an open channel: ring, indexes, NVSP, RNDIS, completions, channel messages',
  perSession: 2000,
  open: (random, note) => new HostSide(random, note),
};
