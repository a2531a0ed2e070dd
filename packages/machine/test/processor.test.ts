import { describe, expect, it } from 'vitest';
import { Board } from '../src/processor/board.ts';
import { InterruptController, msiMessage, msiProcessor } from '../src/processor/interrupt-controller.ts';
import { DIRQL, DISPATCH_LEVEL, PASSIVE_LEVEL, Processor } from '../src/processor/processor.ts';

function setUp(): { board: Board; processor: Processor; interrupts: InterruptController; log: string[] } {
  const board = new Board();
  return {
    board,
    processor: new Processor(1, board),
    interrupts: new InterruptController(board, 2),
    log: [],
  };
}

describe('processor', () => {
  it('runs all pending ISRs at DIRQL, lowest vector first, then the DPCs at DISPATCH_LEVEL as queued', () => {
    const { processor, interrupts, log } = setUp();
    const dpc = (name: string) => ({ runDpc: () => void log.push(`${name}@${processor.irql}`) });
    const dpcs = { 255: dpc('c'), 31: dpc('a'), 32: dpc('b') };
    for (const vector of [255, 31, 32] as const) {
      processor.connect(vector, {
        interrupt(taken) {
          log.push(`isr ${taken}@${processor.irql}`);
          processor.queueDpc(dpcs[vector]);
        },
      });
      interrupts.raise(1, vector);
    }
    expect(processor.irql).toBe(PASSIVE_LEVEL);
    expect(processor.step()).toBe(false);
    expect(log).toEqual([
      ...[31, 32, 255].map((vector) => `isr ${vector}@${DIRQL}`),
      ...['a', 'b', 'c'].map((name) => `${name}@${DISPATCH_LEVEL}`),
    ]);
    expect(processor.irql).toBe(PASSIVE_LEVEL);
    expect([processor.interrupts, processor.dpcs, processor.spurious]).toEqual([3, 3, 0]);
  });

  it('a vector raised twice before it is served interrupts once', () => {
    const { processor, interrupts } = setUp();
    interrupts.raise(1, 40);
    interrupts.raise(1, 40);
    processor.step();
    expect(processor.interrupts).toBe(1);
    interrupts.raise(1, 40);
    processor.step();
    expect(processor.interrupts).toBe(2);
  });

  it('a DPC that queues itself runs again in the next step, not in this one', () => {
    const { processor } = setUp();
    let runs = 0;
    const dpc = {
      runDpc(): void {
        if (++runs < 3) expect(processor.queueDpc(dpc)).toBe(true);
      },
    };
    processor.queueDpc(dpc);
    expect(processor.hasDpc).toBe(true);
    expect([processor.step(), runs]).toEqual([true, 1]);
    expect([processor.step(), runs]).toEqual([true, 2]);
    expect([processor.step(), runs]).toEqual([false, 3]);
    expect([processor.step(), runs]).toEqual([false, 3]);
    expect(processor.hasDpc).toBe(false);
  });

  it('a DPC queued twice runs once, also when it is queued again while it waits in the step under way', () => {
    const { processor, log } = setUp();
    const late = { runDpc: () => void log.push('late') };
    const early = {
      runDpc(): void {
        log.push(`early, late ${processor.queueDpc(late) ? 'queued' : 'was queued'}`);
      },
    };
    const after = {
      runDpc(): void {
        log.push('after');
        expect(processor.queueDpc(early)).toBe(true); // it has run: it may be queued again
      },
    };
    expect(processor.queueDpc(early)).toBe(true);
    expect(processor.queueDpc(early)).toBe(false);
    processor.queueDpc(late);
    processor.queueDpc(after);
    expect(processor.step()).toBe(true);
    expect(log.splice(0)).toEqual(['early, late was queued', 'late', 'after']);
    expect(processor.step()).toBe(true);
    expect(log.splice(0)).toEqual(['early, late queued']);
    expect(processor.step()).toBe(false);
    expect(log).toEqual(['late']);
    expect(processor.dpcs).toBe(5);
  });

  it('counts interrupts on vectors nobody is connected to, before and after disconnection', () => {
    const { processor, interrupts } = setUp();
    interrupts.raise(1, 50);
    processor.step();
    processor.connect(50, { interrupt: () => {} });
    interrupts.raise(1, 50);
    processor.step();
    processor.connect(50, null);
    interrupts.raise(1, 50);
    processor.step();
    expect([processor.interrupts, processor.spurious]).toEqual([3, 2]);
    expect(() => processor.connect(256, null)).toThrow(RangeError);
  });
});

