import type { NetBufferList } from './net-buffer-list.ts';

/**
 * A counted queue of NBLs, first in first out. Its NBLs are a chain at any time:
 *
 *   first ─ … ─ last ─ null        count of them; first and last null while it is empty
 */
export class NetBufferListQueue {
  first: NetBufferList | null = null;
  last: NetBufferList | null = null;
  count: number = 0;

  get isEmpty(): boolean {
    return this.first === null;
  }

  /** Puts one NBL at the end. */
  append(nbl: NetBufferList): void {
    this.appendChain(nbl, nbl, 1);
  }

  /** Puts a chain of `count` NBLs, `head` to `last`, at the end. */
  appendChain(head: NetBufferList, last: NetBufferList, count: number): void {
    if (this.last === null) this.first = head;
    else this.last.next = head;
    last.next = null;
    this.last = last;
    this.count += count;
  }

  /** Takes the first NBL, or null. */
  remove(): NetBufferList | null {
    const nbl = this.first;
    if (nbl === null) return null;
    this.first = nbl.next;
    if (this.first === null) this.last = null;
    nbl.next = null;
    this.count--;
    return nbl;
  }

  /** Takes all of them as a chain, or null. */
  removeAll(): NetBufferList | null {
    const head = this.first;
    this.first = null;
    this.last = null;
    this.count = 0;
    return head;
  }
}
