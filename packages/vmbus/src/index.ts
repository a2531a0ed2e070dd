/**
 * @vmq/vmbus
 *
 * @packageDocumentation
 */
export {
  type ChannelHost,
  type GuestFrameHandler,
  VMBUS_DROP_NO_SECTION,
  VMBUS_DROP_NOT_OPEN,
  VMBUS_DROP_REASONS,
  VMBUS_DROP_RING_FULL,
  VMBUS_DROP_TOO_LONG,
} from './channel-host.ts';
export type { ChannelImage, RingPlace, SectionBuffer } from './channel-image.ts';
