import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { columnsOf } from '../src/text/shown-text.ts';
import { formatTable } from '../src/text/table.ts';

const colours = { bold: String, dim: String, red: String, green: String };
const screen = { colours, columns: 80 };

describe('table', () => {
  it('is aligned as PowerShell does it, without trailing blanks', () => {
    const columns = [{ title: 'Name' }, { title: 'Frames', align: 'right' as const }, { title: 'Note' }];
    const rows = [
      ['a longer name', 5, ''],
      ['b', 12345678, 'x'],
    ];
    expect(formatTable(columns, rows, screen).split('\n')).toEqual([
      'Name            Frames Note',
      '----            ------ ----',
      'a longer name        5',
      'b             12345678 x',
    ]);
  });

  it('shows control characters of names by their number', () => {
    expect(formatTable([{ title: 'Name' }], [['a\u001b[31m\nb\u202e']], screen)).toContain(
      'a\\u001b[31m\\u000ab\\u202e',
    );
  });

  it('counts two columns for wide characters and none for combining ones', () => {
    const columns = [{ title: 'Name', isName: true }, { title: 'X' }];
    expect(
      formatTable(
        columns,
        [
          ['データ', 1],
          ['e\u0301e\u0301', 2],
        ],
        screen,
      )
        .split('\n')
        .slice(2),
    ).toEqual(['データ 1', 'e\u0301e\u0301     2']);
  });

  it('cuts names, and becomes a list, before it is too wide', () => {
    const columns = [
      { title: 'VM', isName: true },
      { title: 'Bytes', align: 'right' as const },
    ];
    const narrow = { colours, columns: 20 };
    expect(formatTable(columns, [['a name that is long', 1234567]], narrow).split('\n')).toEqual([
      'VM             Bytes',
      '--             -----',
      'a name that… 1234567',
    ]);
    expect(formatTable(columns, [['a name that is long', 1e15]], narrow)).toBe(
      'VM    : a name that…\nBytes : 1000000000000…'.replace('1000000000000…', '10000000000…'),
    );
  });

  it('never has a line that is too long, whatever is in it', () => {
    const cell = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 90 }), fc.maxSafeNat());
    fc.assert(
      fc.property(
        fc.integer({ min: 40, max: 120 }),
        fc.integer({ min: 1, max: 9 }).chain((n) =>
          fc.tuple(
            fc.array(fc.record({ title: fc.constantFrom('Name', 'QueueID'), isName: fc.boolean() }), {
              minLength: n,
              maxLength: n,
            }),
            fc.array(fc.array(cell, { minLength: n, maxLength: n }), { maxLength: 5 }),
          ),
        ),
        (columns, [titles, rows]) => {
          for (const line of formatTable(titles, rows, { colours, columns }).split('\n')) {
            expect(columnsOf(line)).toBeLessThanOrEqual(columns);
          }
        },
      ),
    );
  });
});
