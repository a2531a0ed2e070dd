/**
 * The agent of one processor: interrupts and DPCs, and on top of them the data paths of every adapter, which
 * NDIS composes from the control paths' messages.
 */
import { type Agent, type AgentContext, Processor } from '@vmq/machine';
import { createNdisProcessor, type DataPlaneEnvelope, type NdisProcessorFactories } from '@vmq/ndis';

export interface ProcessorAgentData {
  readonly processor: number;
}

/** Makes the agent of processor `data.processor`; it knows the data paths of `factories`. */
export function createProcessorAgent(
  context: AgentContext,
  data: ProcessorAgentData,
  factories: NdisProcessorFactories,
): Agent {
  const processor = new Processor(data.processor, context.machine.board);
  const ndis = createNdisProcessor(context, processor, factories);
  return {
    step: () => processor.step(),
    refresh(messages) {
      for (const message of messages) ndis.receive(message as DataPlaneEnvelope);
      ndis.refresh();
      // A data path may have queued a DPC: take it in the step that follows.
    },
  };
}
