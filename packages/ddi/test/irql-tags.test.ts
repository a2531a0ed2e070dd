/** Every handler and call of the contracts says at which IRQL it is called. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const CONTRACTS = new URL('../src/driver/', import.meta.url);
const LEVELS = ['PASSIVE_LEVEL', 'DISPATCH_LEVEL', '<= DIRQL'];

/** A method's line in an interface, with the comment before it. */
const METHOD = /(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)?\n +(\w+)\??\([^;{}]*(?:\{[^{}]*\}[^;{}]*)*\): [^;]+;/g;

test('each method of the contracts has one @irql tag, of a known level', () => {
  let methods = 0;
  for (const file of readdirSync(CONTRACTS)) {
    const text = readFileSync(new URL(file, CONTRACTS), 'utf8');
    for (const [, comment = '', name] of text.matchAll(METHOD)) {
      const levels = Array.from(comment.matchAll(/@irql (.+?)(?: \*\/|\n)/g), ([, level]) => level);
      expect(levels, `${file}: ${name}`).toHaveLength(1);
      expect(LEVELS, `${file}: ${name}`).toContain(levels[0]);
      methods++;
    }
  }
  expect(methods).toBeGreaterThan(70);
});
