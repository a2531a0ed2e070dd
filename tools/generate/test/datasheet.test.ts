import { readFileSync } from 'node:fs';
import { NIC_PROFILES, NIC_REGISTERS } from '@vmq/nic';
import { expect, test } from 'vitest';
import { printDatasheet } from '../src/datasheet-text.ts';

const read = (name: string): string =>
  readFileSync(new URL(`../../../packages/nic/${name}`, import.meta.url), 'utf8');

test('DATASHEET.md of nic is what the register data and the template print', () => {
  const data = { registers: NIC_REGISTERS, profiles: Object.values(NIC_PROFILES) };
  expect(read('DATASHEET.md')).toBe(printDatasheet(read('datasheet.template.md'), data));
});
