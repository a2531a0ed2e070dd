/** The agents of a bench: the NIC, and processors with the data paths of miniport, NDIS and test protocol. */
import { type AgentFactories, Processor } from '@vmq/machine';
import { createVmqMiniportDataPath, VMQ_MINIPORT_DATA_PATH } from '@vmq/miniport';
import { createNdisProcessor, type DataPlaneEnvelope } from '@vmq/ndis';
import { createNicAgent } from '@vmq/nic';
import { createRecordingDataPath, RECORDING_DATA_PATH } from './recording-protocol.ts';

/** For the deterministic executor, and for `worker.ts`. */
export function benchAgentFactories(): AgentFactories {
  return {
    nic: createNicAgent,
    processor: (context, data: { readonly processor: number }) => {
      const processor = new Processor(data.processor, context.machine.board);
      const ndis = createNdisProcessor(context, processor, {
        miniports: { [VMQ_MINIPORT_DATA_PATH]: createVmqMiniportDataPath },
        protocols: { [RECORDING_DATA_PATH]: createRecordingDataPath },
      });
      return {
        step: () => processor.step(),
        refresh(messages) {
          for (const message of messages) ndis.receive(message as DataPlaneEnvelope);
          ndis.refresh();
        },
      };
    },
  };
}
