/**
 * The host's end of the host-to-guest ring: room, publication, signals, answers to the guest's messages, and
 * the sections of messages the guest has completed.
 *
 * The guest's read index is the only word of the ring that is ever read back, and it is checked each time.
 */
import type { AgentContext, MemorySegment } from '@vmq/machine';
import {
  NVSP_PACKET_BYTES,
  RING_INTERRUPT_MASK,
  RING_PENDING_SEND_SIZE,
  RING_READ_INDEX,
  RING_WRITE_INDEX,
  RingWords,
  VM_PKT_COMP,
} from '@vmq/vmbus';
import type { ChannelImage } from '../channel/channel-image.ts';
import { VMBUS_TRACE } from '../channel/trace-kinds.ts';
import { VIOLATION_RECEIVE_TRANSACTION, VIOLATION_RING_READ_INDEX } from '../channel/violations.ts';
import { NVSP_MESSAGE_BYTES, NVSP_MSG1_TYPE_SEND_RNDIS_PKT_COMPLETE } from '../protocol/nvsp.ts';
import {
  ANSWER_WORDS,
  ANSWERS_HEAD,
  ANSWERS_TAIL,
  ChannelState,
  COUNT_SIGNALS,
  DELIVERY_LOCK,
  FREE_SECTIONS,
  LOAN_ADAPTER,
  LOANED_SECTIONS,
  MAX_ANSWERS,
  MULTICAST_COUNT,
  OUT_READ_SEEN,
  OUT_WRITE,
  OUTSTANDING,
  PACKET_FILTER,
  PHASE_HANDSHAKE,
  PHASE_OPEN,
  RETURNED_SECTIONS,
} from '../state/channel-state.ts';

/** What a channel needs of the agent it runs in. The control path has no trace. */
export type ChannelContext = Pick<AgentContext, 'machine'> & { readonly trace: AgentContext['trace'] | null };

/** Bytes of a completion packet in the ring. */

export class HostRing {
  readonly channel: number;
  readonly segment: number;
  readonly maxFrameBytes: number;

  protected readonly context: ChannelContext;
  protected readonly image: ChannelImage;
  protected readonly state: ChannelState;
  protected readonly guest: MemorySegment;
  /** Host to guest. */
  protected readonly outbound: RingWords;

  constructor(context: ChannelContext, image: ChannelImage) {
    this.context = context;
    this.image = image;
    this.channel = image.channel;
    this.segment = image.segment;
    this.maxFrameBytes = image.maxFrameBytes;
    this.guest = context.machine.memory.segment(image.segment);
    this.state = new ChannelState(image.state, image.stateSections);
    this.outbound = new RingWords(this.guest, image.toGuest);
  }

  get isOpen(): boolean {
    return this.state.phase === PHASE_OPEN;
  }

  get packetFilter(): number {
    return Atomics.load(this.state.words, PACKET_FILTER);
  }

  wantsMulticast(a: number, b: number): boolean {
    const { words, multicast } = this.state;
    const count = words[MULTICAST_COUNT];
    for (let i = 0; i < count; i++) {
      if (words[multicast + 2 * i] === a && words[multicast + 2 * i + 1] === b) return true;
    }
    return false;
  }

  /** The bytes are written: store the index. Lock held. */
  protected publish(): void {
    const position = this.outbound.position;
    this.state.words[OUT_WRITE] = position;
    this.outbound.storeHeader(RING_WRITE_INDEX, position);
  }

  /**
   * Wakes the guest unless it has said that it is looking anyway, and says so still: a plain load may be old, and one
   * signal too many does no harm.
   */
  protected signalGuest(): void {
    const ring = this.outbound;
    if (ring.peekHeader(RING_INTERRUPT_MASK) === 1 && ring.loadHeader(RING_INTERRUPT_MASK) === 1) return;
    this.wakeGuest();
  }

  protected wakeGuest(): void {
    const counters = this.state.counters;
    counters[COUNT_SIGNALS] = counters[COUNT_SIGNALS] + 1;
    this.context.machine.board.wake(this.image.guestAgent);
  }

  /** Bytes that can be written now, -1 if the guest's index makes no sense. Lock held. */
  protected room(): number {
    const ring = this.outbound;
    const words = this.state.words;
    const write = words[OUT_WRITE];
    const seen = words[OUT_READ_SEEN];
    const read = ring.loadHeader(RING_READ_INDEX);
    if (!ring.isIndex(read) || ring.distance(seen, read) > ring.distance(seen, write)) {
      this.violate(VIOLATION_RING_READ_INDEX);
      return -1;
    }
    words[OUT_READ_SEEN] = read;
    return ring.dataBytes - ring.distance(read, write) - 8;
  }

  protected violate(kind: number): void {
    const before = this.state.phase;
    const window = Math.floor(this.context.machine.clock.now() / this.image.violationWindow);
    const broken = this.state.violate(kind, window);
    const trace = this.context.trace;
    if (trace === null || !trace.wants(1, 0)) return;
    trace.write(VMBUS_TRACE.VIOLATION, 0, this.channel, kind, this.state.violations, 0, 0);
    if (broken && before !== this.state.phase) {
      trace.write(VMBUS_TRACE.BROKEN, 0, this.channel, kind, 0, 0, 0);
    }
  }

