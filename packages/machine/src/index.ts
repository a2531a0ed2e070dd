/**
 * @vmq/machine: the board that everything else stands on.
 *
 * Physical memory in segments, processors with IRQL and DPC queues, an MSI-X interrupt controller, a clock,
 * seeded randomness, the frame ledger, the causal trace, and two executors that run the same agents: one
 * deterministic in a single thread, one over worker threads.
 *
 * @packageDocumentation
 */
export type { Agent, AgentAssignment, AgentContext, AgentFactories, AgentFactory } from './agent.ts';
export { type AgentId, Board, MAX_PROCESSORS } from './board.ts';
export { type Clock, createRealClock, createVirtualClock, type VirtualClock } from './clock.ts';
export { copyBytes, type MemoryViews } from './copy.ts';
export { availableCores } from './cores.ts';
export { COUNTERS_FROM_ZERO, type CounterStart, counterStart } from './counter-start.ts';
export {
  createDeterministicExecutor,
  type DeterministicExecutor,
  type DeterministicOptions,
  type Schedule,
} from './deterministic-executor.ts';
export { createAgentContext, type Executor } from './executor.ts';
export { countedLength, isFrameTooLong, MOST_TAG_BYTES } from './frame-length.ts';
export {
  clearFrameRing,
  createFrameRing,
  FrameConsumer,
  FrameProducer,
  type FrameRingImage,
} from './frame-ring.ts';
export { InterruptController, msiMessage, msiProcessor } from './interrupt-controller.ts';
export {
  attachDmaDomain,
  createDmaDomain,
  DMA_READ,
  DMA_WRITE,
  type DmaDomain,
  type DmaDomainImage,
} from './iommu.ts';
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
} from './ledger.ts';
export {
  attachMachine,
  createMachine,
  type Machine,
  type MachineImage,
  type MachineOptions,
} from './machine.ts';
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
} from './memory.ts';
export { printAs } from './printed-form.ts';
export {
  APC_LEVEL,
  DIRQL,
  DISPATCH_LEVEL,
  type Dpc,
  type InterruptServiceRoutine,
  PASSIVE_LEVEL,
  Processor,
} from './processor.ts';
export { createRandom, isSeed, MAX_SEED, type Random } from './random.ts';
export { createThreadsExecutor, type ThreadsOptions } from './threads-executor.ts';
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
} from './trace.ts';
export { runWorker } from './worker-loop.ts';
export type { WorkerStart } from './worker-start.ts';
