/** The protocol's data path of a bench, which keeps what it saw of each frame, and gives NBLs back when it is told to. */
import { statusName } from '@vmq/abi';
import {
  type Mdl,
  type NetBuffer,
  type NetBufferList,
  type ProtocolDataPath,
  queueIdOf,
  type SendSink,
} from '@vmq/ddi';
import { type AgentContext, DELIVERED, RECEIVED_FROM_GUEST } from '@vmq/machine';

/** One frame as the protocol saw it, read when it was indicated. */
export interface SeenFrame {
  readonly processor: number;
  readonly queueId: number;
  readonly filterId: number;
  readonly ieee8021QInfo: number;
  readonly sourceHandle: number;
  readonly bytes: readonly number[];
  readonly sequence: number;
  readonly netBuffers: number;
  /** Segment and length of each MDL. */
  readonly mdls: readonly { segment: number; offset: number; length: number }[];
  readonly sharedMemory: readonly { flags: number; handle: number; offset: number; length: number }[];
  /** Number of the indication, counted over all processors. */
  readonly indication: number;
}

export interface Indication {
  readonly processor: number;
  readonly count: number;
  readonly chainLength: number;
  readonly portNumber: number;
  readonly flags: number;
  readonly queues: ReadonlySet<number>;
}

export interface Completion {
  readonly processor: number;
  readonly flags: number;
  readonly nbls: readonly NetBufferList[];
  readonly statuses: readonly string[];
}

/** The protocol's data path on one processor. */
export class TestPath implements ProtocolDataPath {
  readonly processor: number;
  readonly downcalls: SendSink;
  /** NBLs kept, oldest first. */
  held: NetBufferList[] = [];
  readonly #bench: Records;
  readonly #context: AgentContext;

  constructor(context: AgentContext, processor: number, downcalls: SendSink, bench: Records) {
    this.#context = context;
    this.processor = processor;
    this.downcalls = downcalls;
    this.#bench = bench;
  }

  receiveNetBufferLists(chain: NetBufferList, portNumber: number, count: number, flags: number): void {
    const bench = this.#bench;
    const nbls = chainOf(chain);
    const indication = bench.indications.length;
    for (const nbl of nbls) bench.frames.push(this.#see(nbl, indication));
    bench.indications.push({
      processor: this.processor,
      count,
      chainLength: nbls.length,
      portNumber,
      flags: flags >>> 0,
      queues: new Set(nbls.map(queueIdOf)),
    });
    const { counters, machine } = this.#context;
    const column = machine.ledger.column(DELIVERED);
    counters[column] = counters[column] + nbls.length;
    const keep = nbls.filter((nbl) => bench.holds(queueIdOf(nbl)));
    const back = nbls.filter((nbl) => !keep.includes(nbl));
    this.held.push(...keep);
    this.giveBack(back);
  }

  #see(nbl: NetBufferList, indication: number): SeenFrame {
    const { memory } = this.#context.machine;
    const netBuffers: NetBuffer[] = [];
    for (let nb: NetBuffer | null = nbl.firstNetBuffer; nb !== null; nb = nb.next) netBuffers.push(nb);
    const nb = nbl.firstNetBuffer;
    const mdls = [];
    const bytes: number[] = [];
    let skip = nb.dataOffset;
    for (let mdl: Mdl | null = nb.mdl; mdl !== null; mdl = mdl.next) {
      mdls.push({ segment: mdl.segment.id, offset: mdl.byteOffset, length: mdl.byteCount });
      const from = Math.min(skip, mdl.byteCount);
      skip -= from;
      const { u8 } = memory.segment(mdl.segment.id);
      bytes.push(...u8.slice(mdl.byteOffset + from, mdl.byteOffset + mdl.byteCount));
    }
    bytes.length = Math.min(bytes.length, nb.dataLength);
    const sharedMemory = [];
    for (let info = nb.sharedMemoryInfo; info !== null; info = info.next) {
      sharedMemory.push({
        flags: info.sharedMemoryFlags,
        handle: info.sharedMemoryHandle,
        offset: info.sharedMemoryOffset,
        length: info.sharedMemoryLength,
      });
    }
    return {
      processor: this.processor,
      queueId: queueIdOf(nbl),
      filterId: nbl.filteringInfo & 0xffff,
      ieee8021QInfo: nbl.ieee8021QInfo,
      sourceHandle: nbl.sourceHandle,
      bytes,
      sequence: new DataView(Uint8Array.from(bytes).buffer).getUint32(14),
      netBuffers: netBuffers.length,
      mdls,
      sharedMemory,
      indication,
    };
  }

  /** Returns NBLs as one chain, in the order given. */
  giveBack(nbls: readonly NetBufferList[]): void {
    if (nbls.length === 0) return;
    this.held = this.held.filter((nbl) => !nbls.includes(nbl));
    this.downcalls.returnNetBufferLists(chained(nbls), 0);
  }

  /** Sends NBLs as one chain. */
  send(nbls: readonly NetBufferList[]): void {
    const { counters, machine } = this.#context;
    const column = machine.ledger.column(RECEIVED_FROM_GUEST);
    for (const nbl of nbls) {
      for (let nb: NetBuffer | null = nbl.firstNetBuffer; nb !== null; nb = nb.next)
        counters[column] = counters[column] + 1;
    }
    this.downcalls.sendNetBufferLists(chained(nbls), 0, 0);
  }

  sendNetBufferListsComplete(chain: NetBufferList, flags: number): void {
    const nbls = chainOf(chain);
    const statuses = nbls.map(({ status }) => statusName(status));
    this.#bench.completions.push({ processor: this.processor, flags, nbls, statuses });
  }

  refresh(): void {}

  receiveMessage(): void {
    for (const act of this.#bench.acts.splice(0)) act(this);
  }
}

export function chainOf(chain: NetBufferList): NetBufferList[] {
  const nbls: NetBufferList[] = [];
  for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) nbls.push(nbl);
  return nbls;
}

export function chained(nbls: readonly NetBufferList[]): NetBufferList {
  nbls.forEach((nbl, i) => {
    nbl.next = nbls[i + 1] ?? null;
  });
  return nbls[0];
}

export interface Records {
  readonly frames: SeenFrame[];
  readonly indications: Indication[];
  readonly completions: Completion[];
  readonly acts: ((path: TestPath) => void)[];
  /** True if the protocol keeps what comes in on this queue. */
  holds(queueId: number): boolean;
}
