/**
 * The host's way to the guest: sections, the host-to-guest ring, signals. See channel-host.ts for the calls.
 *
 *   free sections ──beginBatch──> reserved here ──commitFrame──> committed ──endBatch──> outstanding
 *         ^                            │ endBatch (unused)          │ endBatch (no room)      │
 *         └────────────────────────────┴────────────────────────────┴──── guest's completion ─┘
 *
 * A message's transaction id is {its first section, a serial number}; the sections of one message are chained.
 * So a completion is checked with one comparison, and a second one for the same message never matches.
 */
import type { AgentContext, MemorySegment } from '@vmq/machine';
import {
  VMBUS_DROP_NO_SECTION as DROP_NO_SECTION,
  VMBUS_DROP_NOT_OPEN as DROP_NOT_OPEN,
  VMBUS_DROP_RING_FULL as DROP_RING_FULL,
} from './channel-drop-reasons.ts';
import type { ChannelImage } from './channel-image.ts';
import {
  ANSWER_WORDS,
  ANSWERS_HEAD,
  ANSWERS_TAIL,
  ChannelState,
  COUNT_BYTES_TO_GUEST,
  COUNT_FRAMES_TO_GUEST,
  COUNT_MESSAGES_TO_GUEST,
  COUNT_SIGNALS,
  DELIVERY_LOCK,
  FREE_SECTIONS,
  MAX_ANSWERS,
  OUT_READ_SEEN,
  OUT_WRITE,
  OUTSTANDING,
  PACKET_FILTER,
  PHASE_HANDSHAKE,
  PHASE_OPEN,
  SERIAL,
} from './channel-state.ts';
import {
  NETVSC_RECEIVE_BUFFER_ID,
  NVSP_MESSAGE_BYTES,
  NVSP_MSG1_TYPE_SEND_RNDIS_PKT,
  NVSP_MSG1_TYPE_SEND_RNDIS_PKT_COMPLETE,
  NVSP_RNDIS_CONTROL,
} from './nvsp.ts';
import {
  RING_INTERRUPT_MASK,
  RING_PENDING_SEND_SIZE,
  RING_READ_INDEX,
  RING_WRITE_INDEX,
  RingWords,
} from './ring.ts';
import { writeRndisPacketHeader } from './rndis.ts';
import { VMBUS_TRACE } from './trace-kinds.ts';
import { VIOLATION_RECEIVE_TRANSACTION, VIOLATION_RING_READ_INDEX } from './violations.ts';
import { VM_PKT_COMP, VM_PKT_DATA_USING_XFER_PAGES } from './vmbus-packet.ts';

/** What a channel needs of the agent it runs in. The control half has no trace. */
export type ChannelContext = Pick<AgentContext, 'machine'> & { readonly trace: AgentContext['trace'] | null };

// Folded by the optimiser; imported bindings are not.
const FREE = FREE_SECTIONS;
const WRITE = OUT_WRITE;
const READ_SEEN = OUT_READ_SEEN;
const RNDIS_PKT = NVSP_MSG1_TYPE_SEND_RNDIS_PKT;
const TRANSFER_PAGES = VM_PKT_DATA_USING_XFER_PAGES;
const SET_ID = NETVSC_RECEIVE_BUFFER_ID;
const TRACE_FRAME = VMBUS_TRACE.FRAME_TO_GUEST;
const TRACE_MESSAGE = VMBUS_TRACE.MESSAGE_TO_GUEST;
const TRACE_NOT_DELIVERED = VMBUS_TRACE.NOT_DELIVERED;

/** Bytes of a transfer-page packet in the ring beyond its ranges: header, NVSP message, trailer. */
const MESSAGE_OVERHEAD = 24 + 32 + 8;
/** Bytes of a completion packet in the ring. */
const ANSWER_BYTES = 16 + 32 + 8;
/** Sections taken in one go when the reserve runs out. */
const REFILL = 32;

