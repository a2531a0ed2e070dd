import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columnsOf, shownLine, shownText } from '../src/text/shown-text.ts';
import { Screen } from '../src/text/terminal.ts';

test('what would act on a terminal is shown by its number', () => {
  expect(shownLine('a\u001b[31mb\u009b2Jc\rd\ne\tf\u0007')).toBe(
    'a\\u001b[31mb\\u009b2Jc\\u000dd\\u000ae\\u0009f\\u0007',
  );
  expect(shownLine('\u202egnp.exe\u2066\u200e\u061c\u2028\ufeff')).toBe(
    '\\u202egnp.exe\\u2066\\u200e\\u061c\\u2028\\ufeff',
  );
  expect(shownLine('\u{e0041}\ud800')).toBe('\\udb40\\udc41\\ud800');
});

test('what people write stays', () => {
  for (const text of ['größe', 'データ', 'нет', 'नमस्\u200dते', 'می\u200cخواهم', '👩\u200d💻', 'a → b …'])
    expect(shownLine(text)).toBe(text);
  expect(shownText('two\nlines\n')).toBe('two\nlines\n');
});

test('JSON that is shown is the same JSON', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const shown = shownText(JSON.stringify({ text }, null, 2));
      expect(JSON.parse(shown)).toEqual({ text });
    }),
  );
});

test('columns are those of a terminal', () => {
  expect(['abc', 'データ', 'ﾃﾞ', 'e\u0301', '👩', 'é'].map(columnsOf)).toEqual([3, 6, 2, 1, 2, 1]);
});

test('a screen has its own colours, and takes none from what it prints', () => {
  let out = '';
  const terminal = {
    out: (text: string) => {
      out += text;
    },
    err: () => {},
    errIsTerminal: true,
  };
  const screen = new Screen({ ...terminal, outColours: true });
  screen.out(`${screen.colours.red('r\u001b[1m\ufdd0x')} \ufdd0bold;b\ufdd0; ${screen.colours.dim('d')}\n`);
  expect(out).toBe('\u001b[31mr\\u001b[1m\ufdd0x\u001b[39m \ufdd0bold;b\ufdd0; \u001b[2md\u001b[22m\n');
  out = '';
  const plain = new Screen({ ...terminal, outColours: false });
  plain.out(`${plain.colours.red('r')}\n`);
  expect(out).toBe('r\n');
});
