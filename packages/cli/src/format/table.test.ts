import { describe, expect, it } from 'vitest';
import { formatTable } from './table.ts';

const plain = { bold: String, dim: String, red: String, green: String };

describe('table', () => {
  it('is aligned as PowerShell does it, without trailing blanks', () => {
    const columns = [{ title: 'Name' }, { title: 'Frames', align: 'right' as const }, { title: 'Note' }];
    const rows = [
      ['a longer name', 5, ''],
      ['b', 12345678, 'x'],
    ];
    expect(formatTable(columns, rows, plain).split('\n')).toEqual([
      'Name            Frames Note',
      '----            ------ ----',
      'a longer name        5',
      'b             12345678 x',
    ]);
  });

  it('keeps control characters of names out of the terminal', () => {
    expect(formatTable([{ title: 'Name' }], [['a\u001b[31m\nb']], plain)).toContain('a?[31m?b');
  });
});
