/**
 * A card and a miniport of one's own, as small as they can be: the card's rings are the ends of the cable, it has one
 * interrupt message and no VM queues.
 *
 *   cable ──> card: one interrupt for whatever has come ──> ISR ──> DPC: frames copied into buffers, one chain indicated
 *   cable <────────────────────────────────────────────────────── driver: a frame of each NBL that is sent
 */
import { NDIS_STATUS_SUCCESS, OID_GEN_CURRENT_PACKET_FILTER } from '@vmq/abi';
import {
  append,
  type MiniportAdapter,
  type MiniportDataPathFactory,
  type MiniportDriver,
  type NetBufferList,
  NetBufferListPool,
} from '@vmq/ddi';
import {
  type AgentFactory,
  FrameConsumer,
  FrameProducer,
  type FrameRingImage,
  HOST_SEGMENT,
} from '@vmq/machine';
import type { ExtraDataPaths, NicPart } from '../src/index.ts';

const BUFFERS = 32;
const BUFFER_BYTES = 2048;

export interface RingNic extends NicPart {
  /** What the driver's bus driver tells it: where the cable ends. */
  cable: { readonly rx: FrameRingImage; readonly tx: FrameRingImage } | null;
  frames: number;
}

/** The card. Its registers are its MSI-X table and nothing else. */
export function ringNic(): RingNic {
  return {
    model: 'ring',
    mostProcessors: 1,
    msixTableEntries: 1,
    dropReasons: [],
    cable: null,
    frames: 0,
    plugIn({ machine, agents, rx, tx }) {
      this.cable = { rx, tx };
      const bar = machine.memory.addSegment('ring-nic', 4096);
      return {
        bar,
        agents: agents.map((name) => ({ name, factory: 'ring-nic', data: { bar: bar.id } })),
        msixTableOffset: 0,
        write32(offset, value) {
          bar.i32[offset >> 2] = value;
        },
        queueCounters: () => ({ frames: 0, bytes: 0, droppedNoDescriptor: 0 }),
      };
    },
  };
}

/** The card's agent: woken, it interrupts whoever its MSI-X entry names. */
const createRingNic: AgentFactory<{ readonly bar: number }> = ({ machine }, { bar }) => ({
  step() {
    const [address, , data] = machine.memory.segment(bar).i32;
    if (address !== 0) machine.interrupts.message(address >>> 0, data);
    return false;
  },
  refresh() {},
});

interface RingImage {
  readonly rx: FrameRingImage;
  readonly tx: FrameRingImage;
  readonly vector: number;
  readonly processor: number;
  readonly buffers: number;
}

/** The driver's control path. */
export function ringMiniport(nic: RingNic): MiniportDriver & { readonly requests: number[] } {
  let image: RingImage | null = null;
  const requests: number[] = [];
  return {
    name: 'ring-miniport',
    majorNdisVersion: 6,
    minorNdisVersion: 30,
    requests,
    initializeEx(adapter: MiniportAdapter): number {
      for (const attributes of [
        { type: 'registration', revision: 2, attributeFlags: 0 },
        {
          type: 'general',
          revision: 2,
          mtuSize: 1500,
          maxXmitLinkSpeed: 1e9,
          lookaheadSize: 1514,
          macOptions: 0x40,
          supportedPacketFilters: 0x2f,
          maxMulticastListSize: 32,
          permanentMacAddress: Uint8Array.of(2, 0, 0, 0, 0, 0xfe),
          currentMacAddress: Uint8Array.of(2, 0, 0, 0, 0, 0xfe),
          supportedOidList: [OID_GEN_CURRENT_PACKET_FILTER],
        },
        {
          type: 'hardware-assist',
          revision: 3,
          hardwareReceiveFilterCapabilities: null,
          currentReceiveFilterCapabilities: null,
        },
      ] as const) {
        const status = adapter.setMiniportAttributes(attributes);
        if (status !== NDIS_STATUS_SUCCESS) return status;
      }
      adapter.registerScatterGatherDma();
      const memory = adapter.allocateSharedMemory({
        contiguous: true,
        queueId: 0,
        vportId: 0,
        usage: 2,
        length: BUFFERS * BUFFER_BYTES,
        preferredNode: 0,
        maximumElements: 1,
      });
      if (memory.status !== NDIS_STATUS_SUCCESS) return memory.status;
      const message = adapter.allocateInterruptMessage(0);
      const [element] = memory.elements;
      if (message === null || element === undefined || nic.cable === null) throw new Error('no resources');
      image = { ...nic.cable, vector: message.vector, processor: 0, buffers: element.offset };
      return adapter.configMsixTableEntry({ operation: 'add', entry: 0, messageId: message.messageId });
    },
    haltEx() {},
    pause: () => NDIS_STATUS_SUCCESS,
    restart: () => NDIS_STATUS_SUCCESS,
    oidRequest(_adapter, request) {
      requests.push(request.oid);
      return NDIS_STATUS_SUCCESS;
    },
    dataPathFactory: 'ring-miniport',
    dataPathImage: () => image,
  };
}

