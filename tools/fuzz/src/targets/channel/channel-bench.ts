// A channel with its guest's memory in our hands, for the targets of the channel: who writes what in which pages.
import { createMachine, type Machine, type MemorySegment } from '@vmq/machine';
import {
  type ChannelControl,
  type ChannelGuest,
  type ChannelHost,
  createChannelControl,
  createChannelGuest,
  GuestFrameBatch,
  type GuestLayout,
  layoutGuest,
} from '@vmq/netvsc';
import { ChannelState, FREE_SECTIONS } from '../../../../../packages/netvsc/dist/state/channel-state.js';

const HOST_BYTES = 1 << 16;
/** Where the host puts a guest's frame; around it everything must stay as it is. */
export const FRAME_AT = 8192;
const CONTROL = { channel: 1, macAddress: [0x00, 0x15, 0x5d, 1, 2, 3], receiveSections: 32, sendSections: 8 };
const LAYOUT = { base: 4096, ringBytes: 4096, receiveSections: 32, sendSections: 8 };

/** One machine with a guest `vm:a`; the canary fills what nobody may read or write. */
export class ChannelBench {
  readonly board: Machine = createMachine({
    hostMemoryBytes: HOST_BYTES,
    processors: 1,
    agents: ['vm:a'],
    dropReasons: [],
  });
  readonly layout: GuestLayout = layoutGuest(LAYOUT);
  /** A page in front of the layout, and one behind it. */
  readonly segment: MemorySegment = this.board.memory.addSegment('vm:a', this.layout.end + 4096);
  /** Another VM. */
  readonly other: MemorySegment = this.board.memory.addSegment('vm:b', 8192);
  readonly canary: number;
  /** Length, tag and bytes of the frames that the host took, until somebody empties it. */
  sent: number[] = [];
  /** One buffer is enough: a poll takes one frame at a time. */
  readonly #frames = new GuestFrameBatch(1);
  readonly #clean: Buffer;

  constructor(canary: number) {
    this.canary = canary;
    this.#frames.buffers = new Int32Array(1);
    this.#clean = Buffer.alloc(HOST_BYTES, canary);
  }

  /** Puts the canary where nobody may read or write. */
  paint(): void {
    this.segment.u8.fill(this.canary, 0, 4096);
    this.segment.u8.fill(this.canary, this.layout.end);
    this.other.u8.fill(this.canary);
    this.board.memory.host.u8.fill(this.canary);
  }

  /** Reads packets of the guest, up to a frame or sixteen of them. As {@link ChannelHost.poll}. */
  poll(host: ChannelHost): boolean {
    const frames = this.#frames;
    frames.count = 0;
    frames.buffers[0] = FRAME_AT;
    frames.bufferCount = 1;
    const more = host.poll(frames, 16);
    if (frames.count === 0) return more;
    const [at, length, tci] = frames.entries;
    if (!(length >= 14 && length <= 1522)) throw new Error(`a frame of ${length} bytes`);
    if (at !== FRAME_AT || !(tci >= 0 && tci <= 0xffff)) throw new Error(`frame at ${at}, TCI ${tci}`);
    const { u8 } = this.board.memory.host;
    this.sent.push(length, tci, ...u8.subarray(at, at + length));
    u8.fill(this.canary, at, at + length);
    return true;
  }

  /** A control path of the channel, before its offer. */
  control(): ChannelControl {
    return createChannelControl(this.board, {
      ...CONTROL,
      segment: this.segment.id,
      guestAgent: this.board.agent('vm:a'),
      violationLimit: 1 << 20,
    });
  }

  guest({ messages }: ChannelControl): ChannelGuest {
    return createChannelGuest(
      { machine: this.board },
      { segment: this.segment.id, messages, layout: LAYOUT },
    );
  }

  #check({ buffer }: MemorySegment, from: number, to: number, where: string): void {
    if (!Buffer.from(buffer, from, to - from).equals(this.#clean.subarray(0, to - from)))
      throw new Error(`${where} was written`);
  }

  /** Throws if the host's memory or another VM's was written. */
  checkOthers(): void {
    this.#check(this.other, 0, this.other.byteLength, 'another VM');
    this.#check(this.board.memory.host, 0, HOST_BYTES, 'the host');
  }

  /** Throws if anything outside rings and buffers was written. */
  checkCanaries(): void {
    const { segment, layout } = this;
    this.#check(segment, 0, 4096, 'the guest, in front of its driver,');
    this.#check(segment, layout.end, segment.byteLength, 'the guest, behind its buffers,');
    this.checkOthers();
  }
}

/** Takes the handshake to its end. */
export function openChannel(control: ChannelControl, guest: ChannelGuest): void {
  const sink = { frame: () => true };
  control.offer();
  for (let n = 0; n < 200; n++) {
    guest.poll(sink, 64);
    if (control.poll()) return;
  }
  throw new Error(`the handshake ended ${control.phase}`);
}

/** Every receive section is free once, or part of one message that is outstanding, or on loan. */
export function checkSections(
  state: SharedArrayBuffer,
  stateSections: number,
  sections = stateSections,
): void {
  const view = new ChannelState(state, stateSections);
  const seen = new Uint8Array(sections);
  let held = 0;
  const see = (section: number) => {
    if (!(section >= 0 && section < sections) || seen[section] !== 0)
      throw new Error(`section ${section} is in two places or does not exist`);
    seen[section] = 1;
    held++;
  };
  for (let i = 0; i < view.words[FREE_SECTIONS]; i++) see(view.words[view.free + i]);
  for (let first = 0; first < sections; first++) {
    if (view.words[view.serials + first] === 0) continue;
    for (let at = first; at >= 0; at = view.words[view.next + at]) see(at);
  }
  if (held !== sections) throw new Error(`${sections - held} sections are nowhere`);
}
