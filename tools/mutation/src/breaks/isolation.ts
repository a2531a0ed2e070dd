// Mistakes about isolation (SEC-…): who gets a frame, whose memory it is, what a VM can change.
import type { Break } from './break.ts';

export const ISOLATION_BREAKS: readonly Break[] = [
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
    // Not two guards but the two sides of one key: where they differ, a frame of another VLAN finds the port.
    seenAlone: [1, 2],
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
    find: 'rxq[q + Q_FIRST_BYTES] = split ? header : packetBytes;',
    put: 'rxq[q + Q_FIRST_BYTES] = split ? 8 : packetBytes;',
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
    find: 'const word = at >> 2;\n        const w1',
    put: 'const word = at >> 2;\n        const { i32 } = mdl.segment;\n        const w1',
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
];
