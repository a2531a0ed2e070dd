/**
 * NDIS on one processor: routes one adapter's chains between its miniport, its filter modules and its protocol.
 *
 *   protocols                 one: all goes to it; several: receivers.ts says who wants a frame
 *      ^ │        gate up: a binding is Running, else the chain goes straight back (counted)
 *      │ v        gate down: the adapter is Running, else sends complete NDIS_STATUS_PAUSED
 *   filter n … filter 1
 *      ^ │        gate to the filters: they are Running, else the chain goes straight back (counted)
 *      ^ │        accounting: NBLs indicated and returned, sent and completed
 *      │ v
 *   miniport
 *
 * Everything happens per chain. The gates and the accounts are words shared with the control path, and most of them plain
 * loads and stores: a gate is in force from the next publication on, and the control path asks for the account behind
 * one, when this processor has taken its next turn. Only what comes back later than within its indication is stored
 * atomically, for the control path waits for that, and then owns what the NBLs were about.
 */
import { NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_RECEIVE_FLAGS_SINGLE_QUEUE, NDIS_STATUS_PAUSED } from '@vmq/abi';
import {
  countNetBufferLists,
  cutBehind,
  type FilterDataPath,
  type NetBufferList,
  type ReceiveSink,
  type SendSink,
  setStatus,
} from '@vmq/ddi';
import type { AgentContext } from '@vmq/machine';
import {
  COMPLETED,
  DataPathWords,
  INDICATED,
  MISPLACED,
  MISPLACED_QUEUE,
  QUEUE_BITS,
  RETURNED,
  SENT,
} from './data-path-words.ts';
import { Distribution } from './distribution.ts';
import type { Receivers } from './receivers.ts';

const SEND_GATE = 0;
const RECEIVE_GATE = 1;
const FILTER_GATE = 2;

const DROPPED_NOT_RUNNING = 'dropped.ndis.not-running';
const DROPPED_NOT_WANTED = 'dropped.ndis.not-wanted';

/**
 * Why NDIS itself ends a frame: nobody above was running when it was indicated; several bindings share the adapter, and it
 * is for none of them.
 */
export const NDIS_DROP_REASONS: readonly string[] = [DROPPED_NOT_RUNNING, DROPPED_NOT_WANTED];

/** What crosses to a processor to make an adapter's data path there. */
export interface NdisDataPathImage {
  readonly adapterName: string;
  readonly words: SharedArrayBuffer;
}

export interface NdisDataPath {
  /** What the miniport calls: indications and send completions. */
  readonly miniportUpcalls: ReceiveSink;
  /** What the protocol of a binding calls: sends and returns. */
  protocolLink(number: number): SendSink;
  /** What filter module `index` calls: its neighbours, in both directions. 0 is next to the miniport. */
  filterLinks(index: number): { readonly up: ReceiveSink; readonly down: SendSink };
  /** Joins the layers; `protocols` in the order of their bindings. Call between batches only. */
  attach(
    miniport: SendSink,
    filters: readonly FilterDataPath[],
    protocols: readonly AttachedProtocol[],
  ): void;
  /** Who is to get what from now on. Call between batches only. */
  aim(receivers: Receivers): void;
}

/** The data path of a binding's protocol. */
export interface AttachedProtocol {
  readonly number: number;
  readonly path: ReceiveSink;
}

/** Hands chains on to whoever is next; re-aimed by `attach`. */
class UpLink implements ReceiveSink {
  target: ReceiveSink;

  constructor(target: ReceiveSink) {
    this.target = target;
  }

  receiveNetBufferLists(chain: NetBufferList, portNumber: number, count: number, flags: number): void {
    this.target.receiveNetBufferLists(chain, portNumber, count, flags);
  }

  sendNetBufferListsComplete(chain: NetBufferList, flags: number): void {
    this.target.sendNetBufferListsComplete(chain, flags);
  }
}

class DownLink implements SendSink {
  target: SendSink;

  constructor(target: SendSink) {
    this.target = target;
  }

  sendNetBufferLists(chain: NetBufferList, portNumber: number, flags: number): void {
    this.target.sendNetBufferLists(chain, portNumber, flags);
  }

  returnNetBufferLists(chain: NetBufferList, flags: number): void {
    this.target.returnNetBufferLists(chain, flags);
  }
}

class DataPathRouter implements NdisDataPath {
  readonly miniportUpcalls: ReceiveSink;
  readonly #words: Int32Array;
  readonly #line: number;
  readonly #counters: Float64Array;
  readonly #reach: (mark: string) => void;
  readonly #column: number;
  readonly #ups: UpLink[] = [];
  readonly #downs: DownLink[] = [];
  #miniport: SendSink | null = null;
  #protocols: readonly AttachedProtocol[] = [];
  /** Whom everything is for; null with several, or none. */
  #protocol: ReceiveSink | null = null;
  #receivers: Receivers | null = null;
  /** By place in the receivers. */
  #sinks: readonly (ReceiveSink | null)[] = [];
  readonly #distribution: Distribution;
  readonly #notWanted: number;
  #filtered = false;
  /** A chain is on its way up. */
  #isIndicating = false;
  /** The chain on its way up is the miniport's again when the call returns. */
  #isBorrowed = false;
  /** Above the accounting: the lowest filter, or the gate to the protocol. */
  #above: ReceiveSink;
  /** Below the send gate: the highest filter, or the accounting towards the miniport. */
  #below: SendSink;
  readonly #top: ReceiveSink;
  readonly #bottom: SendSink;

