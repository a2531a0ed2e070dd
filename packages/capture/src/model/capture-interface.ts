/** Counters of a pcapng Interface Statistics Block; `null` where the file does not say. */
export interface InterfaceStatistics {
  /** When the counters were read, in whole seconds and nanoseconds since 1970-01-01 00:00 UTC. */
  readonly seconds: number;
  readonly nanoseconds: number;
  /** `isb_ifrecv`: packets the interface received. */
  readonly received: number | null;
  /** `isb_ifdrop`: packets the interface dropped for lack of resources. */
  readonly dropped: number | null;
  /** `isb_filteraccept`: packets the capture filter took. */
  readonly filterAccepted: number | null;
  /** `isb_osdrop`: packets the operating system dropped. */
  readonly osDropped: number | null;
  /** `isb_usrdeliv`: packets delivered to the capturing program. */
  readonly delivered: number | null;
}

/** One interface of the current section. A pcap file has exactly one. */
export interface CaptureInterface {
  readonly linkType: number;
  /** Most bytes kept of a packet; 0 means no limit. */
  readonly snapLength: number;
  /** Bytes of frame check sequence at each packet's end; `null` where the file does not say. A packet may say otherwise. */
  readonly fcsLength: number | null;
  readonly name: string | null;
  readonly description: string | null;
  readonly comments: readonly string[];
  /** `if_tsresol` as stored: top bit clear, 10^-n s; top bit set, 2^-n s. */
  readonly timestampResolution: number;
  /** `if_tsoffset`: seconds already added to each packet's time. */
  readonly timestampOffset: number;
  /** The last statistics block seen for this interface. */
  readonly statistics: InterfaceStatistics | null;
}

/** A pcapng section, from its Section Header Block; for pcap only the byte order is known. */
export interface CaptureSection {
  readonly bigEndian: boolean;
  readonly hardware: string | null;
  readonly os: string | null;
  readonly userApplication: string | null;
  readonly comments: readonly string[];
}

/** One record of a pcapng Name Resolution Block. */
export interface NameRecord {
  /** 4 bytes for IPv4, 16 for IPv6, in network order. */
  readonly address: Uint8Array;
  readonly names: readonly string[];
}
