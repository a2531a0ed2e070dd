/**
 * Watches NBLs where they pass between a host's miniport and NDIS: who has each, in which order frames come up.
 *
 *             NDIS and above
 *   indicate ^      | return            an NBL is held above from its indication to its return,
 *            │      v                   and below from its sending to its completion; never twice, never both
 *   complete ^      | send
 *             miniport
 */
import { NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_RECEIVE_FLAGS_SINGLE_QUEUE } from '@vmq/abi';
import type { Mdl, MiniportDataPathFactory, NetBufferList, ReceiveSink, SendSink } from '@vmq/ddi';
import type { ExtraDataPaths } from '@vmq/host';
import { HOST_SEGMENT } from '@vmq/machine';
import { createVmqMiniportDataPath, VMQ_MINIPORT_DATA_PATH } from '@vmq/miniport';
import { isNewerStamp, VERDICT_RULE_SHIFT } from '@vmq/nic';
import { isMark, MARK_AT, SEQUENCE_AT, tagBytes, WHOLE_HEADER } from './frame-marks.ts';
import { fail } from './simulation-failure.ts';

/** Of a NET_BUFFER_LIST's receiveVerdict: the receive queue, and the rule, 0 = the filter slot. */
const VERDICT_QUEUE_MASK = 0xff;
const VERDICT_RULE_MASK = 0xff;
/** Queue ids are 16 bits wide. */
const QUEUE_BITS = 16;
/** Bytes that a switch judges a frame by. */
const ETHERNET_HEADER = 14;

/** When and on which queue frames came up from a host's NIC: by their sequence numbers. */
export class Arrivals {
  /** Id of the queue, -1 before it came up. */
  readonly queue: Int32Array;
  /** Running number of the indication. */
  readonly order: Int32Array;

  /** Room for `frames` frames. */
  constructor(frames: number) {
    this.queue = new Int32Array(frames).fill(-1);
    this.order = new Int32Array(frames);
  }
}

/** Who else has to do with chains on their way. */
export interface ChainTap {
  /** It goes up to NDIS. */
  goesUp(chain: NetBufferList): void;
  /** It comes back to the miniport. */
  comesBack(chain: NetBufferList): void;
}

export class NblWatch {
  readonly arrivals: Arrivals;
  /** NBLs that are above the miniport, and those that it has for sending. */
  readonly #above: Set<NetBufferList> = new Set();
  readonly #below: Set<NetBufferList> = new Set();
  /** The newest receive stamp of each queue; 0 where the order begins anew. */
  readonly #stamps: Map<number, number> = new Map();
  #indications = 0;
  /** The device may be reset at any time, and count anew. */
  isUnordered = false;
  /** NBLs that were ever indicated and sent. */
  indicated = 0;
  sent = 0;

  readonly #tap: ChainTap | null;

  /** `frames`: most frames that a world has. */
  constructor(frames: number, tap: ChainTap | null = null) {
    this.arrivals = new Arrivals(frames);
    this.#tap = tap;
  }

  /** Calls `visit` with the memory that each MDL of what was indicated and not returned describes. */
  eachIndicated(visit: (segment: number, offset: number, length: number) => void): void {
    for (const { firstNetBuffer } of this.#above) {
      for (let mdl: Mdl | null = firstNetBuffer.mdl; mdl !== null; mdl = mdl.next)
        visit(mdl.segment.id, mdl.byteOffset, mdl.byteCount);
    }
  }

  /** Indicated and not returned; sent and not completed. */
  get receives(): number {
    return this.#above.size;
  }

  get sends(): number {
    return this.#below.size;
  }

  /** The device counts its stamps from 1 again. */
  restartOrder(): void {
    this.#stamps.clear();
  }

