/**
 * What a host is put together from that may be somebody else's: a NIC, its miniport driver, the name they go by.
 *
 *   createHost(config, {
 *     adapters: [{ name: 'Ethernet 3', nic: myNic, driver: myMiniport }],
 *     dataPaths: { agents: { 'my-nic': createMyNicAgent }, miniports: { 'my-miniport': createMyDataPath } },
 *   })
 */
import type { MiniportDriver } from '@vmq/ddi';
import type {
  AgentAssignment,
  DmaDomainImage,
  FrameRingImage,
  Machine,
  MemorySegment,
  TraceRecord,
} from '@vmq/machine';

/** One network adapter: a card in its slot, and the driver that is loaded for it. */
export interface AdapterPart {
  /** As Windows shows it; default `NIC1`. */
  readonly name?: string;
  /** Default: the NIC of the configuration's `nic.profile`. */
  readonly nic?: NicPart;
  /** Its control path; the data path is found in `HostOptions.dataPaths.miniports`. Default: the VMQ miniport. */
  readonly driver?: MiniportDriver;
  /** INF keywords beside those of the configuration; they win. */
  readonly keywords?: Readonly<Record<string, string | number>>;
  /** Ledger counters in which the driver ends frames; default: those of the VMQ miniport. */
  readonly dropReasons?: readonly string[];
  /** A trace record of NIC or driver in words, or null for one of somebody else. Default: those of the repository's own. */
  readonly describe?: (record: TraceRecord) => string | null;
}

/** A NIC model. */
export interface NicPart {
  readonly model: string;
  /** Most processors that it can serve side by side, with a transmit queue and an interrupt message each. */
  readonly mostProcessors: number;
  readonly msixTableEntries: number;
  /** Ledger counters in which it ends frames. */
  readonly dropReasons: readonly string[];
  /** Puts the card into its slot. */
  plugIn(slot: NicSlot): PluggedNic;
}

/** What a slot gives a card. */
export interface NicSlot {
  readonly machine: Machine;
  /** Names of its agents, numbered one after the other on the machine: `nic`, then `nic:1` … for more receive engines. */
  readonly agents: readonly string[];
  /** The cable: frames to the card, with a consumer for each agent, and from it. */
  readonly rx: FrameRingImage;
  readonly tx: FrameRingImage;
  /** What the card may reach. Its agents are posted `{ op: 'dma', image }` when that grows by a segment. */
  readonly dma: DmaDomainImage;
  /** Wakes the card, or the agent of one of its receive engines. */
  readonly wake: (engine?: number) => void;
  /** Most frames to take and to send in a turn; undefined: as the card likes. */
  readonly batch: number | undefined;
}

/** A card in its slot. */
export interface PluggedNic {
  /**
   * An agent for each name of the slot. The first one is posted `{ op: 'power', on }` for a change of power and
   * `{ op: 'insert' }` when a card is put where one was pulled ({@link NicMessage} of `@vmq/nic`).
   */
  readonly agents: readonly AgentAssignment[];
  /** Its registers. */
  readonly bar: MemorySegment;
  readonly msixTableOffset: number;
  /** How the bus writes a 32-bit register. */
  write32(offset: number, value: number): void;
  /** What the card has counted for a receive queue. */
  queueCounters(queueId: number): NicQueueCounters;
}

export interface NicQueueCounters {
  /** Frames and bytes written to the queue's buffers. */
  readonly frames: number;
  readonly bytes: number;
  readonly droppedNoDescriptor: number;
}
