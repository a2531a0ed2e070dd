/**
 * The counting of a batch, out of its records: every frame in one column of the ledger, and what each port got.
 */
import type { Delivery } from '../delivery/delivery.ts';
import type { PortOutput } from '../delivery/port-output.ts';
import type { DestinationList } from '../model/destination-list.ts';
import type { DispositionCounters } from '../model/disposition-counters.ts';
import {
  type FrameBatch,
  NOTE_SENT,
  RECORD_LENGTH,
  RECORD_SHIFT,
  RECORD_TAG,
  RECORD_VERDICT,
} from '../model/frame-batch.ts';
import { EXTERNAL_PORT } from '../model/messages.ts';
import {
  BYTES_COPIED,
  BYTES_FROM_GUEST,
  BYTES_TO_GUEST,
  DROPPED_FROM_GUEST,
  DROPPED_TO_GUEST,
  FRAMES_FROM_GUEST,
  FRAMES_TO_GUEST,
  PORT_COUNTER_STRIDE,
} from '../model/port-counters.ts';
import { reasonOf } from '../model/verdict.ts';

export class Dispositions {
  readonly #ledger: DispositionCounters;
  readonly #counters: Float64Array;
  readonly #batch: FrameBatch;
  readonly #destinations: DestinationList;
  readonly #delivery: Delivery;

  /** `counters` are the processor's rows of port counters. */
  constructor(
    ledger: DispositionCounters,
    counters: Float64Array,
    batch: FrameBatch,
    destinations: DestinationList,
    delivery: Delivery,
  ) {
    this.#destinations = destinations;
    this.#ledger = ledger;
    this.#counters = counters;
    this.#batch = batch;
    this.#delivery = delivery;
  }

  /** Counts the frames of a guest: before anything is counted of how they ended. */
  countFromGuest(): void {
    const { records, count, source } = this.#batch;
    let bytes = 0;
    for (let i = 0; i < count; i++) bytes += records[(i << RECORD_SHIFT) + RECORD_LENGTH];
    this.#ledger.fromGuest(count);
    this.#add(source, FRAMES_FROM_GUEST, count);
    this.#add(source, BYTES_FROM_GUEST, bytes);
  }

  /** Counts how the frames of the batch ended. */
  count(): void {
    const { records, count, source, queuePort } = this.#batch;
    const ledger = this.#ledger;
    const { touched, touchedCount, outputs } = this.#delivery;
    let deliveries = 0;
    let toQueuePort = 0;
    for (let t = 0; t < touchedCount; t++) {
      const output = outputs[touched[t]];
      deliveries += output.delivered;
      if (output.port === queuePort) toQueuePort = output.asked;
      this.#countOutput(output);
    }
    let ended = 0;
    let sent = 0;
    // As many deliveries as frames, each with one destination: nothing was dropped or sent.
    const isSimple = deliveries === count && this.#destinations.count === 0;
    for (let i = 0; i < count && !isSimple; i++) {
      const record = i << RECORD_SHIFT;
      const reason = reasonOf(records[record + RECORD_VERDICT]);
      if (reason >= 0) {
        ledger.dropped(reason, 1);
        ended++;
      } else if ((records[record + RECORD_TAG] & NOTE_SENT) !== 0) sent++;
    }
    const delivered = count - ended - sent;
    ledger.delivered(delivered);
    ledger.copies(deliveries - delivered);
    // Frames of its queue that were dropped before are the port's, too.
    if (queuePort >= 0) this.#add(queuePort, DROPPED_TO_GUEST, count - toQueuePort);
    if (source !== EXTERNAL_PORT) this.#add(source, DROPPED_FROM_GUEST, ended);
  }

  /** A frame that the port was to get was taken away by an extension. */
  countExcluded(port: number): void {
    if (port !== this.#batch.queuePort) this.#add(port, DROPPED_TO_GUEST, 1);
  }

  #countOutput({ port, asked, delivered, bytes, copied }: PortOutput): void {
    this.#add(port, FRAMES_TO_GUEST, delivered);
    this.#add(port, BYTES_TO_GUEST, bytes);
    this.#add(port, DROPPED_TO_GUEST, asked - delivered);
    this.#add(port, BYTES_COPIED, copied);
  }

  #add(port: number, counter: number, amount: number): void {
    const at = port * PORT_COUNTER_STRIDE + counter;
    this.#counters[at] = this.#counters[at] + amount;
  }
}