/** The driver's data path: processor 0 receives; each processor sends. */
const createRingDataPath: MiniportDataPathFactory = (context, processor, data, upcalls) => {
  const { rx, tx, vector, buffers } = data as RingImage;
  const { machine, counters } = context;
  const wire = new FrameConsumer(rx);
  const out = new FrameProducer(tx);
  const host = machine.memory.segment(HOST_SEGMENT);
  const pool = new NetBufferListPool(BUFFERS, host);
  const free = Array.from({ length: BUFFERS }, (_, i) => buffers + i * BUFFER_BYTES);
  const received = machine.ledger.column('received.wire');
  const transmitted = machine.ledger.column('transmitted');

  const frameAt = (i: number): NetBufferList | null => {
    const length = wire.lengthOf(i);
    const nbl = free.length === 0 ? null : pool.take();
    if (nbl === null) return null;
    const offset = free.pop() as number;
    const { firstNetBuffer } = nbl;
    host.u8.set(wire.u8.subarray(wire.offsetOf(i), wire.offsetOf(i) + length), offset);
    firstNetBuffer.mdl.byteOffset = offset;
    firstNetBuffer.mdl.byteCount = BUFFER_BYTES;
    firstNetBuffer.dataOffset = 0;
    firstNetBuffer.dataLength = length;
    nbl.filteringInfo = 0;
    nbl.ieee8021QInfo = 0;
    return nbl;
  };
  const dpc = {
    runDpc(): void {
      let chain: NetBufferList | null = null;
      let count = 0;
      for (const available = wire.available(); count < available; count++) {
        const nbl = frameAt(count);
        if (nbl === null) break;
        chain = append(chain, nbl);
      }
      if (chain === null) return;
      counters[received] += count;
      wire.release(count);
      upcalls.receiveNetBufferLists(chain, 0, count, 0);
    },
  };
  if (processor.index === 0) processor.connect(vector, { interrupt: () => processor.queueDpc(dpc) });
  return {
    sendNetBufferLists(chain) {
      for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
        const { mdl, dataOffset, dataLength } = nbl.firstNetBuffer;
        const at = out.reserve(dataLength);
        const from = mdl.byteOffset + dataOffset;
        out.u8.set(mdl.segment.u8.subarray(from, from + dataLength), at);
        out.commit(at, dataLength, 0);
        counters[transmitted]++;
        nbl.status = NDIS_STATUS_SUCCESS;
      }
      out.publish();
      upcalls.sendNetBufferListsComplete(chain, 0);
    },
    returnNetBufferLists(chain) {
      for (let nbl: NetBufferList | null = chain; nbl !== null; ) {
        const next: NetBufferList | null = nbl.next;
        free.push(nbl.firstNetBuffer.mdl.byteOffset);
        pool.give(nbl);
        nbl = next;
      }
    },
    refresh() {},
    receiveMessage() {},
  };
};

export const RING_DATA_PATHS: ExtraDataPaths = {
  agents: { 'ring-nic': createRingNic as AgentFactory<never> },
  miniports: { 'ring-miniport': createRingDataPath },
};
