/**
 * @vmq/vswitch: NetVSP, the virtual switch.
 *
 * @packageDocumentation
 */
export { createSwitchDataPath, VSWITCH_DATA_PATH } from './data-path.ts';
export { SWITCH_END_REASONS, VSWITCH_DROP_REASONS } from './drop-reasons.ts';
export { EXTERNAL_PORT, type PortImage, type SwitchDataImage, type SwitchState } from './messages.ts';
export { PORT_COUNTERS, type PortCounter } from './port-counters.ts';
export { describeSwitchTrace, VSWITCH_TRACE } from './trace.ts';
