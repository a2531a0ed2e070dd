/** How the control path of a channel works; what it promises stands in channel-control.ts. */

import type { Machine } from '@vmq/machine';
import type { SectionBuffer } from '@vmq/vmbus';
import {
  CHANNELMSG_CLOSECHANNEL,
  CHANNELMSG_GPADL_CREATED,
  CHANNELMSG_GPADL_HEADER,
  CHANNELMSG_GPADL_TEARDOWN,
  CHANNELMSG_GPADL_TORNDOWN,
  CHANNELMSG_OFFERCHANNEL,
  CHANNELMSG_OPENCHANNEL,
  CHANNELMSG_OPENCHANNEL_RESULT,
  CHANNELMSG_RELID_RELEASED,
  CHANNELMSG_RESCIND_CHANNELOFFER,
  createMessageSlots,
  GpadlTable,
  MessageSlots,
} from '@vmq/vmbus';
import type { ChannelImage } from '../channel/channel-image.ts';
import { GuestFrameBatch } from '../channel/guest-frame-batch.ts';
import { VIOLATION_GPADL_RANGE, VIOLATION_MESSAGE_KIND } from '../channel/violations.ts';

import { HostChannel } from '../host/host-channel.ts';
import { sectionSizeFor } from '../protocol/rndis.ts';
import {
  CHANNEL_PHASES,
  type ChannelPhase,
  ChannelState,
  COUNT_BYTES_FROM_GUEST,
  COUNT_BYTES_TO_GUEST,
  COUNT_FRAMES_FROM_GUEST,
  COUNT_FRAMES_TO_GUEST,
  COUNT_MESSAGES_TO_GUEST,
  COUNT_SIGNALS,
  createChannelState,
  FREE_SECTIONS,
  LOANED_SECTIONS,
  OUTSTANDING,
  PACKET_FILTER,
  PHASE_CLOSED,
  PHASE_CLOSING,
  PHASE_HANDSHAKE,
  PHASE_OPEN,
  stockSections,
} from '../state/channel-state.ts';
import { countHeld, loanSections, type SectionLoan } from '../state/section-loan.ts';
import type {
  ChannelControl,
  ChannelControlOptions,
  ChannelReport,
  SavedChannel,
} from './channel-control.ts';
import { HandshakeAnswers } from './handshake-answers.ts';

const NO_BUFFER: SectionBuffer = { offset: 0, sectionSize: 64, sectionCount: 0 };
/** A frame cannot pass the control path: such traffic is a violation before it gets here. */
/** During the handshake no frames are taken. */
const NO_FRAMES = new GuestFrameBatch(0);
/** The control path of one channel; nothing is offered yet. Programmer errors throw. */
export function createChannelControl(machine: Machine, options: ChannelControlOptions): ChannelControl {
  return new ControlPath(machine, options);
}

class ControlPath implements ChannelControl {
  readonly channel: number;
  readonly messages: SharedArrayBuffer;
  readonly #machine: Machine;
  readonly #options: ChannelControlOptions;
  readonly #slots: MessageSlots;
  readonly #gpadls = new GpadlTable();
  readonly #past: Record<string, number> = {};
  #image: ChannelImage | null = null;
  #state: ChannelState;
  #host: HostChannel | null = null;
  #answers: HandshakeAnswers | null = null;
  #offerWanted = false;
  #rescindWanted = false;
  #guestClosed = false;
  #ndisVersion = 0;

