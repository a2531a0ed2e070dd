/** Random and damaged captures, configuration files and arguments; and the ones that once did harm (docs/fuzzing.md). */
import { describe, expect, test } from 'vitest';
import { fuzzShort } from '../../../tools/fuzz/src/short.ts';
import { parseConfig } from '../src/config/read-config.ts';
import { CannotRun } from '../src/process/exit-code.ts';

describe('no crash, no hang, no byte outside, every refusal named', () => {
  test.each([
    ['captures', 20_000, 'read'],
    ['config-files', 1000, 'refused: no YAML'],
    ['command-line', 2000, 'help'],
  ])('%s', async (target, buffers, often) => {
    const { outcomes } = await fuzzShort(target, { buffers });
    expect(outcomes[often]).toBeGreaterThan(buffers / 40);
  });
});

const linesOf = (text: string): readonly string[] => {
  try {
    parseConfig(text, 'host.yaml');
    return [];
  } catch (error) {
    if (error instanceof CannotRun) return error.lines;
    throw error;
  }
};

test('a file nested without end is refused in words', () => {
  expect(linesOf(`vms: ${'['.repeat(20_000)}`)[0]).toMatch(/^host\.yaml:1:\d+: .* nested too deeply$/);
});

test('of a thousand things that are wrong the first twenty are printed', () => {
  const lines = linesOf(Array.from({ length: 1000 }, (_, i) => `key${i}: 1`).join('\n'));
  expect(lines).toHaveLength(21);
  expect(lines[20]).toBe('host.yaml: and 980 more');
  expect(linesOf('vms: @\n'.repeat(1000))).toHaveLength(21);
});

test('control characters of a file are shown, not sent to the terminal', () => {
  const lines = linesOf('"\\e[31mred\\r": 1\nvms: []\n');
  expect(lines).toEqual([
    expect.stringMatching(/^host\.yaml.*: \\u001b\[31mred\\u000d: unknown key; there are name, /),
  ]);
  expect(linesOf('name: "a\\eb"\n')).toEqual([
    'host.yaml:1: name: expected a name without control characters',
  ]);
  // Those that turn the direction of writing round, and separators of lines and paragraphs.
  for (const control of ['\u061c', '\u202e', '\u2066', '\u2028']) {
    expect(linesOf(`name: a${control}b\n`)[0]).toMatch(/expected a name without control characters/);
    const code = control.charCodeAt(0).toString(16).padStart(4, '0');
    expect(linesOf(`${control}b: 1\n`)[0]).toContain(`\\u${code}b: unknown key`);
  }
});
