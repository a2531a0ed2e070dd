/**
 * NET_BUFFER_LIST, NET_BUFFER and MDL, pooled.
 *
 *   NetBufferList ──next──> NetBufferList ──next──> null        one chain = one indication or send
 *      │ firstNetBuffer
 *      v
 *   NetBuffer (dataOffset, dataLength) ──next──> …               one per NBL on receive
 *      │ mdl
 *      v
 *   Mdl (segment, byteOffset, byteCount) ──next──> Mdl           the bytes, wherever they lie
 *
 * A frame's first byte is at `mdl.byteOffset + dataOffset` of `mdl.segment`; lengths in bytes. Every field is set
 * in the constructor, in one order and with one type, so that all objects share one hidden class.
 */
import type { MemorySegment } from '@vmq/machine';

/** A memory descriptor: `byteCount` bytes at `byteOffset` of a segment. */
export class Mdl {
  next: Mdl | null = null;
  segment: MemorySegment;
  byteOffset: number = 0;
  byteCount: number = 0;

  constructor(segment: MemorySegment) {
    this.segment = segment;
  }
}

/** NET_BUFFER_SHARED_MEMORY: which block of shared memory holds (part of) the frame. */
export class NetBufferSharedMemory {
  next: NetBufferSharedMemory | null = null;
  /** Zero; reserved. */
  sharedMemoryFlags: number = 0;
  /** The SharedMemoryHandle that the allocation gave. */
  sharedMemoryHandle: number = 0;
  /** Byte offset of the buffer in the block. */
  sharedMemoryOffset: number = 0;
  /** Bytes of the buffer. */
  sharedMemoryLength: number = 0;
}

/** NET_BUFFER: one frame. */
export class NetBuffer {
  next: NetBuffer | null = null;
  /** First MDL of the chain (CurrentMdl = MdlChain in this model; dataOffset counts from its start). */
  mdl: Mdl;
  dataOffset: number = 0;
  dataLength: number = 0;
  sharedMemoryInfo: NetBufferSharedMemory | null = null;

  constructor(mdl: Mdl) {
    this.mdl = mdl;
  }
}

/** NET_BUFFER_LIST: a frame with its out-of-band data. */
export class NetBufferList {
  next: NetBufferList | null = null;
  firstNetBuffer: NetBuffer;
  /**
   * NetBufferListFilteringInfo (NDIS_NET_BUFFER_LIST_FILTERING_INFO): bits 0..15 FilterId, bits 16..31 QueueId
   * or VPortId. Use {@link filteringInfo} and {@link queueIdOf}.
   */
  filteringInfo: number = 0;
  /** Ieee8021QNetBufferListInfo: 0 = none, else UserPriority (bits 0..2), CFI (bit 3), VlanId (bits 4..15). */
  ieee8021QInfo: number = 0;
  /** TcpIpChecksumNetBufferListInfo. */
  checksumInfo: number = 0;
  /** NetBufferListHashValue. */
  hashValue: number = 0;
  /** The NIC's receive stamp of the frame, or the switch's number for a frame a guest sent. Trace only. */
  stamp: number = 0;
  /** Slot of the hardware filter that took the frame, or -1. Trace only. */
  filterSlot: number = -1;
  /**
   * The NIC's verdict on a received frame, as it stands in the completion: receive queue in bits 0..7, address rule in bits
   * 8..15 (0: the filter in {@link filterSlot}), EtherType in bits 16..31. 0 for a frame that is sent.
   */
  receiveVerdict: number = 0;
  /** NDIS_STATUS of a completed send. */
  status: number = 0;
  /** NblFlags, NDIS_NBL_FLAGS_*. */
  nblFlags: number = 0;
  /** SourceHandle: number of the NDIS handle that originated it. */
  sourceHandle: number = 0;
  /** For the NBL's originator: e.g. the index of the receive buffer. */
  originatorReserved: number = 0;
  /** MiniportReserved, for the miniport that originated it: an MDL of its own, say. */
  miniportReserved: Mdl | null = null;
  /** For the protocol that holds it. */
  protocolReserved: number = 0;
  /** The pool it came from. */
  readonly pool: NetBufferListPool;

  constructor(pool: NetBufferListPool, netBuffer: NetBuffer) {
    this.pool = pool;
    this.firstNetBuffer = netBuffer;
  }
}

/** Packs NDIS_NET_BUFFER_LIST_FILTERING_INFO. */
export function filteringInfo(queueId: number, filterId: number): number {
  return (queueId << 16) | (filterId & 0xffff);
}

/** QueueId (VMQ mode) or VPortId (NIC-switch mode) of an NBL. */
export function queueIdOf(nbl: NetBufferList): number {
  return nbl.filteringInfo >>> 16;
}

/** Packs an 802.1Q TCI in wire order (PCP:3 DEI:1 VID:12) into Ieee8021QNetBufferListInfo; 0 stays 0. */
export function ieee8021QFromTci(tci: number): number {
  return (tci >>> 13) | ((tci >>> 9) & 8) | ((tci & 0xfff) << 4);
}

/** The TCI in wire order of an Ieee8021QNetBufferListInfo. */
export function tciFromIeee8021Q(info: number): number {
  return ((info & 7) << 13) | ((info & 8) << 9) | ((info >>> 4) & 0xfff);
}

/**
 * NdisAllocateNetBufferListPool, with data: each NBL owns one NB and one MDL. Taken and given back
 * last-in-first-out, so that a few hundred stay in the cache whatever the number of buffers.
 */
export class NetBufferListPool {
  /** NBLs that exist. */
  capacity: number = 0;
  /** Top of the stack of free NBLs: a chain already. */
  #free: NetBufferList | null = null;
  #available: number = 0;

  constructor(capacity: number, segment: MemorySegment) {
    this.grow(capacity, segment);
  }

  /** Adds `count` NBLs; control path. */
  grow(count: number, segment: MemorySegment): void {
    for (let i = 0; i < count; i++) this.give(new NetBufferList(this, new NetBuffer(new Mdl(segment))));
    this.capacity += count;
  }

  get available(): number {
    return this.#available;
  }

  /** Takes one NBL, or null when the pool is empty. `next` is null. */
  take(): NetBufferList | null {
    const nbl = this.#free;
    if (nbl === null) return null;
    this.#free = nbl.next;
    nbl.next = null;
    this.#available--;
    return nbl;
  }

  /**
   * Takes a chain of exactly `count` NBLs, or null if there are fewer. The free list's first entries already are
   * the chain: it is cut, not built.
   */
  takeChain(count: number): NetBufferList | null {
    const head = this.peekChain(count);
    if (head === null) return null;
    let last = head;
    for (let i = 1; i < count; i++) last = last.next as NetBufferList;
    this.cutChain(last, count);
    return head;
  }

  /**
   * The first of the free NBLs, still linked to all others, or null if there are fewer than `count`: for who walks along
   * them anyway, and takes the first `count` by {@link cutChain} then.
   */
  peekChain(count: number): NetBufferList | null {
    return count <= 0 || count > this.#available ? null : this.#free;
  }

  /** Takes the free NBLs up to `last`, the `count`-th. */
  cutChain(last: NetBufferList, count: number): void {
    this.#free = last.next;
    last.next = null;
    this.#available -= count;
  }

  give(nbl: NetBufferList): void {
    nbl.next = this.#free;
    this.#free = nbl;
    this.#available++;
  }

  /** Splices a chain of `count` NBLs, `head` to `last`, back. */
  giveChain(head: NetBufferList, last: NetBufferList, count: number): void {
    last.next = this.#free;
    this.#free = head;
    this.#available += count;
  }
}
