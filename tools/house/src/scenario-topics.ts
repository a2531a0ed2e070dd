// Where a NIC or switch engineer would look for a behaviour, and which test files show it, by name without `.test.ts`.

export interface Topic {
  readonly title: string;
  /** What the reader finds there, a sentence. */
  readonly says: string;
  readonly files: readonly string[];
}

export const TOPICS: readonly Topic[] = [
  {
    title: 'Receive filters',
    says: 'Destination MAC and VLAN to queue: precedence, modes, promiscuity, groups, inner addresses.',
    files: ['filters', 'encapsulation', 'set-filter', 'oid-filters'],
  },
  {
    title: 'Receive in the NIC',
    says: 'Lengths, descriptors, buffers, completions, what is dropped where, several engines.',
    files: ['receive', 'receive-engines', 'dma', 'stamps', 'damaged-completions'],
  },
  {
    title: 'Interrupts',
    says: 'MSI-X entries, masking, arming, moderation, which processor a queue interrupts.',
    files: ['interrupts', 'interrupt-messages', 'msix-entries'],
  },
  {
    title: 'VM queues and their states',
    says: 'Allocation, completion, parameters, freeing, and what each state refuses.',
    files: ['oid-queues', 'queue-states', 'queues', 'queue-changes', 'vm-queues', 'queue-placement.property'],
  },
  {
    title: 'Capabilities that change',
    says: 'VMQ withdrawn, shrunk and given back while queues run.',
    files: ['capabilities', 'withdrawn-capabilities', 'changed-capabilities', 'withdrawn-vmq', 'vmq-gates'],
  },
  {
    title: 'Lookahead split (NDIS 6.20)',
    says: 'Headers in host memory, the rest in the VM, and what then must not be read.',
    files: ['lookahead-split', 'split-delivery', 'ndis-620', 'section-loan'],
  },
  {
    title: 'Transmit',
    says: 'Tags inserted, padding, refusals, completions, pauses.',
    files: ['transmit', 'host-frames', 'refused-sends'],
  },
  {
    title: 'Pause, reset, power and surprise removal',
    says: 'Life of an adapter and of a driver, and what happens to frames and memory meanwhile.',
    files: [
      'adapter-life',
      'adapter-life-cycle',
      'power-and-reset',
      'adapter-power',
      'hang-check',
      'surprise-removal',
    ],
  },
  {
    title: 'The virtual switch',
    says: 'Who gets a frame: MAC, VLAN, floods, spoofing, what no bridge forwards, extensions.',
    files: ['data-path', 'bridge-rules', 'bridge.property', 'guest-limits', 'extensions'],
  },
  {
    title: "A guest's channel",
    says: 'Handshake, sections, RNDIS requests, and guests that are wrong or hostile.',
    files: ['channel', 'linux-handshake', 'scripted-guest', 'hostile-guest', 'double-fetch'],
  },
  {
    title: 'Shared memory and isolation',
    says: 'Whose page is whose, what the device may reach, what no VM may see.',
    files: ['shared-memory-broker', 'manager', 'memory', 'isolation', 'settled', 'threat-model'],
  },
  {
    title: 'Live migration',
    says: 'Frames, queues and memory of a VM that moves, and moves that fail.',
    files: ['migration', 'frames', 'pause', 'failure', 'order', 'life'],
  },
  {
    title: 'Faults',
    says: 'Devices, drivers, switches and guests that fail, and what the simulator found with them.',
    files: ['device-faults', 'software-faults', 'hostile-guests', 'regressions'],
  },
  {
    title: 'Explanation',
    says: 'What is explained is what ran.',
    files: ['proof', 'why', 'trace'],
  },
];
