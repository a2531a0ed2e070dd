/**
 * All data paths of one processor: what a processor agent composes.
 *
 *   envelope ──receive──> attach / detach data paths, or a message for one of them
 *   publication ──refresh──> every data path
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
  /** Takes a message of the control path; call it from the agent's `refresh`, in order. */
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

/** Of the factories that a processor knows, the one that the control path named. */
function factoryNamed<T>(kind: string, known: Readonly<Record<string, T>>, name: string): T {
  const found = known[name];
  if (found === undefined)
    throw new Error(`no ${kind} data-path factory '${name}'; there are ${Object.keys(known).join(', ')}`);
  return found;
}

/** Joins an adapter's layers anew, after one of them has come, gone or changed. */
function join({ path, miniport, filters, protocols }: Attached): void {
  path.attach(
    miniport,
    filters.map((filter) => filter.path),
    protocols,
  );
}

type AttachMiniport = Extract<NdisDataPlaneMessage, { op: 'attach miniport' }>;
type AttachProtocol = Extract<NdisDataPlaneMessage, { op: 'attach protocol' }>;

class ProcessorDataPaths implements NdisProcessor {
  readonly #context: AgentContext;
  readonly #processor: ProcessorServices;
  readonly #factories: NdisProcessorFactories;
  readonly #adapters = new Map<string, Attached>();

  constructor(context: AgentContext, processor: ProcessorServices, factories: NdisProcessorFactories) {
    this.#context = context;
    this.#processor = processor;
    this.#factories = factories;
  }

  receive({ adapter, component, message }: DataPlaneEnvelope): void {
    if (component === 'ndis') this.#compose(adapter, message as NdisDataPlaneMessage);
    else if (component === 'miniport') this.#attached(adapter).miniport.receiveMessage(message);
    else if (component === 'filter') {
      const { number, message: own } = message as FilterDataPlaneMessage;
      const filter = this.#attached(adapter).filters.find((candidate) => candidate.number === number);
      filter?.path.receiveMessage(own);
    } else {
      const { number, message: own } = message as ProtocolDataPlaneMessage;
      const protocol = this.#attached(adapter).protocols.find((candidate) => candidate.number === number);
      protocol?.path.receiveMessage(own);
    }
  }

  refresh(): void {
    for (const { miniport, filters, protocols } of this.#adapters.values()) {
      miniport.refresh();
      for (const { path } of filters) path.refresh();
      for (const { path } of protocols) path.refresh();
    }
  }

  path(adapterName: string): NdisDataPath | null {
    return this.#adapters.get(adapterName)?.path ?? null;
  }

  #attached(adapter: string): Attached {
    const found = this.#adapters.get(adapter);
    if (found === undefined)
      throw new Error(`processor ${this.#processor.index}: no adapter '${adapter}' is attached`);
    return found;
  }

  #compose(adapter: string, message: NdisDataPlaneMessage): void {
    switch (message.op) {
      case 'attach miniport':
        this.#attachMiniport(adapter, message);
        break;
      case 'bypass filter':
        this.#bypassFilter(this.#attached(adapter), message.number);
        break;
      case 'attach protocol':
        this.#attachProtocol(this.#attached(adapter), message);
        break;
      case 'detach protocol': {
        const attached = this.#attached(adapter);
        attached.protocols = attached.protocols.filter(({ number }) => number !== message.number);
        join(attached);
        break;
      }
      case 'receivers':
        this.#attached(adapter).path.aim(new Receivers(message.receivers));
        break;
      case 'detach miniport':
        this.#adapters.delete(adapter);
    }
  }

  #attachMiniport(adapter: string, { path: image, factory, image: own, filters }: AttachMiniport): void {
    const path = createNdisDataPath(this.#context, this.#processor.index, image);
    const make = factory === '' ? null : factoryNamed('miniport', this.#factories.miniports, factory);
    const attached = {
      path,
      miniport: make?.(this.#context, this.#processor, own, path.miniportUpcalls) ?? NO_MINIPORT,
      filters: filters.map(({ number, factory: name, image: ofFilter }, index): AttachedFilter => {
        const { up, down } = path.filterLinks(index);
        const makeFilter = factoryNamed('filter', this.#factories.filters ?? {}, name);
        return { number, path: makeFilter(this.#context, this.#processor, ofFilter, up, down), up, down };
      }),
      protocols: [],
    };
    join(attached);
    this.#adapters.set(adapter, attached);
  }

  #bypassFilter(attached: Attached, module: number): void {
    const at = attached.filters.findIndex(({ number }) => number === module);
    if (at < 0) return;
    const { number, up, down } = attached.filters[at];
    attached.filters[at] = { number, path: bypass(up, down), up, down };
    join(attached);
  }

  #attachProtocol(attached: Attached, { number, factory, image }: AttachProtocol): void {
    const make = factoryNamed('protocol', this.#factories.protocols, factory);
    const path = make(this.#context, this.#processor, image, attached.path.protocolLink(number));
    attached.protocols.push({ number, path });
    join(attached);
  }
}

export function createNdisProcessor(
  context: AgentContext,
  processor: ProcessorServices,
  factories: NdisProcessorFactories,
): NdisProcessor {
  return new ProcessorDataPaths(context, processor, factories);
}