export class HostOutbound {
  readonly channel: number;
  readonly segment: number;
  readonly maxFrameBytes: number;
  /** Why the last call fell short. */
  refusal = 0;

  protected readonly context: ChannelContext;
  protected readonly image: ChannelImage;
  protected readonly state: ChannelState;
  protected readonly guest: MemorySegment;
  readonly #ring: RingWords;
  readonly #sectionSize: number;
  readonly #sectionsAt: number;
  /** Sections taken from the stack: [0, #used) committed in order, [#used, #held) still empty. */
  readonly #sections: Int32Array;
  readonly #lengths: Int32Array;
  /** The one section of a control message; a batch may be open meanwhile. */
  readonly #controlSection: Int32Array = new Int32Array(1);
  #used = 0;
  #held = 0;
  #bytes = 0;

  constructor(context: ChannelContext, image: ChannelImage) {
    this.context = context;
    this.image = image;
    this.channel = image.channel;
    this.segment = image.segment;
    this.maxFrameBytes = image.maxFrameBytes;
    this.guest = context.machine.memory.segment(image.segment);
    this.state = new ChannelState(image.state, image.stateSections);
    this.#ring = new RingWords(this.guest, image.toGuest);
    this.#sectionSize = image.receive.sectionSize;
    this.#sectionsAt = image.receive.offset;
    this.#sections = new Int32Array(image.receive.sectionCount);
    this.#lengths = new Int32Array(image.receive.sectionCount);
  }

  get isOpen(): boolean {
    return this.state.phase === PHASE_OPEN;
  }

  get packetFilter(): number {
    return Atomics.load(this.state.words, PACKET_FILTER);
  }

  get committed(): number {
    return this.#used;
  }

