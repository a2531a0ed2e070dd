/**
 * An adapter's link to its data paths: the gates and accounts they share, and messages, in an order they can bear.
 *
 * What a driver posts before its data paths are attached (inside MiniportInitializeEx, inside
 * ProtocolBindAdapterEx) is kept and follows the attachment.
 */

import type { FilterImage } from '@vmq/ddi';
import type { Executor } from '@vmq/machine';
import { DataPathWords, type OutstandingNbls } from './data-path-words.ts';
import type { DataPlane, NdisDataPlaneMessage } from './data-plane.ts';
import type { ReceiversImage } from './receivers.ts';

type Side = 'miniport' | 'filter';
interface Early {
  readonly processor: number | 'all';
  readonly message: unknown;
}

export class AdapterDataPlane {
  readonly #adapterName: string;
  readonly #plane: DataPlane;
  readonly #executor: Executor;
  readonly #words: DataPathWords;
  /** Of each processor, as last taken. */
  readonly #misplaced: number[];
  /** Messages kept for each side; null once it is attached. */
  readonly #early: Record<Side, Early[] | null> = { miniport: [], filter: [] };
  /** The same for the protocol of each binding; null once it is attached. */
  readonly #earlyOfBindings = new Map<number, Early[] | null>();

  constructor(adapterName: string, plane: DataPlane, executor: Executor, processors: number) {
    this.#adapterName = adapterName;
    this.#plane = plane;
    this.#executor = executor;
    this.#words = DataPathWords.create(processors);
    this.#misplaced = new Array<number>(processors).fill(0);
  }

  attachMiniport(factory: string, image: unknown, filters: readonly FilterImage[]): void {
    const path = { adapterName: this.#adapterName, words: this.#words.buffer };
    this.#toNdis({ op: 'attach miniport', factory, image, path, filters });
    this.#flush('miniport');
    this.#flush('filter');
  }

  /** Takes a filter module's data paths off the data path. */
  bypassFilter(number: number): void {
    this.#toNdis({ op: 'bypass filter', number });
    this.publish();
  }

  attachProtocol(number: number, factory: string, image: unknown): void {
    this.#toNdis({ op: 'attach protocol', number, factory, image });
    const early = this.#earlyOfBindings.get(number) ?? [];
    this.#earlyOfBindings.set(number, null);
    for (const { processor, message } of early) this.postToProtocol(number, processor, message);
    this.publish();
  }

  detachProtocol(number: number): void {
    if (this.#earlyOfBindings.get(number) === null) this.#toNdis({ op: 'detach protocol', number });
    this.#earlyOfBindings.delete(number);
  }

  /** Who is to get which frames from the next publication on. */
  aimReceivers(receivers: ReceiversImage): void {
    this.#toNdis({ op: 'receivers', receivers });
  }

  postToProtocol(number: number, processor: number | 'all', message: unknown): void {
    const early = this.#earlyOfBindings.get(number);
    if (early === null) this.#plane.post(this.#adapterName, 'protocol', processor, { number, message });
    else this.#earlyOfBindings.set(number, [...(early ?? []), { processor, message }]);
  }

  detachMiniport(): void {
    this.#toNdis({ op: 'detach miniport' });
    this.publish();
  }

  post(side: Side, processor: number | 'all', message: unknown): void {
    const early = this.#early[side];
    if (early !== null) early.push({ processor, message });
    else this.#plane.post(this.#adapterName, side, processor, message);
  }

  publish(): void {
    this.#executor.publish();
  }

  /** Lets sends down, or completes them PAUSED. Every processor sees it from the next publication on. */
  openSends(open: boolean): void {
    this.#words.setSendGate(open);
  }

  /** Lets receives up, or sends them straight back. */
  openReceives(open: boolean): void {
    this.#words.setReceiveGate(open);
  }

  /** Lets received chains into the filter modules, or past them back to the miniport. */
  openFilters(open: boolean): void {
    this.#words.setFilterGate(open);
    this.publish();
  }

  /** Whether frames may be indicated on a queue; every processor sees it from the next publication on. */
  allowQueue(queueId: number, allowed: boolean): void {
    this.#words.allowQueue(queueId, allowed);
  }

  /** NBLs indicated on queues that do not run since the last call, of each processor that did. */
  takeMisplaced(): { readonly processor: number; readonly count: number; readonly queueId: number }[] {
    return this.#misplaced.flatMap((before, processor) => {
      const { count, queueId } = this.#words.misplaced(processor);
      if (count === before) return [];
      this.#misplaced[processor] = count;
      return [{ processor, count: (count - before) >>> 0, queueId }];
    });
  }

  outstanding(): OutstandingNbls {
    return this.#words.outstanding();
  }

  #toNdis(message: NdisDataPlaneMessage): void {
    this.#plane.post(this.#adapterName, 'ndis', 'all', message);
  }

  #flush(side: Side): void {
    const early = this.#early[side] ?? [];
    this.#early[side] = null;
    for (const { processor, message } of early) this.post(side, processor, message);
    this.publish();
  }
}
