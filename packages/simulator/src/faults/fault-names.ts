/**
 * The faults there are, each with what it takes for granted and how the stack is to survive it.
 *
 * Times are nanoseconds of the machine's clock. What a parameter leaves open the injector draws from its own seeded
 * stream, so that the same seed injects the same faults.
 */

/** Nanoseconds of a millisecond and of a second. */
export const MILLISECOND = 1_000_000;
export const SECOND: number = 1000 * MILLISECOND;

/** What a fault may be given; which members count stands beside each name in {@link FAULTS}. */
export interface FaultParameters {
  /** How many of them: allocations, frames, completions, interrupts, requests. */
  readonly count?: number;
  /** How long it lasts, or how late something is. */
  readonly nanoseconds?: number;
  /** Receive queue of the device; default: one that is in service. */
  readonly queue?: number;
  readonly processor?: number;
  /** Only requests with this OID. */
  readonly oid?: number;
  /** NDIS_STATUS of what fails. */
  readonly status?: number;
  /** One of the kinds of this fault, by name. */
  readonly kind?: string;
}

export interface FaultDescription {
  /** What goes wrong. */
  readonly what: string;
  /** How the stack notices and what it does about it. */
  readonly survival: string;
  /** What is taken where the parameters say nothing. */
  readonly defaults: FaultParameters;
  /** Kinds to choose from; one is drawn if neither parameters nor defaults name one. */
  readonly kinds?: readonly string[];
  /** `heal()` does not bring it back. */
  readonly isPermanent?: true;
}

export const FAULT_NAMES = [
  'memory-refused',
  'memory-slow',
  'provider-gone',
  'descriptor-corrupted',
  'completion-corrupted',
  'dma-late',
  'interrupt-lost',
  'interrupt-spurious',
  'interrupt-storm',
  'registers-all-ones',
  'surprise-removal',
  'link-flap',
  'nic-hang',
  'transmit-hang',
  'oid-slow',
  'oid-fails',
  'miniport-late',
  'processor-stall',
  'guest-stall',
  'wire-drop',
  'wire-reorder',
  'wire-duplicate',
  'wire-flip',
] as const;

export type FaultName = (typeof FAULT_NAMES)[number];

export const FAULTS: Readonly<Record<FaultName, FaultDescription>> = {
  'memory-refused': {
    what: 'the next `count` allocations of shared memory are refused (RESOURCES)',
    survival: 'the queue is not completed; its VM is served by the default queue',
    defaults: { count: 1 },
  },
  'memory-slow': {
    what: 'each of the next `count` allocations of shared memory takes `nanoseconds`, while everything else goes on',
    survival: 'whoever asked waits; nobody else does',
    defaults: { count: 1, nanoseconds: 50 * MILLISECOND },
  },
  'provider-gone': {
    what: 'the shared-memory provider answers no allocation any more (FAILURE); what it gave it takes back',
    survival: 'no new VM queues; those that exist go on',
    defaults: {},
  },
  'descriptor-corrupted': {
    what: 'a receive descriptor that the device has not read yet points to memory that is not granted',
    survival:
      'IOMMU refuses, frames end as dropped.nic.dma-fault; the miniport sees the faults and asks for a reset',
    defaults: { count: 1 },
    kinds: ['no such segment', 'beyond memory', 'negative offset', 'not granted', 'across the end'],
  },
  'completion-corrupted': {
    what: 'write-backs of the next `count` batches of receive queues arrive damaged',
    survival:
      'the miniport trusts no length, DD bit or index: it drops (dropped.miniport.bad-completion) or reads the index from the device',
    defaults: { count: 1 },
    kinds: ['length', 'no DD', 'write lost', 'index ahead', 'index beyond the ring', 'index behind'],
  },
  'dma-late': {
    what: 'the device gets no turn on the bus for `nanoseconds`',
    survival: 'everything is late; without a place on the wire its sender waits',
    defaults: { nanoseconds: 20 * MILLISECOND },
  },
  'interrupt-lost': {
    what: 'an interrupt that a receive queue is owed never arrives: it is disarmed, and nobody was told',
    survival: 'the miniport looks at its rings once in every check for hang',
    defaults: {},
  },
  'interrupt-spurious': {
    what: 'vectors become pending on a processor without a cause, `count` of them, connected or not',
    survival: 'a DPC finds nothing; vectors without an ISR are counted',
    defaults: { count: 1 },
  },
  'interrupt-storm': {
    what: 'the device sends a queue’s interrupt `count` times, one every `nanoseconds`',
    survival: 'ISR and DPC are short and bounded: traffic goes on',
    defaults: { count: 2000, nanoseconds: 2000 },
  },
  'registers-all-ones': {
    what: 'the card falls off the bus for `nanoseconds` and comes back with power-on values',
    survival: 'no wait is endless; the check for hang asks for resets until one succeeds',
    defaults: { nanoseconds: 5 * SECOND },
  },
  'surprise-removal': {
    what: 'the card is pulled, and PnP says so',
    survival: 'the adapter halts, all memory is free, sends are dropped by name',
    defaults: {},
    isPermanent: true,
  },
  'link-flap': {
    what: 'the link goes down for `nanoseconds`',
    survival: 'frames end as dropped.nic.link-down; sends wait',
    defaults: { nanoseconds: 100 * MILLISECOND },
  },
  'nic-hang': {
    what: 'the device does nothing any more until it is reset, or, deaf to resets, until it is healed',
    survival: 'the check for hang misses its answer and asks for a reset, which sets everything anew',
    defaults: { kind: 'until reset' },
    kinds: ['until reset', 'until healed'],
  },
  'transmit-hang': {
    what: 'the device sends nothing any more until it is reset, and goes on receiving',
    survival: 'the check for hang sees descriptors that do not move and asks for a reset',
    defaults: {},
  },
  'oid-slow': {
    what: 'the next `count` requests pend in the miniport for `nanoseconds`',
    survival: 'NDIS waits; after two checks for hang it resets the adapter, which aborts the request',
    defaults: { count: 1, nanoseconds: 500 * MILLISECOND },
  },
  'oid-fails': {
    what: 'the miniport fails the next `count` requests with `status`',
    survival: 'whoever asked goes on without',
    defaults: { count: 1 },
  },
  'miniport-late': {
    what: 'the next pause of the miniport takes `nanoseconds` longer',
    survival: 'the adapter stays Pausing for so long',
    defaults: { nanoseconds: 300 * MILLISECOND },
  },
  'processor-stall': {
    what: 'a processor takes no turn for `nanoseconds`',
    survival: 'its queues run full and drop their own frames; others go on',
    defaults: { nanoseconds: 20 * MILLISECOND },
  },
  'guest-stall': {
    what: 'a VM is not scheduled for `nanoseconds`',
    survival: 'its channel runs full; others go on',
    defaults: { nanoseconds: 20 * MILLISECOND },
  },
  'wire-drop': {
    what: 'the next `count` frames towards the NIC are lost on the wire',
    survival: 'they never arrived',
    defaults: { count: 1 },
  },
  'wire-reorder': {
    what: 'each of the next `count` frames towards the NIC is overtaken by the one behind it',
    survival: 'they are delivered as they arrive',
    defaults: { count: 1 },
  },
  'wire-duplicate': {
    what: 'the next `count` frames towards the NIC arrive twice',
    survival: 'they are two frames',
    defaults: { count: 1 },
  },
  'wire-flip': {
    what: 'one bit of each of the next `count` frames towards the NIC is flipped, behind the addresses and the tag',
    survival: 'Ethernet’s FCS is not modelled: the frame is delivered as it arrives',
    defaults: { count: 1 },
  },
};
