import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { NIC_PROFILES } from '../../src/registers/profiles.ts';
import { NIC_REGISTERS } from '../../src/registers/registers.ts';

const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

test('DATASHEET.md is what the register data and the template print', async () => {
  // A plain script without types: it also runs from the command line.
  const script: string = new URL('../../../../tools/generate-datasheet.mjs', import.meta.url).href;
  const { printDatasheet } = (await import(script)) as {
    printDatasheet(template: string, data: object): string;
  };
  const printed = printDatasheet(read('datasheet.template.md'), { NIC_REGISTERS, NIC_PROFILES });
  expect(read('DATASHEET.md')).toBe(printed);
});
