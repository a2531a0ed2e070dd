import { expect, test } from 'vitest';
import { checkNicProfile, NIC_PROFILES, nicProfile } from '../../src/registers/profiles.ts';
import {
  BAR_REGISTER_BYTES,
  CTRL_RST,
  MSIX_STRIDE,
  QSTS_ENABLED,
  REG,
  STATUS_LU,
} from '../../src/registers/register-constants.ts';
import { NIC_REGISTERS } from '../../src/registers/registers.ts';
import { Bench, frameTo, macOf } from '../bench.test-support.ts';

test('the map names every register once and no two share a word', () => {
  const owner = new Map<number, string>();
  for (const register of NIC_REGISTERS) {
    for (let i = 0; i < register.count; i++) {
      const offset = register.offset + i * register.stride;
      expect(offset % 4).toBe(0);
      expect(offset).toBeLessThan(BAR_REGISTER_BYTES);
      expect([register.name, i, owner.get(offset)]).toEqual([register.name, i, undefined]);
      owner.set(offset, register.name);
    }
  }
  const names = NIC_REGISTERS.map(({ name }) => name);
  expect(Object.keys(REG).filter((name) => !names.includes(name))).toEqual([]);
});

test('bit fields of a register do not overlap', () => {
  for (const { name, fields } of NIC_REGISTERS) {
    let used = 0n;
    for (const { bits } of fields) {
      for (let bit = bits[0]; bit <= bits[1]; bit++) {
        expect([name, bit, (used >> BigInt(bit)) & 1n]).toEqual([name, bit, 0n]);
        used |= 1n << BigInt(bit);
      }
    }
  }
});

test('CAP-10 sizes and features can be read; read-only and reserved words cannot be written', () => {
  for (const profile of Object.values(NIC_PROFILES)) {
    const { registers } = new Bench({ profile });
    const sizes = registers.read32(REG.CAPQ);
    expect([sizes & 0xff, (sizes >>> 8) & 0xfff, sizes >>> 20]).toEqual([
      profile.queues,
      profile.filters,
      profile.msixEntries,
    ]);
    expect(profile.filters).toBeGreaterThanOrEqual(profile.queues);
    expect(registers.read32(REG.CAPL)).toBe(profile.lookaheadMin | (profile.lookaheadMax << 16));
    registers.write32(REG.CAPQ, 0);
    registers.write32(REG.GPRC, 5);
    registers.write32(0x0ffc, 5);
    expect([registers.read32(REG.CAPQ), registers.read32(REG.GPRC), registers.read32(0x0ffc)]).toEqual([
      sizes,
      0,
      0,
    ]);
    expect(registers.read32(REG.MACLO)).toBe(0x02564d51);
  }
});

test('values are unsigned, offsets are checked', () => {
  const { registers } = new Bench();
  registers.write32(REG.MACLO, 0xffff_fffe);
  expect(registers.read32(REG.MACLO)).toBe(0xffff_fffe);
  for (const offset of [1, 2, -4, BAR_REGISTER_BYTES, Number.NaN, 0.5])
    expect(() => registers.read32(offset)).toThrow(/multiple of 4/);
});

test('CTRL.RST returns everything to its power-on value and keeps the link', () => {
  const bench = new Bench();
  const queue = bench.queue(1);
  queue.enable();
  bench.filter(0, macOf(1), 0, 0, 1);
  bench.configure();
  bench.send(frameTo(macOf(1), 64));
  expect(bench.registers.read32(queue.register('RXSTS'))).toBe(QSTS_ENABLED);
  bench.registers.write32(REG.MACLO, 1);
  bench.registers.write32(REG.CTRL, CTRL_RST);
  bench.executor.runUntil(() => (bench.registers.read32(REG.CTRL) & CTRL_RST) === 0);
  const fresh = new Bench().bar;
  for (const register of NIC_REGISTERS) {
    for (let i = 0; i < register.count; i++) {
      const at = register.offset + i * register.stride;
      // The fresh bench has programmed MSI-X, CTRL and RCTL already.
      if (register.group === 'msi-x' || at === REG.CTRL || at === REG.RCTL || at === REG.RXSTAMP) continue;
      expect([register.name, i, bench.registers.read32(at)]).toEqual([
        register.name,
        i,
        fresh.i32[at >> 2] >>> 0,
      ]);
    }
  }
  // Who feeds the wire goes on counting, and so does the port.
  expect(bench.registers.read32(REG.RXSTAMP)).toBe(1);
  expect(bench.registers.read32(REG.STATUS) & STATUS_LU).toBe(STATUS_LU);
  expect(bench.registers.read32(REG.MSIXVCTRL + 3 * MSIX_STRIDE)).toBe(1);
  bench.send(frameTo(macOf(1), 64));
  expect(queue.waiting).toBe(1); // still the one from before
  expect(bench.machine.ledger.report().ends.dropped).toEqual({ 'nic.rx-disabled': 1 });
});

test('profiles: unknown names and impossible sizes are refused in words', () => {
  expect(() => nicProfile('rtl8139')).toThrow(/no NIC profile 'rtl8139'; there are .*netvmini/);
  expect(() => checkNicProfile({ ...nicProfile('i350'), queues: 400 })).toThrow(
    /queues must be 1..159, got 400/,
  );
});