  constructor(machine: Machine, options: ChannelControlOptions) {
    this.#machine = machine;
    this.#options = options;
    this.channel = options.channel;
    this.messages = options.messages ?? createMessageSlots(machine.counters.words);
    this.#slots = new MessageSlots(this.messages, 'host');
    this.#state = this.#newState();
    if (!(this.#violationWindow > 0)) throw new RangeError('channel: violationWindow must be more than 0');
    if (options.macAddress.length !== 6) throw new RangeError('channel: macAddress must have six bytes');
    if (options.saved !== undefined) this.#restore(options.saved);
  }

  get phase(): ChannelPhase {
    return CHANNEL_PHASES[this.#state.phase];
  }

  get isOpen(): boolean {
    return this.#state.phase === PHASE_OPEN;
  }

  get ndisVersion(): number {
    return this.#ndisVersion;
  }

  get #stateSections(): number {
    return this.#options.receiveSections ?? 512;
  }

  get #maxFrameBytes(): number {
    return this.#options.maxFrameBytes ?? 1514;
  }

  get #violationWindow(): number {
    return this.#options.violationWindow ?? 1e9;
  }

  #violate(kind: number): void {
    this.#state.violate(kind, Math.floor(this.#machine.clock.now() / this.#violationWindow));
  }

  offer(): void {
    if (this.#state.phase !== PHASE_CLOSED) {
      throw new Error(`channel ${this.channel}: offer while ${this.phase}; close it first`);
    }
    this.#offerWanted = true;
    this.#postWanted();
  }

  poll(): boolean {
    this.#postWanted();
    // A request is taken only when its answer can be left; a guest that reads no answers waits for itself.
    for (let n = 0; n < 8 && this.#slots.canPost; n++) {
      const kind = this.#slots.take();
      if (kind === 0) break;
      this.#message(kind, this.#slots.arguments);
      this.#wakeGuest(); // the slot is free again
    }
    for (let n = 0; n < 64 && this.#state.phase === PHASE_HANDSHAKE; n++) {
      const more = this.#host?.poll(NO_FRAMES, 1) ?? false;
      if (this.#handshakeDone() || !more) break;
    }
    return this.isOpen;
  }

  image(): ChannelImage {
    if (this.#image === null || !this.isOpen) {
      throw new Error(`channel ${this.channel}: no image while ${this.phase}`);
    }
    return this.#image;
  }

  loan(bytes: number): SectionLoan | null {
    // The guest can break its channel at any moment: that is no error of the caller's.
    if (this.#image === null || !this.isOpen) return null;
    const { segment, receive } = this.#image;
    return loanSections(this.#state, segment, receive, bytes);
  }

  get heldSections(): number {
    return countHeld(this.#state, this.#image?.receive.sectionCount ?? 0);
  }

  setSignalTarget(processor: number, vector: number): void {
    this.#slots.setSignalTarget(processor, vector);
  }

  close(publish: () => void): ChannelReport {
    const wasOffered = this.#state.phase !== PHASE_CLOSED;
    this.#stop(publish);
    const report = this.report();
    this.#forget();
    if (wasOffered && !this.#guestClosed) this.#rescindWanted = true;
    this.#guestClosed = false;
    this.#offerWanted = false;
    this.#postWanted();
    return report;
  }

  save(publish: () => void): SavedChannel | null {
    const image = this.#image;
    if (image === null || !this.isOpen) return null;
    this.#stop(publish);
    const { toGuest, toHost, receive, send, maxFrameBytes, stateSections } = image;
    const state = new ArrayBuffer(image.state.byteLength);
    new Uint8Array(state).set(new Uint8Array(image.state));
    this.#forget();
    const ndisVersion = this.#ndisVersion;
    return { toGuest, toHost, receive, send, maxFrameBytes, stateSections, ndisVersion, state };
  }

  report(): ChannelReport {
    const state = this.#state;
    const violations: Record<string, number> = { ...this.#past };
    for (const [name, count] of Object.entries(state.violationsByName())) {
      violations[name] = (violations[name] ?? 0) + count;
    }
    const count = (which: number): number => state.counters[which];
    return {
      channel: this.channel,
      phase: this.phase,
      violations,
      framesToGuest: count(COUNT_FRAMES_TO_GUEST),
      bytesToGuest: count(COUNT_BYTES_TO_GUEST),
      messagesToGuest: count(COUNT_MESSAGES_TO_GUEST),
      framesFromGuest: count(COUNT_FRAMES_FROM_GUEST),
      bytesFromGuest: count(COUNT_BYTES_FROM_GUEST),
      signalsToGuest: count(COUNT_SIGNALS),
      receiveSections: this.#image?.receive.sectionCount ?? 0,
      freeSections: state.words[FREE_SECTIONS],
      loanedSections: state.words[LOANED_SECTIONS],
      outstandingMessages: state.words[OUTSTANDING],
      packetFilter: state.words[PACKET_FILTER],
    };
  }

  // --- life -------------------------------------------------------------------------------------------

  #newState(): ChannelState {
    const buffer = createChannelState(
      this.#stateSections,
      this.#options.violationLimit ?? 64,
      this.#machine.counters.words,
    );
    return new ChannelState(buffer, this.#stateSections);
  }

  /** No batch begins from here on; when `publish` returns, none is under way. */
  #stop(publish: () => void): void {
    const state = this.#state;
    const loaned = state.words[LOANED_SECTIONS];
    if (loaned !== 0)
      throw new Error(`channel ${this.channel}: an adapter still has ${loaned} of its sections`);
    if (state.phase !== PHASE_CLOSED) state.setPhase(PHASE_CLOSING);
    publish();
    state.setPhase(PHASE_CLOSED);
    this.#slots.setSignalTarget(0, -1);
  }

  /** Of a state that another one takes the place of. */
  #keepViolations(): void {
    for (const [name, count] of Object.entries(this.#state.violationsByName())) {
      this.#past[name] = (this.#past[name] ?? 0) + count;
    }
  }

  #forget(): void {
    this.#keepViolations();
    this.#state = this.#newState();
    this.#image = null;
    this.#host = null;
    this.#answers = null;
    this.#gpadls.clear();
  }

  #restore(saved: SavedChannel): void {
    const { state: bytes, ndisVersion, ...places } = saved;
    this.#ndisVersion = ndisVersion;
    const state = new SharedArrayBuffer(bytes.byteLength);
    new Uint8Array(state).set(new Uint8Array(bytes));
    this.#state = new ChannelState(state, saved.stateSections);
    this.#image = { ...this.#imageBase(state), ...places };
    // What a channel may do is this host's to say, not that of the host it comes from.
    this.#state.limitViolations(this.#image.violationLimit);
    this.#state.setPhase(PHASE_OPEN);
  }

  #imageBase(
    state: SharedArrayBuffer,
  ): Pick<
    ChannelImage,
    | 'channel'
    | 'segment'
    | 'guestAgent'
    | 'macAddress'
    | 'linkSpeed'
    | 'violationLimit'
    | 'violationWindow'
    | 'state'
    | 'messages'
  > {
    const { channel, segment, guestAgent, macAddress } = this.#options;
    return {
      channel,
      segment,
      guestAgent,
      macAddress: [...macAddress],
      linkSpeed: this.#options.linkSpeed ?? 10e9,
      violationLimit: this.#options.violationLimit ?? 64,
      violationWindow: this.#violationWindow,
      state,
      messages: this.messages,
    };
  }

  // --- messages beside the ring -----------------------------------------------------------------------

  #postWanted(): void {
    const before = this.#rescindWanted || this.#offerWanted;
    if (this.#rescindWanted && this.#slots.post(CHANNELMSG_RESCIND_CHANNELOFFER, this.channel)) {
      this.#rescindWanted = false;
    }
    if (
      !this.#rescindWanted &&
      this.#offerWanted &&
      this.#slots.post(CHANNELMSG_OFFERCHANNEL, this.channel)
    ) {
      this.#offerWanted = false;
    }
    if (before) this.#wakeGuest();
  }

  #wakeGuest(): void {
    this.#machine.board.wake(this.#options.guestAgent);
  }

  #answer(kind: number, ...args: readonly number[]): void {
    this.#slots.post(kind, ...args);
  }

  #message(kind: number, args: Int32Array): void {
    const [a = 0, b = 0, c = 0] = args;
    const phase = this.#state.phase;
    switch (kind) {
      case CHANNELMSG_GPADL_HEADER:
        this.#answer(CHANNELMSG_GPADL_CREATED, a, this.#createGpadl(a, b >>> 0, c >>> 0) ? 0 : 1);
        return;
      case CHANNELMSG_GPADL_TEARDOWN:
        if (phase === PHASE_CLOSED) this.#gpadls.remove(a);
        else this.#violate(VIOLATION_MESSAGE_KIND);
        this.#answer(CHANNELMSG_GPADL_TORNDOWN, a, phase === PHASE_CLOSED ? 0 : 1);
        return;
      case CHANNELMSG_OPENCHANNEL:
        this.#answer(CHANNELMSG_OPENCHANNEL_RESULT, this.#open(a, b >>> 0) ? 0 : 1);
        return;
      case CHANNELMSG_CLOSECHANNEL:
        this.#guestClosed = true;
        if (phase === PHASE_OPEN || phase === PHASE_HANDSHAKE) this.#state.setPhase(PHASE_CLOSING);
        return;
      case CHANNELMSG_RELID_RELEASED:
        return;
      default:
        this.#violate(VIOLATION_MESSAGE_KIND);
    }
  }

  #createGpadl(handle: number, offset: number, length: number): boolean {
    const segment = this.#machine.memory.segment(this.#options.segment);
    const good = this.#gpadls.add(handle, offset, length, segment.byteLength);
    if (!good) this.#violate(VIOLATION_GPADL_RANGE);
    return good;
  }

  /** OPENCHANNEL with the GPADL of the rings. */
  #open(handle: number, downstream: number): boolean {
    if (this.#state.phase !== PHASE_CLOSED || !this.#gpadls.has(handle)) {
      this.#violate(VIOLATION_MESSAGE_KIND);
      return false;
    }
    const rings = this.#gpadls.rings(handle, downstream);
    if (rings === null) {
      this.#violate(VIOLATION_GPADL_RANGE);
      return false;
    }
    this.#keepViolations();
    const state = this.#newState();
    this.#state = state;
    this.#image = {
      ...this.#imageBase(state.words.buffer as SharedArrayBuffer),
      maxFrameBytes: this.#maxFrameBytes,
      ...rings,
      receive: NO_BUFFER,
      send: NO_BUFFER,
      stateSections: this.#stateSections,
    };
    this.#answers = new HandshakeAnswers(
      (buffer) => this.#attach(buffer, 'receive', this.#stateSections),
      (buffer) => this.#attach(buffer, 'send', this.#options.sendSections ?? 256),
    );
    this.#guestClosed = false;
    this.#makeHost();
    state.setPhase(PHASE_HANDSHAKE);
    return true;
  }

  #makeHost(): void {
    const answers = this.#answers;
    if (this.#image === null || answers === null) return;
    this.#host = new HostChannel({ machine: this.#machine, trace: null }, this.#image, (message) =>
      answers.answer(message),
    );
  }

  /** Cuts the memory of a GPADL into sections for one of the buffers. */
  #attach(handle: number, which: 'receive' | 'send', most: number): SectionBuffer | null {
    const buffer = this.#gpadls.sections(handle, sectionSizeFor(this.#maxFrameBytes), most);
    if (buffer === null || this.#image === null) {
      this.#violate(VIOLATION_GPADL_RANGE);
      return null;
    }
    const { sectionCount } = buffer;
    if (sectionCount === 0) return null;
    this.#image = { ...this.#image, [which]: buffer };
    if (which === 'receive') stockSections(this.#state, sectionCount);
    this.#makeHost();
    return buffer;
  }

  /** The handshake ends when the guest, having both buffers, sets a packet filter. */
  #handshakeDone(): boolean {
    const state = this.#state;
    const answers = this.#answers;
    if (answers === null || !answers.isComplete || state.words[PACKET_FILTER] === 0) return false;
    this.#ndisVersion = answers.ndisVersion;
    return state.advance(PHASE_HANDSHAKE, PHASE_OPEN);
  }
}
