/**
 * A guest: the NetVSC driver of a VM and what runs above it, over the VM's own memory segment.
 *
 *   host ──channel──> count ─> record ─> responder ──┐
 *   host <──channel── send buffer <── source, sender <┘
 *
 * A frame is taken by all endpoints or by none: when the record is full, or the responder has no room for an
 * answer, it stays in its section and comes again.
 */
import { type Agent, type AgentContext, copyBytes, FrameConsumer, type MemorySegment } from '@vmq/machine';
import { type ChannelGuest, createChannelGuest, FRAME_ENTRY_WORDS, type HostFrameHandler } from '@vmq/netvsc';
import { FrameLayout, isGroupMac, readMacHi, readMacLo, verifyFrameChecksums } from '@vmq/wire';
import type { GuestAgentData, GuestMessage } from '../endpoint/endpoint-config.ts';
import { ENDPOINT_PAGE_BYTES, EndpointPage } from '../endpoint/endpoint-page.ts';
import { refusalOfFrame, refusalOfGuestMessage } from '../endpoint/endpoint-refusals.ts';
import { Responder } from '../endpoint/responder.ts';
import { Sender } from '../endpoint/sender.ts';
import { RecordWriter } from '../observe/record.ts';
import * as statistics from '../observe/statistics.ts';
import { GUEST_TRACE, REFUSED_FRAME, REFUSED_RESPONDER, REFUSED_SENDER } from '../observe/trace-kinds.ts';
import { FramePort } from '../port/frame-port.ts';
import { VcpuPause } from '../port/vcpu-pause.ts';

/** IPv4, TCP and UDP bits of `verifyFrameChecksums` that say wrong. */
const CHECKSUM_BAD = 0x02 | 0x08 | 0x20;
const TRACE_RECEIVED = GUEST_TRACE.RECEIVED;
const TRACE_SENT = GUEST_TRACE.SENT;

/** What runs in a VM; `virtual-machine.ts` starts and stops it. */
export class Guest implements Agent, HostFrameHandler {
  readonly #context: AgentContext;
  readonly #segment: MemorySegment;
  readonly #channel: ChannelGuest;
  readonly #port: FramePort;
  readonly #vcpu: VcpuPause;
  readonly #counters: Float64Array;
  readonly #budget: number;
  readonly #number: number;
  readonly #record: RecordWriter | null;
  readonly #source: FrameConsumer | null;
  readonly #layout: FrameLayout | null;
  readonly #page: EndpointPage;
  #responder: Responder | null;
  #sender: Sender | null;
  #wasOpen = false;
  // Counts of the batch, stored at its end.
  #frames = 0;
  #bytes = 0;
  #multicast = 0;
  #broadcast = 0;
  #misdirected = 0;
  #tagged = 0;
  #checksumErrors = 0;
  #taken: number;

