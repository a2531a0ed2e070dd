import { describe, expect, it } from 'vitest';
import {
  COPIES,
  createLedgerImage,
  DELIVERED,
  Ledger,
  RECEIVED_FROM_GUEST,
  RECEIVED_FROM_WIRE,
  TRANSMITTED,
} from '../src/observe/ledger.ts';

const RUNT = 'dropped.nic.runt';
const NO_SECTION = 'dropped.vmbus.no-section';

describe('ledger', () => {
  it('adds up the rows of all agents, seen from any thread, and balances', () => {
    const image = createLedgerImage([RUNT, NO_SECTION, RUNT], 3);
    const ledger = new Ledger(image);
    const elsewhere = new Ledger(structuredClone(image));
    const add = (agent: number, name: string, frames: number): void => {
      const row = elsewhere.row(agent);
      row[elsewhere.column(name)] = row[elsewhere.column(name)] + frames;
    };
    add(0, RECEIVED_FROM_WIRE, 100);
    add(1, RECEIVED_FROM_GUEST, 20);
    add(1, DELIVERED, 70);
    add(2, DELIVERED, 5);
    add(2, TRANSMITTED, 18);
    add(0, RUNT, 6);
    add(2, NO_SECTION, 1);
    add(1, COPIES, 9);
    expect(ledger.total(DELIVERED)).toBe(75);
    expect(ledger.report()).toEqual({
      received: 120,
      receivedFromWire: 100,
      receivedFromGuests: 20,
      ends: { delivered: 75, transmitted: 18, dropped: { 'nic.runt': 6, 'vmbus.no-section': 1 } },
      copies: 9,
      inFlight: 20,
    });
    add(0, RUNT, 20);
    expect(ledger.report().inFlight).toBe(0);
  });

  it('counts beyond 2^32 exactly and lists no reason that did not occur', () => {
    const ledger = new Ledger(createLedgerImage([RUNT], 1));
    ledger.row(0)[ledger.column(RECEIVED_FROM_WIRE)] = 2 ** 40 + 1;
    ledger.row(0)[ledger.column(DELIVERED)] = 2 ** 40;
    expect(ledger.report()).toMatchObject({ received: 2 ** 40 + 1, inFlight: 1, ends: { dropped: {} } });
  });

  it('rows of different agents share no cache line', () => {
    const ledger = new Ledger(createLedgerImage([RUNT], 4));
    const offsets = [0, 1, 2, 3].map((agent) => ledger.row(agent).byteOffset);
    expect(offsets.map((offset) => offset % 64)).toEqual([0, 0, 0, 0]);
    expect(new Set(offsets).size).toBe(4);
    expect(ledger.row(3).length).toBe(ledger.names.length);
  });

  it('throws for names nobody declared, reasons that are none, and agents beyond', () => {
    const ledger = new Ledger(createLedgerImage([RUNT], 2));
    expect(() => ledger.column('dropped.nic.unheard-of')).toThrow(/dropped\.nic\.unheard-of/);
    expect(() => ledger.total('deliverd')).toThrow(/deliverd/);
    expect(() => ledger.row(2)).toThrow(/agent 2/);
    expect(() => createLedgerImage(['lost.nic'], 1)).toThrow(/lost\.nic/);
    expect(() => createLedgerImage(['dropped.'], 1)).toThrow(/dropped\./);
  });
});
