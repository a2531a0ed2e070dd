import { describe, expect, it } from 'vitest';
import { Progress } from '../src/input/progress.ts';
import { Screen } from '../src/text/terminal.ts';

function recorder(errIsTerminal: boolean): {
  lines: string[];
  terminal: Screen;
} {
  const lines: string[] = [];
  return {
    lines,
    terminal: new Screen({
      out: () => {},
      err: (text) => void lines.push(text),
      outColours: false,
      errIsTerminal,
    }),
  };
}

describe('progress', () => {
  it('prints at most five times a second', () => {
    const { lines, terminal } = recorder(false);
    let now = 0;
    const progress = new Progress(terminal, true, () => now);
    progress.begin('replaying', 2_000_000);
    for (; now <= 1000; now += 10) progress.at(now, now * 1000);
    expect(lines).toEqual([
      'replaying: 200 frames, 0.2 of 2.0 MB\n',
      'replaying: 400 frames, 0.4 of 2.0 MB\n',
      'replaying: 600 frames, 0.6 of 2.0 MB\n',
      'replaying: 800 frames, 0.8 of 2.0 MB\n',
      'replaying: 1000 frames, 1.0 of 2.0 MB\n',
    ]);
  });

  it('redraws its line on a terminal and takes it away at the end', () => {
    const { lines, terminal } = recorder(true);
    let now = 0;
    const progress = new Progress(terminal, true, () => now);
    progress.begin('replaying', 0);
    now = 250;
    progress.at(5, 100_000);
    progress.clear();
    expect(lines).toEqual(['\r\u001b[Kreplaying: 5 frames, 0.1 MB', '\r\u001b[K']);
  });

  it('prints nothing when it is off', () => {
    const { lines, terminal } = recorder(false);
    let now = 0;
    const progress = new Progress(terminal, false, () => now);
    now = 250;
    progress.at(1, 1);
    progress.say(() => 'anything');
    progress.clear();
    expect(lines).toEqual([]);
  });
});
