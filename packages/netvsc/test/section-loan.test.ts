import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChannelHost } from '../src/host/channel-host.ts';
import { LOAN_ADAPTER } from '../src/state/channel-state.ts';
import { type Bench, type BenchOptions, createBench, frame } from './test-bench.test-support.ts';

const PAGE = 4096;

/** An open channel at rest: the guest's handshake messages are completed. */
function atRest(options: BenchOptions): { bench: Bench; host: ChannelHost } {
  const bench = createBench(options);
  const host = bench.open();
  bench.pollAll(host);
  return { bench, host };
}

/** Whether an adapter has the section, and the guest has not. */
const isWithAdapter = ({ loans, loansAt }: ChannelHost, section: number): boolean =>
  loans[loansAt + section] === LOAN_ADAPTER;

describe('sections on loan', () => {
  it('SHM-13 are whole pages of the receive buffer that no other section shares, and at most half of it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 700_000 }),
        fc.integer({ min: 64, max: 4000 }),
        (bytes, longest) => {
          const layout = { receiveSections: 256, maxFrameBytes: longest };
          const { bench } = atRest({ layout, control: { maxFrameBytes: longest } });
          const { offset, sectionSize, sectionCount } = bench.control.image().receive;
          const loan = bench.control.loan(bytes);
          const pages = Math.ceil(bytes / PAGE);
          if (loan === null) {
            // Half of the buffer, less what lies before the first section on a page boundary.
            expect(pages * PAGE).toBeGreaterThan((sectionCount / 2 - 65) * sectionSize);
            return;
          }
          expect(loan.offset % PAGE).toBe(0);
          expect(loan.offset).toBe(offset + loan.firstSection * sectionSize);
          expect(loan.sections * sectionSize).toBeGreaterThanOrEqual(pages * PAGE);
          expect(loan.firstSection + loan.sections).toBeLessThanOrEqual(sectionCount);
          expect(bench.control.report().loanedSections).toBe(loan.sections);
          expect(bench.control.report().freeSections).toBe(sectionCount - loan.sections);
          loan.end();
          expect(bench.control.report()).toMatchObject({ loanedSections: 0, freeSections: sectionCount });
        },
      ),
      { numRuns: 40 },
    );
  });

  it('SW-13 reach the guest in the order of the batch, among copied frames, and come back as its completions', () => {
    const { bench, host } = atRest({ layout: { receiveSections: 256 } });
    const loan = bench.control.loan(32 * 2112);
    if (loan === null) throw new Error('nothing to loan');
    const frames = [0, 1, 2, 3, 4].map((i) => frame(i, 100 + i));
    expect(host.beginBatch(2)).toBe(true);
    frames.forEach(({ bytes }, i) => {
      const loaned = i % 2 === 0;
      const section = loaned ? loan.firstSection + i : host.nextSection();
      bench.segment.u8.set(bytes, host.frameOffset(section));
      host.commit(section, bytes.length, 0);
    });
    expect(host.endBatch()).toBe(5);
    expect(isWithAdapter(host, loan.firstSection)).toBe(false);
    const taken = new Int32Array(8);
    expect(host.takeReturned(taken)).toBe(0);
    bench.executor.runUntilIdle();
    bench.pollAll(host);
    expect(bench.received).toEqual(frames);
    expect(host.takeReturned(taken)).toBe(3);
    expect([...taken.subarray(0, 3)].sort()).toEqual([0, 2, 4].map((n) => loan.firstSection + n));
    expect(host.takeReturned(taken)).toBe(0);
    expect(isWithAdapter(host, loan.firstSection)).toBe(true);
    expect(bench.control.report()).toMatchObject({
      outstandingMessages: 0,
      freeSections: 256 - loan.sections,
    });
    loan.end();
    expect(bench.control.report().freeSections).toBe(256);
  });

  it('SEC-10 can be committed while the adapter has them, others only in their turn', () => {
    const { bench, host } = atRest({ layout: { receiveSections: 256 } });
    const loan = bench.control.loan(32 * 2112);
    if (loan === null) throw new Error('nothing to loan');
    const last = loan.firstSection + loan.sections - 1;
    expect(host.frameOffset(last)).toBe(loan.offset + 64 + (loan.sections - 1) * 2112);
    host.beginBatch(1);
    const next = host.nextSection();
    for (const wrong of [loan.firstSection - 1, last + 1, next + 1, -1, 256]) {
      if (wrong !== next)
        expect(() => host.commit(wrong, 60, 0)).toThrow(/neither the next free one nor on loan/);
    }
    host.commit(last, 60, 0);
    host.commit(next, 60, 0);
    expect(host.endBatch()).toBe(2);
    expect(isWithAdapter(host, last)).toBe(false);
    host.beginBatch(0);
    expect(() => host.commit(last, 60, 0)).toThrow(/neither/); // the guest has it
  });

  it('that the guest still has when the loan ends are free once it completes them', () => {
    const { bench, host } = atRest({ layout: { receiveSections: 256 } });
    const loan = bench.control.loan(32 * 2112);
    if (loan === null) throw new Error('nothing to loan');
    bench.holdBack = true;
    host.beginBatch(0);
    host.commit(loan.firstSection, 60, 0);
    host.commit(loan.firstSection + 1, 60, 0);
    expect(host.endBatch()).toBe(2);
    bench.executor.runUntilIdle();
    expect(() => bench.control.close(() => {})).toThrow(/still has 33 of its sections/);
    loan.end();
    expect(bench.control.report()).toMatchObject({ loanedSections: 0, freeSections: 254 });
    bench.holdBack = false;
    bench.machine.board.wake(bench.machine.agent('vm:a'));
    bench.executor.runUntilIdle();
    bench.pollAll(host);
    expect(host.takeReturned(new Int32Array(4))).toBe(0);
    expect(bench.control.report()).toMatchObject({ freeSections: 256, outstandingMessages: 0 });
  });

  it('that found no room in the ring are the adapter’s again at once', () => {
    const { bench, host } = atRest({
      layout: { receiveSections: 1200, ringBytes: 4096 },
      control: { receiveSections: 1200 },
    });
    const loan = bench.control.loan(550 * 2112);
    if (loan === null) throw new Error('nothing to loan');
    bench.guestRuns = false;
    host.beginBatch(0);
    for (let n = 0; n < 550; n++) host.commit(loan.firstSection + n, 60, 0);
    const sent = host.endBatch();
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(550);
    for (let n = 0; n < 550; n++) {
      expect(isWithAdapter(host, loan.firstSection + n)).toBe(n >= sent);
    }
    expect(bench.control.report().freeSections).toBe(1200 - loan.sections);
  });
});
