/**
 * `@vmq/vmbus`: the transport under every channel between a host and a guest, as Hyper-V's VMBus has it.
 *
 * Packets in byte rings in the guest's memory ({@link RingWords}), messages in pages of the guest's own
 * ({@link GpaGather}), the memory a guest gives to a channel ({@link GpadlTable}), and the messages that go beside the rings
 * ({@link MessageSlots}). What the packets say is a protocol's business: `@vmq/netvsc` is the network's.
 *
 * @packageDocumentation
 */
export { GpadlTable, type RingPlaces, type SectionBuffer } from './control/gpadl-table.ts';
export { createMessageSlots, MESSAGE_ARGUMENTS, MessageSlots } from './control/message-slots.ts';
export { GpaGather } from './ring/gpa-gather.ts';
export * from './ring/ring.ts';
export type { RingPlace } from './ring/ring-place.ts';
export * from './ring/vmbus-packet.ts';
