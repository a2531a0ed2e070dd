import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Abi } from '../src/abi/data.ts';
import { generateAbi } from '../src/abi/generate.ts';

const ABI = new URL('../../../packages/abi/', import.meta.url);

test('src/generated of abi is what the generator makes of data/abi.x64.json', () => {
  const data = JSON.parse(readFileSync(new URL('data/abi.x64.json', ABI), 'utf8')) as Abi;
  const files = generateAbi(data);
  const target = new URL('src/generated/', ABI);
  const onDisk = readdirSync(target, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  expect(onDisk.sort()).toEqual([...files.keys()].sort());
  for (const [name, text] of files) expect(readFileSync(new URL(name, target), 'utf8'), name).toBe(text);
});
