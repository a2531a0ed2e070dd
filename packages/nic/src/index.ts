/**
 * @vmq/nic: a network card known only by its datasheet.
 *
 * A driver reaches it through registers (`attachNicRegisters`), descriptor rings in memory and MSI-X messages,
 * and through nothing else; DATASHEET.md says all it needs to know.
 *
 * @packageDocumentation
 */
export * from './descriptors.ts';
export { createNicAgent } from './device.ts';
export { COMPLETION_DAMAGES, type CompletionDamage, type DeviceFault } from './device-faults.ts';
export { createNicBar, type NicBarOptions } from './device-memory.ts';
export { NIC_DROP_REASONS } from './drop-reasons.ts';
export {
  ADDRESS_RULES,
  type AddressRule,
  explainClassification,
  type NicExplanation,
  type NicFilterTest,
} from './explain.ts';
export { NIC_AGENT, type NicAgentData, type NicMessage, nicEngineAgent } from './nic-agent.ts';
export { checkNicProfile, NIC_PROFILES, type NicProfile, nicProfile } from './profiles.ts';
export { NIC_BATCH } from './receive-unit.ts';
export { attachNicRegisters, type NicRegisters } from './register-bus.ts';
export * from './register-constants.ts';
export {
  NIC_REGISTERS,
  type RegisterAccess,
  type RegisterDefinition,
  type RegisterEffect,
  type RegisterField,
} from './registers.ts';
export { isNewerStamp, LAST_STAMP, nextStamp, stampDistance } from './stamps.ts';
export { describeNicTrace, INTERRUPT_RESULTS, NIC_TRACE } from './trace-kinds.ts';
