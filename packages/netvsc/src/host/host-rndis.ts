/**
 * What the host does with one RNDIS message of a guest, wherever it lies: a section of the send buffer, or the host's own
 * copy of one that lay in pages. A frame is copied out before anyone parses it (SEC-06); a request is answered (SW-29).
 */
import {
  copyBytes,
  HOST_SEGMENT,
  isFrameTooLong,
  type MemorySegment,
  type MemoryViews,
  MOST_TAG_BYTES,
} from '@vmq/machine';
import type { ChannelImage } from '../channel/channel-image.ts';
import type { GuestFrameBatch } from '../channel/guest-frame-batch.ts';
import {
  VIOLATION_HANDSHAKE_ORDER,
  VIOLATION_NVSP_RNDIS_KIND,
  VIOLATION_RNDIS_FRAME_LENGTH,
  VIOLATION_RNDIS_MESSAGE_LENGTH,
  VIOLATION_RNDIS_TYPE,
} from '../channel/violations.ts';
import {
  NVSP_RNDIS_CONTROL,
  NVSP_RNDIS_DATA,
  NVSP_STAT_BUSY,
  NVSP_STAT_FAIL,
  NVSP_STAT_INVALID_RNDIS_PKT,
  NVSP_STAT_SUCCESS,
} from '../protocol/nvsp.ts';
import {
  answerRndisControl,
  createControlMessage,
  MAX_CONTROL_BYTES,
  MAX_REPLY_BYTES,
  RNDIS_NO_REQUEST,
} from '../protocol/rndis-control.ts';
import { RndisFrameParser } from '../protocol/rndis-frame-parser.ts';
import type { RndisSettings } from '../protocol/rndis-oids.ts';
import {
  COUNT_BYTES_FROM_GUEST,
  COUNT_FRAMES_FROM_GUEST,
  COUNT_FRAMES_TO_GUEST,
  MULTICAST_COUNT,
  PACKET_FILTER,
  RNDIS_READY,
} from '../state/channel-state.ts';
import { HostOutbound } from './host-outbound.ts';
import type { ChannelContext } from './host-ring.ts';

/** What a frame came to, beside the NVSP statuses: there is no buffer for it now. */
export const NO_BUFFER = 0;

/** Where an RNDIS message of a guest lies. */
export interface RndisMessagePlace {
  /** The guest's memory, or the host's own copy of a message that lay in pages. */
  memory: MemoryViews;
  /** Byte offset there, a multiple of 4. */
  at: number;
  /** Bytes of the message. */
  size: number;
  /** The send section in which it lies; -1 = it lay in pages. */
  section: number;
}

export class HostRndis extends HostOutbound implements RndisSettings {
  /** Polled by the control path: no frames yet. */
  protected readonly isHandshake: boolean;
  readonly #host: MemorySegment;
  readonly #parser: RndisFrameParser;
  readonly #control = createControlMessage();
  readonly #reply = new Int32Array(MAX_REPLY_BYTES / 4);

  constructor(context: ChannelContext, image: ChannelImage, isHandshake: boolean) {
    super(context, image);
    this.isHandshake = isHandshake;
    this.#host = context.machine.memory.segment(HOST_SEGMENT);
    this.#parser = new RndisFrameParser(image.maxFrameBytes + MOST_TAG_BYTES);
  }

  // --- settings -----------------------------------------------------------------------------------------

  setPacketFilter(filter: number): void {
    Atomics.store(this.state.words, PACKET_FILTER, filter);
  }

  get isReady(): boolean {
    return Atomics.load(this.state.words, RNDIS_READY) === 1;
  }

  setReady(ready: boolean): void {
    const words = this.state.words;
    if (!ready) {
      this.setPacketFilter(0);
      words[MULTICAST_COUNT] = 0;
    }
    Atomics.store(words, RNDIS_READY, ready ? 1 : 0);
  }