  constructor(context: AgentContext, processor: number, image: NdisDataPathImage) {
    const words = new DataPathWords(image.words);
    this.#words = words.words;
    this.#line = words.line(processor);
    this.#counters = context.counters;
    this.#reach = context.machine.reach;
    this.#column = context.machine.ledger.column(DROPPED_NOT_RUNNING);
    this.miniportUpcalls = {
      receiveNetBufferLists: (chain, port, count, flags) => this.#indicate(chain, port, count, flags),
      sendNetBufferListsComplete: (chain, flags) => this.#complete(chain, flags),
    };
    this.#notWanted = context.machine.ledger.column(DROPPED_NOT_WANTED);
    this.#distribution = new Distribution({
      notRunning: (chain, count) => this.#end(this.#column, chain, count),
      notWanted: (chain, count) => this.#end(this.#notWanted, chain, count),
    });
    this.#top = {
      receiveNetBufferLists: (chain, port, count, flags) => this.#deliver(chain, port, count, flags),
      sendNetBufferListsComplete: (chain, flags) => this.#completeUp(chain, flags),
    };
    this.#bottom = {
      sendNetBufferLists: (chain, port, flags) => this.#sendDown(chain, port, flags),
      returnNetBufferLists: (chain, flags) => this.#returnDown(chain, flags),
    };
    this.#above = this.#top;
    this.#below = this.#bottom;
  }

  filterLinks(index: number): { readonly up: ReceiveSink; readonly down: SendSink } {
    while (this.#ups.length <= index) {
      this.#ups.push(new UpLink(this.#top));
      this.#downs.push(new DownLink(this.#bottom));
    }
    return { up: this.#ups[index], down: this.#downs[index] };
  }

  protocolLink(number: number): SendSink {
    return {
      sendNetBufferLists: (chain, port, flags) => this.#send(number, chain, port, flags),
      returnNetBufferLists: (chain, flags) => this.#below.returnNetBufferLists(chain, flags),
    };
  }

  aim(receivers: Receivers): void {
    this.#receivers = receivers;
    this.#aim();
  }

  #aim(): void {
    const receivers = this.#receivers;
    const pathOf = (number: number): ReceiveSink | null =>
      this.#protocols.find((protocol) => protocol.number === number)?.path ?? null;
    const isShared = receivers !== null && receivers.sole === 0 && receivers.numbers.length > 0;
    this.#sinks = isShared ? receivers.numbers.map(pathOf) : [];
    const sole = receivers === null || receivers.sole === 0 ? null : pathOf(receivers.sole);
    this.#protocol = isShared ? null : (sole ?? this.#protocols[0]?.path ?? null);
  }

  attach(
    miniport: SendSink,
    filters: readonly FilterDataPath[],
    protocols: readonly AttachedProtocol[],
  ): void {
    this.#miniport = miniport;
    this.#protocols = [...protocols];
    this.#aim();
    this.#filtered = filters.length > 0;
    filters.forEach((_, index) => {
      this.filterLinks(index);
      this.#ups[index].target = filters[index + 1] ?? this.#top;
      this.#downs[index].target = filters[index - 1] ?? this.#bottom;
    });
    this.#above = filters[0] ?? this.#top;
    this.#below = filters.at(-1) ?? this.#bottom;
  }

  /** From the miniport: into the account, then up. */
  #indicate(chain: NetBufferList, port: number, count: number, flags: number): void {
    // With RESOURCES the miniport owns the chain again when this returns; nothing will come back (RX-14).
    if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0) {
      const words = this.#words;
      const at = this.#line + INDICATED;
      words[at] = (words[at] + count) | 0;
    }
    if ((flags & NDIS_RECEIVE_FLAGS_SINGLE_QUEUE) === 0) this.#lookAtEach(chain);
    else if (!this.#runs(chain)) this.#misplace(chain, count);
    this.#isIndicating = true;
    if (this.#filtered && this.#words[FILTER_GATE] === 0) this.#refuse(chain, count, flags);
    else this.#above.receiveNetBufferLists(chain, port, count, flags);
    this.#isIndicating = false;
  }

  /** Whether frames may be indicated on the NBL's queue (QUE-38). */
  #runs(nbl: NetBufferList): boolean {
    const queue = nbl.filteringInfo >>> 16;
    return ((this.#words[QUEUE_BITS + (queue >>> 5)] >>> (queue & 31)) & 1) !== 0;
  }

  #lookAtEach(chain: NetBufferList): void {
    for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next)
      if (!this.#runs(nbl)) this.#misplace(nbl, 1);
  }

  /** Remembered for the control path, which writes it down. The frames go up all the same: no page stops them. */
  #misplace(nbl: NetBufferList, count: number): void {
    const words = this.#words;
    const at = this.#line + MISPLACED;
    words[this.#line + MISPLACED_QUEUE] = nbl.filteringInfo >>> 16;
    Atomics.store(words, at, (words[at] + count) | 0);
  }

  /** Filter modules are not running: past them, back to the miniport. */
  #refuse(chain: NetBufferList, count: number, flags: number): void {
    this.#reach('ndis.chain-before-paused-filters');
    this.#counters[this.#column] = this.#counters[this.#column] + count;
    if ((flags & NDIS_RECEIVE_FLAGS_RESOURCES) === 0) this.#returnDown(chain, 0);
  }

  /** To the protocol, if it is there and running. */
  #deliver(chain: NetBufferList, port: number, count: number, flags: number): void {
    const protocol = this.#protocol;
    if (protocol !== null && this.#words[RECEIVE_GATE] !== 0) {
      protocol.receiveNetBufferLists(chain, port, count, flags);
      return;
    }
    if (this.#sinks.length > 0 && this.#words[RECEIVE_GATE] !== 0) {
      this.#isBorrowed = (flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0;
      this.#distribution.deliver(chain, this.#receivers as Receivers, this.#sinks, port, flags);
      return;
    }
    this.#isBorrowed = (flags & NDIS_RECEIVE_FLAGS_RESOURCES) !== 0;
    this.#end(this.#column, chain, count);
  }

  /** Frames that nobody above gets. */
  #end(column: number, chain: NetBufferList, count: number): void {
    this.#counters[column] = this.#counters[column] + count;
    if (!this.#isBorrowed) this.#below.returnNetBufferLists(chain, 0);
  }

  #send(number: number, chain: NetBufferList, port: number, flags: number): void {
    if (this.#words[SEND_GATE] !== 0) {
      // With several protocols each is to get its own back.
      if (this.#protocols.length > 1)
        for (let nbl: NetBufferList | null = chain; nbl !== null; nbl = nbl.next) nbl.sourceHandle = number;
      this.#below.sendNetBufferLists(chain, port, flags);
      return;
    }
    this.#reach('ndis.send-while-not-running');
    setStatus(chain, NDIS_STATUS_PAUSED);
    this.#pathOf(number)?.sendNetBufferListsComplete(chain, 0);
  }

  /** Of NBLs sent while there was one protocol, that one is the first still. */
  #pathOf(number: number): ReceiveSink | null {
    const protocols = this.#protocols;
    for (let i = 0; i < protocols.length; i++)
      if (protocols[i]?.number === number) return protocols[i]?.path ?? null;
    return protocols[0]?.path ?? null;
  }

  #completeUp(chain: NetBufferList, flags: number): void {
    if (this.#protocols.length <= 1) {
      this.#protocols[0]?.path.sendNetBufferListsComplete(chain, flags);
      return;
    }
    for (let head: NetBufferList | null = chain; head !== null; ) {
      let last: NetBufferList = head;
      while (last.next !== null && last.next.sourceHandle === head.sourceHandle) last = last.next;
      const rest = cutBehind(last);
      this.#pathOf(head.sourceHandle)?.sendNetBufferListsComplete(head, flags);
      head = rest;
    }
  }

  #sendDown(chain: NetBufferList, port: number, flags: number): void {
    const words = this.#words;
    const at = this.#line + SENT;
    words[at] = (words[at] + countNetBufferLists(chain)) | 0;
    this.#miniport?.sendNetBufferLists(chain, port, flags);
  }

  #complete(chain: NetBufferList, flags: number): void {
    const words = this.#words;
    const at = this.#line + COMPLETED;
    Atomics.store(words, at, (words[at] + countNetBufferLists(chain)) | 0);
    this.#above.sendNetBufferListsComplete(chain, flags);
  }

  #returnDown(chain: NetBufferList, flags: number): void {
    const words = this.#words;
    const at = this.#line + RETURNED;
    // Counted before the miniport reuses the NBLs; it is the miniport's from the call on.
    const count = countNetBufferLists(chain);
    this.#miniport?.returnNetBufferLists(chain, flags);
    const returned = (words[at] + count) | 0;
    if (this.#isIndicating) words[at] = returned;
    else Atomics.store(words, at, returned);
  }
}

/** The data path of `image`'s adapter on `processor`. The agent's ledger must know {@link NDIS_DROP_REASONS}. */
export function createNdisDataPath(
  context: AgentContext,
  processor: number,
  image: NdisDataPathImage,
): NdisDataPath {
  return new DataPathRouter(context, processor, image);
}
