/**
 * The frame ledger: every frame that came in ends in exactly one counter.
 *
 *   received.wire + received.guest  =  delivered + transmitted + Σ dropped.<place>.<reason>   (at rest)
 *
 * A frame that several ports get ends once; its further deliveries count as `copies`. Counters are doubles in
 * shared memory, one row per agent on cache lines of its own, so that no two threads write the same one and none
 * wraps at 2^31. Layers add up in locals and store once per batch.
 */
import type { AgentId } from '../processor/board.ts';
import { printAs } from './printed-form.ts';

/** Frames that reached the NIC's port from the wire. */
export const RECEIVED_FROM_WIRE = 'received.wire';
/** Frames that guests (or the host's own internal port) handed to the switch. */
export const RECEIVED_FROM_GUEST = 'received.guest';
/** Frames whose first end was a port of a VM. */
export const DELIVERED = 'delivered';
/** Frames whose end was the wire. */
export const TRANSMITTED = 'transmitted';
/** Deliveries of a flooded frame beyond its first end. */
export const COPIES = 'copies';
/** Every other counter that ends frames begins with this. */
export const DROPPED_PREFIX = 'dropped.';

const STANDARD = [RECEIVED_FROM_WIRE, RECEIVED_FROM_GUEST, DELIVERED, TRANSMITTED, COPIES] as const;

export interface LedgerImage {
  readonly names: readonly string[];
  readonly agents: number;
  readonly buffer: SharedArrayBuffer;
}

/** What the ledger says at one moment. */
export interface LedgerReport {
  /** Frames from every source. */
  readonly received: number;
  readonly receivedFromWire: number;
  readonly receivedFromGuests: number;
  readonly ends: {
    readonly delivered: number;
    readonly transmitted: number;
    /** Reason (without the `dropped.` prefix) to frames; only reasons that occurred. */
    readonly dropped: Readonly<Record<string, number>>;
  };
  readonly copies: number;
  /** Frames between source and end; zero when everything is at rest. */
  readonly inFlight: number;
}

/** Doubles from one agent's row to the next: whole cache lines of eight. */
const strideOf = (names: readonly string[]): number => Math.ceil(names.length / 8) * 8;

export class Ledger {
  readonly names: readonly string[];
  readonly #agents: number;
  readonly #counters: Float64Array;
  readonly #index: ReadonlyMap<string, number>;

  constructor(image: LedgerImage) {
    this.names = image.names;
    this.#agents = image.agents;
    this.#counters = new Float64Array(image.buffer);
    this.#index = new Map(image.names.map((name, i) => [name, i]));
  }

  /** Column of a counter, the index into every {@link row}. Throws for a name no layer declared. */
  column(name: string): number {
    const found = this.#index.get(name);
    if (found === undefined)
      throw new Error(`ledger: no counter '${name}'; declare it when the machine is made`);
    return found;
  }

  /** The counters of one agent: `row[column] += n`. One view per agent, made once. Throws for an agent beyond. */
  row(agent: AgentId): Float64Array {
    if (!(agent >= 0 && agent < this.#agents))
      throw new RangeError(`ledger: no row for agent ${agent}; it was made for ${this.#agents}`);
    const at = agent * strideOf(this.names);
    return this.#counters.subarray(at, at + this.names.length);
  }

  /** Sum of one counter over all agents. */
  total(name: string): number {
    const stride = strideOf(this.names);
    let sum = 0;
    for (let at = this.column(name); at < stride * this.#agents; at += stride) sum += this.#counters[at];
    return sum;
  }

  report(): LedgerReport {
    const receivedFromWire = this.total(RECEIVED_FROM_WIRE);
    const receivedFromGuests = this.total(RECEIVED_FROM_GUEST);
    const delivered = this.total(DELIVERED);
    const transmitted = this.total(TRANSMITTED);
    const dropped: Record<string, number> = {};
    let ended = delivered + transmitted;
    for (const name of this.names) {
      if (!name.startsWith(DROPPED_PREFIX)) continue;
      const frames = this.total(name);
      if (frames === 0) continue;
      dropped[name.slice(DROPPED_PREFIX.length)] = frames;
      ended += frames;
    }
    const received = receivedFromWire + receivedFromGuests;
    return {
      received,
      receivedFromWire,
      receivedFromGuests,
      ends: { delivered, transmitted, dropped },
      copies: this.total(COPIES),
      inFlight: received - ended,
    };
  }

  static {
    printAs(Ledger.prototype, (ledger) => ledger.report());
  }
}

/** Makes the image of a ledger with the standard counters and the drop reasons the layers declare. */
export function createLedgerImage(reasons: readonly string[], agents: number): LedgerImage {
  for (const reason of reasons) {
    if (!reason.startsWith(DROPPED_PREFIX) || reason === DROPPED_PREFIX)
      throw new Error(`ledger: '${reason}' must begin with '${DROPPED_PREFIX}' and go on`);
  }
  const names = [...new Set([...STANDARD, ...reasons])];
  return { names, agents, buffer: new SharedArrayBuffer(strideOf(names) * agents * 8) };
}
