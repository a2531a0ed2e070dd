/**
 * @vmq/vmbus
 *
 * @packageDocumentation
 */

export {
  type ChannelControl,
  type ChannelControlOptions,
  type ChannelReport,
  createChannelControl,
  type SavedChannel,
} from './channel-control.ts';
export {
  VMBUS_DROP_NO_SECTION,
  VMBUS_DROP_NOT_OPEN,
  VMBUS_DROP_REASONS,
  VMBUS_DROP_RING_FULL,
  VMBUS_DROP_TOO_LONG,
} from './channel-drop-reasons.ts';
export {
  type ChannelGuest,
  type ChannelGuestOptions,
  createChannelGuest,
  type HostFrameHandler,
} from './channel-guest.ts';
export type { ChannelHost, GuestFrameHandler } from './channel-host.ts';
export type { ChannelImage, RingPlace, SectionBuffer } from './channel-image.ts';
export type { ChannelPhase } from './channel-state.ts';
export { copyFrame } from './copy-frame.ts';
export { type GuestLayout, type GuestLayoutOptions, layoutGuest } from './guest-layout.ts';
export { createChannelHost } from './host-channel.ts';
export { createMessageSlots } from './message-slots.ts';
export { describeVmbusTrace, VMBUS_TRACE } from './trace-kinds.ts';
export { VMBUS_VIOLATIONS, type VmbusViolation } from './violations.ts';
