/**
 * @vmq/vswitch: NetVSP, the virtual switch between one adapter and the virtual machines.
 *
 * The control path is {@link createSwitch}: ports and NICs with their life cycle, VLANs and security, the VM-queue
 * manager that decides who gets a hardware queue and on which processor, and the ledger that says why. The data
 * path is {@link createSwitchDataPath}, one per processor: it takes chains from NDIS and frames from guests'
 * channels, decides where each goes, copies it there and counts how it ended.
 *
 * @packageDocumentation
 */

export type { DetachedTransport, SwitchTransport } from './control/publication.ts';
export { createSwitch } from './control/switch.ts';
export type { PortReport, SwitchExtensionReport, SwitchReport } from './control/switch-report.ts';
export type { SwitchOptions, SwitchResult, SwitchType, VirtualSwitch } from './control/virtual-switch.ts';
export { createSwitchDataPath, switchDataPathFactory, VSWITCH_DATA_PATH } from './datapath/data-path.ts';
export {
  explainSwitching,
  SWITCH_RULES,
  type SwitchExplanation,
  type SwitchFrame,
  type SwitchRule,
  type SwitchTest,
} from './explain/explain-switching.ts';
export { SWITCH_END_REASONS, VSWITCH_DROP_REASONS } from './model/drop-reasons.ts';
export { EXTENSION_COUNTERS, type ExtensionCounter } from './model/extension-counters.ts';
export type * from './model/extension-data-path.ts';
export {
  EXTERNAL_PORT,
  type PortImage,
  type SwitchDataImage,
  type SwitchExtensionImage,
  type SwitchExtensionsImage,
  type SwitchState,
} from './model/messages.ts';
export { PORT_COUNTERS, type PortCounter } from './model/port-counters.ts';
export {
  NDIS_SWITCH_DEFAULT_NIC_INDEX,
  NDIS_SWITCH_DEFAULT_PORT_ID,
  type SwitchExtension,
  type SwitchExtensionRecord,
  type SwitchExtensionType,
  type SwitchNicOidRequest,
  type SwitchNicStatusIndication,
} from './model/switch-extension.ts';
export {
  DEFAULT_PORT_PROPERTIES,
  type NicOptions,
  type PortProperties,
  type PortState,
  type PortVlan,
  type SetFilter,
} from './model/switch-port.ts';
export { describeSwitchTrace, VSWITCH_TRACE } from './model/trace.ts';
export type { AllocationEvent, AllocationRecord } from './vmq/allocation-ledger.ts';
export { event113 } from './vmq/allocation-ledger.ts';
export { createHostMemoryProvider, type ProvidedBlock } from './vmq/host-memory-provider.ts';
export type { VmqCapability, VmqSetting } from './vmq/vmq-capability.ts';
