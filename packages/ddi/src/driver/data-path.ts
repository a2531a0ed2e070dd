/**
 * The data path of one adapter on one processor: who hands chains to whom.
 *
 *   protocol   receiveNetBufferLists ^          | sendNetBufferLists / returnNetBufferLists
 *   filter n                         |          v
 *   …                      (each filter module may look at, drop, delay or originate chains)
 *   filter 1                         |          v
 *   miniport   indicateReceiveNetBufferLists    sendNetBufferLists / returnNetBufferLists
 *
 * Everything here is called per chain, not per frame, at DISPATCH_LEVEL on the processor that owns the objects.
 * Each processor of an adapter has a data path of its own, built from shared memory alone, so NBLs never cross
 * processors.
 */
import type { NetBufferList } from '../nbl/net-buffer-list.ts';

/** What calls up: the miniport, or a filter module. The next layer's upper side. */
export interface ReceiveSink {
  /**
   * NdisMIndicateReceiveNetBufferLists / NdisFIndicateReceiveNetBufferLists / ProtocolReceiveNetBufferLists.
   * Ownership of the chain passes up unless `flags` has NDIS_RECEIVE_FLAGS_RESOURCES.
   *
   * @irql DISPATCH_LEVEL
   */
  receiveNetBufferLists(chain: NetBufferList, portNumber: number, count: number, flags: number): void;
  /**
   * NdisMSendNetBufferListsComplete and its kin: each NBL's `status` is set; ownership passes back up.
   *
   * @irql DISPATCH_LEVEL
   */
  sendNetBufferListsComplete(chain: NetBufferList, flags: number): void;
}

/** What calls down: the protocol, or a filter module. The next layer's lower side. */
export interface SendSink {
  /**
   * NdisSendNetBufferLists / MiniportSendNetBufferLists: ownership passes down until the completion.
   *
   * @irql DISPATCH_LEVEL
   */
  sendNetBufferLists(chain: NetBufferList, portNumber: number, flags: number): void;
  /**
   * NdisReturnNetBufferLists / MiniportReturnNetBufferLists.
   *
   * @irql DISPATCH_LEVEL
   */
  returnNetBufferLists(chain: NetBufferList, flags: number): void;
}

/** A miniport's data path on one processor. */
export interface MiniportDataPath extends SendSink {
  /**
   * The control path has published new tables (between batches).
   *
   * @irql PASSIVE_LEVEL
   */
  refresh(): void;
}

/** A protocol driver's data path on one processor. */
export interface ProtocolDataPath extends ReceiveSink {
  /** @irql PASSIVE_LEVEL */
  refresh(): void;
}

/** A filter module's data path on one processor: sits in both directions. */
export interface FilterDataPath extends ReceiveSink, SendSink {
  /** @irql PASSIVE_LEVEL */
  refresh(): void;
}
