/**
 * The guest's end of a channel: what NetVSC does, over the guest's own segment and nothing else.
 *
 *   receive   poll ─> handler.frame(offset, length, tci) per frame ─> one completion per message
 *   send      reserveSend ─> (write the frame) ─> commitSend … flush
 *
 * A handler that says no keeps its frame: the section stays the guest's, the message is not completed, and the
 * same frame comes again at the next poll. So nothing is lost; the host runs out of sections instead.
 *
 * The guest trusts its host with its data, but not with its time: a ring, a packet or a section that makes no sense
 * fails the channel, so that every poll comes to an end and hands up nothing outside the receive buffer.
 */
import type { GuestLayout, GuestLayoutOptions } from './guest-layout.ts';

/** Words of a frame in {@link HostFrameHandler.frames}: byte offset in the guest's segment, bytes, 802.1Q tag (0 = none), nothing. */
export const FRAME_ENTRY_WORDS = 4;

/** Who takes the frames the host delivers. */
export interface HostFrameHandler {
  /**
   * The same for `count` frames at once: {@link FRAME_ENTRY_WORDS} words of `entries` each, in order. Returns how many it
   * took, the first ones; the rest comes again. Without it they are shown one by one.
   */
  frames?(entries: Int32Array, count: number): number;
  /**
   * A frame of `length` bytes at `offset` of the guest's segment; `tci` is its 802.1Q tag, 0 = none. Valid
   * until this returns. False: not now, show it again.
   */
  frame(offset: number, length: number, tci: number): boolean;
}

export interface ChannelGuestOptions {
  /** Id of the guest's own segment. */
  readonly segment: number;
  /** The slots the host's control path uses. */
  readonly messages: SharedArrayBuffer;
  readonly layout?: GuestLayoutOptions;
  /** NDIS packet filter; default directed, all multicast, broadcast, as Linux' driver. */
  readonly packetFilter?: number;
}

export interface ChannelGuest {
  readonly isOpen: boolean;
  /** The handshake was refused, or the host's side of the channel made no sense. */
  readonly hasFailed: boolean;
  /** True when the last poll ended because the handler held a frame back. */
  readonly isHeldBack: boolean;
  /** MAC address the host has told, as two words: bytes 0..3 and 4..5, first byte lowest. */
  readonly macLow: number;
  readonly macHigh: number;
  /** Longest frame, without FCS and tags. */
  readonly maxFrameBytes: number;
  /** Send sections not in use: what can be sent before the host completes something. */
  readonly freeSendSections: number;
  readonly layout: GuestLayout;
  /**
   * Goes on with the handshake, hands up to `budget` frames to `handler`, completes their messages, publishes
   * what was sent, signals the host at most once. True if there is more to do now.
   */
  poll(handler: HostFrameHandler, budget: number): boolean;
  /**
   * Byte offset in the guest's segment for the next frame to send (64-byte aligned), -1 while there is no room. There is
   * space for `maxFrameBytes` and two tags.
   */
  reserveSend(): number;
  /** Sends the frame written there, from the next {@link flush} on. */
  commitSend(length: number, tci: number): void;
  /** Shows the host what was sent. {@link poll} does so too. */
  flush(): void;
  /** Closes the channel from the guest's side. */
  close(): void;
}
