/**
 * The guest's end of a channel at work; see channel-guest.ts for the calls.
 *
 *   ring ──answers──> handshake, send sections
 *        ──messages──> gather: ranges and RNDIS headers as entries ──> handler ──> completion
 *                          └── what the handler leaves: queue in the driver page ──> handler, at the next poll
 */
import { type AgentContext, isFrameTooLong, type MemorySegment } from '@vmq/machine';
import {
  MessageSlots,
  NVSP_PACKET_BYTES,
  RING_INTERRUPT_MASK,
  RING_PENDING_SEND_SIZE,
  RING_READ_INDEX,
  RING_WRITE_INDEX,
  VM_PKT_COMP,
  VM_PKT_DATA_USING_XFER_PAGES,
} from '@vmq/vmbus';
import {
  NVSP_MSG1_TYPE_SEND_RNDIS_PKT,
  NVSP_MSG1_TYPE_SEND_RNDIS_PKT_COMPLETE,
  NVSP_STAT_BUSY,
} from '../protocol/nvsp.ts';
import {
  NDIS_PACKET_TYPE_ALL_MULTICAST,
  NDIS_PACKET_TYPE_BROADCAST,
  NDIS_PACKET_TYPE_DIRECTED,
  tciFrom8021qInfo,
  writeRndisPacketHeader,
} from '../protocol/rndis.ts';
import {
  type ChannelGuest,
  type ChannelGuestOptions,
  FRAME_ENTRY_WORDS,
  type HostFrameHandler,
} from './channel-guest.ts';
import * as page from './guest-driver-page.ts';
import { GuestHandshake } from './guest-handshake.ts';
import { type GuestLayout, layoutGuest } from './guest-layout.ts';
import { GuestRings, SEND_TRANSACTION } from './guest-rings.ts';

const QUEUE = page.DRIVER_QUEUE;

/** Takes up the channel of `options.segment`: a fresh one, or one that was open when the memory was moved. */
export function createChannelGuest(
  context: Pick<AgentContext, 'machine'>,
  options: ChannelGuestOptions,
): ChannelGuest {
  return new GuestChannel(context, options);
}

class GuestChannel implements ChannelGuest {
  readonly layout: GuestLayout;
  isHeldBack = false;
  readonly #machine: AgentContext['machine'];
  readonly #segment: MemorySegment;
  readonly #slots: MessageSlots;
  readonly #rings: GuestRings;
  readonly #handshake: GuestHandshake;
  readonly #words: Int32Array;
  readonly #driver: number;
  #signalWanted = false;
  /** Frames that the poll under way may still hand over. */
  #left = 0;
  readonly #frames: Int32Array;

