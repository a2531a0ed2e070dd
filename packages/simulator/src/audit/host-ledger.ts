/** The ledger of a host, summed after every step without making anything: nothing ends twice, nothing vanishes. */
import type { Machine } from '@vmq/machine';
import { fail } from './simulation-failure.ts';

/** Columns of the ledger that stand first; every one behind COPIES is a drop reason. */
const RECEIVED_WIRE = 0;
const RECEIVED_GUEST = 1;
const COPIES = 4;

export class HostLedger {
  readonly #rows: Float64Array[] = [];
  readonly #columns: number;
  readonly #name: string;
  received = 0;
  receivedFromWire = 0;
  ended = 0;
  copies = 0;

  constructor(name: string, machine: Machine) {
    this.#name = name;
    this.#columns = machine.ledger.names.length;
    for (let agent = 0; agent < machine.traceImage.agents; agent++)
      this.#rows.push(machine.ledger.row(agent));
  }

  get inFlight(): number {
    return this.received - this.ended;
  }

  /** Sums the counters anew; `onWire`: frames that were ever put on the wire. */
  check(onWire: number): void {
    const columns = this.#columns;
    let wire = 0;
    let guest = 0;
    let copies = 0;
    let all = 0;
    for (const row of this.#rows) {
      const rowWire = row[RECEIVED_WIRE];
      const rowGuest = row[RECEIVED_GUEST];
      const rowCopies = row[COPIES];
      wire += rowWire;
      guest += rowGuest;
      copies += rowCopies;
      for (let column = 2; column < columns; column++) all += row[column];
    }
    const received = wire + guest;
    const ended = all - copies;
    if (ended > received) fail('ledger closes', `${this.#name}: ${received} frames received, ${ended} ended`);
    if (received < this.received || ended < this.ended)
      fail('ledger closes', `${this.#name}: a counter went back`);
    if (wire > onWire) fail('ledger closes', `${this.#name}: ${onWire} frames on the wire, ${wire} received`);
    this.receivedFromWire = wire;
    this.received = received;
    this.ended = ended;
    this.copies = copies;
  }
}
