/**
 * The words in which the reference model speaks: what a driver may ask, what arrives, and what can be seen.
 *
 * Everything is plain data with no bytes in it; the driver of the real stack turns it into buffers and frames.
 */

/** qstates: Undefined, Allocated, Set, Running, Paused, Stop DMA, Freeing. */
export type Letter = 'U' | 'A' | 'S' | 'R' | 'P' | 'D' | 'F';

/** Who asks: a protocol, or user mode. */
export type Caller = 'A' | 'B' | 'user';

/** What an adapter of the reference model is; of the current set, what it is at first. */
export interface ReferenceProfile {
  /** NDIS version of the miniport. */
  readonly version: 620 | 630 | 660;
  /** VMQ is in the current set. */
  readonly vmq: boolean;
  /** NumQueues and MaxMacHeaderFilters of the current set. */
  readonly numQueues: number;
  readonly maxFilters: number;
  /** MAC_HEADER_VLAN_ID_SUPPORTED is in the current set. */
  readonly vlanTests: boolean;
  /** MaxLookaheadSplitSize, or 0 without the split. */
  readonly maxLookahead: number;
  readonly processors: number;
  /** Six bytes, `02-56-…`. */
  readonly stationMac: string;
}

/** How an array lies in its buffer. */
export type Geometry = 'fine' | 'past the end' | 'inside the header' | 'undersized elements';

/** One field test of a filter. */
export interface FieldTest {
  readonly header: 'mac' | 'arp' | 'ipv4' | 'udp';
  /** Of the MAC header; other headers have whichever field comes first. */
  readonly field: 'destination' | 'source' | 'vlan' | 'packet type';
  readonly test: 'equal' | 'mask equal' | 'not equal';
  /** Destination or source address tested, `xx-xx-xx-xx-xx-xx`. */
  readonly mac: string;
  /** VLAN id tested. */
  readonly vlan: number;
  /** MAC_HEADER_VLAN_UNTAGGED_OR_ZERO. */
  readonly untaggedOrZero: boolean;
}

/** The settings of a VM queue that a caller states. */
export interface QueueSettings {
  readonly perQueueIndication: boolean;
  readonly splitRequired: boolean;
  /** Bits of the affinity mask, processor 0 lowest. */
  readonly affinity: number;
  readonly group: number;
  readonly suggestedBuffers: number;
  readonly queueName: string;
}

/** What is asked. Ids are the numbers that go into the buffer. */
export type Body =
  | ({
      readonly oid: 'allocate queue';
      readonly vmQueueType: boolean;
      /** What the caller left in QueueId; NDIS overwrites it. */
      readonly queueId: number;
      readonly lookaheadSize: number;
      readonly portId: number;
      /** Revision 3 (NDIS 6.50 on) with this QosSqId; null: the newest revision of the adapter's version. */
      readonly qosSqId: number | null;
      readonly vmName: string;
    } & QueueSettings)
  | {
      readonly oid: 'complete allocation';
      readonly queueIds: readonly number[];
      readonly geometry: Geometry;
    }
  | { readonly oid: 'query queue parameters'; readonly queueId: number }
  | ({
      readonly oid: 'set queue parameters';
      readonly queueId: number;
      readonly changes: { flags: boolean; affinity: boolean; buffers: boolean; name: boolean };
    } & QueueSettings)
  | { readonly oid: 'free queue'; readonly queueId: number }
  | { readonly oid: 'enumerate queues' }
  | {
      readonly oid: 'set filter';
      readonly queueId: number;
      readonly vmQueueType: boolean;
      readonly filterId: number;
      readonly idBits: number;
      readonly tests: readonly FieldTest[];
      readonly geometry: Geometry;
    }
  | { readonly oid: 'clear filter'; readonly queueId: number; readonly filterId: number }
  | { readonly oid: 'enumerate filters'; readonly queueId: number }
  | { readonly oid: 'query filter'; readonly filterId: number }
  | { readonly oid: 'move filter'; readonly filterId: number }
  | { readonly oid: 'query current capabilities' }
  | { readonly oid: 'query global parameters' }
  | { readonly oid: 'set packet filter'; readonly accepts: PacketFilter }
  | { readonly oid: 'set multicast list'; readonly addresses: readonly string[] };

export type OidWord = Body['oid'];

/** OID_GEN_CURRENT_PACKET_FILTER. */
export interface PacketFilter {
  readonly directed: boolean;
  readonly multicast: boolean;
  readonly allMulticast: boolean;
  readonly broadcast: boolean;
  readonly promiscuous: boolean;
}