  /** Gives the sections of a completed message back, loaned ones to whoever collects them. Lock held. */
  protected freeMessage(transactionLow: number, transactionHigh: number): void {
    const state = this.state;
    const words = state.words;
    const count = this.image.receive.sectionCount;
    if (
      transactionLow < 0 ||
      transactionLow >= count ||
      transactionHigh === 0 ||
      words[state.serials + transactionLow] !== transactionHigh
    ) {
      this.violate(VIOLATION_RECEIVE_TRANSACTION);
      return;
    }
    state.noteGood();
    words[state.serials + transactionLow] = 0;
    words[OUTSTANDING] = words[OUTSTANDING] - 1;
    let free = words[FREE_SECTIONS];
    let returned = words[RETURNED_SECTIONS];
    const before = free + returned;
    const { next, loans } = state;
    const stack = state.free;
    const loaning = words[LOANED_SECTIONS] !== 0;
    for (let section = transactionLow; section >= 0; section = words[next + section]) {
      if (!loaning || words[loans + section] === 0) words[stack + free++] = section;
      else {
        words[loans + section] = LOAN_ADAPTER;
        words[state.returned + returned++] = section;
      }
    }
    words[FREE_SECTIONS] = free;
    words[RETURNED_SECTIONS] = returned;
    const trace = this.context.trace;
    if (trace !== null && trace.level !== 0 && trace.wants(2, 0)) {
      trace.write(VMBUS_TRACE.COMPLETED, 0, this.channel, transactionLow, free + returned - before, 0, 0);
    }
  }

  /** One completion packet with a whole NVSP message; false if there is no room. For the handshake. */
  protected sendAnswer(transactionLow: number, transactionHigh: number, message: readonly number[]): boolean {
    const state = this.state;
    const ring = this.outbound;
    state.lock(DELIVERY_LOCK);
    const fits = this.room() >= NVSP_PACKET_BYTES;
    if (fits) {
      const start = state.words[OUT_WRITE];
      ring.seek(start);
      ring.beginPacket(VM_PKT_COMP, 16, 16 + NVSP_MESSAGE_BYTES, 0, transactionLow, transactionHigh);
      for (let i = 0; i < NVSP_MESSAGE_BYTES >>> 2; i++) ring.put(message[i] ?? 0);
      ring.endPacket(start);
      this.publish();
    }
    state.unlock(DELIVERY_LOCK);
    if (fits) this.signalGuest();
    return fits;
  }

  /** Remembers a SEND_RNDIS_PKT_COMPLETE for the next {@link flushAnswers}. Poll lock held, queue not full. */
  protected queueAnswer(transactionLow: number, transactionHigh: number, status: number): void {
    const words = this.state.words;
    const tail = words[ANSWERS_TAIL];
    const at = this.state.answers + (tail & (MAX_ANSWERS - 1)) * ANSWER_WORDS;
    words[at] = transactionLow;
    words[at + 1] = transactionHigh;
    words[at + 2] = status;
    words[ANSWERS_TAIL] = (tail + 1) | 0;
  }

  protected get answersWaiting(): number {
    const words = this.state.words;
    return (words[ANSWERS_TAIL] - words[ANSWERS_HEAD]) | 0;
  }

  /**
   * Gives completed messages' sections back and writes the waiting answers, as many as fit. What does not fit
   * waits until the guest, which is told how much room is wanted, signals. Poll lock held.
   */
  protected flushAnswers(doneLow: Int32Array, doneHigh: Int32Array, done: number): void {
    const state = this.state;
    const words = state.words;
    const ring = this.outbound;
    if (done === 0 && this.answersWaiting === 0) return;
    if (!state.looksIn(PHASE_OPEN) && !state.looksIn(PHASE_HANDSHAKE)) return;
    state.lock(DELIVERY_LOCK);
    for (let i = 0; i < done; i++) this.freeMessage(doneLow[i], doneHigh[i]);
    let head = words[ANSWERS_HEAD];
    const tail = words[ANSWERS_TAIL];
    let wrote = false;
    if (head !== tail) {
      let room = this.room();
      const start = words[OUT_WRITE];
      ring.seek(start);
      while (head !== tail) {
        if (room < NVSP_PACKET_BYTES) {
          // Say what is wanted, then look again: the guest may have read meanwhile and not seen it.
          if (wrote) this.publish();
          if (room < 0) break;
          ring.storeHeader(RING_PENDING_SEND_SIZE, NVSP_PACKET_BYTES);
          room = this.room();
          if (room < NVSP_PACKET_BYTES) break;
          ring.seek(words[OUT_WRITE]);
        }
        const at = state.answers + (head & (MAX_ANSWERS - 1)) * ANSWER_WORDS;
        const low = words[at];
        const high = words[at + 1];
        ring.putNvspPacket(
          VM_PKT_COMP,
          0,
          low,
          high,
          NVSP_MSG1_TYPE_SEND_RNDIS_PKT_COMPLETE,
          words[at + 2],
          0,
          0,
        );
        room -= NVSP_PACKET_BYTES;
        head = (head + 1) | 0;
        wrote = true;
      }
      if (wrote && ring.position !== words[OUT_WRITE]) this.publish();
      if (head === tail) ring.storeHeader(RING_PENDING_SEND_SIZE, 0);
      words[ANSWERS_HEAD] = head;
    }
    state.unlock(DELIVERY_LOCK);
    if (wrote) this.signalGuest();
  }
}
