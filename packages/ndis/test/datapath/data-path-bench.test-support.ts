/** NDIS on two processors, with data paths of a miniport and of a protocol that do what a test orders. */
import { NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_STATUS_SUCCESS } from '@vmq/abi';
import {
  type Binding,
  type FilterDataPathFactory,
  filteringInfo,
  type MiniportDataPathFactory,
  type NetBufferList,
  NetBufferListPool,
  type ProtocolDataPathFactory,
} from '@vmq/ddi';
import { type AgentContext, type AgentFactories, type MemorySegment, Processor } from '@vmq/machine';
import { createNdisProcessor, type DataPlaneEnvelope } from '../../src/index.ts';
import { type BenchOptions, createBench, TestProtocol } from '../bench.test-support.ts';
import { TestFilter } from '../test-filter.test-support.ts';

export interface Order {
  readonly op: 'indicate' | 'send' | 'return';
  readonly count: number;
  readonly flags?: number;
  /** Queue of each NBL; default: the default queue. */
  readonly queues?: readonly number[];
  /** Destination of each NBL's frame, six bytes; default: all zero. */
  readonly to?: readonly (readonly number[])[];
  /** Memory of each frame; default: the host's. */
  readonly segments?: readonly MemorySegment[];
  /** Ieee8021QNetBufferListInfo of each. */
  readonly tags?: readonly number[];
}

const count = (chain: NetBufferList | null): number => {
  let n = 0;
  for (let nbl = chain; nbl !== null; nbl = nbl.next) n++;
  return n;
};

