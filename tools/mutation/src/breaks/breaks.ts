// Deliberate mistakes, each in one place of the sources, and which invariants of the simulator may see them. Break says
// what each member means. Used by run-breaks.ts; a test checks that every piece still stands where it is looked for.
import type { Break } from './break.ts';

export const BREAKS: readonly Break[] = [
  // --- SEC-02, SW-17 to SW-19: who gets a frame -----------------------------------------------------------------
  {
    name: 'flood-ignores-vlan',
    breaks: 'SEC-02',
    file: `packages/vswitch/src/forwarding/forwarder.ts`,
    find: 'if (!ports.isMember(port, vlan)) return 0;',
    put: '',
    caughtBy: ['no bytes of others'],
  },
  {
    name: 'flood-without-a-check-of-the-source',
    breaks: 'SEC-02',
    file: `packages/vswitch/src/forwarding/forwarder.ts`,
    find: 'if (port === this.#batch.source || (ports.flags[port] & PORT_CONNECTED) === 0) return 0;',
    put: 'if ((ports.flags[port] & PORT_CONNECTED) === 0) return 0;',
    caughtBy: ['order of each queue', 'ledger closes', 'no bytes of others'],
  },
  {
    name: 'unknown-unicast-to-every-port',
    breaks: 'SEC-02',
    file: `packages/vswitch/src/model/port-table.ts`,
    find: '.filter((image) => image.connected && (state.floodUnknownUnicast || image.allowMacSpoofing))',
    put: '.filter((image) => image.connected)',
    also: [
      // A guest's own packet filter would keep them out once more.
      {
        file: `packages/vswitch/src/delivery/delivery.ts`,
        find: 'output.packetFilter, a, b, isOwn);',
        put: 'output.packetFilter | 0x20, a, b, isOwn);',
      },
    ],
    caughtBy: ['no bytes of others'],
  },
  {
    name: 'any-vlan-for-the-asking',
    breaks: 'SEC-02 (SW-18)',
    file: `packages/vswitch/src/model/port-table.ts`,
    find: 'return asked === 0 || asked === own ? own : -1;',
    put: 'return asked === 0 ? own : asked;',
    caughtBy: ['no bytes of others'],
  },
  {
    name: 'addresses-without-their-vlan',
    breaks: 'SEC-02 (SW-18)',
    file: `packages/vswitch/src/forwarding/forwarder.ts`,
    find: 'let port = ports.addresses.lookup(a, b);',
    put: 'let port = ports.addresses.lookup(a, b & 0xffff);',
    also: [
      {
        file: `packages/vswitch/src/model/port-table.ts`,
        find: 'this.addresses.add(a, keyB(image.macLo, image.accessVlan), image.port);',
        put: 'this.addresses.add(a, keyB(image.macLo, 0), image.port);',
      },
    ],
    caughtBy: ['no bytes of others', 'frames arrive'],
  },
  {
    name: 'any-source-address',
    breaks: 'SEC-02 (SW-17)',
    file: `packages/vswitch/src/model/port-table.ts`,
    find: 'if (this.macA[port] === a && this.macB[port] === b) return true;\n    if ((this.flags[port]',
    put: 'if (a !== -1) return true;\n    if ((this.flags[port]',
    caughtBy: ['no bytes of others'],
  },
  {
    name: 'queue-of-another-port',
    breaks: 'SEC-07 (SW-10)',
    file: `packages/vswitch/src/model/port-table.ts`,
    find: 'if (queueId !== 0 && connected) this.portOfQueue[queueId] = port;',
    put: 'if (queueId !== 0 && connected) this.portOfQueue[queueId] = ports[0]?.port ?? port;',
    caughtBy: ['no bytes of others', 'frames arrive', 'frames unchanged'],
  },
  {
    name: 'no-check-of-the-address-on-a-vm-queue',
    breaks: 'SEC-07',
    file: `packages/vswitch/src/receive/receive.ts`,
    find: 'if (queuePort >= 0 && (a !== this.#expectedA || b !== this.#expectedB)) return this.#notOwn(a, w1);',
    put: '',
    also: [
      // Filters that are set on the wrong queue are what the check is for.
      {
        file: `packages/vswitch/src/model/port-table.ts`,
        find: 'if (queueId !== 0 && connected) this.portOfQueue[queueId] = port;',
        put: 'if (queueId !== 0 && connected) this.portOfQueue[queueId] = ports.find((one) => one.queueId !== 0)?.port ?? port;',
      },
    ],
    caughtBy: ['no bytes of others', 'frames arrive'],
  },
  {
    name: 'filters-take-any-vlan',
    breaks: 'SEC-03',
    // 6.20: the device writes the rest of a frame into the VM's memory itself, and no switch stands behind its filters.
    seenAlone: [1],
    file: `packages/nic/src/filter/filter-unit.ts`,
    find: 'if (vid < 0) {\n      insert',
    put: 'if (vid < 4095) {\n      insert',
    also: [
      {
        file: `packages/vswitch/src/receive/receive.ts`,
        find: 'if (queuePort >= 0 && (a !== this.#expectedA || b !== this.#expectedB)) return this.#notOwn(a, w1);',
        put: 'if (queuePort >= 0 && (a !== this.#expectedA || ((b ^ this.#expectedB) & 0xffff) !== 0)) return this.#notOwn(a, w1);',
      },
    ],
    caughtBy: ['no bytes of others'],
  },
  {
    name: 'sent-without-a-tag',
    breaks: 'SEC-02 (SW-19)',
    file: `packages/vswitch/src/delivery/delivery.ts`,
    find: 'records[record + RECORD_TAG] & TCI_MASK,',
    put: 'records[record + RECORD_TAG] & 0xf000,',
    caughtBy: ['no bytes of others'],
  },
  // --- SEC-04, SEC-05: what of a VM's memory the adapter gets, and what for ---------------------------------------
  {
    name: 'vm-memory-behind-filters-without-a-vlan',
    breaks: 'SEC-04 (FLT-18)',
    file: `packages/vswitch/src/vmq/vm-queue-manager.ts`,
    find: "if (vlan.vlan !== 0 && !this.#capability.vlanFiltering) return 'the adapter filters no VLANs';",
    put: '',
    also: [
      {
        file: `packages/vswitch/src/vmq/queue-filters.ts`,
        find: "const any = this.#capability.anyVlan ? 'any' : null;",
        put: "const any = 'any';",
      },
      {
        file: `packages/vswitch/src/vmq/queue-filters.ts`,
        find: 'return queueId === 0 ? any : null;',
        put: 'return any;',
      },
      {
        file: `packages/ndis/src/verification/filter-rules.ts`,
        find: 'core.version === 620 && !untaggedFlag(value)',
        put: 'core.version === 0 && !untaggedFlag(value)',
      },
    ],
    caughtBy: ['VM memory behind MAC and VLAN', 'no bytes of others'],
  },
  {
    name: 'vm-memory-without-a-split',
    breaks: 'SEC-04, VM memory behind MAC and VLAN',
    file: `packages/vswitch/src/vmq/vm-queue-manager.ts`,
    find: "if (port.lookahead === 0) return 'frames of the queue are not split';",
    put: '',
    also: [
      // A switch that forgets to ask for the split, and loans whatever buffers a queue's frames go to.
      { find: 'lookaheadSize,\n    });', put: 'lookaheadSize: 0,\n    });' },
      { find: 'port.lookahead = lookaheadSize;', put: 'port.lookahead = 0;' },
      {
        file: `packages/vswitch/src/vmq/vm-memory-provider.ts`,
        find: 'if (usage !== POST_LOOKAHEAD || queueId === 0) {',
        put: 'if (usage !== NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceive || queueId === 0) {',
      },
      // NDIS refuses such memory as well.
      {
        file: `packages/ndis/src/memory/shared-memory-broker.ts`,
        find: 'hostVersion === 620 &&\n        usage === NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceivePostLookahead;',
        put: 'hostVersion === 620;',
      },
    ],
    caughtBy: ['VM memory behind MAC and VLAN', 'decisions in host memory'],
  },
  {
    name: 'headers-in-vm-memory',
    breaks: 'SEC-05',
    file: `packages/vswitch/src/vmq/vm-memory-provider.ts`,
    find: 'if (usage !== POST_LOOKAHEAD || queueId === 0) {',
    put: 'if (usage !== NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceiveLookahead || queueId === 0) {',
    also: [
      // NDIS refuses such memory as well.
      {
        file: `packages/ndis/src/memory/shared-memory-broker.ts`,
        find: 'hostVersion === 620 &&\n        usage === NDIS_SHARED_MEMORY_USAGE.NdisSharedMemoryUsageReceivePostLookahead;',
        put: 'hostVersion === 620;',
      },
    ],
    caughtBy: ['VM memory behind MAC and VLAN', 'decisions in host memory'],
  },
  {
    name: 'a-frame-is-not-split',
    breaks: 'SEC-05',
    file: `packages/nic/src/state/queue-setup.ts`,
    find: 'const control = words[at + CONTROL];\n  const wasEnabled',
    put: 'const control = words[at + CONTROL] & ~RXCTL_SPLIT;\n  const wasEnabled',
    also: [
      // The driver, too, takes the room in front of the rest for the header's place.
      {
        file: `packages/miniport/src/datapath/receive-buffers.ts`,
        find: 'mdl.byteCount = isShort ? dataLength : firstBytes;',
        put: `mdl.byteOffset = restOffset - firstBytes;
  mdl.segment = restSegment;
  mdl.byteCount = isShort ? dataLength : firstBytes;`,
      },
    ],
    caughtBy: ['decisions in host memory'],
  },
  {
    name: 'a-split-within-the-header',
    breaks: 'SEC-05',
    file: `packages/nic/src/state/queue-setup.ts`,
    find: 'rxq[q + Q_HEADER_SIZE] = header;',
    put: 'rxq[q + Q_HEADER_SIZE] = header === 0 ? 0 : 8;',
    also: [
      {
        file: `packages/miniport/src/datapath/receive-buffers.ts`,
        find: 'this.firstBytes = lookahead === null ? WHOLE : lookahead.bufferBytes;',
        put: 'this.firstBytes = lookahead === null ? WHOLE : 8;',
      },
    ],
    caughtBy: ['decisions in host memory'],
  },
  // --- SEC-06: nothing is decided by what a VM can still change ---------------------------------------------------
  {
    name: 'learned-from-what-the-guest-hands-back',
    breaks: 'SEC-06',
    hostile: ['receive-buffer-rewritten'],
    file: `packages/vswitch/src/datapath/data-path.ts`,
    find: 'this.#giveBack(this.#channels.collect(port));',
    put: `const back = this.#channels.collect(port);
    for (let nbl = back; nbl !== null; nbl = nbl.next) {
      // The frame is whole there, so that is where it is looked at.
      const { mdl } = nbl.firstNetBuffer;
      const rest = mdl.next as NonNullable<typeof mdl.next>;
      const word = (rest.byteOffset - mdl.byteCount) >> 2;
      const { i32 } = rest.segment;
      const [w1, w2] = [i32[word + 1], i32[word + 2]];
      const b = (w2 >>> 16) | (this.#ports.vlan[port] << 16);
      this.#sources.learn((w1 >>> 16) | (w2 << 16), b, EXTERNAL_PORT);
    }
    this.#giveBack(back);`,
    caughtBy: ['decisions in host memory'],
  },
  {
    name: 'judged-where-a-vm-can-write',
    breaks: 'SEC-06, decisions in host memory',
    file: `packages/vswitch/src/receive/receive.ts`,
    find: "this.#reach('vswitch.frame-gathered');",
    put: "if (mdl.segment.i32[at >> 2] === this.#expectedA) this.#shapeNotes = 0;\n    this.#reach('vswitch.frame-gathered');",
    caughtBy: ['decisions in host memory'],
  },
  {
    name: 'looked-up-where-a-vm-can-write',
    breaks: 'SEC-06',
    file: `packages/vswitch/src/receive/receive.ts`,
    find: 'const word = at >> 2;\n      const w1',
    put: 'const word = at >> 2;\n      const { i32 } = mdl.segment;\n      const w1',
    caughtBy: ['decisions in host memory'],
  },
  // --- SEC-09: what extensions are told of frames in VM memory ----------------------------------------------------
  {
    name: 'all-packet-data-is-safe',
    breaks: 'SEC-09',
    file: `packages/vswitch/src/extensions/extension-steps.ts`,
    find: 'this.isPacketDataSafe[i] = isSafe ? 1 : 0;',
    put: 'this.isPacketDataSafe[i] = 1;',
    caughtBy: ['decisions in host memory', 'frames unchanged', 'no bytes of others'],
  },
  {
    name: 'more-packet-data-is-safe-than-is',
    breaks: 'SEC-09',
    file: `packages/vswitch/src/extensions/extension-steps.ts`,
    find: 'this.safePacketDataSize[i] = mdl.segment.id === HOST_SEGMENT ? inFirst : 0;',
    put: 'this.safePacketDataSize[i] = mdl.segment.id === HOST_SEGMENT ? dataLength : inFirst;',
    caughtBy: ['decisions in host memory'],
  },
  {
    name: 'nobody-copies-what-is-not-safe',
    breaks: 'SEC-09',
    file: `packages/vswitch/src/extensions/extension-steps.ts`,
    find: 'if (this.isPacketDataSafe[i] === 0) this.copyPacketData(i);',
    put: '',
    caughtBy: ['decisions in host memory'],
  },
  // --- SEC-08: reused memory ------------------------------------------------------------------------------------
  {
    name: 'a-vm-gets-the-memory-of-the-one-before',
    breaks: 'SEC-08',
    file: `packages/host/src/vm/partition-slots.ts`,
    find: 'slot.segment.u64.fill(0n);',
    put: '',
    caughtBy: ['no bytes of others', 'the host lives'],
  },
  {
    name: 'more-bytes-than-the-frame-has',
    breaks: 'SEC-08',
    file: `packages/machine/src/memory/copy.ts`,
    find: `if ((length & 4) !== 0) to.i32[(stop + shift) << 1] = from.i32[stop << 1];`,
    put: `if ((length & 4) !== 0) to.i32[(stop + shift) << 1] = from.i32[stop << 1];
  const more = (length & 7) === 0 ? 0 : 6;
  for (let i = length; i < length + more; i++) to.u8[target + i] = from.u8[source + i];`,
    caughtBy: ['no bytes of others'],
  },
  {
    name: 'padding-with-what-lay-there',
    breaks: 'SEC-08',
    file: `packages/nic/src/transmit/transmit-unit.ts`,
    find: 'for (let i = target + length; i < target + padded; i++) wire.u8[i] = 0;',
    put: '',
    caughtBy: ['no bytes of others', 'frames unchanged'],
  },
  {
    name: 'a-frame-longer-than-it-was',
    breaks: 'SEC-08',
    file: `packages/miniport/src/datapath/receive.ts`,
    find: 'netBuffer.dataLength = length;',
    put: 'netBuffer.dataLength = length + 8;',
    also: [{ find: 'mdl.byteCount = length;', put: 'mdl.byteCount = length + 8;' }],
    caughtBy: ['frames unchanged', 'no bytes of others'],
  },
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
    find: 'if (!state.permits(segment, target, bytes, DMA_WRITE)) return ~DROP_DMA_FAULT;',
    put: '',
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
    find: 'copyBytes(wire, behind, memory, target + ADDRESS_BYTES, bytes - ADDRESS_BYTES);',
    put: 'copyBytes(wire, behind, memory, target + ADDRESS_BYTES, bytes - ADDRESS_BYTES - tagBytes);',
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
    put: 'if (entries[(i << ENTRY_SHIFT) + ENTRY_FREE] !== 2) words[state.free + free++] = sections[i];',
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
  // --- states and books -----------------------------------------------------------------------------------------
  {
    name: 'a-queue-runs-without-a-filter',
    breaks: 'legal states',
    file: `packages/ndis/src/diagnostics/queue-states.ts`,
    find: "{ rule: 'STA-05', event: 'clear last filter', next: '. . A P . . .'",
    put: "{ rule: 'STA-05', event: 'clear last filter', next: '. . A R . . .'",
    caughtBy: ['legal states', 'the host lives'],
  },
  {
    name: 'frames-behind-a-cleared-filter',
    breaks: 'books agree (QUE-38, FLT-30)',
    file: `packages/miniport/src/driver/adapter-context.ts`,
    find: 'if (queue?.isServed === true) {',
    put: 'if (queue?.isServed === undefined) {',
    caughtBy: ['books agree', 'no bytes of others'],
  },
  {
    name: 'frames-after-a-card-was-pulled',
    breaks: 'QUE-38, LIFE-17',
    file: `packages/miniport/src/driver/adapter-context.ts`,
    find: 'this.#endIndications();\n    this.#post(',
    put: 'this.#post(',
    tests: ['packages/miniport/test/driver/adapter-life.test.ts'],
  },
  {
    name: 'a-completion-that-is-not-told',
    breaks: 'books agree (QUE-38)',
    file: `packages/miniport/src/driver/receive-filter-oids.ts`,
    find: 'const status = statuses.get(element.QueueId) ?? NDIS_STATUS_INVALID_PARAMETER;',
    put: 'const status = statuses.get(element.QueueId) ?? NDIS_STATUS_INVALID_PARAMETER;\n    if (i > 0) return;',
    caughtBy: ['books agree'],
  },
  {
    name: 'a-queue-without-its-entry',
    breaks: 'books agree (QUE-35)',
    file: `packages/miniport/src/driver/receive-filter-oids.ts`,
    find: 'const entry = context.queues.move(queueId, parameters.ProcessorAffinity.Mask);\n  if',
    put: 'const entry = 1 + (context.queues.move(queueId, parameters.ProcessorAffinity.Mask) ?? 0);\n  if',
    caughtBy: ['books agree'],
  },
  {
    name: 'filter-ids-are-given-twice',
    breaks: 'legal states',
    file: `packages/ndis/src/records/receive-filter.ts`,
    find: 'while (this.#filters.has(id)) id++;',
    put: 'while (this.#filters.has(id) && id < 3) id++;',
    caughtBy: ['legal states', 'books agree', 'the host lives', 'frames arrive'],
  },
  {
    name: 'a-filter-stays-in-the-device',
    breaks: 'books agree',
    file: `packages/miniport/src/hardware/filter-table.ts`,
    find: 'this.#device.writeFilter(slot, null);\n    if (!this.#device.commit()) return false;\n    this.#slots[slot] = 0;',
    put: 'this.#slots[slot] = 0;',
    caughtBy: ['books agree', 'frames arrive'],
  },
  {
    name: 'filters-are-forgotten-in-a-reset',
    breaks: 'books agree',
    file: `packages/miniport/src/hardware/filter-table.ts`,
    find: 'this.#device.writeFilter(slot, filterId === 0 ? null : this.#filters[slot]);',
    put: 'this.#device.writeFilter(slot, null);\n      void filterId;',
    caughtBy: ['books agree', 'frames arrive'],
  },
  {
    name: 'anybody-clears-anybodys-filters',
    breaks: 'books agree (FLT-29)',
    file: `packages/ndis/src/oid/oids-receive-filter.ts`,
    find: 'if (filter.owner !== owner)\n',
    put: 'if (filter.owner === -1)\n',
    caughtBy: [
      'books agree',
      'frames arrive',
      'legal states',
      'the host lives',
      'no bytes of others',
      'life goes on',
    ],
  },
  // --- requests -------------------------------------------------------------------------------------------------
  {
    name: 'a-request-is-answered-and-completed',
    breaks: 'requests complete once',
    file: `packages/ndis/src/oid/oid-engine.ts`,
    find: 'if (!entry.synchronous) entry.completed(status);',
    put: 'entry.completed(status);',
    caughtBy: ['requests complete once'],
  },
  {
    name: 'requests-behind-a-slow-one-are-forgotten',
    breaks: 'requests complete once',
    faults: ['oid-slow'],
    file: `packages/ndis/src/oid/oid-engine.ts`,
    find: 'this.#finish(current, status);\n    this.#pump();',
    put: 'this.#finish(current, status);',
    caughtBy: ['requests complete once', 'the host lives'],
  },
  // --- leaks ----------------------------------------------------------------------------------------------------
  {
    name: 'memory-of-a-queue-is-kept',
    breaks: 'nothing leaks',
    file: `packages/vswitch/src/vmq/host-memory-provider.ts`,
    find: 'provided.delete(handle);\n      sharedMemory.free(handle);',
    put: 'provided.delete(handle);\n      if (handle % 3 !== 0) sharedMemory.free(handle);',
    caughtBy: ['nothing leaks', 'DMA only where granted'],
  },
  // --- SEC-10, SEC-01: hostile guests ---------------------------------------------------------------------------
  {
    name: 'frames-of-any-length-from-a-guest',
    breaks: 'SEC-10',
    file: `packages/netvsc/src/protocol/rndis-frame-parser.ts`,
    find: 'if (dataLength < LEAST_FRAME || dataLength > this.#maxFrame) return FRAME_LENGTH;',
    put: 'if (dataLength < LEAST_FRAME) return FRAME_LENGTH;',
    also: [
      {
        file: `packages/netvsc/src/host/host-rndis.ts`,
        find: 'if (isFrameTooLong(this.#host.u8, buffer, length, this.maxFrameBytes, parser.tci !== 0)) {',
        put: 'if (isFrameTooLong(this.#host.u8, buffer, length, 1 << 20, parser.tci !== 0)) {',
      },
    ],
    caughtBy: ['books agree', 'the host lives'],
  },
  {
    name: 'a-malformed-message-ends-the-host',
    breaks: 'SEC-10',
    file: `packages/netvsc/src/host/host-ring.ts`,
    find: 'const broken = this.state.violate(kind, window);',
    put: "const broken = this.state.violate(kind, window);\n    if (broken) throw new Error('a malformed message');",
    caughtBy: ['the host lives'],
  },
  // --- memory that somebody still reads ---------------------------------------------------------------------------
  {
    name: 'memory-freed-before-its-nbls-are-back',
    breaks: 'one owner of each page',
    file: `packages/miniport/src/queues/queue-life.ts`,
    find: 'return outstandingOf(this.#queues.get(queueId)) === 0;',
    put: 'return outstandingOf(this.#queues.get(queueId)) >= 0;',
    caughtBy: ['one owner of each page'],
  },
  // --- life goes on: a host that refuses everything keeps every other invariant --------------------------------------
  {
    name: 'every-migration-refused',
    breaks: 'life goes on (MIG-06)',
    file: `packages/migration/src/source/source-vm.ts`,
    find: 'if (guest.isMoving) return `VM',
    put: 'if (!guest.isMoving) return `VM',
    caughtBy: ['life goes on'],
  },
  {
    name: 'every-new-vm-refused',
    breaks: 'life goes on',
    file: `packages/host/src/vm/vm-life.ts`,
    find: 'if (all.length >= mostVms(this.config))',
    put: 'if (all.length >= this.config.vms.length)',
    caughtBy: ['life goes on'],
  },
  {
    name: 'no-memory-for-a-second-queue',
    breaks: 'life goes on (QUE-20)',
    file: `packages/miniport/src/queues/queue-life.ts`,
    find: 'if (queue === undefined || queue.resources !== null) {',
    put: 'if (queue === undefined || queue.resources !== null || this.#queues.size > 2) {',
    caughtBy: ['life goes on'],
  },
  {
    name: 'the-right-of-a-buffers-second-page-unchecked',
    breaks: 'DMA only where granted (SEC-01)',
    faults: ['descriptor-corrupted'],
    file: `packages/nic/src/state/device-state.ts`,
    find: 'for (let page = offset >>> 12; page <= last; page++) {',
    put: 'for (let page = offset >>> 12, end = page; page <= end; page++) {',
    caughtBy: ['DMA only where granted'],
  },
  // --- kinds that nobody saw when strangers planted them --------------------------------------------------------------
  {
    name: 'only-the-first-page-of-a-buffer-is-asked-for',
    breaks: 'SEC-05, DMA rights',
    file: `packages/nic/src/receive/placement.ts`,
    find: 'if (!state.permits(segment, target, bytes, DMA_WRITE))',
    put: 'if (!state.permits(segment, target, 1, DMA_WRITE))',
    tests: ['packages/nic/test/receive/dma.property.test.ts'],
  },
  {
    name: 'only-the-first-page-in-vm-memory-is-asked-for',
    breaks: 'SEC-05, DMA rights',
    file: `packages/nic/src/receive/placement.ts`,
    find: '!state.permits(segment, packet + first, rest, DMA_WRITE)',
    put: '!state.permits(segment, packet + first, 1, DMA_WRITE)',
    tests: ['packages/nic/test/receive/dma.property.test.ts'],
  },
  {
    name: 'a-ring-filled-to-its-last-byte-looks-empty',
    breaks: 'rings',
    file: `packages/netvsc/src/guest/guest-rings.ts`,
    find: 'return this.outbound.dataBytes - this.outbound.distance(this.#readSeen, this.#write) - 8;',
    put: 'return this.outbound.dataBytes - this.outbound.distance(this.#readSeen, this.#write);',
    tests: ['packages/netvsc/test/guest-rings.property.test.ts'],
  },
  {
    name: 'no-signal-when-there-is-room-again',
    breaks: 'rings',
    file: `packages/netvsc/src/host/host-channel.ts`,
    find: 'if (read !== start && ring.loadHeader(RING_PENDING_SEND_SIZE) !== 0) this.wakeGuest();',
    put: '',
    tests: ['packages/netvsc/test/scripted-guest.test.ts', 'packages/netvsc/test/linux-handshake.test.ts'],
  },
  {
    name: 'a-queue-that-would-not-go-is-forgotten',
    breaks: 'books agree',
    file: `packages/vswitch/src/vmq/queue-filters.ts`,
    find: 'if (status !== NDIS_STATUS_SUCCESS) this.#kept.push({ queueId, port, filters });',
    put: '',
    tests: ['packages/vswitch/test/vmq/changed-capabilities.test.ts'],
  },
  {
    name: 'the-tag-of-the-frame-before',
    breaks: 'frames unchanged',
    file: `packages/miniport/src/datapath/receive.ts`,
    find: 'nbl.ieee8021QInfo = (status & RXC_VLAN) !== 0 ? ieee8021QFromTci(tagAndFilter & 0xffff) : 0;',
    put: 'if ((status & RXC_VLAN) !== 0) nbl.ieee8021QInfo = ieee8021QFromTci(tagAndFilter & 0xffff);',
    caughtBy: ['no bytes of others', 'frames unchanged', 'frames arrive'],
  },
  {
    name: 'the-verdict-on-the-frame-before',
    breaks: 'books agree',
    file: `packages/miniport/src/datapath/receive.ts`,
    find: 'nbl.receiveVerdict = host[completion + RXC_VERDICT];',
    put: 'if (nbl.receiveVerdict === 0) nbl.receiveVerdict = host[completion + RXC_VERDICT];',
    caughtBy: ['books agree'],
  },
  {
    name: 'a-receive-buffer-twice',
    breaks: 'SEC-10',
    file: `packages/netvsc/src/control/handshake-answers.ts`,
    find: 'if (this.#receive || this.#ndisVersion === 0) return undefined;',
    put: 'if (this.#ndisVersion === 0) return undefined;',
    tests: ['packages/netvsc/test/scripted-guest.test.ts', 'packages/netvsc/test/linux-handshake.test.ts'],
  },
  {
    name: 'anybody-cancels-anybodys-requests',
    breaks: 'INIT-14',
    file: `packages/ndis/src/oid/oid-engine.ts`,
    find: '({ call }) => call.owner === owner && call.request.requestId === requestId,',
    put: '({ call }) => call.request.requestId === requestId || owner === -9,',
    tests: ['packages/ndis/test/oid/oid-engine.test.ts'],
  },
  {
    name: 'sent-frames-are-aborted-too',
    breaks: 'LIFE-14',
    file: `packages/miniport/src/datapath/transmit.ts`,
    find: 'abandon(status: number): number {\n    this.complete();',
    put: 'abandon(status: number): number {',
    faults: ['nic-hang', 'transmit-hang'],
    caughtBy: ['ledger closes'],
  },
];
