/**
 * What crosses from the control path to the data paths: plain cloneable data and shared buffers.
 *
 * A publication carries the whole state of the switch, not a change: a data path that has it needs no history,
 * and two publications cannot be applied in the wrong order.
 */
import type { ChannelImage } from '@vmq/netvsc';
import type { LearnedMacTableImage } from '../tables/learned-mac-table.ts';
import type { SwitchExtensionType } from './switch-extension.ts';

/** Number of the external port, the one behind which the adapter is. VM ports have numbers from 1. */
export const EXTERNAL_PORT = 0;

/** One VM port (or the host's internal one), as a data path sees it. */
export interface PortImage {
  /** Port number, 1 … maxPorts - 1; also the PortId of its VM queue. */
  readonly port: number;
  /** False from NIC creation to connection and after disconnection: no frame to it or from it. */
  readonly connected: boolean;
  /** MAC address, first two and last four bytes in wire order. */
  readonly macHi: number;
  readonly macLo: number;
  /** Access VLAN, 0 = none; -1 for a trunk. */
  readonly accessVlan: number;
  /** Trunk: VLAN of frames without a tag. */
  readonly nativeVlan: number;
  /** Trunk: member VLANs, native one included, pruned ones left out. */
  readonly trunkVlans: readonly number[];
  readonly allowMacSpoofing: boolean;
  /** Number of the team (VM) in which AllowTeaming lets the ports use each other's MAC; 0 = none. */
  readonly team: number;
  readonly preserveVlan: boolean;
  readonly preservePriority: boolean;
  /** VM queue of the port, 0 = none: its frames come from the default queue. */
  readonly queueId: number;
  /** Frames of its queue that lie in the VM's memory may stay there until the guest is done (6.20). */
  readonly leavesInPlace: boolean;
  /** Rises by one with each channel the port is given; tells a new one from a copy of the old image. */
  readonly channelGeneration: number;
  readonly channel: ChannelImage | null;
  /** Processor that polls the channel, and the vector on which the guest's signals arrive there. */
  readonly processor: number;
  readonly vector: number;
}

/** Host memory for frames on their way out, of one processor. */
export interface SendBuffersImage {
  /** Bytes of room per buffer, a multiple of 64. */
  readonly bufferBytes: number;
  /** Byte offsets in host memory, 64-byte aligned. */
  readonly offsets: Int32Array;
}

/** Everything a data path has to know; replaces what it knew. */
export interface SwitchState {
  readonly op: 'state';
  readonly version: number;
  /** The switch has an external port. */
  readonly external: boolean;
  /** … and frames may be sent there now: the binding is Running. */
  readonly externalRunning: boolean;
  readonly floodUnknownUnicast: boolean;
  /** Nanoseconds per ageing tick; 0 = addresses do not age. */
  readonly ageingTick: number;
  readonly learned: LearnedMacTableImage;
  readonly ports: readonly PortImage[];
  /** Indexed by processor; null where no channel is polled. */
  readonly sendBuffers: readonly (SendBuffersImage | null)[];
}

/** Frames the host sends on behalf of a port's VM; for the processor that polls the port's channel. */
export interface HostFrames {
  readonly op: 'send';
  readonly port: number;
  /** Without tag and FCS; each fits a send buffer. */
  readonly frames: readonly Uint8Array[];
}

/** An extension, as a data path sees it. */
export interface SwitchExtensionImage {
  readonly name: string;
  readonly type: SwitchExtensionType;
  /** Name of its data path's factory, '' = it has none. */
  readonly factory: string;
  readonly image: unknown;
}

/** The switch's extensions, in the order in which frames pass them on ingress. */
export interface SwitchExtensionsImage {
  readonly list: readonly SwitchExtensionImage[];
  /** What each has seen and done; see extension-counters.ts. */
  readonly counters: SharedArrayBuffer;
}

/** What `createSwitchDataPath` is given on every processor. */
export interface SwitchDataImage {
  readonly switchName: string;
  readonly maxPorts: number;
  /** Most packets of a channel that are read in a turn. */
  readonly channelBudget: number;
  /** Per-port counters, a block per processor; see port-counters.ts. */
  readonly counters: SharedArrayBuffer;
  /** Delivery numbers under a lock per port; see delivery-numbers.ts. */
  readonly deliveryNumbers: SharedArrayBuffer;
  /** Int32 per processor, 16 words apart: sends that have not completed. */
  readonly outstandingSends: SharedArrayBuffer;
  readonly extensions: SwitchExtensionsImage;
  readonly state: SwitchState;
}
