/**
 * The guest's side of opening a channel, one question at a time.
 *
 *   offer ─> GPADL of the rings ─> open ─> NVSP init ─> NDIS version ─> GPADL and SEND_RECV_BUF
 *         ─> GPADL and SEND_SEND_BUF ─> RNDIS init ─> MAC ─> frame size ─> link speed ─> media
 *         ─> packet filter ─> open for frames
 *
 * The step stands in the driver page. Even steps ask as soon as there is room, odd ones wait.
 */

import type { MessageSlots } from '@vmq/vmbus';
import * as channel from '@vmq/vmbus';
import { NVSP_PACKET_BYTES } from '@vmq/vmbus';
import {
  NETVSC_RECEIVE_BUFFER_ID,
  NETVSC_SEND_BUFFER_ID,
  NVSP_MSG_TYPE_INIT,
  NVSP_MSG_TYPE_INIT_COMPLETE,
  NVSP_MSG1_TYPE_SEND_NDIS_VER,
  NVSP_MSG1_TYPE_SEND_RECV_BUF,
  NVSP_MSG1_TYPE_SEND_RECV_BUF_COMPLETE,
  NVSP_MSG1_TYPE_SEND_RNDIS_PKT,
  NVSP_MSG1_TYPE_SEND_SEND_BUF,
  NVSP_MSG1_TYPE_SEND_SEND_BUF_COMPLETE,
  NVSP_MSG2_TYPE_SEND_NDIS_CONFIG,
  NVSP_PROTOCOL_VERSION_5,
  NVSP_RNDIS_CONTROL,
  NVSP_STAT_SUCCESS,
} from '../protocol/nvsp.ts';
import * as rndis from '../protocol/rndis.ts';
import * as page from './guest-driver-page.ts';
import type { GuestLayout } from './guest-layout.ts';
import { type GuestRings, SEND_TRANSACTION } from './guest-rings.ts';

/** NDIS 6.30, as NetVSC of Windows Server 2012 says. */
const NDIS_MAJOR = 6;
const NDIS_MINOR = 30;
const CAPABILITY_IEEE8021Q = 8;
/** Room kept for the longest run of packets one step writes. */
const STEP_ROOM: number = 3 * NVSP_PACKET_BYTES;

export class GuestHandshake {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #rings: GuestRings;
  readonly #slots: MessageSlots;
  readonly #layout: GuestLayout;
  readonly #filter: number;
  readonly #signal: () => void;

  constructor(
    rings: GuestRings,
    slots: MessageSlots,
    layout: GuestLayout,
    packetFilter: number,
    signal: () => void,
  ) {
    this.#words = rings.words;
    this.#at = rings.driver;
    this.#rings = rings;
    this.#slots = slots;
    this.#layout = layout;
    this.#filter = packetFilter;
    this.#signal = signal;
  }

  get step(): number {
    return this.#words[this.#at + page.DRIVER_STEP];
  }

