/**
 * @vmq/nic: a network card known only by its datasheet.
 *
 * A driver reaches it through registers (`attachNicRegisters`), descriptor rings in memory and MSI-X messages,
 * and through nothing else; DATASHEET.md says all it needs to know.
 *
 * @packageDocumentation
 */

export { createNicAgent } from './device/device.ts';
export { COMPLETION_DAMAGES, type CompletionDamage, type DeviceFault } from './device/device-faults.ts';
export { NIC_AGENT, type NicAgentData, type NicMessage, nicEngineAgent } from './device/nic-agent.ts';
export { compareVerdict, type VerdictDifference } from './filter/compare-verdict.ts';
export { explainClassification, type NicExplanation, type NicFilterTest } from './filter/explain.ts';
export { NIC_BATCH } from './receive/receive-unit.ts';
export * from './registers/descriptors.ts';
export { createNicBar, type NicBarOptions } from './registers/device-memory.ts';
export { checkNicProfile, NIC_PROFILES, type NicProfile, nicProfile } from './registers/profiles.ts';
export { attachNicRegisters, type NicRegisters } from './registers/register-bus.ts';
export * from './registers/register-constants.ts';
export {
  NIC_REGISTERS,
  type RegisterAccess,
  type RegisterDefinition,
  type RegisterEffect,
  type RegisterField,
} from './registers/registers.ts';
export { ADDRESS_RULES, type AddressRule } from './state/address-rules.ts';
export { NIC_DROP_REASONS } from './state/drop-reasons.ts';
export {
  type DroppedFrame,
  type ReceiveRecord,
  readCompletion,
  readDroppedFrames,
} from './state/receive-record.ts';
export { isNewerStamp, LAST_STAMP, nextStamp, stampDistance } from './state/stamps.ts';
export {
  describeNicTrace,
  INTERRUPT_RESULTS,
  NIC_TRACE,
  VERDICT_PARTS,
  type VerdictPart,
} from './state/trace-kinds.ts';
