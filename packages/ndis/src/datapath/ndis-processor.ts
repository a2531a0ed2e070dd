/**
 * All data paths of one processor: what a processor agent composes.
 *
 *   envelope ──receive──> attach / detach data halves, or a message for one of them
 *   publication ──refresh──> every data half
 */

import type {
  FilterDataPathFactory,
  MiniportDataPathFactory,
  ProcessorServices,
  ProtocolDataPathFactory,
  ReceiveSink,
  SendSink,
} from '@vmq/ddi';
import type { AgentContext } from '@vmq/machine';
import { createNdisDataPath, type NdisDataPath } from './data-path-router.ts';
import type {
  DataPlaneEnvelope,
  FilterDataPlaneMessage,
  NdisDataPlaneMessage,
  ProtocolDataPlaneMessage,
} from './data-plane.ts';
import { Receivers } from './receivers.ts';

export interface NdisProcessorFactories {
  /** By the name that {@link MiniportDriver.dataPathFactory} gives. */
  readonly miniports: Readonly<Record<string, MiniportDataPathFactory>>;
  readonly protocols: Readonly<Record<string, ProtocolDataPathFactory>>;
  readonly filters?: Readonly<Record<string, FilterDataPathFactory>>;
}

export interface NdisProcessor {
  /** Takes a message of the control half; call it from the agent's `refresh`, in order. */
  receive(envelope: DataPlaneEnvelope): void;
  /** Call it at the end of the agent's `refresh`. */
  refresh(): void;
  /** The data path of an adapter on this processor, or null. */
  path(adapterName: string): NdisDataPath | null;
}

interface AttachedFilter {
  readonly number: number;
  readonly path: ReturnType<FilterDataPathFactory>;
  readonly up: ReceiveSink;
  readonly down: SendSink;
}

interface AttachedBinding {
  readonly number: number;
  readonly path: ReturnType<ProtocolDataPathFactory>;
}

interface Attached {
  readonly path: NdisDataPath;
  readonly miniport: ReturnType<MiniportDataPathFactory>;
  /** Lowest first. */
  readonly filters: AttachedFilter[];
  /** In the order of their bindings. */
  protocols: AttachedBinding[];
}

/** In place of a module that was detached: hands everything on. */
function bypass(up: ReceiveSink, down: SendSink): ReturnType<FilterDataPathFactory> {
  return {
    receiveNetBufferLists: (chain, port, count, flags) => up.receiveNetBufferLists(chain, port, count, flags),
    sendNetBufferListsComplete: (chain, flags) => up.sendNetBufferListsComplete(chain, flags),
    sendNetBufferLists: (chain, port, flags) => down.sendNetBufferLists(chain, port, flags),
    returnNetBufferLists: (chain, flags) => down.returnNetBufferLists(chain, flags),
    refresh() {},
    receiveMessage() {},
  };
}

/** In place of a miniport where there is none: its sends are stopped at the gate, and it indicates nothing. */
const NO_MINIPORT: ReturnType<MiniportDataPathFactory> = {
  sendNetBufferLists() {},
  returnNetBufferLists() {},
  refresh() {},
  receiveMessage() {},
};

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

  const join = ({ path, miniport, filters, protocols }: Attached): void =>
    path.attach(
      miniport,
      filters.map((filter) => filter.path),
      protocols,
    );

  const compose = (adapter: string, message: NdisDataPlaneMessage): void => {
    switch (message.op) {
      case 'attach miniport': {
        const path = createNdisDataPath(context, processor.index, message.path);
        const miniport =
          message.factory === ''
            ? NO_MINIPORT
            : factory('miniport', factories.miniports, message.factory)(
                context,
                processor,
                message.image,
                path.miniportUpcalls,
              );
        const filters = message.filters.map(({ number, factory: name, image }, index): AttachedFilter => {
          const { up, down } = path.filterLinks(index);
          const makeFilter = factory('filter', factories.filters ?? {}, name);
          return { number, path: makeFilter(context, processor, image, up, down), up, down };
        });
        const attached = { path, miniport, filters, protocols: [] };
        join(attached);
        adapters.set(adapter, attached);
        return;
      }
      case 'bypass filter': {
        const attached = attachedAdapter(adapter);
        const at = attached.filters.findIndex(({ number }) => number === message.number);
        if (at < 0) return;
        const { number, up, down } = attached.filters[at];
        attached.filters[at] = { number, path: bypass(up, down), up, down };
        join(attached);
        return;
      }
      case 'attach protocol': {
        const attached = attachedAdapter(adapter);
        const make = factory('protocol', factories.protocols, message.factory);
        const downcalls = attached.path.protocolLink(message.number);
        const path = make(context, processor, message.image, downcalls);
        attached.protocols.push({ number: message.number, path });
        join(attached);
        return;
      }
      case 'detach protocol': {
        const attached = attachedAdapter(adapter);
        attached.protocols = attached.protocols.filter(({ number }) => number !== message.number);
        join(attached);
        return;
      }
      case 'receivers':
        attachedAdapter(adapter).path.aim(new Receivers(message.receivers));
        return;
      case 'detach miniport':
        adapters.delete(adapter);
    }
  };

  return {
    receive({ adapter, component, message }) {
      if (component === 'ndis') compose(adapter, message as NdisDataPlaneMessage);
      else if (component === 'miniport') attachedAdapter(adapter).miniport.receiveMessage(message);
      else if (component === 'filter') {
        const { number, message: own } = message as FilterDataPlaneMessage;
        const filter = attachedAdapter(adapter).filters.find((candidate) => candidate.number === number);
        filter?.path.receiveMessage(own);
      } else {
        const { number, message: own } = message as ProtocolDataPlaneMessage;
        const found = attachedAdapter(adapter).protocols.find((candidate) => candidate.number === number);
        found?.path.receiveMessage(own);
      }
    },
    refresh() {
      for (const { miniport, filters, protocols } of adapters.values()) {
        miniport.refresh();
        for (const { path } of filters) path.refresh();
        for (const { path } of protocols) path.refresh();
      }
    },
    path: (adapterName) => adapters.get(adapterName)?.path ?? null,
  };
}
