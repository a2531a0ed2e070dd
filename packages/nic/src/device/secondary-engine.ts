/**
 * A receive engine besides the device's own (engine 0): an agent that takes the frames of its queues off the same wire.
 * Registers and messages are engine 0's business; `engine-gate.ts` draws how the two agree.
 *
 *   woken by   engine 0 (frames on the wire, changes), whoever feeds the wire, register writes that concern its queues,
 *              its own moderation timer
 */
import type { Agent, AgentContext } from '@vmq/machine';
import { readTables } from '../filter/filter-unit.ts';
import { InterruptUnit } from '../interrupt/interrupt-unit.ts';
import {
  attentionOf,
  ENGINE_BUSY,
  engineLine,
  engineOf,
  GATE,
  markReceiveQueue,
  SHARED_CHANGES,
  SHARED_FLAGS,
  SHARED_RESETS,
  SHARED_TABLE_MASK,
} from '../registers/device-memory.ts';
import { forEachDoorbell } from '../registers/doorbell-bits.ts';
import { DeviceState } from '../state/device-state.ts';
import { NIC_AGENT, type NicAgentData, type NicMessage } from './nic-agent.ts';
import { ReceiveEngine } from './receive-engine.ts';

/** Makes the agent of engine `engine`, 1 or more. */
export function createSecondaryEngine(context: AgentContext, data: NicAgentData, engine: number): Agent {
  const { machine } = context;
  const state = new DeviceState(context, data.profile, data.bar, data.dma, engine);
  const { words } = state;
  if (!(engine < state.engines))
    throw new Error(`NIC: no receive engine ${engine}; its BAR was made for ${state.engines}`);
  const device = machine.agent(NIC_AGENT);
  if (context.agent !== device + engine)
    throw new Error(
      `NIC: engine ${engine} is agent ${context.agent}, need the ${engine}. behind '${NIC_AGENT}'`,
    );
  const interrupts = new InterruptUnit(state);
  const port = new ReceiveEngine(state, interrupts, data.rx, engine);
  const { receive, wire } = port;
  const wireBefore = data.wakeOnReceive === undefined ? -1 : machine.agent(data.wakeOnReceive);
  const busy = engineLine(engine) + ENGINE_BUSY;
  const attention = attentionOf(engine);
  let resets = words[SHARED_RESETS];
  // Not the number of changes there are now: the first thing to do is to adopt what is in force.
  let changes = (words[SHARED_CHANGES] - 1) | 0;

  const adopt = (): void => {
    changes = words[SHARED_CHANGES];
    const flags = words[SHARED_FLAGS];
    state.receiveEnabled = (flags & 1) !== 0;
    state.linkUp = (flags & 2) !== 0;
    state.anyVlanKeys = (flags & 4) !== 0;
    state.tableMask = words[SHARED_TABLE_MASK];
    state.refreshMemory();
    readTables(state);
    receive.reset();
    wire.resume();
    if (resets === words[SHARED_RESETS]) return;
    resets = words[SHARED_RESETS];
    interrupts.reset();
  };

  const considerReceive = (queue: number): void => {
    if (queue >= state.queueCount) return;
    const owner = engineOf(words, queue);
    if (owner === engine) interrupts.considerReceive(queue);
    else {
      // It has changed hands since.
      markReceiveQueue(words, owner, queue);
      machine.board.wake(device + owner);
    }
  };

  const turn = (): boolean => {
    if (words[SHARED_CHANGES] !== changes) adopt();
    if (words[attention] !== 0) {
      Atomics.store(words, attention, 0);
      forEachDoorbell(words, attention + 1, considerReceive);
    }
    interrupts.serveDelayed();
    port.look();
    if (port.take(null, data.batch) !== 0 && wireBefore >= 0) machine.board.wake(wireBefore);
    return port.hasMore;
  };

  return {
    step(): boolean {
      Atomics.store(words, busy, 1);
      try {
        // Closed or halted: engine 0 wakes this agent afterwards.
        return Atomics.load(words, GATE) === 0 && turn();
      } finally {
        Atomics.store(words, busy, 0);
      }
    },
    refresh(messages: readonly unknown[]): void {
      state.refreshMemory();
      for (const message of messages as readonly NicMessage[]) {
        if (message.op === 'dma') state.adoptDomain(message.image);
        else throw new Error(`NIC: '${message.op}' is for the agent '${NIC_AGENT}', not engine ${engine}`);
      }
    },
  };
}
