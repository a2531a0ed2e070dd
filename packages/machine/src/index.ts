/**
 * @vmq/machine: the board that everything else stands on.
 *
 * Physical memory in segments, processors with IRQL and DPC queues, an MSI-X interrupt controller, a clock,
 * seeded randomness, the frame ledger, the causal trace, and two executors that run the same agents: one
 * deterministic in a single thread, one over worker threads.
 *
 * @packageDocumentation
 */
export type { Agent, AgentAssignment, AgentContext, AgentFactories, AgentFactory } from './executor/agent.ts';
export { availableCores } from './executor/cores.ts';
export {
  createDeterministicExecutor,
  type DeterministicExecutor,
  type DeterministicOptions,
  type Schedule,
} from './executor/deterministic-executor.ts';
export { createAgentContext, type Executor } from './executor/executor.ts';
export {
  attachMachine,
  createMachine,
  type Machine,
  type MachineImage,
  type MachineOptions,
} from './executor/machine.ts';
export { createThreadsExecutor, type ThreadsOptions } from './executor/threads-executor.ts';
export { runWorker } from './executor/worker-loop.ts';
export type { WorkerStart } from './executor/worker-start.ts';
export { copyBytes, copyFrame, type MemoryViews } from './memory/copy.ts';
export {
  attachDmaDomain,
  createDmaDomain,
  DMA_READ,
  DMA_WRITE,
  type DmaDomain,
  type DmaDomainImage,
} from './memory/iommu.ts';
export {
  attachPhysicalMemory,
  attachSegment,
  createPhysicalMemory,
  HOST_SEGMENT,
  type MemorySegment,
  PAGE_SHIFT,
  PAGE_SIZE,
  type PhysicalMemory,
  type SegmentImage,
} from './memory/memory.ts';
export { COUNTERS_FROM_ZERO, type CounterStart, counterStart } from './observe/counter-start.ts';
export {
  COPIES,
  createLedgerImage,
  DELIVERED,
  DROPPED_PREFIX,
  Ledger,
  type LedgerImage,
  type LedgerReport,
  RECEIVED_FROM_GUEST,
  RECEIVED_FROM_WIRE,
  TRANSMITTED,
} from './observe/ledger.ts';
export { printAs } from './observe/printed-form.ts';
export {
  createTraceImage,
  TRACE_ALL,
  TRACE_DELIVERIES,
  TRACE_OFF,
  type TraceImage,
  type TraceLevel,
  TraceReader,
  type TraceRecord,
  TraceWriter,
} from './observe/trace.ts';
export { type AgentId, Board, MAX_PROCESSORS } from './processor/board.ts';
export { type Clock, createRealClock, createVirtualClock, type VirtualClock } from './processor/clock.ts';
export { InterruptController, msiMessage, msiProcessor } from './processor/interrupt-controller.ts';
export {
  APC_LEVEL,
  DIRQL,
  DISPATCH_LEVEL,
  type Dpc,
  type InterruptServiceRoutine,
  PASSIVE_LEVEL,
  Processor,
} from './processor/processor.ts';
export { createRandom, isSeed, MAX_SEED, type Random } from './random/random.ts';
export { countedLength, isFrameTooLong, MOST_TAG_BYTES } from './wire/frame-length.ts';
export {
  clearFrameRing,
  createFrameRing,
  FrameConsumer,
  FrameProducer,
  type FrameRingImage,
} from './wire/frame-ring.ts';
