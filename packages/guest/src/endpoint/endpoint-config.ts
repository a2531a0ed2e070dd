/** What a guest can be told to do, as plain cloneable data. */
import type { FrameRingImage } from '@vmq/machine';
import type { GuestLayoutOptions } from '@vmq/netvsc';

export interface ResponderConfig {
  /** Own IPv4 addresses, dotted. */
  readonly ipv4?: readonly string[];
  /** Own IPv6 addresses. */
  readonly ipv6?: readonly string[];
  /**
   * `configured` (default): answers for the addresses above. `any`: for every address besides that it has seen
   * as the destination of a frame to its MAC, as needed when a capture is replayed.
   */
  readonly answer?: 'configured' | 'any';
}

export interface SenderConfig {
  /** Destination MAC address, `02-15-5D-01-02-03` or with colons. */
  readonly destination: string;
  readonly count: number;
  /** Bytes of each frame, without FCS; 22 up to the channel's frame size. Default 60. */
  readonly length?: number;
  /** Agent steps from one burst to the next; default 1. */
  readonly interval?: number;
  /** Frames in a burst; default 32. */
  readonly burst?: number;
  /** 802.1Q TCI to ask for, 0 (default) = none. */
  readonly tci?: number;
  /** Source MAC address; default the guest's own. Another one is what a spoofing guest would send. */
  readonly source?: string;
}

/** What makes a guest: `createGuestAgent(context, data)`. */
export interface GuestAgentData {
  /** Segment id of the guest's own memory; it touches no other. */
  readonly segment: number;
  /** The slots of the channel's control path: `control.messages`. */
  readonly messages: SharedArrayBuffer;
  /** Marks the payload of frames it sends; the VM's number. */
  readonly number: number;
  /** From `createGuestStatistics()`. */
  readonly statistics: SharedArrayBuffer;
  readonly layout?: GuestLayoutOptions;
  /** NDIS packet filter that its driver sets; default directed, all multicast, broadcast. */
  readonly packetFilter?: number;
  /**
   * Byte offset in the segment of the page in which the programs below keep what they remember
   * ({@link ENDPOINT_PAGE_BYTES}, a multiple of 4096). A guest whose memory came with such a page goes on with what
   * stands there, whatever `responder` and `sender` say. Absent: they keep it elsewhere and it does not move.
   */
  readonly endpointPage?: number;
  /** Frames per step; default 256. */
  readonly budget?: number;
  /** Copies every received frame here; see record.ts. */
  readonly record?: FrameRingImage;
  /** Sends every frame that appears here, its stamp as the TCI. Wake the guest's agent after publishing. */
  readonly source?: FrameRingImage;
  readonly responder?: ResponderConfig;
  readonly sender?: SenderConfig;
  /** From `createVcpuPause()`: the host stops the guest with it at any instant. Absent: it cannot. */
  readonly vcpuPause?: SharedArrayBuffer;
  /** Checks IPv4, TCP and UDP checksums of received frames; default false. */
  readonly verifyChecksums?: boolean;
  /** For guests of one's own that need to be told more; not looked at here. */
  readonly program?: unknown;
}

/** What can be posted to a guest's agent while it runs; to a paused guest it comes when it goes on. */
export type GuestMessage =
  | { readonly op: 'send'; readonly sender: SenderConfig }
  | { readonly op: 'respond'; readonly responder: ResponderConfig }
  /** Closes the channel from the guest's side. */
  | { readonly op: 'close' };

/** What can be posted to the agent about the virtual machine itself. */
export type VirtualMachineMessage =
  /** Ends what runs, and starts a guest. */
  | { readonly op: 'boot'; readonly data: GuestAgentData }
  /** The agent touches no memory from here on, until another `boot`. */
  | { readonly op: 'halt' }
  /** Nothing of the guest runs and nothing of its memory is touched by it, until `resume`. */
  | { readonly op: 'pause' }
  | { readonly op: 'resume' };
