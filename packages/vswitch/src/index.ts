/**
 * @vmq/vswitch: NetVSP, the virtual switch between one adapter and the virtual machines.
 *
 * The control half is {@link createSwitch}: ports and NICs with their life cycle, VLANs and security, the VM-queue
 * manager that decides who gets a hardware queue and on which processor, and the ledger that says why. The data
 * half is {@link createSwitchDataPath}, one per processor: it takes chains from NDIS and frames from guests'
 * channels, decides where each goes, copies it there and counts how it ended.
 *
 * @packageDocumentation
 */
export type { AllocationEvent, AllocationRecord } from './allocation-ledger.ts';
export { event113 } from './allocation-ledger.ts';
export { createSwitchDataPath, switchDataPathFactory, VSWITCH_DATA_PATH } from './data-path.ts';
export { SWITCH_END_REASONS, VSWITCH_DROP_REASONS } from './drop-reasons.ts';
export { EXTENSION_COUNTERS, type ExtensionCounter } from './extension-counters.ts';
export type * from './extension-data-path.ts';
export { createHostMemoryProvider, type ProvidedBlock } from './host-memory-provider.ts';
export {
  EXTERNAL_PORT,
  type PortImage,
  type SwitchDataImage,
  type SwitchExtensionImage,
  type SwitchExtensionsImage,
  type SwitchState,
} from './messages.ts';
export { PORT_COUNTERS, type PortCounter } from './port-counters.ts';
export type { DetachedTransport, SwitchTransport } from './publication.ts';
export { createSwitch } from './switch.ts';
export {
  NDIS_SWITCH_DEFAULT_NIC_INDEX,
  NDIS_SWITCH_DEFAULT_PORT_ID,
  type SwitchExtension,
  type SwitchExtensionRecord,
  type SwitchExtensionType,
  type SwitchNicOidRequest,
  type SwitchNicStatusIndication,
} from './switch-extension.ts';
export {
  DEFAULT_PORT_PROPERTIES,
  type NicOptions,
  type PortProperties,
  type PortState,
  type PortVlan,
  type SetFilter,
} from './switch-port.ts';
export type { PortReport, SwitchExtensionReport, SwitchReport } from './switch-report.ts';
export { describeSwitchTrace, VSWITCH_TRACE } from './trace.ts';
export type { SwitchOptions, SwitchResult, SwitchType, VirtualSwitch } from './virtual-switch.ts';
export type { VmqCapability, VmqSetting } from './vmq-capability.ts';
