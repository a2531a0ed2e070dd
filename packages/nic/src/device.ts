/**
 * The device as an agent: attention, one batch of receiving, one batch of sending.
 *
 *   woken by   the wire (frames put into the rx ring, room made in the tx ring), register writes that draw
 *              attention, its own moderation timer, publications of the control half
 */
import {
  type Agent,
  type AgentContext,
  type DmaDomainImage,
  FrameConsumer,
  FrameProducer,
  type FrameRingImage,
  TRACE_ALL,
} from '@vmq/machine';
import { type DeviceFault, DeviceFaults } from './device-faults.ts';
import {
  ATTEND_CONFIG,
  ATTEND_MSIX,
  ATTEND_RX,
  ATTEND_TX,
  ATTENTION,
  ATTENTION_RX,
  ATTENTION_TX,
  resetRegisters,
  UNREACHABLE,
} from './device-memory.ts';
import { DeviceState } from './device-state.ts';
import { latchFilters } from './filter-unit.ts';
import { InterruptUnit } from './interrupt-unit.ts';
import { checkNicProfile, type NicProfile } from './profiles.ts';
import { latchReceiveQueue, latchTransmitQueue, QUEUE_STARTED, QUEUE_STOPPED } from './queue-setup.ts';
import { ReceiveTracer } from './receive-tracer.ts';
import { NIC_BATCH, ReceiveUnit } from './receive-unit.ts';
import { CAUSE_LINK, CTRL_RST, CTRL_RXEN, CTRL_TXEN, REG, STATUS_LU } from './register-constants.ts';
import { TransmitUnit } from './transmit-unit.ts';

/**
 * Name of the device's agent on the machine, and of its factory. Whoever puts frames into the rx ring or takes
 * frames off the tx ring calls `machine.board.wake(machine.agent(NIC_AGENT))` after publishing or releasing.
 */
export const NIC_AGENT = 'nic';

export interface NicAgentData {
  readonly profile: NicProfile;
  /** Segment id of the BAR; see `createNicBar`. */
  readonly bar: number;
  /** What the device may reach. */
  readonly dma: DmaDomainImage;
  /** Wire to device. */
  readonly rx: FrameRingImage;
  /** Device to wire. */
  readonly tx: FrameRingImage;
  /** Agents to wake when frames were taken off the rx ring or put into the tx ring. */
  readonly wakeOnReceive?: string;
  readonly wakeOnTransmit?: string;
}

/** What the control half may post to the device's agent. */
export type NicMessage =
  /** The domain reaches segments it did not reach before. Rights within known segments need no message. */
  | { readonly op: 'dma'; readonly image: DmaDomainImage }
  /** Plugs the cable in or out. */
  | { readonly op: 'link'; readonly up: boolean }
  /**
   * Puts the device into D3 or back into D0. Off, it does nothing and answers nothing; on again, every register has
   * its power-on value.
   */
  | { readonly op: 'power'; readonly on: boolean }
  /** Something goes wrong inside the device, or (`none`) does no more. */
  | { readonly op: 'fault'; readonly fault: DeviceFault }
  /** Pulls the card out, for good: it answers nothing, and the cable goes with it. */
  | { readonly op: 'remove' };

