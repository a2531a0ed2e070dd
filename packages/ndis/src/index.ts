/**
 * `@vmq/ndis`: the NDIS core between miniports and protocols.
 *
 * *Control path* ({@link createNdis}): adapters and bindings with their states, OID requests with everything NDIS
 * verifies before a miniport sees them, queue and filter records, capability caches, shared memory, interrupt
 * messages, status indications. Statuses are returned; each refusal leaves its reason in {@link Ndis.refusals}.
 *
 * *Data path* ({@link createNdisProcessor}): on every processor, routes chains of NBLs between miniport, filter
 * modules and protocol, and keeps the accounts that pausing waits for.
 *
 * @packageDocumentation
 */
export type {
  AdapterReport,
  BindingReport,
  FilterReport,
  QueueReport,
} from './adapter/adapter-inspection.ts';
export {
  type AdapterOptions,
  createNdis,
  type Ndis,
  type NdisAdapter,
  type NdisOptions,
} from './adapter/ndis.ts';
export {
  createNdisDataPath,
  NDIS_DROP_REASONS,
  type NdisDataPath,
  type NdisDataPathImage,
} from './datapath/data-path-router.ts';
export type {
  DataPlane,
  DataPlaneComponent,
  DataPlaneEnvelope,
  FilterDataPlaneMessage,
  NdisDataPlaneMessage,
  ProtocolDataPlaneMessage,
} from './datapath/data-plane.ts';
export type { DetachedDataPath } from './datapath/detached-data-path.ts';
export {
  createNdisProcessor,
  type NdisProcessor,
  type NdisProcessorFactories,
} from './datapath/ndis-processor.ts';
export type { DefaultQueueFilter, ReceiverImage, ReceiversImage } from './datapath/receivers.ts';
export { describeNdisTrace, NDIS_TRACE } from './diagnostics/ndis-trace.ts';
export {
  operationalState,
  QUEUE_EVENTS,
  type QueueEvent,
  type QueueState,
  queueTransition,
} from './diagnostics/queue-states.ts';
export { type RefusalLog, type RefusalRecord, refusalLine } from './diagnostics/refusal-log.ts';
export type { MsixEntryReport } from './memory/interrupt-messages.ts';
export type { SharedMemoryReportEntry } from './memory/shared-memory-broker.ts';
export type { PendingOid } from './oid/oid-engine.ts';
export type { MiniportVersion } from './records/capabilities.ts';
export { vmqEnabled } from './records/capability-rules.ts';
