/**
 * @vmq/miniport: an NDIS miniport driver that brings VMQ to the NIC of `@vmq/nic`.
 *
 * The control path (`createVmqMiniport`) answers NDIS; a data path per processor (`createVmqMiniportDataPath`)
 * turns completions into chains of net buffer lists and sends by descriptor. The hardware is reached through
 * registers, rings and MSI-X messages alone, so another driver can be written against the same datasheet.
 *
 * @packageDocumentation
 */

export { createVmqMiniportDataPath, VMQ_MINIPORT_DATA_PATH } from './datapath/data-path.ts';
export { createVmqMiniport, type VmqMiniportOptions } from './driver/miniport.ts';
export { CapabilitySets, type HardwareSizes } from './model/capabilities.ts';
export { MINIPORT_DROP_REASONS } from './model/drop-reasons.ts';
export { type ReceiveMode, readJumboPacket, readReceiveMode } from './model/keywords.ts';
export { describeMiniportTrace, MINIPORT_TRACE } from './model/trace-kinds.ts';
export { OID_VMQ_MINIPORT_VM_QUEUES } from './queues/current-set.ts';
