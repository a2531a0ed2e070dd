/**
 * The host's way from the guest: the guest-to-host ring, checked word by word.
 *
 * Everything a guest writes is read once, into locals or a private copy, then judged: it may change under our
 * eyes. Frames are copied out of its memory before anyone parses them (SEC-06). A packet that makes no sense is
 * counted by name and refused; a ring that makes no sense breaks this channel and no other (SEC-10).
 */
import { MOST_TAG_BYTES, TRACE_ALL } from '@vmq/machine';
import {
  CHANNELMSG_CLOSECHANNEL,
  GpaGather,
  MessageSlots,
  RING_INTERRUPT_MASK,
  RING_PENDING_SEND_SIZE,
  RING_READ_INDEX,
  RING_WRITE_INDEX,
  RingWords,
  VM_PKT_COMP,
  VM_PKT_DATA_INBAND,
  VM_PKT_DATA_USING_GPA_DIRECT,
} from '@vmq/vmbus';
import type { ChannelImage } from '../channel/channel-image.ts';
import {
  GUEST_ENTRY_LENGTH,
  GUEST_ENTRY_SECTION,
  GUEST_ENTRY_SHIFT,
  GUEST_ENTRY_TCI,
  type GuestFrameBatch,
} from '../channel/guest-frame-batch.ts';
import { VMBUS_TRACE } from '../channel/trace-kinds.ts';
import {
  VIOLATION_GPA_RANGE,
  VIOLATION_HANDSHAKE_ORDER,
  VIOLATION_NVSP_TOO_SHORT,
  VIOLATION_NVSP_TYPE,
  VIOLATION_PACKET_TYPE,
  VIOLATION_RING_PACKET_LENGTH,
  VIOLATION_RING_PACKET_OFFSET,
  VIOLATION_RING_WRITE_INDEX,
  VIOLATION_RNDIS_MESSAGE_LENGTH,
  VIOLATION_SEND_SECTION_INDEX,
  VIOLATION_SEND_SECTION_SIZE,
} from '../channel/violations.ts';
import {
  NETVSC_INVALID_INDEX,
  NVSP_MESSAGE_BYTES,
  NVSP_MSG1_TYPE_REVOKE_RECV_BUF,
  NVSP_MSG1_TYPE_REVOKE_SEND_BUF,
  NVSP_MSG1_TYPE_SEND_RNDIS_PKT,
  NVSP_MSG1_TYPE_SEND_RNDIS_PKT_COMPLETE,
  NVSP_MSG5_TYPE_SUBCHANNEL,
  NVSP_RNDIS_DATA,
  NVSP_STAT_FAIL,
  NVSP_STAT_INVALID_RNDIS_PKT,
  NVSP_STAT_SUCCESS,
} from '../protocol/nvsp.ts';
import { MAX_CONTROL_BYTES } from '../protocol/rndis-control.ts';
import {
  IN_READ,
  IN_WRITE_SEEN,
  MAX_ANSWERS,
  PHASE_BROKEN,
  PHASE_CLOSING,
  PHASE_HANDSHAKE,
  PHASE_OPEN,
  POLL_LOCK,
} from '../state/channel-state.ts';
import type { ChannelHost } from './channel-host.ts';
import type { ChannelContext } from './host-ring.ts';
import { HostRndis, NO_BUFFER, type RndisMessagePlace } from './host-rndis.ts';

/**
 * Takes NVSP messages other than SEND_RNDIS_PKT, during the handshake. Returns the answer's words, null for a
 * message without one, or undefined for a message out of order.
 */
export type NvspHandler = (message: Int32Array) => readonly number[] | null | undefined;

/** Completions gathered before their sections are given back. */
const DONE = 64;
/** Bytes of RNDIS headers and per-packet information in front of a frame that lies in pages. */
const MOST_HEADERS = 1024;
/** What a packet came to, beside the NVSP statuses: it needs no answer, or no answer now. */
const NO_ANSWER = 0;