  constructor(context: Pick<AgentContext, 'machine'>, options: ChannelGuestOptions) {
    this.#machine = context.machine;
    this.#segment = context.machine.memory.segment(options.segment);
    this.layout = layoutGuest(options.layout);
    if (this.layout.end > this.#segment.byteLength) {
      throw new RangeError(
        `guest: segment ${this.#segment.name} has ${this.#segment.byteLength} bytes, its layout needs ${this.layout.end}`,
      );
    }
    this.#words = this.#segment.i32;
    this.#frames = new Int32Array(this.layout.queueLength * FRAME_ENTRY_WORDS);
    this.#driver = this.layout.driver >>> 2;
    this.#slots = new MessageSlots(options.messages, 'guest');
    this.#rings = new GuestRings(this.#segment, this.layout);
    const filter =
      options.packetFilter ??
      NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_ALL_MULTICAST | NDIS_PACKET_TYPE_BROADCAST;
    this.#handshake = new GuestHandshake(this.#rings, this.#slots, this.layout, filter, () => {
      this.#signalWanted = true;
    });
    this.#handshake.attach();
  }

  #field(word: number): number {
    return this.#words[this.#driver + word];
  }

  get isOpen(): boolean {
    return this.#handshake.step === page.STEP_OPEN;
  }

  get hasFailed(): boolean {
    return this.#handshake.step === page.STEP_FAILED;
  }

  get macLow(): number {
    return this.#field(page.DRIVER_MAC);
  }

  get macHigh(): number {
    return this.#field(page.DRIVER_MAC + 1) & 0xffff;
  }

  get maxFrameBytes(): number {
    return this.#field(page.DRIVER_MAX_FRAME);
  }

  get freeSendSections(): number {
    return this.#rings.freeSections;
  }

  poll(handler: HostFrameHandler, budget: number): boolean {
    this.#rings.stopWaiting();
    this.#handshake.advance();
    const step = this.#handshake.step;
    // Rings exist from OPENCHANNEL to the end of the channel.
    let more = false;
    if (step > page.STEP_OPEN_CHANNEL && step <= page.STEP_OPEN) {
      this.isHeldBack = false;
      this.#left = budget | 0;
      // With frames left over from an earlier poll all others queue behind them, and answers make room for them.
      more = this.#drain(handler);
      if (this.#deliver(handler)) more = true;
    }
    if (step !== page.STEP_OPEN) this.#handshake.advance();
    this.flush();
    return more;
  }

  reserveSend(): number {
    if (!this.isOpen || !this.#rings.hasRoom(NVSP_PACKET_BYTES)) return -1;
    const section = this.#rings.topSection();
    if (section < 0) return -1;
    return this.layout.send + Math.imul(section, this.#field(page.DRIVER_SEND_SIZE)) + 64;
  }

  commitSend(length: number, tci: number): void {
    const section = this.#rings.topSection();
    const start = this.layout.send + Math.imul(section, this.#field(page.DRIVER_SEND_SIZE));
    if (section < 0 || isFrameTooLong(this.#segment.u8, start + 64, length, this.maxFrameBytes, tci !== 0)) {
      throw new RangeError(`guest: commitSend of ${length} bytes, section ${section}`);
    }
    this.#rings.popSection();
    const at = start >>> 2;
    writeRndisPacketHeader(this.#words, at, length, tci);
    this.#rings.writeMessage(
      section,
      SEND_TRANSACTION,
      NVSP_MSG1_TYPE_SEND_RNDIS_PKT,
      0,
      section,
      64 + length,
    );
  }

  flush(): void {
    if (this.#rings.publish()) this.#signalWanted = true;
    if (!this.#signalWanted) return;
    this.#signalWanted = false;
    this.#slots.signalHost(this.#machine.interrupts);
  }

  close(): void {
    this.#handshake.close();
    this.#handshake.advance();
    this.flush();
  }

  /**
   * Empties the host's ring: answers are taken at once; frames are handed over while nothing stands before them, and
   * queued otherwise. So a frame that the handler holds back never stands before the answer that would give the
   * handler room.
   */
  #drain(handler: HostFrameHandler): boolean {
    const ring = this.#rings.inbound;
    const start = ring.peekHeader(RING_READ_INDEX); // our own
    let read = start;
    let write = ring.loadHeader(RING_WRITE_INDEX);
    let full = false;
    // The host may write while we read, but in one poll the ring goes round once.
    for (let left = ring.dataBytes; ; ) {
      if (read === write) {
        if (ring.peekHeader(RING_WRITE_INDEX) === write) break;
        // It goes on writing while we read. Only a hint that signals are not wanted: seen late, it costs one.
        ring.words[ring.header + RING_INTERRUPT_MASK] = 1;
        write = ring.loadHeader(RING_WRITE_INDEX);
      }
      if (left <= 0) break;
      if (!ring.isIndex(read) || !ring.isIndex(write)) return this.#fail();
      ring.seek(read);
      const d0 = ring.take();
      const d1 = ring.take();
      const low = ring.take();
      const high = ring.take();
      const offset = (d0 >>> 16) << 3;
      const length = (d1 & 0xffff) << 3;
      if (offset < 16 || offset > length || length + 8 > ring.distance(read, write)) return this.#fail();
      if ((d0 & 0xffff) === VM_PKT_DATA_USING_XFER_PAGES)
        full = !this.#message(handler, read, offset, low, high);
      else if ((d0 & 0xffff) === VM_PKT_COMP) this.#answer(low, high);
      if (full) break;
      ring.seek(read);
      ring.skip(length + 8);
      read = ring.position;
      left -= length + 8;
    }
    if (read !== start) {
      ring.storeHeader(RING_READ_INDEX, read);
      if (ring.loadHeader(RING_PENDING_SEND_SIZE) !== 0) this.#signalWanted = true;
    }
    // Where signals were wanted all the time, what was written behind our look has been signalled.
    if (ring.peekHeader(RING_INTERRUPT_MASK) !== 0) {
      ring.storeHeader(RING_INTERRUPT_MASK, 0);
      write = ring.loadHeader(RING_WRITE_INDEX);
    }
    return !full && write !== read;
  }

  /** The host's side of the channel makes no sense: no more is read of it until it is offered again. */
  #fail(): false {
    this.#handshake.fail();
    return false;
  }

  #answer(low: number, high: number): void {
    const ring = this.#rings.inbound;
    const type = ring.take();
    const a = ring.take();
    if (high === SEND_TRANSACTION) {
      const count = this.#field(page.DRIVER_SEND_COUNT);
      if (
        low < 0 ||
        low >= count ||
        this.#rings.freeSections >= count ||
        type !== NVSP_MSG1_TYPE_SEND_RNDIS_PKT_COMPLETE
      )
        return;
      this.#rings.pushSection(low);
      if (a === NVSP_STAT_BUSY) this.#handshake.refused();
      return;
    }
    const b = ring.take();
    const c = ring.take();
    const d = ring.take();
    this.#handshake.answered(type, a, b, c, d, ring.take());
  }

  /** Takes the frames of the transfer-page packet at `read`; false if the queue has no room for what must wait. */
  #message(handler: HostFrameHandler, read: number, offset: number, low: number, high: number): boolean {
    const ring = this.#rings.inbound;
    ring.take(); // transfer-page set
    const ranges = ring.take();
    if (ranges < 0 || ranges > (offset - 24) >> 3) return this.#fail();
    const waiting = (this.#field(page.DRIVER_QUEUE_TAIL) - this.#field(page.DRIVER_QUEUE_HEAD)) | 0;
    if (waiting + ranges > this.layout.queueLength) return false;
    ring.seek(read);
    ring.skip(offset);
    ring.take(); // SEND_RNDIS_PKT
    const kind = ring.take();
    ring.seek(read);
    ring.skip(24);
    let done = 0;
    if (kind === 0 && waiting === 0 && !this.isHeldBack) {
      const start = ring.at;
      if (!this.#gather(ranges)) return this.#fail();
      done = this.#handOver(handler, Math.min(ranges, this.#left));
      if (done === ranges && this.#rings.hasRoom(NVSP_PACKET_BYTES)) {
        this.#rings.writeCompletion(low, high);
        return true;
      }
      ring.at = start;
      ring.skip(done << 3);
    }
    return this.#queue(done, ranges, kind, low, high);
  }

  /** Reads the ranges that the ring stands before, and their RNDIS headers, into entries; false if one makes no sense. */
  #gather(ranges: number): boolean {
    const ring = this.#rings.inbound;
    const words = this.#words;
    const frames = this.#frames;
    const data = ring.data | 0;
    const end = (data + (ring.dataBytes >>> 2)) | 0;
    const receive = this.layout.receive | 0;
    const receiveLength = this.layout.receiveLength | 0;
    const receiveEnd = (receive + receiveLength) | 0;
    const stop = ranges * FRAME_ENTRY_WORDS;
    let at = (data + ring.at) | 0;
    let wrong = 0;
    let tags = 0;
    for (let entry = 0; entry < stop; entry = (entry + FRAME_ENTRY_WORDS) | 0) {
      // The range's bytes are skipped: the RNDIS message says them again.
      const within = words[(at + 1) | 0];
      const section = (receive + within) | 0;
      const header = section >>> 2;
      const start = (section + 8 + words[(header + 2) | 0]) | 0;
      const length = words[(header + 3) | 0];
      const info = words[(header + 8) | 0] === 0 ? 0 : words[(header + 14) | 0];
      // Negative if any of these lies outside; taken together, since none ever does. Each difference is of numbers that
      // terms before it have found not negative, so the first that goes wrong cannot wrap round to a positive one.
      wrong |= within | (receiveLength - 1 - within) | start | (start - receive);
      wrong |= length | (receiveEnd - start) | (receiveEnd - start - length);
      frames[entry] = start;
      frames[(entry + 1) | 0] = length;
      frames[(entry + 2) | 0] = info;
      tags |= info;
      at = (at + 2) | 0;
      if (at === end) at = data;
    }
    if (tags !== 0)
      for (let entry = 2; entry < stop; entry += FRAME_ENTRY_WORDS)
        if (frames[entry] !== 0) frames[entry] = tciFrom8021qInfo(frames[entry]);
    return wrong >= 0;
  }

  /** Hands the first `count` entries to the handler; returns how many it took. */
  #handOver(handler: HostFrameHandler, count: number): number {
    const frames = this.#frames;
    let done = 0;
    if (handler.frames !== undefined) done = handler.frames(frames, count);
    else {
      for (let entry = 0; done < count; entry += FRAME_ENTRY_WORDS, done++) {
        const length = frames[entry + 1];
        if (!handler.frame(frames[entry], length, frames[entry + 2])) break;
      }
    }
    this.isHeldBack = done < count;
    this.#left -= done;
    return done;
  }

  /** Queues ranges `from` to `ranges` - 1, of which the ring stands before the first; `from` may be all of them. */
  #queue(from: number, ranges: number, kind: number, low: number, high: number): boolean {
    const ring = this.#rings.inbound;
    const words = this.#words;
    const { receive, receiveLength, queueLength } = this.layout;
    let tail = this.#field(page.DRIVER_QUEUE_TAIL);
    const put = (section: number, last: boolean): void => {
      const entry = this.#driver + QUEUE + ((tail & (queueLength - 1)) << 2);
      words[entry] = section;
      words[entry + 1] = last ? 1 : 0;
      words[entry + 2] = low;
      words[entry + 3] = high;
      tail = (tail + 1) | 0;
    };
    for (let i = from; i < ranges; i++) {
      ring.take(); // bytes of the range; the RNDIS message says it again
      const at = ring.take() >>> 0;
      if (at >= receiveLength) return this.#fail();
      const section = receive + at;
      if (kind !== 0) this.#handshake.controlMessage(section >>> 2);
      put(kind === 0 ? section : -1, i + 1 === ranges);
    }
    if (from === ranges) put(-1, true); // only the completion waits
    words[this.#driver + page.DRIVER_QUEUE_TAIL] = tail;
    return true;
  }

  /** Hands queued frames to the handler and completes their messages; true if some are left and can be taken. */
  #deliver(handler: HostFrameHandler): boolean {
    const words = this.#words;
    const tail = this.#field(page.DRIVER_QUEUE_TAIL);
    let head = this.#field(page.DRIVER_QUEUE_HEAD);
    if (head === tail) return false;
    this.isHeldBack = false;
    const mask = this.layout.queueLength - 1;
    const taken = this.#driver + page.DRIVER_TAKEN;
    const { receive } = this.layout;
    const receiveEnd = receive + this.layout.receiveLength;
    let waits = false;
    for (; head !== tail && this.#left > 0; this.#left--) {
      const entry = this.#driver + QUEUE + ((head & mask) << 2);
      const section = words[entry];
      if (section >= 0 && words[taken] === 0) {
        const at = section >>> 2;
        const tci = words[at + 8] === 0 ? 0 : tciFrom8021qInfo(words[at + 14]);
        const start = section + 8 + words[at + 2];
        const length = words[at + 3];
        // Asked so that what lies outside memory, and is no number, fails too.
        if (!(start >= receive && length >= 0 && start + length <= receiveEnd)) return this.#fail();
        if (!handler.frame(start, length, tci)) {
          this.isHeldBack = true;
          waits = true;
          break;
        }
      }
      if (words[entry + 1] === 1) {
        if (!this.#rings.hasRoom(NVSP_PACKET_BYTES)) {
          words[taken] = 1;
          waits = true;
          break;
        }
        this.#rings.writeCompletion(words[entry + 2], words[entry + 3]);
      }
      words[taken] = 0;
      head = (head + 1) | 0;
    }
    words[this.#driver + page.DRIVER_QUEUE_HEAD] = head;
    return !waits && head !== tail;
  }
}
