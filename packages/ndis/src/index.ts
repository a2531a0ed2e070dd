/**
 * @vmq/ndis: the NDIS core between miniports and protocols.
 *
 * @packageDocumentation
 */
export type * from './data-path.ts';
export * from './miniport-driver.ts';
export * from './net-buffer-list.ts';
export * from './oid-request.ts';
export type * from './protocol-driver.ts';
export type * from './shared-memory-provider.ts';