  /** The host's data paths, with the watch in between. */
  dataPaths(): ExtraDataPaths {
    const factory: MiniportDataPathFactory = (context, processor, image, upcalls) => {
      const inner = createVmqMiniportDataPath(context, processor, image, this.#upper(upcalls));
      const { sendNetBufferLists, returnNetBufferLists } = this.#lower(inner);
      return {
        sendNetBufferLists,
        returnNetBufferLists,
        refresh: () => inner.refresh(),
        receiveMessage: (message) => inner.receiveMessage(message),
      };
    };
    return { miniports: { [VMQ_MINIPORT_DATA_PATH]: factory } };
  }

  #upper(ndis: ReceiveSink): ReceiveSink {
    return {
      receiveNetBufferLists: (chain, port, count, flags) => {
        this.#indicate(chain, count, flags);
        this.#tap?.goesUp(chain);
        ndis.receiveNetBufferLists(chain, port, count, flags);
        if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0) this.#giveBack(chain);
      },
      sendNetBufferListsComplete: (chain, flags) => {
        for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
          if (!this.#below.delete(nbl))
            fail('one owner of each NBL', 'a send was completed that was not under way');
        }
        ndis.sendNetBufferListsComplete(chain, flags);
      },
    };
  }

  #lower(miniport: SendSink): SendSink {
    return {
      sendNetBufferLists: (chain, port, flags) => {
        for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
          if (this.#below.has(nbl) || this.#above.has(nbl))
            fail('one owner of each NBL', 'an NBL was sent that was under way already');
          this.#below.add(nbl);
          this.sent++;
        }
        miniport.sendNetBufferLists(chain, port, flags);
      },
      returnNetBufferLists: (chain, flags) => {
        this.#giveBack(chain);
        miniport.returnNetBufferLists(chain, flags);
      },
    };
  }

  #giveBack(chain: NetBufferList): void {
    this.#tap?.comesBack(chain);
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      if (!this.#above.delete(nbl))
        fail('one owner of each NBL', 'an NBL was returned that was not indicated');
    }
  }

  #indicate(chain: NetBufferList, count: number, flags: number): void {
    const queue = chain.filteringInfo >>> QUEUE_BITS;
    let length = 0;
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) {
      length++;
      if (this.#above.has(nbl) || this.#below.has(nbl))
        fail('one owner of each NBL', 'an NBL was indicated that was not returned');
      this.#above.add(nbl);
      this.#inOrder(nbl);
      if ((flags & NDIS_RECEIVE_FLAGS_SINGLE_QUEUE) !== 0 && nbl.filteringInfo >>> QUEUE_BITS !== queue)
        fail('one owner of each NBL', 'an indication of one queue has NBLs of another');
    }
    if (length !== count) fail('one owner of each NBL', `an indication of ${count} NBLs has ${length}`);
    this.indicated += length;
  }

  /** The frame comes up as the NIC's verdict says: of the queue it names, by a filter slot or by a rule for addresses. */
  #asJudged({ receiveVerdict, filterSlot, stamp }: NetBufferList, queue: number): void {
    if (this.isUnordered) return; // completions may be damaged
    const judged = receiveVerdict & VERDICT_QUEUE_MASK;
    const rule = (receiveVerdict >>> VERDICT_RULE_SHIFT) & VERDICT_RULE_MASK;
    if (judged !== queue)
      fail('books agree', `frame ${stamp} comes up of queue ${queue}, the NIC gave it to queue ${judged}`);
    if ((rule === 0) !== filterSlot >= 0)
      fail('books agree', `frame ${stamp} was taken by rule ${rule} and by filter slot ${filterSlot}`);
  }

  #inOrder(nbl: NetBufferList): void {
    const queue = nbl.filteringInfo >>> QUEUE_BITS;
    const last = this.#stamps.get(queue) ?? 0;
    if (last !== 0 && !this.isUnordered && !isNewerStamp(nbl.stamp, last))
      fail('order of each queue', `queue ${queue} indicates frame ${nbl.stamp} of the port after ${last}`);
    this.#stamps.set(queue, nbl.stamp);
    this.#asJudged(nbl, queue);
    const { mdl, dataOffset, dataLength } = nbl.firstNetBuffer;
    // SEC-05: the headers of whatever goes up lie in host memory.
    const inFirst = mdl.byteCount - dataOffset;
    if (mdl.segment.id !== HOST_SEGMENT || (inFirst < ETHERNET_HEADER && inFirst < dataLength))
      fail(
        'decisions in host memory',
        `the header of frame ${nbl.stamp} of queue ${queue} lies in VM memory`,
      );
    const at = mdl.byteOffset + dataOffset;
    const inMdl = Math.min(dataLength, inFirst);
    const tags = tagBytes(mdl.segment.u8, at, inMdl);
    if (inMdl < WHOLE_HEADER + tags || (at & 3) !== 0) return;
    const words = mdl.segment.i32;
    if (!isMark(words[(at + tags + MARK_AT) >> 2])) return;
    const sequence = words[(at + tags + SEQUENCE_AT) >> 2];
    const arrivals = this.arrivals;
    if (sequence < 0 || sequence >= arrivals.queue.length) return;
    arrivals.queue[sequence] = queue;
    arrivals.order[sequence] = ++this.#indications;
  }
}
