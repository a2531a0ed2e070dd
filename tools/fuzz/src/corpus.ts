// The kept corpus: lists of choices (src/choices.ts), one a file, 32-bit words in little-endian order.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Choices } from './choices.ts';
import type { Target } from './target.ts';

const CORPUS = new URL('../corpus/', import.meta.url);
/** Buffers that a list of choices is for. */
const BUFFERS = 6;

const folderOf = (target: string): URL => new URL(`${target}/`, CORPUS);

/** The kept lists of a target. */
export function readCorpus(target: string): Uint32Array[] {
  const folder = folderOf(target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => {
      const bytes = readFileSync(new URL(name, folder));
      return Uint32Array.from({ length: bytes.length >> 2 }, (_, i) => bytes.readUInt32LE(i * 4));
    });
}

/** Keeps these lists instead of what there was. */
export function writeCorpus(target: string, lists: readonly Uint32Array[]): void {
  const folder = folderOf(target);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const list of lists) {
    const bytes = Buffer.alloc(list.length * 4);
    list.forEach((word, i) => {
      bytes.writeUInt32LE(word, i * 4);
    });
    const name = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
    writeFileSync(new URL(`${name}.bin`, folder), bytes);
  }
}

/** A fresh instance of the target, and some buffers for it, all as the list says. Returns the list that was drawn. */
export async function runChoices(target: Target, list: Uint32Array): Promise<Uint32Array> {
  const choices = new Choices(list);
  const instance = target.open(choices, () => {});
  for (let i = 0; i < BUFFERS; i++) {
    const outcome = instance.one(choices);
    if (typeof outcome !== 'string') await outcome;
  }
  await instance.close?.();
  return Uint32Array.from(choices.drawn);
}
