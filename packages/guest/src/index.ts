/**
 * @vmq/guest: what runs in a VM, seeing nothing but the VM's own memory.
 *
 * {@link createGuestAgent} makes the agent: the NetVSC driver over one VMBus channel and, above it, endpoints
 * that compose: a sink that counts always, a record of what was received, a responder (ARP, ICMP, neighbour
 * discovery), a deterministic sender and a source fed from a frame ring.
 *
 * @packageDocumentation
 */
export { createGuestBrake, isGuestBraked, pullGuestBrake, releaseGuestBrake } from './brake.ts';
export type {
  GuestAgentData,
  GuestMessage,
  ResponderConfig,
  SenderConfig,
  VirtualMachineMessage,
} from './endpoint-config.ts';
export { ENDPOINT_PAGE_BYTES } from './endpoint-page.ts';
export {
  refusalOfFrame,
  refusalOfGuestMessage,
  refusalOfResponder,
  refusalOfSender,
} from './endpoint-refusals.ts';
export { createGuestRecordReader, type GuestRecordReader, type RecordedFrame } from './record.ts';
export { SENDER_ETHERTYPE } from './sender.ts';
export {
  createGuestStatistics,
  GUEST_STATISTICS,
  type GuestStatistic,
  readGuestStatistics,
} from './statistics.ts';
export { describeGuestTrace, GUEST_TRACE } from './trace-kinds.ts';
export { createGuestAgent } from './virtual-machine.ts';
