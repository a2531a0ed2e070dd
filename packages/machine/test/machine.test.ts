import { describe, expect, it } from 'vitest';
import { attachMachine, createMachine, type MachineOptions } from '../src/executor/machine.ts';
import { createPhysicalMemory, PAGE_SIZE } from '../src/memory/memory.ts';
import { createRealClock, createVirtualClock } from '../src/processor/clock.ts';

const options = (more: Partial<MachineOptions> = {}): MachineOptions => ({
  hostMemoryBytes: PAGE_SIZE,
  processors: 2,
  agents: ['nic', 'vm:a'],
  dropReasons: [],
  ...more,
});

describe('machine', () => {
  it('numbers processors first, then the agents, then those added', () => {
    const machine = createMachine(options({ maxAgents: 5 }));
    expect(machine.agentNames).toEqual(['processor:0', 'processor:1', 'nic', 'vm:a']);
    expect(machine.addAgent('vm:b')).toBe(4);
    expect(machine.agent('vm:b')).toBe(4);
    expect(() => machine.addAgent('vm:c')).toThrow(/no room/);
    expect(() => machine.addAgent('nic')).toThrow(/already/);
    machine.renameAgent(4, 'vm:c');
    expect(machine.agent('vm:c')).toBe(4);
    expect(() => machine.agent('vm:b')).toThrow(/no agent/);
    expect(() => machine.renameAgent(4, 'nic')).toThrow(/already/);
    expect(() => machine.agent('vm:z')).toThrow(/no agent 'vm:z'/);
  });

  it('another thread sees the same machine through its image', () => {
    const machine = createMachine(options());
    const attached = attachMachine(structuredClone(machine.image()), createVirtualClock());
    machine.memory.host.i32[7] = 77;
    expect(attached.memory.host.i32[7]).toBe(77);
    attached.interrupts.raise(1, 33);
    expect(machine.board.isPending(1)).toBe(true);
    attached.ledger.row(2)[0] = 5;
    expect(machine.ledger.report().receivedFromWire).toBe(5);
    expect(attached.agentNames).toEqual(machine.agentNames);
  });

  it.each([
    ['no processor', { processors: 0 }],
    ['a part of a processor', { processors: 1.5 }],
    ['65 processors', { processors: 65 }],
    ['less room than agents', { maxAgents: 3 }],
    ['more room than the board has', { maxAgents: 1000 }],
    ['two agents of one name', { agents: ['nic', 'nic'] }],
    ['no memory', { hostMemoryBytes: 0 }],
  ])('refuses to be made with %s', (_, wrong) => {
    expect(() => createMachine(options(wrong))).toThrow();
  });
});

describe('physical memory', () => {
  it('rounds to pages, numbers segments in order and adopts them in that order', () => {
    const memory = createPhysicalMemory(1);
    const other = createPhysicalMemory(1);
    const made = [memory.addSegment('vm:a', PAGE_SIZE + 1), memory.addSegment('vm:b', 10)];
    expect(made.map(({ id, byteLength }) => [id, byteLength])).toEqual([
      [1, 2 * PAGE_SIZE],
      [2, PAGE_SIZE],
    ]);
    const images = structuredClone(memory.images());
    expect(() => other.adopt(images[2])).toThrow(/before/);
    for (const image of images) other.adopt(image);
    memory.segment(2).u8[9] = 9;
    expect(other.segment(2).u8[9]).toBe(9);
    expect(() => memory.segment(3)).toThrow(/no memory segment 3/);
    expect(() => memory.addSegment('big', 2 ** 32)).toThrow(RangeError);
  });
});

describe('clocks', () => {
  it('a virtual clock moves when told to, never back; a real one counts from its origin', () => {
    const clock = createVirtualClock(10);
    clock.advance(5);
    clock.advanceTo(12);
    expect(clock.now()).toBe(15);
    clock.advanceTo(100);
    expect(clock.now()).toBe(100);
    let ms = 1000;
    const real = createRealClock(1000, () => ms);
    ms += 1.5;
    expect(real.now()).toBe(1.5e6);
  });
});