  beginBatch(expected: number): boolean {
    if (this.#held !== 0) throw new Error(`channel ${this.channel}: beginBatch inside a batch`);
    if (this.state.phase !== PHASE_OPEN) {
      this.refusal = DROP_NOT_OPEN;
      return false;
    }
    this.#takeSections(expected);
    return true;
  }

  reserveSection(): number {
    if (this.#used === this.#held) {
      this.#takeSections(REFILL);
      if (this.#used === this.#held) {
        this.refusal = DROP_NO_SECTION;
        return -1;
      }
    }
    const section = this.#sections[this.#used] as number;
    return this.#sectionsAt + Math.imul(section, this.#sectionSize) + 64;
  }

  commitFrame(length: number, tci: number, stamp: number = 0): void {
    const used = this.#used;
    if (used === this.#held) throw new Error(`channel ${this.channel}: commitFrame without a section`);
    if (length > this.maxFrameBytes || length < 0) {
      throw new RangeError(
        `channel ${this.channel}: frame of ${length} bytes, at most ${this.maxFrameBytes}`,
      );
    }
    const section = this.#sections[used] as number;
    const at = (this.#sectionsAt + Math.imul(section, this.#sectionSize)) >>> 2;
    writeRndisPacketHeader(this.guest.i32, at, length, tci);
    this.#lengths[used] = length;
    this.#bytes += length;
    this.#used = used + 1;
    const trace = this.context.trace;
    if (trace !== null && trace.level !== 0 && trace.wants(2, stamp)) {
      trace.write(TRACE_FRAME, stamp, this.channel, section, length, tci, 0);
    }
  }

  endBatch(): number {
    const used = this.#used;
    const held = this.#held;
    if (held === 0) return 0;
    const state = this.state;
    const words = state.words;
    let sent = 0;
    state.lock(DELIVERY_LOCK);
    if (used !== 0) {
      let why = DROP_NOT_OPEN;
      if (state.phase === PHASE_OPEN) {
        const room = this.#room();
        if (room >= 0) why = DROP_RING_FULL;
        sent = Math.min(used, Math.max(0, (room - MESSAGE_OVERHEAD) >> 3));
      }
      if (sent !== used) this.refusal = why;
      if (sent !== 0) this.#sendMessage(this.#sections, sent, 0, 0);
    }
    // Back on the stack in reverse, so that the next batch takes them in the same order.
    let free = words[FREE] as number;
    for (let i = held - 1; i >= sent; i--) words[state.free + free++] = this.#sections[i] as number;
    words[FREE] = free;
    if (sent !== 0) {
      const counters = state.counters;
      let bytes = this.#bytes;
      for (let i = sent; i < used; i++) bytes -= this.#lengths[i] as number;
      counters[COUNT_FRAMES_TO_GUEST] = (counters[COUNT_FRAMES_TO_GUEST] as number) + sent;
      counters[COUNT_BYTES_TO_GUEST] = (counters[COUNT_BYTES_TO_GUEST] as number) + bytes;
    }
    state.unlock(DELIVERY_LOCK);
    this.#used = 0;
    this.#held = 0;
    this.#bytes = 0;
    if (sent !== 0) this.#signalGuest();
    const trace = this.context.trace;
    if (sent !== used && trace !== null && trace.wants(2, 0)) {
      trace.write(TRACE_NOT_DELIVERED, 0, this.channel, used - sent, this.refusal, 0, 0);
    }
    return sent;
  }

  /** Moves free sections into this batch's reserve. */
  #takeSections(count: number): void {
    const state = this.state;
    const words = state.words;
    state.lock(DELIVERY_LOCK);
    let free = words[FREE] as number;
    let held = this.#held;
    const take = Math.min(count, free, this.#sections.length - held);
    for (let i = 0; i < take; i++) this.#sections[held++] = words[state.free + --free] as number;
    words[FREE] = free;
    state.unlock(DELIVERY_LOCK);
    this.#held = held;
  }

  /**
   * Writes one transfer-page packet for the first `count` of `sections` and publishes it. Lock held, room
   * checked. Data messages (`kind` 0) take the frame's bytes from #lengths; a control message has `bytes`.
   */
  #sendMessage(sections: Int32Array, count: number, kind: number, bytes: number): void {
    const state = this.state;
    const words = state.words;
    const ring = this.#ring;
    const first = sections[0] as number;
    let serial = ((words[SERIAL] as number) + 1) | 0;
    if (serial === 0) serial = 1;
    words[SERIAL] = serial;
    words[state.serials + first] = serial;
    words[OUTSTANDING] = (words[OUTSTANDING] as number) + 1;
    const start = words[WRITE] as number;
    const header = 24 + (count << 3);
    ring.seek(start);
    ring.beginPacket(TRANSFER_PAGES, header, header + 32, 1, first, serial);
    ring.put(SET_ID);
    ring.put(count);
    const size = this.#sectionSize;
    let previous = -1;
    for (let i = 0; i < count; i++) {
      const section = sections[i] as number;
      ring.put(kind === 0 ? 64 + (this.#lengths[i] as number) : bytes);
      ring.put(Math.imul(section, size));
      if (previous >= 0) words[state.next + previous] = section;
      previous = section;
    }
    words[state.next + previous] = -1;
    ring.put(RNDIS_PKT);
    ring.put(kind);
    ring.put(-1); // the message is not in the send buffer
    ring.put(0);
    for (let i = 0; i < 4; i++) ring.put(0);
    ring.endPacket(start);
    this.#publish();
    state.counters[COUNT_MESSAGES_TO_GUEST] = (state.counters[COUNT_MESSAGES_TO_GUEST] as number) + 1;
    const trace = this.context.trace;
    if (trace !== null && trace.level !== 0 && trace.wants(2, 0)) {
      trace.write(TRACE_MESSAGE, 0, this.channel, count, first, serial, 0);
    }
  }

  /** The bytes are written: store the index. Lock held. */
  #publish(): void {
    const position = this.#ring.position;
    this.state.words[WRITE] = position;
    this.#ring.storeHeader(RING_WRITE_INDEX, position);
  }

  /** Wakes the guest unless it has said that it is looking anyway. */
  #signalGuest(): void {
    if (this.#ring.loadHeader(RING_INTERRUPT_MASK) === 1) return;
    this.wakeGuest();
  }

  protected wakeGuest(): void {
    const counters = this.state.counters;
    counters[COUNT_SIGNALS] = (counters[COUNT_SIGNALS] as number) + 1;
    this.context.machine.board.wake(this.image.guestAgent);
  }

  /** Bytes that can be written now, -1 if the guest's index makes no sense. Lock held. */
  #room(): number {
    const ring = this.#ring;
    const words = this.state.words;
    const write = words[WRITE] as number;
    const seen = words[READ_SEEN] as number;
    const read = ring.loadHeader(RING_READ_INDEX);
    if (!ring.isIndex(read) || ring.distance(seen, read) > ring.distance(seen, write)) {
      this.violate(VIOLATION_RING_READ_INDEX);
      return -1;
    }
    words[READ_SEEN] = read;
    return ring.dataBytes - ring.distance(read, write) - 8;
  }

  protected violate(kind: number): void {
    const before = this.state.phase;
    const broken = this.state.violate(kind);
    const trace = this.context.trace;
    if (trace === null || !trace.wants(1, 0)) return;
    trace.write(VMBUS_TRACE.VIOLATION, 0, this.channel, kind, this.state.violations, 0, 0);
    if (broken && before !== this.state.phase) {
      trace.write(VMBUS_TRACE.BROKEN, 0, this.channel, kind, 0, 0, 0);
    }
  }

  /** Gives the sections of a completed message back. Lock held. */
  protected freeMessage(transactionLow: number, transactionHigh: number): void {
    const state = this.state;
    const words = state.words;
    const count = this.#sections.length;
    if (
      transactionLow < 0 ||
      transactionLow >= count ||
      transactionHigh === 0 ||
      words[state.serials + transactionLow] !== transactionHigh
    ) {
      this.violate(VIOLATION_RECEIVE_TRANSACTION);
      return;
    }
    words[state.serials + transactionLow] = 0;
    words[OUTSTANDING] = (words[OUTSTANDING] as number) - 1;
    let free = words[FREE] as number;
    const before = free;
    for (let section = transactionLow; section >= 0; section = words[state.next + section] as number) {
      words[state.free + free++] = section;
    }
    words[FREE] = free;
    const trace = this.context.trace;
    if (trace !== null && trace.level !== 0 && trace.wants(2, 0)) {
      trace.write(VMBUS_TRACE.COMPLETED, 0, this.channel, transactionLow, free - before, 0, 0);
    }
  }

  /** An RNDIS control message for the guest, in a section of its own; false if there is no section or room. */
  protected sendControl(message: Int32Array, bytes: number): boolean {
    const state = this.state;
    const words = state.words;
    let fits = false;
    state.lock(DELIVERY_LOCK);
    const free = words[FREE] as number;
    if (free !== 0 && this.#room() >= MESSAGE_OVERHEAD + 8) {
      const section = words[state.free + free - 1] as number;
      words[FREE] = free - 1;
      const at = (this.#sectionsAt + Math.imul(section, this.#sectionSize)) >>> 2;
      for (let i = 0; i < bytes >>> 2; i++) this.guest.i32[at + i] = message[i] as number;
      this.#controlSection[0] = section;
      this.#sendMessage(this.#controlSection, 1, NVSP_RNDIS_CONTROL, bytes);
      fits = true;
    }
    state.unlock(DELIVERY_LOCK);
    if (fits) this.#signalGuest();
    return fits;
  }

  /** One completion packet with a whole NVSP message; false if there is no room. For the handshake. */
  protected sendAnswer(transactionLow: number, transactionHigh: number, message: readonly number[]): boolean {
    const state = this.state;
    const ring = this.#ring;
    state.lock(DELIVERY_LOCK);
    const fits = this.#room() >= ANSWER_BYTES;
    if (fits) {
      const start = state.words[WRITE] as number;
      ring.seek(start);
      ring.beginPacket(VM_PKT_COMP, 16, 16 + NVSP_MESSAGE_BYTES, 0, transactionLow, transactionHigh);
      for (let i = 0; i < NVSP_MESSAGE_BYTES >>> 2; i++) ring.put(message[i] ?? 0);
      ring.endPacket(start);
      this.#publish();
    }
    state.unlock(DELIVERY_LOCK);
    if (fits) this.#signalGuest();
    return fits;
  }

  /** Remembers a SEND_RNDIS_PKT_COMPLETE for the next {@link flushAnswers}. Poll lock held, queue not full. */
  protected queueAnswer(transactionLow: number, transactionHigh: number, status: number): void {
    const words = this.state.words;
    const tail = words[ANSWERS_TAIL] as number;
    const at = this.state.answers + (tail & (MAX_ANSWERS - 1)) * ANSWER_WORDS;
    words[at] = transactionLow;
    words[at + 1] = transactionHigh;
    words[at + 2] = status;
    words[ANSWERS_TAIL] = (tail + 1) | 0;
  }

  protected get answersWaiting(): number {
    const words = this.state.words;
    return ((words[ANSWERS_TAIL] as number) - (words[ANSWERS_HEAD] as number)) | 0;
  }

  /**
   * Gives completed messages' sections back and writes the waiting answers, as many as fit. What does not fit
   * waits until the guest, which is told how much room is wanted, signals. Poll lock held.
   */
  protected flushAnswers(doneLow: Int32Array, doneHigh: Int32Array, done: number): void {
    const state = this.state;
    const words = state.words;
    const ring = this.#ring;
    const phase = state.phase;
    if (done === 0 && this.answersWaiting === 0) return;
    if (phase !== PHASE_OPEN && phase !== PHASE_HANDSHAKE) return;
    state.lock(DELIVERY_LOCK);
    for (let i = 0; i < done; i++) this.freeMessage(doneLow[i] as number, doneHigh[i] as number);
    let head = words[ANSWERS_HEAD] as number;
    const tail = words[ANSWERS_TAIL] as number;
    let wrote = false;
    if (head !== tail) {
      let room = this.#room();
      const start = words[WRITE] as number;
      ring.seek(start);
      while (head !== tail) {
        if (room < ANSWER_BYTES) {
          // Say what is wanted, then look again: the guest may have read meanwhile and not seen it.
          if (wrote) this.#publish();
          if (room < 0) break;
          ring.storeHeader(RING_PENDING_SEND_SIZE, ANSWER_BYTES);
          room = this.#room();
          if (room < ANSWER_BYTES) break;
          ring.seek(words[WRITE] as number);
        }
        const at = state.answers + (head & (MAX_ANSWERS - 1)) * ANSWER_WORDS;
        const packet = ring.position;
        ring.beginPacket(VM_PKT_COMP, 16, 16 + 32, 0, words[at] as number, words[at + 1] as number);
        ring.put(NVSP_MSG1_TYPE_SEND_RNDIS_PKT_COMPLETE);
        ring.put(words[at + 2] as number);
        for (let i = 0; i < 6; i++) ring.put(0);
        ring.endPacket(packet);
        room -= ANSWER_BYTES;
        head = (head + 1) | 0;
        wrote = true;
      }
      if (wrote && ring.position !== (words[WRITE] as number)) this.#publish();
      if (head === tail) ring.storeHeader(RING_PENDING_SEND_SIZE, 0);
      words[ANSWERS_HEAD] = head;
    }
    state.unlock(DELIVERY_LOCK);
    if (wrote) this.#signalGuest();
  }
}
