/**
 * All data paths of one processor: what a processor agent composes.
 *
 *   envelope ──receive──> attach / detach data halves, or a message for one of them
 *   publication ──refresh──> every data half
 */
import type { AgentContext } from '@vmq/machine';
import type { FilterDataPath, ReceiveSink, SendSink } from './data-path.ts';
import { createNdisDataPath, type NdisDataPath } from './data-path-router.ts';
import type { DataPlaneEnvelope, NdisDataPlaneMessage } from './data-plane.ts';
import type { MiniportDataPathFactory, ProcessorServices } from './miniport-driver.ts';
import type { ProtocolDataPathFactory } from './protocol-driver.ts';

/** Makes a filter module's data half; `up` and `down` are its neighbours. */
export type FilterDataPathFactory = (
  context: AgentContext,
  processor: ProcessorServices,
  adapterName: string,
  up: ReceiveSink,
  down: SendSink,
) => FilterDataPath;

export interface NdisProcessorFactories {
  /** By the name that {@link MiniportDriver.dataPathFactory} gives. */
  readonly miniports: Readonly<Record<string, MiniportDataPathFactory>>;
  readonly protocols: Readonly<Record<string, ProtocolDataPathFactory>>;
  /** Filter modules of every adapter, lowest first. */
  readonly filters?: readonly FilterDataPathFactory[];
}

export interface NdisProcessor {
  /** Takes a message of the control half; call it from the agent's `refresh`, in order. */
  receive(envelope: DataPlaneEnvelope): void;
  /** Call it at the end of the agent's `refresh`. */
  refresh(): void;
  /** The data path of an adapter on this processor, or null. */
  path(adapterName: string): NdisDataPath | null;
}

interface Attached {
  readonly path: NdisDataPath;
  readonly miniport: ReturnType<MiniportDataPathFactory>;
  readonly filters: readonly FilterDataPath[];
  protocol: ReturnType<ProtocolDataPathFactory> | null;
}

export function createNdisProcessor(
  context: AgentContext,
  processor: ProcessorServices,
  factories: NdisProcessorFactories,
): NdisProcessor {
  const adapters = new Map<string, Attached>();

  const attachedAdapter = (name: string): Attached => {
    const found = adapters.get(name);
    if (found === undefined)
      throw new Error(`processor ${processor.index}: no adapter '${name}' is attached`);
    return found;
  };
  const factory = <T>(kind: string, known: Readonly<Record<string, T>>, name: string): T => {
    const found = known[name];
    if (found === undefined)
      throw new Error(`no ${kind} data-path factory '${name}'; there are ${Object.keys(known).join(', ')}`);
    return found;
  };

  const compose = (adapter: string, message: NdisDataPlaneMessage): void => {
    switch (message.op) {
      case 'attach miniport': {
        const path = createNdisDataPath(context, processor.index, message.path);
        const make = factory('miniport', factories.miniports, message.factory);
        const miniport = make(context, processor, message.image, path.miniportUpcalls);
        const filters = (factories.filters ?? []).map((makeFilter, index) => {
          const { up, down } = path.filterLinks(index);
          return makeFilter(context, processor, adapter, up, down);
        });
        path.attach(miniport, filters, null);
        adapters.set(adapter, { path, miniport, filters, protocol: null });
        return;
      }
      case 'attach protocol': {
        const attached = attachedAdapter(adapter);
        const make = factory('protocol', factories.protocols, message.factory);
        attached.protocol = make(context, processor, message.image, attached.path.protocolDowncalls);
        attached.path.attach(attached.miniport, attached.filters, attached.protocol);
        return;
      }
      case 'detach protocol': {
        const attached = attachedAdapter(adapter);
        attached.protocol = null;
        attached.path.attach(attached.miniport, attached.filters, null);
        return;
      }
      case 'detach miniport':
        adapters.delete(adapter);
    }
  };

  return {
    receive({ adapter, component, message }) {
      if (component === 'ndis') compose(adapter, message as NdisDataPlaneMessage);
      else if (component === 'miniport') attachedAdapter(adapter).miniport.receiveMessage(message);
      else attachedAdapter(adapter).protocol?.receiveMessage(message);
    },
    refresh() {
      for (const { miniport, filters, protocol } of adapters.values()) {
        miniport.refresh();
        for (const filter of filters) filter.refresh();
        protocol?.refresh();
      }
    },
    path: (adapterName) => adapters.get(adapterName)?.path ?? null,
  };
}
