// Mistakes about frames and what carries them: pages, NBLs, the ledger, order, delivery, sections.
import type { Break } from './break.ts';

export const FRAME_BREAKS: readonly Break[] = [
  // --- pages and DMA --------------------------------------------------------------------------------------------
  {
    name: 'rights-are-left-behind',
    breaks: 'DMA only where granted',
    file: `packages/ndis/src/memory/shared-memory-broker.ts`,
    find: 'for (const element of found.elements) this.#setRights(element, 0);',
    put: '',
    caughtBy: ['DMA only where granted', 'the host lives', 'books agree'],
  },
  {
    name: 'rights-to-do-more-than-is-needed',
    breaks: 'DMA only where granted',
    file: `packages/ndis/src/memory/shared-memory-broker.ts`,
    find: 'return DMA_WRITE;',
    put: 'return DMA_READ | DMA_WRITE;',
    caughtBy: ['DMA only where granted'],
  },
  {
    name: 'a-page-for-two',
    breaks: 'one owner of each page',
    file: `packages/shared-memory/src/page-table.ts`,
    find: 'if (run.first === this.#lowestFree) this.#lowestFree = run.first + run.count;',
    put: 'if (run.first === this.#lowestFree) this.#lowestFree = run.first + run.count;\n    this.#holder[run.first + run.count - 1] = 0;',
    caughtBy: [
      'one owner of each page',
      'frames unchanged',
      'the host lives',
      'no bytes of others',
      'DMA only where granted',
    ],
  },
  {
    name: 'the-device-asks-nobody',
    breaks: 'SEC-01, DMA only where granted',
    faults: ['descriptor-corrupted'],
    file: `packages/nic/src/receive/placement.ts`,
    find: '& DMA_WRITE) === 0)\n      return ~DROP_DMA_FAULT;',
    put: '& DMA_WRITE) === 4)\n      return ~DROP_DMA_FAULT;',
    also: [
      {
        file: `packages/nic/src/receive/placement.ts`,
        find: 'if (!state.permits(segment, target, first, DMA_WRITE)) return ~DROP_DMA_FAULT;',
        put: '',
      },
    ],
    caughtBy: [
      'DMA only where granted',
      'no bytes of others',
      'frames unchanged',
      'the host lives',
      'frames arrive',
    ],
  },
  {
    name: 'memory-is-given-back-while-the-device-writes',
    breaks: 'DMA only where granted',
    file: `packages/shared-memory/src/manager.ts`,
    find: 'for (const domain of found.grants.keys()) setRights(domain, found, 0);',
    put: '',
    also: [
      {
        file: `packages/ndis/src/memory/shared-memory-broker.ts`,
        find: 'for (const element of found.elements) this.#setRights(element, 0);',
        put: 'if (found.elements.length > 1) for (const element of found.elements) this.#setRights(element, 0);',
      },
    ],
    caughtBy: ['DMA only where granted', 'the host lives', 'books agree'],
  },
  // --- NBLs -----------------------------------------------------------------------------------------------------
  {
    name: 'an-nbl-comes-back-twice',
    breaks: 'one owner of each NBL',
    file: `packages/vswitch/src/datapath/data-path.ts`,
    find: 'if (!isOurs || this.#backFirst === null) return;',
    put: 'if (!isOurs || this.#backFirst === null) return;\n    if (_count === 3) this.#downcalls.returnNetBufferLists(chain, 0);',
    caughtBy: ['one owner of each NBL', 'the host lives'],
  },
  {
    name: 'a-chain-is-forgotten',
    breaks: 'one owner of each NBL',
    file: `packages/vswitch/src/datapath/data-path.ts`,
    find: 'if (!isOurs || this.#backFirst === null) return;',
    put: 'if (!isOurs || this.#backFirst === null || _count === 5) return;',
    caughtBy: ['one owner of each NBL', 'the host lives', 'nothing leaks'],
  },
  {
    name: 'a-send-is-never-completed',
    breaks: 'one owner of each NBL',
    file: `packages/miniport/src/datapath/transmit.ts`,
    find: 'if (nbl === null) continue;',
    put: 'if (nbl === null || at % 64 === 63) continue;',
    caughtBy: ['one owner of each NBL', 'the host lives', 'nothing leaks'],
  },
  {
    name: 'returns-are-not-counted',
    breaks: 'one owner of each NBL',
    file: `packages/ndis/src/datapath/data-path-router.ts`,
    find: 'const returned = (words[at] + count) | 0;',
    put: 'const returned = (words[at] + Math.min(count, 4)) | 0;',
    caughtBy: ['one owner of each NBL'],
  },
  // --- ledger ---------------------------------------------------------------------------------------------------
  {
    name: 'a-drop-is-not-counted',
    breaks: 'ledger closes',
    file: `packages/vswitch/src/datapath/dispositions.ts`,
    find: 'ledger.dropped(reason, 1);',
    put: 'if (reason !== 5) ledger.dropped(reason, 1);',
    caughtBy: ['ledger closes', 'one owner of each NBL', 'the host lives'],
  },
  {
    name: 'a-copy-counts-as-an-end',
    breaks: 'ledger closes',
    file: `packages/vswitch/src/datapath/dispositions.ts`,
    find: 'ledger.delivered(delivered);',
    put: 'ledger.delivered(deliveries);',
    caughtBy: ['ledger closes'],
  },
  {
    name: 'what-the-wire-brought-is-counted-twice',
    breaks: 'ledger closes',
    file: `packages/nic/src/receive/receive-unit.ts`,
    find: 'context.counters[this.#receivedColumn] += taken - this.#loop.passed;',
    put: 'context.counters[this.#receivedColumn] += taken - this.#loop.passed + (taken >> 2);',
    caughtBy: ['ledger closes'],
  },
  // --- order ----------------------------------------------------------------------------------------------------
  {
    name: 'a-chain-back-to-front',
    breaks: 'order of each queue',
    file: `packages/vswitch/src/datapath/data-path.ts`,
    find: 'const singleVmQueue = (flags',
    put: `let turned: NetBufferList | null = null;
    for (let one: NetBufferList | null = chain; one !== null; ) {
      const after: NetBufferList | null = one.next;
      one.next = turned;
      turned = one;
      one = after;
    }
    chain = turned as NetBufferList;
    const singleVmQueue = (flags`,
    caughtBy: ['order of each queue'],
  },
  {
    name: 'a-completion-keeps-its-last-lap',
    breaks: 'frames unchanged',
    file: `packages/miniport/src/datapath/receive-buffers.ts`,
    find: 'host[completions + slot * COMPLETION_WORDS] = 0;',
    put: '',
    faults: ['completion-corrupted'],
    caughtBy: [
      'frames unchanged',
      'order of each queue',
      'ledger closes',
      'books agree',
      'frames arrive',
      'no bytes of others',
    ],
  },
  {
    name: 'handles-outgrow-the-holder-of-a-page',
    breaks: 'one owner of each page',
    file: `packages/shared-memory/src/page-table.ts`,
    find: 'new Float64Array(this.pages)',
    put: 'new Int32Array(this.pages)',
    caughtBy: ['DMA only where granted', 'one owner of each page'],
  },
  {
    name: 'two-frames-have-one-stamp',
    breaks: 'books agree',
    file: `packages/nic/src/receive/receive-loop.ts`,
    find: 'host[completion + 3] = stamp + i;',
    put: 'host[completion + 3] = (stamp + i) & ~1;',
    caughtBy: ['books agree', 'order of each queue', 'frames arrive'],
  },
  {
    name: 'a-section-is-sent-twice',
    breaks: 'order of each queue',
    file: `packages/netvsc/src/host/host-outbound.ts`,
    find: 'guest[at + 1] = place;',
    put: 'guest[at + 1] = entry === 1 << ENTRY_SHIFT ? Math.imul(entries[ENTRY_SECTION], size) : place;',
    caughtBy: ['order of each queue', 'frames unchanged', 'no bytes of others'],
  },
  // --- what is delivered ----------------------------------------------------------------------------------------
  {
    name: 'tagged-frames-lose-their-end',
    breaks: 'frames unchanged',
    file: `packages/nic/src/receive/placement.ts`,
    find: 'target + LEAST_ALIGNED, bytes - LEAST_ALIGNED);',
    put: 'target + LEAST_ALIGNED, bytes - LEAST_ALIGNED - (body - f));',
    caughtBy: ['frames unchanged', 'no bytes of others'],
  },
  {
    name: 'the-wrong-buffer-is-described',
    breaks: 'frames unchanged',
    file: `packages/miniport/src/datapath/receive.ts`,
    find: 'mdl.byteOffset = offsets[buffer];',
    put: 'mdl.byteOffset = offsets[buffer === 3 ? 4 : buffer];',
    caughtBy: [
      'frames unchanged',
      'order of each queue',
      'no bytes of others',
      'frames arrive',
      'ledger closes',
    ],
  },
  {
    name: 'a-frame-waits-for-ever',
    breaks: 'frames arrive',
    file: `packages/miniport/src/datapath/receive.ts`,
    find: 'this.#registers.write32(this.#arm, 1);',
    put: 'if ((this.#ring.consumed & 7) !== 7) this.#registers.write32(this.#arm, 1);',
    caughtBy: ['frames arrive', 'ledger closes'],
  },
  {
    name: 'a-wake-up-is-lost',
    breaks: 'frames arrive',
    file: `packages/netvsc/src/host/host-outbound.ts`,
    find: 'if (sent !== 0) this.signalGuest();',
    put: 'if (sent > 1) this.signalGuest();',
    caughtBy: ['frames arrive', 'one owner of each section'],
  },
  // --- sections -------------------------------------------------------------------------------------------------
  {
    name: 'unused-sections-are-lost',
    breaks: 'one owner of each section',
    file: `packages/netvsc/src/host/host-batch.ts`,
    find: 'words[state.free + free++] = sections[i];',
    put: 'if (sections[i] !== 2) words[state.free + free++] = sections[i];',
    caughtBy: ['one owner of each section', 'frames arrive'],
  },
  {
    name: 'a-loan-keeps-its-first-section',
    breaks: 'one owner of each section',
    file: `packages/netvsc/src/state/section-loan.ts`,
    find: 'section >= first; section--) {',
    put: 'section > first; section--) {',
    caughtBy: ['one owner of each section', 'frames arrive', 'the host lives'],
  },
];