  multicastList(): Uint8Array {
    const { words, multicast } = this.state;
    const list = new Uint8Array(6 * words[MULTICAST_COUNT]);
    for (let at = 0; at < list.length; at++) {
      const word = words[multicast + Math.floor(at / 6) * 2 + (at % 6 > 3 ? 1 : 0)];
      list[at] = word >>> (8 * ((at % 6) & 3));
    }
    return list;
  }

  setMulticastList(addresses: Uint8Array): void {
    const { words, multicast } = this.state;
    const count = addresses.length / 6;
    const byte = (at: number): number => addresses[at];
    // Deliveries go on meanwhile: a frame for an address that comes or goes may get there or not.
    words[MULTICAST_COUNT] = 0;
    for (let i = 0, at = 0; i < count; i++, at += 6) {
      words[multicast + 2 * i] = byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24);
      words[multicast + 2 * i + 1] = byte(at + 4) | (byte(at + 5) << 8);
    }
    words[MULTICAST_COUNT] = count;
  }

  get framesToGuest(): number {
    return this.state.counters[COUNT_FRAMES_TO_GUEST];
  }

  get framesFromGuest(): number {
    return this.state.counters[COUNT_FRAMES_FROM_GUEST];
  }

  // --- messages -----------------------------------------------------------------------------------------

  /** Returns the NVSP status for the message's answer, or {@link NO_BUFFER}. */
  protected takeRndis(frames: GuestFrameBatch, kind: number, place: RndisMessagePlace): number {
    if (kind === NVSP_RNDIS_DATA) return this.#frame(frames, place);
    if (kind === NVSP_RNDIS_CONTROL) return this.#controlMessage(place);
    this.violate(VIOLATION_NVSP_RNDIS_KIND);
    return NVSP_STAT_INVALID_RNDIS_PKT;
  }

  #frame(frames: GuestFrameBatch, { memory, at, size, section }: RndisMessagePlace): number {
    if (this.isHandshake || this.state.words[RNDIS_READY] !== 1) {
      this.violate(VIOLATION_HANDSHAKE_ORDER);
      return NVSP_STAT_FAIL;
    }
    const parser = this.#parser;
    const fault = parser.parse(memory.i32, at, size);
    if (fault !== 0) {
      this.violate(fault);
      return NVSP_STAT_INVALID_RNDIS_PKT;
    }
    const length = parser.frameLength;
    const buffer = frames.nextBuffer();
    if (buffer < 0) return NO_BUFFER;
    copyBytes(memory, parser.frameOffset, this.#host, buffer, length);
    // Its tags are looked for where the guest cannot change them any more; the buffer is there for the next frame.
    if (isFrameTooLong(this.#host.u8, buffer, length, this.maxFrameBytes, parser.tci !== 0)) {
      this.violate(VIOLATION_RNDIS_FRAME_LENGTH);
      return NVSP_STAT_INVALID_RNDIS_PKT;
    }
    this.state.noteGood();
    const { counters } = this.state;
    counters[COUNT_FRAMES_FROM_GUEST]++;
    counters[COUNT_BYTES_FROM_GUEST] += length;
    frames.add(length, parser.tci, section);
    return NVSP_STAT_SUCCESS;
  }

  #controlMessage({ memory, at, size }: RndisMessagePlace): number {
    const message = this.#control;
    const kept = Math.min(size, MAX_CONTROL_BYTES);
    for (let i = 0; i < kept; i++) message.bytes[i] = memory.u8[at + i];
    message.sent = size;
    const bytes = answerRndisControl(message, this.image, this, this.#reply);
    if (bytes < 0) {
      this.violate(bytes === RNDIS_NO_REQUEST ? VIOLATION_RNDIS_TYPE : VIOLATION_RNDIS_MESSAGE_LENGTH);
      return NVSP_STAT_INVALID_RNDIS_PKT;
    }
    if (bytes === 0 || this.sendControl(this.#reply, bytes)) return NVSP_STAT_SUCCESS;
    return NVSP_STAT_BUSY; // no section for the reply: the guest may ask again
  }
}
