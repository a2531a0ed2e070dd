/** Memory from which the bench's protocol sends: NBLs of any shape, their MDLs at odd places. */
import { NDIS_SHARED_MEMORY_USAGE } from '@vmq/abi';
import { Mdl, NetBuffer, type NetBufferList } from '@vmq/ddi';
import { DMA_READ, HOST_SEGMENT } from '@vmq/machine';
import type { Bench } from './bench.test-support.ts';

/** An NB to send: its MDLs' bytes, bytes to skip, and how many count. */
export interface NetBufferShape {
  readonly mdls: readonly Uint8Array[];
  readonly offset?: number;
  readonly length?: number;
}

/** Memory for sends that the device may read. */
export class SendMemory {
  readonly #bench: Bench;
  #next: number;

  constructor(bench: Bench, bytes: number = 1 << 20) {
    this.#bench = bench;
    const { block } = bench.memory.allocate({
      segment: HOST_SEGMENT,
      length: bytes,
      contiguous: true,
      owner: 'test sends',
      usage: NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageOther,
    });
    if (block === null) throw new Error('no memory for sends');
    bench.memory.grant(bench.domain, block.handle, DMA_READ);
    this.#next = block.elements[0]?.offset ?? 0;
  }

  nbl(shapes: readonly NetBufferShape[], queueId = 0, ieee8021QInfo = 0): NetBufferList {
    const nbl = this.#bench.pool.take();
    if (nbl === null) throw new Error('no NBL');
    nbl.filteringInfo = queueId << 16;
    nbl.ieee8021QInfo = ieee8021QInfo;
    nbl.status = -1;
    const buffers = shapes.map((shape) => this.#netBuffer(shape));
    buffers.forEach((nb, i) => {
      nb.next = buffers[i + 1] ?? null;
    });
    nbl.firstNetBuffer = buffers[0];
    return nbl;
  }

  /** An NBL with one frame in one piece. */
  frame(bytes: Uint8Array, queueId = 0, ieee8021QInfo = 0): NetBufferList {
    return this.nbl([{ mdls: [bytes] }], queueId, ieee8021QInfo);
  }

  #netBuffer({ mdls, offset = 0, length }: NetBufferShape): NetBuffer {
    const { host } = this.#bench.machine.memory;
    const chain = mdls.map((bytes) => {
      const mdl = new Mdl(host);
      mdl.byteOffset = this.#next;
      mdl.byteCount = bytes.length;
      host.u8.set(bytes, this.#next);
      this.#next += bytes.length + 3; // odd places on purpose
      return mdl;
    });
    chain.forEach((mdl, i) => {
      mdl.next = chain[i + 1] ?? null;
    });
    const nb = new NetBuffer(chain[0] ?? new Mdl(host));
    nb.dataOffset = offset;
    nb.dataLength = length ?? mdls.reduce((sum, bytes) => sum + bytes.length, 0) - offset;
    return nb;
  }
}
