/** Random registers, rings and descriptors; and the ones that once did harm (docs/fuzzing.md). */
import {
  createDeterministicExecutor,
  createDmaDomain,
  createFrameRing,
  createMachine,
  createVirtualClock,
  type DeterministicExecutor,
  DMA_READ,
  DMA_WRITE,
} from '@vmq/machine';
import { expect, test } from 'vitest';
import { fuzzShort } from '../../../../tools/fuzz/src/short.ts';
import {
  attachNicRegisters,
  createNicAgent,
  createNicBar,
  NIC_DROP_REASONS,
  type NicRegisters,
  nicProfile,
  REG,
  TXD_EOP,
} from '../../src/index.ts';

test('20 000 buffers: no crash, no hang, no byte outside the DMA domain', async () => {
  const { outcomes } = await fuzzShort('nic-driver');
  expect(outcomes['frames sent']).toBeGreaterThan(500);
});

/** A driver with all of `bytes` of host memory granted, and a transmit ring of `length` descriptors at 16384. */
function transmitter(
  bytes: number,
  length: number,
): { registers: NicRegisters; words: Int32Array; executor: DeterministicExecutor } {
  const clock = createVirtualClock();
  const machine = createMachine({
    hostMemoryBytes: bytes,
    processors: 1,
    agents: ['nic'],
    dropReasons: NIC_DROP_REASONS,
    clock,
  });
  const profile = nicProfile('netvmini');
  const bar = createNicBar(machine, { profile });
  const domain = createDmaDomain('nic', machine.memory);
  domain.setRights(0, 0, bytes, DMA_READ | DMA_WRITE);
  const [rx, tx] = [createFrameRing(16, 1 << 16), createFrameRing(1024, 1 << 20)];
  const executor = createDeterministicExecutor(machine, clock, { factories: { nic: createNicAgent } });
  executor.start([
    { name: 'nic', factory: 'nic', data: { profile, bar: bar.id, dma: domain.image(), rx, tx } },
  ]);
  const registers = attachNicRegisters(bar, () => machine.board.wake(machine.agent('nic')));
  registers.write32(REG.TDBASE, 16_384);
  registers.write32(REG.TDLEN, length);
  registers.write32(REG.TSBASE, 4096);
  registers.write32(REG.TXCTL, 1);
  registers.write32(REG.CTRL, 4);
  registers.write32(REG.CFGREQ, 1);
  return { registers, words: machine.memory.host.i32, executor };
}

test('a ring full of descriptors of a gigabyte is one refused frame, not minutes of looking at pages', () => {
  const bytes = 64 << 20;
  const { registers, words, executor } = transmitter(bytes, 32_768);
  for (let d = 0; d < 32_768; d++) words.set([1 << 20, 0, bytes - (1 << 20), 0], 4096 + d * 4);
  registers.write32(REG.TDT, 32_768);
  // No time limit, but without the rule this takes a minute and with it a moment.
  executor.runUntilIdle();
  expect(registers.read32(REG.TDH)).toBe(32_768);
  expect(registers.read32(REG.TXFAULT)).toBe(1);
});

test('a wild tail is one full ring, not 2^32 descriptors (nic-driver, seed 1, session 53)', () => {
  const { registers, words, executor } = transmitter(1 << 17, 8);
  for (let d = 0; d < 8; d++) words.set([65_536, TXD_EOP, 60, 0], 4096 + d * 4);
  registers.write32(REG.TDT, 0xffff_0000);
  executor.runUntilIdle();
  expect(registers.read32(REG.TDH)).toBe(8);
  expect(registers.read32(REG.TDT)).toBe(8);
  registers.write32(REG.TDT, 9);
  executor.runUntilIdle();
  expect(registers.read32(REG.TXPKTLO)).toBe(9);
});
