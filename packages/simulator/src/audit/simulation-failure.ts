/** The invariants that a simulation holds the stack to, and what it says when one does not hold. */

export const INVARIANTS = [
  /** Every frame that came in ends in exactly one counter; none ends twice, none is still on its way at rest. */
  'ledger closes',
  /** An NBL is indicated, returned, sent and completed by who has it, and all are back at rest. */
  'one owner of each NBL',
  /** A page belongs to at most one block. */
  'one owner of each page',
  /** The device's rights are those of the blocks granted to it, and nothing is written elsewhere. */
  'DMA only where granted',
  /** 6.20: of a VM's memory an adapter gets what split frames need, behind filters that settle address and VLAN. */
  'VM memory behind MAC and VLAN',
  /** What is judged of a frame lies where no VM can change it; nothing is learned that no frame said. */
  'decisions in host memory',
  /** Frames of one queue come up, and reach their VM, in the order of the wire; no frame comes twice. */
  'order of each queue',
  /** No VM's memory has bytes of a frame that was neither for it nor from it. */
  'no bytes of others',
  /** What a VM or the wire gets is what was sent, whole. */
  'frames unchanged',
  /** Queue, filter and adapter states follow their tables; ids are unique and in range. */
  'legal states',
  /** The device does what NDIS's books say, and no driver breaks a promise. */
  'books agree',
  /** Every OID request is completed once, with a status that NDIS knows. */
  'requests complete once',
  /** When all is torn down nothing is left of it. */
  'nothing leaks',
  /** At rest every section of a VM's receive buffer is free, or loaned to the adapter. */
  'one owner of each section',
  /** What is sent to a VM, with nothing in its way, arrives; and what it sends leaves. */
  'frames arrive',
  /** When nothing is broken any more and nothing stopped, whatever is asked for succeeds. */
  'life goes on',
  /** No control call throws or never returns. */
  'the host lives',
] as const;

export type Invariant = (typeof INVARIANTS)[number];

/** Thrown where an invariant does not hold; the runner adds seed and step. */
export class SimulationFailure extends Error {
  readonly invariant: Invariant;

  constructor(invariant: Invariant, text: string) {
    super(`${invariant}: ${text}`);
    this.invariant = invariant;
  }
}

export function fail(invariant: Invariant, text: string): never {
  throw new SimulationFailure(invariant, text);
}
