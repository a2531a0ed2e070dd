/**
 * What can stand between NDIS and its miniports for a while, as Driver Verifier does to see how a stack takes it:
 * requests that pend or fail, pauses that take their time. Control path only, and nothing while there is none.
 */
import type { OidRequest } from '../oid/oid-request.ts';

export interface MiniportInterposer {
  /**
   * A request on its way down. Answers with a status as MiniportOidRequest does: `down()` is the miniport's own. After
   * NDIS_STATUS_PENDING it calls `complete` once, itself or with what a later `down()` gave.
   *
   * @irql PASSIVE_LEVEL
   */
  oidRequest?(adapterName: string, request: OidRequest, way: MiniportWay): number;
  /**
   * MiniportPause on its way down; after NDIS_STATUS_PENDING `complete` is called once.
   *
   * @irql PASSIVE_LEVEL
   */
  pause?(adapterName: string, way: MiniportWay): number;
  /**
   * A reset begins: what was kept back is to be completed (NDIS_STATUS_REQUEST_ABORTED) before this returns.
   *
   * @irql PASSIVE_LEVEL
   */
  reset?(adapterName: string): void;
}

/** The rest of a call's way. */
export interface MiniportWay {
  /**
   * Calls the miniport; its status. PENDING: it completes by itself.
   *
   * @irql PASSIVE_LEVEL
   */
  down(): number;
  /**
   * Completes in the miniport's place.
   *
   * @irql PASSIVE_LEVEL
   */
  complete(status: number): void;
}
