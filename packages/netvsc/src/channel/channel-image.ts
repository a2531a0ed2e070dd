/**
 * What one open channel is, as plain cloneable data: the control path makes it when the guest's handshake is
 * done and posts it to every processor that will deliver to the channel or poll it.
 *
 * Everything in it is the host's own, checked copy. The guest can rewrite its memory at any time, so nothing
 * that the host relies on is ever read back from there.
 */
import type { AgentId } from '@vmq/machine';
import type { RingPlace, SectionBuffer } from '@vmq/vmbus';

/** An open channel. A channel that is closed and opened again gets a new image with a new `state`. */
export interface ChannelImage {
  /** The host's number of the channel, for traces and reports. */
  readonly channel: number;
  /** Segment id of the partition whose memory holds rings and buffers. */
  readonly segment: number;
  /** The agent to wake when there is something in the host-to-guest ring. */
  readonly guestAgent: AgentId;
  /** Longest frame either side may send: bytes without FCS and without its tags (SW-28). */
  readonly maxFrameBytes: number;
  /** Host to guest. */
  readonly toGuest: RingPlace;
  /** Guest to host. */
  readonly toHost: RingPlace;
  /** Where the host puts frames for the guest. */
  readonly receive: SectionBuffer;
  /** Where the guest puts frames for the host. */
  readonly send: SectionBuffer;
  /** Permanent MAC address told to the guest, six bytes as numbers. */
  readonly macAddress: readonly number[];
  /** Link speed told to the guest, bits per second. */
  readonly linkSpeed: number;
  /** Damaged messages in one window, with nothing good among them, that the channel survives; one more breaks it. */
  readonly violationLimit: number;
  /** Length of such a window, in nanoseconds of the machine's clock. */
  readonly violationWindow: number;
  /** Receive sections that `state` has room for, at least `receive.sectionCount`. */
  readonly stateSections: number;
  /** The host-private half of the channel ("ChannelHostState"); see channel-state.ts. */
  readonly state: SharedArrayBuffer;
  /** The message slots between hypervisor and guest; see `MessageSlots` of @vmq/vmbus. */
  readonly messages: SharedArrayBuffer;
}