export class HostChannel extends HostRndis implements ChannelHost {
  readonly #ring: RingWords;
  readonly #slots: MessageSlots;
  readonly #gather: GpaGather;
  /** Longest message in pages that has a frame. */
  readonly #gatherBytes: number;
  /** An NVSP message other than SEND_RNDIS_PKT. */
  readonly #message = new Int32Array(NVSP_MESSAGE_BYTES / 4);
  readonly #doneLow = new Int32Array(DONE);
  readonly #doneHigh = new Int32Array(DONE);
  #done = 0;
  /** Where the message of the packet under way lies. */
  readonly #place: RndisMessagePlace;
  readonly #nvsp: NvspHandler | null;

  /** `nvsp` is given by the control path alone; with it, the channel is polled during the handshake. */
  constructor(context: ChannelContext, image: ChannelImage, nvsp: NvspHandler | null = null) {
    super(context, image, nvsp !== null);
    this.#ring = new RingWords(this.guest, image.toHost);
    this.#slots = new MessageSlots(image.messages, 'host');
    const longest = MOST_HEADERS + image.maxFrameBytes + MOST_TAG_BYTES;
    this.#gatherBytes = Math.max(MAX_CONTROL_BYTES, (longest + 7) & ~7);
    this.#gather = new GpaGather(this.guest, this.#gatherBytes);
    this.#nvsp = nvsp;
    this.#place = { memory: this.guest, at: 0, size: 0, section: 0 };
  }

  poll(frames: GuestFrameBatch, budget: number): boolean {
    const state = this.state;
    if (!state.looksIn(this.#nvsp === null ? PHASE_OPEN : PHASE_HANDSHAKE)) return false;
    if (this.#nvsp === null && this.#slots.waiting() === CHANNELMSG_CLOSECHANNEL) {
      state.advance(PHASE_OPEN, PHASE_CLOSING); // the control path does the rest
      return false;
    }
    if (!state.tryLock(POLL_LOCK)) return true; // another processor is at it and may just have looked
    const before = frames.count;
    try {
      return this.#poll(frames, budget);
    } finally {
      state.unlock(POLL_LOCK);
      if (this.context.trace !== null && this.context.trace.level !== 0) this.#trace(frames, before);
    }
  }

  /** Tells the frames of a poll, from its entries. */
  #trace({ entries, count }: GuestFrameBatch, before: number): void {
    const { trace } = this.context;
    if (trace?.wants(TRACE_ALL, 0) !== true) return;
    for (let i = before; i < count; i++) {
      const at = i << GUEST_ENTRY_SHIFT;
      const section = entries[at + GUEST_ENTRY_SECTION];
      const length = entries[at + GUEST_ENTRY_LENGTH];
      const tci = entries[at + GUEST_ENTRY_TCI];
      trace.write(VMBUS_TRACE.FRAME_FROM_GUEST, 0, this.channel, section, length, tci, 0);
    }
  }

  #poll(frames: GuestFrameBatch, budget: number): boolean {
    const ring = this.#ring;
    const words = this.state.words;
    const start = words[IN_READ];
    let read = start;
    let write = this.#writeIndex(read);
    let left = budget;
    let stuck = write < 0;
    while (!stuck && read !== write && left > 0) {
      if (this.answersWaiting === MAX_ANSWERS || this.#done === DONE) {
        this.#flush();
        if (this.answersWaiting === MAX_ANSWERS) break; // the guest must read first, and will signal
      }
      const next = this.#packet(frames, read, write);
      if (next < 0) {
        stuck = true;
        break;
      }
      read = next;
      left--;
      if (read === write && ring.peekHeader(RING_WRITE_INDEX) !== write) {
        this.#mask(); // it goes on writing while we read
        write = this.#writeIndex(read);
      }
      if (write < 0) stuck = true;
    }
    if (read !== start) {
      words[IN_READ] = read;
      ring.storeHeader(RING_READ_INDEX, read);
    }
    this.#flush();
    if (this.state.looksIn(PHASE_BROKEN)) return false;
    // A guest that ran out of room has left word; waking it costs nothing if it lied.
    if (read !== start && ring.loadHeader(RING_PENDING_SEND_SIZE) !== 0) this.wakeGuest();
    if (stuck || (read !== write && left <= 0)) {
      this.#mask(); // we come back by ourselves
      return true;
    }
    // Where signals were wanted all the time, what was written behind our look has been signalled. (A guest that changes
    // the word itself does without signals, or gives too many.)
    if (ring.peekHeader(RING_INTERRUPT_MASK) === 0) return false;
    ring.storeHeader(RING_INTERRUPT_MASK, 0);
    if (read !== write) return false; // answers wait for room; the guest signals
    return this.#writeIndex(read) !== read && !this.state.looksIn(PHASE_BROKEN);
  }

