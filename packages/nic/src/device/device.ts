/**
 * The device as an agent: attention, one batch of receiving, one batch of sending.
 *
 *   woken by   the wire (frames put into the rx ring, room made in the tx ring), register writes that draw
 *              attention, its own moderation timer, publications of the control path
 */
import { type Agent, type AgentContext, FrameProducer } from '@vmq/machine';
import { latchFilters } from '../filter/filter-unit.ts';
import { InterruptUnit } from '../interrupt/interrupt-unit.ts';
import { NIC_BATCH } from '../receive/receive-unit.ts';
import {
  ATTEND_CONFIG,
  ATTEND_MSIX,
  ATTEND_RX,
  ATTEND_TX,
  ATTENTION,
  ATTENTION_RX,
  ATTENTION_TX,
  engineOf,
  markReceiveQueue,
  resetRegisters,
  UNREACHABLE,
} from '../registers/device-memory.ts';
import { forEachDoorbell } from '../registers/doorbell-bits.ts';
import { checkNicProfile } from '../registers/profiles.ts';
import {
  CAUSE_LINK,
  CTRL_RST,
  CTRL_RXEN,
  CTRL_TXEN,
  REG,
  STATUS_LU,
} from '../registers/register-constants.ts';
import { DeviceState } from '../state/device-state.ts';
import { latchReceiveQueue, latchTransmitQueue, QUEUE_STARTED, QUEUE_STOPPED } from '../state/queue-setup.ts';
import { TransmitUnit } from '../transmit/transmit-unit.ts';
import { DeviceFaults } from './device-faults.ts';
import { EngineGate } from './engine-gate.ts';
import type { NicAgentData, NicMessage } from './nic-agent.ts';
import { ReceiveEngine } from './receive-engine.ts';
import { createSecondaryEngine } from './secondary-engine.ts';

/** Makes the device, or one of its secondary receive engines. `AgentFactories` entry: `{ [NIC_AGENT]: createNicAgent }`. */
export function createNicAgent(context: AgentContext, data: NicAgentData): Agent {
  checkNicProfile(data.profile);
  const engine = data.engine ?? 0;
  return engine === 0 ? createDevice(context, data) : createSecondaryEngine(context, data, engine);
}

function createDevice(context: AgentContext, data: NicAgentData): Agent {
  const { machine } = context;
  const state = new DeviceState(context, data.profile, data.bar, data.dma);
  const { words } = state;
  if (words[REG.VERSION >> 2] === 0)
    throw new Error(`NIC: segment ${data.bar} is no BAR; make it with createNicBar`);
  if (data.rx.consumers !== state.engines)
    throw new Error(`NIC: ${state.engines} receive engines on a wire of ${data.rx.consumers} consumers`);
  const interrupts = new InterruptUnit(state);
  const port = new ReceiveEngine(state, interrupts, data.rx, 0);
  const { receive } = port;
  const gate = state.engines === 1 ? null : new EngineGate(state, port, interrupts, data.rx);
  const transmit = new TransmitUnit(state, interrupts, new FrameProducer(data.tx));
  const wireBefore = data.wakeOnReceive === undefined ? -1 : machine.agent(data.wakeOnReceive);
  const wireBehind = data.wakeOnTransmit === undefined ? -1 : machine.agent(data.wakeOnTransmit);
  state.clearQueues();
  let configuration = words[REG.CFGACK >> 2];
  let isRemoved = false;
  let faults: DeviceFaults | null = null;
  state.linkUp = (words[REG.STATUS >> 2] & STATUS_LU) !== 0;
  gate?.assignQueues();
  latchFilters(state);
  gate?.open();

  /** Has what concerns all engines take effect. */
  const change = (apply: () => void): void => {
    if (gate === null) apply();
    else gate.change(apply);
  };

  const latchQueues = (): void => {
    gate?.assignQueues();
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
    state.clearQueues();
    receive.reset();
    interrupts.reset();
    state.receiveEnabled = false;
    state.transmitEnabled = false;
    configuration = 0;
    resetRegisters(words, data.profile, state.linkUp ? STATUS_LU : 0);
    gate?.reset();
    latchFilters(state);
  };

  const configure = (): void => {
    const control = Atomics.load(words, REG.CTRL >> 2);
    if ((control & CTRL_RST) !== 0) {
      change(reset);
      return;
    }
    const receives = (control & CTRL_RXEN) !== 0;
    state.transmitEnabled = (control & CTRL_TXEN) !== 0;
    const requested = Atomics.load(words, REG.CFGREQ >> 2);
    if (receives !== state.receiveEnabled || requested !== configuration)
      change(() => {
        state.receiveEnabled = receives;
        if (requested === configuration) return;
        state.refreshMemory();
        latchQueues();
      });
    transmit.activateAll();
    if (requested === configuration) return;
    configuration = requested;
    Atomics.store(words, REG.CFGACK >> 2, requested);
  };

  const attend = (): void => {
    const parts = Atomics.exchange(words, ATTENTION, 0);
    if ((parts & ATTEND_CONFIG) !== 0) configure();
    if ((parts & ATTEND_RX) !== 0) forEachDoorbell(words, ATTENTION_RX, armReceive);
    if ((parts & ATTEND_TX) !== 0) forEachDoorbell(words, ATTENTION_TX, ringTransmit);
    if ((parts & ATTEND_MSIX) !== 0) interrupts.serveUnmasked();
  };
  const armReceive = (queue: number): void => {
    if (queue >= state.queueCount) return;
    const owner = engineOf(words, queue);
    if (owner === 0) interrupts.considerReceive(queue);
    else {
      // It has changed hands since.
      machine.reach('nic.arming-follows-its-queue');
      markReceiveQueue(words, owner, queue);
      gate?.wake(owner);
    }
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
    gate?.halt(false);
    change(reset);
  };

  const remove = (): void => {
    setPower(false);
    isRemoved = true;
    change(() => {
      state.linkUp = false;
    });
  };

  const insert = (): void => {
    isRemoved = false;
    setPower(true);
    setLink(true);
  };

  const setLink = (up: boolean): void => {
    if (up === state.linkUp || isRemoved) return;
    change(() => {
      state.linkUp = up;
    });
    if (up) Atomics.or(words, REG.STATUS >> 2, STATUS_LU);
    else Atomics.and(words, REG.STATUS >> 2, ~STATUS_LU);
    interrupts.raiseCause(CAUSE_LINK);
  };

  /** One batch of receiving; true if more frames can be taken at once. */
  const batch = data.batch ?? NIC_BATCH;
  const stepReceive = (): boolean => {
    const end = port.look();
    gate?.tell(end);
    if (port.take(faults, batch) !== 0 && wireBefore >= 0) machine.board.wake(wireBefore);
    return port.hasMore;
  };

  return {
    step(): boolean {
      if (faults !== null) {
        faults.storm();
        const hangs = faults.hangs();
        gate?.halt(hangs);
        if (hangs) return false;
      }
      if (words[ATTENTION] !== 0) attend();
      interrupts.serveDelayed();
      const more = stepReceive();
      const moreToSend = faults?.transmitHangs === true ? false : transmit.transmit(batch);
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
        else if (message.op === 'insert') insert();
        else if (message.op === 'fault') {
          faults ??= new DeviceFaults(state, interrupts);
          faults.begin(message.fault);
          gate?.halt(faults.hangs());
        } else throw new Error(`NIC: unknown message ${JSON.stringify(message)}`);
      }
    },
  };
}