/** Makes the device. `AgentFactories` entry: `{ [NIC_AGENT]: createNicAgent }`. */
export function createNicAgent(context: AgentContext, data: NicAgentData): Agent {
  checkNicProfile(data.profile);
  const { machine } = context;
  const state = new DeviceState(context, data.profile, data.bar, data.dma);
  const { words } = state;
  if (words[REG.VERSION >> 2] === 0)
    throw new Error(`NIC: segment ${data.bar} is no BAR; make it with createNicBar`);
  const consumer = new FrameConsumer(data.rx);
  const interrupts = new InterruptUnit(state);
  const receive = new ReceiveUnit(state, interrupts, consumer);
  const tracer = new ReceiveTracer(state, receive, consumer);
  const transmit = new TransmitUnit(state, interrupts, new FrameProducer(data.tx));
  const wireBefore = data.wakeOnReceive === undefined ? -1 : machine.agent(data.wakeOnReceive);
  const wireBehind = data.wakeOnTransmit === undefined ? -1 : machine.agent(data.wakeOnTransmit);
  let configuration = words[REG.CFGACK >> 2] as number;
  let isRemoved = false;
  let faults: DeviceFaults | null = null;
  state.linkUp = ((words[REG.STATUS >> 2] as number) & STATUS_LU) !== 0;
  latchFilters(state);

  const latchQueues = (): void => {
    for (let queue = 0; queue < state.queueCount; queue++) {
      const rx = latchReceiveQueue(state, queue);
      if (rx === QUEUE_STARTED) receive.begin(queue);
      else if (rx === QUEUE_STOPPED) receive.forget(queue);
      const tx = latchTransmitQueue(state, queue);
      if (tx === QUEUE_STARTED) transmit.begin(queue);
      else if (tx === QUEUE_STOPPED) transmit.forget(queue);
    }
    latchFilters(state);
  };

  const reset = (): void => {
    state.rxq.fill(0);
    state.txq.fill(0);
    receive.reset();
    interrupts.reset();
    state.receiveEnabled = false;
    state.transmitEnabled = false;
    configuration = 0;
    resetRegisters(words, data.profile, state.linkUp ? STATUS_LU : 0);
    latchFilters(state);
  };

  const configure = (): void => {
    const control = Atomics.load(words, REG.CTRL >> 2);
    if ((control & CTRL_RST) !== 0) {
      reset();
      return;
    }
    state.receiveEnabled = (control & CTRL_RXEN) !== 0;
    state.transmitEnabled = (control & CTRL_TXEN) !== 0;
    const requested = Atomics.load(words, REG.CFGREQ >> 2);
    if (requested === configuration) {
      transmit.activateAll();
      return;
    }
    state.refreshMemory();
    latchQueues();
    transmit.activateAll();
    configuration = requested;
    Atomics.store(words, REG.CFGACK >> 2, requested);
  };

  const attend = (): void => {
    const parts = Atomics.exchange(words, ATTENTION, 0);
    if ((parts & ATTEND_CONFIG) !== 0) configure();
    if ((parts & ATTEND_RX) !== 0) forEachMarked(words, ATTENTION_RX, armReceive);
    if ((parts & ATTEND_TX) !== 0) forEachMarked(words, ATTENTION_TX, ringTransmit);
    if ((parts & ATTEND_MSIX) !== 0) interrupts.serveUnmasked();
  };
  const armReceive = (queue: number): void => {
    if (queue < state.queueCount) interrupts.considerReceive(queue);
  };
  const ringTransmit = (queue: number): void => {
    if (queue >= state.queueCount) return;
    transmit.activate(queue);
    interrupts.considerTransmit(queue);
  };

  const setPower = (on: boolean): void => {
    if (isRemoved) return;
    Atomics.store(words, UNREACHABLE, on ? 0 : 1);
    faults = null;
    reset();
  };

  const remove = (): void => {
    setPower(false);
    isRemoved = true;
    state.linkUp = false;
  };

  const setLink = (up: boolean): void => {
    if (up === state.linkUp || isRemoved) return;
    state.linkUp = up;
    if (up) Atomics.or(words, REG.STATUS >> 2, STATUS_LU);
    else Atomics.and(words, REG.STATUS >> 2, ~STATUS_LU);
    interrupts.raiseCause(CAUSE_LINK);
  };

  /** One batch of receiving; true if more frames can be taken at once. */
  const stepReceive = (): boolean => {
    const waiting = consumer.available();
    if (waiting === 0) return false;
    const count = Math.min(waiting, NIC_BATCH);
    const traced = context.trace.level >= TRACE_ALL;
    const taken = traced ? tracer.take(count) : receive.receiveBatch(count);
    if (taken !== 0) {
      consumer.release(taken);
      faults?.beforePublication(receive);
      const touched = receive.publish(taken);
      faults?.afterPublication();
      if (traced) tracer.tellInterrupts(touched);
      if (wireBefore >= 0) machine.board.wake(wireBefore);
    }
    return taken === count && waiting > count;
  };

  return {
    step(): boolean {
      if (faults !== null) {
        faults.storm();
        if (faults.hangs()) return false;
      }
      if (words[ATTENTION] !== 0) attend();
      interrupts.serveDelayed();
      const more = stepReceive();
      const moreToSend = faults?.transmitHangs === true ? false : transmit.transmit(NIC_BATCH);
      if (wireBehind >= 0 && transmit.sent !== 0) machine.board.wake(wireBehind);
      return more || moreToSend;
    },
    refresh(messages: readonly unknown[]): void {
      state.refreshMemory();
      for (const message of messages as readonly NicMessage[]) {
        if (message.op === 'dma') state.adoptDomain(message.image);
        else if (message.op === 'link') setLink(message.up);
        else if (message.op === 'power') setPower(message.on);
        else if (message.op === 'remove') remove();
        else if (message.op === 'fault') {
          faults ??= new DeviceFaults(state, interrupts);
          faults.begin(message.fault);
        } else throw new Error(`NIC: unknown message ${JSON.stringify(message)}`);
      }
    },
  };
}

/** Calls `act` for each bit set in five words from `at`, and clears them. */
function forEachMarked(words: Int32Array, at: number, act: (queue: number) => void): void {
  for (let group = 0; group < 5; group++) {
    if (words[at + group] === 0) continue;
    let marked = Atomics.exchange(words, at + group, 0);
    while (marked !== 0) {
      const bit = 31 - Math.clz32(marked & -marked);
      marked &= marked - 1;
      act(group * 32 + bit);
    }
  }
}
