import { describe, expect, it } from 'vitest';
import { ProblemLog, problemLines } from '../src/replay/problem-log.ts';

describe('problem log', () => {
  it('keeps kinds in order of appearance, counts all and keeps the first ten places', () => {
    const log = new ProblemLog();
    for (let i = 1; i <= 25; i++) log.add('snapped', i, i * 100, () => `message ${i}`);
    log.add('truncated', 26, 2600, () => 'cut');
    const [snapped, truncated] = log.list();
    expect(snapped).toMatchObject({ kind: 'snapped', count: 25 });
    expect(snapped?.first.map(({ frame }) => frame)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(truncated).toEqual({
      kind: 'truncated',
      count: 1,
      first: [{ frame: 26, fileOffset: 2600, message: 'cut' }],
    });
    expect(log.count('snapped')).toBe(25);
    expect(log.count('runt')).toBe(0);
  });

  it('prints at most ten lines of a kind, the last of which has the count', () => {
    const log = new ProblemLog();
    for (let i = 1; i <= 25; i++) log.add('snapped', i, i * 100, () => `message ${i}`);
    const lines = problemLines('a.pcap', log.list());
    expect(lines).toHaveLength(10);
    expect(lines[0]).toBe('a.pcap: frame 1 at byte 100: message 1 [snapped]');
    expect(lines[9]).toBe('a.pcap: and 16 more, 25 in all [snapped]');
  });

  it('prints ten places without a remainder line', () => {
    const log = new ProblemLog();
    for (let i = 1; i <= 10; i++) log.add('runt', i, i, () => 'short');
    expect(problemLines('a.pcap', log.list()).at(-1)).toBe('a.pcap: frame 10 at byte 10: short [runt]');
  });
});
