/**
 * Several receive engines, as engine 0 has hold of them.
 *
 *   engine 0 (the device's agent)                  engine k (an agent of its own)
 *     gate := closed                                 busy := 1
 *     wait until nobody is busy                      gate open?  no: busy := 0, done (it will be woken)
 *     what the slower ones have left behind, in      one batch
 *       their place: now all stand at one frame      busy := 0
 *     change what is shared, changes += 1
 *     gate := open, wake all                       changes are new: goes on at its head as it is now
 *
 * Both sides write their own word and then read the other's, atomically, so one of them sees the other: no engine is
 * in a batch while engine 0 changes anything, and all adopt it at the same frame of the wire. A batch ends by itself, so
 * engine 0 waits for no more than one; engines that share its thread are never in one while it runs.
 */
import type { FrameRingImage } from '@vmq/machine';
import type { ReceiveInterrupts } from '../interrupt/interrupt-unit.ts';
import {
  ENGINE_BUSY,
  engineLine,
  GATE,
  GATE_CLOSED,
  GATE_HALTED,
  markReceiveQueue,
  SHARED_CHANGES,
  SHARED_FLAGS,
  SHARED_RESETS,
  SHARED_TABLE_MASK,
} from '../registers/device-memory.ts';
import { QSTS_STARVED, REG, RX_QUEUE_STRIDE } from '../registers/register-constants.ts';
import { type DeviceState, Q_ENGINE, Q_SHIFT } from '../state/device-state.ts';
import { nicEngineAgent } from './nic-agent.ts';
import { ReceiveEngine } from './receive-engine.ts';

/** Looks at a busy engine before the thread sleeps between them, and for how long. */
const LOOKS = 2000;
const NAP_MS = 0.05;

/** Leaves the interrupts of queues that are served in their engine's place to that engine. */
class InterruptRelay implements ReceiveInterrupts {
  readonly #words: Int32Array;
  readonly #engine: number;
  readonly #interrupts: ReceiveInterrupts;

  constructor(words: Int32Array, engine: number, interrupts: ReceiveInterrupts) {
    this.#words = words;
    this.#engine = engine;
    this.#interrupts = interrupts;
  }

  considerReceive(queue: number): number {
    markReceiveQueue(this.#words, this.#engine, queue);
    return -1;
  }

  raiseCause(cause: number): void {
    this.#interrupts.raiseCause(cause);
  }
}

export class EngineGate {
  readonly #state: DeviceState;
  readonly #agents: readonly number[];
  /** By number; those but the first stand for the others while the gate is closed. */
  readonly #engines: readonly ReceiveEngine[];
  #told: number;
  #isHalted = false;

  /** `own` is engine 0. */
  constructor(state: DeviceState, own: ReceiveEngine, interrupts: ReceiveInterrupts, rx: FrameRingImage) {
    const { machine } = state.context;
    const secondary = Array.from({ length: state.engines - 1 }, (_, i) => i + 1);
    this.#state = state;
    this.#agents = secondary.map((engine) => machine.agent(nicEngineAgent(engine)));
    const standIn = (engine: number): ReceiveEngine =>
      new ReceiveEngine(state, new InterruptRelay(state.words, engine, interrupts), rx, engine);
    this.#engines = [own, ...secondary.map(standIn)];
    this.#told = own.wire.position;
  }

  /** The wire has frames up to `position`: whoever put them there may have woken engine 0 alone. */
  tell(position: number): void {
    if (position === this.#told) return;
    this.#told = position;
    this.#wakeAll();
  }

  wake(engine: number): void {
    this.#state.context.machine.board.wake(this.#agents[engine - 1]);
  }

  /** Lets the secondary engines begin: what engine 0 has found is in force. */
  open(): void {
    this.#share();
    Atomics.store(this.#state.words, GATE, 0);
    this.#wakeAll();
  }

  /** Has all engines adopt what `change` makes of the shared state, at the same frame. */
  change(change: () => void): void {
    const { words } = this.#state;
    Atomics.or(words, GATE, GATE_CLOSED);
    this.#awaitIdle();
    this.#catchUp();
    this.#endWaiting();
    change();
    this.#share();
    Atomics.and(words, GATE, ~GATE_CLOSED);
    this.#wakeAll();
  }

  /** The secondary engines take no frame until this is taken back. */
  halt(isHalted: boolean): void {
    if (isHalted === this.#isHalted) return;
    this.#isHalted = isHalted;
    const { words } = this.#state;
    if (isHalted) {
      Atomics.or(words, GATE, GATE_HALTED);
      this.#awaitIdle();
    } else {
      Atomics.and(words, GATE, ~GATE_HALTED);
      this.#wakeAll();
    }
  }

  /** With the gate closed: takes over to which engine each queue belongs. */
  assignQueues(): void {
    const { words, rxq, queueCount, engines } = this.#state;
    for (let queue = 0; queue < queueCount; queue++) {
      const registers = queue * RX_QUEUE_STRIDE;
      const engine = (words[(REG.RXENG + registers) >> 2] >>> 0) % engines;
      const at = (queue << Q_SHIFT) + Q_ENGINE;
      if (rxq[at] === engine) continue;
      rxq[at] = engine;
      markReceiveQueue(words, engine, queue); // what moderation held back at the one it has left
    }
  }

  /** With the gate closed: tells the secondary engines what is in force. */
  #share(): void {
    const { words, receiveEnabled, linkUp, anyVlanKeys, tableMask } = this.#state;
    words[SHARED_FLAGS] = (receiveEnabled ? 1 : 0) | (linkUp ? 2 : 0) | (anyVlanKeys ? 4 : 0);
    words[SHARED_TABLE_MASK] = tableMask;
    words[SHARED_CHANGES] = (words[SHARED_CHANGES] + 1) | 0;
  }

  /** With the gate closed: the device was reset. */
  reset(): void {
    const { words } = this.#state;
    words[SHARED_RESETS] = (words[SHARED_RESETS] + 1) | 0;
    this.assignQueues();
  }

  /** Nobody waits for a descriptor; who has to will say so again. */
  #endWaiting(): void {
    const { words, queueCount } = this.#state;
    for (let queue = 0; queue < queueCount; queue++)
      Atomics.and(words, (REG.RXSTS + queue * RX_QUEUE_STRIDE) >> 2, ~QSTS_STARVED);
    this.#engines[0].receive.reset();
  }

  #wakeAll(): void {
    const { board } = this.#state.context.machine;
    for (const agent of this.#agents) board.wake(agent);
  }

  #awaitIdle(): void {
    const { words, engines } = this.#state;
    for (let engine = 1; engine < engines; engine++) {
      const at = engineLine(engine) + ENGINE_BUSY;
      for (let look = 0; Atomics.load(words, at) !== 0; look++)
        if (look > LOOKS) Atomics.wait(words, at, 1, NAP_MS);
    }
  }

  /** Has every engine's frames taken up to the one at which the fastest stands. */
  #catchUp(): void {
    let target = this.#engines[0].wire.position;
    for (const { wire } of this.#engines) {
      wire.resume();
      if (((wire.position - target) | 0) > 0) target = wire.position;
    }
    for (const engine of this.#engines) {
      if (engine.wire.position === target) continue;
      engine.receive.isHurried = true;
      engine.look();
      while (engine.wire.position !== target) engine.take(null, (target - engine.wire.position) | 0);
      engine.receive.isHurried = false;
    }
  }
}
