/** The figures of sources: each counts what it says, no more and no less. */
import { describe, expect, it } from 'vitest';
import {
  copiedConstants,
  copyLoops,
  filesPerFolder,
  idleCasts,
  largest,
  longFunctions,
  manyParameters,
  orZeros,
  privateWordsIn,
  tagPlaces,
} from '../src/source-figures.ts';
import { parseSource } from '../src/source-tree.ts';

const source = (text: string, path = 'packages/p/src/a.ts') => [parseSource(path, text)];

describe('figures of sources', () => {
  it('functions over 70 lines: from the first line to the last', () => {
    const body = (lines: number): string => `function f() {\n${'  g();\n'.repeat(lines)}}\n`;
    expect(longFunctions(source(body(68)))).toEqual([]);
    expect(longFunctions(source(body(69)))).toEqual(['packages/p/src/a.ts:1 71 lines']);
  });

  it('functions with more than five parameters, but not types of such', () => {
    const text =
      'type F = (a, b, c, d, e, f) => void;\nconst g = (a, b, c, d, e, f) => {};\n(a, b, c, d, e) => {};';
    expect(manyParameters(source(text))).toEqual(['packages/p/src/a.ts:2 6 parameters']);
  });

  it('constants that copy an imported one; an enumeration taken apart is none', () => {
    const text = [
      "import { Q_HEAD, ENUM, make } from './b.ts';",
      'const HEAD = Q_HEAD;',
      'const TAIL: number = Q_HEAD | 0;',
      'const OTHER = HEAD;',
      'const { A: B } = ENUM;',
      'const made = make;',
    ].join('\n');
    expect(copiedConstants(source(text))).toHaveLength(2);
  });

  it('`| 0`: those beside a measured line, in a comment above or on the line, apart from others', () => {
    const text = ['// Measured: 3 ns less (command).', 'x = y | 0;', 'x = y | 0;', 'x = y | 1;'].join('\n');
    const { measured, unmeasured } = orZeros(source(text));
    expect(measured).toEqual(['packages/p/src/a.ts:2']);
    expect(unmeasured).toEqual(['packages/p/src/a.ts:3']);
  });

  it('casts to number of an element of an array', () => {
    expect(idleCasts(source('a[i] as number; (a[i]) as number; a[i] as Kind; b as number;'))).toHaveLength(2);
  });

  it('functions that know the EtherType of a tag count once each', () => {
    const text =
      'function f(t) { return t === 0x8100 || t === 0x0081; }\nfunction g(t) { return t === 0x0800; }';
    expect(tagPlaces(source(text))).toEqual(['packages/p/src/a.ts:1']);
  });

  it('loops that copy bytes, in packages that a frame goes through', () => {
    const loop = (line: string): string => `function f() { for (;;) ${line} }\n`;
    const text = [
      loop('to[i] = from[j];'),
      loop('this.u8[i] = memory.u8[j] as number;'),
      loop('table[i] = rows[j];'),
      'function g() { to[0] = from[0]; }',
    ].join('');
    expect(copyLoops(source(text, 'packages/nic/src/a.ts'))).toHaveLength(2);
    expect(copyLoops(source(text, 'packages/cli/src/a.ts'))).toEqual([]);
  });

  it('the largest folder', () => {
    const files = ['src/a.ts', 'src/b.ts', 'src/c/d.ts'].flatMap((path) => source('', path));
    expect(largest(filesPerFolder(files))).toEqual({ folder: 'src', files: 2 });
  });

  it.each([
    ['shortWayWord', ['short-way']],
    ['short-way', ['short-way']],
    ['AwayReturns', ['away-returns']],
    ['waySort', []],
    ['vendor', []],
  ])('private words in %s: %j', (name, words) => {
    expect(privateWordsIn(name)).toEqual(words);
  });
});