  /** The guest need not signal. Only a hint: seen late, it costs one signal. */
  #mask(): void {
    this.#ring.words[this.#ring.header + RING_INTERRUPT_MASK] = 1;
  }

  /** The guest's write index, checked; -1 if it makes no sense (the channel is broken then). */
  #writeIndex(read: number): number {
    const ring = this.#ring;
    const words = this.state.words;
    const write = ring.loadHeader(RING_WRITE_INDEX);
    const seen = words[IN_WRITE_SEEN];
    // It may only have moved on from where it was, and not past our read index.
    if (!ring.isIndex(write) || ring.distance(read, seen) + ring.distance(seen, write) >= ring.dataBytes) {
      this.violate(VIOLATION_RING_WRITE_INDEX);
      return -1;
    }
    words[IN_WRITE_SEEN] = write;
    return write;
  }

  /** Takes the packet at `read`; returns the index behind it, or -1 if it stays or the ring is broken. */
  #packet(frames: GuestFrameBatch, read: number, write: number): number {
    const ring = this.#ring;
    const words = ring.words;
    const first = ring.pairAt(read);
    const d0 = words[first];
    const d1 = words[first + 1];
    const second = ring.pairBehind(first);
    const low = words[second];
    const high = words[second + 1];
    const offset = (d0 >>> 16) << 3;
    const length = (d1 & 0xffff) << 3;
    if (length < 16 || length + 8 > ring.distance(read, write)) {
      this.violate(VIOLATION_RING_PACKET_LENGTH);
      return -1;
    }
    if (offset < 16 || offset > length) {
      this.violate(VIOLATION_RING_PACKET_OFFSET);
      return -1;
    }
    const payload = Math.min(length - offset, NVSP_MESSAGE_BYTES) >>> 2;
    let m0 = 0;
    let m1 = 0;
    let m2 = 0;
    let m3 = 0;
    if (payload >= 2) {
      const pair = ring.pairAt(ring.behind(read, offset));
      m0 = words[pair];
      m1 = words[pair + 1];
      if (payload >= 4) {
        const behind = ring.pairBehind(pair);
        m2 = words[behind];
        m3 = words[behind + 1];
      }
    }
    const next = ring.behind(read, length + 8);

    const type = d0 & 0xffff;
    if (type === VM_PKT_COMP) {
      this.#completion(payload, m0, low, high);
      return next;
    }
    let status: number;
    if (type !== VM_PKT_DATA_INBAND && type !== VM_PKT_DATA_USING_GPA_DIRECT) {
      this.violate(VIOLATION_PACKET_TYPE);
      status = NVSP_STAT_FAIL;
    } else if (payload < 4) {
      this.violate(VIOLATION_NVSP_TOO_SHORT);
      status = NVSP_STAT_FAIL;
    } else if (m0 === NVSP_MSG1_TYPE_SEND_RNDIS_PKT) {
      const pages = type === VM_PKT_DATA_USING_GPA_DIRECT ? offset : 0;
      const place = this.#place;
      place.section = m2 >>> 0;
      place.size = m3 >>> 0;
      const fault = this.#locate(place, m1, read, pages);
      status = fault === 0 ? this.takeRndis(frames, m1, place) : fault;
      if (status === NO_BUFFER) return -1;
    } else {
      const message = this.#message;
      message.fill(0);
      message[0] = m0;
      message[1] = m1;
      message[2] = m2;
      message[3] = m3;
      ring.seek(ring.behind(read, offset + 16));
      for (let i = 4; i < payload; i++) message[i] = ring.take();
      status = this.#nvspMessage(low, high);
      if (status === NO_ANSWER) return next;
    }
    if (((d1 >>> 16) & 1) !== 0) this.queueAnswer(low, high, status);
    return status !== NVSP_STAT_SUCCESS && this.state.phase === PHASE_BROKEN ? -1 : next;
  }

  #completion(payload: number, type: number, low: number, high: number): void {
    if (payload < 2) this.violate(VIOLATION_NVSP_TOO_SHORT);
    else if (type !== NVSP_MSG1_TYPE_SEND_RNDIS_PKT_COMPLETE) this.violate(VIOLATION_NVSP_TYPE);
    else {
      this.#doneLow[this.#done] = low;
      this.#doneHigh[this.#done] = high;
      this.#done++;
    }
  }

  /** An NVSP message other than SEND_RNDIS_PKT; returns a status for its answer, or {@link NO_ANSWER}. */
  #nvspMessage(low: number, high: number): number {
    if (this.#nvsp === null) return this.#openMessage(this.#message[0], low, high);
    const answer = this.#nvsp(this.#message);
    if (answer === undefined) {
      this.violate(VIOLATION_HANDSHAKE_ORDER);
      return NVSP_STAT_FAIL;
    }
    if (answer !== null) this.sendAnswer(low, high, answer);
    return NO_ANSWER;
  }

  /** What may come while the channel is open: the end of a buffer, and a request for what this host does not have. */
  #openMessage(type: number, low: number, high: number): number {
    switch (type) {
      case NVSP_MSG1_TYPE_REVOKE_RECV_BUF:
      case NVSP_MSG1_TYPE_REVOKE_SEND_BUF:
        // Its driver is about to close: nothing goes there any more.
        this.setReady(false);
        return NVSP_STAT_SUCCESS;
      case NVSP_MSG5_TYPE_SUBCHANNEL:
        this.sendAnswer(low, high, [NVSP_MSG5_TYPE_SUBCHANNEL, NVSP_STAT_FAIL, 0]);
        return NO_ANSWER;
      default:
        this.violate(VIOLATION_NVSP_TYPE);
        return NVSP_STAT_FAIL;
    }
  }

  /**
   * Finds the message of a SEND_RNDIS_PKT, of which `place` has section and size: in a send section, or in pages that the packet at
   * `packet` names (`descriptorBytes` of it; 0 = none), from where it is gathered. Returns 0, or the NVSP status of a refusal.
   */
  #locate(place: RndisMessagePlace, kind: number, packet: number, descriptorBytes: number): number {
    const { send } = this.image;
    const { section, size } = place;
    const inSection = descriptorBytes === 0 || section !== NETVSC_INVALID_INDEX;
    if (inSection && section >= send.sectionCount) return this.#invalid(VIOLATION_SEND_SECTION_INDEX);
    if (inSection && (size < 12 || size > send.sectionSize))
      return this.#invalid(VIOLATION_SEND_SECTION_SIZE);
    place.memory = this.guest;
    place.at = inSection ? send.offset + Math.imul(section, send.sectionSize) : 0;
    if (descriptorBytes === 0) return 0;
    const gather = this.#gather;
    gather.begin(place.at, inSection ? size : 0);
    if (!gather.ranges(this.#ring, packet, descriptorBytes)) return this.#invalid(VIOLATION_GPA_RANGE);
    if (kind === NVSP_RNDIS_DATA && gather.length > this.#gatherBytes)
      return this.#invalid(VIOLATION_RNDIS_MESSAGE_LENGTH);
    place.memory = gather.memory;
    place.at = 0;
    place.size = gather.length;
    place.section = -1;
    return 0;
  }

  #invalid(violation: number): number {
    this.violate(violation);
    return NVSP_STAT_INVALID_RNDIS_PKT;
  }

  #flush(): void {
    this.flushAnswers(this.#doneLow, this.#doneHigh, this.#done);
    this.#done = 0;
  }
}

/** The data path of an open channel on one processor. `context` is the processor agent's. */
export function createChannelHost(context: ChannelContext, image: ChannelImage): ChannelHost {
  return new HostChannel(context, image);
}