  #go(step: number): void {
    this.#words[this.#at + page.DRIVER_STEP] = step;
  }

  /** A fresh driver, or the one that was at work when the memory was moved here. */
  attach(): void {
    if (this.#words[this.#at] === page.DRIVER_MAGIC) return;
    this.#words[this.#at] = page.DRIVER_MAGIC;
    this.#go(page.STEP_IDLE);
  }

  /** Starts to close; done at the next {@link advance} that finds the slot free. */
  close(): void {
    if (this.step !== page.STEP_IDLE) this.#go(page.STEP_CLOSE);
  }

  /** Reads channel messages and asks what is to be asked next. */
  advance(): void {
    const kind = this.#slots.take();
    if (kind !== 0) this.#channelMessage(kind, this.#slots.arguments);
    const step = this.step;
    if (step >= page.STEP_OPEN && step !== page.STEP_CLOSE) return;
    if (step !== page.STEP_IDLE && (step & 1) === 0) this.#ask(step);
  }

  #channelMessage(kind: number, args: Int32Array): void {
    const step = this.step;
    const [a, b] = args;
    if (kind === channel.CHANNELMSG_RESCIND_CHANNELOFFER) {
      this.#go(page.STEP_IDLE);
      if (this.#slots.post(channel.CHANNELMSG_RELID_RELEASED, a ?? 0)) this.#signal();
    } else if (kind === channel.CHANNELMSG_OFFERCHANNEL) {
      this.#rings.reset();
      this.#words[this.#at + page.DRIVER_TAKEN] = 0;
      this.#words[this.#at + page.DRIVER_QUEUE_HEAD] = 0;
      this.#words[this.#at + page.DRIVER_QUEUE_TAIL] = 0;
      this.#words[this.#at + page.DRIVER_SEND_FREE] = 0;
      this.#go(page.STEP_GPADL_RINGS);
    } else if (kind === channel.CHANNELMSG_GPADL_CREATED) {
      if (b !== 0) this.#go(page.STEP_FAILED);
      else if (step === page.STEP_GPADL_RINGS + 1) this.#go(page.STEP_OPEN_CHANNEL);
      else if (step === page.STEP_GPADL_RECEIVE + 1) this.#go(page.STEP_RECEIVE_BUFFER);
      else if (step === page.STEP_GPADL_SEND + 1) this.#go(page.STEP_SEND_BUFFER);
    } else if (kind === channel.CHANNELMSG_OPENCHANNEL_RESULT && step === page.STEP_OPEN_CHANNEL + 1) {
      this.#go(a === 0 ? page.STEP_NVSP_INIT : page.STEP_FAILED);
    }
  }

  #ask(step: number): void {
    const layout = this.#layout;
    switch (step) {
      case page.STEP_GPADL_RINGS:
        this.#gpadl(step, page.GPADL_RINGS, layout.rings, layout.ringsLength);
        return;
      case page.STEP_GPADL_RECEIVE:
        this.#gpadl(step, page.GPADL_RECEIVE, layout.receive, layout.receiveLength);
        return;
      case page.STEP_GPADL_SEND:
        this.#gpadl(step, page.GPADL_SEND, layout.send, layout.sendLength);
        return;
      case page.STEP_OPEN_CHANNEL:
        this.#post(step + 1, channel.CHANNELMSG_OPENCHANNEL, page.GPADL_RINGS, layout.downstream);
        return;
      case page.STEP_CLOSE:
        this.#post(page.STEP_IDLE, channel.CHANNELMSG_CLOSECHANNEL, 0, 0);
        return;
      default:
    }
    if (!this.#rings.hasRoom(STEP_ROOM)) return;
    switch (step) {
      case page.STEP_NVSP_INIT:
        this.#nvsp(NVSP_MSG_TYPE_INIT, NVSP_PROTOCOL_VERSION_5, NVSP_PROTOCOL_VERSION_5);
        break;
      case page.STEP_RECEIVE_BUFFER:
        this.#nvsp(NVSP_MSG1_TYPE_SEND_RECV_BUF, page.GPADL_RECEIVE, NETVSC_RECEIVE_BUFFER_ID);
        break;
      case page.STEP_SEND_BUFFER:
        this.#nvsp(NVSP_MSG1_TYPE_SEND_SEND_BUF, page.GPADL_SEND, NETVSC_SEND_BUFFER_ID);
        break;
      case page.STEP_RNDIS_INIT:
        if (!this.#control(rndis.RNDIS_MSG_INIT, 1, 0, 0x4000)) return;
        break;
      case page.STEP_QUERY_MAC:
        if (!this.#query(rndis.OID_802_3_PERMANENT_ADDRESS)) return;
        break;
      case page.STEP_QUERY_MAX_FRAME:
        if (!this.#query(rndis.OID_GEN_MAXIMUM_FRAME_SIZE)) return;
        break;
      case page.STEP_QUERY_LINK_SPEED:
        if (!this.#query(rndis.OID_GEN_LINK_SPEED)) return;
        break;
      case page.STEP_QUERY_MEDIA:
        if (!this.#query(rndis.OID_GEN_MEDIA_CONNECT_STATUS)) return;
        break;
      case page.STEP_SET_FILTER:
        if (!this.#control(rndis.RNDIS_MSG_SET, rndis.OID_GEN_CURRENT_PACKET_FILTER, 4, 20, 0, this.#filter))
          return;
        break;
      default:
        return;
    }
    this.#go(step + 1);
  }

  /** An answer to an NVSP question: words 0, 1, … of the message. */
  answered(type: number, a: number, b: number, c: number, d: number, e: number): void {
    const words = this.#words;
    const at = this.#at;
    const step = this.step;
    if (type === NVSP_MSG_TYPE_INIT_COMPLETE && step === page.STEP_NVSP_INIT + 1) {
      if (c !== NVSP_STAT_SUCCESS) {
        this.#go(page.STEP_FAILED);
        return;
      }
      const mtu = this.#layout.maxFrameBytes;
      this.#rings.writeMessage(0, 0, NVSP_MSG2_TYPE_SEND_NDIS_CONFIG, mtu, 0, CAPABILITY_IEEE8021Q);
      this.#rings.writeMessage(0, 0, NVSP_MSG1_TYPE_SEND_NDIS_VER, NDIS_MAJOR, NDIS_MINOR, 0);
      this.#go(page.STEP_GPADL_RECEIVE);
    } else if (type === NVSP_MSG1_TYPE_SEND_RECV_BUF_COMPLETE && step === page.STEP_RECEIVE_BUFFER + 1) {
      if (a !== NVSP_STAT_SUCCESS || b !== 1 || e > this.#layout.queueLength) {
        this.#go(page.STEP_FAILED);
        return;
      }
      words[at + page.DRIVER_RECEIVE_SIZE] = d;
      words[at + page.DRIVER_RECEIVE_COUNT] = e;
      this.#go(page.STEP_GPADL_SEND);
    } else if (type === NVSP_MSG1_TYPE_SEND_SEND_BUF_COMPLETE && step === page.STEP_SEND_BUFFER + 1) {
      if (a !== NVSP_STAT_SUCCESS || b === 0) {
        this.#go(page.STEP_FAILED);
        return;
      }
      const count = Math.min(Math.floor(this.#layout.sendLength / b), page.DRIVER_MAX_SEND_SECTIONS);
      words[at + page.DRIVER_SEND_SIZE] = b;
      words[at + page.DRIVER_SEND_COUNT] = count;
      this.#rings.stockSections(count);
      this.#go(page.STEP_RNDIS_INIT);
    }
  }

  /** The host's side makes no sense; only a new offer helps. */
  fail(): void {
    this.#go(page.STEP_FAILED);
  }

  /** The host had no section for its answer: the question is asked again. */
  refused(): void {
    if (this.step < page.STEP_OPEN && (this.step & 1) === 1) this.#go(this.step - 1);
  }

  /** An RNDIS control message of the host; `at` is the word index of the message. */
  controlMessage(message: number): void {
    const words = this.#words;
    const at = this.#at;
    const step = this.step;
    const type = words[message];
    const value = message + 6;
    if ((type & rndis.RNDIS_MSG_COMPLETION) === 0 || (step & 1) === 0) return;
    if (words[message + 2] !== words[at + page.DRIVER_REQUEST]) return;
    if (words[message + 3] !== rndis.RNDIS_STATUS_SUCCESS) {
      this.#go(page.STEP_FAILED);
      return;
    }
    if (step === page.STEP_QUERY_MAC + 1) {
      words[at + page.DRIVER_MAC] = words[value];
      words[at + page.DRIVER_MAC + 1] = words[value + 1];
    } else if (step === page.STEP_QUERY_MAX_FRAME + 1) {
      words[at + page.DRIVER_MAX_FRAME] = words[value] + 14;
    } else if (step === page.STEP_QUERY_LINK_SPEED + 1) {
      words[at + page.DRIVER_LINK_SPEED] = words[value];
    }
    this.#go(step === page.STEP_SET_FILTER + 1 ? page.STEP_OPEN : step + 9);
  }

  #gpadl(step: number, handle: number, offset: number, length: number): void {
    this.#post(step + 1, channel.CHANNELMSG_GPADL_HEADER, handle, offset, length);
  }

  #post(next: number, kind: number, ...args: readonly number[]): void {
    if (!this.#slots.post(kind, ...args)) return;
    this.#go(next);
    this.#signal();
  }

  #nvsp(type: number, a: number, b: number): void {
    this.#rings.writeMessage(type, 0, type, a, b, 0);
  }

  #query(oid: number): boolean {
    return this.#control(rndis.RNDIS_MSG_QUERY, oid, 0, 20, 0);
  }

  /** Sends an RNDIS control message: {type, length, request id, ...fields}; false if no section is free. */
  #control(type: number, ...fields: readonly number[]): boolean {
    const words = this.#words;
    const section = this.#rings.topSection();
    if (section < 0) return false;
    this.#rings.popSection();
    const size = words[this.#at + page.DRIVER_SEND_SIZE];
    const message = (this.#layout.send + section * size) >>> 2;
    const request = (words[this.#at + page.DRIVER_REQUEST] + 1) | 0;
    words[this.#at + page.DRIVER_REQUEST] = request;
    const bytes = 12 + fields.length * 4;
    words[message] = type;
    words[message + 1] = bytes;
    words[message + 2] = request;
    for (let i = 0; i < fields.length; i++) words[message + 3 + i] = fields[i];
    const kind = NVSP_RNDIS_CONTROL;
    this.#rings.writeMessage(section, SEND_TRANSACTION, NVSP_MSG1_TYPE_SEND_RNDIS_PKT, kind, section, bytes);
    return true;
  }
}