  constructor(context: AgentContext, data: GuestAgentData) {
    this.#context = context;
    this.#segment = context.machine.memory.segment(data.segment);
    const { segment, messages, layout, packetFilter } = data;
    this.#channel = createChannelGuest(context, {
      segment,
      messages,
      ...(layout && { layout }),
      ...(packetFilter !== undefined && { packetFilter }),
    });
    this.#vcpu = new VcpuPause(data.vcpuPause);
    this.#port = new FramePort(this.#segment, this.#channel, this.#vcpu);
    this.#counters = new Float64Array(data.statistics);
    this.#budget = data.budget ?? 256;
    this.#number = data.number;
    // As the switch numbers its deliveries to this guest.
    this.#taken = (this.#counters[statistics.FRAMES_RECEIVED] + context.machine.counters.words) | 0;
    this.#record = data.record === undefined ? null : new RecordWriter(data.record);
    this.#source = data.source === undefined ? null : new FrameConsumer(data.source);
    this.#layout = data.verifyChecksums === true ? new FrameLayout() : null;
    const { endpointPage, responder, sender } = data;
    const page =
      endpointPage === undefined
        ? new EndpointPage(new ArrayBuffer(ENDPOINT_PAGE_BYTES), 0)
        : new EndpointPage(this.#segment.buffer, endpointPage);
    this.#page = page;
    const fresh = !page.isResumed;
    this.#responder = Responder.resume(page);
    this.#sender = Sender.resume(page, data.number);
    if (fresh && responder) this.#obey({ op: 'respond', responder });
    if (fresh && sender) this.#obey({ op: 'send', sender });
  }

  step(): boolean {
    if (this.#vcpu.isOn) return false; // whoever releases it wakes us
    const channel = this.#channel;
    let more = channel.poll(this, this.#budget);
    const open = channel.isOpen;
    if (open !== this.#wasOpen) this.#changed(open);
    if (open) {
      if (this.#source !== null && this.#forward(this.#source)) more = true;
      if (this.#sender?.isTooLong(this.#port.maxFrameBytes) === true) {
        this.#sender = null;
        this.#refuse(REFUSED_SENDER, 0);
      }
      if (this.#sender?.step(this.#port) === true) more = true;
      channel.flush();
    }
    this.#store();
    return more;
  }

  refresh(messages: readonly unknown[]): void {
    for (const message of messages as readonly GuestMessage[]) this.#obey(message);
  }

  #obey(message: GuestMessage): void {
    if (refusalOfGuestMessage(message, this.#channel.layout.maxFrameBytes) !== null)
      this.#refuse(message.op === 'send' ? REFUSED_SENDER : REFUSED_RESPONDER, 0);
    else if (message.op === 'send') this.#sender = Sender.begin(this.#page, message.sender, this.#number);
    else if (message.op === 'respond') this.#responder = Responder.begin(this.#page, message.responder);
    else if (message.op === 'close') this.#channel.close();
  }

  /** Counts what could not be done; a guest does not end for it. */
  #refuse(what: number, length: number): void {
    add(this.#counters, statistics.REFUSED, 1);
    const trace = this.#context.trace;
    if (trace.level !== 0 && trace.wants(1, 0)) trace.write(GUEST_TRACE.REFUSED, 0, what, length, 0, 0, 0);
  }

  /** Frames of the host: all of them counted at once where nothing but the counting is wanted. */
  frames(entries: Int32Array, count: number): number {
    if (
      this.#responder !== null ||
      this.#record !== null ||
      this.#layout !== null ||
      this.#context.trace.level !== 0 ||
      !this.#vcpu.runs
    ) {
      let taken = 0;
      for (let at = 0; taken < count; at += FRAME_ENTRY_WORDS, taken++) {
        const length = entries[at + 1];
        if (!this.frame(entries[at], length, entries[at + 2])) break;
      }
      return taken;
    }
    if (!this.#wasOpen) this.#changed(true);
    const i32 = this.#segment.i32;
    const first = this.#port.macFirst | 0;
    const last = this.#port.macLast | 0;
    const stop = count * FRAME_ENTRY_WORDS;
    let bytes = 0;
    let tagged = 0;
    let others = 0;
    for (let at = 0; at < stop; at = (at + FRAME_ENTRY_WORDS) | 0) {
      const offset = entries[at];
      const tci = entries[(at + 2) | 0];
      const word = offset >> 2;
      const other = (i32[word] ^ first) | ((i32[(word + 1) | 0] ^ last) & 0xffff) | (offset & 3);
      bytes = (bytes + entries[(at + 1) | 0]) | 0;
      // One for every value but 0.
      tagged = (tagged + ((tci | -tci) >>> 31)) | 0;
      others |= other;
    }
    this.#taken = (this.#taken + count) | 0;
    this.#frames += count;
    this.#bytes += bytes;
    this.#tagged += tagged;
    if (others !== 0) for (let at = 0; at < stop; at += FRAME_ENTRY_WORDS) this.#countOther(entries[at]);
    return count;
  }

  /** A frame of the host: into every endpoint, or into none. */
  frame(offset: number, length: number, tci: number): boolean {
    if (this.#vcpu.isOn) return this.#holdBack();
    // The first frames can come in the very poll that ends the handshake.
    if (!this.#wasOpen) this.#changed(true);
    const responder = this.#responder;
    if (responder !== null && this.#port.reserve() < 0) return this.#holdBack();
    const number = (this.#taken + 1) | 0;
    if (this.#record !== null && !this.#record.write(this.#segment, offset, length, number, tci)) {
      return this.#holdBack();
    }
    this.#taken = number;
    this.#count(offset, length, tci);
    if (responder !== null) responder.frame(this.#port, offset, length, tci);
    this.#vcpu.spend();
    const trace = this.#context.trace;
    if (trace.level !== 0 && trace.wants(2, 0)) {
      trace.write(TRACE_RECEIVED, 0, number, length, tci, 0, 0);
    }
    return true;
  }

  #holdBack(): boolean {
    const trace = this.#context.trace;
    if (trace.level !== 0 && trace.wants(2, 0)) trace.write(GUEST_TRACE.HELD_BACK, 0, 0, 0, 0, 0, 0);
    return false;
  }

  #count(offset: number, length: number, tci: number): void {
    this.#frames++;
    this.#bytes += length;
    if (tci !== 0) this.#tagged++;
    const port = this.#port;
    // The host puts frames at multiples of 8 bytes; where another would not, words do not show the address.
    const word = offset >> 2;
    const i32 = this.#segment.i32;
    if ((offset & 3) !== 0 || i32[word] !== port.macFirst || (i32[word + 1] & 0xffff) !== port.macLast) {
      this.#countOther(offset);
    }
    const layout = this.#layout;
    if (layout === null) return;
    const bytes = this.#segment.u8;
    if ((verifyFrameChecksums(bytes, layout.of(bytes, offset, length)) & CHECKSUM_BAD) !== 0)
      this.#checksumErrors++;
  }

  /** A frame that is, by its first look, not for this station alone. */
  #countOther(offset: number): void {
    const bytes = this.#segment.u8;
    const hi = readMacHi(bytes, offset);
    const lo = readMacLo(bytes, offset);
    if (isGroupMac(hi)) {
      if (hi === 0xffff && lo === 0xffffffff) this.#broadcast++;
      else this.#multicast++;
    } else if (hi !== this.#port.macHi || lo !== this.#port.macLo) this.#misdirected++;
  }

  #changed(open: boolean): void {
    this.#wasOpen = open;
    this.#port.readAddress();
    const trace = this.#context.trace;
    if (!trace.wants(1, 0)) return;
    const { macHi, macLo } = this.#port;
    trace.write(open ? GUEST_TRACE.OPENED : GUEST_TRACE.CLOSED, 0, macHi, macLo | 0, 0, 0, 0);
  }

  /** Sends what waits in the source ring; true if frames are left because the budget ran out. */
  #forward(source: FrameConsumer): boolean {
    const waiting = source.available();
    const port = this.#port;
    let sent = 0;
    while (sent < waiting && sent < this.#budget) {
      const length = source.lengthOf(sent);
      const from = source.offsetOf(sent);
      const tci = source.stampOf(sent) & 0xffff;
      if (refusalOfFrame(source.u8, from, length, tci, port.maxFrameBytes) !== null) {
        this.#refuse(REFUSED_FRAME, length);
        sent++;
        continue;
      }
      const at = port.isPaused ? -1 : port.reserve();
      if (at < 0) break; // the host's completions wake us, or whoever ends its pause
      copyBytes(source, from, this.#segment, at, length);
      port.commit(length, tci);
      const trace = this.#context.trace;
      if (trace.level !== 0 && trace.wants(1, 0))
        trace.write(TRACE_SENT, 0, port.committed, length, tci, 0, 0);
      sent++;
    }
    if (sent !== 0) source.release(sent);
    return sent === this.#budget && sent < waiting;
  }

  #store(): void {
    const counters = this.#counters;
    const port = this.#port;
    this.#record?.publish();
    if (this.#frames !== 0) {
      add(counters, statistics.FRAMES_RECEIVED, this.#frames);
      add(counters, statistics.BYTES_RECEIVED, this.#bytes);
      add(counters, statistics.MULTICAST_RECEIVED, this.#multicast);
      add(counters, statistics.BROADCAST_RECEIVED, this.#broadcast);
      add(counters, statistics.MISDIRECTED, this.#misdirected);
      add(counters, statistics.TAGGED, this.#tagged);
      add(counters, statistics.CHECKSUM_ERRORS, this.#checksumErrors);
      this.#frames = 0;
      this.#bytes = 0;
      this.#multicast = 0;
      this.#broadcast = 0;
      this.#misdirected = 0;
      this.#tagged = 0;
      this.#checksumErrors = 0;
    }
    if (port.framesSent !== 0) {
      add(counters, statistics.FRAMES_SENT, port.framesSent);
      add(counters, statistics.BYTES_SENT, port.bytesSent);
      port.framesSent = 0;
      port.bytesSent = 0;
    }
    if (this.#responder !== null && this.#responder.replies !== 0) {
      add(counters, statistics.REPLIES, this.#responder.replies);
      this.#responder.replies = 0;
    }
  }
}

function add(counters: Float64Array, which: number, count: number): void {
  counters[which] = counters[which] + count;
}
