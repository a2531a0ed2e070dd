/**
 * What one does with chains of NET_BUFFER_LISTs. A chain is its first NBL, linked by `next` to the last, whose `next` is
 * null. Nothing here allocates; the loops of a data path that look at each NBL anyway may walk a chain themselves, all
 * others use these.
 *
 * A verb that ends in `At` is told the tail and takes one step; the others walk to it.
 */
import { type NetBufferList, queueIdOf } from './net-buffer-list.ts';

/** How many NBLs there are from `head` on. */
export function countNetBufferLists(head: NetBufferList | null): number {
  let count = 0;
  for (let nbl = head; nbl !== null; nbl = nbl.next) count++;
  return count;
}

/** How many NET_BUFFERs, that is frames, the NBLs from `head` on hold. */
export function countNetBuffers(head: NetBufferList | null): number {
  let count = 0;
  for (let nbl = head; nbl !== null; nbl = nbl.next)
    for (
      let buffer = nbl.firstNetBuffer as NetBufferList['firstNetBuffer'] | null;
      buffer !== null;
      buffer = buffer.next
    )
      count++;
  return count;
}

/** The last NBL of the chain. */
export function lastNetBufferList(head: NetBufferList): NetBufferList {
  let last = head;
  while (last.next !== null) last = last.next;
  return last;
}

/**
 * Puts `chain` behind `last`, the last NBL of another chain.
 *
 *   … ─ last     chain ─ …      ->      … ─ last ─ chain ─ …
 */
export function appendAt(last: NetBufferList, chain: NetBufferList | null): void {
  last.next = chain;
}

/**
 * Puts `chain` behind the chain of `head`; returns the first NBL of both.
 *
 *   head ─ … ─ x     chain ─ …      ->      head ─ … ─ x ─ chain ─ …
 */
export function append(head: NetBufferList | null, chain: NetBufferList | null): NetBufferList | null {
  if (head === null) return chain;
  appendAt(lastNetBufferList(head), chain);
  return head;
}

/**
 * Cuts a chain behind `last`; returns what stood behind it.
 *
 *   head ─ … ─ last ─ rest ─ …      ->      head ─ … ─ last     rest ─ …
 */
export function cutBehind(last: NetBufferList): NetBufferList | null {
  const rest = last.next;
  last.next = null;
  return rest;
}

/**
 * The last of the leading NBLs that have the first one's queue (RX-08: a single-queue chain goes on to the end).
 *
 *   q5 ─ q5 ─ q5 ─ q2 ─ q5
 *              ^ returned
 */
export function lastOfQueue(head: NetBufferList): NetBufferList {
  const queueId = queueIdOf(head);
  let last = head;
  while (last.next !== null && queueIdOf(last.next) === queueId) last = last.next;
  return last;
}

/**
 * Cuts `head` into chains of one queue each, in the order in which the queues are met, and hands over each. The NBLs of a
 * queue keep their order.
 *
 *   q5 ─ q2 ─ q5 ─ q2      ->      take(q5 ─ q5, 2)   take(q2 ─ q2, 2)
 */
export function splitByQueue(head: NetBufferList, take: (chain: NetBufferList, count: number) => void): void {
  let rest: NetBufferList | null = head;
  while (rest !== null) {
    const first: NetBufferList = rest;
    const queueId = queueIdOf(first);
    let last = first;
    let count = 0;
    let others: NetBufferList | null = null;
    let lastOther: NetBufferList | null = null;
    for (let nbl: NetBufferList | null = first; nbl !== null; nbl = nbl.next) {
      if (queueIdOf(nbl) === queueId) {
        if (nbl !== first) appendAt(last, nbl);
        last = nbl;
        count++;
      } else {
        if (lastOther === null) others = nbl;
        else appendAt(lastOther, nbl);
        lastOther = nbl;
      }
    }
    last.next = null;
    if (lastOther !== null) lastOther.next = null;
    rest = others;
    take(first, count);
  }
}

/** Gives all NBLs of a chain the NDIS_STATUS with which their sends are completed. */
export function setStatus(head: NetBufferList | null, status: number): void {
  for (let nbl = head; nbl !== null; nbl = nbl.next) nbl.status = status;
}
