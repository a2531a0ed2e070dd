/**
 * What an extension of the switch is to a processor (SW-26): called once per batch and direction, at DISPATCH_LEVEL.
 *
 *   frames ─> ingress: capturing, filtering, forwarding ─> switch policy, destinations
 *          ─> egress: forwarding, filtering, capturing ─> delivery
 *          ─> complete, in reverse: egress (capturing … forwarding), then ingress (forwarding … capturing)
 *
 * Frames are numbers: `index[0]` to `index[count - 1]` name the frames that are still on the path, and the arrays are
 * indexed by those names. Nothing here outlives the call.
 */

import type { ProcessorServices } from '@vmq/ddi';
import type { AgentContext, MemorySegment } from '@vmq/machine';

export interface SwitchFrames {
  /** Frames that are still on the path. */
  readonly count: number;
  /** Their names: indexes into the arrays below. */
  readonly index: Int32Array;
  /** Where the bytes of a frame begin: segment and byte offset in it. Host memory, unless a frame is not safe. */
  readonly segments: readonly MemorySegment[];
  readonly offset: Int32Array;
  /** Bytes, without FCS and without a tag that came beside the frame. */
  readonly length: Int32Array;
  /** On ingress the VLAN that the sender named, 0 = none; on egress the VLAN that the frame counts for. */
  readonly vlan: Int32Array;
  /** Priority and CFI as bits 12 … 15 of a TCI. */
  readonly priority: Int32Array;
  /** SourcePortId; EXTERNAL_PORT = from the wire. */
  readonly source: Int32Array;
  /** The NIC's receive stamp, or the switch's for a guest's frame. */
  readonly stamp: Int32Array;
  /** IsPacketDataSafe: 1 = no VM can change the bytes (SEC-09). */
  readonly isPacketDataSafe: Uint8Array;
  /** SafePacketDataSize: bytes at `offset` that are safe; those behind are not there to be read. */
  readonly safePacketDataSize: Int32Array;
  /** Copies a frame that is not safe into host memory; afterwards all of it lies at its (new) `offset`. */
  copyPacketData(frame: number): void;
}

export interface IngressFrames extends SwitchFrames {
  /** Ends a frame here: `dropped.vswitch.extension`. Of no effect for a capturing extension. */
  drop(frame: number): void;
}

export interface EgressFrames extends SwitchFrames {
  /** Destinations of all frames: pair `d` says that frame `deliveryFrame[d]` goes to port `deliveryPort[d]`. */
  readonly deliveries: number;
  readonly deliveryFrame: Int32Array;
  /** EXTERNAL_PORT = the wire. */
  readonly deliveryPort: Int32Array;
  /**
   * Takes a destination away (IsExcluded). A frame that loses its last one ends in `dropped.vswitch.extension`. Of
   * no effect for a capturing extension.
   */
  exclude(delivery: number): void;
}

/** An extension's data path on one processor. */
export interface SwitchExtensionDataPath {
  /** FilterSendNetBufferLists. */
  ingress?(frames: IngressFrames): void;
  /** FilterReceiveNetBufferLists. */
  egress?(frames: EgressFrames): void;
  /** FilterReturnNetBufferLists: frames it let pass on egress have been delivered. */
  egressComplete?(frames: SwitchFrames): void;
  /** FilterSendNetBufferListsComplete: frames it let pass on ingress are done with, or were dropped further on. */
  ingressComplete?(frames: SwitchFrames): void;
}

/** Makes an extension's data path on one processor; `image` is the extension's `dataPathImage`. */
export type SwitchExtensionDataPathFactory = (
  context: AgentContext,
  processor: ProcessorServices,
  image: unknown,
) => SwitchExtensionDataPath;

export type SwitchExtensionDataPathFactories = Readonly<Record<string, SwitchExtensionDataPathFactory>>;
