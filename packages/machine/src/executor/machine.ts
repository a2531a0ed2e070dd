/**
 * A machine: memory, board, interrupt controller, clock, ledger and trace, joined.
 *
 * `createMachine` switches one on; `attachMachine` shows the same machine to another thread. Processors have
 * agents of their own, numbered first, so an interrupt knows whom to wake.
 */

import {
  attachPhysicalMemory,
  type ConfinedMemory,
  createPhysicalMemory,
  type PhysicalMemory,
  type SegmentImage,
} from '../memory/memory.ts';
import { type CounterStart, counterStart } from '../observe/counter-start.ts';
import { createLedgerImage, Ledger, type LedgerImage } from '../observe/ledger.ts';
import { createTraceImage, type TraceImage } from '../observe/trace.ts';
import { type AgentId, Board, MAX_AGENTS, MAX_PROCESSORS } from '../processor/board.ts';
import { type Clock, createVirtualClock } from '../processor/clock.ts';
import { InterruptController } from '../processor/interrupt-controller.ts';

export interface MachineOptions {
  /** Bytes of host physical memory. */
  readonly hostMemoryBytes: number;
  /** Processors, 1..64. */
  readonly processors: number;
  /** Names of the agents besides the processors, e.g. `nic`, `vm:web`. Their ids follow the processors'. */
  readonly agents: readonly string[];
  /** Most agents there can ever be; default: those named here and 8 more. */
  readonly maxAgents?: number;
  /** Drop reasons that the layers declare, each beginning with `dropped.`. */
  readonly dropReasons: readonly string[];
  /** Trace records kept per agent (rounded up to a power of two); default 1024. */
  readonly traceRecords?: number;
  readonly clock?: Clock;
  /** Called with the name of each rare branch that is taken; see {@link Machine.reach}. Default: nobody is told. */
  readonly onMark?: (mark: string) => void;
  /** Where counters begin, for tests of what happens at their ends; default 0. Give {@link clock} its own start. */
  readonly counters?: Partial<CounterStart>;
}

/** What crosses to a worker thread. */
export interface MachineImage {
  readonly segments: readonly SegmentImage[];
  readonly board: SharedArrayBuffer;
  readonly ledger: LedgerImage;
  readonly trace: TraceImage;
  readonly processors: number;
  readonly agents: readonly string[];
  readonly counters: CounterStart;
}

export interface Machine {
  readonly memory: PhysicalMemory;
  readonly board: Board;
  readonly interrupts: InterruptController;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly traceImage: TraceImage;
  readonly processorCount: number;
  /** Where the counters of all that belongs to this machine begin. */
  readonly counters: CounterStart;
  /**
   * Names of all agents, indexed by id; processors first. A machine attached on a worker thread knows those that
   * were there when the worker was started; later ones it knows by the ids that messages bring.
   */
  readonly agentNames: readonly string[];
  /** Gives a new agent a number; control path. Throws when `maxAgents` are there. */
  addAgent(name: string): AgentId;
  /** Gives an agent another name, so that its place can be another one's; control path. Throws for a taken name. */
  renameAgent(agent: AgentId, name: string): void;
  /** Id of an agent by name (`processor:0`, `nic`, …). Throws for a name that does not exist. */
  agent(name: string): AgentId;
  /**
   * A rare branch of the code, by name: `place.what-happens`. Tests and simulations prove by it that they have been where
   * they claim to go ({@link MachineOptions.onMark}); else, and on worker threads, it does nothing. Nowhere on the way of
   * ordinary frames.
   */
  readonly reach: (mark: string) => void;
  image(): MachineImage;
}

const nobodyListens = (_mark: string): void => {};

export function createMachine(options: MachineOptions): Machine {
  const { processors, agents } = options;
  if (!(Number.isInteger(processors) && processors >= 1 && processors <= MAX_PROCESSORS))
    throw new RangeError(`machine: ${processors} processors, need 1..${MAX_PROCESSORS}`);
  const names = [...Array.from({ length: processors }, (_, i) => `processor:${i}`), ...agents];
  if (new Set(names).size !== names.length)
    throw new Error(`machine: two agents share a name: ${names.join(' ')}`);
  const capacity = options.maxAgents ?? Math.max(names.length, Math.min(names.length + 8, MAX_AGENTS));
  if (!(Number.isInteger(capacity) && capacity >= names.length && capacity <= MAX_AGENTS)) {
    throw new RangeError(`machine: room for ${capacity} agents, need ${names.length}..${MAX_AGENTS}`);
  }
  const counters = counterStart(options.counters);
  const board = new Board();
  board.startCounters(counters.words);
  for (let agent = 0; agent < names.length; agent++) board.assignWorker(agent, -1);
  return assemble({
    memory: createPhysicalMemory(options.hostMemoryBytes),
    board,
    ledger: createLedgerImage(options.dropReasons, capacity),
    trace: createTraceImage(capacity, options.traceRecords ?? 1024, counters.words),
    processors,
    names,
    counters,
    reach: options.onMark ?? nobodyListens,
    clock: options.clock ?? createVirtualClock(counters.nanoseconds),
  });
}

/** The machine of `image`, seen from this thread. `clock` is the thread's reading of the machine's time. */
export function attachMachine(image: MachineImage, clock: Clock): Machine {
  return assemble({
    memory: attachPhysicalMemory(image.segments),
    board: new Board(image.board),
    ledger: image.ledger,
    trace: image.trace,
    processors: image.processors,
    names: image.agents,
    counters: image.counters,
    reach: nobodyListens,
    clock,
  });
}

/** The machine as an agent sees it that has `memory` and no other. */
export function confineMachine(machine: Machine, memory: ConfinedMemory): Machine {
  return { ...machine, memory, image: () => ({ ...machine.image(), segments: memory.images() }) };
}

interface Parts {
  readonly memory: PhysicalMemory;
  readonly board: Board;
  readonly ledger: LedgerImage;
  readonly trace: TraceImage;
  readonly processors: number;
  readonly names: readonly string[];
  readonly counters: CounterStart;
  readonly clock: Clock;
  readonly reach: (mark: string) => void;
}

function assemble(parts: Parts): Machine {
  const { memory, board, processors, counters, clock, reach } = parts;
  const names = [...parts.names];
  return {
    memory,
    board,
    interrupts: new InterruptController(board, processors),
    clock,
    ledger: new Ledger(parts.ledger),
    traceImage: parts.trace,
    processorCount: processors,
    reach,
    counters,
    agentNames: names,
    addAgent(name: string): AgentId {
      if (names.includes(name)) throw new Error(`machine: there is an agent '${name}' already`);
      if (names.length >= parts.trace.agents) throw new RangeError(`machine: no room for agent '${name}'`);
      board.assignWorker(names.length, -1);
      return names.push(name) - 1;
    },
    renameAgent(agent: AgentId, name: string): void {
      if (names[agent] === name) return;
      if (names[agent] === undefined) throw new RangeError(`machine: no agent ${agent}`);
      if (names.includes(name)) throw new Error(`machine: there is an agent '${name}' already`);
      names[agent] = name;
    },
    agent(name: string): AgentId {
      const found = names.indexOf(name);
      if (found < 0) throw new Error(`machine: no agent '${name}'; there are ${names.join(', ')}`);
      return found;
    },
    image: () => ({
      segments: memory.images(),
      board: board.buffer,
      ledger: parts.ledger,
      trace: parts.trace,
      processors,
      agents: [...names],
      counters,
    }),
  };
}
