/**
 * `@vmq/ndis`: the NDIS core between miniports and protocols.
 *
 * *Control half* ({@link createNdis}): adapters and bindings with their states, OID requests with everything NDIS
 * verifies before a miniport sees them, queue and filter records, capability caches, shared memory, interrupt
 * messages, status indications. Statuses are returned; each refusal leaves its reason in {@link Ndis.refusals}.
 *
 * *Data half* ({@link createNdisProcessor}): on every processor, routes chains of NBLs between miniport, filter
 * modules and protocol, and keeps the accounts that pausing waits for.
 *
 * @packageDocumentation
 */
export type {
  AdapterReport,
  BindingReport,
  FilterReport,
  QueueReport,
} from './adapter-inspection.ts';
export type { MiniportVersion } from './capabilities.ts';
export { vmqEnabled } from './capability-rules.ts';
export {
  createNdisDataPath,
  NDIS_DROP_REASONS,
  type NdisDataPath,
  type NdisDataPathImage,
} from './data-path-router.ts';
export type {
  DataPlane,
  DataPlaneComponent,
  DataPlaneEnvelope,
  FilterDataPlaneMessage,
  NdisDataPlaneMessage,
  ProtocolDataPlaneMessage,
} from './data-plane.ts';
export type { DetachedDataPath } from './detached-data-path.ts';
export type { MsixEntryReport } from './interrupt-messages.ts';
export { type AdapterOptions, createNdis, type Ndis, type NdisAdapter, type NdisOptions } from './ndis.ts';
export {
  createNdisProcessor,
  type NdisProcessor,
  type NdisProcessorFactories,
} from './ndis-processor.ts';
export { describeNdisTrace, NDIS_TRACE } from './ndis-trace.ts';
export type { PendingOid } from './oid-engine.ts';
export {
  operationalState,
  QUEUE_EVENTS,
  type QueueEvent,
  type QueueState,
  queueTransition,
} from './queue-states.ts';
export type { DefaultQueueFilter, ReceiverImage, ReceiversImage } from './receivers.ts';
export { type RefusalLog, type RefusalRecord, refusalLine } from './refusal-log.ts';
export type { SharedMemoryReportEntry } from './shared-memory-broker.ts';
