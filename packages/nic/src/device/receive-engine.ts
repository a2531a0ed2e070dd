/** A receive engine: one consumer of the wire, and what it does with the frames of its queues. */
import { FrameConsumer, type FrameRingImage } from '@vmq/machine';
import type { ReceiveInterrupts } from '../interrupt/interrupt-unit.ts';
import { ReceiveTrace } from '../receive/receive-trace.ts';
import { NIC_BATCH, ReceiveUnit } from '../receive/receive-unit.ts';
import type { DeviceState } from '../state/device-state.ts';
import { LAST_STAMP } from '../state/stamps.ts';
import type { DeviceFaults } from './device-faults.ts';

export class ReceiveEngine {
  readonly wire: FrameConsumer;
  readonly receive: ReceiveUnit;
  readonly #state: DeviceState;
  readonly #trace: ReceiveTrace;
  /** Frames that waited at the last look. */
  #waiting = 0;

  /** `state` may be another engine's, where that one does this one's work. */
  constructor(state: DeviceState, interrupts: ReceiveInterrupts, rx: FrameRingImage, engine: number) {
    this.#state = state;
    this.wire = new FrameConsumer(rx, engine);
    this.receive = new ReceiveUnit(state, interrupts, this.wire, engine);
    this.#trace = new ReceiveTrace(state, this.receive, this.wire);
  }

  /** Looks at the wire; number of the frame behind the last one that waits. */
  look(): number {
    this.#waiting = this.wire.available();
    return (this.wire.position + this.#waiting) | 0;
  }

  /**
   * Takes a batch of the frames that waited at the last look, at most `limit`; returns how many. All were taken, or one of
   * them waits for a descriptor, if {@link hasMore} is false.
   */
  take(faults: DeviceFaults | null, limit: number = NIC_BATCH): number {
    // Where the stamps begin anew a batch ends: inside of one they only grow.
    const receive = this.receive;
    const before = receive.stampBefore;
    const count = Math.min(this.#waiting, limit, NIC_BATCH, LAST_STAMP - before);
    if (count === 0) return 0;
    if (count === LAST_STAMP - before) this.#state.context.machine.reach('nic.stamps-begin-anew');
    const taken = receive.take(count);
    // A frame that must wait makes a look at the wire vain until somebody wakes the engine.
    this.#waiting = taken === count ? this.#waiting - taken : 0;
    if (taken === 0) return 0;
    const trace = this.#trace;
    if (trace.isOn) trace.tellFrames(taken, before + 1);
    this.wire.release(taken);
    faults?.beforePublication(receive);
    const touched = receive.publish(taken);
    faults?.afterPublication();
    if (trace.isOn) trace.tellInterrupts(touched);
    return taken;
  }

  /** More frames can be taken at once. */
  get hasMore(): boolean {
    return this.#waiting > 0;
  }
}
