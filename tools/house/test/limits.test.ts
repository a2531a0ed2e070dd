import { expect, test } from 'vitest';
import { judge } from '../src/baseline.ts';
import { knots } from '../src/cycle.ts';

test('a knot is found however long the way round; who only leads there is not in it', () => {
  const graph = new Map([
    ['a', new Set(['b'])],
    ['b', new Set(['c'])],
    ['c', new Set(['a', 'd'])],
    ['d', new Set<string>()],
    ['e', new Set(['a'])],
  ]);
  expect(knots(graph)).toEqual([['a', 'b', 'c']]);
});

test('the list of excused places only shrinks', () => {
  const limits = [{ name: 'long', places: ['old (400)', 'new (500)'] }];
  const { problems, mended, rest } = judge(limits, { long: ['old', 'mended'], gone: ['x'] });
  expect(problems).toEqual(['long: new (500)']);
  expect(mended).toEqual(['long: mended']);
  expect(rest).toEqual({ long: ['old'] });
});
