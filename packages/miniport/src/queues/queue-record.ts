/** What the control path keeps of a receive queue. */
import type { InterruptMessage } from '@vmq/ddi';
import type { QueueResources } from '../hardware/queue-resources.ts';
import {
  type ReceiveQueueImage,
  STATE_HOME,
  STATE_OUTSTANDING,
  type TransmitQueueImage,
} from '../model/queue-image.ts';

export interface Queue {
  readonly queueId: number;
  /** Bytes of the header split; 0 = none. */
  readonly lookaheadBytes: number;
  ringEntries: number;
  /** Where it is served: what its interrupts are aimed at. */
  message: InterruptMessage;
  resources: QueueResources<ReceiveQueueImage> | null;
  /** A processor indicates its frames. */
  isServed: boolean;
  /** It is being freed: DMA has stopped, and that was indicated. */
  isStopped: boolean;
}

export type TransmitResources = QueueResources<TransmitQueueImage>;

/** NBLs of a queue that somebody above holds. */
export function outstandingOf(queue: Queue | undefined): number {
  const image = queue?.resources?.image;
  return image === undefined ? 0 : Atomics.load(new Int32Array(image.state), STATE_OUTSTANDING);
}

/** Says who serves the queue now: `processor << 8 | vector`, or NO_HOME. */
export function setHome(image: ReceiveQueueImage, home: number): void {
  Atomics.store(new Int32Array(image.state), STATE_HOME, home);
}
