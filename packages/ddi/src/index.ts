/**
 * `@vmq/ddi`: the NDIS device driver interface, as types and values that drivers share with NDIS.
 *
 * *Contracts*: {@link MiniportDriver}, {@link ProtocolDriver}, {@link FilterDriver} are what a driver implements;
 * {@link MiniportAdapter}, {@link Binding}, {@link FilterModule} what NDIS gives it to call. *Data*: a
 * {@link NetBufferList} describes a frame, a chain of them a batch. *Requests*: an {@link OidRequest} carries the bytes of a
 * structure. `@vmq/ndis` runs drivers; a driver needs this package alone.
 *
 * @packageDocumentation
 */
export {
  type AdapterEvent,
  type AdapterState,
  adapterTransition,
  type BindingState,
} from './driver/adapter-states.ts';
export type * from './driver/data-path.ts';
export type * from './driver/filter-driver.ts';
export * from './driver/miniport-driver.ts';
export type { MiniportInterposer, MiniportWay } from './driver/miniport-interposer.ts';
export * from './driver/protocol-driver.ts';
export type * from './driver/shared-memory-provider.ts';
export * from './nbl/chain.ts';
export * from './nbl/net-buffer-list.ts';
export { NetBufferListQueue } from './nbl/net-buffer-list-queue.ts';
export * from './oid/oid-request.ts';
