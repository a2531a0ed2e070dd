// Writes packages/nic/DATASHEET.md from packages/nic/datasheet.template.md and the register data.
//
//   node tools/generate/dist/datasheet.js            write the file
//   node tools/generate/dist/datasheet.js --check    exit 1 if the file on disk differs
//
// Reads the built package: build first. A test compares the file with the sources.
import { readFileSync, writeFileSync } from 'node:fs';
import { NIC_PROFILES, NIC_REGISTERS } from '@vmq/nic';
import { printDatasheet } from './datasheet-text.ts';

const root = new URL('../../../packages/nic/', import.meta.url);
const template = readFileSync(new URL('datasheet.template.md', root), 'utf8');
const text = printDatasheet(template, { registers: NIC_REGISTERS, profiles: Object.values(NIC_PROFILES) });
const file = new URL('DATASHEET.md', root);
if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) {
  console.error('packages/nic/DATASHEET.md is out of date: node tools/generate/dist/datasheet.js');
  process.exitCode = 1;
}
