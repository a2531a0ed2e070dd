import { expect, test } from 'vitest';
import { NIC_AGENT } from '../../src/device/nic-agent.ts';
import { NIC_VERSION } from '../../src/registers/device-memory.ts';
import { CTRL_RXEN, FLTVLAN_ANY, QSTS_ENABLED, REG } from '../../src/registers/register-constants.ts';
import { Bench, frameTo, macOf } from '../bench.test-support.ts';

const ALL_ONES = 0xffff_ffff;

function running() {
  const bench = new Bench();
  const queue = bench.queue(1);
  const setUp = (): void => {
    queue.enable();
    bench.host.i32[queue.status >> 2] = 0;
    bench.registers.write32(REG.CTRL, CTRL_RXEN);
    bench.filter(0, macOf(1), FLTVLAN_ANY, 0, 1);
    bench.configure();
  };
  setUp();
  const tell = (message: unknown): void => {
    bench.executor.post(NIC_AGENT, message);
    bench.executor.publish();
  };
  return { bench, queue, setUp, tell };
}

test('LIFE-18 in D3 the device answers all ones, takes no write and no frame; in D0 it has its power-on values', () => {
  const { bench, queue, setUp, tell } = running();
  const { registers } = bench;
  bench.send(frameTo(macOf(1), 64));
  expect(queue.take().length).toBe(1);
  tell({ op: 'power', on: false });
  for (const offset of [REG.VERSION, REG.CTRL, REG.CFGACK, queue.register('RXSTS'), REG.GPRC])
    expect(registers.read32(offset)).toBe(ALL_ONES);
  registers.write32(REG.MACLO, 1);
  bench.send(frameTo(macOf(1), 64));
  expect(queue.waiting).toBe(0);
  tell({ op: 'power', on: true });
  expect(registers.read32(REG.VERSION)).toBe(NIC_VERSION);
  expect(registers.read32(REG.MACLO)).toBe(0x02564d51);
  expect(registers.read32(queue.register('RXSTS')) & QSTS_ENABLED).toBe(0);
  setUp();
  bench.send(frameTo(macOf(1), 64));
  expect(queue.take().length).toBe(1);
  expect(bench.machine.ledger.report()).toMatchObject({
    received: 3,
    ends: { dropped: { 'nic.rx-disabled': 1 } },
  });
});

test('LIFE-15 a card that was pulled out answers nothing, for good', () => {
  const { bench, queue, tell } = running();
  tell({ op: 'remove' });
  bench.send(frameTo(macOf(1), 64));
  expect(queue.waiting).toBe(0);
  tell({ op: 'power', on: true });
  tell({ op: 'link', up: true });
  bench.send(frameTo(macOf(1), 64));
  expect([queue.waiting, bench.registers.read32(REG.VERSION)]).toEqual([0, ALL_ONES]);
  expect(bench.machine.ledger.report().ends.dropped).toEqual({ 'nic.link-down': 2 });
});