/** Two processors with NDIS on them, a miniport that indicates on demand and a protocol that keeps what it gets. */
export function setUp(filterNames: readonly string[] = [], options: BenchOptions = {}) {
  const log: string[] = [];
  const pools: NetBufferListPool[] = [];
  const completed: number[] = [];
  /** Which protocol each completion went to. */
  const completedBy: string[] = [];
  /** Places in the miniport's chain that each protocol got, a line a call. */
  const seen: string[] = [];
  /** Rude: it takes a chain apart that it was only loaned. */
  const manners = { isRude: false };
  const early: unknown[] = [];

  const miniport: MiniportDataPathFactory = (context, processor, _image, upcalls) => {
    const pool = new NetBufferListPool(64, context.machine.memory.host);
    pools[processor.index] = pool;
    let order: Order | null = null;
    const dpc = {
      runDpc: () => {
        const { count: wanted, flags = 0, queues = [], to = [], tags = [], segments = [] } = order as Order;
        const chain = pool.takeChain(wanted) as NetBufferList;
        let i = 0;
        for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next, i++) {
          nbl.filteringInfo = filteringInfo(queues[i] ?? 0, 0);
          nbl.ieee8021QInfo = tags[i] ?? 0;
          const { mdl } = nbl.firstNetBuffer;
          mdl.segment = segments[i] ?? context.machine.memory.host;
          mdl.byteOffset = 64 * i;
          mdl.segment.u8.set(to[i] ?? new Uint8Array(6), mdl.byteOffset);
        }
        upcalls.receiveNetBufferLists(chain, 0, wanted, flags);
        if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0) giveBack(chain);
      },
    };
    const giveBack = (chain: NetBufferList): void => {
      for (let nbl: NetBufferList | null = chain; nbl !== null; ) {
        const next: NetBufferList | null = nbl.next;
        pool.give(nbl);
        nbl = next;
      }
    };
    return {
      sendNetBufferLists(chain) {
        log.push(`miniport ${processor.index} sends ${count(chain)}`);
        for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next)
          nbl.status = NDIS_STATUS_SUCCESS;
        upcalls.sendNetBufferListsComplete(chain, 0);
      },
      returnNetBufferLists: giveBack,
      refresh() {},
      receiveMessage(message) {
        if ((message as Order).op !== 'indicate') {
          early.push(message);
          return;
        }
        order = message as Order;
        processor.queueDpc(dpc);
      },
    };
  };

  const protocol: ProtocolDataPathFactory = (context, processor, image, downcalls) => {
    const own = (image as { readonly protocol: string }).protocol;
    const name = own === 'switch' ? 'protocol' : own;
    const held: NetBufferList[] = [];
    const pool = new NetBufferListPool(64, context.machine.memory.host);
    let order: Order | null = null;
    const dpc = {
      runDpc: () => {
        const { op, count: wanted } = order as Order;
        if (op === 'send') downcalls.sendNetBufferLists(pool.takeChain(wanted) as NetBufferList, 0, 0);
        else {
          for (const nbl of held.splice(0, wanted)) {
            nbl.next = null;
            downcalls.returnNetBufferLists(nbl, 0);
          }
        }
      },
    };
    return {
      receiveNetBufferLists(chain, _port, number, flags) {
        const isLent = (flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0;
        const places: number[] = [];
        for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next)
          places.push(nbl.firstNetBuffer.mdl.byteOffset / 64);
        log.push(`${name} ${processor.index} gets ${number}`);
        seen.push(`${name}: ${places.join(' ')}${isLent ? ' loaned' : ''}`);
        if (isLent) {
          for (let nbl: NetBufferList | null = manners.isRude ? chain : null; nbl !== null; ) {
            const next: NetBufferList | null = nbl.next;
            nbl.next = null;
            nbl = next;
          }
          return;
        }
        for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) held.push(nbl);
      },
      sendNetBufferListsComplete(chain) {
        for (let nbl: NetBufferList | null = chain; nbl !== null; ) {
          const next: NetBufferList | null = nbl.next;
          completed.push(nbl.status);
          completedBy.push(name);
          pool.give(nbl);
          nbl = next;
        }
      },
      refresh() {},
      receiveMessage(message) {
        order = message as Order;
        processor.queueDpc(dpc);
      },
    };
  };

  const makeFilter =
    (name: string): FilterDataPathFactory =>
    (_context, _processor, _image, up, down) => ({
      receiveNetBufferLists(chain, port, number, flags) {
        log.push(`${name} up`);
        up.receiveNetBufferLists(chain, port, number, flags);
      },
      sendNetBufferListsComplete: (chain, flags) => up.sendNetBufferListsComplete(chain, flags),
      sendNetBufferLists(chain, port, flags) {
        log.push(`${name} down`);
        down.sendNetBufferLists(chain, port, flags);
      },
      returnNetBufferLists(chain, flags) {
        log.push(`${name} return`);
        down.returnNetBufferLists(chain, flags);
      },
      refresh() {},
      receiveMessage: (message) => early.push(message),
    });
  const filterDrivers = filterNames.map((name) => new TestFilter(name, [], name));

  const factories: AgentFactories = {
    processor: (context: AgentContext, data: { index: number }) => {
      const processor = new Processor(data.index, context.machine.board);
      const ndis = createNdisProcessor(context, processor, {
        miniports: { 'test-miniport': miniport },
        protocols: { switch: protocol },
        filters: Object.fromEntries(filterNames.map((name) => [name, makeFilter(name)])),
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
  const bench = createBench({
    processors: 2,
    filterDrivers,
    factories,
    protocol: new TestProtocol('switch', 'switch'),
    dataPlane: (executor) => {
      executor.start(
        [0, 1].map((index) => ({ name: `processor:${index}`, factory: 'processor', data: { index } })),
      );
      return {
        post(adapter, component, processor, message) {
          for (const index of processor === 'all' ? [0, 1] : [processor])
            executor.post(`processor:${index}`, { adapter, component, message });
        },
      };
    },
    initialize(adapter, self) {
      adapter.registerScatterGatherDma();
      adapter.post(1, { op: 'early' });
      for (const attributes of self.attributes()) adapter.setMiniportAttributes(attributes);
      return NDIS_STATUS_SUCCESS;
    },
    ...options,
  });
  const run = (side: 'miniport' | 'protocol', processor: number, order: Order): void => {
    if (side === 'miniport') bench.miniport.adapter.post(processor, order);
    else bench.binding.post(processor, order);
    bench.executor.publish();
    bench.executor.runUntilIdle();
  };
  const dropped = (reason = 'not-running'): number => bench.machine.ledger.total(`dropped.ndis.${reason}`);
  /** Another protocol with data paths, which keeps what it gets too. */
  const bindOther = (other: string): Binding => {
    const { binding } = bench.adapter.bind(new TestProtocol(other, 'switch'));
    if (binding === null) throw new Error(`${other} was not bound`);
    return binding;
  };
  const order = (binding: Binding, processor: number, wanted: Order): void => {
    binding.post(processor, wanted);
    bench.executor.publish();
    bench.executor.runUntilIdle();
  };
  return {
    ...bench,
    run,
    order,
    bindOther,
    log,
    seen,
    manners,
    pools,
    completed,
    completedBy,
    early,
    dropped,
    filterDrivers,
  };
}