export type RequestKind = 'query' | 'statistics' | 'set' | 'method';

export interface Request {
  readonly caller: Caller;
  readonly kind: RequestKind;
  readonly body: Body;
  /** Input and output buffers long enough, or a few bytes short of the structure. */
  readonly input: 'whole' | 'short';
  readonly output: 'whole' | 'short';
  /** A second try: room for the answer as the first said in BytesNeeded. Null: as much as can be. */
  readonly room: number | null;
}

/** A frame on the wire. */
export interface Frame {
  /** Increases with every frame; the frame carries it. */
  readonly number: number;
  readonly destination: string;
  /** VLAN id of its tag, or null. */
  readonly vlan: number | null;
  /** The protocol keeps the NBL until it is told to return it. */
  readonly hold: boolean;
}

/** A request's end, as its caller sees it. */
export interface Completion {
  readonly request: Request;
  readonly status: number;
  readonly bytesNeeded: number;
  readonly bytesGiven: number;
  /** What is wrong with the request's own members; empty if nothing is. */
  readonly faults: readonly string[];
  /** The id that came back: of allocate queue and set filter. */
  readonly id?: number;
  /** MSIXTableEntry of an allocated queue. */
  readonly msixEntry?: number;
  /** CompletionStatus of each element of an allocation completion. */
  readonly elements?: readonly number[];
  readonly parameters?: ParametersSeen;
  readonly queues?: readonly QueueSeen[];
  readonly filterIds?: readonly number[];
  readonly filter?: FilterSeen;
  /** Of a query of the current capabilities. */
  readonly capabilities?: CapabilitiesSeen;
}

/** The answer to a query of queue parameters. */
export interface ParametersSeen extends QueueSettings {
  readonly queueId: number;
  readonly lookaheadSize: number;
  readonly portId: number;
  readonly vmName: string;
}

/** An element of the answer to an enumeration of queues. */
export interface QueueSeen {
  readonly queueId: number;
  readonly operationalState: number;
  readonly affinity: number;
  readonly suggestedBuffers: number;
  /** MSIXTableEntry; of the default queue -1, as the model does not know it. */
  readonly msixEntry: number;
  readonly queueName: string;
  /** NumFilters; -1 where the structure's revision has none. */
  readonly filters: number;
}

/** The answer to a query of a filter. */
export interface FilterSeen {
  readonly filterId: number;
  readonly queueId: number;
  readonly mac: string;
  readonly vlan: number | null;
  readonly untaggedOrZero: boolean;
}

/** A frame as a protocol's receive handler got it. */
export interface Indicated {
  readonly to: 'A' | 'B';
  /** With RESOURCES: only to look at, as another protocol has the NBL. */
  readonly isLent: boolean;
  readonly number: number;
  readonly queueId: number;
  readonly processor: number;
  /** The indication said that all its NBLs are of one queue. */
  readonly singleQueue: boolean;
  /** Ieee8021QNetBufferListInfo as priority, CFI, VLAN id; null without. */
  readonly tag: string | null;
  /** Bytes of the frame, MDLs they lie in, bytes of the first MDL. */
  readonly length: number;
  readonly mdls: number;
  readonly firstMdlBytes: number;
  /** What is wrong with the NBL or its bytes; empty if nothing is. */
  readonly faults: readonly string[];
}

/** A current set, as a query answers it or an indication brings it. */
export interface CapabilitiesSeen {
  /** Filters and VM queues are enabled. */
  readonly vmq: boolean;
  readonly numQueues: number;
  readonly maxFilters: number;
}

/** A status indication of a new current set. */
export interface CapabilitiesIndicated extends CapabilitiesSeen {
  readonly to: 'A' | 'B';
}

/** A status indication of a queue's state. */
export interface QueueStateIndicated {
  readonly to: 'A' | 'B';
  readonly queueId: number;
  readonly operationalState: number;
}

/** What a step of the real stack showed. */
export interface Observation {
  /** In the order in which they came. */
  readonly completions: readonly Completion[];
  readonly indications: readonly QueueStateIndicated[];
  readonly capabilities: readonly CapabilitiesIndicated[];
  readonly frames: readonly Indicated[];
  /** Every queue that exists, as inspection shows it. */
  readonly queues: readonly { queueId: number; state: string; operationalState: number; filters: number }[];
  /** Rules that NDIS says a driver has broken. */
  readonly violations: readonly string[];
}
