/**
 * @vmq/guest: what runs in a VM, seeing nothing but the VM's own memory.
 *
 * {@link createGuestAgent} makes the agent: the NetVSC driver over one VMBus channel and, above it, endpoints
 * that compose: a sink that counts always, a record of what was received, a responder (ARP, ICMP, neighbour
 * discovery), a deterministic sender and a source fed from a frame ring.
 *
 * @packageDocumentation
 */

export { createGuestAgent } from './agent/virtual-machine.ts';
export type {
  GuestAgentData,
  GuestMessage,
  ResponderConfig,
  SenderConfig,
  VirtualMachineMessage,
} from './endpoint/endpoint-config.ts';
export { ENDPOINT_PAGE_BYTES } from './endpoint/endpoint-page.ts';
export {
  refusalOfFrame,
  refusalOfGuestMessage,
  refusalOfResponder,
  refusalOfSender,
} from './endpoint/endpoint-refusals.ts';
export { SENDER_ETHERTYPE } from './endpoint/sender.ts';
export { createGuestRecordReader, type GuestRecordReader, type RecordedFrame } from './observe/record.ts';
export {
  createGuestStatistics,
  GUEST_STATISTICS,
  type GuestStatistic,
  readGuestStatistics,
} from './observe/statistics.ts';
export { describeGuestTrace, GUEST_TRACE } from './observe/trace-kinds.ts';
export { createVcpuPause, isVcpuPaused, pauseVcpu, resumeVcpu } from './port/vcpu-pause.ts';
