import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { StructCodec } from '../src/codec/codec.ts';
import type { FieldLayout, StructLayout } from '../src/codec/layout.ts';
import * as structs from '../src/generated/structs/all.ts';

interface Golden {
  readonly name: string;
  readonly struct: string;
  readonly revision?: number;
  readonly ndis: '6.20' | '6.30';
  readonly fields: Record<string, unknown>;
  readonly elements?: readonly Record<string, unknown>[];
  readonly hex: string;
  readonly roundTrip?: false;
}

const file = new URL('../data/golden-buffers.json', import.meta.url);
const goldens = (JSON.parse(readFileSync(file, 'utf8')) as { buffers: readonly Golden[] }).buffers;
const codecs = structs as unknown as Readonly<Record<string, StructCodec<Record<string, unknown>>>>;

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

/** The JSON's spelling of a value (see `conventions` in the file) turned into ours. */
function fromJson(fields: readonly FieldLayout[], json: Record<string, unknown>): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const [key, raw] of Object.entries(json)) {
    const all = fields.flatMap((f) => (f.kind === 'union' && f.name === '' ? f.fields : [f]));
    const field = all.find((f) => f.name === key);
    if (field === undefined) throw new Error(`the golden file names ${key}, the layout does not`);
    value[key] = memberFromJson(field, raw);
  }
  return value;
}

function memberFromJson(field: FieldLayout, raw: unknown): unknown {
  switch (field.kind) {
    case 'u64':
      return BigInt(raw as string);
    case 'bytes':
      return bytesOf(raw as string);
    case 'struct':
      return fromJson(field.layout.fields, raw as Record<string, unknown>);
    case 'group':
      return fromJson(field.fields, raw as Record<string, unknown>);
    case 'union': {
      const value = fromJson(field.fields, raw as Record<string, unknown>);
      if (!field.networkOrder) return value;
      // The file shows the number a little-endian CPU reads there; our values are host numbers.
      return Object.fromEntries(
        Object.entries(value).map(([k, v]) => [
          k,
          typeof v === 'number' ? swap(v, widthOf(field.fields, k)) : v,
        ]),
      );
    }
    default:
      return raw;
  }
}

const widthOf = (fields: readonly FieldLayout[], name: string): number =>
  fields.find((f) => f.name === name)!.size;

function swap(value: number, width: number): number {
  let out = 0;
  for (let i = 0; i < width; i++) out = out * 256 + ((value >>> (8 * i)) & 0xff);
  return out;
}

function expected(golden: Golden, layout: StructLayout): Record<string, unknown> {
  const value = fromJson(layout.fields, golden.fields);
  if (layout.trailing === undefined) return value;
  const element = layout.trailing.element;
  return { ...value, elements: (golden.elements ?? []).map((e) => fromJson(element.fields, e)) };
}

describe('golden buffers', () => {
  test('the file is the one this test was written for', () => {
    expect(goldens.length).toBe(33);
  });

  for (const golden of goldens) {
    const codec = codecs[golden.struct]!;
    const bytes = bytesOf(golden.hex);

    test(`${golden.name} decodes to its fields`, () => {
      const result = codec.decode(bytes, { ndis: golden.ndis === '6.20' ? 620 : 630 });
      expect(result).toMatchObject({ ok: true });
      if (!result.ok) return;
      expect(result.value).toEqual(expected(golden, codec.layout));
      expect(result.bytesRead).toBe(
        golden.roundTrip === false ? codec.sizeOf(golden.revision) : bytes.length,
      );
    });

    test(`${golden.name} encodes ${golden.roundTrip === false ? 'without its tail padding' : 'to its bytes'}`, () => {
      const written = codec.encode(expected(golden, codec.layout));
      const wanted = golden.roundTrip === false ? bytes.subarray(0, codec.sizeOf(golden.revision)) : bytes;
      expect(Buffer.from(written).toString('hex')).toBe(Buffer.from(wanted).toString('hex'));
    });
  }
});
