/**
 * @vmq/netvsc: the network channel between the host and one guest.
 *
 * Two byte rings and two buffers of sections, all in the guest's memory, carry NVSP messages and RNDIS frames as
 * Hyper-V's network channels do. The host offers a channel ({@link createChannelControl}), the guest takes it up
 * ({@link createChannelGuest}), and each processor of the host delivers and polls through its own data path
 * ({@link createChannelHost}). The host keeps all it relies on out of the guest's reach and checks the rest;
 * what a guest does wrong is counted by name and harms its own channel only.
 *
 * @packageDocumentation
 */

export {
  VMBUS_DROP_NO_SECTION,
  VMBUS_DROP_NOT_OPEN,
  VMBUS_DROP_PACKET_FILTER,
  VMBUS_DROP_REASONS,
  VMBUS_DROP_RING_FULL,
  VMBUS_DROP_TOO_LONG,
} from './channel/channel-drop-reasons.ts';
export type { ChannelImage } from './channel/channel-image.ts';
export {
  ENTRY_LENGTH,
  ENTRY_LENGTH_MASK,
  ENTRY_SECTION,
  ENTRY_SHIFT,
  ENTRY_STAMP,
  ENTRY_TCI_SHIFT,
} from './channel/delivery-entries.ts';
export {
  GUEST_ENTRY_AT,
  GUEST_ENTRY_LENGTH,
  GUEST_ENTRY_SECTION,
  GUEST_ENTRY_SHIFT,
  GUEST_ENTRY_TCI,
  GuestFrameBatch,
} from './channel/guest-frame-batch.ts';
export { describeVmbusTrace, VMBUS_TRACE } from './channel/trace-kinds.ts';
export { VMBUS_VIOLATIONS, type VmbusViolation } from './channel/violations.ts';
export type {
  ChannelControl,
  ChannelControlOptions,
  ChannelReport,
  SavedChannel,
} from './control/channel-control.ts';
export { createChannelControl } from './control/control-path.ts';
export { refusalOfSavedChannel } from './control/saved-channel.ts';
export {
  type ChannelGuest,
  type ChannelGuestOptions,
  FRAME_ENTRY_WORDS,
  type HostFrameHandler,
} from './guest/channel-guest.ts';
export { createChannelGuest } from './guest/guest-channel.ts';
export { type GuestLayout, type GuestLayoutOptions, layoutGuest } from './guest/guest-layout.ts';
export type { ChannelHost } from './host/channel-host.ts';
export { createChannelHost } from './host/host-channel.ts';
export { type ChannelPhase, LOAN_ADAPTER } from './state/channel-state.ts';
export type { SectionLoan } from './state/section-loan.ts';
