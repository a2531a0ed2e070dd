import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columnsOf } from '../src/text/shown-text.ts';
import { cutText, hang, nameColumn, padText, widthOfNames, wrapText } from '../src/text/wrap.ts';

test('text is broken at blanks, and nothing of it is lost', () => {
  expect(wrapText('one two three four', 9)).toEqual(['one two', 'three', 'four']);
  expect(hang('1. ', 'one two three', 27)).toEqual(['1. one two three']);
  expect(hang('1. nic  ', 'a filter that did not match', 30)).toEqual([
    '1. nic  a filter that did not',
    '        match',
  ]);
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-zデé]{1,9}$/)),
      fc.integer({ min: 20, max: 60 }),
      (words, columns) => {
        const text = words.join(' ');
        const lines = wrapText(text, columns);
        expect(lines.join(' ')).toBe(text);
        for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(columns);
      },
    ),
  );
});

test('what is cut says so, and fits', () => {
  expect(cutText('abcdef', 6)).toBe('abcdef');
  expect(cutText('abcdefg', 6)).toBe('abcde…');
  expect(cutText('データ', 4)).toBe('デ…');
  expect(padText('デ', 4, 'right')).toBe('  デ');
  const width = widthOfNames(['nic', 'vm:a name that goes on and on and on']);
  expect(nameColumn('nic', width)).toBe('nic                     ');
  expect(nameColumn('vm:a name that goes on and on and on', width)).toBe('vm:a name that goes on …');
});