describe('interrupt controller', () => {
  it('an MSI-X message makes its vector pending on its processor and wakes that agent only', () => {
    const { board, interrupts } = setUp();
    const { address, data } = msiMessage(1, 200);
    expect(address).toBe(0xfee01000);
    interrupts.message(address, data);
    expect([board.isPending(0), board.isPending(1)]).toEqual([false, true]);
    expect(board.takeVectors(1, 200 >>> 5)).toBe(1 << (200 & 31));
    expect(board.takeVectors(1, 200 >>> 5)).toBe(0);
  });

  it('every processor and vector survives the round trip through address and data', () => {
    const board = new Board();
    const interrupts = new InterruptController(board, 64);
    for (let processor = 0; processor < 64; processor++) {
      for (const vector of [0, 31, 32, 61, 62, 63, 64, 127, 128, 255]) {
        const { address, data } = msiMessage(processor, vector);
        expect(msiProcessor(address)).toBe(processor);
        expect(msiProcessor(address | 0)).toBe(processor); // as read from a 32-bit register
        interrupts.message(address, data);
        expect(board.takeVectors(processor, vector >>> 5) >>> 0).toBe(2 ** (vector & 31));
      }
    }
    expect(interrupts.spurious).toBe(0);
  });

  it.each([31, 32, 61, 62])(
    'vector %i is there for who takes the mark, and for who takes its turn already',
    (vector) => {
      const { board, interrupts, processor } = setUp();
      const taken: number[] = [];
      processor.connect(vector, { interrupt: (number) => taken.push(number) });
      interrupts.raise(1, vector);
      expect(board.takePending(1)).toBe(true);
      expect(board.takePending(1)).toBe(false);
      board.wake(1); // takes nothing away
      processor.step();
      processor.step();
      expect([taken, board.isPending(1)]).toEqual([[vector], true]);
      board.takePending(1);
      interrupts.raise(1, vector);
      processor.step(); // the mark was not taken: there is one turn too many, and no interrupt too many
      expect([taken, board.isPending(1)]).toEqual([[vector, vector], true]);
      board.takePending(1);
      processor.step();
      expect(taken).toEqual([vector, vector]);
    },
  );

  it('counts messages to addresses that are no processor of this machine, and does nothing', () => {
    const { board, interrupts } = setUp();
    for (const address of [0, 0x1000, 0xfed00000, 0xfee02000, 0xfeeff000]) interrupts.message(address, 40);
    expect(interrupts.spurious).toBe(5);
    expect([0, 1].some((agent) => board.isPending(agent))).toBe(false);
  });

  it('hands out each vector of a processor once, from 32 on', () => {
    const { interrupts } = setUp();
    const vectors = Array.from({ length: 224 }, () => interrupts.allocateVector(0));
    expect(new Set(vectors).size).toBe(224);
    expect([Math.min(...vectors), Math.max(...vectors)]).toEqual([32, 255]);
    expect(interrupts.allocateVector(0)).toBe(-1);
    expect(interrupts.allocateVector(1)).toBe(32);
  });

  it('throws for what a programmer got wrong', () => {
    const { interrupts } = setUp();
    expect(() => interrupts.raise(2, 40)).toThrow(/no processor 2; there are 2/);
    expect(() => interrupts.raise(0, 256)).toThrow(RangeError);
    expect(() => interrupts.allocateVector(2)).toThrow(RangeError);
    expect(() => msiMessage(64, 40)).toThrow(RangeError);
    expect(() => msiMessage(0, 256)).toThrow(RangeError);
  });
});
