/**
 * The control path of a channel on the host: offers it, answers the guest's handshake, closes it.
 *
 *   closed ──offer──> handshake ──guest's OID_GEN_CURRENT_PACKET_FILTER──> open ──close / guest──> closed
 *                         │                                                 │
 *                         └────────── violations ──────> broken <───────────┘   (close, then offer again)
 *
 * Runs at PASSIVE on the caller's thread and never waits: call {@link ChannelControl.poll} inside
 * `executor.runUntil(() => control.poll())`. While it is open the channel belongs to the processors that were
 * given its {@link ChannelControl.image}; the control path then looks only at the message slots.
 */
import type { AgentId } from '@vmq/machine';
import type { RingPlace, SectionBuffer } from '@vmq/vmbus';
import type { ChannelImage } from '../channel/channel-image.ts';
import type { VmbusViolation } from '../channel/violations.ts';
import type { ChannelPhase } from '../state/channel-state.ts';
import type { SectionLoan } from '../state/section-loan.ts';

export interface ChannelControlOptions {
  /** The host's number of the channel. */
  readonly channel: number;
  /** Segment id of the guest's partition. */
  readonly segment: number;
  /** The guest's agent. */
  readonly guestAgent: AgentId;
  /** Six bytes. */
  readonly macAddress: readonly number[];
  /** Bytes without FCS and tags; default 1514. */
  readonly maxFrameBytes?: number;
  /** Bits per second; default 10e9. */
  readonly linkSpeed?: number;
  /** Most receive sections the host uses, whatever the guest gives; default 512. */
  readonly receiveSections?: number;
  /** Most send sections the host accepts; default 256. */
  readonly sendSections?: number;
  /**
   * Damaged messages that a channel survives in one {@link violationWindow} with nothing good among them; default 64. A
   * guest that sends a good frame or completes a message begins anew.
   */
  readonly violationLimit?: number;
  /** Nanoseconds of the machine's clock; default 1e9, a second. */
  readonly violationWindow?: number;
  /** The slots to use, so that they can be given to the guest before; default: new ones. */
  readonly messages?: SharedArrayBuffer;
  /**
   * Takes up a channel saved on another host; it is open at once. What came from elsewhere is to be judged with
   * `refusalOfSavedChannel` first.
   */
  readonly saved?: SavedChannel;
}

/** An open channel between two hosts: what {@link ChannelControl.save} gives. Cloneable. */
export interface SavedChannel {
  readonly toGuest: RingPlace;
  readonly toHost: RingPlace;
  readonly receive: SectionBuffer;
  readonly send: SectionBuffer;
  readonly maxFrameBytes: number;
  readonly stateSections: number;
  /** NDIS version of the guest's driver, major << 16 | minor. */
  readonly ndisVersion: number;
  readonly state: ArrayBuffer;
}

/** What a channel has done and holds at one moment. */
export interface ChannelReport {
  readonly channel: number;
  readonly phase: ChannelPhase;
  /** Name to count, those that occurred, over all the times the channel was open. */
  readonly violations: Readonly<Partial<Record<VmbusViolation, number>>>;
  readonly framesToGuest: number;
  readonly bytesToGuest: number;
  /** Channel messages that carried them. */
  readonly messagesToGuest: number;
  readonly framesFromGuest: number;
  readonly bytesFromGuest: number;
  readonly signalsToGuest: number;
  readonly receiveSections: number;
  readonly freeSections: number;
  /** Sections on loan to an adapter. */
  readonly loanedSections: number;
  /** Messages the guest has not completed. */
  readonly outstandingMessages: number;
  readonly packetFilter: number;
}

export interface ChannelControl {
  readonly channel: number;
  readonly phase: ChannelPhase;
  readonly isOpen: boolean;
  /** The slots the guest's agent must be given. */
  readonly messages: SharedArrayBuffer;
  /** NDIS version of the guest's driver, major << 16 | minor; 0 before the handshake. */
  readonly ndisVersion: number;
  /** Offers the channel to the guest; it begins its handshake when it next runs. Programmer error if open. */
  offer(): void;
  /**
   * Handles what the guest has asked for; true while the channel is open. A channel that was open and is not
   * any more (the guest closed it, or broke it) waits for {@link close}.
   */
  poll(): boolean;
  /** The open channel for the processors' data paths; each polls it once when it gets it. Throws if not open. */
  image(): ChannelImage;
  /**
   * Lends sections of the guest's receive buffer, `bytes` bytes of them in a row from a page on, to an adapter;
   * null if that many cannot be spared or it is not open. End the loan before {@link close}.
   */
  loan(bytes: number): SectionLoan | null;
  /** Lent sections whose frames the guest has, or has completed and nobody has taken (`takeReturned`) yet. */
  readonly heldSections: number;
  /** Sends the guest's signals to this processor and vector from now on; -1 as vector: to nobody. */
  setSignalTarget(processor: number, vector: number): void;
  /**
   * Closes the channel: no frame passes from now on, `publish` (the executor's) makes sure that no processor is
   * inside a batch, then all sections and outstanding messages are the guest's again. Tells the guest unless
   * it has closed by itself. Afterwards {@link offer} may be called. Programmer error while sections are loaned.
   */
  close(publish: () => void): ChannelReport;
  /**
   * Stops the channel as {@link close} does, without telling the guest, for {@link ChannelControlOptions.saved}. Null,
   * and nothing done, if it is not open: what its guest left in the ring can break it at any moment.
   */
  save(publish: () => void): SavedChannel | null;
  report(): ChannelReport;
}
